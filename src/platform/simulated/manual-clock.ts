/**
 * A clock that moves only when it is told to. Timers fire in the order of their deadlines, those of one
 * deadline in the order in which they were set, and each sees the time it was due at.
 */
import type { Clock, Timer } from '../platform.ts'
import { type Pending, TimerQueue } from './timer-queue.ts'

export class ManualClock implements Clock {
  private nowMs: number
  private elapsedMs = 0
  private nextOrder = 0
  private readonly pending = new TimerQueue()

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
    const dueMs = this.elapsedMs + Math.max(0, delayMs)
    const timer: Pending = { dueMs, order: this.nextOrder++, callback, isCancelled: false }
    this.pending.add(timer)
    return { cancel: () => this.pending.cancel(timer) }
  }

  /** Timers that wait: a test of a clean close expects none. */
  get pendingTimers(): number {
    return this.pending.size
  }

  /** When the next timer fires, by `elapsed`. */
  get nextDueMs(): number | undefined {
    return this.pending.first?.dueMs
  }

  /** Moves to the next timer and fires it. */
  fireNext(): void {
    this.fireDue(Number.POSITIVE_INFINITY)
  }

  /**
   * Lets time pass and fires what falls due in it, timers set meanwhile included. Promises do not settle in
   * between.
   */
  advance(ms: number): void {
    const end = this.elapsedMs + ms
    while (this.fireDue(end));
    this.moveTo(end)
  }

  /** As `advance`, but after each timer lets everything settle that was set going by it. */
  async run(ms: number, settle: () => Promise<void> = settled): Promise<void> {
    const end = this.elapsedMs + ms
    await settle()
    while (this.fireDue(end)) await settle()
    this.moveTo(end)
  }

  /** Steps the wall clock alone, as a time server does; timers and `elapsed` do not notice. */
  stepWall(ms: number): void {
    this.nowMs += ms
  }

  /** The first timer that is due by then, if there is one. */
  private fireDue(endMs: number): boolean {
    const { first } = this.pending
    if (!first || first.dueMs > endMs) return false
    this.pending.shift()
    this.moveTo(first.dueMs)
    first.callback()
    return true
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
