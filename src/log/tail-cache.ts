/**
 * The most recent batches of all logs, as the very buffers that were appended, so that consumers which keep
 * up cost no disk read. One bound for the broker, counted by what a buffer keeps alive; the oldest go first,
 * whosever they are.
 */

/** A run of whole batches, in order. */
export interface TailEntry {
  readonly baseOffset: bigint
  readonly nextOffset: bigint
  readonly bytes: Buffer
}

interface Slot extends TailEntry {
  readonly tail: Tail
  readonly cost: number
  /** Emptied when the slot is dropped, for the queue of all slots may hold it for longer. */
  bytes: Buffer
  isGone: boolean
}

const EMPTY = Buffer.alloc(0)

/** A view that keeps more than twice its own size alive is copied instead. */
const MAX_PINNED_RATIO = 2

export class TailCache {
  private readonly maxBytes: number
  /** In order of arrival; those before `oldest` are gone. */
  private slots: Slot[] = []
  private oldest = 0
  private used = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get sizeBytes(): number {
    return this.used
  }

  add(tail: Tail, entry: TailEntry): void {
    const backing = entry.bytes.buffer.byteLength
    let { bytes } = entry
    let cost = backing
    if (backing > bytes.length * MAX_PINNED_RATIO) {
      bytes = Buffer.allocUnsafeSlow(entry.bytes.length)
      entry.bytes.copy(bytes)
      cost = bytes.length
    }
    if (cost > this.maxBytes) {
      tail.clear()
      return
    }
    const slot: Slot = {
      baseOffset: entry.baseOffset,
      nextOffset: entry.nextOffset,
      bytes,
      cost,
      tail,
      isGone: false,
    }
    this.slots.push(slot)
    tail.slots.push(slot)
    this.used += cost
    while (this.used > this.maxBytes) this.dropOldest()
  }

  remove(slot: Slot): void {
    if (slot.isGone) return
    slot.isGone = true
    slot.bytes = EMPTY
    this.used -= slot.cost
  }

  private dropOldest(): void {
    const slot = this.slots[this.oldest]!
    this.oldest++
    if (!slot.isGone) {
      slot.tail.slots.shift()
      this.remove(slot)
    }
    if (this.oldest > 1_024 && this.oldest * 2 > this.slots.length) {
      this.slots = this.slots.slice(this.oldest)
      this.oldest = 0
    }
  }
}

/** One log's part of the cache: without gaps, up to the log end offset. */
export class Tail {
  readonly slots: Slot[] = []
  private readonly cache: TailCache

  constructor(cache: TailCache) {
    this.cache = cache
  }

  get baseOffset(): bigint | undefined {
    return this.slots[0]?.baseOffset
  }

  /**
   * The entries from the one that holds an offset, or the next after it; undefined where the cache begins
   * later.
   */
  from(offset: bigint): number | undefined {
    const { slots } = this
    if (slots.length === 0 || offset < slots[0]!.baseOffset) return undefined
    let low = 0
    let high = slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (slots[middle]!.nextOffset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  add(entry: TailEntry): void {
    this.cache.add(this, entry)
  }

  clear(): void {
    for (const slot of this.slots) this.cache.remove(slot)
    this.slots.length = 0
  }
}
