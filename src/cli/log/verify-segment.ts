/** One segment: its batches, what its indexes say of them, and how they continue the segment before. */
import type { LeaderEpochs } from '../../log/leader-epochs.ts'
import { offsetEntries } from '../../log/offset-index.ts'
import { leastOffset } from '../../log/offsets.ts'
import { timeEntries } from '../../log/time-index.ts'
import { type AbortedEntry, decodeEntries, encodeEntries } from '../../log/transaction-index.ts'
import type { Disk } from '../../platform/platform.ts'
import { NO_PARTITION_LEADER_EPOCH, RecordBatch } from '../../records/batch.ts'
import type { Finding, FindingKind, OffsetRange } from './findings.ts'
import { OffsetIndexCheck, passing, TimeIndexCheck } from './index-check.ts'
import { entriesOf } from './index-entries.ts'
import type { OffsetOrder } from './offset-order.ts'
import type { ProducerCheck } from './producer-check.ts'
import { type SegmentItem, walkSegment } from './segment-walk.ts'

export interface SegmentFile {
  /** Without its ending. */
  readonly path: string
  readonly baseOffset: bigint
  readonly sizeBytes: number
  /** Where the segment behind it begins; undefined for the last one. */
  readonly nextBaseOffset: bigint | undefined
  /** The endings of the files that are there. */
  readonly endings: ReadonlySet<string>
}

/** What goes on from segment to segment. */
export interface LogCourse {
  readonly disk: Disk
  readonly order: OffsetOrder
  readonly producers: ProducerCheck
  /** Undefined where there is no checkpoint that can be read. */
  readonly epochs: LeaderEpochs | undefined
  /** Compaction leaves gaps, and no log that it never saw has any. */
  readonly mayHaveGaps: boolean
  readonly report: (finding: Finding) => void
}

export interface SegmentResult {
  readonly batches: number
  /** The first byte behind the last whole batch. */
  readonly soundBytes: number
  /** Behind its last record; where the segment begins if it has none. */
  readonly soundEndOffset: bigint
  /** Of the format before 2. */
  readonly oldMessages: number
  /** What the transaction index should hold, where the log tells. */
  readonly aborted: readonly AbortedEntry[] | undefined
}

export async function verifySegment(segment: SegmentFile, course: LogCourse): Promise<SegmentResult> {
  const check = new SegmentCheck(segment, course)
  await check.openIndexes()
  const file = await course.disk.open(`${segment.path}.log`, 'read')
  try {
    for await (const item of walkSegment(file, { to: segment.sizeBytes })) check.pass(item)
  } finally {
    await file.close()
  }
  return check.finish()
}

class SegmentCheck {
  private readonly segment: SegmentFile
  private readonly course: LogCourse
  private readonly log: string
  private offsetIndex: OffsetIndexCheck | undefined
  private timeIndex: TimeIndexCheck | undefined
  private transactionIndex: readonly AbortedEntry[] = []
  private readonly aborted: AbortedEntry[] = []
  private readonly abortMarkers = new Map<bigint, bigint>()
  private isTransactionKnown: boolean
  private batches = 0
  private soundBytes = 0
  private soundEndOffset: bigint
  private oldMessages = 0
  /** Where the last message of an old format was expected. */
  private beforeMessage = 0n
  /** A batch whose offsets are not the expected ones, until what follows it is known. */
  private suspect: { readonly batch: RecordBatch; readonly position: number } | undefined

  constructor(segment: SegmentFile, course: LogCourse) {
    this.segment = segment
    this.course = course
    this.log = `${segment.path}.log`
    this.soundEndOffset = segment.baseOffset
    this.isTransactionKnown = course.producers.isKnown
  }

  async openIndexes(): Promise<void> {
    const { baseOffset } = this.segment
    const offsets = await this.readIndex('.index', 8)
    if (offsets !== undefined) {
      const entries = [...offsetEntries(offsets, baseOffset)]
      this.offsetIndex = new OffsetIndexCheck(entries, this.complaint('index', '.index', 8))
    }
    const times = await this.readIndex('.timeindex', 12)
    if (times !== undefined) {
      const entries = [...timeEntries(times, baseOffset)]
      this.timeIndex = new TimeIndexCheck(entries, this.complaint('timeindex', '.timeindex', 12))
    }
    if (!this.segment.endings.has('.txnindex')) return
    const path = `${this.segment.path}.txnindex`
    const bytes = await this.course.disk.readFile(path)
    this.transactionIndex = decodeEntries(bytes)
    if (encodeEntries(this.transactionIndex).equals(bytes)) return
    this.damage('txnindex', path, 'it is not made of whole entries of a version that is known')
  }

  pass(item: SegmentItem): void {
    const { position, sizeBytes } = item
    if (item.kind === 'batch' && item.isChecksumValid) {
      this.batches++
      this.soundBytes = position + sizeBytes
      this.passBatch(item.batch, position)
    } else if (item.kind === 'message') this.passMessage(item)
    else this.passDamage(item)
  }

  async finish(): Promise<SegmentResult> {
    const { disk, order, producers } = this.course
    const { nextBaseOffset } = this.segment
    this.settleSuspect(nextBaseOffset)
    order.settle(nextBaseOffset)
    const sizeNow = (await disk.status(this.log))?.sizeBytes
    const hasGrown = sizeNow !== this.segment.sizeBytes
    this.offsetIndex?.finish(hasGrown)
    this.timeIndex?.finish(hasGrown)
    const isKnown = this.isTransactionKnown && producers.isKnown && !hasGrown
    if (isKnown) this.compareTransactions()
    const { batches, soundBytes, soundEndOffset, oldMessages } = this
    return { batches, soundBytes, soundEndOffset, oldMessages, aborted: isKnown ? this.aborted : undefined }
  }

  /** The base offset is not under the checksum. One that is not expected is held against the next one. */
  private passBatch(batch: RecordBatch, position: number): void {
    const { order } = this.course
    const { baseOffset } = batch
    this.settleSuspect(baseOffset)
    if (order.hasDamage && baseOffset >= order.next) order.settle(baseOffset)
    if (baseOffset === order.next) this.accept(batch, position)
    else this.suspect = { batch: new RecordBatch(Buffer.from(batch.bytes())), position }
  }

  /** It is right if all before `end` is left to it: then compaction took what is between, or it is lost. */
  private settleSuspect(end: bigint | undefined): void {
    const { suspect } = this
    if (suspect === undefined) return
    this.suspect = undefined
    const { batch, position } = suspect
    const { order, mayHaveGaps } = this.course
    const expected = order.next
    const { baseOffset, lastOffset, lastOffsetDelta } = batch
    const hasRoom = end === undefined || end < expected || lastOffset < end
    if (baseOffset > expected && hasRoom) {
      const offsets = { first: expected, last: baseOffset - 1n }
      if (!mayHaveGaps)
        this.batchDamage('gap', position, 'the offsets before this batch are missing', offsets)
      this.accept(batch, position)
      return
    }
    const last = end !== undefined && end > expected ? end - 1n : expected + BigInt(lastOffsetDelta)
    const message = `the batch says that it begins with offset ${baseOffset}, where that cannot be`
    this.batchDamage('order', position, message, { first: expected, last })
    this.passUnknown(position, batch.sizeInBytes)
    order.advanceTo(last + 1n)
  }

  private accept(batch: RecordBatch, position: number): void {
    const { order, producers, epochs } = this.course
    const { baseOffset, lastOffset, partitionLeaderEpoch } = batch
    const epoch = epochs?.epochForOffset(baseOffset)
    if (
      epoch !== undefined &&
      partitionLeaderEpoch !== NO_PARTITION_LEADER_EPOCH &&
      epoch !== partitionLeaderEpoch
    ) {
      const message = `the batch is of leader epoch ${partitionLeaderEpoch}, and the checkpoint says ${epoch}`
      this.batchDamage('epoch', position, message, { first: baseOffset, last: lastOffset })
    }
    const place = passing(position, batch)
    this.offsetIndex?.pass(place)
    this.timeIndex?.pass(place)
    const aborted = producers.pass(batch)
    if (aborted !== undefined) this.aborted.push(aborted)
    // What compaction took may have been the beginning of a transaction.
    if (!producers.isKnown) this.isTransactionKnown = false
    if (batch.isControl) this.abortMarkers.set(lastOffset, batch.producerId)
    this.soundEndOffset = lastOffset + 1n
    order.advanceTo(lastOffset + 1n)
  }

  private passMessage(item: Extract<SegmentItem, { kind: 'message' }>): void {
    const { message, position, sizeBytes } = item
    this.oldMessages++
    this.soundBytes = position + sizeBytes
    const { offset, timestamp } = message
    const { order } = this.course
    this.settleSuspect(offset)
    if (offset < order.next && !order.hasDamage) {
      this.messageOutOfPlace(offset, item)
      return
    }
    this.beforeMessage = order.next
    // A compressed one has the offset of the last message in it, and those of the others are inside.
    const baseOffset = message.compression === 'none' ? offset : leastOffset(order.next, offset)
    order.settle(baseOffset)
    const place = { position, sizeBytes, baseOffset, lastOffset: offset, maxTimestamp: timestamp }
    this.offsetIndex?.pass(place)
    this.timeIndex?.pass(place)
    this.soundEndOffset = offset + 1n
    order.advanceTo(offset + 1n)
  }

  /** Offsets are outside the checksum here too. Whichever of two neighbours leaves no room was moved. */
  private messageOutOfPlace(offset: bigint, { position, sizeBytes }: SegmentItem): void {
    const { order } = this.course
    const isPreviousWrong = offset > this.beforeMessage
    const first = isPreviousWrong ? this.beforeMessage : order.next
    const last = isPreviousWrong ? offset - 1n : order.next
    const message = `a message has the offset ${offset} behind ${order.next - 1n}`
    this.batchDamage('order', position, message, { first, last })
    this.passUnknown(position, sizeBytes)
    order.restartAt(isPreviousWrong ? offset + 1n : order.next + 1n)
    this.beforeMessage = order.next
  }

  private passDamage(item: Exclude<SegmentItem, { kind: 'message' }>): void {
    const { position, sizeBytes } = item
    this.settleSuspect(undefined)
    this.passUnknown(position, sizeBytes)
    const isAtEnd = position + sizeBytes === this.segment.sizeBytes
    const kind = isAtEnd && this.segment.nextBaseOffset === undefined ? 'torn-end' : 'batch'
    const message =
      item.kind === 'batch'
        ? 'the checksum of the batch does not match'
        : `${sizeBytes} bytes are no batch (${item.reason})`
    const claimed =
      item.kind === 'batch'
        ? { baseOffset: item.batch.baseOffset, lastOffset: item.batch.lastOffset }
        : undefined
    this.course.order.damaged(claimed, offsets => this.batchDamage(kind, position, message, offsets))
  }

  /** Bytes of which nothing can be said. */
  private passUnknown(position: number, sizeBytes: number): void {
    this.offsetIndex?.pass({ position, sizeBytes })
    this.timeIndex?.pass({ position, sizeBytes })
    this.course.producers.lose()
    this.isTransactionKnown = false
  }

  /** Undefined for an index that is not there, which is no damage: it is made anew. */
  private async readIndex(ending: string, entryBytes: number): Promise<Buffer | undefined> {
    const path = `${this.segment.path}${ending}`
    if (!this.segment.endings.has(ending)) {
      if (this.segment.nextBaseOffset !== undefined)
        this.note('index', path, 'it is missing, and is made anew when it is needed')
      return undefined
    }
    const { bytes, oddBytes } = entriesOf(await this.course.disk.readFile(path), entryBytes)
    if (oddBytes > 0) this.note('index', path, `its last entry is cut off after ${oddBytes} bytes`)
    return bytes
  }

  private complaint(kind: FindingKind, ending: string, entryBytes: number) {
    const path = `${this.segment.path}${ending}`
    const seen = new Set<number>()
    return (index: number, message: string) => {
      if (seen.has(index)) return
      seen.add(index)
      const position = index * entryBytes
      this.course.report({ severity: 'damage', kind, path, position, message: `entry ${index}: ${message}` })
    }
  }

  private compareTransactions(): void {
    const path = `${this.segment.path}.txnindex`
    const keyOf = ({ producerId, lastOffset }: AbortedEntry) => `${producerId} ${lastOffset}`
    const listed = new Map(this.transactionIndex.map(entry => [keyOf(entry), entry]))
    for (const entry of this.aborted) {
      const found = listed.get(keyOf(entry))
      listed.delete(keyOf(entry))
      const who = `producer ${entry.producerId} aborted by the marker at offset ${entry.lastOffset}`
      const offsets: OffsetRange = { first: entry.firstOffset, last: entry.lastOffset }
      if (found === undefined) {
        this.damage('txnindex', path, `it lacks the transaction of ${who}`, offsets)
      } else if (
        found.firstOffset !== entry.firstOffset ||
        found.lastStableOffset !== entry.lastStableOffset
      ) {
        this.damage('txnindex', path, `what it says of the transaction of ${who} is wrong`, offsets)
      }
    }
    for (const { producerId, firstOffset, lastOffset } of listed.values()) {
      if (this.abortMarkers.get(lastOffset) === producerId) continue
      const message = `it has one of producer ${producerId} that no marker aborted at offset ${lastOffset}`
      this.damage('txnindex', path, message, { first: firstOffset, last: lastOffset })
    }
  }

  private batchDamage(kind: FindingKind, position: number, message: string, offsets: OffsetRange): void {
    this.course.report({ severity: 'damage', kind, path: this.log, position, offsets, message })
  }

  private damage(kind: FindingKind, path: string, message: string, offsets?: OffsetRange): void {
    this.course.report({ severity: 'damage', kind, path, message, ...(offsets && { offsets }) })
  }

  private note(kind: FindingKind, path: string, message: string): void {
    this.course.report({ severity: 'note', kind, path, message })
  }
}
