/**
 * Moves recovery points up in the background, so that an unclean stop leaves little to check. One log at a
 * time: when what its topic's `flush.ms` allows is over, when a whole segment is unflushed, or where no time
 * is set now and then.
 */
import type { Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'
import { isOutOfHandles } from './append-queue.ts'
import type { Log } from './log.ts'
import type { LogHome } from './log-environment.ts'
import type { Tasks } from './tasks.ts'

/** Looks at all at least this often: a topic's `flush.ms` may have changed. */
const ROUND_MS = 1_000
/** Where a topic sets no time, a log that keeps being written is flushed this often. */
const UNASKED_MS = 30_000

interface Unflushed {
  /** Of the oldest batch that is not flushed. */
  readonly sinceMs: number
  /** After a failure. */
  readonly notBeforeMs: number
  isUrgent: boolean
}

export class Flusher {
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly tasks: Tasks
  private readonly unflushed = new Map<Log, Unflushed>()
  private nextRoundMs = Number.POSITIVE_INFINITY
  private isRunning = false

  constructor(clock: Clock, tasks: Tasks, logger: Logger) {
    this.clock = clock
    this.logger = logger
    this.tasks = tasks
  }

  note(log: Log, isUrgent: boolean, delayMs = 0): void {
    const now = this.clock.elapsed()
    const known = this.unflushed.get(log)
    const entry = known ?? { sinceMs: now, notBeforeMs: now + delayMs, isUrgent }
    entry.isUrgent ||= isUrgent
    if (known !== undefined) return
    this.unflushed.set(log, entry)
    if (!this.isRunning) this.schedule(Math.min(now + ROUND_MS, dueMs(log, entry)))
  }

  forget(log: Log): void {
    this.unflushed.delete(log)
  }

  private schedule(atMs: number): void {
    if (atMs >= this.nextRoundMs) return
    this.nextRoundMs = atMs
    this.tasks.later(Math.max(0, atMs - this.clock.elapsed()), async () => {
      // An earlier one may have come in between.
      if (atMs === this.nextRoundMs && !this.isRunning) await this.round()
    })
  }

  private async round(): Promise<void> {
    this.isRunning = true
    const homes = new Set<LogHome>()
    const now = this.clock.elapsed()
    for (const [log, entry] of [...this.unflushed]) {
      const isDue = entry.isUrgent ? now >= entry.notBeforeMs : now >= dueMs(log, entry)
      if (!isDue || !this.unflushed.delete(log) || !log.isOnline) continue
      try {
        await log.flush()
        homes.add(log.home)
      } catch (error) {
        // A log that is still online only lacked room for its index, and its turn comes again; or a handle,
        // without which what is written may not be seen.
        this.logger.warn('A log could not be flushed', { log: log.name, error })
        if (log.isOnline) this.note(log, isOutOfHandles(error), ROUND_MS)
      }
    }
    for (const home of homes) await home.saveRecoveryPoints()
    this.isRunning = false
    this.nextRoundMs = Number.POSITIVE_INFINITY
    if (this.unflushed.size === 0) return
    let next = this.clock.elapsed() + ROUND_MS
    for (const [log, entry] of this.unflushed) next = Math.min(next, dueMs(log, entry))
    this.schedule(next)
  }
}

function dueMs(log: Log, { sinceMs, notBeforeMs }: Unflushed): number {
  const { flushMs } = log.config
  const allowedMs = flushMs >= Number.MAX_SAFE_INTEGER ? UNASKED_MS : flushMs
  return Math.max(notBeforeMs, sinceMs + allowedMs)
}
