/**
 * Follows the offsets of a log from batch to batch: which records a damaged stretch held, follows from the
 * whole batches around it.
 */
import type { OffsetRange } from './findings.ts'

export interface Placed {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
}

/** Damage whose records are known when the next whole batch, or the end of the segment, is. */
interface Pending {
  /** What its header says, as far as it has one. */
  readonly claimed: Placed | undefined
  readonly settle: (offsets: OffsetRange) => void
}

export class OffsetOrder {
  private nextOffset: bigint
  private pending: Pending[] = []

  constructor(baseOffset: bigint) {
    this.nextOffset = baseOffset
  }

  /** Where the next batch is expected. */
  get next(): bigint {
    return this.nextOffset
  }

  get hasDamage(): boolean {
    return this.pending.length > 0
  }

  damaged(claimed: Placed | undefined, settle: (offsets: OffsetRange) => void): void {
    this.pending.push({ claimed, settle })
  }

  /** All before an offset has been passed. */
  advanceTo(offset: bigint): void {
    if (offset > this.nextOffset) this.nextOffset = offset
  }

  /** What was believed so far was wrong. */
  restartAt(offset: bigint): void {
    this.nextOffset = offset
  }

  /** Damage ends here, or nobody knows where. Headers are believed where they fill what is missing. */
  settle(end: bigint | undefined): void {
    const { pending, nextOffset: first } = this
    this.pending = []
    if (pending.length === 0) return
    let at = first
    const isExact = pending.every(({ claimed }) => {
      const follows = claimed !== undefined && claimed.baseOffset === at
      if (claimed) at = claimed.lastOffset + 1n
      return follows
    })
    const last = end !== undefined && end > first ? end - 1n : undefined
    for (const { claimed, settle } of pending) {
      const isBelieved = isExact && (end === undefined || at === end)
      settle(isBelieved ? { first: claimed!.baseOffset, last: claimed!.lastOffset } : { first, last })
    }
    this.advanceTo(end ?? (isExact ? at : first))
  }
}
