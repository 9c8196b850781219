/**
 * Reading a log: from the tail cache at once where it reaches back far enough, otherwise as ranges of
 * segment files that are read when they are sent. Always whole batches, so that what is sent can be used to
 * its last byte.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { DeferredBytes, RecordsSource } from '../../protocol/wire.ts'
import { RecordBatch } from '../records/batch.ts'
import { findByTimestamp, findMaxTimestamp } from '../records/lookup.ts'
import { DamagedSegment } from './damaged-segment.ts'
import type { PinnedFile } from './file-pool.ts'
import type { AbortedTransaction, Log, ReadOptions, ReadResult, TimestampOffset } from './log.ts'
import { greatestOffset, leastOffset } from './offsets.ts'
import type { BatchPlace, Segment } from './segment.ts'
import type { AbortedEntry } from './transaction-index.ts'

const NOTHING: RecordsSource = { byteLength: 0, parts: [] }

export class LogReader {
  private readonly log: Log

  constructor(log: Log) {
    this.log = log
  }

  read(offset: bigint, options: ReadOptions): Result<ReadResult> | Promise<Result<ReadResult>> {
    const { log } = this
    const refusal = log.refusal()
    if (refusal) return refusal
    if (offset < log.logStartOffset || offset > log.logEndOffset) return this.outOfRange(offset)
    if (offset >= options.maxOffset || offset === log.logEndOffset) return nothing(offset)
    return this.readTail(offset, options) ?? this.readFiles(offset, options)
  }

  private outOfRange(offset: bigint): Result<never> {
    const { name, logStartOffset, logEndOffset } = this.log
    return refuse(
      ErrorCode.OFFSET_OUT_OF_RANGE,
      `Offset ${offset} of ${name} is not between ${logStartOffset} and ${logEndOffset}.`,
    )
  }

  private readTail(offset: bigint, options: ReadOptions): Result<ReadResult> | undefined {
    const { tail, environment } = this.log
    const first = tail.find(offset)
    if (first === undefined || !environment.tails.isLent) return undefined
    const parts: Buffer[] = []
    let byteLength = 0
    let upperBoundOffset = offset
    for (let i = first; i < tail.count; i++) {
      const slot = tail.entry(i)
      const isWhole = slot.baseOffset >= offset && slot.nextOffset <= options.maxOffset
      const part =
        isWhole && byteLength + slot.bytes.length <= options.maxBytes
          ? slot.bytes
          : cutBatches(slot.bytes, { ...options, offset, isFirst: byteLength === 0 }, byteLength)
      if (part.length > 0) {
        parts.push(part)
        byteLength += part.length
        upperBoundOffset = slot.nextOffset
      }
      if (part.length < slot.bytes.length && !(i === first && endsAlike(part, slot.bytes))) break
    }
    const bound = leastOffset(upperBoundOffset, options.maxOffset)
    return ok({ records: { byteLength, parts }, upperBoundOffset: bound })
  }

  private async readFiles(offset: bigint, options: ReadOptions): Promise<Result<ReadResult>> {
    const { log } = this
    const { replacements, renaming } = log
    if (renaming !== undefined && offset < log.segments[0]!.baseOffset) {
      // It is about to go, and the log start with it.
      await renaming
      return this.read(offset, options)
    }
    try {
      const segments = log.segments.slice(this.segmentOf(offset))
      for (const [i, segment] of segments.entries()) {
        // Taken together and before any wait: a size read later could cover more than the end offset does.
        const end = { position: segment.sizeBytes, offset: segments[i + 1]?.baseOffset ?? log.logEndOffset }
        const result = await log.repairing(segment, () => this.readSegment(segment, end, offset, options))
        // That there is nothing in files which are the log's no more says nothing of it.
        const isEmpty = result === undefined || result.records.byteLength === 0
        if (isEmpty && replacements !== log.replacements) return this.read(offset, options)
        if (result !== undefined) return ok(result)
      }
      return nothing(offset)
    } catch (error) {
      if (offset < log.logStartOffset || offset > log.logEndOffset) return this.outOfRange(offset)
      if (await this.wasReplaced(replacements)) return this.read(offset, options)
      return log.readFailed(error as Error)
    }
  }

  /** Compaction has put other files in place meanwhile, or is about to: those are to be looked at then. */
  private async wasReplaced(replacements: number): Promise<boolean> {
    const { renaming } = this.log
    await renaming
    return renaming !== undefined || replacements !== this.log.replacements
  }

  /** A look at several segments, all of which belong together. */
  private async unreplaced<T>(look: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.log.renaming
      const { replacements } = this.log
      try {
        const found = await look()
        if (replacements === this.log.replacements) return found
      } catch (error) {
        if (!(await this.wasReplaced(replacements))) throw error
      }
    }
  }

  /** The last segment that begins at or below an offset. */
  private segmentOf(offset: bigint): number {
    const { segments } = this.log
    let low = 0
    let high = segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Undefined where nothing in the segment lies at or above the offset. */
  private async readSegment(
    segment: Segment,
    segmentEnd: { readonly position: number; readonly offset: bigint },
    offset: bigint,
    options: ReadOptions,
  ): Promise<ReadResult | undefined> {
    const pinned = await segment.pin()
    let isKept = false
    try {
      const first = await segment.find(offset, pinned.file)
      if (first === undefined) return undefined
      if (first.baseOffset >= options.maxOffset) return { records: NOTHING, upperBoundOffset: offset }
      const limit = { ...options, end: segmentEnd.position, endOffset: segmentEnd.offset }
      if (options.maxOffset < segmentEnd.offset) {
        limit.endOffset = options.maxOffset
        limit.end = (await segment.find(options.maxOffset, pinned.file))?.position ?? limit.end
      }
      const cut = await cutRange(segment, pinned, first, limit)
      if (cut.end <= first.position) return { records: NOTHING, upperBoundOffset: offset }
      isKept = true
      const range = new FileRange(pinned, first.position, cut.end)
      return {
        records: { byteLength: range.byteLength, parts: [range] },
        upperBoundOffset: cut.upperBoundOffset,
      }
    } finally {
      if (!isKept) pinned.release()
    }
  }

  offsetForTimestamp(timestamp: bigint): Promise<TimestampOffset | undefined> {
    return this.log.environment.searches.run(() => this.unreplaced(() => this.findByTimestamp(timestamp)))
  }

  private async findByTimestamp(timestamp: bigint): Promise<TimestampOffset | undefined> {
    for (const segment of [...this.log.segments]) {
      const found = await this.whileThere(segment, async () => {
        const largest = await segment.largestTimestamp()
        if (largest.timestamp < timestamp) return undefined
        return this.log.repairing(segment, () => this.findInSegment(segment, timestamp))
      })
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Undefined where the segment was deleted in the meantime. */
  private async whileThere<T>(segment: Segment, look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look()
    } catch (error) {
      if (this.log.segments.includes(segment) || this.log.renaming !== undefined) throw error
      return undefined
    }
  }

  private async findInSegment(segment: Segment, timestamp: bigint): Promise<TimestampOffset | undefined> {
    const { logStartOffset } = this.log
    const entry = await segment.timeIndex.lookup(timestamp)
    if (!(await segment.isTrue(entry))) {
      throw new DamagedSegment(`${segment.path}: its time index leads astray at offset ${entry.offset}`)
    }
    const { offset } = entry
    const near = await segment.offsetIndex.lookup(greatestOffset(offset, logStartOffset))
    let from = near.position
    for (;;) {
      const place = await segment.firstWhere(
        { from },
        batch => batch.maxTimestamp >= timestamp && batch.lastOffset >= logStartOffset,
      )
      if (place === undefined) return undefined
      const found = findByTimestamp(await segment.readBatch(place), timestamp, logStartOffset)
      if (found.error === 0 && found.value !== undefined) {
        return { ...found.value, leaderEpoch: place.leaderEpoch }
      }
      from = place.position + place.sizeBytes
    }
  }

  offsetOfMaxTimestamp(): Promise<TimestampOffset | undefined> {
    return this.log.environment.searches.run(() => this.unreplaced(() => this.findMaxTimestamp()))
  }

  private async findMaxTimestamp(): Promise<TimestampOffset | undefined> {
    let best: { segment: Segment; timestamp: bigint; lastOffset: bigint } | undefined
    for (const segment of [...this.log.segments]) {
      const largest = await this.whileThere(segment, () => this.largestIn(segment))
      if (largest === undefined) continue
      const { timestamp, lastOffset } = largest
      if (timestamp >= 0n && (best === undefined || timestamp > best.timestamp)) {
        best = { segment, timestamp, lastOffset }
      }
    }
    if (best === undefined) return undefined
    const { segment, lastOffset, timestamp } = best
    const place = await this.log.repairing(segment, () => segment.find(lastOffset))
    if (place === undefined) return undefined
    const batch = await segment.readBatch(place)
    const found = findMaxTimestamp(batch)
    const record = found.error === 0 ? found.value : undefined
    return { ...(record ?? { offset: batch.lastOffset, timestamp }), leaderEpoch: place.leaderEpoch }
  }

  /** The time index does not know of a log start inside a segment. */
  private async largestIn(segment: Segment): Promise<{ timestamp: bigint; lastOffset: bigint }> {
    const { logStartOffset } = this.log
    const largest = await segment.largestTimestamp()
    if (largest.lastOffset >= logStartOffset) return largest
    let timestamp = -1n
    let lastOffset = -1n
    await segment.firstWhere({ from: 0 }, batch => {
      if (batch.lastOffset >= logStartOffset && batch.maxTimestamp > timestamp) {
        timestamp = batch.maxTimestamp
        lastOffset = batch.lastOffset
      }
      return false
    })
    return { timestamp, lastOffset }
  }

  async abortedTransactions(from: bigint, to: bigint): Promise<AbortedTransaction[]> {
    const entries = await this.unreplaced(async () => this.collectAborted(from, await this.indexedFrom(to)))
    return entries.map(({ producerId, firstOffset, lastOffset }) => ({ producerId, firstOffset, lastOffset }))
  }

  /**
   * Kafka knows the end of what it reads by its offset index alone, and tells of aborted transactions up to
   * the next entry there, or the segment's end.
   */
  private async indexedFrom(offset: bigint): Promise<bigint> {
    const { segments, logEndOffset } = this.log
    const at = this.segmentOf(offset - 1n)
    const indexed = await segments[at]!.offsetIndex.offsetFrom(offset)
    return indexed ?? segments[at + 1]?.baseOffset ?? logEndOffset
  }

  /** As the transaction indexes have them. */
  abortedEntries(from: bigint, to: bigint): Promise<AbortedEntry[]> {
    return this.unreplaced(() => this.collectAborted(from, to))
  }

  private async collectAborted(from: bigint, to: bigint): Promise<AbortedEntry[]> {
    const aborted: AbortedEntry[] = []
    const segments = this.log.segments.slice(this.segmentOf(from))
    for (const segment of segments) {
      const { found, isComplete } = await segment.transactionIndex.overlapping(from, to)
      for (const entry of found) aborted.push(entry)
      if (isComplete) break
    }
    return aborted
  }
}

/** A part of a segment file. The handle stays open until it is released. */
class FileRange implements DeferredBytes {
  readonly byteLength: number
  private readonly pinned: PinnedFile
  private readonly start: number

  constructor(pinned: PinnedFile, start: number, end: number) {
    this.pinned = pinned
    this.start = start
    this.byteLength = end - start
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(Math.min(length, this.byteLength - position))
    const read = await this.pinned.file.read(bytes, this.start + position)
    if (read < bytes.length) throw new DamagedSegment('a segment was cut while it was being read')
    return bytes
  }

  release(): void {
    this.pinned.release()
  }
}

interface CutLimit extends ReadOptions {
  /** Position that is not to be passed, and an offset that nothing before it reaches. */
  readonly end: number
  readonly endOffset: bigint
}

/**
 * Where the whole batches end that fit into `maxBytes`. The index gives a batch near there, from which a few
 * headers lead to the last one; so a long range costs no more than a short one.
 */
async function cutRange(
  segment: Segment,
  pinned: PinnedFile,
  first: BatchPlace,
  limit: CutLimit,
): Promise<{ readonly end: number; readonly upperBoundOffset: bigint }> {
  const { maxBytes, minOneBatch, end, endOffset } = limit
  if (end - first.position <= maxBytes) return { end, upperBoundOffset: endOffset }
  if (first.sizeBytes > maxBytes) {
    const only = minOneBatch ? first.position + first.sizeBytes : first.position
    return { end: Math.min(only, end), upperBoundOffset: endOffset }
  }
  const last = first.position + maxBytes
  const near = await segment.offsetIndex.lookupPosition(last)
  const from = Math.max(near.position, first.position)
  const beyond = await segment.firstWhere(
    { from, to: end, file: pinned.file },
    (batch, position) => position + batch.sizeInBytes > last,
  )
  if (beyond === undefined) return { end, upperBoundOffset: endOffset }
  return { end: beyond.position, upperBoundOffset: beyond.baseOffset }
}

/** The batches of a buffer that hold the offset or come after it, end below `maxOffset`, and fit. */
function cutBatches(
  bytes: Buffer,
  options: ReadOptions & { readonly offset: bigint; readonly isFirst: boolean },
  used: number,
): Buffer {
  let start = 0
  let end = 0
  let isEmpty = options.isFirst
  for (let position = 0; position < bytes.length; position = end) {
    const batch = new RecordBatch(bytes, position)
    const size = batch.sizeInBytes
    end = position + size
    if (batch.lastOffset < options.offset) {
      start = end
      continue
    }
    const isTooLong = used + end - start > options.maxBytes && !(isEmpty && options.minOneBatch)
    if (batch.lastOffset >= options.maxOffset || isTooLong) return bytes.subarray(start, position)
    isEmpty = false
  }
  return bytes.subarray(start, end)
}

function endsAlike(part: Buffer, whole: Buffer): boolean {
  return part.length > 0 && part.byteOffset + part.length === whole.byteOffset + whole.length
}

function nothing(offset: bigint): Result<ReadResult> {
  return ok({ records: NOTHING, upperBoundOffset: offset })
}
