import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { Tail, TailCache } from './tail-cache.ts'
import { append, Rig, readBatches } from './testing/rig.ts'

/** Stands for a batch: nothing in the cache looks inside. */
const own = (size: number) => Buffer.allocUnsafeSlow(size)
const viewInto = (backing: number, size: number) => Buffer.allocUnsafeSlow(backing).subarray(10, 10 + size)

function fill(tail: Tail, count: number, bytes: () => Buffer, from = 0): void {
  for (let i = from; i < from + count; i++) {
    tail.add({ baseOffset: BigInt(i), nextOffset: BigInt(i + 1), bytes: bytes() })
  }
}

function held(tail: Tail): bigint[] {
  return Array.from({ length: tail.count }, (_, i) => tail.entry(i).baseOffset)
}

describe('the tail cache', () => {
  test('keeps the very buffer of a large batch', () => {
    const tail = new Tail(new TailCache(100_000))
    const bytes = own(10_000)
    tail.add({ baseOffset: 0n, nextOffset: 1n, bytes })
    expect(tail.entry(0).bytes).toBe(bytes)
  })

  test('copies what would keep a much larger buffer alive', () => {
    const cache = new TailCache(1_000_000)
    const tail = new Tail(cache)
    const bytes = viewInto(500_000, 10_000).fill(7)
    tail.add({ baseOffset: 0n, nextOffset: 1n, bytes })
    expect(tail.entry(0).bytes).toEqual(bytes)
    expect(tail.entry(0).bytes.buffer.byteLength).toBeLessThan(20_000)
    expect(cache.sizeBytes).toBeLessThan(20_000)
  })

  test('gathers small batches, whose readers are not disturbed by what is added behind', () => {
    const tail = new Tail(new TailCache(100_000))
    fill(tail, 4, () => viewInto(65_536, 100).fill(1))
    expect(tail.count).toBe(1)
    const before = tail.entry(0).bytes
    const copy = Buffer.from(before)
    fill(tail, 4, () => viewInto(65_536, 100).fill(2), 4)
    expect(before).toEqual(copy)
    expect(tail.entry(0)).toMatchObject({ baseOffset: 0n, nextOffset: 8n })
    expect(tail.entry(0).bytes).toHaveLength(800)
  })

  test('stays within its bound, and the oldest batches of all logs go first', () => {
    const cache = new TailCache(50_000)
    const [first, second] = [new Tail(cache), new Tail(cache)]
    fill(first, 3, () => own(10_000))
    fill(second, 4, () => own(10_000))
    expect(held(first)).toEqual([2n])
    expect(held(second)).toEqual([0n, 1n, 2n, 3n])
    expect(cache.sizeBytes).toBe(50_000)
  })

  test('a batch larger than the cache is not kept, nor what came before it', () => {
    const cache = new TailCache(50_000)
    const tail = new Tail(cache)
    fill(tail, 2, () => own(10_000))
    fill(tail, 1, () => own(60_000), 2)
    expect(tail.count).toBe(0)
    expect(cache.sizeBytes).toBe(0)
    fill(tail, 1, () => own(10_000), 3)
    expect(tail.find(2n)).toBeUndefined()
    expect(tail.find(3n)).toBe(0)
  })

  test('accounts for every byte through additions, evictions and clearings', () => {
    const random = new SeededRandom(9)
    const cache = new TailCache(200_000)
    const tails = Array.from({ length: 5 }, () => new Tail(cache))
    for (let i = 0; i < 3_000; i++) {
      const tail = tails[random.below(5)]!
      if (random.below(50) === 0) tail.clear()
      else {
        const bytes =
          random.below(2) === 0 ? own(random.below(20_000) + 1) : viewInto(65_536, random.below(3_000) + 1)
        tail.add({ baseOffset: BigInt(i), nextOffset: BigInt(i + 1), bytes })
      }
      const alive = new Set<ArrayBufferLike>()
      for (const each of tails) {
        for (let at = 0; at < each.count; at++) alive.add(each.entry(at).bytes.buffer)
      }
      const kept = [...alive].reduce((total, buffer) => total + buffer.byteLength, 0)
      expect(cache.sizeBytes).toBe(kept)
      expect(kept).toBeLessThanOrEqual(200_000)
    }
    for (const tail of tails) tail.clear()
    expect(cache.sizeBytes).toBe(0)
  })

  test('what was evicted is read from the file instead, to the same effect', async () => {
    const log = await new Rig({
      broker: { tailCacheBytes: 3_000 },
      config: { indexIntervalBytes: 200 },
    }).log()
    for (let i = 0; i < 100; i++) await append(log, `value ${i}`)
    for (let offset = 0n; offset < 100n; offset += 9n) {
      const [batch] = await readBatches(log, offset, { maxBytes: 1 })
      expect(batch!.baseOffset).toBe(offset)
    }
  })
})
