/**
 * Snappy as Kafka's clients use it: blocks framed by snappy-java's stream format ("xerial"), which the Java
 * client writes, or one bare block, which others write. Both are read; the framed form is written.
 */
import { createRequire } from 'node:module'
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'

/** snappy-java's magic, then its version and the oldest compatible one. */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const STREAM_HEADER = Buffer.concat([MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
/** How much the Java client puts into one block. */
const BLOCK_BYTES = 32 * 1024
/** Three compressed bytes copy at most 64: no block inflates further. */
const MAX_RATIO = 22

/** One block in either direction. */
export interface SnappyBlocks {
  readonly name: string
  compress(bytes: Buffer): Uint8Array
  /** The caller has checked the declared length. Throws on malformed input. */
  uncompress(block: Buffer, declaredBytes: number): Uint8Array
}

const require = createRequire(import.meta.url)
let chosen: SnappyBlocks | undefined

/** The native library, or plain JavaScript where it does not load. */
export function snappyBlocks(): SnappyBlocks {
  chosen ??= nativeSnappy() ?? pureSnappy()
  return chosen
}

export function nativeSnappy(): SnappyBlocks | undefined {
  try {
    const native = require('snappy') as {
      compressSync(bytes: Buffer, options: object): Buffer
      uncompressSync(bytes: Buffer, options: object): Buffer
    }
    return {
      name: 'snappy (native)',
      compress: bytes => native.compressSync(bytes, { copyOutputData: true }),
      uncompress: block => native.uncompressSync(block, { asBuffer: true, copyOutputData: true }),
    }
  } catch {
    // An optional dependency: no prebuilt part for this platform.
    return undefined
  }
}

export function pureSnappy(): SnappyBlocks {
  const pure = require('snappyjs') as {
    compress(bytes: Uint8Array): Uint8Array
    uncompress(bytes: Uint8Array, maxBytes?: number): Uint8Array
  }
  return {
    name: 'snappyjs (JavaScript)',
    compress: bytes => pure.compress(bytes),
    uncompress: (block, declaredBytes) => pure.uncompress(block, declaredBytes),
  }
}

export function compressSnappy(bytes: Buffer, blocks = snappyBlocks()): Buffer {
  const parts: Uint8Array[] = [STREAM_HEADER]
  for (let position = 0; position < bytes.length; position += BLOCK_BYTES) {
    const block = blocks.compress(bytes.subarray(position, position + BLOCK_BYTES))
    const size = Buffer.allocUnsafe(4)
    size.writeInt32BE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

export function decompressSnappy(bytes: Buffer, maxBytes: number, blocks = snappyBlocks()): Result<Buffer> {
  const found = findBlocks(bytes)
  if (found.error) return found
  let total = 0
  const lengths: number[] = []
  for (const block of found.value) {
    const length = declaredLength(block)
    if (length < 0 || length > block.length * MAX_RATIO)
      return broken('a Snappy block declares a false length')
    lengths.push(length)
    total += length
    if (total > maxBytes) {
      return refuse(ErrorCode.MESSAGE_TOO_LARGE, `Snappy data takes more than ${maxBytes} bytes`)
    }
  }
  const parts: Uint8Array[] = []
  try {
    for (const [i, block] of found.value.entries()) {
      const part = blocks.uncompress(block, lengths[i]!)
      if (part.length !== lengths[i]) return broken('a Snappy block declares a false length')
      parts.push(part)
    }
  } catch (error) {
    return broken(`a Snappy block is malformed: ${error instanceof Error ? error.message : String(error)}`)
  }
  const [only] = parts
  if (parts.length === 1 && only) return ok(Buffer.from(only.buffer, only.byteOffset, only.length))
  return ok(Buffer.concat(parts, total))
}

function findBlocks(bytes: Buffer): Result<Buffer[]> {
  if (!startsStream(bytes, 0)) return ok([bytes])
  const blocks: Buffer[] = []
  let position = 0
  while (position < bytes.length) {
    // Streams may follow each other, each with its header.
    if (startsStream(bytes, position)) {
      position += STREAM_HEADER.length
      continue
    }
    if (bytes.length - position < 4) return broken('a Snappy stream is cut off')
    const size = bytes.readInt32BE(position)
    position += 4
    if (size < 0 || size > bytes.length - position) return broken('a Snappy block is cut off')
    blocks.push(bytes.subarray(position, position + size))
    position += size
  }
  return ok(blocks)
}

function startsStream(bytes: Buffer, position: number): boolean {
  return (
    bytes.length - position >= STREAM_HEADER.length &&
    bytes.compare(MAGIC, 0, MAGIC.length, position, position + MAGIC.length) === 0
  )
}

/** The varint before a block; -1 when there is none. */
function declaredLength(block: Buffer): number {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = block[i]
    if (byte === undefined) return -1
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return length
  }
  return -1
}

function broken(message: string): Result<never> {
  return refuse(ErrorCode.INVALID_RECORD, message)
}
