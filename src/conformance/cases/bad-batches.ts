/** Batches that are wrong in one respect, and old messages. */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  MAGIC_AT,
  RECORD_COUNT_AT,
} from '../../records/batch.ts'
import { crc32c } from '../../records/crc32c.ts'
import { encodeMessage } from '../../records/legacy.ts'
import { BASE_TIME, batch } from './data-talk.ts'

/** Some bytes of a batch changed, and its checksum right again. */
export function tampered(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  change(bytes)
  bytes.writeUInt32BE(crc32c(bytes.subarray(ATTRIBUTES_AT)) >>> 0, CRC_AT)
  return bytes
}

export const wrongChecksum = (values: readonly string[] = ['a']): Buffer => {
  const bytes = batch(values)
  bytes[CRC_AT] = bytes[CRC_AT]! ^ 1
  return bytes
}

export const withAttributes = (attributes: number, bytes: Buffer = batch(['a'])): Buffer =>
  tampered(bytes, it => it.writeInt16BE(attributes, ATTRIBUTES_AT))

export const withCount = (count: number): Buffer =>
  tampered(batch(['a', 'b']), it => it.writeInt32BE(count, RECORD_COUNT_AT))

export const withLastOffsetDelta = (delta: number): Buffer =>
  tampered(batch(['a', 'b']), it => it.writeInt32BE(delta, LAST_OFFSET_DELTA_AT))

export const withMagic = (magic: number): Buffer => {
  const bytes = batch(['a'])
  bytes.writeInt8(magic, MAGIC_AT)
  return bytes
}

export const withLength = (length: number): Buffer => {
  const bytes = batch(['a'])
  bytes.writeInt32BE(length, LENGTH_AT)
  return bytes
}

export const withBaseOffset = (offset: bigint): Buffer => {
  const bytes = batch(['a', 'b'])
  bytes.writeBigInt64BE(offset, BASE_OFFSET_AT)
  return bytes
}

/** A message of before 0.11. */
export function message(value: string, magic: 0 | 1): Buffer {
  return encodeMessage({
    magic,
    offset: 0n,
    timestamp: magic === 0 ? -1n : BASE_TIME,
    timestampType: 'CreateTime',
    compression: 'none',
    key: null,
    value: Buffer.from(value),
  })
}
