/**
 * LZ4 frames as Kafka's Java client writes and demands them: independent blocks, no dictionary. A frame is
 * walked first, so what it takes is known before anything is allocated. Message format 0 carried a wrong
 * header checksum (it covered the frame's magic number too); that is accepted and written for magic 0.
 */
import { createRequire } from 'node:module'
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { decodeBlock, encodeBlock, measureBlock } from './lz4-block.ts'
import { xxHash32 } from './xxhash32.ts'

const FRAME_MAGIC = 0x184d2204
/** By the code in the block descriptor. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 }
const UNCOMPRESSED_BIT = 0x8000_0000

/** The frame calls of the native library; undefined where it does not load. */
export interface NativeLz4 {
  compressFrameSync(bytes: Buffer): Buffer
  decompressFrameSync(frame: Buffer): Buffer
}

export interface Lz4Options {
  readonly magic?: number
  /** `null` for plain JavaScript; what loads on this machine otherwise. */
  readonly native?: NativeLz4 | null
}

const require = createRequire(import.meta.url)
let loaded: NativeLz4 | null | undefined

export function nativeLz4(): NativeLz4 | null {
  if (loaded === undefined) {
    try {
      loaded = require('lz4-napi') as NativeLz4
    } catch {
      // An optional dependency: no prebuilt part for this platform.
      loaded = null
    }
  }
  return loaded
}

export function decompressLz4(bytes: Buffer, maxBytes: number, options: Lz4Options = {}): Result<Buffer> {
  const { magic = 2, native = nativeLz4() } = options
  const frame = walkFrame(bytes, { maxBytes, ignoresHeaderChecksum: magic === 0 })
  if (frame.error) return frame
  // The native decoder would refuse magic 0's header checksum.
  if (native === null || magic === 0) return decodeFrame(bytes, frame.value)
  try {
    return ok(native.decompressFrameSync(bytes.subarray(0, frame.value.end)))
  } catch (error) {
    return broken(error instanceof Error ? error.message : String(error))
  }
}

export function compressLz4(bytes: Buffer, options: Lz4Options = {}): Buffer {
  const { magic = 2, native = nativeLz4() } = options
  if (native !== null && magic !== 0) return native.compressFrameSync(bytes)

  // Version 1, independent blocks of 64 KiB, no checksums but the header's.
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0])
  header[6] = (xxHash32(header.subarray(magic === 0 ? 0 : 4, 6)) >>> 8) & 0xff
  const parts: Buffer[] = [header]
  for (let position = 0; position < bytes.length; position += BLOCK_BYTES[4]!) {
    const plain = bytes.subarray(position, position + BLOCK_BYTES[4]!)
    const block = encodeBlock(plain)
    const size = Buffer.allocUnsafe(4)
    size.writeUInt32LE(block === undefined ? plain.length + UNCOMPRESSED_BIT : block.length)
    parts.push(size, block ?? plain)
  }
  parts.push(Buffer.alloc(4))
  return Buffer.concat(parts)
}

interface Frame {
  /** Where the first block's size stands. */
  readonly blocksAt: number
  readonly hasBlockChecksums: boolean
  /** Behind the end mark and the content checksum. */
  readonly end: number
  readonly decodedBytes: number
}

interface WalkOptions {
  readonly maxBytes: number
  readonly ignoresHeaderChecksum: boolean
}

function walkFrame(bytes: Buffer, { maxBytes, ignoresHeaderChecksum }: WalkOptions): Result<Frame> {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== FRAME_MAGIC) return broken('no LZ4 frame')
  const flags = bytes[4]!
  const blockBytes = BLOCK_BYTES[(bytes[5]! >>> 4) & 7]
  if (flags >>> 6 !== 1 || (flags & 0x03) !== 0) return broken('an LZ4 frame of an unknown version')
  if ((flags & 0x20) === 0) return broken('LZ4 blocks depend on each other')
  if (blockBytes === undefined || (bytes[5]! & 0x8f) !== 0) return broken('an invalid LZ4 block size')

  const checksumAt = (flags & 0x08) === 0 ? 6 : 14
  if (checksumAt >= bytes.length) return broken('an LZ4 frame is cut off')
  const checksum = (xxHash32(bytes.subarray(4, checksumAt)) >>> 8) & 0xff
  if (!ignoresHeaderChecksum && checksum !== bytes[checksumAt]) {
    return broken("an LZ4 frame header's checksum does not match")
  }
  const hasBlockChecksums = (flags & 0x10) !== 0
  const blocksAt = checksumAt + 1
  let position = blocksAt
  let decodedBytes = 0
  while (true) {
    if (position + 4 > bytes.length) return broken('an LZ4 frame is cut off')
    const word = bytes.readUInt32LE(position)
    position += 4
    if (word === 0) break
    const size = word % UNCOMPRESSED_BIT
    if (size > blockBytes || size > bytes.length - position) return broken('an LZ4 block is too large')
    const decoded =
      word >= UNCOMPRESSED_BIT ? size : measureBlock(bytes.subarray(position, position + size), blockBytes)
    if (decoded < 0 || decoded > blockBytes) return broken('an LZ4 block is malformed')
    decodedBytes += decoded
    if (decodedBytes > maxBytes) {
      return refuse(ErrorCode.MESSAGE_TOO_LARGE, `LZ4 data takes more than ${maxBytes} bytes`)
    }
    position += size + (hasBlockChecksums ? 4 : 0)
  }
  const end = position + ((flags & 0x04) === 0 ? 0 : 4)
  if (end > bytes.length) return broken('an LZ4 frame is cut off')
  return ok({ blocksAt, hasBlockChecksums, end, decodedBytes })
}

function decodeFrame(bytes: Buffer, frame: Frame): Result<Buffer> {
  const target = Buffer.allocUnsafe(frame.decodedBytes)
  let out = 0
  let position = frame.blocksAt
  for (let word = bytes.readUInt32LE(position); word !== 0; word = bytes.readUInt32LE(position)) {
    position += 4
    const size = word % UNCOMPRESSED_BIT
    const block = bytes.subarray(position, position + size)
    position += size
    if (frame.hasBlockChecksums) {
      if (xxHash32(block) !== bytes.readUInt32LE(position))
        return broken("an LZ4 block's checksum does not match")
      position += 4
    }
    if (word >= UNCOMPRESSED_BIT) out += block.copy(target, out)
    else out = decodeBlock(block, target, out)
    if (out < 0) return broken('an LZ4 block refers to bytes before its start')
  }
  return ok(target)
}

function broken(message: string): Result<never> {
  return refuse(ErrorCode.INVALID_RECORD, message)
}
