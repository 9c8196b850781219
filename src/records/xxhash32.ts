/** xxHash32, the checksum of LZ4 frames: their headers need it, their blocks and content may carry it. */

const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

/** An unsigned 32-bit number. Kafka and LZ4 use the seed 0. */
export function xxHash32(bytes: Buffer, seed = 0): number {
  const end = bytes.length
  let position = 0
  let hash: number
  if (end >= 16) {
    let v1 = (seed + PRIME_1 + PRIME_2) | 0
    let v2 = (seed + PRIME_2) | 0
    let v3 = seed | 0
    let v4 = (seed - PRIME_1) | 0
    for (; position <= end - 16; position += 16) {
      v1 = round(v1, bytes.readInt32LE(position))
      v2 = round(v2, bytes.readInt32LE(position + 4))
      v3 = round(v3, bytes.readInt32LE(position + 8))
      v4 = round(v4, bytes.readInt32LE(position + 12))
    }
    hash = (rotate(v1, 1) + rotate(v2, 7) + rotate(v3, 12) + rotate(v4, 18)) | 0
  } else {
    hash = (seed + PRIME_5) | 0
  }
  hash = (hash + end) | 0
  for (; position + 4 <= end; position += 4) {
    hash = Math.imul(rotate((hash + Math.imul(bytes.readInt32LE(position), PRIME_3)) | 0, 17), PRIME_4)
  }
  for (; position < end; position++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[position]!, PRIME_5)) | 0, 11), PRIME_1)
  }
  return avalanche(hash)
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function avalanche(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  mixed = Math.imul(mixed ^ (mixed >>> 13), PRIME_3)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
