import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENTRY_BYTES, OffsetMap } from './offset-map.ts'

const SEED = Uint32Array.of(7, 8, 9, 10)

function bytesOf(key: string): Buffer {
  return Buffer.from(key)
}

test('it knows the latest offset of each key, as a Map would', () => {
  const puts = fc.array(fc.tuple(fc.string({ maxLength: 4 }), fc.nat({ max: 2 ** 40 })), { maxLength: 200 })
  fc.assert(
    fc.property(puts, entries => {
      const map = new OffsetMap(400, SEED)
      const model = new Map<string, number>()
      for (const [key, offset] of entries) {
        const bytes = bytesOf(key)
        map.put(bytes, 0, bytes.length, offset)
        model.set(key, offset)
        expect(map.size).toBe(model.size)
      }
      for (const [key, offset] of model) {
        const bytes = bytesOf(`<${key}>`)
        expect(map.get(bytes, 1, bytes.length - 2)).toBe(offset)
      }
      expect(map.get(bytesOf('not there'), 0, 9)).toBe(-1)
    }),
  )
})

test('offsets begin at 0, and a key may be empty', () => {
  const map = new OffsetMap(100, SEED)
  map.put(bytesOf(''), 0, 0, 0)
  expect(map.get(bytesOf('x'), 0, 0)).toBe(0)
  expect(map.get(bytesOf('x'), 0, 1)).toBe(-1)
})

test('filled to its last slot it still finds every key, and then takes no more', () => {
  const map = new OffsetMap(1_000, SEED)
  const room = map.slots - 1
  for (let i = 0; i < room; i++) map.put(bytesOf(`key-${i}`), 0, `key-${i}`.length, i)
  for (let i = 0; i < room; i++) expect(map.get(bytesOf(`key-${i}`), 0, `key-${i}`.length)).toBe(i)
  map.put(bytesOf('key-5'), 0, 5, 9_999)
  expect(map.get(bytesOf('key-5'), 0, 5)).toBe(9_999)
  expect(() => map.put(bytesOf('one more'), 0, 8, 1)).toThrow('full')
})

test('it takes no more slots than it was given, of 24 bytes each', () => {
  for (const slots of [100, 4_096, 5_592_405]) {
    expect(new OffsetMap(slots, SEED).slots).toBeLessThanOrEqual(slots)
    expect(new OffsetMap(slots, SEED).slots).toBeGreaterThan(slots * 0.9)
  }
  expect(ENTRY_BYTES).toBe(24)
})
