/**
 * What a log needs to know from the configuration, as plain values. The option table lives elsewhere; the
 * composition root maps topic and broker options to these, and hands over new values when they change.
 */

import type { Random } from '../platform/platform.ts'

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
  /** Compaction waits until more than this share of the log is not compacted yet. */
  readonly minCleanableDirtyRatio: number
  /** No record is compacted before this time. */
  readonly minCompactionLagMs: number
  /** A record is compacted after this time even if the dirty ratio does not ask for it. */
  readonly maxCompactionLagMs: number
  /** How long tombstones and transaction markers stay once compaction has found nothing else in their way. */
  readonly deleteRetentionMs: number
}

/** So that the segments of many logs, born together, are not rolled together. */
export function rollJitter({ segmentJitterMs, segmentMs }: LogConfig, random: Random): number {
  const bound = Math.min(segmentJitterMs, segmentMs, 2 ** 31)
  return bound > 0 ? random.below(bound) : 0
}

/** How all compacted logs of a broker are compacted (`log.cleaner.*`). */
export interface CleanerConfig {
  readonly isEnabled: boolean
  /** Logs that are compacted at once. */
  readonly threads: number
  /** Memory for the offset maps of all threads together. */
  readonly dedupeBufferBytes: number
  /** How full an offset map may get. */
  readonly loadFactor: number
  /** Memory for reads and writes of all threads together. */
  readonly ioBufferBytes: number
  /** Of reads and writes, all threads together. */
  readonly maxBytesPerSecond: number
  /** Pause when there is nothing to compact. */
  readonly backoffMs: number
}

/** Kafka's defaults. */
export const DEFAULT_CLEANER_CONFIG: CleanerConfig = {
  isEnabled: true,
  threads: 1,
  dedupeBufferBytes: 134_217_728,
  loadFactor: 0.9,
  ioBufferBytes: 524_288,
  maxBytesPerSecond: Number.MAX_VALUE,
  backoffMs: 15_000,
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
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 86_400_000,
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
  /** Background work leaves a starting broker alone for so long (`log.initial.task.delay.ms`). */
  readonly initialTaskDelayMs: number
  readonly highWatermarkCheckpointIntervalMs: number
  readonly producerIdExpirationMs: number
  readonly producerIdExpirationCheckIntervalMs: number
  /** Recent batches kept in memory, all logs together. */
  readonly tailCacheBytes: number
  /** Index contents of closed segments kept in memory, all logs together. */
  readonly indexCacheBytes: number
  readonly maxOpenFiles: number
  readonly cleaner: CleanerConfig
}

export const DEFAULT_LOG_MANAGER_CONFIG: Omit<LogManagerConfig, 'logDirs' | 'nodeId'> = {
  durability: 'write',
  retentionCheckIntervalMs: 300_000,
  initialTaskDelayMs: 30_000,
  highWatermarkCheckpointIntervalMs: 5_000,
  producerIdExpirationMs: 86_400_000,
  producerIdExpirationCheckIntervalMs: 600_000,
  tailCacheBytes: 33_554_432,
  indexCacheBytes: 16_777_216,
  maxOpenFiles: 512,
  cleaner: DEFAULT_CLEANER_CONFIG,
}
