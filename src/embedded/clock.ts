/** The clock of a broker that a test holds in its hand. */
export interface KlammClock {
  /** The broker's time, in ms since 1970. */
  now(): number
  /**
   * Lets time pass: a number of ms, or a text such as `90s`, `15m`, `36h`, `7d`, `2w`, `1d 12h`. Whatever falls
   * due meanwhile (session time-outs, rebalance delays, transaction time-outs, retention, expiry of offsets and
   * producers) happens at once, in its order. Resolves when all that is done, and its records are written.
   */
  advance(by: number | string): Promise<void>
}
