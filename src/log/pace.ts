/** Keeps work to a rate of bytes, as many as do it together; waits can be cut short. */
import type { Clock, Timer } from '../platform/platform.ts'

/** A pause shorter than this waits until more has come together. */
const LEAST_PAUSE_MS = 5
/** What was not used in quiet times is lost, but for this much. */
const BURST_MS = 100

export class Pace {
  private readonly clock: Clock
  private readonly bytesPerSecond: () => number
  private readonly pauses = new Map<Timer, () => void>()
  /** By when everything so far would have been done at the rate. */
  private dueMs = 0

  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.clock = clock
    this.bytesPerSecond = bytesPerSecond
  }

  /** Resolves when the rate allows for more. */
  async keep(bytes: number): Promise<void> {
    const now = this.clock.elapsed()
    const costMs = (bytes * 1_000) / this.bytesPerSecond()
    this.dueMs = Math.max(this.dueMs, now - BURST_MS) + costMs
    const pauseMs = this.dueMs - now
    if (pauseMs >= LEAST_PAUSE_MS) await this.pause(pauseMs)
  }

  /** Nobody is to wait any longer. */
  wake(): void {
    for (const [timer, resume] of this.pauses) {
      timer.cancel()
      resume()
    }
    this.pauses.clear()
  }

  private pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.clock.after(ms, () => {
        this.pauses.delete(timer)
        resolve()
      })
      this.pauses.set(timer, resolve)
    })
  }
}
