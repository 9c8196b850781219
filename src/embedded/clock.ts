/** The clock of a broker, as a test sees it. */
import { type ManualClock, settled } from '../platform/simulated/manual-clock.ts'
import { durationMs } from './duration.ts'

export interface KlammClock {
  /** The broker's time, in ms since 1970. */
  now(): number
  /**
   * Lets time pass: a number of ms, or a text such as `90s`, `15m`, `36h`, `7d`, `2w`, `1d 12h`. Whatever
   * falls due meanwhile (session time-outs, rebalance delays, transaction time-outs, retention, expiry of
   * offsets and producers) happens at once, in its order. Resolves when all that is done, and its records are
   * written.
   */
  advance(by: number | string): Promise<void>
}

/** What is set going by the clock, and has to come to its end before time goes on. */
export interface Works {
  readonly callsUnderWay: number
  idle(): Promise<void>
}

/**
 * Lets time pass on a clock that stands still otherwise; each thing that falls due comes to its end first.
 */
export async function advance(clock: ManualClock, by: number | string, works: Works): Promise<void> {
  const ms = durationMs(by)
  await clock.run(ms, () => allSettled(works))
  await allSettled(works)
}

/** Promise jobs, and the work of disk and threads that they wait for. */
export async function allSettled(works: Works): Promise<void> {
  for (;;) {
    await settled()
    if (works.callsUnderWay === 0) return
    await works.idle()
  }
}
