/**
 * LZ4 blocks in plain JavaScript: measuring what a block will take before anything is allocated, decoding,
 * and a fast encoder for where no native part loads. Decoding never reads or writes outside what it was
 * given.
 */

/** A match is at least this long. */
const MIN_MATCH = 4
/** The format: the last match begins at least 12 bytes before the end, the last 5 bytes are literals. */
const MATCH_START_MARGIN = 12
const LAST_LITERALS = 5
const HASH_BITS = 13
const MAX_DISTANCE = 0xffff

/** How many bytes the block decodes to, reading only lengths; -1 when cut off. Stops once over `limit`. */
export function measureBlock(block: Buffer, limit: number): number {
  let total = 0
  let position = 0
  while (position < block.length) {
    const token = block[position++]!
    let literals = token >>> 4
    if (literals === 15) {
      let byte: number
      do {
        if (position >= block.length) return -1
        byte = block[position++]!
        literals += byte
      } while (byte === 255)
    }
    position += literals
    total += literals
    if (position > block.length || total > limit) return position > block.length ? -1 : total
    if (position === block.length) return total

    position += 2
    let match = (token & 15) + MIN_MATCH
    if ((token & 15) === 15) {
      let byte: number
      do {
        if (position >= block.length) return -1
        byte = block[position++]!
        match += byte
      } while (byte === 255)
    }
    total += match
    if (total > limit) return total
  }
  return -1
}

/**
 * Decodes into `target` from `start`; the block must have been measured to fit. The new end, or -1 where a
 * match points before `start`: blocks stand alone.
 */
export function decodeBlock(block: Buffer, target: Buffer, start: number): number {
  let position = 0
  let out = start
  while (position < block.length) {
    const token = block[position++]!
    let literals = token >>> 4
    if (literals === 15) {
      let byte: number
      do {
        byte = block[position++]!
        literals += byte
      } while (byte === 255)
    }
    // Calls cost more than a few bytes copied one by one.
    if (literals > 32) block.copy(target, out, position, position + literals)
    else for (let i = 0; i < literals; i++) target[out + i] = block[position + i]!
    out += literals
    position += literals
    if (position >= block.length) return out

    const distance = block[position]! | (block[position + 1]! << 8)
    position += 2
    let match = (token & 15) + MIN_MATCH
    if ((token & 15) === 15) {
      let byte: number
      do {
        byte = block[position++]!
        match += byte
      } while (byte === 255)
    }
    if (distance === 0 || out - distance < start) return -1
    copyMatch(target, out, distance, match)
    out += match
  }
  return out
}

/** The encoded block, or undefined when it would not be smaller than what it encodes. */
export function encodeBlock(source: Buffer): Buffer | undefined {
  const target = Buffer.allocUnsafe(source.length)
  const seen = new Int32Array(1 << HASH_BITS).fill(-1)
  const lastStart = source.length - MATCH_START_MARGIN
  let anchor = 0
  let out = 0
  let position = 0
  while (position <= lastStart) {
    const word = source.readInt32LE(position)
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = seen[slot]!
    seen[slot] = position
    const isMatch =
      candidate >= 0 && position - candidate <= MAX_DISTANCE && source.readInt32LE(candidate) === word
    if (!isMatch) {
      // Incompressible stretches are crossed in growing steps.
      position += 1 + ((position - anchor) >>> 6)
      continue
    }
    const length = matchLength(source, candidate, position)
    out = writeSequence({ source, target, out, anchor, position, distance: position - candidate, length })
    if (out < 0) return undefined
    position += length
    anchor = position
  }
  const written = writeSequence({
    source,
    target,
    out,
    anchor,
    position: source.length,
    distance: 0,
    length: 0,
  })
  return written < 0 ? undefined : target.subarray(0, written)
}

function matchLength(source: Buffer, candidate: number, position: number): number {
  const most = source.length - LAST_LITERALS - position
  let length = MIN_MATCH
  while (length < most && source[candidate + length] === source[position + length]) length++
  return length
}

interface Sequence {
  readonly source: Buffer
  readonly target: Buffer
  readonly out: number
  readonly anchor: number
  readonly position: number
  readonly distance: number
  /** 0 for the last sequence, which has no match. */
  readonly length: number
}

/** -1 when the target, as large as the source, is full. */
function writeSequence({ source, target, out, anchor, position, distance, length }: Sequence): number {
  const literals = position - anchor
  const worst = out + 1 + Math.ceil(literals / 255) + literals + 2 + Math.ceil(length / 255)
  if (worst >= target.length) return -1
  const matchCode = length === 0 ? 0 : length - MIN_MATCH
  target[out] = (Math.min(literals, 15) << 4) | Math.min(matchCode, 15)
  let at = writeLength(target, out + 1, literals)
  source.copy(target, at, anchor, position)
  at += literals
  if (length === 0) return at
  target.writeUInt16LE(distance, at)
  return writeLength(target, at + 2, matchCode)
}

function writeLength(target: Buffer, at: number, length: number): number {
  if (length < 15) return at
  let rest = length - 15
  let position = at
  for (; rest >= 255; rest -= 255) target[position++] = 255
  target[position++] = rest
  return position
}

function copyMatch(target: Buffer, out: number, distance: number, length: number): void {
  if (distance >= length && length > 64) {
    target.copyWithin(out, out - distance, out - distance + length)
  } else if (distance === 1 && length > 64) {
    target.fill(target[out - 1]!, out, out + length)
  } else {
    for (let i = 0; i < length; i++) target[out + i] = target[out + i - distance]!
  }
}
