/** What a log offers to the layers above, and the values that go to and fro. */
import type { Refusal, Result } from '../../protocol/errors.ts'
import type { RecordsSource } from '../../protocol/wire.ts'
import type { LogConfig } from './log-config.ts'
import type { AppendCheck, ProducerLookup, VerifiedProducer } from './producer-state.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/**
 * By origin. `client`: sequences are checked, duplicates found. `coordinator`: epochs are checked.
 * `follower`: offsets are the leader's and nothing is refused that the leader took.
 */
export interface AppendOptions extends AppendCheck {
  /** Stamped into the batches, except those of a follower, which carry their leader's. */
  readonly leaderEpoch: number
}

export interface AppendResult {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** -1 for CreateTime, as the batch's header says. Validation sets LogAppendTime before the append. */
  readonly logAppendTimeMs: bigint
  readonly logStartOffset: bigint
  /** Nothing was appended: a batch that is there already, with its original offsets. */
  readonly isDuplicate: boolean
}

export interface ReadOptions {
  readonly maxBytes: number
  /** Exclusive: high watermark, last stable offset, or log end offset for a follower. */
  readonly maxOffset: bigint
  /** The first batch is given even if it alone is larger than `maxBytes`. */
  readonly minOneBatch: boolean
}

export interface ReadResult {
  /** Whole batches. Pins what it reads from: each deferred part must be released exactly once. */
  readonly records: RecordsSource
  /** Every batch in `records` begins below it; aborted transactions up to here may matter. */
  readonly upperBoundOffset: bigint
}

export interface TimestampOffset {
  readonly offset: bigint
  readonly timestamp: bigint
  /** Of the record's batch; -1 where it is not known. */
  readonly leaderEpoch: number
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
  readonly lastOffset: bigint
}

export interface EpochEndOffset {
  readonly leaderEpoch: number
  readonly endOffset: bigint
}

/** A producer as DescribeProducers shows it. -1 where there is none. */
export interface ActiveProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: bigint
  readonly coordinatorEpoch: number
  readonly currentTransactionStartOffset: bigint
}

/** What `Log` offers to the layers above. */
export interface LogSurface {
  readonly topicPartition: TopicPartition
  /** Undefined for a log that was written by a Kafka without topic ids. */
  readonly topicId: string | undefined
  readonly config: LogConfig
  readonly logStartOffset: bigint
  /** Next offset to be written; everything below is readable. */
  readonly logEndOffset: bigint
  /**
   * What counts towards the high watermark: the log end offset, or under `durability=fsync` what is synced.
   */
  readonly durableOffset: bigint
  readonly recoveryPoint: bigint
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly sizeBytes: number
  /** False once its directory has failed or it was closed. */
  readonly isOnline: boolean

  /** Never goes beyond the log end offset; also lets finished transactions leave the last stable offset. */
  updateHighWatermark(offset: bigint): void

  /**
   * Appends validated v2 batches, whose headers it writes in place; the buffer belongs to the log from then
   * on. Offsets and the order of appends are settled before it returns; the promise resolves when the
   * batches are written (or synced, where the configuration says so).
   */
  append(batches: Buffer, options: AppendOptions): Promise<Result<AppendResult>>

  /**
   * Synchronous when the tail cache has it. Whole batches of one segment, first the one that holds `offset`.
   */
  read(offset: bigint, options: ReadOptions): Result<ReadResult> | Promise<Result<ReadResult>>

  /** The first record at or after a time, if there is one. */
  offsetForTimestamp(timestamp: bigint): Promise<TimestampOffset | undefined>
  /** The first record with the greatest timestamp; undefined for an empty log. */
  offsetOfMaxTimestamp(): Promise<TimestampOffset | undefined>

  readonly latestEpoch: number | undefined
  /**
   * Where the largest epoch up to the one that is asked for ends; -1, -1 where none is known (KIP-101,
   * KIP-279).
   */
  endOffsetForEpoch(leaderEpoch: number): EpochEndOffset
  /** The epoch that an offset was written in; undefined where it is not known. */
  epochForOffset(offset: bigint): number | undefined
  /** A leader takes office: its epoch begins at the log end offset. */
  assignLeaderEpoch(leaderEpoch: number): Promise<void>

  /**
   * How often compaction has put other files in place. Records and the aborted transactions that are told
   * with them belong together only if none was in between.
   */
  readonly replacements: number
  /** Aborted transactions that overlap [from, to), in the order of their markers. */
  abortedTransactions(from: bigint, to: bigint): Promise<AbortedTransaction[]>
  activeProducers(): ActiveProducer[]
  readonly producers: ProducerLookup
  /**
   * Before the coordinator of a transaction is asked whether this log takes part in it: the guard to append
   * with, NO_GUARD where the transaction is open here already.
   */
  startVerification(producer: VerifiedProducer): Result<number>

  /** Called when the log start offset has moved up: records were deleted, or have expired. */
  onLogStart: (() => void) | undefined
  /**
   * Called when more is durable than the high watermark tells of, and no append that waits is about to say
   * so: its own sync had failed.
   */
  onDurable: (() => void) | undefined
  /** DeleteRecords: moves the log start offset, and drops the segments that lie wholly below. */
  deleteRecordsTo(offset: bigint): Promise<Result<{ readonly logStartOffset: bigint }>>
  /**
   * Drops everything at and above an offset. Appends under way are waited for, later ones refused until
   * done.
   */
  truncateTo(offset: bigint): Promise<void>
  /** Drops everything and begins anew at an offset that the leader still has. */
  truncateFullyAndStartAt(offset: bigint): Promise<void>
  /** Syncs what is written; the recovery point moves up. */
  flush(): Promise<void>
  /**
   * What to answer where a look-up has thrown, after the disk's failure has had its consequences; what no
   * disk can be the cause of is thrown again.
   */
  readFailed(error: Error): Refusal
}
