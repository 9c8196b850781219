/** Builds v2 batches: for coordinators, control markers, conversions, tests and tools. */
import type { CompressionType, TimestampType } from './batch.ts'

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
}

export interface BatchOptions {
  readonly records: readonly NewRecord[]
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
}

export function buildBatch(_options: BatchOptions): Buffer {
  throw new Error('not built yet')
}

/** The marker that ends a transaction in a partition. */
export interface EndTransactionMarker {
  readonly type: 'COMMIT' | 'ABORT'
  readonly coordinatorEpoch: number
  readonly timestamp: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseOffset?: bigint
  readonly partitionLeaderEpoch?: number
}

export function buildEndTransactionMarker(_marker: EndTransactionMarker): Buffer {
  throw new Error('not built yet')
}
