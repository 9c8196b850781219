/** One segment: its batches, what its indexes say of them, and how they continue the segment before. */
import type { LeaderEpochs } from '../../log/leader-epochs.ts'
import { offsetEntries } from '../../log/offset-index.ts'
import { timeEntries } from '../../log/time-index.ts'
import { type AbortedEntry, decodeEntries, encodeEntries } from '../../log/transaction-index.ts'
import type { Disk } from '../../platform/platform.ts'
import type { RecordBatch } from '../../records/batch.ts'
import type { Finding, FindingKind, OffsetRange } from './findings.ts'
import { OffsetIndexCheck, passing, TimeIndexCheck } from './index-check.ts'
import { entriesOf } from './index-entries.ts'
import type { OffsetOrder, OrderHooks } from './offset-order.ts'
import type { ProducerCheck } from './producer-check.ts'
import { type SegmentItem, walkSegment } from './segment-walk.ts'

export interface SegmentFile {
  /** Without its ending. */
  readonly path: string
  readonly baseOffset: bigint
  readonly sizeBytes: number
  readonly isLast: boolean
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
  private oldMessages = 0
  private previousPosition = 0

  constructor(segment: SegmentFile, course: LogCourse) {
    this.segment = segment
    this.course = course
    this.log = `${segment.path}.log`
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
    this.previousPosition = position
  }

  finish(): SegmentResult {
    this.offsetIndex?.finish()
    this.timeIndex?.finish()
    const isKnown = this.isTransactionKnown && this.course.producers.isKnown
    if (isKnown) this.compareTransactions()
    const { batches, soundBytes, oldMessages } = this
    return { batches, soundBytes, oldMessages, aborted: isKnown ? this.aborted : undefined }
  }

  private passBatch(batch: RecordBatch, position: number): void {
    const { order, producers, epochs, mayHaveGaps } = this.course
    const { baseOffset, lastOffset, partitionLeaderEpoch } = batch
    const previousPosition = this.previousPosition
    const hooks: OrderHooks = {
      onMoved: (which, offsets) => {
        const at = which === 'this' || previousPosition === position ? position : previousPosition
        const message = `the batch says that it begins with offset ${baseOffset}, which another one has`
        const text = which === 'this' ? message : 'the batch claims offsets of the one behind it'
        this.course.report({
          severity: 'damage',
          kind: 'order',
          path: this.log,
          position: at,
          offsets,
          message: text,
        })
      },
      onGap: offsets => {
        if (mayHaveGaps) return
        const message = 'offsets are missing before this batch'
        this.course.report({ severity: 'damage', kind: 'gap', path: this.log, position, offsets, message })
      },
    }
    order.whole({ baseOffset, lastOffset }, hooks)
    const epoch = epochs?.epochForOffset(baseOffset)
    if (epoch !== undefined && partitionLeaderEpoch >= 0 && epoch !== partitionLeaderEpoch) {
      const message = `the batch is of leader epoch ${partitionLeaderEpoch}, and the checkpoint says ${epoch}`
      const offsets = { first: baseOffset, last: lastOffset }
      this.course.report({ severity: 'damage', kind: 'epoch', path: this.log, position, offsets, message })
    }
    const place = passing(position, batch)
    this.offsetIndex?.pass(place)
    this.timeIndex?.pass(place)
    const aborted = producers.pass(batch)
    if (aborted !== undefined) this.aborted.push(aborted)
    if (batch.isControl) this.abortMarkers.set(lastOffset, batch.producerId)
  }

  private passMessage(item: Extract<SegmentItem, { kind: 'message' }>): void {
    const { message, position, sizeBytes } = item
    this.oldMessages++
    this.soundBytes = position + sizeBytes
    const { offset, timestamp } = message
    const { order } = this.course
    // A compressed one has the offset of the last message in it, and those of the others are inside.
    const baseOffset = order.next !== undefined && order.next <= offset ? order.next : offset
    order.whole({ baseOffset, lastOffset: offset }, { onGap: () => {}, onMoved: () => {} })
    const place = { position, sizeBytes, baseOffset, lastOffset: offset, maxTimestamp: timestamp }
    this.offsetIndex?.pass(place)
    this.timeIndex?.pass(place)
  }

  private passDamage(item: Exclude<SegmentItem, { kind: 'message' }>): void {
    const { position, sizeBytes } = item
    this.offsetIndex?.pass({ position, sizeBytes })
    this.timeIndex?.pass({ position, sizeBytes })
    this.course.producers.lose()
    this.isTransactionKnown = false
    const isTorn = this.segment.isLast && position + sizeBytes === this.segment.sizeBytes
    const base = { severity: 'damage', path: this.log, position } as const
    const message =
      item.kind === 'batch'
        ? 'the checksum of the batch does not match'
        : `${sizeBytes} bytes are no batch (${item.reason})`
    const claimed =
      item.kind === 'batch'
        ? { baseOffset: item.batch.baseOffset, lastOffset: item.batch.lastOffset }
        : undefined
    this.course.order.damaged(claimed, offsets => {
      const kind = isTorn ? 'torn-end' : 'batch'
      this.course.report({ ...base, kind, message, offsets })
    })
  }

  /** Undefined for an index that is not there, which is no damage: it is made anew. */
  private async readIndex(ending: string, entryBytes: number): Promise<Buffer | undefined> {
    const path = `${this.segment.path}${ending}`
    if (!this.segment.endings.has(ending)) {
      if (!this.segment.isLast) this.note('index', path, 'it is missing, and is made anew when it is needed')
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
      const message = `it has a transaction of producer ${producerId} that no marker aborted at offset ${lastOffset}`
      this.damage('txnindex', path, message, { first: firstOffset, last: lastOffset })
    }
  }

  private damage(kind: FindingKind, path: string, message: string, offsets?: OffsetRange): void {
    this.course.report({ severity: 'damage', kind, path, message, ...(offsets && { offsets }) })
  }

  private note(kind: FindingKind, path: string, message: string): void {
    this.course.report({ severity: 'note', kind, path, message })
  }
}
