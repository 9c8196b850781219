/**
 * Transactional records and markers of a coordinator's log: what the log would say to them, before they
 * count. A refusal of the log itself would come too late, when the machine has replayed them.
 */
import { ErrorCode, type Refusal, refuse } from '../../protocol/errors.ts'
import {
  checkMarkerEpochs,
  isOngoing,
  type KnownProducer,
  type ProducerLookup,
  staleEpoch,
} from '../log/producer-state.ts'
import { RecordBatch } from '../records/batch.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import { readControlMarker } from '../records/lookup.ts'
import type { Outcome, TransactionalWriter, TransactionMarker } from './shard.ts'

/** What the log is to know of a batch besides its bytes. */
export interface BatchCheck {
  readonly verificationGuard?: number | undefined
  readonly transactionVersion?: number | undefined
}

/** A batch that waits for its append. */
export interface SealedBatch {
  readonly bytes: Buffer
  readonly check: BatchCheck
}

const NO_OFFSET = -1n
const SOME_OFFSET = 0n

/** Why the outcome's transactional part cannot be appended behind what waits already, if so. */
export function refusalOf(
  { producer, marker, records = [] }: Outcome,
  producers: ProducerLookup,
  waiting: readonly SealedBatch[],
): Refusal | undefined {
  const writer = marker ?? (records.length > 0 ? producer : undefined)
  if (!writer) return undefined
  const batches = waiting
    .map(({ bytes }) => new RecordBatch(bytes))
    .filter(batch => batch.producerId === writer.producerId)
  const known = batches.reduce(after, producers.find(writer.producerId))
  if (marker) {
    const { transactionVersion = 0 } = marker
    return known && checkMarkerEpochs(known, { ...marker, transactionVersion })
  }
  // Each batch that waits takes the guard away when it is appended.
  return refusalOfWriter(writer, known, batches.length > 0 ? undefined : producers.guardOf(writer.producerId))
}

function refusalOfWriter(
  { producerEpoch, verificationGuard }: TransactionalWriter,
  known: KnownProducer | undefined,
  guard: number | undefined,
): Refusal | undefined {
  if (known && producerEpoch < known.epoch) return staleEpoch(known, producerEpoch)
  if (verificationGuard === undefined || isOngoing(known, producerEpoch)) return undefined
  return guard !== 0 && guard === verificationGuard ? undefined : refuse(ErrorCode.INVALID_TXN_STATE)
}

/** What a batch makes of its producer. */
function after(known: KnownProducer | undefined, batch: RecordBatch): KnownProducer {
  const marker = batch.isControl ? readControlMarker(batch) : undefined
  return {
    producerId: batch.producerId,
    epoch: batch.producerEpoch,
    coordinatorEpoch: marker?.coordinatorEpoch ?? known?.coordinatorEpoch ?? -1,
    currentTxnFirstOffset: marker ? NO_OFFSET : SOME_OFFSET,
  }
}

/** What a coordinator's client is told of its partition: where to go, or to come again. */
export function coordinatorError(error: Refusal['error']): Refusal['error'] {
  switch (error) {
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE
    default:
      return error
  }
}

export function sealMarker(marker: TransactionMarker, now: number): SealedBatch {
  const bytes = buildEndTransactionMarker({
    type: marker.isCommit ? 'COMMIT' : 'ABORT',
    coordinatorEpoch: marker.coordinatorEpoch,
    timestamp: BigInt(now),
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
  })
  return { bytes, check: { transactionVersion: marker.transactionVersion } }
}
