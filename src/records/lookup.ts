/** Look-ups inside one batch, per record (KIP-79, KIP-734): a batch's header only knows its maximum timestamp. */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { NO_TIMESTAMP, type RecordBatch } from './batch.ts'
import { openRecords, RecordCursor } from './record-cursor.ts'

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
