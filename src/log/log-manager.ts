/**
 * Owns the log directories and all logs in them: opens, creates and deletes logs, keeps the checkpoint files,
 * runs retention and the background flusher, and shuts down cleanly.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { Logger } from '../observe/logger.ts'
import { inlineCompute } from '../platform/inline-compute.ts'
import type { Clock, Compute, Disk, Random } from '../platform/platform.ts'
import { isPassing } from './append-queue.ts'
import { formatPartitionMetadata, type MetaProperties, PARTITION_METADATA } from './checkpoint.ts'
import { FilePool } from './file-pool.ts'
import { Flusher } from './flusher.ts'
import { Slots } from './group-sync.ts'
import { IndexCache } from './index-file.ts'
import type { Log, LogSurface, TopicPartition } from './log.ts'
import type { LogConfig, LogManagerConfig } from './log-config.ts'
import { LogDirectory } from './log-directory.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'
import { loadLogs } from './log-loading.ts'
import { openLog } from './recovery.ts'
import { TailCache } from './tail-cache.ts'
import { Tasks } from './tasks.ts'

/** Fsyncs at once: libuv has four threads, and reads need some of them. */
const CONCURRENT_SYNCS = 2
const CONCURRENT_CLOSES = 8
/** As Kafka's: the background work leaves a starting broker alone. */
const FIRST_RETENTION_CHECK_MS = 30_000
/** Longest name of a file or directory. */
const MAX_NAME_LENGTH = 255

export interface LogManagerOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** Threads for compaction; the event loop does it where there are none. */
  readonly compute?: Compute
  readonly logger: Logger
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

export interface LogSpec {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly config: LogConfig
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
  updateConfig(topic: string, config: LogConfig): void
  describeDirectories(): Promise<LogDirectoryDescription[]>
  /**
   * Flushes everything, writes snapshots, checkpoints and the mark of a clean shutdown; releases the locks.
   */
  shutdown(): Promise<void>
}

export class LogManager implements LogManagerSurface {
  private readonly options: LogManagerOptions
  private readonly environment: LogEnvironment
  private readonly directories: LogDirectory[]
  private readonly tasks: Tasks
  private readonly flusher: Flusher
  /** By `<topic>-<partition>`. */
  private readonly byName = new Map<string, Log>()
  /** Logs that could not be opened, and why. */
  private readonly broken = new Map<string, string>()
  /** Creations and deletions under way, by name: what comes next waits. */
  private readonly changing = new Map<string, Promise<unknown>>()
  /** Directories with logs that could not be closed. */
  private readonly unclosed = new Set<LogHome>()
  private identity = ''
  private producerIdExpirationMs: number
  private isStopping = false

  private constructor(options: LogManagerOptions) {
    const { disk, clock, random, logger, config } = options
    this.options = options
    this.producerIdExpirationMs = config.producerIdExpirationMs
    this.tasks = new Tasks(clock, logger)
    this.environment = {
      disk,
      clock,
      random,
      compute: options.compute ?? inlineCompute,
      logger,
      files: new FilePool(disk, config.maxOpenFiles),
      indexes: new IndexCache(config.indexCacheBytes),
      tails: new TailCache(config.tailCacheBytes),
      syncs: new Slots(CONCURRENT_SYNCS),
      durability: config.durability,
      later: (delayMs, task) => this.tasks.later(delayMs, task),
    }
    this.flusher = new Flusher(clock, this.tasks, logger)
    const hooks = {
      onOffline: (directory: LogDirectory, error: Error) => this.directoryFailed(directory, error),
      onUnflushed: (log: Log, isUrgent: boolean) => this.flusher.note(log, isUrgent),
    }
    this.directories = config.logDirs.map(path => new LogDirectory(path, this.environment, hooks))
  }

  /** Takes the directories and opens every log in them. A refusal says what to do about it. */
  static async open(options: LogManagerOptions): Promise<Result<LogManager>> {
    const manager = new LogManager(options)
    const taken = await manager.takeDirectories()
    if (taken.error) {
      await manager.releaseDirectories()
      return taken
    }
    for (const directory of manager.directories) {
      await loadLogs(directory, {
        environment: manager.environment,
        logConfig: options.logConfig,
        onLog: log => manager.byName.set(log.name, log),
        onBroken: (name, reason) => manager.broken.set(name, reason),
      })
    }
    manager.startBackgroundWork()
    return ok(manager)
  }

  private async takeDirectories(): Promise<Result<void>> {
    const found: Partial<MetaProperties>[] = []
    for (const directory of this.directories) {
      const acquired = await directory.acquire()
      if (acquired.error) return acquired
      const meta = await directory.readMeta()
      if (meta.error) return meta
      found.push(meta.value)
    }
    const settled = this.settleIdentity(found)
    if (settled.error) return settled
    for (const [i, directory] of this.directories.entries()) {
      const directoryId = found[i]!.directoryId ?? this.newId()
      await directory.adopt(found[i]!, {
        nodeId: this.options.config.nodeId,
        clusterId: settled.value,
        directoryId,
      })
      await directory.readState()
    }
    this.identity = settled.value
    return ok()
  }

  /** One cluster and one node own all directories, and they are the configured ones. */
  private settleIdentity(found: readonly Partial<MetaProperties>[]): Result<string> {
    const { nodeId, clusterId: expected, logDirs } = this.options.config
    let clusterId = expected
    for (const [i, meta] of found.entries()) {
      if (meta.nodeId !== undefined && meta.nodeId !== nodeId) {
        return refuse(
          ErrorCode.KAFKA_STORAGE_ERROR,
          `The data directory ${logDirs[i]} belongs to node ${meta.nodeId}, and this is node ${nodeId}. ` +
            `Set node.id=${meta.nodeId}, or choose another directory with log.dirs.`,
        )
      }
      if (meta.clusterId !== undefined && clusterId !== undefined && meta.clusterId !== clusterId) {
        return refuse(
          ErrorCode.INCONSISTENT_CLUSTER_ID,
          `The data directory ${logDirs[i]} belongs to cluster ${meta.clusterId}, and this is cluster ` +
            `${clusterId}. Choose another directory with log.dirs.`,
        )
      }
      clusterId ??= meta.clusterId
    }
    return ok(clusterId ?? this.newId())
  }

  /** A random id in Kafka's form, which never begins with a dash. */
  private newId(): string {
    for (;;) {
      const bytes = this.options.random.bytes(16)
      bytes[6] = (bytes[6]! & 0x0f) | 0x40
      bytes[8] = (bytes[8]! & 0x3f) | 0x80
      const id = bytes.toString('base64url')
      if (!id.startsWith('-')) return id
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

  createLog(spec: LogSpec): Promise<Result<Log>> {
    const name = `${spec.topic}-${spec.partition}`
    return this.inTurn(name, () => this.openOrCreate(name, spec))
  }

  private async openOrCreate(name: string, spec: LogSpec): Promise<Result<Log>> {
    const existing = this.byName.get(name)
    if (existing !== undefined) return this.confirmTopicId(existing, spec)
    const reason = this.broken.get(name)
    if (reason !== undefined) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${name} could not be opened: ${reason}`)
    }
    const online = this.directories.filter(directory => directory.isOnline)
    const home = online.toSorted((a, b) => a.logs.size - b.logs.size)[0]
    if (home === undefined || this.isStopping) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, 'No log directory is online.')
    }
    try {
      return ok(await this.createIn(home, name, spec))
    } catch (error) {
      const { message } = error as Error
      if (!isPassing(error)) home.goOffline(error as Error)
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${name} could not be created: ${message}`)
    }
  }

  private async createIn(home: LogDirectory, name: string, spec: LogSpec): Promise<Log> {
    const path = `${home.path}/${name}`
    await this.options.disk.makeDirectory(path)
    await this.writeTopicId(path, spec.topicId)
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
    })
    home.logs.set(name, log)
    this.byName.set(name, log)
    return log
  }

  private async confirmTopicId(log: Log, spec: LogSpec): Promise<Result<Log>> {
    if (log.topicId === undefined) {
      await this.writeTopicId(log.location.path, spec.topicId)
      log.topicId = spec.topicId
    }
    if (log.topicId === spec.topicId) return ok(log)
    return refuse(
      ErrorCode.INCONSISTENT_TOPIC_ID,
      `The log of ${log.name} belongs to topic id ${log.topicId}, not ${spec.topicId}.`,
    )
  }

  /** Not synced by itself: what was lost with it is written again from the metadata. */
  private async writeTopicId(directory: string, topicId: string): Promise<void> {
    const file = await this.options.disk.open(`${directory}/${PARTITION_METADATA}`, 'write')
    try {
      await file.truncate(0)
      await file.write([Buffer.from(formatPartitionMetadata(topicId))], 0)
    } finally {
      await file.close()
    }
  }

  async deleteLog(topic: string, partition: number): Promise<void> {
    const log = this.log(topic, partition)
    const path = await this.retire(topic, partition, 'delete')
    if (log === undefined || path === undefined) return
    this.tasks.later(log.config.fileDeleteDelayMs, () => this.options.disk.remove(path))
  }

  setAsideLog(topic: string, partition: number): Promise<string | undefined> {
    return this.retire(topic, partition, 'stray')
  }

  private async retire(
    topic: string,
    partition: number,
    mark: 'delete' | 'stray',
  ): Promise<string | undefined> {
    const name = `${topic}-${partition}`
    const log = this.byName.get(name)
    if (log === undefined) return undefined
    this.byName.delete(name)
    const home = this.directories.find(directory => directory.logs.get(name) === log)!
    home.logs.delete(name)
    this.flusher.forget(log)
    return this.inTurn(name, () => this.renameAway(log, home, mark))
  }

  /** To a name of Kafka's, which it and we pass over at the next start, or take up the removal of. */
  private async renameAway(
    log: Log,
    home: LogDirectory,
    mark: 'delete' | 'stray',
  ): Promise<string | undefined> {
    const { disk, random } = this.options
    await log.abandonForDeletion()
    if (!home.isOnline) return undefined
    const { topic, partition } = log.topicPartition
    const suffix = `-${partition}.${random.bytes(16).toString('hex')}-${mark}`
    const path = `${home.path}/${topic.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`
    try {
      await disk.rename(log.location.path, path)
      log.location.path = path
    } catch (error) {
      home.goOffline(error as Error)
      return undefined
    }
    try {
      await disk.syncDirectory(home.path)
    } catch (error) {
      if (!isPassing(error)) home.goOffline(error as Error)
    }
    await home.saveRecoveryPoints()
    await home.saveLogStarts()
    home.noteHighWatermark()
    return path
  }

  updateConfig(topic: string, config: LogConfig): void {
    for (const log of this.byName.values()) {
      if (log.topicPartition.topic === topic) log.config = config
    }
  }

  /** `producer.id.expiration.ms` may change at run time. */
  setProducerIdExpiration(expirationMs: number): void {
    this.producerIdExpirationMs = expirationMs
  }

  async describeDirectories(): Promise<LogDirectoryDescription[]> {
    const descriptions = []
    for (const directory of this.directories) {
      const { path, id: directoryId, isOnline } = directory
      const unknown = { totalBytes: -1n, usableBytes: -1n }
      const space = isOnline ? await this.options.disk.space(path).catch(() => unknown) : unknown
      const logs = [...directory.logs.values()].map(log => ({
        topicPartition: log.topicPartition,
        sizeBytes: log.sizeBytes,
      }))
      descriptions.push({ path, directoryId, isOnline, ...space, logs })
    }
    return descriptions
  }

  private startBackgroundWork(): void {
    const { config } = this.options
    this.tasks.every(config.retentionCheckIntervalMs, () => this.applyRetention(), FIRST_RETENTION_CHECK_MS)
    this.tasks.every(config.producerIdExpirationCheckIntervalMs, async () => {
      for (const log of this.byName.values()) log.expireProducers(this.producerIdExpirationMs)
    })
    this.tasks.every(config.highWatermarkCheckpointIntervalMs, async () => {
      for (const directory of this.directories) await directory.saveHighWatermarks()
    })
  }

  /** One log after the other: it is nobody's hurry. */
  async applyRetention(): Promise<void> {
    for (const log of [...this.byName.values()]) {
      if (this.isStopping) return
      const dropped = await log.applyRetention()
      if (dropped > 0) {
        const details = { log: log.name, dropped, logStartOffset: log.logStartOffset }
        this.options.logger.info('Retention deleted old segments', details)
      }
    }
  }

  private directoryFailed(directory: LogDirectory, error: Error): void {
    const { path } = directory
    this.options.logger.error('A log directory has failed and is offline until a restart', { path, error })
    for (const log of directory.logs.values()) this.flusher.forget(log)
    const partitions = [...directory.logs.values()].map(log => log.topicPartition)
    this.options.onDirectoryOffline?.(path, partitions)
  }

  async shutdown(): Promise<void> {
    if (this.isStopping) return
    this.isStopping = true
    await this.tasks.stop()
    await Promise.all(this.changing.values())
    const slots = new Slots(CONCURRENT_CLOSES)
    await Promise.all([...this.byName.values()].map(log => slots.run(() => this.closeLog(log))))
    for (const directory of this.directories) {
      if (directory.isOnline) await directory.finish({ isClean: !this.unclosed.has(directory) })
    }
    await this.environment.files.settled()
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
