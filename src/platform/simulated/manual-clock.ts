/**
 * A clock that moves only when it is told to. Timers fire in the order of their deadlines, those of one
 * deadline in the order in which they were set, and each sees the time it was due at.
 */
import type { Clock, Timer } from '../platform.ts'

interface Pending {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  private nowMs: number
  private elapsedMs = 0
  private nextOrder = 0
  private readonly pending = new Set<Pending>()

  constructor(startMs = Date.UTC(2024, 0, 1)) {
    this.nowMs = startMs
  }

  now(): number {
    return Math.floor(this.nowMs)
  }

  elapsed(): number {
    return this.elapsedMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.elapsedMs + Math.max(0, delayMs), order: this.nextOrder++, callback }
    this.pending.add(timer)
    return { cancel: () => void this.pending.delete(timer) }
  }

  /** Timers that wait: a test of a clean close expects none. */
  get pendingTimers(): number {
    return this.pending.size
  }

  /** When the next timer fires, by `elapsed`. */
  get nextDueMs(): number | undefined {
    return this.earliest(Number.POSITIVE_INFINITY)?.dueMs
  }

  /** Moves to the next timer and fires it. */
  fireNext(): void {
    const next = this.earliest(Number.POSITIVE_INFINITY)
    if (next) this.fire(next)
  }

  /**
   * Lets time pass and fires what falls due in it, timers set meanwhile included. Promises do not settle in
   * between.
   */
  advance(ms: number): void {
    const end = this.elapsedMs + ms
    for (let next = this.earliest(end); next; next = this.earliest(end)) this.fire(next)
    this.moveTo(end)
  }

  /** As `advance`, but after each timer lets everything settle that was set going by it. */
  async run(ms: number): Promise<void> {
    const end = this.elapsedMs + ms
    await settled()
    for (let next = this.earliest(end); next; next = this.earliest(end)) {
      this.fire(next)
      await settled()
    }
    this.moveTo(end)
  }

  /** Steps the wall clock alone, as a time server does; timers and `elapsed` do not notice. */
  stepWall(ms: number): void {
    this.nowMs += ms
  }

  private earliest(endMs: number): Pending | undefined {
    let first: Pending | undefined
    for (const timer of this.pending) {
      if (timer.dueMs > endMs) continue
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer
    }
    return first
  }

  private fire(timer: Pending): void {
    this.pending.delete(timer)
    this.moveTo(timer.dueMs)
    timer.callback()
  }

  private moveTo(elapsedMs: number): void {
    this.nowMs += elapsedMs - this.elapsedMs
    this.elapsedMs = elapsedMs
  }
}

/** Resolves when the promise jobs at hand, and those that they lead to, are done. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
