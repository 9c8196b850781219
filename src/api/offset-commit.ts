import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { TopicImage } from '../metadata/image.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

const FIRST_WITH_TOPIC_IDS = 10
/** Since then a group that does not exist is said to be so; before, its generation is said to be wrong. */
const FIRST_WITH_GROUP_ID_NOT_FOUND = 9

type RequestTopic = OffsetCommitRequest['topics'][number]
type RequestPartition = RequestTopic['partitions'][number]

/** One partition of the request, with the topic if it exists, and the code that it will get. */
interface Item {
  readonly image: TopicImage | undefined
  readonly partition: RequestPartition
  errorCode: ErrorCode
}

export const offsetCommit = handler({
  request: OffsetCommitRequest,
  response: OffsetCommitResponse,
  refuse: (errorCode, { topics }) => respond(topics, () => errorCode),

  async handle(request, context) {
    const items = request.topics.map(topic => itemsOf(topic, context))
    const valid = items.flat().filter(({ errorCode }) => errorCode === ErrorCode.NONE)
    // The group hears of the request even when no partition exists, so its own errors come first only for
    // those that do.
    const errorCodes =
      valid.length > 0 ? await context.groups.commitOffsets(commitRequest(request, valid, context)) : []
    for (const [i, item] of valid.entries()) item.errorCode = errorCodes[i] ?? ErrorCode.UNKNOWN_SERVER_ERROR
    const response = respond(
      request.topics,
      (topicIndex, partitionIndex) => items[topicIndex]![partitionIndex]!.errorCode,
    )
    return valid.length < items.flat().length ? { topics: mergedTopics(response.topics) } : response
  },
})

/** Kafka looks whether the partition exists before it asks the group. */
function itemsOf(topic: RequestTopic, { apiVersion, controller }: Context): Item[] {
  const byId = apiVersion >= FIRST_WITH_TOPIC_IDS
  const image = byId
    ? controller.image().topicById(topic.topicId)
    : controller.image().topicByName(topic.name)
  const missing = byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  return topic.partitions.map(partition => {
    if (!image) return { image, partition, errorCode: missing }
    const exists = image.partitions[partition.partitionIndex] !== undefined
    return { image, partition, errorCode: exists ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
  })
}

function commitRequest(request: OffsetCommitRequest, items: readonly Item[], { apiVersion }: Context) {
  const { memberId, groupInstanceId, retentionTimeMs } = request
  const knowsMissingGroups = apiVersion >= FIRST_WITH_GROUP_ID_NOT_FOUND
  return {
    groupId: request.groupId,
    member: { memberId, groupInstanceId },
    generationId: request.generationIdOrMemberEpoch,
    retentionMs: retentionTimeMs === -1n ? undefined : Number(retentionTimeMs),
    producer: undefined,
    unknownGroupError: knowsMissingGroups ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION,
    offsets: items.map(({ image, partition }) => ({
      topic: image!.name,
      topicId: image?.id ?? ZERO_UUID,
      partition: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata ?? '',
      commitTimestampMs: partition.commitTimestamp === -1n ? undefined : Number(partition.commitTimestamp),
    })),
  }
}

function respond(
  topics: readonly RequestTopic[],
  errorOf: (topicIndex: number, partitionIndex: number) => ErrorCode,
): OffsetCommitResponse {
  return {
    topics: topics.map(({ name, topicId, partitions }, topicIndex) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }, i) => ({
        partitionIndex,
        errorCode: errorOf(topicIndex, i),
      })),
    })),
  }
}

/** Where Kafka finds something missing, it answers once for a topic that is named twice. */
function mergedTopics(topics: OffsetCommitResponse['topics']): OffsetCommitResponse['topics'] {
  const merged = new Map<string, OffsetCommitResponse['topics'][number]>()
  for (const topic of topics) {
    const key = `${topic.name} ${topic.topicId}`
    const known = merged.get(key)
    if (!known) merged.set(key, topic)
    else merged.set(key, { ...known, partitions: [...known.partitions, ...topic.partitions] })
  }
  return [...merged.values()]
}
