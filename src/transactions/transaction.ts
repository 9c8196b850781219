/**
 * One transactional id: its producer, its epoch, and how far its current transaction has come. A decision
 * takes a request and the time, changes nothing, and gives a refusal or the next snapshot, which counts once
 * it is replayed from the log.
 *
 *   Empty, CompleteCommit, CompleteAbort → Ongoing        partitions are added
 *   Ongoing → PrepareCommit, PrepareAbort                 the producer decides, or its successor, or time
 *   Empty, CompleteCommit, CompleteAbort → PrepareAbort   an abort of nothing, for a new epoch (KIP-890)
 *   PrepareCommit → CompleteCommit, PrepareAbort → CompleteAbort   every partition has its marker
 *   Empty, CompleteCommit, CompleteAbort → Empty          a producer begins, or begins again
 *
 * Invariants: the epoch of a producer id never falls; a verdict is never changed; while a verdict is carried
 * out, nothing else is done. Kafka's Dead and PrepareEpochFence last no longer than a step here: an id that
 * is forgotten is gone, and who is fenced finds the abort prepared in the same step.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { TopicPartition } from './markers.ts'

/** Kafka's names, by the number that stands in the log. */
export const TRANSACTION_STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const

export type TransactionState = (typeof TRANSACTION_STATES)[number]

export const NO_PRODUCER_ID = -1n
export const NO_EPOCH = -1
export const NO_TIMESTAMP = -1
/** The highest epoch that a producer is given; the one above is left for the marker that fences it. */
export const LAST_EPOCH = 32_766
const HIGHEST_EPOCH = 32_767
/** From this version of the client on, each end of a transaction brings a new epoch (KIP-890). */
const FIRST_WITH_EPOCH_BUMP = 2

/** Indexes by topic, in the order of their coming. */
export type Partitions = ReadonlyMap<string, ReadonlySet<number>>

/** What the log keeps of a transactional id. */
export interface TransactionSnapshot {
  readonly state: TransactionState
  readonly producerId: bigint
  /** The producer id before the last step: another one just after a new one was given. */
  readonly previousProducerId: bigint
  /** Taken with the verdict, for the time after: the epochs of the old id are used up. */
  readonly nextProducerId: bigint
  readonly producerEpoch: number
  readonly timeoutMs: number
  readonly partitions: Partitions
  readonly startTimestampMs: number
  readonly lastUpdateTimestampMs: number
  readonly clientTransactionVersion: number
}

export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** A snapshot to write. */
export interface Step {
  readonly next: TransactionSnapshot
  /** The epoch that the producer may still believe to have, if it did not hear of the new one. */
  readonly lastProducerEpoch: number
}

/** Undefined where nothing is to be written: what was asked for is so already. */
export type Decision = Result<Step | undefined>

/** A producer id that has not been given out, for decisions that turn out to need one. */
export type FreshId = bigint | undefined

/** The decision cannot be made without a fresh id. */
export const NEEDS_FRESH_ID = 'needs-fresh-id'
export type NeedsFreshId = typeof NEEDS_FRESH_ID

export interface BeginRequest {
  readonly timeoutMs: number
  readonly expected: ProducerIdAndEpoch | undefined
  /** The level of `transaction.version`. */
  readonly featureVersion: number
}

export interface AddRequest extends ProducerIdAndEpoch {
  readonly partitions: readonly TopicPartition[]
  readonly clientTransactionVersion: number
}

export interface EndRequest extends ProducerIdAndEpoch {
  readonly isCommit: boolean
  readonly clientTransactionVersion: number
}

const NO_PARTITIONS: Partitions = new Map()
const NOTHING_BEGUN = {
  state: 'Empty',
  partitions: NO_PARTITIONS,
  startTimestampMs: NO_TIMESTAMP,
} as const

export class Transaction {
  readonly transactionalId: string
  private current: TransactionSnapshot
  /** Not in the log, as in Kafka: who lost an answer over a restart is fenced. */
  private lastProducerEpoch = NO_EPOCH

  constructor(transactionalId: string, snapshot: TransactionSnapshot) {
    this.transactionalId = transactionalId
    this.current = snapshot
  }

  get snapshot(): TransactionSnapshot {
    return this.current
  }

  replay(snapshot: TransactionSnapshot): void {
    this.current = snapshot
  }

  /** Called with the step that is being written. */
  note({ lastProducerEpoch }: Step): void {
    this.lastProducerEpoch = lastProducerEpoch
  }

  /**
   * A producer begins. `expected` is what it had, if it wants to go on after an error (KIP-360). An ongoing
   * transaction is aborted first: the step prepares that, and the producer has to ask again.
   */
  initProducerId(
    { timeoutMs, expected, featureVersion }: BeginRequest,
    freshId: FreshId,
    now: number,
  ): Decision | NeedsFreshId {
    const { producerEpoch } = this.current
    if (expected && !this.mayBeHeldBy(expected)) return refuse(ErrorCode.PRODUCER_FENCED)
    if (isPrepared(this.current)) return refuse(ErrorCode.CONCURRENT_TRANSACTIONS)
    if (this.current.state === 'Ongoing') return this.fence(featureVersion, freshId, now)

    const begun = { timeoutMs, lastUpdateTimestampMs: now }
    const isExhausted = producerEpoch >= LAST_EPOCH
    if (isExhausted && (!expected || expected.producerEpoch === producerEpoch)) {
      if (freshId === undefined) return NEEDS_FRESH_ID
      const lastProducerEpoch = expected ? producerEpoch : NO_EPOCH
      return this.step(
        { ...begun, ...NOTHING_BEGUN, producerId: freshId, producerEpoch: 0 },
        lastProducerEpoch,
      )
    }
    // Kafka has no answer for who is late twice over.
    if (isExhausted) return refuse(ErrorCode.UNKNOWN_SERVER_ERROR)
    if (!expected || producerEpoch === NO_EPOCH || expected.producerEpoch === producerEpoch) {
      const lastProducerEpoch = expected ? producerEpoch : NO_EPOCH
      return this.step({ ...begun, ...NOTHING_BEGUN, producerEpoch: producerEpoch + 1 }, lastProducerEpoch)
    }
    if (expected.producerEpoch !== this.lastProducerEpoch) return refuse(ErrorCode.PRODUCER_FENCED)
    // The answer that told it the new epoch was lost.
    return this.step({ ...begun, ...NOTHING_BEGUN }, this.lastProducerEpoch)
  }

  /** Partitions take part; a transaction begins where there is none. */
  addPartitions(request: AddRequest, now: number): Decision {
    const refusal = this.refusalOf(request)
    if (refusal) return refuse(refusal)
    const { current } = this
    const { partitions, clientTransactionVersion } = request
    const isOngoing = current.state === 'Ongoing'
    if (isOngoing && partitions.every(partition => this.has(partition))) return ok(undefined)
    return this.step(
      {
        state: 'Ongoing',
        partitions: withPartitions(current.partitions, partitions),
        startTimestampMs: isOngoing ? current.startTimestampMs : now,
        lastUpdateTimestampMs: now,
        clientTransactionVersion,
      },
      this.lastProducerEpoch,
    )
  }

  /** Whether the partitions are in the transaction: a code for each, in order. */
  verify(producer: ProducerIdAndEpoch, partitions: readonly TopicPartition[]): ErrorCode[] {
    const refusal = this.refusalOf(producer)
    return partitions.map(partition => {
      if (refusal) return refusal
      return this.has(partition) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE
    })
  }

  /** The producer's verdict. */
  end(request: EndRequest, freshId: FreshId, now: number): Decision | NeedsFreshId {
    return request.clientTransactionVersion < FIRST_WITH_EPOCH_BUMP
      ? this.endWithoutBump(request, now)
      : this.endWithBump(request, freshId, now)
  }

  /** Who holds the epoch loses it, and its transaction is aborted: a successor has come, or time is up. */
  fence(featureVersion: number, freshId: FreshId, now: number): Decision | NeedsFreshId {
    if (featureVersion < FIRST_WITH_EPOCH_BUMP) return ok(this.fenceWithoutBump(now))
    return this.endNow(false, freshId, now)
  }

  /** The verdict is carried out: every partition has its marker. */
  complete(now: number): Step {
    return { next: completed(this.current, now), lastProducerEpoch: this.lastProducerEpoch }
  }

  hasTimedOut(now: number): boolean {
    const { state, startTimestampMs, timeoutMs } = this.current
    return state === 'Ongoing' && startTimestampMs + timeoutMs < now
  }

  /** Unused for so long that it may be forgotten. */
  hasExpired(now: number, expirationMs: number): boolean {
    const { state, lastUpdateTimestampMs } = this.current
    const isIdle = state === 'Empty' || state === 'CompleteCommit' || state === 'CompleteAbort'
    return isIdle && lastUpdateTimestampMs <= now - expirationMs
  }

  private has({ topic, index }: TopicPartition): boolean {
    return this.current.partitions.get(topic)?.has(index) ?? false
  }

  private refusalOf({ producerId, producerEpoch }: ProducerIdAndEpoch): ErrorCode {
    if (this.current.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING
    if (this.current.producerEpoch !== producerEpoch) return ErrorCode.PRODUCER_FENCED
    return isPrepared(this.current) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.NONE
  }

  /** The producer whose epochs are used up may still call itself by the id that it had. */
  private mayBeHeldBy({ producerId, producerEpoch }: ProducerIdAndEpoch): boolean {
    const { current } = this
    if (current.producerEpoch === NO_EPOCH || current.producerId === producerId) return true
    return current.previousProducerId === producerId && producerEpoch >= LAST_EPOCH
  }

  private endWithoutBump({ producerId, producerEpoch, isCommit }: EndRequest, now: number): Decision {
    if (this.current.producerId !== producerId) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    if (this.current.producerEpoch !== producerEpoch) return refuse(ErrorCode.PRODUCER_FENCED)
    switch (this.current.state) {
      case 'Ongoing':
        return this.step({ ...prepared(isCommit, now), clientTransactionVersion: 0 }, this.lastProducerEpoch)
      case 'CompleteCommit':
        return isCommit ? ok(undefined) : refuse(ErrorCode.INVALID_TXN_STATE)
      case 'CompleteAbort':
        return isCommit ? refuse(ErrorCode.INVALID_TXN_STATE) : ok(undefined)
      case 'PrepareCommit':
      case 'PrepareAbort':
        return refuse(this.whilePrepared(isCommit))
      case 'Empty':
      case 'Dead':
      case 'PrepareEpochFence':
        return refuse(ErrorCode.INVALID_TXN_STATE)
    }
  }

  /**
   * Since each end brings an epoch, the same epoch means the next transaction, and the one before it means
   * that the producer asks again because it has not heard the answer.
   */
  private endWithBump(request: EndRequest, freshId: FreshId, now: number): Decision | NeedsFreshId {
    const { current } = this
    const { producerId, producerEpoch, isCommit } = request
    const isSame = current.producerEpoch === producerEpoch
    // Kafka does not ask who ended it: there, a zombie takes over the epoch of a successor of version 1.
    const wasBump = current.clientTransactionVersion >= FIRST_WITH_EPOCH_BUMP
    const isBumped = wasBump && current.producerEpoch === producerEpoch + 1
    const isRotated =
      wasBump &&
      current.previousProducerId === producerId &&
      producerEpoch === LAST_EPOCH &&
      current.producerEpoch === 0
    if (current.producerId !== producerId && !isRotated) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    const isRetry = isBumped || isRotated
    switch (current.state) {
      case 'Ongoing':
        if (!isSame) return refuse(ErrorCode.PRODUCER_FENCED)
        return this.endNow(isCommit, freshId, now)
      case 'PrepareCommit':
      case 'PrepareAbort':
        return refuse(isBumped ? this.whilePrepared(isCommit) : ErrorCode.PRODUCER_FENCED)
      case 'CompleteCommit':
      case 'CompleteAbort':
        if (isRetry) {
          const isRepeated = isCommit === (current.state === 'CompleteCommit')
          return isRepeated ? ok(undefined) : refuse(ErrorCode.INVALID_TXN_STATE)
        }
        return isSame ? this.endNothing(isCommit, freshId, now) : refuse(ErrorCode.PRODUCER_FENCED)
      case 'Empty':
        return isSame ? this.endNothing(isCommit, freshId, now) : refuse(ErrorCode.PRODUCER_FENCED)
      case 'Dead':
      case 'PrepareEpochFence':
        return refuse(ErrorCode.INVALID_TXN_STATE)
    }
  }

  /** What was sent in a transaction may have come to nothing, and can be aborted all the same. */
  private endNothing(isCommit: boolean, freshId: FreshId, now: number): Decision | NeedsFreshId {
    if (isCommit) return refuse(ErrorCode.INVALID_TXN_STATE)
    return this.endNow(false, freshId, now, now)
  }

  private endNow(
    isCommit: boolean,
    freshId: FreshId,
    now: number,
    startTimestampMs = this.current.startTimestampMs,
  ): Decision | NeedsFreshId {
    if (this.current.producerEpoch >= LAST_EPOCH && freshId === undefined) return NEEDS_FRESH_ID
    // The verdict brings the next epoch, for the marker already.
    const { producerEpoch } = this.current
    const next = changed(this.current, {
      state: isCommit ? 'PrepareCommit' : 'PrepareAbort',
      startTimestampMs,
      lastUpdateTimestampMs: now,
      producerEpoch: Math.min(producerEpoch + 1, HIGHEST_EPOCH),
      nextProducerId: producerEpoch >= LAST_EPOCH && freshId !== undefined ? freshId : NO_PRODUCER_ID,
      clientTransactionVersion: FIRST_WITH_EPOCH_BUMP,
    })
    return ok({ next, lastProducerEpoch: producerEpoch })
  }

  /** As before KIP-890, when a verdict brought no epoch. */
  private fenceWithoutBump(now: number): Step {
    const { current } = this
    const producerEpoch = Math.min(current.producerEpoch + 1, HIGHEST_EPOCH)
    const next = changed(current, { ...prepared(false, now), producerEpoch, clientTransactionVersion: 0 })
    return { next, lastProducerEpoch: NO_EPOCH }
  }

  private whilePrepared(isCommit: boolean): Exclude<ErrorCode, 0> {
    const isRepeated = isCommit === (this.current.state === 'PrepareCommit')
    return isRepeated ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE
  }

  private step(changes: Changes, lastProducerEpoch: number): Decision {
    return ok({ next: changed(this.current, changes), lastProducerEpoch })
  }
}

export function isPrepared({ state }: TransactionSnapshot): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

/** The snapshot of an id that has never been used; it is not written as it is. */
export function unused(producerId: bigint, timeoutMs: number, now: number): TransactionSnapshot {
  return {
    ...NOTHING_BEGUN,
    producerId,
    previousProducerId: NO_PRODUCER_ID,
    producerEpoch: NO_EPOCH,
    nextProducerId: NO_PRODUCER_ID,
    timeoutMs,
    lastUpdateTimestampMs: now,
    clientTransactionVersion: 0,
  }
}

export function listPartitions(partitions: Partitions): TopicPartition[] {
  return [...partitions].flatMap(([topic, indexes]) => [...indexes].map(index => ({ topic, index })))
}

/** What a verdict leads to once it is carried out. */
export function completed(current: TransactionSnapshot, now: number): TransactionSnapshot {
  const { state, nextProducerId, clientTransactionVersion } = current
  const isRotated = clientTransactionVersion >= FIRST_WITH_EPOCH_BUMP && nextProducerId !== NO_PRODUCER_ID
  return changed(current, {
    ...(isRotated && { producerId: nextProducerId, producerEpoch: 0 }),
    state: state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    nextProducerId: NO_PRODUCER_ID,
    partitions: NO_PARTITIONS,
    lastUpdateTimestampMs: now,
  })
}

type Changes = Partial<TransactionSnapshot>

/** Field by field, at a third of the cost of spreading, or less: this is made thrice a transaction. */
function changed(current: TransactionSnapshot, changes: Changes): TransactionSnapshot {
  return {
    state: changes.state ?? current.state,
    producerId: changes.producerId ?? current.producerId,
    previousProducerId: current.producerId,
    nextProducerId: changes.nextProducerId ?? current.nextProducerId,
    producerEpoch: changes.producerEpoch ?? current.producerEpoch,
    timeoutMs: changes.timeoutMs ?? current.timeoutMs,
    partitions: changes.partitions ?? current.partitions,
    startTimestampMs: changes.startTimestampMs ?? current.startTimestampMs,
    lastUpdateTimestampMs: changes.lastUpdateTimestampMs ?? current.lastUpdateTimestampMs,
    clientTransactionVersion: changes.clientTransactionVersion ?? current.clientTransactionVersion,
  }
}

function prepared(isCommit: boolean, now: number) {
  return { state: isCommit ? 'PrepareCommit' : 'PrepareAbort', lastUpdateTimestampMs: now } as const
}

function withPartitions(partitions: Partitions, added: readonly TopicPartition[]): Partitions {
  const result = new Map(partitions)
  const copied = new Map<string, Set<number>>()
  for (const { topic, index } of added) {
    const indexes = copied.get(topic) ?? new Set(partitions.get(topic))
    indexes.add(index)
    copied.set(topic, indexes)
    result.set(topic, indexes)
  }
  return result
}
