/**
 * What a partition knows of its idempotent and transactional producers: epoch, the last five batches of each
 * (by which a retry is known for a duplicate), and the transactions that are under way. It follows from the
 * log alone.
 *
 * Two levels: what is written, and over it what is assigned and still under way to the disk. A batch is
 * checked against both, `assign`ed at once, and `commit`ted or `abandon`ed as a whole when the write has
 * come back.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { decrementSequence, NO_PRODUCER_EPOCH, NO_SEQUENCE, type RecordBatch } from '../records/batch.ts'
import { type ControlMarker, readControlMarker } from '../records/lookup.ts'
import type { ActiveProducer } from './log-surface.ts'

/** The protocol's bound on a producer's requests in flight (KIP-98). */
const WINDOW = 5
const LAST_SEQUENCE = 0x7fff_ffff
const NO_OFFSET = -1n

export type AppendOrigin = 'client' | 'coordinator' | 'follower'

interface SeenBatch {
  readonly lastSequence: number
  readonly lastOffset: bigint
  readonly offsetDelta: number
  readonly timestamp: bigint
}

export interface ProducerEntry {
  readonly producerId: bigint
  epoch: number
  coordinatorEpoch: number
  /** The greatest timestamp of the last batch. */
  lastTimestamp: bigint
  /** -1 outside a transaction. */
  currentTxnFirstOffset: bigint
  /** Oldest first. */
  batches: SeenBatch[]
  /** When it was last heard of by the broker's clock; expiry counts from here. */
  lastSeenMs: number
}

/** As much of a producer as decides over its transactions. */
export type KnownProducer = Pick<
  Readonly<ProducerEntry>,
  'producerId' | 'epoch' | 'coordinatorEpoch' | 'currentTxnFirstOffset'
>

export interface DuplicateBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly timestamp: bigint
}

export interface CompletedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
  /** Of the marker. */
  readonly lastOffset: bigint
  readonly isAborted: boolean
}

/** How a batch comes to be appended. */
export interface AppendCheck {
  readonly origin: AppendOrigin
  /**
   * What the writer of a transactional batch got when it asked the transaction's coordinator, NO_GUARD where
   * it did not ask. Undefined: nobody needs to ask.
   */
  readonly verificationGuard?: number | undefined
  /** Of a marker: from 2 on each transaction has an epoch of its own, which its marker raises (KIP-890). */
  readonly transactionVersion?: number | undefined
}

/** A transactional batch that is about to be appended. */
export interface VerifiedProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  /** Version 2 of transactions: the partition is added on the way. */
  readonly supportsEpochBump: boolean
}

export const NO_GUARD = 0

/**
 * A producer has asked its coordinator whether this partition takes part in its transaction. What ends before
 * the answer comes takes the guard away, so that the write cannot open a transaction that nobody will end.
 */
interface Verification {
  readonly guard: number
  readonly supportsEpochBump: boolean
  readonly startedMs: number
  epoch: number
  lowestSequence: number
}

interface AssignedEntry {
  readonly entry: ProducerEntry
  pending: number
}

/** What is known of producers, with what is under way to the disk. */
export interface ProducerLookup {
  find(producerId: bigint): Readonly<ProducerEntry> | undefined
  /** The guard that a transactional batch has to show now; NO_GUARD where nobody has asked. */
  guardOf(producerId: bigint): number
}

export class ProducerState implements ProducerLookup {
  private readonly written = new Map<bigint, ProducerEntry>()
  private readonly assigned = new Map<bigint, AssignedEntry>()
  /** First offsets by producer, in rising order, as transactions begin in the order of the log. */
  private readonly ongoing = new Map<bigint, bigint>()
  /** Ended transactions whose markers the high watermark has not passed. */
  private unreplicated: { readonly firstOffset: bigint; readonly lastOffset: bigint }[] = []
  private readonly verifications = new Map<bigint, Verification>()
  private lastGuard = NO_GUARD

  get size(): number {
    return this.written.size
  }

  producers(): IterableIterator<ProducerEntry> {
    return this.written.values()
  }

  /**
   * Where the last stable offset stops: the oldest transaction that is open, or ended without the replicas'
   * knowing.
   */
  get firstUnstableOffset(): bigint | undefined {
    let first: bigint | undefined
    for (const offset of this.ongoing.values()) {
      first = offset
      break
    }
    for (const { firstOffset } of this.unreplicated) {
      if (first === undefined || firstOffset < first) first = firstOffset
    }
    return first
  }

  find(producerId: bigint): Readonly<ProducerEntry> | undefined {
    return this.assigned.get(producerId)?.entry ?? this.written.get(producerId)
  }

  guardOf(producerId: bigint): number {
    return this.verifications.get(producerId)?.guard ?? NO_GUARD
  }

  /**
   * Before the coordinator is asked whether the partition takes part in a transaction: what to show when the
   * batch is appended. NO_GUARD where the transaction is open here, and nobody has to be asked.
   */
  startVerification(producer: VerifiedProducer, now: number): Result<number> {
    const { producerId, producerEpoch, baseSequence, supportsEpochBump } = producer
    const entry = this.find(producerId)
    if (entry !== undefined && producerEpoch < entry.epoch) return staleEpoch(entry, producerEpoch)
    if (isOngoing(entry, producerEpoch)) return ok(NO_GUARD)
    const known = this.verifications.get(producerId)
    if (known === undefined) {
      const guard = ++this.lastGuard
      this.verifications.set(producerId, {
        guard,
        supportsEpochBump,
        startedMs: now,
        epoch: producerEpoch,
        lowestSequence: baseSequence,
      })
      return ok(guard)
    }
    if (producerEpoch > known.epoch) {
      known.epoch = producerEpoch
      known.lowestSequence = baseSequence
    } else if (producerEpoch === known.epoch && baseSequence < known.lowestSequence) {
      known.lowestSequence = baseSequence
    }
    return ok(known.guard)
  }

  /** A duplicate, a refusal, or undefined for a batch that may be appended. Nothing changes. */
  check(batch: RecordBatch, how: AppendCheck): DuplicateBatch | Refusal | undefined {
    const { origin } = how
    if (!batch.hasProducerId || origin === 'follower') return undefined
    const producerId = batch.producerId
    const entry = this.find(producerId)
    if (batch.isControl) return entry && checkMarker(entry, batch, how.transactionVersion ?? 0)

    if (origin === 'client' && entry !== undefined) {
      const duplicate = findDuplicate(entry, batch)
      if (duplicate !== undefined) return duplicate
    }
    const { producerEpoch } = batch
    if (entry !== undefined && producerEpoch < entry.epoch) return staleEpoch(entry, producerEpoch)
    const verification = this.verifications.get(producerId)
    if (batch.isTransactional && !isOngoing(entry, producerEpoch) && how.verificationGuard !== undefined) {
      // A guard that was taken away is gone for good: what comes next has one of its own.
      if (verification?.guard !== how.verificationGuard) {
        return refuse(ErrorCode.INVALID_TXN_STATE, 'Record was not part of an ongoing transaction')
      }
    }
    const refusal = origin === 'client' ? checkSequence(entry, batch, verification) : undefined
    if (refusal !== undefined) return refusal
    if (entry !== undefined && entry.currentTxnFirstOffset !== NO_OFFSET && !batch.isTransactional) {
      return refuse(
        ErrorCode.INVALID_TXN_STATE,
        `Producer ${producerId} has an open transaction, and the batch is not part of one.`,
      )
    }
    return undefined
  }

  /** The batch has its offsets and waits to be written: later checks see it. */
  assign(batch: RecordBatch, now: number): void {
    if (!batch.hasProducerId) return
    const producerId = batch.producerId
    let assigned = this.assigned.get(producerId)
    if (assigned === undefined) {
      const written = this.written.get(producerId)
      const entry = written ? { ...written, batches: written.batches.slice() } : newEntry(producerId, now)
      assigned = { entry, pending: 0 }
      this.assigned.set(producerId, assigned)
    }
    assigned.pending++
    apply(assigned.entry, batch, now)
    if (batch.isTransactional) this.verifications.delete(producerId)
  }

  /** The batch is written. Returns the transaction that it ended, if it is a marker that ended one. */
  commit(batch: RecordBatch, now: number): CompletedTransaction | undefined {
    if (!batch.hasProducerId) return undefined
    const producerId = batch.producerId
    const assigned = this.assigned.get(producerId)
    if (assigned !== undefined && --assigned.pending === 0) this.assigned.delete(producerId)
    return this.replay(batch, now)
  }

  /** As `commit`, for a batch that is read back from the log. */
  replay(batch: RecordBatch, now: number): CompletedTransaction | undefined {
    if (!batch.hasProducerId) return undefined
    const producerId = batch.producerId
    let entry = this.written.get(producerId)
    if (entry === undefined) {
      entry = newEntry(producerId, now)
      this.written.set(producerId, entry)
    }
    const openBefore = entry.currentTxnFirstOffset
    const marker = apply(entry, batch, now)
    if (marker === undefined) {
      if (entry.currentTxnFirstOffset !== openBefore)
        this.ongoing.set(producerId, entry.currentTxnFirstOffset)
      return undefined
    }
    if (openBefore === NO_OFFSET) return undefined
    this.ongoing.delete(producerId)
    const ended = { firstOffset: openBefore, lastOffset: batch.lastOffset }
    this.unreplicated.push(ended)
    return { producerId, ...ended, isAborted: marker.type === 'ABORT' }
  }

  /** Nothing of what was assigned will be written. */
  abandon(): void {
    this.assigned.clear()
  }

  /** Where the last stable offset stood when a transaction ended: the next open one, or behind the marker. */
  lastStableOffsetAfter(completed: CompletedTransaction): bigint {
    for (const firstOffset of this.ongoing.values()) return firstOffset
    return completed.lastOffset + 1n
  }

  onHighWatermark(highWatermark: bigint): void {
    if (this.unreplicated.length === 0) return
    this.unreplicated = this.unreplicated.filter(ended => ended.lastOffset >= highWatermark)
  }

  /** Forgets producers that were not heard of for too long, unless a transaction of theirs is open. */
  expire(now: number, expirationMs: number): number {
    let expired = 0
    for (const entry of this.written.values()) {
      if (entry.currentTxnFirstOffset !== NO_OFFSET || now - entry.lastSeenMs < expirationMs) continue
      if (this.assigned.has(entry.producerId)) continue
      this.written.delete(entry.producerId)
      expired++
    }
    for (const [producerId, { startedMs }] of this.verifications) {
      if (now - startedMs >= expirationMs) this.verifications.delete(producerId)
    }
    return expired
  }

  clear(): void {
    this.written.clear()
    this.assigned.clear()
    this.ongoing.clear()
    this.unreplicated = []
    this.verifications.clear()
  }

  /** Takes over the entries of a snapshot; the state must be empty. */
  load(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) this.written.set(entry.producerId, entry)
    const open = entries.filter(entry => entry.currentTxnFirstOffset !== NO_OFFSET)
    open.sort((a, b) => (a.currentTxnFirstOffset < b.currentTxnFirstOffset ? -1 : 1))
    for (const entry of open) this.ongoing.set(entry.producerId, entry.currentTxnFirstOffset)
  }

  /**
   * A snapshot holds one batch of each producer. An older batch found in the log goes before what is known,
   * if it ends where that begins, so that the whole window survives a restart. To be called from the newest
   * to the oldest.
   */
  recall(old: ProducedBatch): void {
    const entry = this.written.get(old.producerId)
    if (entry === undefined || entry.epoch !== old.producerEpoch) return
    const oldest = entry.batches[0]
    if (oldest === undefined || entry.batches.length >= WINDOW) return
    if (oldest.lastOffset - BigInt(oldest.offsetDelta) <= old.lastOffset) return
    if (!follows(old.lastSequence, decrementSequence(oldest.lastSequence, oldest.offsetDelta))) return
    entry.batches.unshift(old)
  }
}

/** What a batch's header says of its producer. */
export interface ProducedBatch extends SeenBatch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** As DescribeProducers shows them. */
export function describeProducers(producers: ProducerState): ActiveProducer[] {
  return [...producers.producers()].map(entry => ({
    producerId: entry.producerId,
    producerEpoch: entry.epoch,
    lastSequence: lastSequenceOf(entry),
    lastTimestamp: entry.lastTimestamp,
    coordinatorEpoch: entry.coordinatorEpoch,
    currentTransactionStartOffset: entry.currentTxnFirstOffset,
  }))
}

/** -1 where no batch of its epoch is known. */
export function lastSequenceOf(entry: ProducerEntry): number {
  return entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE
}

function newEntry(producerId: bigint, now: number): ProducerEntry {
  return {
    producerId,
    epoch: NO_PRODUCER_EPOCH,
    coordinatorEpoch: -1,
    lastTimestamp: -1n,
    currentTxnFirstOffset: NO_OFFSET,
    batches: [],
    lastSeenMs: now,
  }
}

function findDuplicate(entry: ProducerEntry, batch: RecordBatch): DuplicateBatch | undefined {
  if (entry.epoch !== batch.producerEpoch || batch.baseSequence === NO_SEQUENCE) return undefined
  const lastSequence = batch.lastSequence
  const offsetDelta = batch.lastOffsetDelta
  for (const known of entry.batches) {
    if (known.lastSequence !== lastSequence || known.offsetDelta !== offsetDelta) continue
    const baseOffset = known.lastOffset - BigInt(known.offsetDelta)
    return { baseOffset, lastOffset: known.lastOffset, timestamp: known.timestamp }
  }
  return undefined
}

/**
 * A new epoch starts at 0; within one, each batch begins where the last ended. After a marker that raised
 * the epoch nothing of it is known, and it starts at 0 too. Of a producer that is not known anything is taken
 * for its first batch, unless its transaction says better: the lowest sequence that has asked to begin it
 * goes first.
 */
function checkSequence(
  entry: ProducerEntry | undefined,
  batch: RecordBatch,
  verification: Verification | undefined,
): Refusal | undefined {
  const { baseSequence, producerEpoch, producerId } = batch
  if (verification !== undefined) {
    const isKnown = entry !== undefined && entry.batches.length > 0
    const mustBeFirst = verification.supportsEpochBump && baseSequence !== 0 && !isKnown
    if (mustBeFirst || baseSequence > verification.lowestSequence) {
      return outOfOrder(`Producer ${producerId} begins a transaction with sequence ${baseSequence}.`)
    }
  }
  if (entry === undefined || entry.epoch === NO_PRODUCER_EPOCH) return undefined
  if (producerEpoch !== entry.epoch) {
    if (baseSequence === 0) return undefined
    return outOfOrder(`Epoch ${producerEpoch} of producer ${producerId} begins with ${baseSequence}, not 0.`)
  }
  const lastSequence = lastSequenceOf(entry)
  if (follows(lastSequence, baseSequence)) return undefined
  return outOfOrder(`Producer ${producerId} sent sequence ${baseSequence} after ${lastSequence}.`)
}

function outOfOrder(message: string): Refusal {
  return refuse(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, message)
}

export function isOngoing(entry: KnownProducer | undefined, producerEpoch: number): boolean {
  return entry !== undefined && entry.currentTxnFirstOffset !== NO_OFFSET && entry.epoch === producerEpoch
}

export function staleEpoch(entry: KnownProducer, producerEpoch: number): Refusal {
  return refuse(
    ErrorCode.INVALID_PRODUCER_EPOCH,
    `Producer ${entry.producerId} sent epoch ${producerEpoch}, and ${entry.epoch} has been seen from it.`,
  )
}

/** A marker of version 2 has a greater epoch than what it ends, unless there was no greater one. */
const LAST_EPOCH = 0x7fff

function checkMarker(
  entry: ProducerEntry,
  batch: RecordBatch,
  transactionVersion: number,
): Refusal | undefined {
  const marker = readControlMarker(batch)
  if (marker === undefined) return undefined
  const { coordinatorEpoch } = marker
  return checkMarkerEpochs(entry, {
    producerEpoch: batch.producerEpoch,
    coordinatorEpoch,
    transactionVersion,
  })
}

export interface MarkerEpochs {
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly transactionVersion: number
}

/** Whether a marker may end what is known of its producer. The same marker twice is no harm. */
export function checkMarkerEpochs(entry: KnownProducer, marker: MarkerEpochs): Refusal | undefined {
  const { producerEpoch, coordinatorEpoch, transactionVersion } = marker
  if (producerEpoch < entry.epoch) return staleEpoch(entry, producerEpoch)
  const isRaised = producerEpoch > entry.epoch || producerEpoch === LAST_EPOCH
  if (transactionVersion >= 2 && !isRaised && entry.currentTxnFirstOffset !== NO_OFFSET) {
    return staleEpoch(entry, producerEpoch)
  }
  if (coordinatorEpoch >= entry.coordinatorEpoch) return undefined
  return refuse(
    ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    `A marker of coordinator epoch ${coordinatorEpoch} came after one of ${entry.coordinatorEpoch}.`,
  )
}

function follows(lastSequence: number, nextSequence: number): boolean {
  return nextSequence === lastSequence + 1 || (nextSequence === 0 && lastSequence === LAST_SEQUENCE)
}

/** What a batch does to its producer. Returns the marker if it is one. */
function apply(entry: ProducerEntry, batch: RecordBatch, now: number): ControlMarker | undefined {
  const marker = batch.isControl ? readControlMarker(batch) : undefined
  entry.lastSeenMs = now
  // What compaction has left of a marker has no record any more, and is kept for its epoch.
  if (batch.isControl && marker === undefined && batch.recordCount > 0) return undefined
  if (batch.producerEpoch !== entry.epoch) {
    entry.epoch = batch.producerEpoch
    entry.batches = []
  }
  entry.lastTimestamp = batch.maxTimestamp
  if (marker !== undefined) {
    entry.coordinatorEpoch = marker.coordinatorEpoch
    entry.currentTxnFirstOffset = NO_OFFSET
    return marker
  }
  if (batch.isControl) return undefined
  if (entry.batches.length === WINDOW) entry.batches.shift()
  entry.batches.push(seen(batch))
  if (batch.isTransactional && entry.currentTxnFirstOffset === NO_OFFSET) {
    entry.currentTxnFirstOffset = batch.baseOffset
  }
  return undefined
}

export function seen(batch: RecordBatch): SeenBatch {
  return {
    lastSequence: batch.lastSequence,
    lastOffset: batch.lastOffset,
    offsetDelta: batch.lastOffsetDelta,
    timestamp: batch.maxTimestamp,
  }
}
