/** Fsyncs that are shared: one at a time for a log, and few at once for the whole broker. */

/**
 * Runs a sync for all who asked before it began. Whoever comes while one is under way waits for the next,
 * since only that one is sure to cover what they wrote.
 */
export class GroupSync<T = void> {
  private readonly sync: () => Promise<T>
  private current: Promise<T> | undefined
  private next: Promise<T> | undefined

  constructor(sync: () => Promise<T>) {
    this.sync = sync
  }

  run(): Promise<T> {
    if (this.current === undefined) {
      this.current = this.sync().finally(() => {
        this.current = undefined
      })
      return this.current
    }
    this.next ??= this.current
      .catch(() => {})
      .then(() => {
        this.next = undefined
        return this.run()
      })
    return this.next
  }

  /** Resolves when nobody waits any more, also where it failed. */
  async settled(): Promise<void> {
    for (let last = this.current; last !== undefined; last = this.next ?? this.current) {
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
