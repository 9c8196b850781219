/**
 * The most recent batches of all logs, as the very buffers that were appended, so that consumers which keep
 * up cost no disk read. One bound for the broker, counted by what a buffer keeps alive; the oldest go first,
 * whosever they are. Small batches, which would keep a whole network buffer alive, are copied together.
 */

/** A run of whole batches, in order. */
export interface TailEntry {
  readonly baseOffset: bigint
  readonly nextOffset: bigint
  readonly bytes: Buffer
}

interface Slot {
  readonly tail: Tail
  readonly baseOffset: bigint
  nextOffset: bigint
  /** Emptied when the slot is dropped, for the queue of all slots may hold it for longer. */
  bytes: Buffer
  /** Where more can be copied to behind `bytes`; undefined for a buffer that was appended as it is. */
  chunk: Buffer | undefined
  readonly cost: number
  isGone: boolean
}

/** A view that keeps more than twice its own size alive is copied instead, and so is a small one. */
const MAX_PINNED_RATIO = 2
const MIN_OWN_BYTES = 4_096
/**
 * Copies share chunks of this size, so that a busy log of small batches is read in few parts, and a quiet one
 * costs little. A reader walks over the batches of a chunk, so they are not large.
 */
const FIRST_CHUNK_BYTES = 2_048
const MAX_CHUNK_BYTES = 16_384
const EMPTY = Buffer.alloc(0)

export class TailCache {
  private readonly maxBytes: number
  private readonly slots = new Queue<Slot>()
  private used = 0
  private readonly hasRoom: () => boolean

  /** `hasRoom`: there is memory for what a slow reader would keep of it alive. */
  constructor(maxBytes: number, hasRoom: () => boolean = () => true) {
    this.maxBytes = maxBytes
    this.hasRoom = hasRoom
  }

  /** Whether readers get the buffers themselves; from the files they read as they can send. */
  get isLent(): boolean {
    return this.hasRoom()
  }

  get sizeBytes(): number {
    return this.used
  }

  /** False for one that alone is larger than the cache. */
  add(slot: Slot): boolean {
    if (slot.cost > this.maxBytes) return false
    this.slots.push(slot)
    this.used += slot.cost
    while (this.used > this.maxBytes) {
      const oldest = this.slots.shift()!
      if (oldest.isGone) continue
      oldest.tail.dropFirst()
    }
    return true
  }

  release(slot: Slot): void {
    slot.isGone = true
    slot.bytes = EMPTY
    slot.chunk = undefined
    this.used -= slot.cost
  }
}

/** One log's part of the cache: in order, up to the log end offset. */
export class Tail {
  private readonly cache: TailCache
  private readonly slots = new Queue<Slot>()
  private chunkBytes = FIRST_CHUNK_BYTES

  constructor(cache: TailCache) {
    this.cache = cache
  }

  get count(): number {
    return this.slots.length
  }

  entry(index: number): TailEntry {
    return this.slots.at(index)
  }

  /** The entry that holds an offset, or the next one; undefined where the cache begins later. */
  find(offset: bigint): number | undefined {
    const { slots } = this
    if (slots.length === 0 || offset < slots.at(0).baseOffset) return undefined
    let low = 0
    let high = slots.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (slots.at(middle).nextOffset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  add({ baseOffset, nextOffset, bytes }: TailEntry): void {
    const backing = bytes.buffer.byteLength
    if (bytes.length >= MIN_OWN_BYTES && backing <= bytes.length * MAX_PINNED_RATIO) {
      const cost = backing
      this.addSlot({ tail: this, baseOffset, nextOffset, bytes, chunk: undefined, cost, isGone: false })
      return
    }
    if (this.extendLast(bytes, nextOffset)) return
    const chunk = Buffer.allocUnsafeSlow(Math.max(bytes.length, this.chunkBytes))
    bytes.copy(chunk)
    this.chunkBytes = Math.min(this.chunkBytes * 2, MAX_CHUNK_BYTES)
    const own = chunk.subarray(0, bytes.length)
    const cost = chunk.length
    this.addSlot({ tail: this, baseOffset, nextOffset, bytes: own, chunk, cost, isGone: false })
  }

  private addSlot(slot: Slot): void {
    this.slots.push(slot)
    if (this.cache.add(slot)) return
    // Without it there would be a gap before what comes next.
    this.slots.pop()
    this.clear()
  }

  private extendLast(bytes: Buffer, nextOffset: bigint): boolean {
    if (this.slots.length === 0) return false
    const last = this.slots.at(this.slots.length - 1)
    const used = last.bytes.length
    if (last.chunk === undefined || used + bytes.length > last.chunk.length) return false
    bytes.copy(last.chunk, used)
    last.bytes = last.chunk.subarray(0, used + bytes.length)
    last.nextOffset = nextOffset
    return true
  }

  dropFirst(): void {
    this.cache.release(this.slots.shift()!)
  }

  /** What begins below an offset, and all before it. */
  dropBelow(offset: bigint): void {
    while (this.slots.length > 0 && this.slots.at(0).baseOffset < offset) this.dropFirst()
  }

  clear(): void {
    while (this.slots.length > 0) this.dropFirst()
    this.chunkBytes = FIRST_CHUNK_BYTES
  }
}

/** First in, first out, at a cost that does not grow with its length. */
class Queue<T> {
  private items: (T | undefined)[] = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  at(index: number): T {
    return this.items[this.head + index]!
  }

  push(item: T): void {
    this.items.push(item)
  }

  pop(): void {
    this.items.pop()
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.items[this.head]
    this.items[this.head] = undefined
    this.head++
    if (this.head >= 64 && this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }
}
