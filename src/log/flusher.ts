/**
 * Moves recovery points up in the background, so that an unclean stop leaves little to check. One log at a
 * time, and each only when it has waited long enough, has much to flush, or a topic's `flush.ms` asks for
 * it.
 */
import type { Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'
import type { Log } from './log.ts'
import type { LogHome } from './log-environment.ts'
import type { Tasks } from './tasks.ts'

const ROUND_MS = 1_000
/** A log that keeps being written is flushed this often. */
const LONGEST_WAIT_MS = 30_000

export class Flusher {
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly tasks: Tasks
  /** Logs with unflushed batches, and since when. */
  private readonly unflushed = new Map<Log, { sinceMs: number; isUrgent: boolean }>()
  private isScheduled = false

  constructor(clock: Clock, tasks: Tasks, logger: Logger) {
    this.clock = clock
    this.logger = logger
    this.tasks = tasks
  }

  note(log: Log, isUrgent: boolean): void {
    const known = this.unflushed.get(log)
    if (known === undefined) this.unflushed.set(log, { sinceMs: this.clock.elapsed(), isUrgent })
    else known.isUrgent ||= isUrgent
    this.schedule()
  }

  forget(log: Log): void {
    this.unflushed.delete(log)
  }

  private schedule(): void {
    if (this.isScheduled || this.unflushed.size === 0) return
    this.isScheduled = true
    this.tasks.later(ROUND_MS, () => this.round())
  }

  private async round(): Promise<void> {
    const homes = new Set<LogHome>()
    const now = this.clock.elapsed()
    for (const [log, { sinceMs, isUrgent }] of [...this.unflushed]) {
      const waitMs = Math.min(log.config.flushMs, LONGEST_WAIT_MS)
      if (!isUrgent && now - sinceMs < waitMs) continue
      if (!this.unflushed.delete(log) || !log.isOnline) continue
      try {
        await log.flush()
        homes.add(log.home)
      } catch (error) {
        // A log that is still online only lacked room for its index; its turn comes again.
        this.logger.warn('A log could not be flushed', { log: log.name, error })
        if (log.isOnline) this.note(log, false)
      }
    }
    for (const home of homes) await home.saveRecoveryPoints()
    this.isScheduled = false
    this.schedule()
  }
}
