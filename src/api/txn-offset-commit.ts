import { ErrorCode } from '../../protocol/errors.ts'
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from '../../protocol/messages/txn-offset-commit.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { TransactionSupport } from '../replication/verification.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'
import { missingFirst } from './missing-first.ts'

/** Since then clients know that a coordinator may be loading; older ones break on that code (KAFKA-7296). */
const FIRST_WITH_LOADING = 2

type RequestPartition = TxnOffsetCommitRequest['topics'][number]['partitions'][number]

interface Item {
  readonly name: string
  readonly partitionIndex: number
  readonly partition: RequestPartition
  readonly isMissing: boolean
}

export const txnOffsetCommit = handler({
  request: TxnOffsetCommitRequest,
  response: TxnOffsetCommitResponse,
  /** v6 names topics by id, and is unstable in Kafka. */
  highestVersion: 5,
  refuse: (errorCode, { topics }) => ({
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),

  async handle(request, context) {
    const items = itemsOf(request, context)
    const existing = items.filter(({ isMissing }) => !isMissing)
    // The group hears nothing of a commit of which nothing exists.
    const codes = existing.length > 0 ? await commit(request, existing, context) : []
    const errorCodes = new Map(existing.map((item, i) => [item, told(codes[i], context.apiVersion)]))
    const answers = items.map(item => ({
      ...item,
      topicId: ZERO_UUID,
      errorCode: errorCodes.get(item) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }))
    return { topics: missingFirst(answers) }
  },
})

function itemsOf({ topics }: TxnOffsetCommitRequest, { controller }: Context): Item[] {
  const image = controller.image()
  return topics.flatMap(({ name, partitions }) =>
    partitions.map(partition => {
      const { partitionIndex } = partition
      const isMissing = image.topicByName(name)?.partitions[partitionIndex] === undefined
      return { name, partitionIndex, partition, isMissing }
    }),
  )
}

function commit(
  request: TxnOffsetCommitRequest,
  items: readonly Item[],
  { apiVersion, groups }: Context,
): Promise<ErrorCode[]> {
  const { transactionalId, producerId, producerEpoch, groupId, memberId, groupInstanceId } = request
  const offsets = items.map(({ name, partitionIndex, partition }) => ({
    topic: name,
    topicId: ZERO_UUID,
    partition: partitionIndex,
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? '',
    commitTimestampMs: undefined,
  }))
  const generationId = request.generationIdOrMemberEpoch
  return groups.commitTransactionalOffsets(
    { groupId, member: { memberId, groupInstanceId }, generationId, offsets },
    { transactionalId, producerId, producerEpoch, support: supportOf(apiVersion) },
  )
}

/** What TxnOffsetCommit brought with its versions (KIP-890). */
function supportOf(apiVersion: number): TransactionSupport {
  if (apiVersion >= 5) return 'adds'
  return apiVersion === 4 ? 'abortable' : 'none'
}

function told(code: ErrorCode = ErrorCode.UNKNOWN_SERVER_ERROR, apiVersion: number): ErrorCode {
  const isTooNew = code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS && apiVersion < FIRST_WITH_LOADING
  return isTooNew ? ErrorCode.COORDINATOR_NOT_AVAILABLE : code
}
