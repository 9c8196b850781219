/**
 * Zstandard frames, bounded. `node:zlib` where it has zstd, a native package on older Nodes, our own
 * decoder where that does not load. Frames are walked block by block first: what is cut off is refused
 * (`node:zlib` would silently return what there is), so is what must be too large; what only might be too
 * large goes to our decoder, whose bound is exact.
 */
import { createRequire } from 'node:module'
import zlib from 'node:zlib'
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { decodeZstdBlocks, ZstdTooLarge } from './zstd-decoder.ts'

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
/** No block decodes to more. */
const MAX_BLOCK_BYTES = 128 * 1024
/** What the Java client's decoder allows: 2^27. */
const MAX_WINDOW_BYTES = 134_217_728
export const DEFAULT_ZSTD_LEVEL = 3

export interface ZstdLibrary {
  readonly name: string
  /** Levels are Kafka's, -131072 to 22. False where frames can only be stored. */
  readonly honoursLevel: boolean
  compress(bytes: Buffer, level: number): Uint8Array
  /** One whole frame that decodes to at most `maxBytes`. Throws on malformed input. */
  decompress?(frame: Buffer, maxBytes: number): Uint8Array
}

const require = createRequire(import.meta.url)
let chosen: ZstdLibrary | undefined

export function zstdLibrary(): ZstdLibrary {
  chosen ??= builtInZstd() ?? nativeZstd() ?? pureZstd()
  return chosen
}

/** Newer Nodes bring zstd; `@types/node` of our oldest Node does not know it. */
interface ZlibWithZstd {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Buffer
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Buffer
  readonly constants: { readonly ZSTD_c_compressionLevel?: number }
}

export function builtInZstd(): ZstdLibrary | undefined {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as ZlibWithZstd
  const levelParameter = constants.ZSTD_c_compressionLevel
  if (!zstdCompressSync || !zstdDecompressSync || levelParameter === undefined) return undefined

  return {
    name: 'node:zlib',
    honoursLevel: true,
    compress: (bytes, level) => zstdCompressSync(bytes, { params: { [levelParameter]: level } }),
    decompress: (frames, maxBytes) => zstdDecompressSync(frames, { maxOutputLength: Math.max(1, maxBytes) }),
  }
}

export function nativeZstd(): ZstdLibrary | undefined {
  try {
    const { Encoder, Decoder } = require('@toondepauw/node-zstd') as {
      Encoder: new (level: number) => { encodeSync(bytes: Buffer): Buffer }
      Decoder: new () => { decodeSync(bytes: Buffer): Buffer }
    }
    const decoder = new Decoder()
    return {
      name: '@toondepauw/node-zstd (native)',
      honoursLevel: true,
      compress: (bytes, level) => new Encoder(level).encodeSync(bytes),
      decompress: frames => decoder.decodeSync(frames),
    }
  } catch {
    // An optional dependency: no prebuilt part for this platform.
    return undefined
  }
}

/** Writes valid frames that are stored, not compressed; decodes with our own decoder. */
export function pureZstd(): ZstdLibrary {
  return { name: 'built in (JavaScript)', honoursLevel: false, compress: storeFrame }
}

export function compressZstd(
  bytes: Buffer,
  level = DEFAULT_ZSTD_LEVEL,
  library: ZstdLibrary = zstdLibrary(),
): Buffer {
  return asBuffer(library.compress(bytes, level))
}

export function decompressZstd(
  bytes: Buffer,
  maxBytes: number,
  library: ZstdLibrary = zstdLibrary(),
): Result<Buffer> {
  const parts: Buffer[] = []
  let position = 0
  let total = 0
  while (position < bytes.length) {
    const walked = walkFrame(bytes, position)
    if (walked.error) return walked
    const frame = walked.value
    const room = maxBytes - total
    if (Math.max(frame.leastBytes, frame.contentBytes ?? 0) > room) return tooLarge(maxBytes)
    if (!frame.isSkippable) {
      const part = decodeFrame(bytes, { start: position, frame, room, library })
      if (part.error) return part.error === ErrorCode.MESSAGE_TOO_LARGE ? tooLarge(maxBytes) : part
      parts.push(part.value)
      total += part.value.length
    }
    position = frame.end
  }
  if (parts.length === 0) return broken('no zstd frame')
  return ok(parts.length === 1 ? parts[0]! : Buffer.concat(parts, total))
}

interface Frame {
  readonly end: number
  readonly isSkippable: boolean
  readonly blocksAt: number
  readonly contentBytes: number | undefined
  /** Bounds of what it decodes to, from its blocks alone. */
  readonly leastBytes: number
  readonly mostBytes: number
}

interface Decoding {
  readonly start: number
  readonly frame: Frame
  readonly room: number
  readonly library: ZstdLibrary
}

function decodeFrame(bytes: Buffer, { start, frame, room, library }: Decoding): Result<Buffer> {
  try {
    if (library.decompress === undefined || frame.mostBytes > room) {
      // Only decoding tells whether it fits, and the libraries' own caps are not to be relied on.
      return ok(decodeZstdBlocks(bytes, frame, room))
    }
    return ok(asBuffer(library.decompress(bytes.subarray(start, frame.end), room)))
  } catch (error) {
    if (error instanceof ZstdTooLarge) return tooLarge(room)
    return broken(`zstd data is malformed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function walkFrame(bytes: Buffer, start: number): Result<Frame> {
  if (bytes.length - start < 8) return broken('a zstd frame is cut off')
  const magic = bytes.readUInt32LE(start)
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    const end = start + 8 + bytes.readUInt32LE(start + 4)
    if (end > bytes.length) return broken('a zstd frame is cut off')
    return ok({ end, isSkippable: true, blocksAt: end, contentBytes: 0, leastBytes: 0, mostBytes: 0 })
  }
  if (magic !== FRAME_MAGIC) return broken('no zstd frame')
  const header = readFrameHeader(bytes, start + 4)
  if (header.error) return header

  let position = header.value.blocksAt
  let leastBytes = 0
  let mostBytes = 0
  for (let isLast = false; !isLast; ) {
    if (position + 3 > bytes.length) return broken('a zstd frame is cut off')
    const word = bytes.readUIntLE(position, 3)
    isLast = (word & 1) === 1
    const type = (word >>> 1) & 3
    const size = word >>> 3
    if (type === 3 || size > MAX_BLOCK_BYTES) return broken('a zstd block is malformed')
    const isCompressed = type === 2
    leastBytes += isCompressed ? 0 : size
    mostBytes += isCompressed ? MAX_BLOCK_BYTES : size
    // A block of type 1 is one byte, repeated.
    position += 3 + (type === 1 ? 1 : size)
  }
  const end = position + (header.value.hasChecksum ? 4 : 0)
  if (end > bytes.length) return broken('a zstd frame is cut off')
  return ok({ end, isSkippable: false, ...header.value, leastBytes, mostBytes })
}

interface FrameHeader {
  readonly blocksAt: number
  readonly contentBytes: number | undefined
  readonly hasChecksum: boolean
}

function readFrameHeader(bytes: Buffer, start: number): Result<FrameHeader> {
  const descriptor = bytes[start]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeCode = descriptor >>> 6
  const sizeBytes = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : 2 ** sizeCode
  if ((descriptor & 0x0b) !== 0) return broken('zstd data needs a dictionary or an unknown feature')
  const sizeAt = start + (isSingleSegment ? 1 : 2)
  const blocksAt = sizeAt + sizeBytes
  if (blocksAt > bytes.length) return broken('a zstd frame is cut off')
  if (!isSingleSegment) {
    const window = bytes[start + 1]!
    const base = 2 ** (10 + (window >>> 3))
    if (base + (base / 8) * (window & 7) > MAX_WINDOW_BYTES) return broken('a zstd window is too large')
  }
  return ok({
    blocksAt,
    contentBytes: contentSize(bytes, sizeAt, sizeBytes),
    hasChecksum: (descriptor & 4) !== 0,
  })
}

function contentSize(bytes: Buffer, at: number, width: number): number | undefined {
  if (width === 0) return undefined
  if (width === 8) return Number(bytes.readBigUInt64LE(at))
  return bytes.readUIntLE(at, width) + (width === 2 ? 256 : 0)
}

/** A frame of raw blocks. */
function storeFrame(bytes: Buffer): Buffer {
  // No content size, no checksum; a window of 128 KiB.
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])]
  let position = 0
  do {
    const block = bytes.subarray(position, position + MAX_BLOCK_BYTES)
    position += MAX_BLOCK_BYTES
    const header = Buffer.allocUnsafe(3)
    header.writeUIntLE((block.length << 3) | (position >= bytes.length ? 1 : 0), 0, 3)
    parts.push(header, block)
  } while (position < bytes.length)
  return Buffer.concat(parts)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function tooLarge(maxBytes: number): Result<never> {
  return refuse(ErrorCode.MESSAGE_TOO_LARGE, `zstd data takes more than ${maxBytes} bytes`)
}

function broken(message: string): Result<never> {
  return refuse(ErrorCode.INVALID_RECORD, message)
}
