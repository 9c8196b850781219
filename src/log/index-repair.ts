/**
 * Making the offset and time index of a segment anew from its batches, where they are missing or lead astray.
 * Until the new ones are complete everyone goes by those that are there; where the batches themselves are
 * damaged there will be no others, and the old ones still lead to what is behind the damage.
 */

import type { RecordBatch } from '../records/batch.ts'
import { isPassing } from './append-queue.ts'
import { DamagedSegment } from './damaged-segment.ts'
import { IndexBuilder } from './index-builder.ts'
import type { SegmentFacts } from './segment-facts.ts'
import type { SegmentIndexes } from './segment-indexes.ts'

export interface RepairedSegment {
  readonly baseOffset: bigint
  readonly indexIntervalBytes: number
  readonly indexes: SegmentIndexes
  /** Throws where what is written is not a row of batches. */
  visitAll(visit: (batch: RecordBatch, position: number) => void): Promise<void>
  adopt(facts: SegmentFacts): void
}

export class IndexRepair {
  private readonly segment: RepairedSegment
  private rebuilds = 0
  /** The indexes are not what is wrong, or cannot be made: nobody reads the whole segment for it again. */
  private isInVain = false

  constructor(segment: RepairedSegment) {
    this.segment = segment
  }

  /**
   * Looks once more where indexes that led astray have been made anew, perhaps by somebody else meanwhile.
   * What is given has the segment to itself while it runs, and tells whether there was anything to be done.
   */
  async repairing<T>(
    look: () => Promise<T>,
    alone: (repair: () => Promise<boolean>, reason: DamagedSegment) => Promise<unknown>,
  ): Promise<T> {
    const { rebuilds } = this
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof DamagedSegment)) throw error
      if (rebuilds === this.rebuilds) {
        if (this.isInVain) throw error
        await alone(() => this.rebuildAfter(rebuilds, error), error)
      }
    }
    try {
      return await look()
    } catch (error) {
      this.isInVain ||= error instanceof DamagedSegment
      throw error
    }
  }

  private async rebuildAfter(rebuilds: number, reason: DamagedSegment): Promise<boolean> {
    if (rebuilds !== this.rebuilds) return false
    if (this.isInVain) throw reason
    await this.rebuild()
    return true
  }

  async rebuild(): Promise<void> {
    const { segment } = this
    const { baseOffset, indexIntervalBytes, indexes } = segment
    const builder = new IndexBuilder(baseOffset, indexIntervalBytes)
    try {
      await segment.visitAll((batch, position) => builder.note(batch, position))
    } catch (error) {
      this.isInVain ||= error instanceof DamagedSegment
      throw error
    }
    builder.finish()
    await indexes.beginAnew(builder.take())
    segment.adopt(builder.facts)
    this.rebuilds++
    try {
      await indexes.persist(false)
    } catch (error) {
      // They serve from memory, and are written when there is room or the next start finds the old ones.
      if (!isPassing(error)) throw error
    }
  }

  /** The segment's end has been cut off, and the damage may have gone with it. */
  noteCut(): void {
    this.isInVain = false
  }
}
