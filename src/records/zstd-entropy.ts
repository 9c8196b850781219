/**
 * The entropy coders of Zstandard (RFC 8878, sections 4.1 and 4.2): bit streams read backwards,
 * finite-state tables and Huffman trees. Input is hostile: every table is checked to be complete before it
 * is used.
 */

/** Thrown inside the decoder only; its one caller turns it into a refusal. */
export class MalformedZstd extends Error {}

export interface FseTable {
  readonly log: number
  readonly symbols: Uint8Array
  readonly bits: Uint8Array
  readonly bases: Uint16Array
}

export interface HuffmanTable {
  readonly maxBits: number
  readonly symbols: Uint8Array
  readonly bits: Uint8Array
}

/** Where something ended in the input. */
export interface Parsed<T> {
  readonly table: T
  readonly end: number
}

/** Reads from the last bit to the first. Past the start it gives zeros, and `remaining` goes below zero. */
export class BackwardBits {
  remaining: number
  private readonly bytes: Buffer
  private readonly start: number

  constructor(bytes: Buffer, start: number, end: number) {
    const last = end > start ? bytes[end - 1]! : 0
    if (last === 0) throw new MalformedZstd('a bit stream has no end mark')
    this.bytes = bytes
    this.start = start
    this.remaining = (end - start) * 8 - Math.clz32(last) + 23
  }

  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16)
      return high * 65_536 + this.read(16)
    }
    this.remaining -= count
    return this.peekAt(this.remaining, count)
  }

  /** The next bits without taking them; at most 16. */
  peek(count: number): number {
    return this.peekAt(this.remaining - count, count)
  }

  private peekAt(position: number, count: number): number {
    if (position < 0) {
      const there = count + position
      return there <= 0 ? 0 : this.peekAt(0, there) << -position
    }
    const { bytes } = this
    const at = this.start + (position >>> 3)
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    return (word >>> (position & 7)) & ((1 << count) - 1)
  }
}

/** The description of a table, read forwards, and the table. */
export function readFseTable(
  bytes: Buffer,
  range: { readonly start: number; readonly end: number },
  limits: { readonly log: number; readonly symbol: number },
): Parsed<FseTable> {
  let bit = range.start * 8
  const peek = (count: number) => {
    const at = bit >>> 3
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    return (word >>> (bit & 7)) & ((1 << count) - 1)
  }
  const log = peek(4) + 5
  bit += 4
  if (log > limits.log) throw new MalformedZstd('a table is too large')

  const counts: number[] = []
  let left = (1 << log) + 1
  let threshold = 1 << log
  let width = log + 1
  while (left > 1 && counts.length <= limits.symbol && bit >>> 3 < range.end) {
    // Values that need not be told apart from greater ones take a bit less.
    const spare = 2 * threshold - 1 - left
    let value = peek(width - 1)
    if (value < spare) {
      bit += width - 1
    } else {
      value = peek(width)
      bit += width
      if (value >= threshold) value -= spare
    }
    const count = value - 1
    left -= Math.abs(count)
    counts.push(count)
    if (count === 0) {
      let repeat: number
      do {
        repeat = peek(2)
        bit += 2
        for (let i = 0; i < repeat; i++) counts.push(0)
      } while (repeat === 3 && bit >>> 3 < range.end)
    }
    while (left < threshold && threshold > 1) {
      width--
      threshold >>>= 1
    }
  }
  const end = (bit + 7) >>> 3
  if (left !== 1 || counts.length > limits.symbol + 1 || end > range.end) {
    throw new MalformedZstd('a table is malformed')
  }
  return { table: buildFseTable(counts, log), end }
}

/** A count of -1 is a probability of less than one. */
export function buildFseTable(counts: readonly number[], log: number): FseTable {
  const size = 1 << log
  const symbols = new Uint8Array(size)
  const next = new Uint16Array(counts.length)
  let high = size - 1
  for (const [symbol, count] of counts.entries()) {
    if (count === -1) {
      symbols[high--] = symbol
      next[symbol] = 1
    } else {
      next[symbol] = count
    }
  }
  const step = (size >>> 1) + (size >>> 3) + 3
  let position = 0
  for (const [symbol, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      symbols[position] = symbol
      do position = (position + step) & (size - 1)
      while (position > high)
    }
  }
  if (position !== 0) throw new MalformedZstd('a table is malformed')

  const bits = new Uint8Array(size)
  const bases = new Uint16Array(size)
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state]!
    const occurrence = next[symbol]!
    next[symbol] = occurrence + 1
    const width = log - (31 - Math.clz32(occurrence))
    bits[state] = width
    bases[state] = (occurrence << width) - size
  }
  return { log, symbols, bits, bases }
}

/** A table of one symbol, which takes no bits. */
export function singleFseTable(symbol: number): FseTable {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: Uint8Array.of(0), bases: Uint16Array.of(0) }
}

export function readHuffmanTable(bytes: Buffer, start: number, end: number): Parsed<HuffmanTable> {
  if (start >= end) throw new MalformedZstd('a Huffman tree is missing')
  const header = bytes[start]!
  const weights: number[] = []
  let position = start + 1
  if (header >= 128) {
    const count = header - 127
    for (let i = 0; i < count; i++) {
      const pair = bytes[position + (i >>> 1)] ?? 0
      weights.push((i & 1) === 0 ? pair >>> 4 : pair & 15)
    }
    position += (count + 1) >>> 1
  } else {
    position += header
    if (position <= end) readWeights(bytes, { start: start + 1, end: position }, weights)
  }
  if (position > end) throw new MalformedZstd('a Huffman tree is cut off')
  return { table: buildHuffmanTable(weights), end: position }
}

/** Weights are coded by two states that take turns, until the bits are used up. */
function readWeights(
  bytes: Buffer,
  range: { readonly start: number; readonly end: number },
  weights: number[],
): void {
  const { table, end } = readFseTable(bytes, range, { log: 6, symbol: 12 })
  const bits = new BackwardBits(bytes, end, range.end)
  const states = [bits.read(table.log), bits.read(table.log)]
  for (let turn = 0; weights.length < 255; turn ^= 1) {
    const state = states[turn]!
    weights.push(table.symbols[state]!)
    states[turn] = table.bases[state]! + bits.read(table.bits[state]!)
    if (bits.remaining < 0) {
      weights.push(table.symbols[states[turn ^ 1]!]!)
      return
    }
  }
  throw new MalformedZstd('a Huffman tree is too large')
}

function buildHuffmanTable(weights: number[]): HuffmanTable {
  let sum = 0
  for (const weight of weights) sum += weight === 0 ? 0 : 2 ** (weight - 1)
  if (sum === 0) throw new MalformedZstd('a Huffman tree is empty')
  // The last weight is not written: it completes the sum to a power of two.
  const maxBits = 32 - Math.clz32(sum)
  const rest = 2 ** maxBits - sum
  const last = 31 - Math.clz32(rest)
  if (maxBits > 11 || rest !== 2 ** last || weights.length > 255) {
    throw new MalformedZstd('a Huffman tree is malformed')
  }
  weights.push(last + 1)

  const size = 1 << maxBits
  const symbols = new Uint8Array(size)
  const bits = new Uint8Array(size)
  let position = 0
  for (let weight = 1; weight <= maxBits; weight++) {
    for (const [symbol, its] of weights.entries()) {
      if (its !== weight) continue
      const width = 1 << (weight - 1)
      symbols.fill(symbol, position, position + width)
      bits.fill(maxBits + 1 - weight, position, position + width)
      position += width
    }
  }
  return { maxBits, symbols, bits }
}

/** Fills `target` from one stream, which must be used up exactly. */
export function decodeHuffman(table: HuffmanTable, bits: BackwardBits, target: Uint8Array): void {
  const { maxBits, symbols } = table
  for (let i = 0; i < target.length; i++) {
    const code = bits.peek(maxBits)
    target[i] = symbols[code]!
    bits.remaining -= table.bits[code]!
  }
  if (bits.remaining !== 0) throw new MalformedZstd('a literal stream has a wrong size')
}
