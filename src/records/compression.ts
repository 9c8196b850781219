/**
 * Compression of record data. Decompression is bounded: nothing inflates beyond the cap that the caller
 * gives, and no declared length is believed before it is checked. What cannot be decoded is a refusal,
 * never an exception.
 */
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { CompressionType } from './batch.ts'
import { crc32cImplementation, nativeCrc32c } from './crc32c.ts'
import { compressLz4, decompressLz4, nativeLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy, nativeSnappy, snappyBlocks } from './snappy.ts'
import { compressZstd, DEFAULT_ZSTD_LEVEL, decompressZstd, zstdLibrary } from './zstd.ts'

/** What one batch may take once decompressed, unless the caller says otherwise. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024

/**
 * Kafka's ranges and defaults for `compression.gzip.level`, `compression.lz4.level`,
 * `compression.zstd.level`.
 */
export const COMPRESSION_LEVELS = {
  /** -1 is zlib's own default; 0 is not allowed. */
  gzip: { least: 1, most: 9, default: -1 },
  lz4: { least: 1, most: 17, default: 9 },
  zstd: { least: -131_072, most: 22, default: DEFAULT_ZSTD_LEVEL },
} as const

/** `magic` matters to lz4 only: message format 0 has its own (wrong) header checksum. */
export function decompress(
  type: CompressionType,
  bytes: Buffer,
  maxBytes = DEFAULT_MAX_DECOMPRESSED_BYTES,
  magic = 2,
): Result<Buffer> {
  switch (type) {
    case 'none':
      return bytes.length > maxBytes ? refuse(ErrorCode.MESSAGE_TOO_LARGE) : ok(bytes)
    case 'gzip':
      return decompressGzip(bytes, maxBytes)
    case 'snappy':
      return decompressSnappy(bytes, maxBytes)
    case 'lz4':
      return decompressLz4(bytes, maxBytes, { magic })
    case 'zstd':
      return decompressZstd(bytes, maxBytes)
  }
}

export function compress(type: CompressionType, bytes: Buffer, level?: number, magic = 2): Buffer {
  switch (type) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, { level: level ?? constants.Z_DEFAULT_COMPRESSION })
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes, { magic })
    case 'zstd':
      return compressZstd(bytes, level)
  }
}

export interface CodecReport {
  readonly codec: 'crc32c' | Exclude<CompressionType, 'none'>
  readonly implementation: string
  /** False for plain JavaScript: all works, more slowly. */
  readonly isNative: boolean
  /** What this machine's implementation cannot do. */
  readonly limitation?: string
}

/**
 * What serves each codec on this machine. Loads them all, so not for the start of a broker that is in a
 * hurry.
 */
export function codecReport(): CodecReport[] {
  const zstd = zstdLibrary()
  const lz4 = nativeLz4()
  return [
    { codec: 'crc32c', implementation: crc32cImplementation, isNative: nativeCrc32c !== undefined },
    { codec: 'gzip', implementation: 'node:zlib', isNative: true },
    { codec: 'snappy', implementation: snappyBlocks().name, isNative: nativeSnappy() !== undefined },
    {
      codec: 'lz4',
      implementation: lz4 === null ? 'built in (JavaScript)' : 'lz4-napi (native)',
      isNative: lz4 !== null,
      limitation: 'compression.lz4.level is accepted and has no effect: there is one, fast, level',
    },
    {
      codec: 'zstd',
      implementation: zstd.name,
      isNative: zstd.honoursLevel,
      ...(zstd.honoursLevel
        ? {}
        : { limitation: 'frames are stored, not compressed; levels have no effect' }),
    },
  ]
}

function decompressGzip(bytes: Buffer, maxBytes: number): Result<Buffer> {
  try {
    return ok(gunzipSync(bytes, { maxOutputLength: Math.max(1, maxBytes) }))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      return refuse(ErrorCode.MESSAGE_TOO_LARGE, `gzip data takes more than ${maxBytes} bytes`)
    }
    return refuse(ErrorCode.INVALID_RECORD, `gzip data is malformed: ${message}`)
  }
}
