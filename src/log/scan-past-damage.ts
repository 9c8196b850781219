import type { RecordBatch } from '../records/batch.ts'
import { RECOVERY_BYTES } from './batch-scan.ts'
import { DamagedSegment } from './damaged-segment.ts'
import type { OffsetIndex, OffsetPosition } from './offset-index.ts'
import type { SegmentScan } from './segment.ts'

interface ScannedSegment {
  readonly path: string
  readonly offsetIndex: OffsetIndex
  scan(options: SegmentScan, visit: (batch: RecordBatch, position: number) => unknown): Promise<void>
}

interface Range {
  readonly from: number
  readonly to: number
  /** Throws what is no damage to go past. */
  readonly onDamage: (error: unknown) => void
}

/**
 * The batches of a segment, but for those that damage hides: where one has rotted whose length is in its
 * header, the next that is known is one of the index.
 */
export async function scanPastDamage(
  segment: ScannedSegment,
  { from, to, onDamage }: Range,
  visit: (batch: RecordBatch) => void,
): Promise<void> {
  let reached = from
  let entry: OffsetPosition | undefined
  const visitNext = (batch: RecordBatch, position: number) => {
    if (position === entry?.position && batch.lastOffset !== entry.offset) {
      throw new DamagedSegment(`${segment.path} is damaged at position ${position}, and its index too`)
    }
    reached = position + batch.sizeInBytes
    visit(batch)
  }
  while (reached < to) {
    try {
      await segment.scan({ from: reached, to, depth: 'headers', readBytes: RECOVERY_BYTES }, visitNext)
      return
    } catch (error) {
      onDamage(error)
      entry = await segment.offsetIndex.entryFrom(reached + 1)
      // An index that has rotted too may lead back.
      if (entry === undefined || entry.position <= reached) return
      reached = entry.position
    }
  }
}
