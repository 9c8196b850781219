import { expect, test } from 'vitest'
import { KeyHash } from './key-hash.ts'

/** Key and inputs of the published vectors: bytes that count up from 0. */
const SEED = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)

function hashed(hash: KeyHash, length: number): string {
  // The key does not begin where the buffer does, and something else follows it.
  const bytes = Uint8Array.from({ length: length + 7 }, (_, i) => (i - 3) & 0xff)
  hash.of(bytes, 3, length)
  return Buffer.from(hash.words.buffer).toString('hex')
}

test.each([
  [0, 'a3817f04ba25a8e66df67214c7550293'],
  [1, 'da87c1d86b99af44347659119b22fc45'],
  [8, '3b62a9ba6258f5610f83e264f31497b4'],
  [15, '5493e99933b0a8117e08ec0f97cfc3d9'],
  [63, '5150d1772f50834a503e069a973fbd7c'],
])('%i bytes hash as the reference implementation of SipHash-2-4-128 does it', (length, expected) => {
  expect(hashed(new KeyHash(SEED, { perWord: 2, atEnd: 4 }), length)).toBe(expected)
})

test('lengths, contents and seeds all make a difference', () => {
  const first = new KeyHash(SEED)
  const lengths = Array.from({ length: 64 }, (_, length) => hashed(first, length))
  const second = new KeyHash(Uint32Array.of(1, 2, 3, 4))
  const others = Array.from({ length: 64 }, (_, length) => hashed(second, length))
  expect(new Set([...lengths, ...others]).size).toBe(128)
  first.of(new Uint8Array(9), 0, 8)
  const eight = first.words.slice()
  first.of(new Uint8Array(9), 0, 9)
  expect(first.words).not.toEqual(eight)
})
