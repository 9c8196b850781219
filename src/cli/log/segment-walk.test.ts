/** However a segment is damaged, the walk ends, leaves out no byte, and finds the batches that are whole. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../../platform/simulated/memory-disk.ts'
import { buildBatch } from '../../records/builder.ts'
import { type SegmentItem, walkSegment } from './segment-walk.ts'

const BATCHES = 12

function segment(): { readonly bytes: Buffer; readonly starts: readonly number[] } {
  const starts: number[] = []
  const parts: Buffer[] = []
  let position = 0
  for (let i = 0; i < BATCHES; i++) {
    const records = Array.from({ length: 1 + (i % 4) }, (_, n) => ({
      timestamp: BigInt(1_000 + i),
      key: Buffer.from(`key ${n}`),
      // Bytes that look like the beginning of a batch are as good as any others.
      value: Buffer.alloc(40 * i, n % 3),
    }))
    const baseOffset = BigInt(parts.length * 10)
    const batch = buildBatch({ baseOffset, records, compression: i % 2 === 0 ? 'none' : 'gzip' })
    starts.push(position)
    parts.push(batch)
    position += batch.length
  }
  return { bytes: Buffer.concat(parts), starts }
}

async function walked(bytes: Buffer): Promise<(SegmentItem & { isWhole: boolean })[]> {
  const disk = new MemoryDisk({ clock: new ManualClock() })
  const file = await disk.open('/segment', 'write')
  await file.write([bytes], 0)
  const items: (SegmentItem & { isWhole: boolean })[] = []
  for await (const item of walkSegment(file, { to: bytes.length })) {
    items.push({ ...item, isWhole: item.kind === 'batch' && item.isChecksumValid })
  }
  await file.close()
  return items
}

test('a segment that is whole is all batches', async () => {
  const { bytes, starts } = segment()
  const items = await walked(bytes)
  expect(items.map(it => it.position)).toEqual(starts)
  expect(items.every(it => it.isWhole)).toBe(true)
})

test('a damaged one is covered to its last byte, and every batch that is not hit is found', async () => {
  const { bytes, starts } = segment()
  const damage = fc.record({
    at: fc.nat(bytes.length - 1),
    with: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    cut: fc.nat(bytes.length),
  })
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, with: garbage, cut }) => {
      const changed = Buffer.from(bytes)
      changed.set(garbage.subarray(0, changed.length - at), at)
      const end = Math.max(cut, at + 1)
      const items = await walked(changed.subarray(0, end))
      let position = 0
      for (const item of items) {
        expect(item.position).toBe(position)
        position += item.sizeBytes
      }
      expect(position).toBe(end)
      const sizes = starts.map((start, i) => (starts[i + 1] ?? bytes.length) - start)
      const unhit = starts.filter((start, i) => {
        const stop = start + sizes[i]!
        return stop <= end && bytes.subarray(start, stop).equals(changed.subarray(start, stop))
      })
      expect(items.filter(it => it.isWhole).map(it => it.position)).toEqual(expect.arrayContaining(unhit))
    }),
    { numRuns: 150, seed: 7 },
  )
})

test('a file of zeros is one stretch of damage', async () => {
  const items = await walked(Buffer.alloc(3_000_000))
  expect(items).toEqual([
    expect.objectContaining({ kind: 'damage', position: 0, sizeBytes: 3_000_000, isAtEnd: true }),
  ])
})
