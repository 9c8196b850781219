/**
 * A batch without some of its records, as compaction leaves it. Offsets, sequences, producer, codec and
 * leader epoch stay; the offsets that the header spans stay too, so that the last sequence and the place of
 * what comes next are still known. Byte for byte what Kafka's cleaner writes where the codec is.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { NO_TIMESTAMP, type RecordBatch } from './batch.ts'
import { assembleBatch, type BatchAttributes, varlongBytes, writeVarint, writeVarlong } from './builder.ts'
import { openRecords, RecordCursor } from './record-cursor.ts'

export interface FilterOptions {
  /** Whether the record that the cursor stands on stays. */
  readonly retains: (record: RecordCursor) => boolean
  /** The delete horizon of a batch that has none yet; undefined for none. */
  readonly horizon: (hasTombstones: boolean) => bigint | undefined
  readonly maxDecompressedBytes?: number
}

/** `unchanged`: to be copied as it stands. `empty`: no record stays. */
export type FilteredBatch = Buffer | 'unchanged' | 'empty'

interface Choice {
  /** One byte for each record. */
  readonly isRetained: Uint8Array
  readonly count: number
  readonly hasTombstones: boolean
}

/** A refusal says that the records cannot be read. */
export function filterBatch(batch: RecordBatch, options: FilterOptions): Result<FilteredBatch> {
  const opened = openRecords(batch, options.maxDecompressedBytes)
  if (opened.error) return opened
  const chosen = choose(batch, opened.value, options)
  if (chosen.error) return chosen
  const { count, hasTombstones } = chosen.value
  if (count === 0) return ok('empty')
  const horizon = batch.deleteHorizonMs ?? options.horizon(hasTombstones)
  if (count === batch.recordCount && horizon === batch.deleteHorizonMs) return ok('unchanged')
  return ok(rewrite(batch, opened.value, chosen.value, horizon))
}

/** The header alone: it keeps a producer's last sequence, or the end of the log, where no record is left. */
export function emptyBatch(batch: RecordBatch): Buffer {
  return assembleBatch(attributesOf(batch), {
    recordBytes: Buffer.alloc(0),
    recordCount: 0,
    lastOffsetDelta: batch.lastOffsetDelta,
    baseTimestamp: NO_TIMESTAMP,
    maxTimestamp: batch.maxTimestamp,
  })
}

function choose(batch: RecordBatch, records: Buffer, { retains }: FilterOptions): Result<Choice> {
  const { recordCount } = batch
  if (recordCount < 0 || recordCount > records.length) {
    return refuse(ErrorCode.INVALID_RECORD, `${records.length} bytes cannot hold ${recordCount} records`)
  }
  const isRetained = new Uint8Array(recordCount)
  const cursor = new RecordCursor(records)
  let count = 0
  let hasTombstones = false
  for (let i = 0; i < recordCount; i++) {
    if (!cursor.next()) return refuse(ErrorCode.INVALID_RECORD, cursor.problem)
    if (!retains(cursor)) continue
    isRetained[i] = 1
    count++
    if (cursor.valueLength < 0) hasTombstones = true
  }
  return ok({ isRetained, count, hasTombstones })
}

function rewrite(
  batch: RecordBatch,
  records: Buffer,
  { isRetained, count }: Choice,
  horizon: bigint | undefined,
): Buffer {
  const isAppendTime = batch.timestampType === 'LogAppendTime'
  const { baseTimestamp, maxTimestamp } = batch
  const target = Buffer.allocUnsafe(records.length + count * MAX_RECORD_GROWTH)
  const cursor = new RecordCursor(records)
  let base = horizon
  let greatest = NO_TIMESTAMP
  let end = 0
  for (const retained of isRetained) {
    cursor.next()
    if (retained === 0) continue
    const timestamp = isAppendTime ? maxTimestamp : baseTimestamp + cursor.readTimestampDelta()
    base ??= timestamp
    if (timestamp > greatest) greatest = timestamp
    end = copyRecord(cursor, timestamp - base, target, end)
  }
  return assembleBatch(
    { ...attributesOf(batch), compression: batch.compression!, hasDeleteHorizon: horizon !== undefined },
    {
      recordBytes: target.subarray(0, end),
      recordCount: count,
      lastOffsetDelta: batch.lastOffsetDelta,
      baseTimestamp: base!,
      maxTimestamp: isAppendTime ? maxTimestamp : greatest,
    },
  )
}

/** A timestamp delta may take ten bytes where it took one, and so the record's size one more. */
const MAX_RECORD_GROWTH = 10

function copyRecord(cursor: RecordCursor, timestampDelta: bigint, target: Buffer, start: number): number {
  const { buffer, offsetDeltaAt, position: end } = cursor
  const size = 1 + varlongBytes(timestampDelta) + end - offsetDeltaAt
  let at = writeVarint(target, start, size)
  target[at++] = 0
  at = writeVarlong(target, at, timestampDelta)
  buffer.copy(target, at, offsetDeltaAt, end)
  return at + end - offsetDeltaAt
}

function attributesOf(batch: RecordBatch): BatchAttributes {
  return {
    baseOffset: batch.baseOffset,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    timestampType: batch.timestampType,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
  }
}
