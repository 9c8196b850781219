import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { TopicImage } from '../metadata/image.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'
import { missingFirst } from './missing-first.ts'

const FIRST_WITH_TOPIC_IDS = 10
/** Since then a group that does not exist is said to be so; before, its generation is said to be wrong. */
const FIRST_WITH_GROUP_ID_NOT_FOUND = 9

type RequestTopic = OffsetCommitRequest['topics'][number]
type RequestPartition = RequestTopic['partitions'][number]

/** One partition of the request, with the topic if it exists, and the code that it will get. */
interface Item {
  readonly image: TopicImage | undefined
  readonly partition: RequestPartition
  readonly isMissing: boolean
  errorCode: ErrorCode
}

export const offsetCommit = handler({
  request: OffsetCommitRequest,
  response: OffsetCommitResponse,
  refuse: (errorCode, { topics }) => respond(topics, () => errorCode),

  async handle(request, context) {
    const items = request.topics.map(topic => itemsOf(topic, context))
    const valid = items.flat().filter(({ isMissing }) => !isMissing)
    // The group hears nothing of a commit of which nothing exists.
    const errorCodes =
      valid.length > 0 ? await context.groups.commitOffsets(commitRequest(request, valid, context)) : []
    for (const [i, item] of valid.entries()) item.errorCode = errorCodes[i] ?? ErrorCode.UNKNOWN_SERVER_ERROR
    if (valid.length === items.flat().length) {
      return respond(request.topics, (topic, partition) => items[topic]![partition]!.errorCode)
    }
    const answers = items.flatMap((each, i) => {
      const { name, topicId } = request.topics[i]!
      return each.map(({ partition: { partitionIndex }, errorCode, isMissing }) => {
        return { name, topicId, partitionIndex, errorCode, isMissing }
      })
    })
    return { topics: missingFirst(answers) }
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
    if (!image) return { image, partition, isMissing: true, errorCode: missing }
    const isMissing = image.partitions[partition.partitionIndex] === undefined
    return { image, partition, isMissing, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
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
