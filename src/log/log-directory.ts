/**
 * One log directory: the lock on it, who it belongs to (`meta.properties`), the checkpoint files of the logs
 * in it, and whether its disk still works. Once that has failed, everything in it is refused until a
 * restart; an fsync that failed is never tried again.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import type { DirectoryLock } from '../platform/platform.ts'
import { isPassing } from './append-queue.ts'
import {
  CLEAN_SHUTDOWN,
  CLEANER_CHECKPOINT,
  formatCleanShutdown,
  formatMetaProperties,
  formatOffsets,
  HIGH_WATERMARK_CHECKPOINT,
  IN_DOUBT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  type MetaProperties,
  newerVersionOf,
  type OffsetCheckpoint,
  parseMetaProperties,
  parseOffsets,
  RECOVERY_POINT_CHECKPOINT,
  readText,
  replaceFile,
} from './checkpoint.ts'
import { GroupSync, Slots } from './group-sync.ts'
import type { Log, TopicPartition } from './log.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'

/** Longest name of a file or directory. */
export const MAX_NAME_LENGTH = 255

const OFFSET_CHECKPOINTS = [
  RECOVERY_POINT_CHECKPOINT,
  LOG_START_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  CLEANER_CHECKPOINT,
]
const CONCURRENT_RENAMES = 4
const MARK_ATTEMPTS = 8

/** How the names of directories end that are no longer those of logs. */
export type Mark = 'delete' | 'stray'

/** What the checkpoint files said when the directory was opened. */
export interface SavedOffsets {
  readonly recoveryPoints: ReadonlyMap<string, bigint>
  readonly logStarts: ReadonlyMap<string, bigint>
  readonly highWatermarks: ReadonlyMap<string, bigint>
  /** Up to where compaction had been: below, offsets may be missing. */
  readonly cleaned: ReadonlyMap<string, bigint>
}

/** The log itself may be elsewhere, whole. */
export interface BrokenCopy {
  readonly topicPartition: TopicPartition
  /** A want of handles or room, which says nothing of what is in it. */
  readonly isPassing: boolean
}

export interface DirectoryHooks {
  onOffline(directory: LogDirectory, error: Error): void
  onUnflushed(log: Log, isUrgent: boolean): void
}

export class LogDirectory implements LogHome {
  readonly path: string
  readonly logs = new Map<string, Log>()
  /** Copies of logs on their way into this directory, by the names of the logs. */
  readonly futures = new Map<string, Log>()
  /** Logs that are about to be here: what is placed next counts them too. */
  expected = 0
  saved: SavedOffsets = {
    recoveryPoints: new Map(),
    logStarts: new Map(),
    highWatermarks: new Map(),
    cleaned: new Map(),
  }
  wasClean = false
  /** It failed in an earlier life of the broker: what no sync had covered is to be written once more. */
  isInDoubt = false
  /** Logs that are there and could not be opened, by name. */
  readonly unopened = new Set<string>()
  /** Copies on their way into it that could not be opened, by their paths. */
  readonly brokenCopies = new Map<string, BrokenCopy>()
  /** By the checkpoint's name: the logs that it may tell of as it is on the disk. */
  private readonly told = new Map<string, OffsetCheckpoint>()
  private readonly environment: LogEnvironment
  private readonly hooks: DirectoryHooks
  private meta: MetaProperties | undefined
  private lock: DirectoryLock | undefined
  private failure: Error | undefined
  private hasNewWatermarks = false
  /** One that was refused may be told of on the disk. */
  private owesLogStarts = false
  /** Few at once, where thousands of logs are deleted. */
  private readonly renames = new Slots(CONCURRENT_RENAMES)
  private readonly nameSync = new GroupSync(() => this.syncNames())
  private readonly logStartWriter = new GroupSync(() => this.writeLogStarts())
  private readonly recoveryPointWriter = new GroupSync(() => this.writeRecoveryPoints())
  private readonly watermarkWriter = new GroupSync(() => this.writeHighWatermarks())
  private readonly cleanedWriter = new GroupSync(() => this.writeCleaned())

  constructor(path: string, environment: LogEnvironment, hooks: DirectoryHooks) {
    this.path = path
    this.environment = environment
    this.hooks = hooks
  }

  get isOnline(): boolean {
    return this.failure === undefined
  }

  /** How much there is in it, where logs are placed. */
  get population(): number {
    return this.logs.size + this.futures.size + this.expected
  }

  get id(): string {
    return this.meta?.directoryId ?? ''
  }

  /**
   * Makes the directory if need be and takes the lock. Nothing in it is read or written before. Where the
   * broker can do without it, a disk that does not work is offline from the start.
   */
  async acquire({ isVital }: { readonly isVital: boolean }): Promise<Result<void>> {
    const { disk } = this.environment
    try {
      await this.makeDirectory(this.path)
      this.lock = await disk.lock(this.path)
      return ok()
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (!isVital && code !== 'ELOCKED') {
        this.missFromStart(error as Error)
        return ok()
      }
      return refuse(
        ErrorCode.KAFKA_STORAGE_ERROR,
        code === 'ELOCKED'
          ? `The data directory ${this.path} is in use by another broker (${message}). Stop it, or choose ` +
              'another directory with log.dirs.'
          : `The data directory ${this.path} cannot be used (${message}). Check that it can be written, or ` +
              'choose another directory with log.dirs.',
      )
    }
  }

  /** With every missing directory above it, each of which is made durable where it begins to be. */
  private async makeDirectory(path: string): Promise<void> {
    const { disk } = this.environment
    const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')))
    const isRelative = !path.includes('/')
    if ((await disk.status(path)) !== undefined) return
    if (!isRelative && parent !== path) await this.makeDirectory(parent)
    await disk.makeDirectory(path)
    await disk.syncDirectory(isRelative ? '.' : parent)
  }

  async readMeta(): Promise<Result<Partial<MetaProperties>>> {
    const text = await readText(this.environment.disk, `${this.path}/${META_PROPERTIES}`)
    const found = text === undefined ? {} : parseMetaProperties(text)
    if (typeof found === 'string') {
      return refuse(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `${this.path}/${META_PROPERTIES} cannot be used (${found}): it is damaged, or was written by a ` +
          'newer version. Start that one, or choose another directory with log.dirs.',
      )
    }
    return (await this.newerCheckpoint()) ?? ok(found)
  }

  /** To do without one of those would bring deleted records back. */
  private async newerCheckpoint(): Promise<Refusal | undefined> {
    for (const name of OFFSET_CHECKPOINTS) {
      const version = newerVersionOf((await readText(this.environment.disk, `${this.path}/${name}`)) ?? '')
      if (version === undefined) continue
      return refuse(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `${this.path}/${name} is of version ${version}, which is not known: it was written by a newer ` +
          'version. Start that one, or choose another directory with log.dirs.',
      )
    }
    return undefined
  }

  /** Settles who the directory belongs to; writes it down where it was not complete. */
  async adopt(found: Partial<MetaProperties>, meta: MetaProperties): Promise<void> {
    this.meta = meta
    const isSame = found.nodeId === meta.nodeId && found.clusterId === meta.clusterId
    if (isSame && found.directoryId === meta.directoryId) return
    await replaceFile(this.environment.disk, this.path, META_PROPERTIES, formatMetaProperties(meta))
  }

  /** The mark of a clean shutdown is used up: a crash while the logs are being opened is an unclean stop. */
  async readState(): Promise<void> {
    const { disk } = this.environment
    this.saved = {
      recoveryPoints: await this.readOffsets(RECOVERY_POINT_CHECKPOINT),
      logStarts: await this.readOffsets(LOG_START_CHECKPOINT),
      highWatermarks: await this.readOffsets(HIGH_WATERMARK_CHECKPOINT),
      cleaned: await this.readOffsets(CLEANER_CHECKPOINT),
    }
    const mark = `${this.path}/${CLEAN_SHUTDOWN}`
    const isMarked = (await disk.status(mark)) !== undefined
    if (isMarked) await disk.remove(mark)
    this.isInDoubt = (await disk.status(`${this.path}/${IN_DOUBT}`)) !== undefined
    this.wasClean = isMarked && !this.isInDoubt
    // What was read is in force from now on, and whoever wrote it may have died before it was durable.
    await disk.syncDirectory(this.path)
  }

  private async readOffsets(name: string): Promise<ReadonlyMap<string, bigint>> {
    const text = await readText(this.environment.disk, `${this.path}/${name}`)
    if (text === undefined) return new Map()
    const offsets = parseOffsets(text)
    if (offsets !== undefined) {
      this.told.set(name, offsets)
      return offsets
    }
    this.environment.logger.warn('A checkpoint file is damaged and counts as empty', {
      path: this.path,
      name,
    })
    return new Map()
  }

  goOffline(error: Error): void {
    if (this.failure !== undefined) return
    this.failure = error
    for (const log of this.all()) log.abandon()
    this.hooks.onOffline(this, error)
    void this.noteDoubt()
  }

  /**
   * What a failed sync has lost still shows to whoever reads it, and the next sync succeeds without it. The
   * mark shows as long: for the next life of the broker, unless the machine's ends too.
   */
  private async noteDoubt(): Promise<void> {
    const { disk } = this.environment
    for (let left = MARK_ATTEMPTS; left > 0; left--) {
      try {
        const file = await disk.open(`${this.path}/${IN_DOUBT}`, 'write')
        await file.close()
        return
      } catch {
        // The disk does not take even this; perhaps it was a want of handles.
      }
    }
  }

  /** All that was in doubt is written once more, and waits for its sync like any other. */
  async settleDoubt(): Promise<void> {
    if (!this.isInDoubt || !this.isOnline || !this.isAllOpened) return
    await this.environment.disk.remove(`${this.path}/${IN_DOUBT}`)
    // A sync of a log that was opened early may have failed meanwhile.
    if (!this.isOnline) await this.noteDoubt()
  }

  private get isAllOpened(): boolean {
    return this.unopened.size === 0 && this.brokenCopies.size === 0
  }

  /** What is in it is not known. */
  missFromStart(error: Error): void {
    this.failure = error
    const { path } = this
    this.environment.logger.error('A log directory cannot be used, and is offline', { path, error })
  }

  *all(): Iterable<Log> {
    yield* this.logs.values()
    yield* this.futures.values()
  }

  /**
   * Renames what was the directory of a log, so that every start passes it over, or takes up its removal.
   * Undefined where the disk does not do it.
   */
  async renameAway(
    { topic, partition }: TopicPartition,
    from: string,
    mark: Mark,
  ): Promise<string | undefined> {
    const { disk, random } = this.environment
    const suffix = `-${partition}.${random.bytes(16).toString('hex')}-${mark}`
    const path = `${this.path}/${topic.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`
    if (!this.isOnline) return undefined
    try {
      await this.renames.run(() => disk.rename(from, path))
    } catch (error) {
      this.goOffline(error as Error)
      return undefined
    }
    try {
      await this.sync()
    } catch (error) {
      if (!isPassing(error)) this.goOffline(error as Error)
    }
    await this.saveRecoveryPoints()
    await this.saveLogStarts()
    this.noteHighWatermark()
    return path
  }

  /**
   * Before a log is made: where the checkpoints still tell of an earlier one of its name, a start would trust
   * batches that nobody has synced, miss those before the other one's log start, or take for compacted what
   * is not, and drop a tombstone while what it deletes stays.
   */
  async forget(name: string): Promise<void> {
    const writers = new Map([
      [RECOVERY_POINT_CHECKPOINT, this.recoveryPointWriter],
      [LOG_START_CHECKPOINT, this.logStartWriter],
      [HIGH_WATERMARK_CHECKPOINT, this.watermarkWriter],
      [CLEANER_CHECKPOINT, this.cleanedWriter],
    ])
    for (const [checkpoint, writer] of writers) {
      if (!this.told.get(checkpoint)?.has(name) || (await writer.run())) continue
      throw Object.assign(new Error(`ENOSPC: a checkpoint of ${this.path} could not be written`), {
        code: 'ENOSPC',
      })
    }
  }

  noteUnflushed(log: Log, isUrgent: boolean): void {
    this.hooks.onUnflushed(log, isUrgent)
  }

  noteHighWatermark(): void {
    this.hasNewWatermarks = true
  }

  sync(): Promise<void> {
    return this.nameSync.run()
  }

  private syncNames(): Promise<void> {
    return this.environment.syncs.run(() => this.environment.disk.syncDirectory(this.path))
  }

  saveLogStarts(): Promise<boolean> {
    return this.logStartWriter.run()
  }

  saveRecoveryPoints(): Promise<boolean> {
    return this.recoveryPointWriter.run()
  }

  saveCleaned(): Promise<boolean> {
    return this.cleanedWriter.run()
  }

  async saveHighWatermarks(): Promise<boolean> {
    return !this.hasNewWatermarks || this.watermarkWriter.run()
  }

  private async writeHighWatermarks(): Promise<boolean> {
    this.hasNewWatermarks = false
    const isSaved = await this.writeOffsets(
      HIGH_WATERMARK_CHECKPOINT,
      this.saved.highWatermarks,
      log => log.highWatermark,
    )
    this.hasNewWatermarks ||= !isSaved
    return isSaved
  }

  private writeRecoveryPoints(): Promise<boolean> {
    return this.writeOffsets(RECOVERY_POINT_CHECKPOINT, this.saved.recoveryPoints, log => log.recoveryPoint)
  }

  private writeCleaned(): Promise<boolean> {
    return this.writeOffsets(CLEANER_CHECKPOINT, this.saved.cleaned, log => log.cleanedTo)
  }

  /** Of those that begin at a segment too: a power failure may bring removed files back. */
  private async writeLogStarts(): Promise<boolean> {
    const offsetOf = (log: Log) => log.startToSave || undefined
    const isSaved = await this.writeOffsets(LOG_START_CHECKPOINT, this.saved.logStarts, offsetOf)
    this.owesLogStarts = !isSaved
    return isSaved
  }

  /** Now and then: what could not be written before. */
  async saveOwed(): Promise<void> {
    if (this.owesLogStarts) await this.saveLogStarts()
  }

  /** What was saved of logs that could not be opened is kept for them. */
  private async writeOffsets(
    name: string,
    saved: ReadonlyMap<string, bigint>,
    offsetOf: (log: Log) => bigint | undefined,
  ): Promise<boolean> {
    if (!this.isOnline) return false
    const offsets = new Map<string, bigint>()
    for (const log of this.all()) {
      const offset = offsetOf(log)
      if (offset !== undefined) offsets.set(log.name, offset)
    }
    for (const logName of this.unopened) {
      const offset = saved.get(logName)
      if (offset !== undefined) offsets.set(logName, offset)
    }
    try {
      await replaceFile(this.environment.disk, this.path, name, formatOffsets(offsets))
      this.told.set(name, offsets)
      return true
    } catch (error) {
      this.told.set(name, new Map([...(this.told.get(name) ?? []), ...offsets]))
      this.writeFailed(name, error as Error)
      return false
    }
  }

  /** A full disk, or a want of file handles, costs a checkpoint, which the next one makes up for. */
  private writeFailed(name: string, error: Error): void {
    if (isPassing(error)) {
      this.environment.logger.warn('A checkpoint could not be written', { path: this.path, name, error })
    } else this.goOffline(error)
  }

  /**
   * The offsets of the logs, and if all of them are closed the mark that a start needs no recovery: of those
   * that could not be opened that is true only if it was when this life began.
   */
  async finish({ isClosed }: { readonly isClosed: boolean }): Promise<void> {
    this.hasNewWatermarks = true
    const saved = [await this.saveRecoveryPoints(), await this.saveLogStarts()]
    saved.push(await this.saveHighWatermarks())
    const isClean = isClosed && (this.wasClean || this.isAllOpened)
    if (!isClean || saved.includes(false)) return
    try {
      await replaceFile(this.environment.disk, this.path, CLEAN_SHUTDOWN, formatCleanShutdown())
    } catch (error) {
      this.writeFailed(CLEAN_SHUTDOWN, error as Error)
    }
  }

  async release(): Promise<void> {
    await this.lock?.release()
    this.lock = undefined
  }
}
