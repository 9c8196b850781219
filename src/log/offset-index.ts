/**
 * `.index`: last offset of a batch, relative to the segment's base (int32), and where that batch begins
 * (int32). Sparse: one entry whenever `index.interval.bytes` have passed since the last.
 */
import { DamagedSegment } from './damaged-segment.ts'
import { IndexFile, type IndexFileOptions } from './index-file.ts'

const ENTRY_BYTES = 8

export interface OffsetPosition {
  readonly offset: bigint
  readonly position: number
}

export interface OffsetIndexOptions extends Omit<IndexFileOptions, 'entryBytes'> {
  /** As it is now. */
  readonly segmentBytes: () => number
}

/** The entries of a whole file, as they stand. */
export function* offsetEntries(bytes: Buffer, baseOffset: bigint): Generator<OffsetPosition> {
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    yield { offset: baseOffset + BigInt(bytes.readInt32BE(at)), position: bytes.readInt32BE(at + 4) }
  }
}

export class OffsetIndex {
  readonly file: IndexFile
  private readonly baseOffset: bigint
  private readonly options: OffsetIndexOptions

  constructor(baseOffset: bigint, options: OffsetIndexOptions) {
    this.baseOffset = baseOffset
    this.options = options
    this.file = new IndexFile({ ...options, entryBytes: ENTRY_BYTES })
  }

  isFull(maxBytes: number, entriesAhead = 0): boolean {
    return this.file.count + entriesAhead >= Math.floor(maxBytes / ENTRY_BYTES)
  }

  append(lastOffset: bigint, position: number): void {
    const { buffer, at } = this.file.addEntry()
    buffer.writeInt32BE(Number(lastOffset - this.baseOffset), at)
    buffer.writeInt32BE(position, at + 4)
  }

  /** The last entry at or below an offset; the segment's beginning where there is none. */
  lookup(offset: bigint): Promise<OffsetPosition> {
    const relative = offset - this.baseOffset
    return this.lastWhere((buffer, at) => BigInt(buffer.readInt32BE(at)) <= relative)
  }

  /** The offset of the first entry at or above another; undefined where there is none. */
  offsetFrom(offset: bigint): Promise<bigint | undefined> {
    const { file } = this
    const relative = offset - this.baseOffset
    return file.withEntries(() => {
      const index = file.lastWhere((buffer, at) => BigInt(buffer.readInt32BE(at)) < relative) + 1
      if (index >= file.count) return undefined
      const { buffer, at } = file.entry(index)
      return this.decode(buffer, at).offset
    })
  }

  /** The last entry whose batch begins at or before a position. */
  lookupPosition(position: number): Promise<OffsetPosition> {
    return this.lastWhere((buffer, at) => buffer.readInt32BE(at + 4) <= position)
  }

  /** The first entry whose batch begins at or behind a position; undefined where there is none. */
  entryFrom(position: number): Promise<OffsetPosition | undefined> {
    const { file } = this
    return file.withEntries(() => {
      const index = file.lastWhere((buffer, at) => buffer.readInt32BE(at + 4) < position) + 1
      if (index >= file.count) return undefined
      const { buffer, at } = file.entry(index)
      return this.decode(buffer, at)
    })
  }

  async lastEntry(): Promise<OffsetPosition> {
    if (this.file.count === 0) return { offset: this.baseOffset, position: 0 }
    const { buffer, at } = await this.file.readEntry(this.file.count - 1)
    return this.withinSegment(this.decode(buffer, at))
  }

  /**
   * Whether offsets and positions rise, and stay within the segment: what a file must be before it is
   * trusted.
   */
  isSound(segmentBytes: number): Promise<boolean> {
    return this.file.withEntries(() => this.doesRise(segmentBytes))
  }

  private doesRise(segmentBytes: number): boolean {
    let lastOffset = -1
    let lastPosition = -1
    for (let i = 0; i < this.file.count; i++) {
      const { buffer, at } = this.file.entry(i)
      const offset = buffer.readInt32BE(at)
      const position = buffer.readInt32BE(at + 4)
      if (offset <= lastOffset || position <= lastPosition || position >= segmentBytes) return false
      lastOffset = offset
      lastPosition = position
    }
    return true
  }

  /** Drops the entries of batches that reach an offset. */
  async truncateToOffset(offset: bigint): Promise<void> {
    const { file } = this
    const relative = offset - this.baseOffset
    const count = await file.withEntries(
      () => file.lastWhere((buffer, at) => BigInt(buffer.readInt32BE(at)) < relative) + 1,
    )
    await file.truncate(count)
  }

  private lastWhere(isBelow: (buffer: Buffer, at: number) => boolean): Promise<OffsetPosition> {
    return this.file.withEntries(() => {
      const index = this.file.lastWhere(isBelow)
      if (index < 0) return { offset: this.baseOffset, position: 0 }
      const { buffer, at } = this.file.entry(index)
      return this.withinSegment(this.decode(buffer, at))
    })
  }

  /**
   * The file may rot long after it was looked through. Who went on from such a place would find no batch, and
   * take that for the segment's end.
   */
  private withinSegment(entry: OffsetPosition): OffsetPosition {
    if (entry.position >= 0 && entry.position < this.options.segmentBytes()) return entry
    throw new DamagedSegment(`${this.options.path()} leads out of its segment at offset ${entry.offset}`)
  }

  private decode(buffer: Buffer, at: number): OffsetPosition {
    return { offset: this.baseOffset + BigInt(buffer.readInt32BE(at)), position: buffer.readInt32BE(at + 4) }
  }
}
