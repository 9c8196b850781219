/**
 * `.timeindex`: the greatest timestamp of the segment so far (int64), and the last offset, relative to the
 * segment's base (int32), of the batch that brought it. Written beside the offset index's entries where the
 * greatest timestamp has risen, and once more when the segment is closed.
 */
import { IndexFile, type IndexFileOptions } from './index-file.ts'

const ENTRY_BYTES = 12
const NO_TIMESTAMP = -1n

export interface TimeEntry {
  readonly timestamp: bigint
  readonly offset: bigint
}

/** The entries of a whole file, as they stand. */
export function* timeEntries(bytes: Buffer, baseOffset: bigint): Generator<TimeEntry> {
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    yield { timestamp: bytes.readBigInt64BE(at), offset: baseOffset + BigInt(bytes.readInt32BE(at + 8)) }
  }
}

export class TimeIndex {
  readonly file: IndexFile
  private readonly baseOffset: bigint
  private readonly none: TimeEntry
  private last: TimeEntry

  constructor(baseOffset: bigint, options: Omit<IndexFileOptions, 'entryBytes'>) {
    this.baseOffset = baseOffset
    this.none = { timestamp: NO_TIMESTAMP, offset: baseOffset }
    this.last = this.none
    this.file = new IndexFile({ ...options, entryBytes: ENTRY_BYTES })
  }

  /** Takes over the file; false where it is missing or cannot be one. */
  async open(): Promise<boolean> {
    const isWhole = await this.file.open()
    await this.reloadLast()
    return isWhole
  }

  /** One slot is kept for the entry of the close. */
  isFull(maxBytes: number, entriesAhead = 0): boolean {
    return this.file.count + entriesAhead >= Math.floor(maxBytes / ENTRY_BYTES) - 1
  }

  get lastEntry(): TimeEntry {
    return this.last
  }

  /** Only a greater timestamp makes an entry. */
  maybeAppend(timestamp: bigint, offset: bigint): void {
    if (timestamp <= this.last.timestamp) return
    const { buffer, at } = this.file.addEntry()
    buffer.writeBigInt64BE(timestamp, at)
    buffer.writeInt32BE(Number(offset - this.baseOffset), at + 8)
    this.last = { timestamp, offset }
  }

  /** The last entry at or before a time; no record before its offset is later than its timestamp. */
  lookup(timestamp: bigint): Promise<TimeEntry> {
    const { file } = this
    return file.withEntries(() =>
      this.entry(file.lastWhere((buffer, at) => buffer.readBigInt64BE(at) <= timestamp)),
    )
  }

  isSound(): Promise<boolean> {
    return this.file.withEntries(() => this.doesRise())
  }

  private doesRise(): boolean {
    let lastTimestamp = NO_TIMESTAMP
    let lastOffset = -1
    for (let i = 0; i < this.file.count; i++) {
      const { buffer, at } = this.file.entry(i)
      const timestamp = buffer.readBigInt64BE(at)
      const offset = buffer.readInt32BE(at + 8)
      if (timestamp <= lastTimestamp || offset < lastOffset) return false
      lastTimestamp = timestamp
      lastOffset = offset
    }
    return true
  }

  async reset(): Promise<void> {
    await this.file.truncate(0)
    await this.reloadLast()
  }

  async beginAnew(entries: Buffer): Promise<void> {
    await this.file.beginAnew(entries)
    const { length } = entries
    this.last = length === 0 ? this.none : this.decode(entries, length - ENTRY_BYTES)
  }

  /** Drops the entries of batches that reach an offset. */
  async truncateToOffset(offset: bigint): Promise<void> {
    await this.file.truncate(await this.file.withEntries(() => this.countBelow(offset)))
    await this.reloadLast()
  }

  private countBelow(offset: bigint): number {
    const relative = offset - this.baseOffset
    return this.file.lastWhere((buffer, at) => BigInt(buffer.readInt32BE(at + 8)) < relative) + 1
  }

  private async reloadLast(): Promise<void> {
    this.last = this.none
    if (this.file.count === 0) return
    const { buffer, at } = await this.file.readEntry(this.file.count - 1)
    this.last = this.decode(buffer, at)
  }

  private entry(index: number): TimeEntry {
    if (index < 0) return this.none
    const { buffer, at } = this.file.entry(index)
    return this.decode(buffer, at)
  }

  private decode(buffer: Buffer, at: number): TimeEntry {
    return {
      timestamp: buffer.readBigInt64BE(at),
      offset: this.baseOffset + BigInt(buffer.readInt32BE(at + 8)),
    }
  }
}
