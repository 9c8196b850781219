/** What `LogManager` offers to those who host partitions. */
import type { Result } from '../../protocol/errors.ts'
import type { LogSurface, TopicPartition } from './log.ts'
import type { LogConfig } from './log-config.ts'

export interface LogDirectoryDescription {
  readonly path: string
  readonly directoryId: string
  readonly isOnline: boolean
  /** -1 where the disk does not tell. */
  readonly totalBytes: bigint
  readonly usableBytes: bigint
  readonly logs: readonly DescribedLog[]
}

export interface DescribedLog {
  readonly topicPartition: TopicPartition
  readonly sizeBytes: number
  /** A copy on its way into this directory, and how far it is behind the log. */
  readonly isFuture: boolean
  readonly offsetLag: bigint
}

export interface LogSpec {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly config: LogConfig
  /** It has not been there before this start of the broker. */
  readonly isNew: boolean
}

/** What `LogManager` offers. */
export interface LogManagerSurface {
  readonly clusterId: string
  /** False when the last stop was not a clean one, in any directory. */
  readonly wasCleanShutdown: boolean
  log(topic: string, partition: number): LogSurface | undefined
  logs(): Iterable<LogSurface>
  /** The existing log, or a new one in the directory with the fewest logs. */
  createLog(spec: LogSpec): Promise<Result<LogSurface>>
  /** Gone at once for everyone; the files are removed after `file.delete.delay.ms`. */
  deleteLog(topic: string, partition: number): Promise<void>
  /**
   * Gone for everyone too, but nobody has decided to delete it: its directory stays, under the returned path.
   * Undefined where there is no such log, or its disk does not work.
   */
  setAsideLog(topic: string, partition: number): Promise<string | undefined>
  updateConfig(topic: string, partitions: number, config: LogConfig): void
  /**
   * Begins to move a log to another log directory, or ends its move where that is the present one. A log that
   * is not there yet will be made there. LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR, REPLICA_NOT_AVAILABLE,
   * INVALID_TOPIC_EXCEPTION.
   */
  moveLog(topic: string, partition: number, path: string): Promise<Result<void>>
  /**
   * Once, when it is known which of the logs that a start found belong to the cluster: of two logs of the
   * same partition one remains, and moves go on that the last stop has interrupted.
   */
  settleFound(isWanted: (log: LogSurface) => boolean): Promise<void>
  describeDirectories(): Promise<LogDirectoryDescription[]>
  /**
   * Flushes everything, writes snapshots, checkpoints and the mark of a clean shutdown; releases the locks.
   */
  shutdown(): Promise<void>
}
