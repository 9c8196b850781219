/**
 * Owns the log directories and all logs in them: opens, creates and deletes logs, keeps the checkpoint files,
 * runs retention and the background flusher, and shuts down cleanly.
 */
import { resolve } from 'node:path'
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { Logger } from '../observe/logger.ts'
import { inlineCompute } from '../platform/inline-compute.ts'
import type { Clock, Compute, Disk, Random } from '../platform/platform.ts'
import { isPassing } from './append-queue.ts'
import { type MetaProperties, writePartitionMetadata } from './checkpoint.ts'
import { Cleaner } from './cleaner.ts'
import { describeDirectories } from './directory-description.ts'
import { newDirectoryId, settleIdentity } from './directory-identity.ts'
import { FilePool } from './file-pool.ts'
import { Flusher } from './flusher.ts'
import { Slots } from './group-sync.ts'
import { IndexCache } from './index-file.ts'
import type { Log, LogSurface, TopicPartition } from './log.ts'
import type { CleanerConfig, LogConfig, LogManagerConfig } from './log-config.ts'
import { LogDirectory, MAX_NAME_LENGTH, type Mark } from './log-directory.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'
import { type BrokenLog, loadLogs } from './log-loading.ts'
import type { LogDirectoryDescription, LogManagerSurface, LogSpec } from './log-manager-surface.ts'
import { futureName, LogMoves } from './log-moves.ts'
import { openLog } from './recovery.ts'
import { retain } from './retention.ts'
import type { LogLocation } from './segment-files.ts'
import { TailCache } from './tail-cache.ts'
import { Tasks } from './tasks.ts'

/** Fsyncs at once: libuv has four threads, and reads need some of them. */
const CONCURRENT_SYNCS = 2
const CONCURRENT_CLOSES = 8
const CONCURRENT_SEARCHES = 8
/** Of thousands at once: a long queue of calls of the disk keeps those of produce and fetch waiting. */
const CONCURRENT_CREATIONS = 16
const CONCURRENT_REMOVALS = 2
/** Directories chosen for logs that do not exist, all together. */
const MOST_PREFERENCES = 10_000

export interface LogManagerOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** By which work on the disk is paced; `clock` unless told. */
  readonly waitClock?: Clock
  readonly random: Random
  /** Threads for compaction; the event loop does it where there are none. */
  readonly compute?: Compute
  readonly logger: Logger
  readonly config: LogManagerConfig
  /** Of directories that do not say one yet; made up unless told. */
  readonly newClusterId?: string
  /** The configuration of a topic that is found on disk. */
  readonly logConfig: (topic: string) => LogConfig
  /** A log directory has gone offline: its logs refuse everything until a restart. */
  readonly onDirectoryOffline?: (path: string, logs: readonly TopicPartition[]) => void
  /** None is left. */
  readonly onAllOffline?: () => void
  /** Whether records may be handed to readers in memory; from the files otherwise. */
  readonly hasFetchMemory?: () => boolean
}

export class LogManager implements LogManagerSurface {
  private readonly options: LogManagerOptions
  private readonly environment: LogEnvironment
  private readonly directories: LogDirectory[]
  /** What the age of data asks for. */
  private readonly tasks: Tasks
  /** What the safety of data asks for: flushes and checkpoints. */
  private readonly chores: Tasks
  private readonly flusher: Flusher
  private readonly cleaner: Cleaner
  /** By `<topic>-<partition>`. */
  private readonly byName = new Map<string, Log>()
  /** Logs that could not be opened, and why. */
  private readonly broken = new Map<string, BrokenLog>()
  /** Logs of the same names as others, in other directories; see `settleFound`. */
  private rivals: Log[] = []
  private readonly moves: LogMoves
  private readonly creations = new Slots(CONCURRENT_CREATIONS)
  private readonly removals = new Slots(CONCURRENT_REMOVALS)
  /** Where logs go that are not there yet, by name (AlterReplicaLogDirs). */
  private readonly preferred = new Map<string, LogDirectory>()
  /** Creations and deletions under way, by name: what comes next waits. */
  private readonly changing = new Map<string, Promise<unknown>>()
  /** Directories with logs that could not be closed. */
  private readonly unclosed = new Set<LogHome>()
  private identity = ''
  private producerIdExpirationMs: number
  private isStopping = false

  private constructor(options: LogManagerOptions) {
    const { disk, clock, waitClock = clock, random, logger, config } = options
    this.options = options
    this.producerIdExpirationMs = config.producerIdExpirationMs
    this.tasks = new Tasks(clock, logger)
    this.chores = new Tasks(waitClock, logger)
    this.environment = {
      disk,
      clock,
      waitClock,
      random,
      compute: options.compute ?? inlineCompute,
      logger,
      files: new FilePool(disk, config.maxOpenFiles),
      indexes: new IndexCache(config.indexCacheBytes),
      tails: new TailCache(config.tailCacheBytes, options.hasFetchMemory),
      syncs: new Slots(CONCURRENT_SYNCS),
      searches: new Slots(CONCURRENT_SEARCHES),
      durability: config.durability,
      later: (delayMs, task) => this.tasks.later(delayMs, task),
    }
    this.flusher = new Flusher(waitClock, this.chores, logger)
    const { environment } = this
    this.cleaner = new Cleaner({ environment, config: config.cleaner, logs: () => this.byName.values() })
    const hooks = {
      onOffline: (directory: LogDirectory, error: Error) => this.directoryFailed(directory, error),
      onUnflushed: (log: Log, isUrgent: boolean) => this.flusher.note(log, isUrgent),
    }
    this.directories = config.logDirs.map(path => new LogDirectory(path, this.environment, hooks))
    this.moves = new LogMoves({
      environment: this.environment,
      clock: waitClock,
      random,
      atOnce: config.logDirs.length,
      onReplaced: (log, from, old) => this.leaveBehind(log, from, old),
      clear: log => this.cleaner.abort(log),
      onForgotten: copy => this.flusher.forget(copy),
      onDropped: (copy, directory) => this.dropCopy(copy, directory),
    })
  }

  /** Takes the directories and opens every log in them. A refusal says what to do about it. */
  static async open(options: LogManagerOptions): Promise<Result<LogManager>> {
    const manager = new LogManager(options)
    const taken = await manager.takeDirectories()
    if (taken.error) {
      await manager.releaseDirectories()
      return taken
    }
    for (const directory of manager.directories) await manager.load(directory)
    manager.cleaner.start()
    manager.startBackgroundWork()
    return ok(manager)
  }

  private async load(directory: LogDirectory): Promise<void> {
    const options = {
      environment: this.environment,
      logConfig: this.options.logConfig,
      onLog: (log: Log) => {
        directory.logs.set(log.name, log)
        this.broken.delete(log.name)
        if (this.byName.has(log.name)) this.rivals.push(log)
        else this.byName.set(log.name, log)
      },
      onFuture: (copy: Log) => directory.futures.set(copy.name, copy),
      onBroken: (name: string, broken: BrokenLog) => this.broken.set(name, broken),
    }
    await this.unlessMissing(directory, async () => {
      await loadLogs(directory, options)
      await directory.settleDoubt()
    })
  }

  /** The first directory has to work, since the metadata is in it; any other may be missing. */
  private async takeDirectories(): Promise<Result<void>> {
    const { config, random } = this.options
    const found = new Map<LogDirectory, Partial<MetaProperties>>()
    for (const directory of this.directories) {
      const acquired = await directory.acquire({ isVital: directory === this.directories[0] })
      if (acquired.error) return acquired
      const meta = await this.unlessMissing(directory, () => directory.readMeta())
      if (meta?.error) return meta
      if (meta) found.set(directory, meta.value)
    }
    const settled = settleIdentity(found, config)
    if (settled.error) return settled
    const { nodeId } = config
    const clusterId = settled.value ?? this.options.newClusterId ?? newDirectoryId(random)
    for (const [directory, meta] of found) {
      const directoryId = meta.directoryId ?? newDirectoryId(random)
      await this.unlessMissing(directory, async () => {
        await directory.adopt(meta, { nodeId, clusterId, directoryId })
        await directory.readState()
      })
    }
    this.identity = clusterId
    return ok()
  }

  /** Undefined where a directory that the broker can do without does not let itself be read. */
  private async unlessMissing<T>(directory: LogDirectory, task: () => Promise<T>): Promise<T | undefined> {
    if (!directory.isOnline) return undefined
    try {
      return await task()
    } catch (error) {
      if (directory === this.directories[0]) throw error
      directory.missFromStart(error as Error)
      return undefined
    }
  }

  get clusterId(): string {
    return this.identity
  }

  get wasCleanShutdown(): boolean {
    return this.directories.every(directory => directory.wasClean)
  }

  log(topic: string, partition: number): Log | undefined {
    return this.byName.get(`${topic}-${partition}`)
  }

  logs(): Iterable<Log> {
    return this.byName.values()
  }

  unopened(): Iterable<Pick<Log, 'topicPartition' | 'topicId'>> {
    return [...this.broken].filter(([name]) => !this.byName.has(name)).map(([, broken]) => broken)
  }

  createLog(spec: LogSpec): Promise<Result<Log>> {
    const name = `${spec.topic}-${spec.partition}`
    return this.inTurn(name, () => this.openOrCreate(name, spec))
  }

  private async openOrCreate(name: string, spec: LogSpec): Promise<Result<Log>> {
    if (!this.byName.has(name)) await this.broken.get(name)?.again?.(spec.config)
    const existing = this.byName.get(name)
    if (existing !== undefined) return this.confirmTopicId(existing, spec)
    const reason = this.broken.get(name)?.reason
    if (reason !== undefined) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${name} could not be opened: ${reason}`)
    }
    const home = this.placeFor(name, spec)
    if (home === undefined || this.isStopping) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `No log directory is online for the log of ${name}.`)
    }
    home.expected++
    try {
      return ok(await this.creations.run(() => this.createIn(home, name, spec)))
    } catch (error) {
      const { message } = error as Error
      if (!isPassing(error)) home.goOffline(error as Error)
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${name} could not be created: ${message}`)
    } finally {
      home.expected--
    }
  }

  /** One that was there before may be in a directory that is offline now, and does not begin anew. */
  private placeFor(name: string, { isNew }: LogSpec): LogDirectory | undefined {
    const online = this.directories.filter(directory => directory.isOnline)
    if (!isNew && online.length < this.directories.length) return undefined
    const preferred = this.preferred.get(name)
    this.preferred.delete(name)
    // A rival of an earlier log may have had to stay.
    const free = online.filter(directory => !directory.logs.has(name))
    if (preferred !== undefined && free.includes(preferred)) return preferred
    return free.reduce<LogDirectory | undefined>(
      (best, directory) => (best && best.population <= directory.population ? best : directory),
      undefined,
    )
  }

  private async createIn(home: LogDirectory, name: string, spec: LogSpec): Promise<Log> {
    const path = `${home.path}/${name}`
    await home.forget(name)
    await this.options.disk.makeDirectory(path)
    await writePartitionMetadata(this.options.disk, path, spec.topicId)
    const log = await openLog({
      environment: this.environment,
      home,
      location: { path },
      topicPartition: { topic: spec.topic, partition: spec.partition },
      config: spec.config,
      recoveryPoint: 0n,
      logStartOffset: 0n,
      highWatermark: 0n,
      cleanedTo: 0n,
      state: 'new',
      isInDoubt: false,
    })
    home.logs.set(name, log)
    this.byName.set(name, log)
    return log
  }

  private async confirmTopicId(log: Log, spec: LogSpec): Promise<Result<Log>> {
    if (log.topicId === undefined) {
      await writePartitionMetadata(this.options.disk, log.location.path, spec.topicId)
      log.topicId = spec.topicId
      log.durability.noteIdentity()
    }
    if (log.topicId === spec.topicId) return ok(log)
    return refuse(
      ErrorCode.INCONSISTENT_TOPIC_ID,
      `The log of ${log.name} belongs to topic id ${log.topicId}, not ${spec.topicId}.`,
    )
  }

  async deleteLog(topic: string, partition: number): Promise<void> {
    const log = this.log(topic, partition)
    this.preferred.delete(`${topic}-${partition}`)
    const path = await this.retire(topic, partition, 'delete')
    const config = log?.config ?? this.options.logConfig(topic)
    if (path !== undefined) this.removeLater(config, path)
  }

  setAsideLog(topic: string, partition: number): Promise<string | undefined> {
    return this.retire(topic, partition, 'stray')
  }

  private async retire(topic: string, partition: number, mark: Mark): Promise<string | undefined> {
    const name = `${topic}-${partition}`
    const log = this.byName.get(name)
    if (log === undefined) return this.inTurn(name, () => this.retireBroken(name, mark))
    this.byName.delete(name)
    this.flusher.forget(log)
    return this.inTurn(name, async () => {
      await this.cleaner.release(log)
      await this.moves.giveUp(name)
      return this.renameAway(log, mark)
    })
  }

  /** One that could not be opened would be in the way of a new topic of its name, now and at every start. */
  private async retireBroken(name: string, mark: Mark): Promise<string | undefined> {
    const broken = this.broken.get(name)
    if (broken === undefined) return undefined
    this.broken.delete(name)
    broken.home.unopened.delete(name)
    return broken.home.renameAway(broken.topicPartition, broken.path, mark)
  }

  /** To a name of Kafka's, which it and we pass over at the next start, or take up the removal of. */
  private async renameAway(log: Log, mark: Mark): Promise<string | undefined> {
    const home = this.homeOf(log)
    home.logs.delete(log.name)
    await log.abandonForDeletion()
    const path = await home.renameAway(log.topicPartition, log.location.path, mark)
    if (path !== undefined) log.location.path = path
    return path
  }

  private homeOf(log: Log): LogDirectory {
    return this.directories.find(directory => directory === log.home)!
  }

  // Moving between directories.

  async moveLog(topic: string, partition: number, path: string): Promise<Result<void>> {
    const name = `${topic}-${partition}`
    if (futureName({ topic, partition }, this.options.random).length > MAX_NAME_LENGTH) {
      return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, 'The topic name is too long.')
    }
    const to = this.directories.find(directory => resolve(directory.path) === path)
    if (to === undefined) return refuse(ErrorCode.LOG_DIR_NOT_FOUND, `There is no log directory ${path}.`)
    if (!to.isOnline) return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log directory ${path} is offline.`)
    return this.inTurn(name, () => this.beginMove(name, to))
  }

  private async beginMove(name: string, to: LogDirectory): Promise<Result<void>> {
    const log = this.byName.get(name)
    if (log === undefined) {
      if (this.preferred.size < MOST_PREFERENCES) this.preferred.set(name, to)
      return refuse(ErrorCode.REPLICA_NOT_AVAILABLE, `There is no log of ${name} yet.`)
    }
    const destination = this.moves.destination(log)
    if (destination !== undefined && destination !== to) await this.moves.giveUp(name)
    const refusal = log.refusal()
    if (refusal) return refusal
    const from = this.homeOf(log)
    if (from === to || this.moves.destination(log) === to) return ok()
    if (to.logs.has(name)) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `Another log of ${name} is in ${to.path} until a restart.`)
    }
    // As in Kafka: there may be a copy of it in a directory that cannot be seen.
    if (this.directories.some(({ isOnline }) => !isOnline) || this.isStopping) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, 'A log directory is offline.')
    }
    try {
      await this.moves.start(log, from, to)
      return ok()
    } catch (error) {
      if (!isPassing(error)) to.goOffline(error as Error)
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The copy of ${name} could not be begun.`)
    }
  }

  /** The log lives elsewhere: what is left where it was goes. */
  private async leaveBehind(log: Log, from: LogDirectory, old: LogLocation): Promise<void> {
    // The move has written them for its copy: where one cannot be written again, that is true still.
    await log.home.saveCleaned()
    await log.home.saveRecoveryPoints()
    await log.home.saveLogStarts()
    log.home.noteHighWatermark()
    const path = await from.renameAway(log.topicPartition, old.path, 'delete')
    if (path === undefined) return
    old.path = path
    this.removeLater(log.config, path)
  }

  private async dropCopy(copy: Log, directory: LogDirectory): Promise<void> {
    this.flusher.forget(copy)
    await copy.abandonForDeletion()
    const path = await directory.renameAway(copy.topicPartition, copy.location.path, 'delete')
    if (path !== undefined) this.removeLater(copy.config, path)
  }

  private removeLater({ fileDeleteDelayMs }: LogConfig, path: string): void {
    // What is not done when the broker stops is the next start's.
    const remove = async () => {
      if (!this.isStopping) await this.options.disk.remove(path)
    }
    this.tasks.later(fileDeleteDelayMs, () => this.removals.run(remove))
  }

  async settleFound(isWanted: (log: LogSurface) => boolean): Promise<void> {
    for (const rival of this.rivals.splice(0)) await this.settleRivals(rival, isWanted)
    for (const to of this.directories) {
      await this.dropBrokenCopies(to)
      for (const copy of [...to.futures.values()]) {
        const log = this.byName.get(copy.name)
        if (log === undefined && isWanted(copy)) continue
        const from = log && this.homeOf(log)
        // A rival that had to stay is where the copy is to go.
        if (from !== to && to.logs.has(copy.name)) continue
        if (log && from && from !== to && log.topicId === copy.topicId)
          this.moves.resume(log, copy, { from, to })
        else {
          to.futures.delete(copy.name)
          await this.dropCopy(copy, to)
        }
      }
    }
  }

  /**
   * Two directories have a log of this name: a move was interrupted between its last two steps, or a disk has
   * come back that was missed while its topic was made anew. What is longer has all that the other has.
   */
  private async settleRivals(rival: Log, isWanted: (log: LogSurface) => boolean): Promise<void> {
    const present = this.byName.get(rival.name) ?? rival
    const rank = (log: Log) => (isWanted(log) ? log.logEndOffset + 1n : 0n)
    // Where both have the same batches, the one that was left may not know any more which were deleted.
    const isBetter = (a: Log, b: Log) =>
      rank(a) > rank(b) || (rank(a) === rank(b) && a.logStartOffset > b.logStartOffset)
    const [winner, loser] = isBetter(rival, present) ? [rival, present] : [present, rival]
    this.byName.set(winner.name, winner)
    if (winner === loser || !(await this.isMadeDurable(winner))) return
    this.flusher.forget(loser)
    const directory = await this.renameAway(loser, 'stray')
    this.options.logger.warn('Set aside the second of two logs of a partition', {
      log: loser.name,
      directory,
    })
  }

  /** Or else the rival that is not needed any more may be the only one of both that is: it stays. */
  private async isMadeDurable(winner: Log): Promise<boolean> {
    try {
      // What belongs to the batches can be made anew from them, and a full disk has no room for it.
      await winner.durability.sync()
      return true
    } catch (error) {
      this.options.logger.error('Two logs of a partition stay until the next start', {
        log: winner.name,
        error,
      })
      return false
    }
  }

  /** What cannot be used is no loss beside the log itself, whose move may be asked for again. */
  private async dropBrokenCopies(to: LogDirectory): Promise<void> {
    for (const [path, { topicPartition, isPassing }] of to.brokenCopies) {
      const { topic, partition } = topicPartition
      const log = this.log(topic, partition)
      if (log === undefined || !log.isOnline || isPassing) continue
      const renamed = await to.renameAway(topicPartition, path, 'delete')
      if (renamed === undefined) continue
      to.brokenCopies.delete(path)
      this.removeLater(log.config, renamed)
    }
  }

  updateConfig(topic: string, partitions: number, config: LogConfig): void {
    for (let partition = 0; partition < partitions; partition++) {
      const log = this.log(topic, partition)
      if (log !== undefined) log.config = config
    }
  }

  /** `replica.alter.log.dirs.io.max.bytes.per.second` */
  setMoveRate(bytesPerSecond: number): void {
    this.moves.limit(bytesPerSecond)
  }

  /** `log.cleaner.*` may change at run time. */
  setCleaner(config: CleanerConfig): void {
    this.cleaner.configure(config)
  }

  /** `producer.id.expiration.ms` may change at run time. */
  setProducerIdExpiration(expirationMs: number): void {
    this.producerIdExpirationMs = expirationMs
  }

  describeDirectories(): Promise<LogDirectoryDescription[]> {
    return describeDirectories(this.directories, this.byName, this.options.disk)
  }

  private startBackgroundWork(): void {
    const { config } = this.options
    this.tasks.every(config.retentionCheckIntervalMs, () => this.applyRetention(), config.initialTaskDelayMs)
    this.tasks.every(config.producerIdExpirationCheckIntervalMs, async () => {
      for (const log of this.byName.values()) log.expireProducers(this.producerIdExpirationMs)
    })
    this.chores.every(config.highWatermarkCheckpointIntervalMs, async () => {
      for (const directory of this.directories) {
        await directory.saveHighWatermarks()
        await directory.saveOwed()
      }
    })
  }

  /** One log after the other: it is nobody's hurry. */
  async applyRetention(): Promise<void> {
    for (const log of [...this.byName.values()]) {
      if (this.isStopping) return
      await retain(log, this.options.logger)
    }
  }

  private directoryFailed(directory: LogDirectory, error: Error): void {
    const { path } = directory
    this.options.logger.error('A log directory has failed and is offline until a restart', { path, error })
    for (const log of directory.logs.values()) this.flusher.forget(log)
    for (const copy of directory.futures.values()) this.flusher.forget(copy)
    const lost = [...directory.logs.values()].filter(log => this.byName.get(log.name) === log)
    const partitions = lost.map(log => log.topicPartition)
    this.options.onDirectoryOffline?.(path, partitions)
    if (!this.directories.some(({ isOnline }) => isOnline)) this.options.onAllOffline?.()
  }

  async shutdown(): Promise<void> {
    if (this.isStopping) return
    this.isStopping = true
    await this.moves.stop()
    await this.cleaner.stop()
    await this.tasks.stop()
    await this.chores.stop()
    await Promise.all(this.changing.values())
    const slots = new Slots(CONCURRENT_CLOSES)
    const all = this.directories.flatMap(directory => [...directory.all()])
    await Promise.all(all.map(log => slots.run(() => this.closeLog(log))))
    for (const directory of this.directories) {
      if (directory.isOnline) await directory.finish({ isClosed: !this.unclosed.has(directory) })
    }
    await this.environment.files.close()
    await this.releaseDirectories()
  }

  /** The others are closed all the same; the next start looks at all of its directory as after a crash. */
  private async closeLog(log: Log): Promise<void> {
    try {
      await log.close()
    } catch (error) {
      this.options.logger.error('A log could not be closed', { log: log.name, error })
      this.unclosed.add(log.home)
    }
  }

  private async releaseDirectories(): Promise<void> {
    for (const directory of this.directories) await directory.release()
  }

  private inTurn<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.changing.get(name) ?? Promise.resolve()
    const done = before.then(task)
    const settled = done
      .catch(() => {})
      .then(() => {
        if (this.changing.get(name) === settled) this.changing.delete(name)
      })
    this.changing.set(name, settled)
    return done
  }
}
