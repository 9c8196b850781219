/** What the wall clock has shown since some moment of a run: it goes on, and is set forward and back. */
import type { Clock } from '../platform/platform.ts'

export interface WallSpan {
  readonly earliestMs: number
  readonly latestMs: number
}

export class WallTimes {
  private readonly clock: Clock
  private readonly steps: { readonly elapsedMs: number; readonly fromMs: number; readonly toMs: number }[] =
    []
  private readonly startMs: number

  constructor(clock: Clock) {
    this.clock = clock
    this.startMs = clock.now()
  }

  /** The clock is set, by what is done in here. */
  noteStep(set: () => void): void {
    const fromMs = this.clock.now()
    set()
    this.steps.push({ elapsedMs: this.clock.elapsed(), fromMs, toMs: this.clock.now() })
  }

  /** By `elapsed` of the clock, which nobody sets. */
  since(elapsedMs: number): WallSpan {
    const before = this.steps.findLast(step => step.elapsedMs <= elapsedMs)
    const atFirst = before ? before.toMs + elapsedMs - before.elapsedMs : this.startMs + elapsedMs
    const seen = [atFirst, this.clock.now()]
    for (const step of this.steps) if (step.elapsedMs > elapsedMs) seen.push(step.fromMs, step.toMs)
    // The clock tells whole milliseconds.
    return { earliestMs: Math.min(...seen) - 1, latestMs: Math.max(...seen) + 1 }
  }
}
