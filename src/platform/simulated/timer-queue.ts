/**
 * Timers by their deadline, those of one deadline in the order in which they were set: a binary heap, from
 * which what is cancelled goes when it comes up, or when it is more than half of all.
 */
export interface Pending {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
  isCancelled: boolean
}

const FEW = 64

export class TimerQueue {
  private heap: Pending[] = []
  private cancelled = 0

  get size(): number {
    return this.heap.length - this.cancelled
  }

  get first(): Pending | undefined {
    while (this.heap[0]?.isCancelled) {
      this.cancelled--
      this.removeFirst()
    }
    return this.heap[0]
  }

  add(timer: Pending): void {
    const { heap } = this
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  /** The first one is about to fire. */
  shift(): Pending | undefined {
    const { first } = this
    if (first) {
      // From now on there is nothing to cancel.
      first.isCancelled = true
      this.removeFirst()
    }
    return first
  }

  cancel(timer: Pending): void {
    if (timer.isCancelled) return
    timer.isCancelled = true
    this.cancelled++
    if (this.cancelled <= FEW || this.cancelled * 2 <= this.heap.length) return
    const kept = this.heap.filter(({ isCancelled }) => !isCancelled)
    this.heap = []
    this.cancelled = 0
    for (const each of kept) this.add(each)
  }

  clear(): void {
    for (const timer of this.heap) timer.isCancelled = true
    this.heap = []
    this.cancelled = 0
  }

  private removeFirst(): void {
    const { heap } = this
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= heap.length) break
      const right = left + 1
      const child = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
