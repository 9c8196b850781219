/**
 * What compaction does with bytes, apart from the event loop: first the latest offset of each key is noted
 * from the part of the log that is not compacted yet, then segments are copied from the log's beginning,
 * without the records that have a later one. Files are read and written by `compaction.ts`, which sends
 * chunks of them here.
 */

import type { ComputeTask } from '../platform/platform.ts'
import { inspectBatch, LENGTH_AT, LOG_OVERHEAD_BYTES, RecordBatch } from '../records/batch.ts'
import { emptyBatch, filterBatch } from '../records/batch-filter.ts'
import { openRecords, RecordCursor } from '../records/record-cursor.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { IndexBuilder } from './index-builder.ts'
import { OffsetMap } from './offset-map.ts'
import type { AbortedEntry } from './transaction-index.ts'

/**
 * By what compaction keeps the state of producers that are still active: three numbers for each, which are
 * its id, its epoch, and the last offset of its last batch, -1 where that is a marker. There may be many.
 */
export type LastRecords = BigInt64Array

export type CleaningRequest =
  /** Begins with an empty map. */
  | {
      readonly type: 'map'
      readonly slots: number
      readonly maxKeys: number
      readonly seed: Uint32Array
      /** Of the part that is not compacted yet. */
      readonly startOffset: bigint
      readonly maxDecompressedBytes: number
    }
  | { readonly type: 'index'; readonly bytes: Uint8Array }
  /** The segment ends before this offset, with or without a record there. */
  | { readonly type: 'indexed'; readonly nextOffset: bigint }
  /** The map is complete: copying begins at the log's beginning. */
  | {
      readonly type: 'clean'
      readonly nowMs: bigint
      readonly deleteRetentionMs: bigint
      readonly lastRecords: LastRecords
      /** Where this round ends: its last batch stays, be it empty, so that offsets do not go back. */
      readonly endOffset: bigint
    }
  | { readonly type: 'segment'; readonly baseOffset: bigint; readonly indexIntervalBytes: number }
  /** Of the segment that is read next. */
  | { readonly type: 'aborted'; readonly entries: readonly AbortedEntry[] }
  | { readonly type: 'filter'; readonly bytes: Uint8Array }
  /** The cleaned segment is complete. */
  | { readonly type: 'finish' }

export interface CleaningReply {
  /** Bytes of whole batches that were dealt with. Those behind them are to be sent again, with more. */
  readonly consumed?: number
  /** How long the next batch is, where nothing was consumed for want of it; 0 where that is not known. */
  readonly needed?: number
  /** The map takes no more keys. */
  readonly isFull?: boolean
  /** The last offset that the map covers. */
  readonly latestOffset?: bigint
  /** What is to be written to the cleaned segment. */
  readonly records?: Uint8Array
  readonly offsets?: Uint8Array
  readonly times?: Uint8Array
  readonly aborted?: readonly AbortedEntry[]
  /** The chunk is not a row of intact batches: nothing of it must be copied. */
  readonly damage?: string
}

/** Found by the threads that do the work. */
export const cleaningTask: ComputeTask<CleaningRequest, CleaningReply> = {
  module: import.meta.url,
  name: 'cleaningTask',
  start() {
    let cleaning: Cleaning | undefined
    return request => {
      if (request.type === 'map') cleaning = new Cleaning(request)
      return cleaning!.answer(request)
    }
  },
}

type Requested<Type> = Extract<CleaningRequest, { readonly type: Type }>

/** A batch cannot be read: where, and why. */
class Damage extends Error {}

class Cleaning {
  private readonly map: OffsetMap
  private readonly options: Requested<'map'>
  private transactions = new CleanedTransactions()
  private latestOffset: bigint
  private isFull = false
  private terms!: Requested<'clean'>
  /** By producer. */
  private lastRecords = new Map<bigint, { readonly epoch: bigint; readonly lastOffset: bigint }>()
  private index!: IndexBuilder
  private written = 0
  private output: Buffer[] = []

  constructor(options: Requested<'map'>) {
    this.options = options
    this.map = new OffsetMap(options.slots, options.seed)
    this.latestOffset = options.startOffset - 1n
  }

  answer(request: CleaningRequest): CleaningReply {
    switch (request.type) {
      case 'map':
        return {}
      case 'index':
        return this.overBatches(request.bytes, batch => this.note(batch))
      case 'indexed':
        return this.indexed(request.nextOffset)
      case 'clean':
        return this.begin(request)
      case 'segment':
        this.index = new IndexBuilder(request.baseOffset, request.indexIntervalBytes)
        this.written = 0
        return {}
      case 'aborted':
        this.transactions.addAborted(request.entries)
        return {}
      case 'filter':
        return { ...this.overBatches(request.bytes, batch => this.copy(batch)), ...this.takeWritten() }
      case 'finish':
        this.index.finish()
        return this.takeWritten()
    }
  }

  private overBatches(chunk: Uint8Array, visit: (batch: RecordBatch) => void): CleaningReply {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let consumed = 0
    try {
      while (consumed < bytes.length && !this.isFull) {
        const batch = inspectBatch(bytes, consumed, { checksum: true })
        if ('problem' in batch) {
          if (batch.problem === 'corrupt') throw new Damage(batch.message)
          break
        }
        visit(batch)
        consumed += batch.sizeInBytes
      }
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      return { damage: `at byte ${consumed} of a chunk: ${error.message}` }
    }
    const needed = consumed === 0 ? sizeOfFirst(bytes) : 0
    return { consumed, needed, isFull: this.isFull, latestOffset: this.latestOffset }
  }

  // Noting keys.

  private note(batch: RecordBatch): void {
    const { startOffset } = this.options
    if (batch.isControl) this.transactions.onControlBatch(batch)
    else if (!this.transactions.onBatch(batch)) this.noteKeys(batch)
    if (!this.isFull && batch.lastOffset >= startOffset) this.latestOffset = batch.lastOffset
  }

  private noteKeys(batch: RecordBatch): void {
    const { startOffset, maxKeys } = this.options
    const base = Number(batch.baseOffset - startOffset)
    const cursor = this.open(batch)
    for (let i = batch.recordCount; i > 0; i--) {
      if (!cursor.next()) throw new Damage(cursor.problem)
      const offset = base + cursor.offsetDelta
      if (cursor.keyLength < 0 || offset < 0) continue
      if (this.map.size >= maxKeys) {
        this.isFull = true
        return
      }
      this.map.put(cursor.buffer, cursor.keyAt, cursor.keyLength, offset)
      this.latestOffset = startOffset + BigInt(offset)
    }
  }

  private open(batch: RecordBatch): RecordCursor {
    const opened = openRecords(batch, this.options.maxDecompressedBytes)
    if (opened.error) throw new Damage(opened.message)
    return new RecordCursor(opened.value)
  }

  private indexed(nextOffset: bigint): CleaningReply {
    if (this.latestOffset < nextOffset - 1n) this.latestOffset = nextOffset - 1n
    return { latestOffset: this.latestOffset }
  }

  // Copying.

  private begin(terms: Requested<'clean'>): CleaningReply {
    this.terms = terms
    this.isFull = false
    this.transactions = new CleanedTransactions()
    this.lastRecords = new Map()
    for (let i = 0; i < terms.lastRecords.length; i += 3) {
      const [producerId, epoch, lastOffset] = terms.lastRecords.subarray(i, i + 3)
      this.lastRecords.set(producerId!, { epoch: epoch!, lastOffset: lastOffset! })
    }
    return {}
  }

  private copy(batch: RecordBatch): void {
    const { nowMs, deleteRetentionMs } = this.terms
    const isObsolete = batch.isControl
      ? this.transactions.onControlBatch(batch)
      : this.transactions.onBatch(batch)
    const horizon = batch.deleteHorizonMs
    const mayDrop = isObsolete && (!batch.isControl || (horizon !== undefined && horizon <= nowMs))
    const mustKeepHeader = this.isLastOfProducer(batch) || batch.nextOffset === this.terms.endOffset
    if (mayDrop) {
      if (mustKeepHeader) this.emit(emptyBatch(batch))
      return
    }
    const isMarkerOfNothing = isObsolete && batch.isControl
    const filtered = filterBatch(batch, {
      retains: batch.isControl ? () => true : cursor => this.retains(batch, cursor),
      horizon: hasTombstones => (hasTombstones || isMarkerOfNothing ? nowMs + deleteRetentionMs : undefined),
      maxDecompressedBytes: this.options.maxDecompressedBytes,
    })
    if (filtered.error) throw new Damage(filtered.message)
    if (filtered.value === 'unchanged') this.emit(batch.bytes())
    else if (filtered.value !== 'empty') this.emit(filtered.value)
    else if (mustKeepHeader) this.emit(emptyBatch(batch))
  }

  /** Its last sequence, or where it last ended a transaction its epoch, must not be forgotten. */
  private isLastOfProducer(batch: RecordBatch): boolean {
    if (!batch.hasProducerId) return false
    const last = this.lastRecords.get(batch.producerId)
    if (last === undefined) return false
    if (last.lastOffset >= 0n) return batch.lastOffset === last.lastOffset
    return batch.isControl && BigInt(batch.producerEpoch) === last.epoch
  }

  private retains(batch: RecordBatch, cursor: RecordCursor): boolean {
    const offset = batch.baseOffset + BigInt(cursor.offsetDelta)
    if (offset > this.latestOffset) return true
    if (cursor.keyLength < 0) return false
    const latest = this.map.get(cursor.buffer, cursor.keyAt, cursor.keyLength)
    if (latest >= 0 && offset < this.options.startOffset + BigInt(latest)) return false
    const horizon = batch.deleteHorizonMs
    return cursor.valueLength >= 0 || horizon === undefined || this.terms.nowMs < horizon
  }

  private emit(bytes: Buffer): void {
    this.index.note(new RecordBatch(bytes), this.written)
    this.output.push(bytes)
    this.written += bytes.length
  }

  private takeWritten(): CleaningReply {
    const records = Buffer.concat(this.output)
    this.output = []
    return { records, ...this.index.take(), aborted: this.transactions.takeRetained() }
  }
}

function sizeOfFirst(bytes: Buffer): number {
  return bytes.length < LOG_OVERHEAD_BYTES ? 0 : LOG_OVERHEAD_BYTES + bytes.readInt32BE(LENGTH_AT)
}
