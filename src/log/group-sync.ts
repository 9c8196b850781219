/** Fsyncs that are shared: one at a time for a log, and few at once for the whole broker. */
import type { Clock } from '../platform/platform.ts'

/**
 * Runs a sync for all who asked before it began. Whoever comes while one is under way waits for the next,
 * since only that one is sure to cover what they wrote; so does who comes while that one waits for a slot.
 */
export class GroupSync<T = void> {
  private readonly sync: () => Promise<T>
  private readonly slots: Slots | undefined
  private readonly patience: Patience | undefined
  private current: Promise<T> | undefined
  /** Not begun yet. */
  private next: Promise<T> | undefined

  constructor(
    sync: () => Promise<T>,
    means: { readonly slots?: Slots | undefined; readonly patience?: Patience | undefined } = {},
  ) {
    this.sync = sync
    this.slots = means.slots
    this.patience = means.patience
  }

  run(): Promise<T> {
    this.patience?.arrive()
    if (this.next !== undefined) return this.next
    const turn = { isBegun: false }
    const done = this.inTurn(turn)
    if (!turn.isBegun) this.next = done
    return done
  }

  private async inTurn(turn: { isBegun: boolean }): Promise<T> {
    if (this.current !== undefined) await this.current.catch(() => {})
    if (this.patience?.isWorthIt) await this.patience.wait()
    return this.slots === undefined ? this.start(turn) : this.slots.run(() => this.start(turn))
  }

  private start(turn: { isBegun: boolean }): Promise<T> {
    turn.isBegun = true
    this.next = undefined
    const ended = this.patience?.begin()
    const running = this.sync().finally(() => {
      ended?.()
      if (this.current === running) this.current = undefined
    })
    this.current = running
    return running
  }

  /** Resolves when nobody waits any more, also where it failed. */
  async settled(): Promise<void> {
    for (let last = this.next ?? this.current; last !== undefined; last = this.next ?? this.current) {
      await last.catch(() => {})
    }
  }
}

/** Of a sync's own time: what waiting for company may cost. */
const WORTH = 4
const LEAST_WAIT_MS = 1

/**
 * Who was answered by the last sync is likely to be back at once, and without a little patience the first to
 * come would have the next sync for himself, and the others wait for the one after. On a fast disk there is
 * nothing to gain, and nobody waits.
 */
export class Patience {
  private readonly clock: Clock
  /** Who came since the last sync began, who came for that one, and how long it took. */
  private arrived = 0
  private expected = 0
  private lastMs = 0
  private stopWaiting: (() => void) | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  arrive(): void {
    this.arrived++
    if (this.arrived >= this.expected) this.stopWaiting?.()
  }

  get isWorthIt(): boolean {
    return this.arrived < this.expected && this.lastMs / WORTH >= LEAST_WAIT_MS
  }

  wait(): Promise<void> {
    return new Promise(resolve => {
      const timer = this.clock.after(this.lastMs / WORTH, resolve)
      this.stopWaiting = () => {
        this.stopWaiting = undefined
        timer.cancel()
        resolve()
      }
    })
  }

  /** A sync begins for all who have come; to be called back at its end. */
  begin(): () => void {
    const beganMs = this.clock.elapsed()
    this.expected = this.arrived
    this.arrived = 0
    return () => {
      this.lastMs = this.clock.elapsed() - beganMs
    }
  }
}

/** At most so many at once: threads that wait for a slow disk cannot serve reads. */
export class Slots {
  private free: number
  private readonly waiting: (() => void)[] = []

  constructor(count: number) {
    this.free = count
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>(resolve => this.waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.waiting.shift()
      if (next) next()
      else this.free++
    }
  }
}
