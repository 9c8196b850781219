/**
 * A view over one record batch of message format 2, edited in place. The broker treats batches as opaque
 * bytes: everything it needs is in the 61 bytes of header, and what it changes there (base offset, leader
 * epoch) lies outside the checksum. Nothing here looks at records; see `lookup.ts` and `validation.ts` for
 * those.
 */
import assert from 'node:assert'
import { crc32c } from './crc32c.ts'

/** Where each header field begins, from the batch's first byte. */
export const BASE_OFFSET_AT = 0
export const LENGTH_AT = 8
export const PARTITION_LEADER_EPOCH_AT = 12
/** The same place in formats 0 and 1, so it tells the format of any entry. */
export const MAGIC_AT = 16
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const RECORD_COUNT_AT = 57
/** Size of the header, and where the records begin. */
export const BATCH_HEADER_BYTES = 61
/** Base offset and length: what precedes the bytes that the length field counts. Common to all formats. */
export const LOG_OVERHEAD_BYTES = 12

export const COMPRESSION_MASK = 0x07
export const TIMESTAMP_TYPE_MASK = 0x08
export const TRANSACTIONAL_MASK = 0x10
export const CONTROL_MASK = 0x20
export const DELETE_HORIZON_MASK = 0x40

export const NO_TIMESTAMP = -1n
export const NO_PRODUCER_ID = -1n
export const NO_PRODUCER_EPOCH = -1
export const NO_SEQUENCE = -1
export const NO_PARTITION_LEADER_EPOCH = -1

/** By the number in a batch's attributes. */
export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CompressionType = (typeof COMPRESSION_TYPES)[number]
export type TimestampType = 'CreateTime' | 'LogAppendTime'

export class RecordBatch {
  readonly buffer: Buffer
  /** Where the batch begins in `buffer`. */
  readonly position: number

  /** At least the header must be there; `bytes()` and the checksum need the rest too. */
  constructor(buffer: Buffer, position = 0) {
    assert(
      position >= 0 && position + BATCH_HEADER_BYTES <= buffer.length,
      'a batch header is not in the buffer',
    )
    this.buffer = buffer
    this.position = position
  }

  get baseOffset(): bigint {
    return this.buffer.readBigInt64BE(this.position + BASE_OFFSET_AT)
  }

  get lastOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta)
  }

  get nextOffset(): bigint {
    return this.lastOffset + 1n
  }

  /** The whole batch: header, records, and the offset and length before them. */
  get sizeInBytes(): number {
    return LOG_OVERHEAD_BYTES + this.buffer.readInt32BE(this.position + LENGTH_AT)
  }

  get partitionLeaderEpoch(): number {
    return this.buffer.readInt32BE(this.position + PARTITION_LEADER_EPOCH_AT)
  }

  get magic(): number {
    return this.buffer.readInt8(this.position + MAGIC_AT)
  }

  get crc(): number {
    return this.buffer.readUInt32BE(this.position + CRC_AT)
  }

  get attributes(): number {
    return this.buffer.readInt16BE(this.position + ATTRIBUTES_AT)
  }

  get lastOffsetDelta(): number {
    return this.buffer.readInt32BE(this.position + LAST_OFFSET_DELTA_AT)
  }

  /**
   * What record timestamps are relative to. Where `hasDeleteHorizon`, the field holds the horizon instead,
   * and the records were written relative to that.
   */
  get baseTimestamp(): bigint {
    return this.buffer.readBigInt64BE(this.position + BASE_TIMESTAMP_AT)
  }

  get maxTimestamp(): bigint {
    return this.buffer.readBigInt64BE(this.position + MAX_TIMESTAMP_AT)
  }

  get producerId(): bigint {
    return this.buffer.readBigInt64BE(this.position + PRODUCER_ID_AT)
  }

  get producerEpoch(): number {
    return this.buffer.readInt16BE(this.position + PRODUCER_EPOCH_AT)
  }

  get baseSequence(): number {
    return this.buffer.readInt32BE(this.position + BASE_SEQUENCE_AT)
  }

  /** -1 where there is no sequence. Sequences wrap from the greatest int32 to 0. */
  get lastSequence(): number {
    const baseSequence = this.baseSequence
    return baseSequence === NO_SEQUENCE ? NO_SEQUENCE : incrementSequence(baseSequence, this.lastOffsetDelta)
  }

  get recordCount(): number {
    return this.buffer.readInt32BE(this.position + RECORD_COUNT_AT)
  }

  /** Undefined for a number that means nothing (5 to 7); validated batches have a defined one. */
  get compression(): CompressionType | undefined {
    return COMPRESSION_TYPES[this.attributes & COMPRESSION_MASK]
  }

  get timestampType(): TimestampType {
    return (this.attributes & TIMESTAMP_TYPE_MASK) === 0 ? 'CreateTime' : 'LogAppendTime'
  }

  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_MASK) !== 0
  }

  get isControl(): boolean {
    return (this.attributes & CONTROL_MASK) !== 0
  }

  get hasDeleteHorizon(): boolean {
    return (this.attributes & DELETE_HORIZON_MASK) !== 0
  }

  /** When the batch's tombstones and markers may go, set by compaction. */
  get deleteHorizonMs(): bigint | undefined {
    return this.hasDeleteHorizon ? this.baseTimestamp : undefined
  }

  /** An id is never negative: one look at the sign, since every append asks several times. */
  get hasProducerId(): boolean {
    return this.buffer.readInt8(this.position + PRODUCER_ID_AT) >= 0
  }

  /** The whole batch, as a view. */
  bytes(): Buffer {
    const end = this.position + this.sizeInBytes
    assert(end <= this.buffer.length, 'the batch is not whole')
    return this.buffer.subarray(this.position, end)
  }

  /** The records after the header as they stand, compressed or not, as a view. */
  recordBytes(): Buffer {
    const end = this.position + this.sizeInBytes
    assert(end <= this.buffer.length, 'the batch is not whole')
    return this.buffer.subarray(this.position + BATCH_HEADER_BYTES, end)
  }

  /** Gives the batch its place in the log. Neither field is under the checksum. */
  assignOffset(baseOffset: bigint, partitionLeaderEpoch: number): void {
    this.buffer.writeBigInt64BE(baseOffset, this.position + BASE_OFFSET_AT)
    this.buffer.writeInt32BE(partitionLeaderEpoch, this.position + PARTITION_LEADER_EPOCH_AT)
  }

  /** Makes `now` the time of every record: the header alone says so, the records are not rewritten. */
  setLogAppendTime(now: bigint): void {
    this.setTimestampTypeAndMax('LogAppendTime', now)
  }

  setTimestampTypeAndMax(type: TimestampType, maxTimestamp: bigint): void {
    if (type === this.timestampType && maxTimestamp === this.maxTimestamp) return
    const others = this.attributes & ~TIMESTAMP_TYPE_MASK
    const attributes = type === 'LogAppendTime' ? others | TIMESTAMP_TYPE_MASK : others
    this.buffer.writeInt16BE(attributes, this.position + ATTRIBUTES_AT)
    this.buffer.writeBigInt64BE(maxTimestamp, this.position + MAX_TIMESTAMP_AT)
    this.updateChecksum()
  }

  isChecksumValid(): boolean {
    return this.sizeInBytes >= BATCH_HEADER_BYTES && this.crc === this.computeChecksum()
  }

  /** After any edit of what lies behind the CRC field. */
  updateChecksum(): void {
    this.buffer.writeUInt32BE(this.computeChecksum(), this.position + CRC_AT)
  }

  private computeChecksum(): number {
    const end = this.position + this.sizeInBytes
    assert(end <= this.buffer.length, 'the batch is not whole')
    return crc32c(this.buffer.subarray(this.position + ATTRIBUTES_AT, end))
  }
}

/** `incomplete`: the bytes end before the entry does. `corrupt`: they cannot be a v2 batch. */
export interface BatchProblem {
  readonly problem: 'incomplete' | 'corrupt'
  readonly message: string
}

/**
 * The batch at a position, after the checks that a log makes before it trusts one: sizes, format, header,
 * and with `checksum` the CRC. `end` bounds what counts as present. The record count is not compared with
 * the offsets, since compaction leaves fewer records than offsets.
 */
export function inspectBatch(
  buffer: Buffer,
  position: number,
  options: { readonly end?: number; readonly checksum?: boolean } = {},
): RecordBatch | BatchProblem {
  const available = (options.end ?? buffer.length) - position
  if (available < MAGIC_AT + 1) return incomplete(`${available} bytes are left, fewer than a header`)
  const magic = buffer.readInt8(position + MAGIC_AT)
  const size = LOG_OVERHEAD_BYTES + buffer.readInt32BE(position + LENGTH_AT)
  if (size < BATCH_HEADER_BYTES) return corrupt(`a size of ${size} bytes is less than a batch header's`)
  if (magic !== 2) return corrupt(`magic ${magic} is not 2`)
  if (available < size) return incomplete(`the batch takes ${size} bytes, ${available} are left`)

  const batch = new RecordBatch(buffer, position)
  if (batch.lastOffsetDelta < 0) return corrupt(`the last offset delta is ${batch.lastOffsetDelta}`)
  if (batch.baseOffset < 0n) return corrupt(`the base offset is ${batch.baseOffset}`)
  if (options.checksum && !batch.isChecksumValid()) return corrupt('the checksum does not match')
  return batch
}

/** The whole v2 batches of a buffer, up to the first that is cut off or cannot be one. */
export function* splitBatches(buffer: Buffer, start = 0, end = buffer.length): Generator<RecordBatch, void> {
  let position = start
  while (position < end) {
    const batch = inspectBatch(buffer, position, { end })
    if ('problem' in batch) return
    yield batch
    position += batch.sizeInBytes
  }
}

export function incrementSequence(sequence: number, increment: number): number {
  return (sequence + increment) % 0x8000_0000
}

export function decrementSequence(sequence: number, decrement: number): number {
  return sequence < decrement ? 0x7fff_ffff - (decrement - sequence) + 1 : sequence - decrement
}

function incomplete(message: string): BatchProblem {
  return { problem: 'incomplete', message }
}

function corrupt(message: string): BatchProblem {
  return { problem: 'corrupt', message }
}
