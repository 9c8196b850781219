/**
 * Reads into one batch: its records as objects, what a control batch says, and look-ups by timestamp, which
 * are per record (KIP-79, KIP-734) although a batch's header only knows its maximum. Not on the path of
 * produce and fetch.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { incrementSequence, NO_SEQUENCE, NO_TIMESTAMP, type RecordBatch } from './batch.ts'
import { CONTROL_RECORD_TYPES, type Header } from './builder.ts'
import { openRecords, RecordCursor } from './record-cursor.ts'

export interface DecodedRecord {
  readonly offset: bigint
  readonly timestamp: bigint
  /** -1 where the batch has none. */
  readonly sequence: number
  /** Keys and values are views on the batch, or on its decompressed bytes. */
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

export function decodeRecords(batch: RecordBatch, maxDecompressedBytes?: number): Result<DecodedRecord[]> {
  const opened = openRecords(batch, maxDecompressedBytes)
  if (opened.error) return opened
  const { baseOffset, baseTimestamp, baseSequence, recordCount, maxTimestamp } = batch
  const hasAppendTime = batch.timestampType === 'LogAppendTime'
  const cursor = new RecordCursor(opened.value)
  const records: DecodedRecord[] = []
  for (let i = 0; i < recordCount; i++) {
    if (!cursor.next()) return refuse(ErrorCode.INVALID_RECORD, cursor.problem)
    const timestamp = BigInt.asIntN(64, baseTimestamp + cursor.readTimestampDelta())
    records.push({
      offset: baseOffset + BigInt(cursor.offsetDelta),
      timestamp: hasAppendTime ? maxTimestamp : timestamp,
      sequence: baseSequence < 0 ? NO_SEQUENCE : incrementSequence(baseSequence, cursor.offsetDelta),
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    })
  }
  if (cursor.position !== cursor.end) {
    return refuse(ErrorCode.INVALID_RECORD, `${cursor.end - cursor.position} bytes follow the last record`)
  }
  return ok(records)
}

export interface ControlMarker {
  readonly type: 'COMMIT' | 'ABORT'
  readonly coordinatorEpoch: number
}

/** Undefined for control batches that do not end a transaction: readers skip what they do not know. */
export function readControlMarker(batch: RecordBatch): ControlMarker | undefined {
  if (batch.compression !== 'none') return undefined
  const cursor = new RecordCursor(batch.recordBytes())
  if (batch.recordCount < 1 || !cursor.next()) return undefined
  const key = cursor.key()
  const value = cursor.value()
  if (key === null || key.length < 4 || value === null || value.length < 6) return undefined
  const type = CONTROL_RECORD_TYPES[key.readInt16BE(2)]
  return type === undefined ? undefined : { type, coordinatorEpoch: value.readInt32BE(2) }
}

export interface OffsetAndTimestamp {
  readonly offset: bigint
  readonly timestamp: bigint
}

/** The first record with a timestamp of at least `timestamp` and an offset of at least `fromOffset`. */
export function findByTimestamp(
  batch: RecordBatch,
  timestamp: bigint,
  fromOffset = batch.baseOffset,
): Result<OffsetAndTimestamp | undefined> {
  if (batch.maxTimestamp < timestamp) return ok(undefined)
  return find(batch, record => record.timestamp >= timestamp && record.offset >= fromOffset)
}

/** The first record that has the batch's maximum timestamp; undefined where compaction has removed it. */
export function findMaxTimestamp(batch: RecordBatch): Result<OffsetAndTimestamp | undefined> {
  const { maxTimestamp } = batch
  if (maxTimestamp === NO_TIMESTAMP) return ok(undefined)
  return find(batch, record => record.timestamp === maxTimestamp)
}

function find(
  batch: RecordBatch,
  isWanted: (record: OffsetAndTimestamp) => boolean,
): Result<OffsetAndTimestamp | undefined> {
  const opened = openRecords(batch)
  if (opened.error) return opened
  const { baseOffset, baseTimestamp, maxTimestamp, recordCount } = batch
  const hasAppendTime = batch.timestampType === 'LogAppendTime'
  const cursor = new RecordCursor(opened.value)
  for (let i = 0; i < recordCount; i++) {
    if (!cursor.next()) return refuse(ErrorCode.CORRUPT_MESSAGE, cursor.problem)
    const timestamp = hasAppendTime
      ? maxTimestamp
      : BigInt.asIntN(64, baseTimestamp + cursor.readTimestampDelta())
    const found = { offset: baseOffset + BigInt(cursor.offsetDelta), timestamp }
    if (isWanted(found)) return ok(found)
  }
  return ok(undefined)
}
