/** Waits that can be ended all at once. */
import type { Clock, Timer } from '../platform/platform.ts'

export class Pauses {
  private readonly clock: Clock
  private readonly pending = new Map<Timer, () => void>()
  private isClosed = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Resolves after the time, or when all pauses end. */
  wait(delayMs: number): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    return new Promise(resolve => {
      const timer = this.clock.after(delayMs, () => {
        this.pending.delete(timer)
        resolve()
      })
      this.pending.set(timer, resolve)
    })
  }

  /** Ends all pauses, and those that come. */
  close(): void {
    this.isClosed = true
    for (const [timer, resume] of this.pending) {
      timer.cancel()
      resume()
    }
    this.pending.clear()
  }
}
