/**
 * Holds the indexes of a segment against its batches, as these pass by in order. An index is sparse, so only
 * what it says can be wrong, not what it leaves out.
 */
import type { OffsetPosition } from '../../log/offset-index.ts'
import type { TimeEntry } from '../../log/time-index.ts'
import type { RecordBatch } from '../../records/batch.ts'

/** What is at a place of the segment; without `batch`, bytes that cannot be understood. */
export interface Passing {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset?: bigint
  readonly lastOffset?: bigint
  readonly maxTimestamp?: bigint
}

export function passing(position: number, batch: RecordBatch): Passing {
  const { baseOffset, lastOffset, maxTimestamp, sizeInBytes: sizeBytes } = batch
  return { position, sizeBytes, baseOffset, lastOffset, maxTimestamp }
}

/** Told once for each entry that is wrong, by its number. */
export type EntryComplaint = (index: number, message: string) => void

interface Numbered<Entry> {
  readonly index: number
  readonly entry: Entry
}

/** Entries by what they are looked up with; those that break the rising order are complained of. */
function sorted<Entry>(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => bigint,
  complain: EntryComplaint,
): Numbered<Entry>[] {
  let greatest = -1n
  for (const [index, entry] of entries.entries()) {
    const value = keyOf(entry)
    if (value <= greatest) complain(index, 'the entries do not rise')
    else greatest = value
  }
  return entries
    .map((entry, index) => ({ index, entry }))
    .sort((a, b) => Number(keyOf(a.entry) - keyOf(b.entry)))
}

export class OffsetIndexCheck {
  private readonly entries: readonly Numbered<OffsetPosition>[]
  private readonly complain: EntryComplaint
  private next = 0
  /** Entries that name the last offset of a batch further on, as Kafkas before 4.0 wrote them. */
  private awaited: Numbered<OffsetPosition>[] = []

  constructor(entries: readonly OffsetPosition[], complain: EntryComplaint) {
    this.complain = complain
    this.entries = sorted(entries, entry => BigInt(entry.position), complain)
  }

  pass({ position, sizeBytes, baseOffset, lastOffset }: Passing): void {
    this.settleAwaited(baseOffset, lastOffset)
    for (; this.next < this.entries.length; this.next++) {
      const numbered = this.entries[this.next]!
      const { entry, index } = numbered
      if (entry.position >= position + sizeBytes) return
      // Where the batches cannot be told apart, nor can what points at them.
      if (baseOffset === undefined || lastOffset === undefined) continue
      if (entry.position !== position) {
        this.complain(index, `position ${entry.position} is inside the batch that begins at ${position}`)
      } else if (entry.offset < baseOffset) {
        this.complain(
          index,
          `offset ${entry.offset} is not in the batch at ${position}, which begins with ${baseOffset}`,
        )
      } else if (entry.offset !== lastOffset) this.awaited.push(numbered)
    }
  }

  /** `hasGrown`: what was appended meanwhile has not passed by, and may be in the index. */
  finish(hasGrown: boolean): void {
    if (hasGrown) return
    for (const { index, entry } of this.awaited) {
      this.complain(index, `offset ${entry.offset} is not the last one of any batch`)
    }
    for (const { index, entry } of this.entries.slice(this.next)) {
      this.complain(index, `position ${entry.position} is behind the last batch`)
    }
  }

  private settleAwaited(baseOffset: bigint | undefined, lastOffset: bigint | undefined): void {
    if (this.awaited.length === 0) return
    if (baseOffset === undefined || lastOffset === undefined) {
      this.awaited = []
      return
    }
    this.awaited = this.awaited.filter(({ index, entry }) => {
      if (entry.offset > lastOffset) return true
      if (entry.offset !== lastOffset) {
        this.complain(index, `offset ${entry.offset} is not the last one of any batch`)
      }
      return false
    })
  }
}

export class TimeIndexCheck {
  private readonly entries: readonly Numbered<TimeEntry>[]
  private readonly complain: EntryComplaint
  private next = 0
  private greatest = -1n
  private hasDamageBefore = false

  constructor(entries: readonly TimeEntry[], complain: EntryComplaint) {
    this.complain = complain
    let last = -1n
    for (const [index, { timestamp }] of entries.entries()) {
      if (timestamp <= last) complain(index, 'the timestamps do not rise')
      else last = timestamp
    }
    this.entries = entries
      .map((entry, index) => ({ index, entry }))
      .sort((a, b) => Number(a.entry.offset - b.entry.offset))
  }

  pass({ baseOffset, lastOffset, maxTimestamp }: Passing): void {
    if (baseOffset === undefined || lastOffset === undefined || maxTimestamp === undefined) {
      this.hasDamageBefore = true
      return
    }
    if (maxTimestamp > this.greatest) this.greatest = maxTimestamp
    for (; this.next < this.entries.length; this.next++) {
      const { entry, index } = this.entries[this.next]!
      if (entry.offset > lastOffset) break
      if (entry.offset < baseOffset) {
        if (!this.hasDamageBefore) this.complain(index, `offset ${entry.offset} is not in the segment`)
      } else if (entry.timestamp !== maxTimestamp) {
        this.complain(index, `timestamp ${entry.timestamp} is not that of the batch, ${maxTimestamp}`)
      } else if (entry.timestamp < this.greatest) {
        this.complain(index, `a batch before has a later timestamp, ${this.greatest}`)
      }
    }
  }

  finish(hasGrown: boolean): void {
    if (hasGrown) return
    for (const { index, entry } of this.entries.slice(this.next)) {
      this.complain(index, `offset ${entry.offset} is behind the last batch`)
    }
  }
}
