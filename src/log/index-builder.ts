/**
 * The index files of a segment that is written from its beginning to its end, as bytes: the same entries that
 * appending the batches one by one would make.
 */
import { NO_TIMESTAMP, type RecordBatch } from '../records/batch.ts'
import { SegmentFacts } from './segment-facts.ts'

const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12

export interface IndexBytes {
  readonly offsets: Buffer
  readonly times: Buffer
}

export class IndexBuilder {
  readonly facts: SegmentFacts
  private readonly baseOffset: bigint
  private readonly intervalBytes: number
  private offsets: Buffer[] = []
  private times: Buffer[] = []
  private lastIndexed = NO_TIMESTAMP

  constructor(baseOffset: bigint, intervalBytes: number) {
    this.baseOffset = baseOffset
    this.facts = new SegmentFacts(baseOffset)
    this.intervalBytes = intervalBytes
  }

  note(batch: RecordBatch, position: number): void {
    if (!this.facts.note(batch, this.intervalBytes)) return
    const entry = Buffer.alloc(OFFSET_ENTRY_BYTES)
    entry.writeInt32BE(this.relative(batch.lastOffset))
    entry.writeInt32BE(position, 4)
    this.offsets.push(entry)
    this.noteTime()
  }

  /** The segment is complete: its greatest timestamp becomes known. */
  finish(): void {
    this.noteTime()
  }

  /** The entries since the last call. */
  take(): IndexBytes {
    const taken = { offsets: Buffer.concat(this.offsets), times: Buffer.concat(this.times) }
    this.offsets = []
    this.times = []
    return taken
  }

  private noteTime(): void {
    const { maxTimestamp, offsetOfMaxTimestamp } = this.facts
    if (maxTimestamp <= this.lastIndexed) return
    const entry = Buffer.alloc(TIME_ENTRY_BYTES)
    entry.writeBigInt64BE(maxTimestamp)
    entry.writeInt32BE(this.relative(offsetOfMaxTimestamp), 8)
    this.times.push(entry)
    this.lastIndexed = maxTimestamp
  }

  private relative(offset: bigint): number {
    return Number(offset - this.baseOffset)
  }
}
