import { ErrorCode, errorName, ok, type Result, refuse } from '../../protocol/errors.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  MAGIC_AT,
  RecordBatch,
  TRANSACTIONAL_MASK,
} from '../records/batch.ts'
import type { AppendOutcome, AppendTarget } from '../replication/replica-manager.ts'
import type { TransactionalWrite } from '../replication/verification.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'
import { LeaderHints } from './leader-hints.ts'

const FIRST_VERSION_WITH_TOPIC_IDS = 13

export const produce = handler({
  request: ProduceRequest,
  response: ProduceResponse,
  overlaps: true,
  refuse: (errorCode, request) => refusedProduce(request, errorCode),

  handle(request, context) {
    const targets = targetsOf(request, context.apiVersion)
    const transaction = transactionOf(request, targets, context)
    if (transaction?.error) return answer(request, refusedProduce(request, transaction.error), context)
    // Enqueued before anything is awaited: the connection's next produce comes after this one in every log.
    return context.replicas
      .append({
        acks: request.acks,
        timeoutMs: request.timeoutMs,
        produceVersion: context.apiVersion,
        targets,
        transaction: transaction?.value,
      })
      .then(outcomes => answer(request, responseTo(request, targets, outcomes, context), context))
  },
})

function targetsOf(request: ProduceRequest, apiVersion: number): AppendTarget[] {
  const usesTopicIds = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const targets: AppendTarget[] = []
  for (const { name: topic, topicId: id, partitionData } of request.topicData) {
    const topicId = usesTopicIds ? id : null
    for (const { index, records } of partitionData) {
      const transactionalSequence = sequenceOfTransactional(records)
      targets.push({ topic, topicId, index, records, transactionalSequence })
    }
  }
  return targets
}

function isTransactionalBatch(records: Buffer | null): records is Buffer {
  if (!records || records.length < BATCH_HEADER_BYTES || records[MAGIC_AT] !== 2) return false
  return (records.readInt16BE(ATTRIBUTES_AT) & TRANSACTIONAL_MASK) !== 0
}

/** Undefined for a batch that is not part of a transaction. */
function sequenceOfTransactional(records: Buffer | null): number | undefined {
  if (!isTransactionalBatch(records)) return undefined
  const batch = new RecordBatch(records)
  return batch.hasProducerId ? batch.baseSequence : undefined
}

/** Who writes the transactional batches of a request; undefined where there are none. */
function transactionOf(
  { transactionalId }: ProduceRequest,
  targets: readonly AppendTarget[],
  { apiVersion }: Context,
): Result<TransactionalWrite> | undefined {
  if (transactionalId === null) {
    const isTransactional = targets.some(({ records }) => isTransactionalBatch(records))
    return isTransactional ? refuse(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) : undefined
  }
  let first: RecordBatch | undefined
  for (const { records, transactionalSequence } of targets) {
    if (transactionalSequence === undefined) continue
    const batch = new RecordBatch(records!)
    first ??= batch
    if (batch.producerId !== first.producerId || batch.producerEpoch !== first.producerEpoch) {
      return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    }
  }
  if (!first) return undefined
  const { producerId, producerEpoch } = first
  return ok({ transactionalId, producerId, producerEpoch, support: supportOf(apiVersion) })
}

/**
 * What Produce brought with its versions (KIP-890): an error to abort by, then partitions added by writing.
 */
function supportOf(apiVersion: number): TransactionalWrite['support'] {
  if (apiVersion >= 12) return 'adds'
  return apiVersion === 11 ? 'abortable' : 'none'
}

function responseTo(
  request: ProduceRequest,
  targets: readonly AppendTarget[],
  outcomes: readonly AppendOutcome[],
  context: Context,
): ProduceResponse {
  const hints = new LeaderHints(context)
  let at = 0
  const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => {
      const target = targets[at]!
      const outcome = outcomes[at++]!
      // KIP-951: where a produce went to the wrong broker, the right one is named.
      const isMisdirected = context.apiVersion >= 10 && outcome.error === ErrorCode.NOT_LEADER_OR_FOLLOWER
      return {
        index,
        errorCode: outcome.error,
        baseOffset: outcome.baseOffset,
        logAppendTimeMs: outcome.logAppendTimeMs,
        logStartOffset: outcome.logStartOffset,
        recordErrors: outcome.recordErrors.map(error => ({
          batchIndex: error.batchIndex,
          batchIndexErrorMessage: error.message,
        })),
        errorMessage: outcome.message,
        ...(isMisdirected ? { currentLeader: hints.leaderOf(target) } : {}),
      }
    }),
  }))
  return { responses, nodeEndpoints: hints.endpoints() }
}

/** With acks=0 nothing is answered; an error then shows as a lost connection, as in Kafka. */
function answer(
  request: ProduceRequest,
  response: ProduceResponse,
  context: Context,
): ProduceResponse | null {
  if (request.acks !== 0) return response
  for (const { name, topicId, partitionResponses } of response.responses) {
    for (const { index, errorCode } of partitionResponses) {
      if (errorCode === ErrorCode.NONE) continue
      const topic = topicId === undefined || topicId === ZERO_UUID ? name : topicId
      context.session.disconnect(`${errorName(errorCode)} for ${topic}-${index} with acks=0`)
      return null
    }
  }
  return null
}

function refusedProduce(request: ProduceRequest, errorCode: ErrorCode): ProduceResponse {
  return {
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode,
        baseOffset: -1n,
        recordErrors: [],
      })),
    })),
  }
}
