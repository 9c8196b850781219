/**
 * The latest offset of each key, in a fixed amount of memory: keys are known by a keyed 128-bit hash of
 * theirs, kept in typed arrays with open addressing. Two keys with one hash would be one key, which is as
 * likely as guessing the hash's random key. Entries take 24 bytes, as in Kafka's map.
 */
import { KeyHash } from './key-hash.ts'

const WORDS = 4
/** Hash and offset. */
export const ENTRY_BYTES = 24
const LEAST_SLOTS = 11

export class OffsetMap {
  readonly slots: number
  private readonly hash: KeyHash
  private readonly hashes: Uint32Array
  /** One more than the offset, relative to `origin`; 0 in a slot that is free. */
  private readonly offsets: Float64Array
  private used = 0

  /** Offsets are numbers, relative to whatever the caller likes, and not negative. */
  constructor(maxSlots: number, seed: Uint32Array) {
    this.slots = greatestPrime(Math.max(maxSlots, LEAST_SLOTS))
    this.hash = new KeyHash(seed)
    this.hashes = new Uint32Array(this.slots * WORDS)
    this.offsets = new Float64Array(this.slots)
  }

  get size(): number {
    return this.used
  }

  /** Replaces what was known of the key. There must be a free slot. */
  put(bytes: Uint8Array, at: number, length: number, offset: number): void {
    const slot = this.find(bytes, at, length)
    if (this.offsets[slot] === 0) {
      if (this.used + 1 >= this.slots) throw new Error('The offset map is full.')
      this.used++
      this.hashes.set(this.hash.words, slot * WORDS)
    }
    this.offsets[slot] = offset + 1
  }

  /** -1 for a key that is not there. */
  get(bytes: Uint8Array, at: number, length: number): number {
    return this.offsets[this.find(bytes, at, length)]! - 1
  }

  /** Where the key is, or the free slot where it belongs. There is always a free one. */
  private find(bytes: Uint8Array, at: number, length: number): number {
    const { hash, hashes, offsets, slots } = this
    hash.of(bytes, at, length)
    const [first, second, third, fourth] = hash.words as unknown as [number, number, number, number]
    let slot = first % slots
    // With a prime number of slots every step comes by all of them.
    const step = 1 + (second % (slots - 1))
    while (offsets[slot] !== 0) {
      const word = slot * WORDS
      if (
        hashes[word] === first &&
        hashes[word + 1] === second &&
        hashes[word + 2] === third &&
        hashes[word + 3] === fourth
      ) {
        return slot
      }
      slot += step
      if (slot >= slots) slot -= slots
    }
    return slot
  }
}

/** At or below a number. */
function greatestPrime(atMost: number): number {
  let candidate = atMost
  while (!isPrime(candidate)) candidate--
  return candidate
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false
  }
  return true
}
