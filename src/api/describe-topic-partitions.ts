/** DescribeTopicPartitions: topics in order of name, some partitions at a time (KIP-966). */
import { ErrorCode } from '../../protocol/errors.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from '../../protocol/messages/describe-topic-partitions.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { TopicImage } from '../metadata/image.ts'
import { INTERNAL_TOPICS } from '../metadata/topic-names.ts'
import { TOPIC_OPERATIONS } from './authorized-operations.ts'
import { missingTopicError } from './auto-create-topics.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'
import { partitionDescription } from './topic-description.ts'

type ResponseTopic = DescribeTopicPartitionsResponse['topics'][number]
type Cursor = NonNullable<DescribeTopicPartitionsRequest['cursor']>

export const describeTopicPartitions = handler({
  request: DescribeTopicPartitionsRequest,
  response: DescribeTopicPartitionsResponse,
  refuse: (errorCode, { topics }) => ({ topics: topics.map(({ name }) => failed(errorCode, name)) }),

  handle(request, context) {
    const { cursor } = request
    const isAll = request.topics.length === 0
    const names = namesFrom(request, context)
    const isListed = isAll || cursor === null || names.includes(cursor.topicName)
    if (!isListed || (cursor !== null && cursor.partitionIndex < 0)) {
      return { topics: request.topics.map(({ name }) => failed(ErrorCode.INVALID_REQUEST, name)) }
    }
    const most = context.config.number('max.request.partition.size.limit')
    const limit = Math.max(1, Math.min(most, request.responsePartitionLimit))
    return page(names, { cursor, limit, isAll }, context)
  },
})

/** Sorted as Java sorts strings, from the cursor's topic on. */
function namesFrom({ topics, cursor }: DescribeTopicPartitionsRequest, { controller }: Context): string[] {
  const names = topics.length > 0 ? topics : controller.image().topics
  const from = cursor?.topicName ?? ''
  const sorted = Array.from(new Set(Array.from(names, ({ name }) => name))).sort()
  return sorted.filter(name => name >= from)
}

function page(
  names: readonly string[],
  { cursor, limit, isAll }: { cursor: Cursor | null; limit: number; isAll: boolean },
  context: Context,
): DescribeTopicPartitionsResponse {
  const topics: ResponseTopic[] = []
  let left = limit
  for (const name of names) {
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
    const topic = context.controller.image().topicByName(name)
    if (!topic) {
      // A cursor of a topic that was deleted meanwhile is no error when everything was asked for.
      const missing = failed(missingTopicError(name), name)
      if (!isAll) topics.push({ ...missing, topicAuthorizedOperations: TOPIC_OPERATIONS })
      continue
    }
    const first = name === cursor?.topicName ? cursor.partitionIndex : 0
    const next = Math.min(topic.partitions.length, first + left)
    topics.push(described(topic, first, next, context))
    if (next < topic.partitions.length)
      return { topics, nextCursor: { topicName: name, partitionIndex: next } }
    left -= Math.max(0, next - first)
  }
  return { topics, nextCursor: null }
}

function described(topic: TopicImage, first: number, next: number, context: Context): ResponseTopic {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: INTERNAL_TOPICS.has(topic.name),
    partitions: topic.partitions
      .slice(first, next)
      .map(({ elr: eligibleLeaderReplicas, lastKnownElr }, at) => ({
        ...partitionDescription(topic, first + at, context),
        eligibleLeaderReplicas,
        lastKnownElr,
      })),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  }
}

function failed(errorCode: ErrorCode, name: string): ResponseTopic {
  return { errorCode, name, topicId: ZERO_UUID, isInternal: INTERNAL_TOPICS.has(name), partitions: [] }
}
