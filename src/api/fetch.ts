import { ErrorCode } from '../../protocol/errors.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { FetchPlan, SessionRequest } from '../replication/fetch-session.ts'
import type { FetchOutcome, FetchTarget, PartitionName } from '../replication/partition.ts'
import { releaseRecords } from '../replication/pinned-records.ts'
import type { FetchIsolation } from '../replication/purgatory.ts'
import type { Context } from './context.ts'
import { convertForOldClient, mostConverted } from './fetch-conversion.ts'
import { handler } from './handler.ts'
import { LeaderHints } from './leader-hints.ts'

const CONSUMER = -1
const FIRST_VERSION_WITH_TOPIC_IDS = 13

type ResponseTopic = FetchResponse['responses'][number]
type ResponsePartition = ResponseTopic['partitions'][number]

export const fetch = handler({
  request: FetchRequest,
  response: FetchResponse,
  refuse: (errorCode, request) => ({
    errorCode,
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1n,
        abortedTransactions: [],
      })),
    })),
  }),

  async handle(request, context) {
    const { apiVersion, fetchSessions, replicas, session } = context
    const replicaId = apiVersion >= 15 ? request.replicaState.replicaId : request.replicaId
    const plan = fetchSessions.plan(sessionRequest(request, replicaId, apiVersion))
    if (typeof plan === 'number') return { errorCode: plan, responses: [] }
    const read = await replicas.fetch({
      replicaId,
      isolation: isolationOf(replicaId, request.isolationLevel),
      maxWaitMs: request.maxWaitMs,
      minBytes: request.minBytes,
      maxBytes: Math.min(request.maxBytes, apiVersion < 4 ? mostConverted(context) : Number.MAX_VALUE),
      targets: plan.targets,
      waiter: session.waiter,
    })
    const outcomes = apiVersion < 10 ? await convertForOldClient(plan.targets, read, context) : read
    return responseTo(plan, outcomes, context)
  },
})

function sessionRequest(request: FetchRequest, replicaId: number, apiVersion: number): SessionRequest {
  const usesTopicIds = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const targets: FetchTarget[] = []
  for (const { topic, topicId, partitions } of request.topics) {
    for (const partition of partitions) {
      targets.push({
        topic,
        topicId: usesTopicIds ? topicId : null,
        index: partition.partition,
        currentLeaderEpoch: partition.currentLeaderEpoch,
        fetchOffset: partition.fetchOffset,
        lastFetchedEpoch: partition.lastFetchedEpoch,
        logStartOffset: partition.logStartOffset,
        maxBytes: partition.partitionMaxBytes,
      })
    }
  }
  const forgotten: PartitionName[] = []
  for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
    for (const index of partitions) forgotten.push({ topic, topicId: usesTopicIds ? topicId : null, index })
  }
  return {
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    usesTopicIds,
    isFromFollower: replicaId >= 0,
    targets,
    forgotten,
  }
}

/** Followers, and debugging tools with replica id -2, read up to the log's end. */
function isolationOf(replicaId: number, isolationLevel: number): FetchIsolation {
  if (replicaId !== CONSUMER) return 'log-end'
  return isolationLevel === 1 ? 'committed' : 'high-watermark'
}

function responseTo(plan: FetchPlan, outcomes: readonly FetchOutcome[], context: Context): FetchResponse {
  const { error, sessionId, answered } = plan.answer(outcomes)
  if (error !== ErrorCode.NONE) {
    for (const { records } of outcomes) releaseRecords(records)
    return { errorCode: error, sessionId, responses: [] }
  }
  const hints = new LeaderHints(context)
  const responses: { topic: string; topicId: string; partitions: ResponsePartition[] }[] = []
  let current: (typeof responses)[number] | undefined
  for (const at of answered) {
    const target = plan.targets[at]!
    const topicId = target.topicId ?? ZERO_UUID
    if (current?.topic !== target.topic || current.topicId !== topicId) {
      current = { topic: target.topic, topicId, partitions: [] }
      responses.push(current)
    }
    current.partitions.push(
      partitionResponse(target, outcomes[at]!, context.apiVersion >= 16 ? hints : undefined),
    )
  }
  return { errorCode: ErrorCode.NONE, sessionId, responses, nodeEndpoints: hints.endpoints() }
}

/** `hints` is there from v16 on (KIP-951). */
function partitionResponse(
  target: FetchTarget,
  outcome: FetchOutcome,
  hints: LeaderHints | undefined,
): ResponsePartition {
  const { error, divergingEpoch, abortedTransactions } = outcome
  const isMisdirected = error === ErrorCode.NOT_LEADER_OR_FOLLOWER || error === ErrorCode.FENCED_LEADER_EPOCH
  const currentLeader = isMisdirected ? hints?.leaderOf(target) : undefined
  return {
    partitionIndex: target.index,
    errorCode: error,
    highWatermark: outcome.highWatermark,
    lastStableOffset: outcome.lastStableOffset,
    logStartOffset: outcome.logStartOffset,
    ...(divergingEpoch
      ? { divergingEpoch: { epoch: divergingEpoch.leaderEpoch, endOffset: divergingEpoch.endOffset } }
      : {}),
    ...(currentLeader ? { currentLeader } : {}),
    // Kafka finds out what is not there before it comes to transactions.
    abortedTransactions: MISSING.has(error) ? [] : abortedTransactions,
    records: outcome.records,
  }
}

const MISSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
])
