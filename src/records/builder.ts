/** Builds v2 batches: for coordinators, control markers, conversions, tests and tools. */
import assert from 'node:assert'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  COMPRESSION_TYPES,
  CONTROL_MASK,
  type CompressionType,
  DELETE_HORIZON_MASK,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  PARTITION_LEADER_EPOCH_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  RecordBatch,
  TIMESTAMP_TYPE_MASK,
  type TimestampType,
  TRANSACTIONAL_MASK,
} from './batch.ts'
import { compress } from './compression.ts'

/** By the number in a control record's key; the rest mean nothing to a partition's log. */
export const CONTROL_RECORD_TYPES = ['ABORT', 'COMMIT'] as const

export interface Header {
  readonly key: string
  readonly value: Uint8Array | null
}

/** What a producer gives. `timestamp` in ms, -1 for none. */
export interface NewRecord {
  readonly timestamp: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly Header[]
  /** Where offsets have gaps; the place in the list otherwise. */
  readonly offsetDelta?: number
}

/** Everything of a batch but its records. */
export interface BatchAttributes {
  /** 0 unless told. */
  readonly baseOffset?: bigint
  readonly compression?: CompressionType
  readonly compressionLevel?: number
  readonly timestampType?: TimestampType
  /** With LogAppendTime: the time of all records. */
  readonly logAppendTime?: bigint
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly partitionLeaderEpoch?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  /** The base timestamp is when tombstones and markers may go (KIP-534). */
  readonly hasDeleteHorizon?: boolean
}

export interface BatchOptions extends BatchAttributes {
  readonly records: readonly NewRecord[]
}

export function buildBatch(options: BatchOptions): Buffer {
  const { records } = options
  assert(records.length > 0, 'a batch has at least one record')
  const baseTimestamp = records[0]!.timestamp
  const parts: Uint8Array[] = []
  let maxTimestamp = NO_TIMESTAMP
  let lastOffsetDelta = 0
  for (const [i, record] of records.entries()) {
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp
    lastOffsetDelta = record.offsetDelta ?? i
    parts.push(encodeRecord(record, record.timestamp - baseTimestamp, lastOffsetDelta))
  }
  return assembleBatch(options, {
    recordBytes: Buffer.concat(parts),
    recordCount: records.length,
    lastOffsetDelta,
    baseTimestamp,
    maxTimestamp,
  })
}

export interface EncodedRecords {
  /** Not compressed. */
  readonly recordBytes: Buffer
  readonly recordCount: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
}

/** A batch around records that are encoded already. */
export function assembleBatch(attributes: BatchAttributes, records: EncodedRecords): Buffer {
  const { compression = 'none', timestampType = 'CreateTime', isTransactional, isControl } = attributes
  const maxTimestamp =
    timestampType === 'LogAppendTime'
      ? (attributes.logAppendTime ?? records.maxTimestamp)
      : records.maxTimestamp
  const payload = compress(compression, records.recordBytes, attributes.compressionLevel)
  const buffer = Buffer.allocUnsafe(BATCH_HEADER_BYTES + payload.length)
  payload.copy(buffer, BATCH_HEADER_BYTES)
  buffer.writeBigInt64BE(attributes.baseOffset ?? 0n, BASE_OFFSET_AT)
  buffer.writeInt32BE(buffer.length - LOG_OVERHEAD_BYTES, LENGTH_AT)
  buffer.writeInt32BE(attributes.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH, PARTITION_LEADER_EPOCH_AT)
  buffer.writeInt8(2, MAGIC_AT)
  const flags =
    COMPRESSION_TYPES.indexOf(compression) |
    (timestampType === 'LogAppendTime' ? TIMESTAMP_TYPE_MASK : 0) |
    (isTransactional ? TRANSACTIONAL_MASK : 0) |
    (isControl ? CONTROL_MASK : 0) |
    (attributes.hasDeleteHorizon ? DELETE_HORIZON_MASK : 0)
  buffer.writeInt16BE(flags, ATTRIBUTES_AT)
  buffer.writeInt32BE(records.lastOffsetDelta, LAST_OFFSET_DELTA_AT)
  buffer.writeBigInt64BE(records.baseTimestamp, BASE_TIMESTAMP_AT)
  buffer.writeBigInt64BE(maxTimestamp, MAX_TIMESTAMP_AT)
  buffer.writeBigInt64BE(attributes.producerId ?? NO_PRODUCER_ID, PRODUCER_ID_AT)
  buffer.writeInt16BE(attributes.producerEpoch ?? NO_PRODUCER_EPOCH, PRODUCER_EPOCH_AT)
  buffer.writeInt32BE(attributes.baseSequence ?? NO_SEQUENCE, BASE_SEQUENCE_AT)
  buffer.writeInt32BE(records.recordCount, RECORD_COUNT_AT)
  new RecordBatch(buffer).updateChecksum()
  return buffer
}

/** The marker that ends a producer's transaction in a partition. */
export interface EndTransactionMarker {
  readonly type: 'COMMIT' | 'ABORT'
  readonly coordinatorEpoch: number
  readonly timestamp: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseOffset?: bigint
  readonly partitionLeaderEpoch?: number
}

/** Key and value begin with a version, which is 0; the key says which marker, the value whose. */
export function buildEndTransactionMarker(marker: EndTransactionMarker): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(CONTROL_RECORD_TYPES.indexOf(marker.type), 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  return buildBatch({
    baseOffset: marker.baseOffset ?? 0n,
    partitionLeaderEpoch: marker.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH,
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
    records: [{ timestamp: marker.timestamp, key, value }],
  })
}

function encodeRecord(record: NewRecord, timestampDelta: bigint, offsetDelta: number): Buffer {
  const { key, value, headers = [] } = record
  const headerKeys = headers.map(header => Buffer.from(header.key))
  let size = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + sizedBytes(key) + sizedBytes(value)
  size += varintBytes(headers.length)
  for (const [i, header] of headers.entries()) size += sizedBytes(headerKeys[i]!) + sizedBytes(header.value)

  const buffer = Buffer.allocUnsafe(varintBytes(size) + size)
  let at = writeVarint(buffer, 0, size)
  buffer[at++] = 0
  at = writeVarlong(buffer, at, timestampDelta)
  at = writeVarint(buffer, at, offsetDelta)
  at = writeSized(buffer, at, key)
  at = writeSized(buffer, at, value)
  at = writeVarint(buffer, at, headers.length)
  for (const [i, header] of headers.entries()) {
    at = writeSized(buffer, at, headerKeys[i]!)
    at = writeSized(buffer, at, header.value)
  }
  return buffer
}

function sizedBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length
}

function writeSized(buffer: Buffer, at: number, bytes: Uint8Array | null): number {
  const start = writeVarint(buffer, at, bytes === null ? -1 : bytes.length)
  if (bytes === null) return start
  buffer.set(bytes, start)
  return start + bytes.length
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  return zigzag === 0 ? 1 : Math.ceil((32 - Math.clz32(zigzag)) / 7)
}

export function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let position = at
  for (; rest >= 0x80; rest >>>= 7) buffer[position++] = (rest & 0x7f) | 0x80
  buffer[position++] = rest
  return position
}

export function varlongBytes(value: bigint): number {
  if (isInt32(value)) return varintBytes(Number(value))
  let count = 1
  for (let rest = zigzag64(value); rest >= 0x80n; rest >>= 7n) count++
  return count
}

export function writeVarlong(buffer: Buffer, at: number, value: bigint): number {
  if (isInt32(value)) return writeVarint(buffer, at, Number(value))
  let rest = zigzag64(value)
  let position = at
  for (; rest >= 0x80n; rest >>= 7n) buffer[position++] = Number(rest & 0x7fn) | 0x80
  buffer[position++] = Number(rest)
  return position
}

/** The two encodings of such a value are the same. */
function isInt32(value: bigint): boolean {
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn
}

function zigzag64(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}
