/**
 * Message formats 0 and 1, which Kafka's clients of before 0.11 speak. The log holds format 2 only: old
 * sets are converted when produced, and batches are converted back for old Fetch versions.
 *
 * A message is offset (8 bytes), size (4), CRC-32 of the rest (4), magic (1), attributes (1), in format 1 a
 * timestamp (8), then key and value, each with its length (4, -1 for null). A compressed message's value is
 * a message set; its own offset is the last one's, and in format 1 the inner offsets count from the set's
 * first.
 */
import { crc32 } from 'node:zlib'
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import {
  COMPRESSION_MASK,
  COMPRESSION_TYPES,
  type CompressionType,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  NO_TIMESTAMP,
  splitBatches,
  TIMESTAMP_TYPE_MASK,
  type TimestampType,
} from './batch.ts'
import { compress, DEFAULT_MAX_DECOMPRESSED_BYTES, decompress } from './compression.ts'
import { type DecodedRecord, decodeRecords } from './lookup.ts'

const MESSAGE_CRC_AT = 12
const MESSAGE_ATTRIBUTES_AT = 17
const MESSAGE_TIMESTAMP_AT = 18
/** The least that a size field may say: CRC, magic, attributes and two lengths. */
const LEAST_MESSAGE_BYTES = 14

/** One entry of a message set, not looked into. `value` of a compressed one is a set. */
export interface Message {
  readonly offset: bigint
  readonly magic: 0 | 1
  readonly compression: CompressionType | undefined
  readonly timestampType: TimestampType
  /** -1 in format 0. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly isChecksumValid: boolean
  readonly sizeInBytes: number
}

/** The message at a position, undefined where the bytes end before it does: readers ignore a part of one. */
export function readMessage(buffer: Buffer, position: number): Result<Message | undefined> {
  const available = buffer.length - position
  if (available < MAGIC_AT + 1) return ok(undefined)
  const size = buffer.readInt32BE(position + LENGTH_AT)
  if (size < LEAST_MESSAGE_BYTES) return corrupt(`a message's size of ${size} bytes is too small`)
  const magic = buffer.readInt8(position + MAGIC_AT)
  if (magic !== 0 && magic !== 1) return corrupt(`a message of format ${magic} is among old ones`)
  if (available < LOG_OVERHEAD_BYTES + size) return ok(undefined)

  const bytes = buffer.subarray(position, position + LOG_OVERHEAD_BYTES + size)
  const keyAt = magic === 0 ? MESSAGE_TIMESTAMP_AT : MESSAGE_TIMESTAMP_AT + 8
  const key = readSized(bytes, keyAt)
  const value = key && readSized(bytes, key.end)
  if (!value || value.end !== bytes.length) return corrupt("a message's lengths do not add up")
  const attributes = bytes[MESSAGE_ATTRIBUTES_AT]!
  const hasAppendTime = magic === 1 && (attributes & TIMESTAMP_TYPE_MASK) !== 0
  return ok({
    offset: bytes.readBigInt64BE(0),
    magic,
    compression: COMPRESSION_TYPES[attributes & COMPRESSION_MASK],
    timestampType: hasAppendTime ? 'LogAppendTime' : 'CreateTime',
    timestamp: magic === 0 ? NO_TIMESTAMP : bytes.readBigInt64BE(MESSAGE_TIMESTAMP_AT),
    key: key.bytes,
    value: value.bytes,
    isChecksumValid: bytes.readUInt32BE(MESSAGE_CRC_AT) === crc32(bytes.subarray(MAGIC_AT)),
    sizeInBytes: bytes.length,
  })
}

/** The whole messages of a set, shallowly. */
export function readMessageSet(buffer: Buffer): Result<Message[]> {
  const messages: Message[] = []
  let position = 0
  while (position < buffer.length) {
    const read = readMessage(buffer, position)
    if (read.error) return read
    if (read.value === undefined) break
    messages.push(read.value)
    position += read.value.sizeInBytes
  }
  return ok(messages)
}

/**
 * The messages inside a compressed one, with absolute offsets and the wrapper's append time where it has
 * one. What is still compressed inside is left as it is; readers refuse it.
 */
export function readInnerMessages(
  wrapper: Message,
  maxDecompressedBytes = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Result<Message[]> {
  const { compression, value, magic } = wrapper
  if (compression === undefined || compression === 'zstd') {
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `format ${magic} knows no such compression`)
  }
  if (value === null) return refuse(ErrorCode.INVALID_RECORD, 'a compressed message has no value')
  const plain = decompress(compression, value, maxDecompressedBytes, magic)
  if (plain.error) return plain
  const inner = readMessageSet(plain.value)
  if (inner.error) return inner
  const last = inner.value.at(-1)
  if (last === undefined) return refuse(ErrorCode.INVALID_RECORD, 'a compressed message holds no message')
  // Producers may leave the wrapper's offset at 0, whatever is inside.
  if (magic === 1 && wrapper.offset !== 0n && wrapper.offset < last.offset) {
    return refuse(ErrorCode.INVALID_RECORD, "a compressed message's offset is less than those inside it")
  }
  const base = magic === 1 && wrapper.offset !== 0n ? wrapper.offset - last.offset : 0n
  const hasAppendTime = wrapper.timestampType === 'LogAppendTime'
  return ok(
    inner.value.map(message => ({
      ...message,
      offset: base + message.offset,
      timestamp: hasAppendTime ? wrapper.timestamp : message.timestamp,
      timestampType: wrapper.timestampType,
    })),
  )
}

/** Every record of a set as records of format 2; for tools, since produce validates as it goes. */
export function decodeMessageSet(
  buffer: Buffer,
  maxDecompressedBytes = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Result<DecodedRecord[]> {
  const messages = readMessageSet(buffer)
  if (messages.error) return messages
  const records: DecodedRecord[] = []
  for (const message of messages.value) {
    if (!message.isChecksumValid) return corrupt('a message has a wrong checksum')
    const inner: Result<Message[]> =
      message.compression === 'none' ? ok([message]) : readInnerMessages(message, maxDecompressedBytes)
    if (inner.error) return inner
    for (const { offset, timestamp, key, value } of inner.value) {
      records.push({ offset, timestamp, sequence: -1, key, value, headers: [] })
    }
  }
  return ok(records)
}

/**
 * Batches as a message set of an old format, for Fetch 0 and 1 (magic 0), 2 and 3 (magic 1). Headers and
 * control batches are dropped; zstd is refused with UNSUPPORTED_COMPRESSION_TYPE. Records below
 * `fromOffset` are left out where a batch is not compressed. May be empty though batches were given: all
 * were control batches.
 */
export function downConvert(batches: Buffer, magic: 0 | 1, fromOffset: bigint): Result<Buffer> {
  const parts: Buffer[] = []
  for (const batch of splitBatches(batches)) {
    if (batch.isControl) continue
    const { compression } = batch
    if (compression === undefined || compression === 'zstd') {
      return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `old clients cannot read ${compression ?? 'it'}`)
    }
    const decoded = decodeRecords(batch)
    if (decoded.error) return corrupt(decoded.message ?? 'a stored batch cannot be read')
    const records =
      compression === 'none' ? decoded.value.filter(record => record.offset >= fromOffset) : decoded.value
    const [first] = records
    const last = records.at(-1)
    if (first === undefined || last === undefined) continue

    const { timestampType } = batch
    if (compression === 'none') {
      for (const { offset, timestamp, key, value } of records) {
        parts.push(encodeMessage({ magic, offset, timestamp, timestampType, key, value, compression }))
      }
      continue
    }
    const base = magic === 1 ? first.offset : 0n
    const inner = records.map(({ offset, timestamp, key, value }) => {
      const message = { magic, offset: offset - base, timestamp, timestampType, key, value }
      return encodeMessage({ ...message, compression: 'none' })
    })
    let timestamp = NO_TIMESTAMP
    for (const record of records) if (record.timestamp > timestamp) timestamp = record.timestamp
    const value = compress(compression, Buffer.concat(inner), undefined, magic)
    const wrapper = { magic, offset: last.offset, timestamp, timestampType, key: null, value, compression }
    parts.push(encodeMessage(wrapper))
  }
  return ok(Buffer.concat(parts))
}

export type NewMessage = Omit<Message, 'isChecksumValid' | 'sizeInBytes' | 'compression'> & {
  readonly compression: CompressionType
}

export function encodeMessage(message: NewMessage): Buffer {
  const { magic, key, value } = message
  const keyAt = magic === 0 ? MESSAGE_TIMESTAMP_AT : MESSAGE_TIMESTAMP_AT + 8
  const buffer = Buffer.allocUnsafe(keyAt + 8 + (key?.length ?? 0) + (value?.length ?? 0))
  buffer.writeBigInt64BE(message.offset, 0)
  buffer.writeInt32BE(buffer.length - LOG_OVERHEAD_BYTES, LENGTH_AT)
  buffer[MAGIC_AT] = magic
  const hasAppendTime = magic === 1 && message.timestampType === 'LogAppendTime'
  buffer[MESSAGE_ATTRIBUTES_AT] =
    COMPRESSION_TYPES.indexOf(message.compression) | (hasAppendTime ? TIMESTAMP_TYPE_MASK : 0)
  if (magic === 1) buffer.writeBigInt64BE(message.timestamp, MESSAGE_TIMESTAMP_AT)
  writeSized(buffer, writeSized(buffer, keyAt, key), value)
  buffer.writeUInt32BE(crc32(buffer.subarray(MAGIC_AT)), MESSAGE_CRC_AT)
  return buffer
}

function readSized(
  bytes: Buffer,
  at: number,
): { readonly bytes: Buffer | null; readonly end: number } | undefined {
  if (at + 4 > bytes.length) return undefined
  const length = bytes.readInt32BE(at)
  const start = at + 4
  if (length < 0) return { bytes: null, end: start }
  if (length > bytes.length - start) return undefined
  return { bytes: bytes.subarray(start, start + length), end: start + length }
}

function writeSized(buffer: Buffer, at: number, bytes: Buffer | null): number {
  buffer.writeInt32BE(bytes === null ? -1 : bytes.length, at)
  return at + 4 + (bytes === null ? 0 : bytes.copy(buffer, at + 4))
}

function corrupt(message: string): Result<never> {
  return refuse(ErrorCode.CORRUPT_MESSAGE, message)
}
