/**
 * An immutable map for large tables that change a few entries at a time: a changed copy shares all buckets
 * but the touched ones with its original, so that one new topic among ten thousand costs microseconds.
 * Iteration order is a function of the keys and the order of changes, never of chance.
 */

const BUCKETS = 256

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>()

export class SharedMap<Value> {
  readonly size: number
  private readonly buckets: readonly ReadonlyMap<string, Value>[]

  private constructor(buckets: readonly ReadonlyMap<string, Value>[], size: number) {
    this.buckets = buckets
    this.size = size
  }

  static empty<Value>(): SharedMap<Value> {
    return new SharedMap<Value>(new Array<ReadonlyMap<string, Value>>(BUCKETS).fill(NOTHING), 0)
  }

  get(key: string): Value | undefined {
    return this.buckets[bucketOf(key)]!.get(key)
  }

  has(key: string): boolean {
    return this.buckets[bucketOf(key)]!.has(key)
  }

  /** Puts and deletes (an undefined value) at once; each touched bucket is copied once. */
  with(changes: Iterable<readonly [string, Value | undefined]>): SharedMap<Value> {
    const buckets = [...this.buckets]
    const touched = new Map<number, Map<string, Value>>()
    let size = this.size
    for (const [key, value] of changes) {
      const index = bucketOf(key)
      let bucket = touched.get(index)
      if (!bucket) {
        bucket = new Map(buckets[index])
        touched.set(index, bucket)
        buckets[index] = bucket
      }
      size -= bucket.size
      if (value === undefined) bucket.delete(key)
      else bucket.set(key, value)
      size += bucket.size
    }
    return touched.size === 0 ? this : new SharedMap(buckets, size)
  }

  /** Keys whose values are others than in an earlier map, or are in one of the two alone. */
  *changesSince(earlier: SharedMap<Value>): IterableIterator<string> {
    for (const [index, bucket] of this.buckets.entries()) {
      const before = earlier.buckets[index]!
      if (bucket === before) continue
      for (const [key, value] of bucket) if (before.get(key) !== value) yield key
      for (const key of before.keys()) if (!bucket.has(key)) yield key
    }
  }

  *keys(): IterableIterator<string> {
    for (const bucket of this.buckets) yield* bucket.keys()
  }

  *values(): IterableIterator<Value> {
    for (const bucket of this.buckets) yield* bucket.values()
  }

  *[Symbol.iterator](): IterableIterator<[string, Value]> {
    for (const bucket of this.buckets) yield* bucket
  }
}

/** FNV-1a, folded to the number of buckets. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & (BUCKETS - 1)
}
