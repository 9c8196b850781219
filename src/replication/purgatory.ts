/**
 * Requests that wait: fetches for bytes, and other operations for a moment to come. Each wait hangs at the
 * partitions that can end it (a partition credits exactly the fetches that read it) and here, broker-wide,
 * for its deadline and for shutdown. A wait ends once, and is then nowhere any more.
 */
import type { Clock, Timer } from '../platform/platform.ts'

/**
 * What a reader may see: everything written, what all in-sync replicas have, or decided transactions only.
 */
export type FetchIsolation = 'log-end' | 'high-watermark' | 'committed'

export interface WatchOptions {
  readonly isolation: FetchIsolation
  readonly fetchOffset: bigint
  /** Where the readable part ended when the fetch looked: bytes below are counted already. */
  readonly seenOffset: bigint
  /** Bytes that the partition may still add to the answer before its own limit is reached. */
  readonly room: number
}

/** One fetch's interest in one partition. */
export class Watch {
  readonly wait: FetchWait
  readonly isolation: FetchIsolation
  readonly fetchOffset: bigint
  private readonly seenOffset: bigint
  private readonly watches: Set<Watch>
  private room: number

  constructor(wait: FetchWait, watches: Set<Watch>, options: WatchOptions) {
    this.wait = wait
    this.watches = watches
    this.isolation = options.isolation
    this.fetchOffset = options.fetchOffset
    this.seenOffset = options.seenOffset
    this.room = options.room
    watches.add(this)
  }

  /** Bytes up to an offset became readable. What lies beyond the partition's limit would not be answered. */
  credit(bytes: number, nextOffset: bigint): void {
    if (nextOffset <= this.seenOffset) return
    const counted = Math.min(bytes, this.room)
    this.room -= counted
    this.wait.credit(counted)
  }

  leave(): void {
    this.watches.delete(this)
  }
}

/** A fetch that has too few bytes. It is credited with each byte once, so nothing is read again to count. */
export class FetchWait {
  private missingBytes: number
  private readonly watches: Watch[] = []
  private finish: (() => void) | undefined

  constructor(missingBytes: number, finish: () => void) {
    this.missingBytes = missingBytes
    this.finish = finish
  }

  watch(watches: Set<Watch>, options: WatchOptions): void {
    this.watches.push(new Watch(this, watches, options))
  }

  credit(bytes: number): void {
    this.missingBytes -= bytes
    if (this.missingBytes <= 0) this.complete()
  }

  /** The fetch looks again: it has bytes enough, or an error, a new log start, a deadline ends the wait. */
  complete(): void {
    for (const watch of this.watches) watch.leave()
    this.watches.length = 0
    const finish = this.finish
    this.finish = undefined
    finish?.()
  }
}

/** Whom a wait is for, as far as it must know: it ends early for who has gone. */
export interface Waiter {
  isGone: boolean
  /** Set by the wait that is under way; a client waits for one thing at a time. */
  onGone: (() => void) | undefined
}

/** What waits costs memory, by the partitions that it names: some hundred bytes each. */
const MAX_PARKED_WEIGHT = 1_000_000

/** All that waits in one broker, by deadline. */
export class Purgatory {
  private readonly clock: Clock
  private readonly parked = new Set<Parked>()
  private closed = false
  private weight = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  get size(): number {
    return this.parked.size
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** No room for a wait of this weight: whoever would wait is to be answered as if the time were over. */
  isFullFor(weight: number): boolean {
    return this.weight + weight > MAX_PARKED_WEIGHT
  }

  /** Calls `expire` once, at the deadline or at shutdown, unless the wait has left before. */
  park(delayMs: number, expire: () => void, weight = 1): Parked {
    const parked = new Parked(this.parked, expire, change => {
      this.weight += change * weight
    })
    if (this.closed || delayMs <= 0) parked.expire()
    else parked.start(this.clock, delayMs)
    return parked
  }

  /** Ends every wait as if its time had come. From now on nothing waits. */
  close(): void {
    this.closed = true
    for (const parked of [...this.parked]) parked.expire()
  }
}

/** A place in the purgatory. */
export class Parked {
  private readonly parked: Set<Parked>
  private readonly onExpire: () => void
  private readonly count: (change: 1 | -1) => void
  private timer: Timer | undefined

  constructor(parked: Set<Parked>, onExpire: () => void, count: (change: 1 | -1) => void) {
    this.parked = parked
    this.onExpire = onExpire
    this.count = count
  }

  start(clock: Clock, delayMs: number): void {
    this.parked.add(this)
    this.count(1)
    this.timer = clock.after(delayMs, () => this.expire())
  }

  expire(): void {
    this.leave()
    this.onExpire()
  }

  /** Harmless when it has expired. */
  leave(): void {
    if (this.parked.delete(this)) this.count(-1)
    this.timer?.cancel()
    this.timer = undefined
  }
}
