/** XXH3 with 64 bits, unseeded: the hash that Kafka keeps of the metadata of a group's topics. */

import assert from 'node:assert'

const SECRET = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221' +
    'b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb' +
    '170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
)
const PRIME32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const
const PRIME64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const
const AVALANCHE_PRIME = 0x165667919e3779f9n
const SHORT_PRIME = 0x9fb21c651e98df25n
const LOW_32 = 0xffffffffn
const STRIPE_BYTES = 64
const STRIPES_OF_BLOCK = 16

/** Of 4 bytes at least, as a signed number. */
export function xxh3(bytes: Buffer): bigint {
  return BigInt.asIntN(64, hashOf(bytes))
}

function hashOf(bytes: Buffer): bigint {
  const { length } = bytes
  assert(length >= 4, 'shorter ones are not hashed here')
  if (length <= 8) return hashUpTo8(bytes)
  if (length <= 16) return hashUpTo16(bytes)
  if (length <= 128) return hashUpTo128(bytes)
  return length <= 240 ? hashUpTo240(bytes) : hashLong(bytes)
}

function hashUpTo8(bytes: Buffer): bigint {
  const { length } = bytes
  const flip = secret(8) ^ secret(16)
  const input = BigInt(bytes.readUInt32LE(length - 4)) + (BigInt(bytes.readUInt32LE(0)) << 32n)
  let hash = input ^ flip
  hash ^= rotated(hash, 49n) ^ rotated(hash, 24n)
  hash = cut(hash * SHORT_PRIME)
  hash ^= (hash >> 35n) + BigInt(length)
  hash = cut(hash * SHORT_PRIME)
  return hash ^ (hash >> 28n)
}

function hashUpTo16(bytes: Buffer): bigint {
  const { length } = bytes
  const low = bytes.readBigUInt64LE(0) ^ secret(24) ^ secret(32)
  const high = bytes.readBigUInt64LE(length - 8) ^ secret(40) ^ secret(48)
  const swapped = Buffer.alloc(8)
  swapped.writeBigUInt64BE(low)
  return avalanche(BigInt(length) + swapped.readBigUInt64LE() + high + folded(low, high))
}

function hashUpTo128(bytes: Buffer): bigint {
  const { length } = bytes
  let sum = BigInt(length) * PRIME64[0]
  for (let i = Math.floor((length - 1) / 32); i >= 0; i--) {
    sum += mixed(bytes, 16 * i, 32 * i) + mixed(bytes, length - 16 * (i + 1), 32 * i + 16)
  }
  return avalanche(sum)
}

function hashUpTo240(bytes: Buffer): bigint {
  const { length } = bytes
  let sum = BigInt(length) * PRIME64[0]
  for (let i = 0; i < 8; i++) sum += mixed(bytes, 16 * i, 16 * i)
  sum = avalanche(sum)
  for (let i = 8; i < Math.floor(length / 16); i++) sum += mixed(bytes, 16 * i, 16 * (i - 8) + 3)
  return avalanche(sum + mixed(bytes, length - 16, 136 - 17))
}

function hashLong(bytes: Buffer): bigint {
  const { length } = bytes
  const sums = [
    PRIME32[2],
    PRIME64[0],
    PRIME64[1],
    PRIME64[2],
    PRIME64[3],
    PRIME32[1],
    PRIME64[4],
    PRIME32[0],
  ] as bigint[]
  const stripes = Math.floor((length - 1) / STRIPE_BYTES)
  for (let i = 0; i < stripes; i++) {
    const inBlock = i % STRIPES_OF_BLOCK
    addStripe(sums, bytes, i * STRIPE_BYTES, inBlock * 8)
    if (inBlock === STRIPES_OF_BLOCK - 1) scramble(sums)
  }
  addStripe(sums, bytes, length - STRIPE_BYTES, SECRET.length - STRIPE_BYTES - 7)
  let sum = BigInt(length) * PRIME64[0]
  for (let i = 0; i < 4; i++) {
    sum += folded(sums[2 * i]! ^ secret(11 + 16 * i), sums[2 * i + 1]! ^ secret(19 + 16 * i))
  }
  return avalanche(sum)
}

function addStripe(sums: bigint[], bytes: Buffer, at: number, secretAt: number): void {
  for (let i = 0; i < 8; i++) {
    const data = bytes.readBigUInt64LE(at + 8 * i)
    const keyed = data ^ secret(secretAt + 8 * i)
    sums[i ^ 1] = cut(sums[i ^ 1]! + data)
    sums[i] = cut(sums[i]! + (keyed & LOW_32) * (keyed >> 32n))
  }
}

function scramble(sums: bigint[]): void {
  for (let i = 0; i < 8; i++) {
    const sum = sums[i]!
    sums[i] = cut((sum ^ (sum >> 47n) ^ secret(SECRET.length - STRIPE_BYTES + 8 * i)) * PRIME32[0])
  }
}

function mixed(bytes: Buffer, at: number, secretAt: number): bigint {
  const low = bytes.readBigUInt64LE(at) ^ secret(secretAt)
  return folded(low, bytes.readBigUInt64LE(at + 8) ^ secret(secretAt + 8))
}

function avalanche(sum: bigint): bigint {
  let hash = cut(sum)
  hash = cut((hash ^ (hash >> 37n)) * AVALANCHE_PRIME)
  return hash ^ (hash >> 32n)
}

/** Both halves of the product of 128 bits, over each other. */
function folded(one: bigint, other: bigint): bigint {
  const product = one * other
  return cut(product) ^ (product >> 64n)
}

function rotated(value: bigint, bits: bigint): bigint {
  return cut(value << bits) | (value >> (64n - bits))
}

function secret(at: number): bigint {
  return SECRET.readBigUInt64LE(at)
}

function cut(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}
