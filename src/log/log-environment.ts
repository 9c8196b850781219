/** What a log is given to work with: the broker's shared means, and its log directory. */
import type { Logger } from '../observe/logger.ts'
import type { Clock, Compute, Disk, Random } from '../platform/platform.ts'
import type { FilePool } from './file-pool.ts'
import type { Slots } from './group-sync.ts'
import type { IndexCache } from './index-file.ts'
import type { Log } from './log.ts'
import type { TailCache } from './tail-cache.ts'

/** Shared by all logs of a broker. */
export interface LogEnvironment {
  readonly disk: Disk
  readonly clock: Clock
  /** By which work on the disk is paced. */
  readonly waitClock: Clock
  readonly random: Random
  readonly compute: Compute
  readonly logger: Logger
  readonly files: FilePool
  readonly indexes: IndexCache
  readonly tails: TailCache
  readonly syncs: Slots
  /** Look-ups by time: one request may ask for those of thousands of logs. */
  readonly searches: Slots
  readonly durability: 'write' | 'fsync'
  /** Runs once, after a delay, unless the broker stops before. */
  later(delayMs: number, task: () => Promise<void>): void
}

/** The log directory that a log lives in, as far as the log is concerned. */
export interface LogHome {
  readonly path: string
  readonly isOnline: boolean
  /** The disk has failed: everything in the directory is refused from now on. */
  goOffline(error: Error): void
  /** The log holds what is not flushed; `isUrgent` when that is a whole segment. */
  noteUnflushed(log: Log, isUrgent: boolean): void
  noteHighWatermark(): void
  /** Makes the names of the logs in it durable. */
  sync(): Promise<void>
  /** Resolves when the checkpoint says what the logs do; to false where a full disk did not allow it. */
  saveLogStarts(): Promise<boolean>
  /** Likewise. */
  saveRecoveryPoints(): Promise<boolean>
  /** Up to where the logs are compacted. */
  saveCleaned(): Promise<boolean>
}
