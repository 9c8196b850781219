/**
 * Owns the log directories and all logs in them: opens, creates and deletes logs, keeps the checkpoint files,
 * runs retention and the background flusher, and shuts down cleanly.
 */
import type { Result } from '../../protocol/errors.ts'
import type { Clock, Disk, Random } from '../platform/platform.ts'
import type { LogSurface, TopicPartition } from './log.ts'
import type { LogConfig, LogManagerConfig } from './log-config.ts'

/** As much of a logger as the log layer uses; pino's has this form. */
export interface LogLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

export interface LogManagerOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly logger: LogLogger
  readonly config: LogManagerConfig
  /** The configuration of a topic that is found on disk. */
  readonly logConfig: (topic: string) => LogConfig
  /** A log directory has gone offline: its logs refuse everything until a restart. */
  readonly onDirectoryOffline?: (path: string, logs: readonly TopicPartition[]) => void
}

export interface LogDirectoryDescription {
  readonly path: string
  readonly directoryId: string
  readonly isOnline: boolean
  /** -1 where the disk does not tell. */
  readonly totalBytes: bigint
  readonly usableBytes: bigint
  readonly logs: readonly { readonly topicPartition: TopicPartition; readonly sizeBytes: number }[]
}

/** What `LogManager` offers; `LogManager.open(options): Promise<Result<LogManager>>` makes one. */
export interface LogManagerSurface {
  readonly clusterId: string
  /** False when the last stop was not a clean one, in any directory. */
  readonly wasCleanShutdown: boolean
  log(topic: string, partition: number): LogSurface | undefined
  logs(): Iterable<LogSurface>
  /** The existing log, or a new one in the directory with the fewest logs. */
  createLog(spec: {
    readonly topic: string
    readonly topicId: string
    readonly partition: number
    readonly config: LogConfig
  }): Promise<Result<LogSurface>>
  /** Gone at once for everyone; the files are removed after `file.delete.delay.ms`. */
  deleteLog(topic: string, partition: number): Promise<void>
  updateConfig(topic: string, config: LogConfig): void
  describeDirectories(): Promise<LogDirectoryDescription[]>
  /** Flushes everything, writes snapshots, checkpoints and the mark of a clean shutdown; releases the locks. */
  shutdown(): Promise<void>
}
