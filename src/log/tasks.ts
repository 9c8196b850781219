/** Background work of the log layer: repeated and delayed tasks, all of which end with the broker. */
import type { Logger } from '../observe/logger.ts'
import type { Clock, Timer } from '../platform/platform.ts'

export class Tasks {
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly timers = new Set<Timer>()
  private readonly running = new Set<Promise<void>>()
  private isStopped = false

  constructor(clock: Clock, logger: Logger) {
    this.clock = clock
    this.logger = logger
  }

  /** A failure is the owner's to treat; here it is only told, and the next round comes. */
  later(delayMs: number, task: () => Promise<void>): void {
    if (this.isStopped) return
    const timer = this.clock.after(delayMs, () => {
      this.timers.delete(timer)
      const done = task().catch(error => this.logger.error('Background work of the logs failed', { error }))
      this.running.add(done)
      void done.then(() => this.running.delete(done))
    })
    this.timers.add(timer)
  }

  /** The interval counts from the end of a round to the start of the next. */
  every(intervalMs: number, task: () => Promise<void>, firstAfterMs = intervalMs): void {
    this.later(firstAfterMs, () => task().finally(() => this.every(intervalMs, task)))
  }

  /** Cancels what waits and awaits what runs. */
  async stop(): Promise<void> {
    this.isStopped = true
    for (const timer of this.timers) timer.cancel()
    this.timers.clear()
    await Promise.all(this.running)
  }
}
