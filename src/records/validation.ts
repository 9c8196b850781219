/**
 * What the broker checks before it takes a client's records, by Kafka 4.3's rules, and the rewriting that a topic's
 * settings ask for (append time, another compression, an old message format).
 */
import { ErrorCode, type Refusal, refuse } from '../../protocol/errors.ts'
import type { CompressionType, RecordBatch, TimestampType } from './batch.ts'

/** What the topic and the request ask of the records. All times are in ms. */
export interface ProduceRules {
  /** `topic-partition`, for messages. */
  readonly topicPartition: string
  /** The version of the Produce request: from 3 on exactly one v2 batch is allowed, zstd only from 7 on. */
  readonly produceVersion: number
  readonly now: bigint
  readonly timestampType: TimestampType
  readonly timestampBeforeMaxMs: bigint
  readonly timestampAfterMaxMs: bigint
  /** `compression.type`: `producer` keeps what came. */
  readonly compressionType: 'producer' | CompressionType
  /** The level of that codec where the topic sets one. */
  readonly compressionLevel?: number
  readonly maxMessageBytes: number
  readonly segmentBytes: number
  /** `cleanup.policy` contains `compact`: every record needs a key. */
  readonly isCompacted: boolean
  /** Bounds what one batch may take once decompressed; DEFAULT_MAX_DECOMPRESSED_BYTES unless told. */
  readonly maxDecompressedBytes?: number
  /** `header` trusts the records inside an intact batch; not Kafka's behaviour, but much cheaper. */
  readonly depth?: 'records' | 'header'
}

/** One batch, ready for `assignOffset`. It is the client's own buffer where nothing had to change. */
export interface ValidatedBatch {
  readonly batch: RecordBatch
  readonly recordCount: number
  readonly maxTimestamp: bigint
  /** For the Produce response: -1 unless the topic uses LogAppendTime. */
  readonly logAppendTimeMs: bigint
  /** The records were built anew: other compression, old format, wrong inner offsets. */
  readonly isRebuilt: boolean
}

/** Index and message as Produce v8+ answers them. */
export interface RecordError {
  readonly batchIndex: number
  readonly message: string
}

export interface ProduceRefusal extends Refusal {
  readonly recordErrors?: readonly RecordError[]
}

export type ValidationResult = { readonly error: 0; readonly value: ValidatedBatch } | ProduceRefusal

/** `records` is edited in place where that is enough; nothing is kept of it after a refusal. */
export function validateProduced(_records: Buffer, _rules: ProduceRules): ValidationResult {
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not built yet')
}
