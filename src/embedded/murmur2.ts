/** MurmurHash2 (32 bits), with the seed and the partitioning of Kafka's own producer. */

const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
const SHIFT = 24

/** The partition that Kafka's Java producer, and most others by default or option, choose for a key. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount
}

/** A signed 32-bit number, as in Java. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wholeWords = bytes.length & ~3
  let hash = SEED ^ bytes.length
  for (let at = 0; at < wholeWords; at += 4) {
    const word = mixed(view.getInt32(at, true))
    hash = Math.imul(hash, MULTIPLIER) ^ word
  }
  for (let at = bytes.length - 1; at >= wholeWords; at--) hash ^= bytes[at]! << (8 * (at - wholeWords))
  if (wholeWords < bytes.length) hash = Math.imul(hash, MULTIPLIER)
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return hash ^ (hash >>> 15)
}

function mixed(word: number): number {
  const spread = Math.imul(word, MULTIPLIER)
  return Math.imul(spread ^ (spread >>> SHIFT), MULTIPLIER)
}
