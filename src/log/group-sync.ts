/** Fsyncs that are shared: one at a time for a log, and few at once for the whole broker. */

/**
 * Runs a sync for all who asked before it began. Whoever comes while one is under way waits for the next,
 * since only that one is sure to cover what they wrote; so does who comes while that one waits for a slot.
 */
export class GroupSync<T = void> {
  private readonly sync: () => Promise<T>
  private readonly slots: Slots | undefined
  private current: Promise<T> | undefined
  /** Not begun yet. */
  private next: Promise<T> | undefined

  constructor(sync: () => Promise<T>, slots?: Slots) {
    this.sync = sync
    this.slots = slots
  }

  run(): Promise<T> {
    if (this.next !== undefined) return this.next
    const turn = { isBegun: false }
    const done = this.inTurn(turn)
    if (!turn.isBegun) this.next = done
    return done
  }

  private async inTurn(turn: { isBegun: boolean }): Promise<T> {
    if (this.current !== undefined) await this.current.catch(() => {})
    return this.slots === undefined ? this.start(turn) : this.slots.run(() => this.start(turn))
  }

  private start(turn: { isBegun: boolean }): Promise<T> {
    turn.isBegun = true
    this.next = undefined
    const running = this.sync().finally(() => {
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
