/**
 * What a partition must hold, by what its clients were told: every batch that was sent and its fate, the
 * history of the log, and what follows from it (producers, transactions, times). Written without a look at
 * the engine's own code.
 */
import type { Clock } from '../platform/platform.ts'
import { CRC_AT, RecordBatch } from '../records/batch.ts'
import { readControlMarker } from '../records/lookup.ts'

export interface SentRecord {
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: bigint
}

export type Fate =
  /** No answer yet, or one that leaves it open whether the batch was stored. */
  | 'open'
  | 'acknowledged'
  /** It was not taken, or cut off: a crash may bring it back, and nothing else. */
  | 'withdrawn'
  /** Told not to be stored. */
  | 'refused'
  /** Was stored, and a power failure took it, which it may not give back. */
  | 'lost'

export interface SentBatch {
  readonly bytes: Buffer
  readonly view: RecordBatch
  readonly records: readonly SentRecord[]
  fate: Fate
  /** Where it was acknowledged or found. */
  baseOffset: bigint | undefined
  /** By `elapsed`, the first time. */
  readonly sentMs: number
  /** By `elapsed`: since when it is known to be there. */
  placedMs: number
}

/** Bytes of a segment that the disk has changed. */
export interface Rot {
  readonly from: bigint
  readonly to: bigint
  readonly path: string
  readonly bytes: Buffer
}

export interface ModelProducer {
  epoch: number
  lastSequence: number
  lastTimestamp: bigint
  coordinatorEpoch: number
  /** Of its last marker. */
  markerOffset: bigint
  transactionStart: bigint
  /** Of its last batch. */
  lastOffset: bigint
}

export interface ModelTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly isAborted: boolean
}

export class PartitionModel {
  readonly topic: string
  readonly topicId: string
  readonly index: number
  /** By `identityOf`. */
  readonly sent = new Map<string, SentBatch>()
  /** What the log holds or held, by base offset, below the log start too. */
  readonly history = new Map<bigint, SentBatch>()
  /** What was at an offset and was cut off, the last of each. */
  readonly former = new Map<bigint, SentBatch>()
  /** The log start that was seen: it never goes back. */
  startFloor = 0n
  /** Up to where records were deleted on demand. */
  deletedTo = 0n
  /** What lies below must survive a power failure. */
  durableFloor = 0n
  /** Of this life of the broker. */
  highWatermark = 0n
  /** What topic configurations allowed since retention was last looked at. */
  leastRetentionMs = Number.POSITIVE_INFINITY
  leastRetentionBytes = Number.POSITIVE_INFINITY
  /** The segment at its front, as it was seen. */
  first: { readonly baseOffset: bigint; readonly sinceMs: number } | undefined
  /** It was at any time: what is gone stays gone. */
  isCompacted = false
  /** Of all the settings there have been. */
  leastDeleteRetentionMs = Number.POSITIVE_INFINITY
  leastCompactionLagMs = Number.POSITIVE_INFINITY
  /** Of tombstones, by offset: until when they stay, and when that was seen. */
  readonly horizons = new Map<bigint, { readonly horizonMs: number; readonly seenMs: number }>()
  /** The log directory that it was seen in. */
  home: string | undefined
  /** Offsets of records that may have been compacted, whatever comes. */
  readonly excused = new Set<bigint>()
  /** Offsets of tombstones whose time was over when less of the log became one that is compacted. */
  readonly expired = new Set<bigint>()
  /** Transactions were cut off which compaction had been through. */
  isBlurred = false
  /** By producer: where its last batches were cut off. What came before them may be compacted. */
  private readonly cutProducers = new Map<bigint, bigint>()
  rot: Rot | undefined
  /** Of one of its indexes too; who needs it notices, and nobody else. */
  hasRottenIndex = false
  /** The broker has started since its disk has changed bytes: nothing has to be there any more. */
  isSuspect = false
  readonly clock: Clock

  constructor(clock: Clock, topic: { readonly name: string; readonly id: string }, index: number) {
    this.clock = clock
    this.topic = topic.name
    this.topicId = topic.id
    this.index = index
  }

  get name(): string {
    return `${this.topic}-${this.index}`
  }

  /** Behind everything that the log is known to hold. */
  get endOffset(): bigint {
    let end = this.startFloor
    for (const [baseOffset, { view }] of this.history) {
      const next = baseOffset + BigInt(view.lastOffsetDelta) + 1n
      if (next > end) end = next
    }
    return end
  }

  send(bytes: Buffer, records: readonly SentRecord[]): SentBatch {
    const copy = Buffer.from(bytes)
    const view = new RecordBatch(copy, 0)
    const sentMs = this.clock.elapsed()
    const batch: SentBatch = {
      bytes: copy,
      view,
      records,
      fate: 'open',
      baseOffset: undefined,
      sentMs,
      placedMs: sentMs,
    }
    this.sent.set(identityOf(view), batch)
    return batch
  }

  /** The batch is in the log, by the answer to a producer or by what a read has found. */
  place(batch: SentBatch, baseOffset: bigint): void {
    if (batch.baseOffset !== baseOffset) batch.placedMs = this.clock.elapsed()
    batch.fate = 'acknowledged'
    batch.baseOffset = baseOffset
    this.history.set(baseOffset, batch)
  }

  /** Whatever had no clear answer may be there now. */
  reopen(): void {
    for (const batch of this.sent.values()) if (batch.fate === 'withdrawn') batch.fate = 'open'
  }

  /** In the order of their offsets. */
  batches(): { readonly baseOffset: bigint; readonly lastOffset: bigint; readonly batch: SentBatch }[] {
    return [...this.history]
      .map(([baseOffset, batch]) => ({
        baseOffset,
        lastOffset: baseOffset + BigInt(batch.view.lastOffsetDelta),
        batch,
      }))
      .sort((a, b) => (a.baseOffset < b.baseOffset ? -1 : 1))
  }

  /** What lies at or above an offset is not there any more. */
  cut(offset: bigint, fate: Fate): void {
    for (const [baseOffset, batch] of [...this.history]) {
      if (baseOffset + BigInt(batch.view.lastOffsetDelta) < offset) continue
      this.history.delete(baseOffset)
      this.former.set(baseOffset, batch)
      batch.fate = fate
      batch.baseOffset = undefined
    }
    for (const known of this.horizons.keys()) if (known >= offset) this.horizons.delete(known)
    for (const known of this.excused) if (known >= offset) this.excused.delete(known)
    for (const known of this.expired) if (known >= offset) this.expired.delete(known)
    if (this.durableFloor > offset) this.durableFloor = offset
  }

  /** Before a cut of a compacted log, which only a leader with another history asks for. */
  noteProducersCut(offset: bigint): void {
    for (const { lastOffset, batch } of this.batches()) {
      if (lastOffset >= offset && batch.view.producerId >= 0n) {
        this.cutProducers.set(batch.view.producerId, offset)
      }
    }
  }

  /** Whether the log has to know what its producer has written last. */
  isToBeKnown(producerId: bigint, state: ModelProducer): boolean {
    const cutAt = this.cutProducers.get(producerId)
    return cutAt === undefined || state.lastOffset >= cutAt
  }

  /**
   * Whether a transaction may have lost its end when batches of its producer were cut off: as long as it had
   * one, compaction may have taken the first of its batches.
   */
  isReopened(producerId: bigint, start: bigint): boolean {
    const cutAt = this.cutProducers.get(producerId)
    return cutAt !== undefined && start < cutAt
  }

  /** Whether the disk has changed bytes of the segment that an offset is in. */
  isRotten(offset: bigint): boolean {
    return this.rot !== undefined && offset >= this.rot.from && offset < this.rot.to
  }

  producers(): Map<bigint, ModelProducer> {
    const producers = new Map<bigint, ModelProducer>()
    this.replay((producerId, state) => producers.set(producerId, state))
    return producers
  }

  /** Those that have ended. */
  transactions(): ModelTransaction[] {
    const ended: ModelTransaction[] = []
    this.replay(
      () => {},
      transaction => ended.push(transaction),
    )
    return ended
  }

  private replay(
    onState: (producerId: bigint, state: ModelProducer) => void,
    onEnd: (transaction: ModelTransaction) => void = () => {},
  ): void {
    const states = new Map<bigint, ModelProducer>()
    for (const { baseOffset, lastOffset, batch } of this.batches()) {
      const { view } = batch
      if (view.producerId < 0n) continue
      const state = states.get(view.producerId) ?? newProducer()
      states.set(view.producerId, state)
      if (state.epoch !== view.producerEpoch) {
        state.epoch = view.producerEpoch
        state.lastSequence = -1
      }
      state.lastTimestamp = view.maxTimestamp
      const marker = view.isControl ? readControlMarker(view) : undefined
      if (marker) {
        state.coordinatorEpoch = marker.coordinatorEpoch
        state.markerOffset = lastOffset
        if (state.transactionStart >= 0n) {
          const isAborted = marker.type === 'ABORT'
          onEnd({
            producerId: view.producerId,
            firstOffset: state.transactionStart,
            lastOffset,
            isAborted,
          })
        }
        state.transactionStart = -1n
      } else {
        state.lastSequence = view.lastSequence
        state.lastOffset = lastOffset
        if (view.isTransactional && state.transactionStart < 0n) state.transactionStart = baseOffset
      }
      onState(view.producerId, state)
    }
  }
}

function newProducer(): ModelProducer {
  return {
    epoch: -1,
    lastSequence: -1,
    lastTimestamp: -1n,
    coordinatorEpoch: -1,
    markerOffset: -1n,
    transactionStart: -1n,
    lastOffset: -1n,
  }
}

/** Everything but what the log writes into a batch: its offset and the leader's epoch. */
export function areSame(sent: SentBatch, found: RecordBatch): boolean {
  return sent.bytes.subarray(CRC_AT).equals(found.bytes().subarray(CRC_AT))
}

/** Batches are told apart by what their checksum covers, which no broker changes. */
export function identityOf(view: RecordBatch): string {
  return `${view.crc}/${view.sizeInBytes}`
}
