/**
 * What a log needs to know from the configuration, as plain values. The option table lives elsewhere; the
 * composition root maps topic and broker options to these, and hands over new values when they change.
 */

/** One topic's settings. Sizes and times may be as large as Kafka's int64 allows: they are only compared. */
export interface LogConfig {
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly segmentJitterMs: number
  /** Bounds each index file of a segment (`segment.index.bytes`). */
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  /** -1 for ever. */
  readonly retentionMs: number
  /** -1 for no bound. */
  readonly retentionBytes: number
  readonly fileDeleteDelayMs: number
  /** An append that leaves at least this many messages unflushed waits for an fsync; 1 is every append. */
  readonly flushMessages: number
  readonly flushMs: number
  readonly cleanupPolicy: readonly ('delete' | 'compact')[]
}

/** Kafka's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 1_073_741_824,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10_485_760,
  indexIntervalBytes: 4_096,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  fileDeleteDelayMs: 60_000,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  cleanupPolicy: ['delete'],
}

/** What all logs of a broker share. */
export interface LogManagerConfig {
  /** Log directories (`log.dirs`), at least one. */
  readonly logDirs: readonly string[]
  readonly nodeId: number
  /** Checked against `meta.properties` where both exist; made up on the first start where neither does. */
  readonly clusterId?: string
  /** `write`: an append is done when the write has come back. `fsync`: when a group fdatasync has. */
  readonly durability: 'write' | 'fsync'
  readonly retentionCheckIntervalMs: number
  readonly highWatermarkCheckpointIntervalMs: number
  readonly producerIdExpirationMs: number
  readonly producerIdExpirationCheckIntervalMs: number
  /** Recent batches kept in memory, all logs together. */
  readonly tailCacheBytes: number
  /** Index contents of closed segments kept in memory, all logs together. */
  readonly indexCacheBytes: number
  readonly maxOpenFiles: number
}

export const DEFAULT_LOG_MANAGER_CONFIG: Omit<LogManagerConfig, 'logDirs' | 'nodeId'> = {
  durability: 'write',
  retentionCheckIntervalMs: 300_000,
  highWatermarkCheckpointIntervalMs: 5_000,
  producerIdExpirationMs: 86_400_000,
  producerIdExpirationCheckIntervalMs: 600_000,
  tailCacheBytes: 33_554_432,
  indexCacheBytes: 16_777_216,
  maxOpenFiles: 512,
}
