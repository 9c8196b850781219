/**
 * What a partition knows of its idempotent and transactional producers: epoch, the last five batches of each
 * (by which a retry is known for a duplicate), and the transactions that are under way. It follows from the
 * log alone.
 *
 * Two levels: what is written, and over it what is assigned and still under way to the disk. A batch is
 * checked against both, `assign`ed at once, and `commit`ted or `abandon`ed as a whole when the write has
 * come back.
 */
import { ErrorCode, type Refusal, refuse } from '../../protocol/errors.ts'
import { decrementSequence, NO_PRODUCER_EPOCH, NO_SEQUENCE, type RecordBatch } from '../records/batch.ts'
import { type ControlMarker, readControlMarker } from '../records/lookup.ts'

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

interface AssignedEntry {
  readonly entry: ProducerEntry
  pending: number
}

export class ProducerState {
  private readonly written = new Map<bigint, ProducerEntry>()
  private readonly assigned = new Map<bigint, AssignedEntry>()
  /** First offsets by producer, in rising order, as transactions begin in the order of the log. */
  private readonly ongoing = new Map<bigint, bigint>()
  /** Ended transactions whose markers the high watermark has not passed. */
  private unreplicated: { readonly firstOffset: bigint; readonly lastOffset: bigint }[] = []

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

  /** A duplicate, a refusal, or undefined for a batch that may be appended. Nothing changes. */
  check(batch: RecordBatch, origin: AppendOrigin): DuplicateBatch | Refusal | undefined {
    if (!batch.hasProducerId || origin === 'follower') return undefined
    const producerId = batch.producerId
    const entry = this.assigned.get(producerId)?.entry ?? this.written.get(producerId)
    if (entry === undefined) return undefined

    if (origin === 'client') {
      const duplicate = findDuplicate(entry, batch)
      if (duplicate !== undefined) return duplicate
    }
    if (batch.producerEpoch < entry.epoch) {
      return refuse(
        ErrorCode.INVALID_PRODUCER_EPOCH,
        `Producer ${producerId} sent epoch ${batch.producerEpoch}, and ${entry.epoch} has been seen from it.`,
      )
    }
    if (batch.isControl) return checkMarker(entry, batch)
    const refusal = origin === 'client' ? checkSequence(entry, batch) : undefined
    if (refusal !== undefined) return refusal
    if (entry.currentTxnFirstOffset !== NO_OFFSET && !batch.isTransactional) {
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
    return expired
  }

  clear(): void {
    this.written.clear()
    this.assigned.clear()
    this.ongoing.clear()
    this.unreplicated = []
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
 * the epoch nothing of it is known, and it starts at 0 too.
 */
function checkSequence(entry: ProducerEntry, batch: RecordBatch): Refusal | undefined {
  const { baseSequence, producerEpoch, producerId } = batch
  if (producerEpoch !== entry.epoch) {
    if (baseSequence === 0 || entry.epoch === NO_PRODUCER_EPOCH) return undefined
    return refuse(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      `Epoch ${producerEpoch} of producer ${producerId} begins with sequence ${baseSequence}, not 0.`,
    )
  }
  const lastSequence = lastSequenceOf(entry)
  if (follows(lastSequence, baseSequence)) return undefined
  return refuse(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `Producer ${producerId} sent sequence ${baseSequence} after ${lastSequence}.`,
  )
}

function checkMarker(entry: ProducerEntry, batch: RecordBatch): Refusal | undefined {
  const marker = readControlMarker(batch)
  if (marker === undefined || marker.coordinatorEpoch >= entry.coordinatorEpoch) return undefined
  return refuse(
    ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    `A marker of coordinator epoch ${marker.coordinatorEpoch} came after one of ${entry.coordinatorEpoch}.`,
  )
}

function follows(lastSequence: number, nextSequence: number): boolean {
  return nextSequence === lastSequence + 1 || (nextSequence === 0 && lastSequence === LAST_SEQUENCE)
}

/** What a batch does to its producer. Returns the marker if it is one. */
function apply(entry: ProducerEntry, batch: RecordBatch, now: number): ControlMarker | undefined {
  const marker = batch.isControl ? readControlMarker(batch) : undefined
  entry.lastSeenMs = now
  if (batch.isControl && marker === undefined) return undefined
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
