/**
 * Follows the offsets of a log from batch to batch: which records a damaged stretch held, follows from the
 * whole batches around it; and where two batches claim the same offsets, which of them tells the truth.
 */
import type { OffsetRange } from './findings.ts'

export interface Placed {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
}

/** Damage whose records are known when the next whole batch, or the end of the log, is. */
interface Pending {
  readonly claimed: Placed | undefined
  readonly settle: (offsets: OffsetRange) => void
}

export interface OrderHooks {
  /** A batch that was moved: by a damaged base offset, which is not under the checksum. */
  onMoved(which: 'this' | 'previous', offsets: OffsetRange): void
  /** Offsets that no batch has. */
  onGap(offsets: OffsetRange): void
}

export class OffsetOrder {
  private nextOffset: bigint | undefined
  private previous: Placed | undefined
  /** Before the previous batch. */
  private endBefore: bigint | undefined
  private pending: Pending[] = []

  /** Where the next batch is expected; undefined at the beginning of a log. */
  get next(): bigint | undefined {
    return this.nextOffset
  }

  /** Nothing before an offset is there any more, or is looked at. */
  begin(offset: bigint): void {
    this.nextOffset ??= offset
    this.endBefore ??= offset
  }

  /** A stretch that cannot be read. `claimed` is what its header says, as far as it has one. */
  damaged(claimed: Placed | undefined, settle: (offsets: OffsetRange) => void): void {
    this.pending.push({ claimed, settle })
  }

  whole(batch: Placed, hooks: OrderHooks): void {
    const expected = this.nextOffset ?? batch.baseOffset
    const { baseOffset, lastOffset } = batch
    if (this.pending.length > 0 && baseOffset >= expected) {
      this.settle(baseOffset)
      this.follow(batch, baseOffset)
    } else if (baseOffset > expected) {
      hooks.onGap({ first: expected, last: baseOffset - 1n })
      this.follow(batch, expected)
    } else if (baseOffset === expected) this.follow(batch, expected)
    else this.moved(batch, hooks)
    if (this.nextOffset === undefined || lastOffset >= this.nextOffset) this.nextOffset = lastOffset + 1n
  }

  /** The end of the log, where it is known from elsewhere. */
  finish(endOffset: bigint | undefined): void {
    this.settle(endOffset)
  }

  private follow(batch: Placed, endBefore: bigint): void {
    this.previous = batch
    this.endBefore = endBefore
    this.nextOffset = batch.lastOffset + 1n
  }

  /** It claims offsets that are taken. If the one before left just such a gap, that one was moved. */
  private moved(batch: Placed, hooks: OrderHooks): void {
    const expected = this.nextOffset!
    const { previous, endBefore } = this
    const overlap = expected - batch.baseOffset
    if (previous && endBefore !== undefined && previous.baseOffset - endBefore >= overlap) {
      const first = endBefore
      hooks.onMoved('previous', { first, last: first + previous.lastOffset - previous.baseOffset })
      this.nextOffset = undefined
      this.follow(batch, batch.baseOffset)
      return
    }
    const last = expected + batch.lastOffset - batch.baseOffset
    hooks.onMoved('this', { first: expected, last })
    this.follow({ baseOffset: expected, lastOffset: last }, expected)
  }

  /** The headers are believed where they fill exactly what is missing. */
  private settle(end: bigint | undefined): void {
    const { pending } = this
    this.pending = []
    if (pending.length === 0) return
    const first = this.nextOffset ?? 0n
    let at = first
    const isExact = pending.every(({ claimed }) => {
      const follows = claimed !== undefined && claimed.baseOffset === at
      if (claimed) at = claimed.lastOffset + 1n
      return follows
    })
    for (const { claimed, settle } of pending) {
      if (isExact && (end === undefined || at === end)) {
        settle({ first: claimed!.baseOffset, last: claimed!.lastOffset })
      } else settle({ first, last: end !== undefined && end > first ? end - 1n : undefined })
    }
    if (end !== undefined && end > first) this.nextOffset = end
    else if (isExact) this.nextOffset = at
  }
}
