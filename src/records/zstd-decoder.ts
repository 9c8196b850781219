/**
 * A Zstandard decoder in plain JavaScript (RFC 8878) with an exact bound: for where no library loads, and
 * for frames of which only decoding tells whether they fit. No more than one block is ever produced beyond
 * what is allowed.
 */
import {
  BackwardBits,
  buildFseTable,
  decodeHuffman,
  type FseTable,
  type HuffmanTable,
  MalformedZstd,
  readFseTable,
  readHuffmanTable,
  singleFseTable,
} from './zstd-entropy.ts'

const MAX_BLOCK_BYTES = 128 * 1024

export class ZstdTooLarge extends Error {}

/** Where a frame's blocks are; the frame has been walked and is whole. */
export interface ZstdBlocks {
  readonly blocksAt: number
  /** Undefined where the frame does not say. */
  readonly contentBytes: number | undefined
}

/**
 * Codes of literal lengths, offsets and match lengths: table limits, and the table that needs no
 * description.
 */
interface Code {
  readonly log: number
  readonly symbol: number
  readonly predefined: FseTable
}

const ones = (count: number, value = 1): number[] => new Array<number>(count).fill(value)
const LITERAL_LENGTHS: Code = {
  log: 9,
  symbol: 35,
  predefined: buildFseTable(
    [4, 3, ...ones(11, 2), ...ones(3), ...ones(9, 2), 3, 2, ...ones(5), ...ones(4, -1)],
    6,
  ),
}
const OFFSETS: Code = {
  log: 8,
  symbol: 31,
  predefined: buildFseTable([...ones(6), 2, 2, 2, ...ones(15), ...ones(5, -1)], 5),
}
const MATCH_LENGTHS: Code = {
  log: 9,
  symbol: 52,
  predefined: buildFseTable([1, 4, 3, ...ones(6, 2), ...ones(37), ...ones(7, -1)], 6),
}
const LITERAL_LENGTH_BITS = [
  ...ones(16, 0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
]
const MATCH_LENGTH_BITS = [
  ...ones(32, 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
]
const LITERAL_LENGTH_BASES = basesOf(LITERAL_LENGTH_BITS, 0)
const MATCH_LENGTH_BASES = basesOf(MATCH_LENGTH_BITS, 3)

/** The frame's content. Throws MalformedZstd, or ZstdTooLarge when there is more than `maxBytes` of it. */
export function decodeZstdBlocks(bytes: Buffer, frame: ZstdBlocks, maxBytes: number): Buffer {
  const decoder = new BlockDecoder(bytes, maxBytes)
  let position = frame.blocksAt
  for (let isLast = false; !isLast; ) {
    const header = bytes.readUIntLE(position, 3)
    isLast = (header & 1) === 1
    const type = (header >>> 1) & 3
    const size = header >>> 3
    position += 3
    if (type === 0) decoder.append(bytes.subarray(position, position + size))
    else if (type === 1) decoder.repeat(bytes[position]!, size)
    else decoder.decode(position, position + size)
    position += type === 1 ? 1 : size
  }
  const content = decoder.content()
  if (frame.contentBytes !== undefined && frame.contentBytes !== content.length) {
    throw new MalformedZstd('a frame declares a false size')
  }
  return content
}

class BlockDecoder {
  private readonly bytes: Buffer
  private readonly maxBytes: number
  private output = Buffer.allocUnsafe(4096)
  private length = 0
  private readonly literals = Buffer.allocUnsafe(MAX_BLOCK_BYTES)
  private literalBytes = 0
  private huffman: HuffmanTable | undefined
  private tables: (FseTable | undefined)[] = [undefined, undefined, undefined]
  private readonly recent = [1, 4, 8]

  constructor(bytes: Buffer, maxBytes: number) {
    this.bytes = bytes
    this.maxBytes = maxBytes
  }

  content(): Buffer {
    return this.output.subarray(0, this.length)
  }

  append(plain: Buffer): void {
    this.reserve(plain.length)
    plain.copy(this.output, this.length)
    this.length += plain.length
  }

  repeat(byte: number, count: number): void {
    this.reserve(count)
    this.output.fill(byte, this.length, this.length + count)
    this.length += count
  }

  decode(start: number, end: number): void {
    const sequencesAt = this.readLiterals(start, end)
    this.readSequences(sequencesAt, end)
  }

  private reserve(count: number): void {
    const needed = this.length + count
    if (needed > this.maxBytes) throw new ZstdTooLarge()
    if (needed <= this.output.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.maxBytes, this.output.length * 2)))
    this.output.copy(larger, 0, 0, this.length)
    this.output = larger
  }

  private readLiterals(start: number, end: number): number {
    if (start + 5 > end && start + 1 > end) throw new MalformedZstd('a block is empty')
    const { bytes } = this
    const first = bytes[start]!
    const type = first & 3
    const format = (first >>> 2) & 3
    if (type >= 2) return this.readCompressedLiterals(start, end)

    const headerBytes = format === 1 ? 2 : format === 3 ? 3 : 1
    if (start + headerBytes > end) throw new MalformedZstd('a literals header is cut off')
    const size = bytes.readUIntLE(start, headerBytes) >>> (headerBytes === 1 ? 3 : 4)
    const at = start + headerBytes
    const next = at + (type === 0 ? size : 1)
    if (size > MAX_BLOCK_BYTES || next > end) throw new MalformedZstd('literals are cut off')
    if (type === 0) bytes.copy(this.literals, 0, at, next)
    else this.literals.fill(bytes[at]!, 0, size)
    this.literalBytes = size
    return next
  }

  private readCompressedLiterals(start: number, end: number): number {
    const { bytes } = this
    const first = bytes[start]!
    const format = (first >>> 2) & 3
    const headerBytes = format < 2 ? 3 : format + 2
    if (start + headerBytes > end) throw new MalformedZstd('a literals header is cut off')
    const width = [10, 10, 14, 18][format]!
    const header = Math.floor(bytes.readUIntLE(start, headerBytes) / 16)
    const size = header % 2 ** width
    const next = start + headerBytes + Math.floor(header / 2 ** width)
    if (size > MAX_BLOCK_BYTES || next > end) throw new MalformedZstd('literals are cut off')

    let position = start + headerBytes
    if ((first & 3) === 2) {
      const parsed = readHuffmanTable(bytes, position, next)
      this.huffman = parsed.table
      position = parsed.end
    }
    if (this.huffman === undefined) throw new MalformedZstd('a Huffman tree is missing')
    const target = this.literals.subarray(0, size)
    if (format === 0) decodeHuffman(this.huffman, new BackwardBits(bytes, position, next), target)
    else this.readFourStreams(this.huffman, { start: position, end: next }, target)
    this.literalBytes = size
    return next
  }

  private readFourStreams(
    table: HuffmanTable,
    range: { readonly start: number; readonly end: number },
    target: Buffer,
  ): void {
    const { bytes } = this
    let position = range.start + 6
    if (position > range.end) throw new MalformedZstd('literal streams are cut off')
    const quarter = (target.length + 3) >>> 2
    for (let i = 0; i < 4; i++) {
      const end = i === 3 ? range.end : position + bytes.readUInt16LE(range.start + 2 * i)
      if (end > range.end || quarter * i > target.length)
        throw new MalformedZstd('literal streams are cut off')
      const part = target.subarray(quarter * i, i === 3 ? target.length : quarter * (i + 1))
      decodeHuffman(table, new BackwardBits(bytes, position, end), part)
      position = end
    }
  }

  private readSequences(start: number, end: number): void {
    const { bytes } = this
    if (start >= end) throw new MalformedZstd('a sequences header is missing')
    let position = start + 1
    let count = bytes[start]!
    if (count === 255) {
      count = (bytes[start + 1] ?? 0) + ((bytes[start + 2] ?? 0) << 8) + 0x7f00
      position += 2
    } else if (count > 127) {
      count = ((count - 128) << 8) + (bytes[start + 1] ?? 0)
      position += 1
    }
    if (count === 0) {
      this.append(this.literals.subarray(0, this.literalBytes))
      return
    }
    if (position >= end) throw new MalformedZstd('sequences are cut off')
    const modes = bytes[position++]!
    if ((modes & 3) !== 0) throw new MalformedZstd('sequences use an unknown mode')
    for (const [i, code] of [LITERAL_LENGTHS, OFFSETS, MATCH_LENGTHS].entries()) {
      position = this.readTable(i, { code, mode: (modes >>> (6 - 2 * i)) & 3, start: position, end })
    }
    this.execute(count, new BackwardBits(bytes, position, end))
  }

  private readTable(
    index: number,
    { code, mode, start, end }: { code: Code; mode: number; start: number; end: number },
  ): number {
    if (mode === 0) {
      this.tables[index] = code.predefined
      return start
    }
    if (mode === 1) {
      const symbol = start < end ? this.bytes[start]! : 256
      if (symbol > code.symbol) throw new MalformedZstd('sequences use an unknown code')
      this.tables[index] = singleFseTable(symbol)
      return start + 1
    }
    if (mode === 2) {
      const parsed = readFseTable(this.bytes, { start, end }, code)
      this.tables[index] = parsed.table
      return parsed.end
    }
    if (this.tables[index] === undefined) throw new MalformedZstd('a table to repeat is missing')
    return start
  }

  private execute(count: number, bits: BackwardBits): void {
    const [literalTable, offsetTable, matchTable] = this.tables as [FseTable, FseTable, FseTable]
    let literalState = bits.read(literalTable.log)
    let offsetState = bits.read(offsetTable.log)
    let matchState = bits.read(matchTable.log)
    const blockStart = this.length
    let literalsAt = 0
    for (let i = 0; i < count; i++) {
      const offsetCode = offsetTable.symbols[offsetState]!
      const matchCode = matchTable.symbols[matchState]!
      const literalCode = literalTable.symbols[literalState]!
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode)
      const match = MATCH_LENGTH_BASES[matchCode]! + bits.read(MATCH_LENGTH_BITS[matchCode]!)
      const literals = LITERAL_LENGTH_BASES[literalCode]! + bits.read(LITERAL_LENGTH_BITS[literalCode]!)
      if (i < count - 1) {
        literalState = literalTable.bases[literalState]! + bits.read(literalTable.bits[literalState]!)
        matchState = matchTable.bases[matchState]! + bits.read(matchTable.bits[matchState]!)
        offsetState = offsetTable.bases[offsetState]! + bits.read(offsetTable.bits[offsetState]!)
      }
      if (bits.remaining < 0 || literalsAt + literals > this.literalBytes) {
        throw new MalformedZstd('sequences are cut off')
      }
      if (this.length - blockStart + literals + match > MAX_BLOCK_BYTES) {
        throw new MalformedZstd('a block is too large')
      }
      this.reserve(literals + match)
      this.copyLiterals(literalsAt, literals)
      literalsAt += literals
      this.copyMatch(this.offsetOf(offsetValue, literals === 0), match)
    }
    if (bits.remaining !== 0) throw new MalformedZstd('sequences have a wrong size')
    this.append(this.literals.subarray(literalsAt, this.literalBytes))
    if (this.length - blockStart > MAX_BLOCK_BYTES) throw new MalformedZstd('a block is too large')
  }

  /** Values up to 3 name one of the three latest offsets. */
  private offsetOf(value: number, hasNoLiterals: boolean): number {
    const { recent } = this
    if (value > 3) {
      recent[2] = recent[1]!
      recent[1] = recent[0]!
      recent[0] = value - 3
      return value - 3
    }
    const index = value - (hasNoLiterals ? 0 : 1)
    const offset = index === 3 ? recent[0]! - 1 : recent[index]!
    if (index > 1) recent[2] = recent[1]!
    if (index > 0) recent[1] = recent[0]!
    recent[0] = offset
    return offset
  }

  private copyLiterals(from: number, count: number): void {
    const { output, literals, length } = this
    if (count > 32) literals.copy(output, length, from, from + count)
    else for (let i = 0; i < count; i++) output[length + i] = literals[from + i]!
    this.length = length + count
  }

  private copyMatch(offset: number, length: number): void {
    const { output } = this
    const out = this.length
    const from = out - offset
    if (offset <= 0 || from < 0) throw new MalformedZstd('a match begins before the data')
    if (offset >= length && length > 64) output.copyWithin(out, from, from + length)
    else if (offset === 1 && length > 64) output.fill(output[from]!, out, out + length)
    else for (let i = 0; i < length; i++) output[out + i] = output[from + i]!
    this.length += length
  }
}

function basesOf(bits: readonly number[], first: number): number[] {
  const bases: number[] = []
  let base = first
  for (const width of bits) {
    bases.push(base)
    base += 2 ** width
  }
  return bases
}
