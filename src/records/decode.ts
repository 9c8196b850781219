/** Records of v2 batches as objects, and look-ups inside a batch. Not on the hot path. */
import { ErrorCode, type Result, refuse } from '../../protocol/errors.ts'
import type { RecordBatch } from './batch.ts'
import type { Header } from './builder.ts'

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

export interface OffsetAndTimestamp {
  readonly offset: bigint
  readonly timestamp: bigint
}

export function decodeRecords(_batch: RecordBatch, _maxDecompressedBytes?: number): Result<DecodedRecord[]> {
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not built yet')
}

/** The first record with a timestamp of at least `timestamp` and an offset of at least `fromOffset`. */
export function findByTimestamp(
  _batch: RecordBatch,
  _timestamp: bigint,
  _fromOffset: bigint,
): Result<OffsetAndTimestamp | undefined> {
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not built yet')
}

/** The first record that has the batch's maximum timestamp; undefined where compaction has removed it. */
export function findMaxTimestamp(_batch: RecordBatch): Result<OffsetAndTimestamp | undefined> {
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not built yet')
}

/** What a control batch says. Undefined for types that mean nothing here, which are skipped. */
export interface ControlMarker {
  readonly type: 'COMMIT' | 'ABORT'
  readonly coordinatorEpoch: number
}

export function readControlMarker(_batch: RecordBatch): ControlMarker | undefined {
  return undefined
}
