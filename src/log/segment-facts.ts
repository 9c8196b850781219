/**
 * What is known of a segment's batches without reading them: it places index entries, and decides on rolling
 * and on deletion.
 */
import { NO_TIMESTAMP, type RecordBatch } from '../records/batch.ts'
import type { TimeEntry } from './time-index.ts'

export class SegmentFacts {
  maxTimestamp = NO_TIMESTAMP
  offsetOfMaxTimestamp: bigint
  /** The greatest of the first batch. */
  firstTimestamp: bigint | undefined
  bytesSinceEntry = 0

  constructor(baseOffset: bigint) {
    this.offsetOfMaxTimestamp = baseOffset
  }

  /** Returns whether index entries are due that lead to the batch. */
  note(batch: RecordBatch, indexIntervalBytes: number): boolean {
    this.firstTimestamp ??= batch.maxTimestamp
    this.noteTime(batch)
    const isDue = this.bytesSinceEntry > indexIntervalBytes
    this.bytesSinceEntry = (isDue ? 0 : this.bytesSinceEntry) + batch.sizeInBytes
    return isDue
  }

  noteTime({ maxTimestamp, lastOffset }: RecordBatch): void {
    if (maxTimestamp <= this.maxTimestamp) return
    this.maxTimestamp = maxTimestamp
    this.offsetOfMaxTimestamp = lastOffset
  }

  /** What the batches before the last index entries came to. */
  adopt({ timestamp, offset }: TimeEntry): void {
    this.maxTimestamp = timestamp
    this.offsetOfMaxTimestamp = offset
  }
}
