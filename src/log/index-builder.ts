/**
 * The index files of a segment that is written from its beginning to its end, as bytes: the same entries that
 * appending the batches one by one would make.
 */
import { NO_TIMESTAMP, type RecordBatch } from '../records/batch.ts'

const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12

export interface IndexBytes {
  readonly offsets: Uint8Array
  readonly times: Uint8Array
}

export class IndexBuilder {
  private readonly baseOffset: bigint
  private readonly intervalBytes: number
  private offsets: Buffer[] = []
  private times: Buffer[] = []
  private bytesSinceEntry = 0
  private greatest = NO_TIMESTAMP
  private offsetOfGreatest: bigint
  private lastIndexed = NO_TIMESTAMP

  constructor(baseOffset: bigint, intervalBytes: number) {
    this.baseOffset = baseOffset
    this.offsetOfGreatest = baseOffset
    this.intervalBytes = intervalBytes
  }

  note(batch: RecordBatch, position: number): void {
    if (batch.maxTimestamp > this.greatest) {
      this.greatest = batch.maxTimestamp
      this.offsetOfGreatest = batch.lastOffset
    }
    if (this.bytesSinceEntry > this.intervalBytes) {
      const entry = Buffer.alloc(OFFSET_ENTRY_BYTES)
      entry.writeInt32BE(this.relative(batch.lastOffset))
      entry.writeInt32BE(position, 4)
      this.offsets.push(entry)
      this.noteTime()
      this.bytesSinceEntry = 0
    }
    this.bytesSinceEntry += batch.sizeInBytes
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
    if (this.greatest <= this.lastIndexed) return
    const entry = Buffer.alloc(TIME_ENTRY_BYTES)
    entry.writeBigInt64BE(this.greatest)
    entry.writeInt32BE(this.relative(this.offsetOfGreatest), 8)
    this.times.push(entry)
    this.lastIndexed = this.greatest
  }

  private relative(offset: bigint): number {
    return Number(offset - this.baseOffset)
  }
}
