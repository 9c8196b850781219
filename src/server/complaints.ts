/**
 * What peers do wrong, as log lines: one line of a kind every so often, with a count of those left out, so
 * that a client that tries again all the time does not fill the disk.
 */
import type { LogDetails, Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'

const QUIET_MS = 10_000

export class Complaints {
  private readonly logger: Logger
  private readonly clock: Clock
  private readonly topics = new Map<string, { quietUntil: number; leftOut: number }>()

  constructor(logger: Logger, clock: Clock) {
    this.logger = logger
    this.clock = clock
  }

  /** `topic` is one of a few fixed words: it tells kinds of lines apart, not peers. */
  log(topic: string, message: string, details: LogDetails): void {
    const now = this.clock.elapsed()
    const known = this.topics.get(topic)
    if (known && now < known.quietUntil) {
      known.leftOut++
      this.logger.debug(message, details)
      return
    }
    this.topics.set(topic, { quietUntil: now + QUIET_MS, leftOut: 0 })
    const leftOut = known && known.leftOut > 0 ? { alikeLeftOut: known.leftOut } : {}
    this.logger.warn(message, { ...details, ...leftOut })
  }
}
