/**
 * All of a broker that lies behind its listeners, made of its parts: logs, metadata, partitions,
 * coordinators. One broker may have several of them, one after the other.
 */
import { join } from 'node:path'
import { ErrorCode, ok, refuse } from '../protocol/errors.ts'
import type { BrokerContext } from './api/context.ts'
import { ApiTable, HANDLERS } from './api/table.ts'
import type { BrokerConfig } from './config.ts'
import { Controller } from './controller/controller.ts'
import { OFFSETS_TOPIC } from './groups/group-coordinator.ts'
import { GroupHost } from './groups/group-host.ts'
import type { CleanerConfig, LogManagerConfig } from './log/log-config.ts'
import { parseLogName } from './log/log-loading.ts'
import { LogManager, type LogManagerOptions } from './log/log-manager.ts'
import { MOVE_RATE } from './metadata/configs.ts'
import { effectiveTopicConfig, TopicConfigs } from './metadata/topic-config.ts'
import type { Logger } from './observe/logger.ts'
import { LOG_FILE, LocalStore, refuseOtherFormats } from './platform/local-store.ts'
import type { Disk, Platform } from './platform/platform.ts'
import { MemoryDisk } from './platform/simulated/memory-disk.ts'
import { FetchSessions } from './replication/fetch-session.ts'
import { ReplicaManager } from './replication/replica-manager.ts'
import { settleLogs } from './replication/stray-logs.ts'
import { LateVerifier, type VerificationOptions } from './replication/verification.ts'
import { LocalMarkers } from './transactions/local-markers.ts'
import { ProducerIds } from './transactions/producer-ids.ts'
import { TransactionHost } from './transactions/transaction-host.ts'

/** What an engine stands on: its own hold on the machine, which somebody may take away from it. */
export interface Ground {
  readonly platform: Platform
  /** Where its logs lie; as `klamm.storage` says unless told. */
  readonly disk?: Disk
  /** Of directories that do not say one yet; made up unless told. */
  readonly clusterId?: string | undefined
  /** Brings in what is to be there before the first request. */
  readonly furnish?: (context: BrokerContext) => Promise<void>
}

export interface EngineOptions extends Ground {
  readonly config: BrokerConfig
  readonly logger: Logger
  /** Fetched bytes on their way to sockets. */
  readonly fetchMemory: { readonly isShort: boolean }
}

/**
 * The broker cannot start, for a reason that whoever starts it can change: one line that names the option.
 */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

export class Engine {
  readonly context: BrokerContext
  /** Resolves when the last log directory has failed: everything is refused from then on. Kafka halts. */
  readonly storageLost: Promise<void>
  private readonly parts: Parts

  private constructor(parts: Parts) {
    this.parts = parts
    this.context = parts.context
    this.storageLost = parts.storageLost
  }

  /**
   * Rejects with a StartFailure where a setting or the machine does not allow it, and leaves nothing behind.
   */
  static async open(options: EngineOptions): Promise<Engine> {
    const undo: Undo[] = []
    try {
      const parts = await compose(options, undo)
      await options.furnish?.(parts.context)
      return new Engine(parts)
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw startFailure(error, options.config)
    }
  }

  /** Resolves when the coordinators know what their logs say; until then they ask clients for patience. */
  async loaded(): Promise<void> {
    await Promise.all([this.parts.groups.loaded(), this.parts.transactions.loaded()])
  }

  /** Answers all that waits, and lets nothing wait any more. */
  async quiesce(): Promise<void> {
    const { context, groups, transactions } = this.parts
    context.replicas.close()
    await transactions.close()
    await groups.close()
  }

  /** Makes everything durable and lets go of it all; to be quiesced before. */
  async close(): Promise<void> {
    await this.context.controller.close()
    await this.parts.logs.shutdown()
  }
}

interface Parts {
  readonly context: BrokerContext
  readonly groups: GroupHost
  readonly transactions: TransactionHost
  readonly logs: LogManager
  readonly storageLost: Promise<void>
}

type Undo = () => Promise<void> | void

async function compose(options: EngineOptions, undo: Undo[]): Promise<Parts> {
  const { config, platform, logger, fetchMemory } = options
  const disk = options.disk ?? diskOf(config, platform)
  const topicConfigs = new TopicConfigs(config)
  await refuseStrangers(disk, config)
  const storage = lossOfStorage()
  // The replicas come after the logs that they are made of; nothing goes offline before they are there.
  let replicas: ReplicaManager | undefined
  const logs = await openLogs({
    ...options,
    disk,
    onDirectoryOffline: (_, partitions) => replicas?.onDirectoryOffline(partitions),
    onAllOffline: () => storage.lose(),
    hasFetchMemory: () => !fetchMemory.isShort,
  })
  undo.push(() => logs.shutdown())
  const controller = await openController({ ...options, disk, logs })
  undo.push(() => controller.close())
  const localBrokerId = config.nodeId
  await settleLogs({ logs, image: controller.image(), localBrokerId, topicConfigs, logger })
  const verification = lateVerification(config)
  const hosted = newReplicas({ ...options, logs, topicConfigs, verification })
  replicas = hosted
  undo.push(() => hosted.close())
  await hosted.applyImage(controller.image())
  controller.onImage(image => hosted.applyImage(image))
  followConfig(config, logs, controller)
  const parts = { ...options, controller, replicas, topicConfigs }
  const groups = await newGroups(parts)
  undo.push(() => groups.close())
  const transactions = newTransactions({ ...parts, groups })
  undo.push(() => transactions.host.close())
  verification.verifier.bind(transactions.host.coordinator)
  const context: BrokerContext = {
    config,
    apis: new ApiTable(HANDLERS, config.persona),
    controller,
    replicas: hosted,
    logs,
    fetchSessions: fetchSessions(config, platform),
    fetchMemory,
    producerIds: transactions.producerIds,
    groups: groups.coordinator,
    transactions: transactions.host.coordinator,
    markers: transactions.markers,
    clock: platform.clock,
    waitClock: platform.waitClock,
    random: platform.random,
    logger,
  }
  return { context, groups, transactions: transactions.host, logs, storageLost: storage.lost }
}

type LogEvents = Required<Pick<LogManagerOptions, 'onDirectoryOffline' | 'onAllOffline' | 'hasFetchMemory'>>

interface LogParts extends EngineOptions, LogEvents {
  readonly disk: Disk
}

async function openLogs(parts: LogParts): Promise<LogManager> {
  const { config, platform, logger, disk } = parts
  const clusterId = parts.clusterId ?? (config.string('klamm.format.cluster.id') || undefined)
  const { clock, waitClock, random, compute } = platform
  // Until it is known which topics there are.
  const anyTopic = effectiveTopicConfig(new Map(), config)
  const logs = await LogManager.open({
    disk,
    clock,
    waitClock,
    random,
    compute,
    logger,
    config: logManagerConfig(config),
    ...(clusterId !== undefined && { newClusterId: clusterId }),
    logConfig: () => anyTopic,
    onDirectoryOffline: parts.onDirectoryOffline,
    onAllOffline: parts.onAllOffline,
    hasFetchMemory: parts.hasFetchMemory,
  })
  if (logs.error) throw new StartFailure(logs.message ?? 'log.dirs: the data directory cannot be used')
  return logs.value
}

/** What of the logs can change while the broker runs. */
function followConfig(config: BrokerConfig, logs: LogManager, controller: Controller): void {
  const follow = () => {
    logs.setProducerIdExpiration(config.number('producer.id.expiration.ms'))
    logs.setMoveRate(config.number(MOVE_RATE))
    logs.setCleaner(cleanerConfig(config))
  }
  follow()
  controller.onImage(follow)
}

function fetchSessions(config: BrokerConfig, { waitClock: clock, random }: Platform): FetchSessions {
  return new FetchSessions({
    slots: config.number('max.incremental.fetch.session.cache.slots'),
    clock,
    random,
  })
}

interface CoordinatorParts extends EngineOptions {
  readonly controller: Controller
  readonly replicas: ReplicaManager
  readonly topicConfigs: TopicConfigs
}

async function newGroups(parts: CoordinatorParts): Promise<GroupHost> {
  const { config, platform, logger, controller, replicas, topicConfigs } = parts
  const { clock, waitClock, random } = platform
  const groups = new GroupHost({ config, replicas, topicConfigs, clock, waitClock, random, logger })
  await groups.applyImage(controller.image())
  controller.onImage((image, previous) => groups.applyImage(image, previous))
  replicas.onLateOpening(() => groups.followLeadership())
  return groups
}

/** The coordinator of transactions, and what it shares with handlers. */
function newTransactions(parts: CoordinatorParts & { readonly groups: GroupHost }) {
  const { config, platform, logger, controller, replicas, topicConfigs, groups } = parts
  const timeoutMs = config.number('request.timeout.ms')
  const markers = new LocalMarkers({ replicas, groups: groups.coordinator, timeoutMs })
  const ids = producerIds(controller)
  const host = new TransactionHost({
    config,
    latestImage: () => controller.image(),
    replicas,
    topicConfigs,
    markers,
    producerIds: ids,
    groupPartition: id => ({ topic: OFFSETS_TOPIC, index: groups.coordinator.partitionFor(id) }),
    clock: platform.clock,
    waitClock: platform.waitClock,
    logger,
  })
  host.applyImage(controller.image())
  controller.onImage(image => host.applyImage(image))
  replicas.onLateOpening(() => host.followLeadership())
  return { host, markers, producerIds: ids }
}

interface ReplicaParts extends EngineOptions {
  readonly logs: LogManager
  readonly topicConfigs: TopicConfigs
  readonly verification: VerificationOptions
}

function newReplicas(parts: ReplicaParts): ReplicaManager {
  const { config, platform, logger, logs, topicConfigs, verification } = parts
  return new ReplicaManager({
    verification,
    localBrokerId: config.nodeId,
    logs,
    topicConfigs,
    clock: platform.clock,
    waitClock: platform.waitClock,
    logger,
    fetchMaxBytes: config.number('fetch.max.bytes'),
    validation: config.string('klamm.record.validation') === 'header' ? 'header' : 'records',
    maxDecompressedBytes: config.number('klamm.max.decompressed.bytes'),
  })
}

function lateVerification(config: BrokerConfig): VerificationOptions & { readonly verifier: LateVerifier } {
  const isEnabled = () => config.boolean('transaction.partition.verification.enable')
  return { verifier: new LateVerifier(), isEnabled }
}

interface StoreParts extends EngineOptions {
  readonly disk: Disk
  readonly logs: LogManager
}

/** The metadata lies in the first log directory, under that directory's lock. */
async function openController({ disk, logs, config, platform, logger }: StoreParts): Promise<Controller> {
  const directory = config.logDirs[0]!
  const count = [...logs.logs()].length
  return Controller.open({
    store: new LocalStore({ disk, directory }),
    config,
    // Only what waits for it looks at the time.
    clock: platform.waitClock,
    random: platform.random,
    logger,
    clusterId: logs.clusterId,
    ...(count > 0 && { whyNotNew: strangersProblem(config, count) }),
  })
}

function diskOf(config: BrokerConfig, { clock, disk }: Platform): Disk {
  return config.string('klamm.storage') === 'memory' ? new MemoryDisk({ clock }) : disk
}

function lossOfStorage(): { readonly lost: Promise<void>; readonly lose: () => void } {
  let lose = () => {}
  const lost = new Promise<void>(resolve => {
    lose = resolve
  })
  return { lost, lose: () => lose() }
}

/** Before anything is opened: what a Kafka that may still run wrote is not even to be looked at closely. */
async function refuseStrangers(disk: Disk, config: BrokerConfig): Promise<void> {
  const [first] = config.logDirs
  await refuseOtherFormats(disk, first!)
  if (await disk.status(join(first!, LOG_FILE))) return
  let count = 0
  for (const directory of config.logDirs) {
    // What is wrong with one that cannot be read is said when it is opened.
    const entries = await disk.list(directory).catch(() => [])
    count += entries.filter(({ name, isDirectory }) => isDirectory && parseLogName(name)).length
  }
  if (count > 0) throw new StartFailure(strangersProblem(config, count))
}

function strangersProblem(config: BrokerConfig, count: number): string {
  return (
    `log.dirs: ${config.logDirs.join(', ')} holds ${count} logs, and no metadata that says what they are. ` +
    `Logs of Kafka: take them over with klamm import. Klamm's own: restore ${LOG_FILE}, which lay in ` +
    `${config.logDirs[0]}. Or choose another directory`
  )
}

function producerIds(controller: Controller): ProducerIds {
  return new ProducerIds(async () => {
    const block = await controller.allocateProducerIds()
    // Clients ask again after this code, which is what Kafka says too while it has no block.
    return block ? ok(block) : refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
  })
}

function logManagerConfig(config: BrokerConfig): LogManagerConfig {
  return {
    logDirs: config.logDirs,
    nodeId: config.nodeId,
    durability: config.string('klamm.durability') === 'fsync' ? 'fsync' : 'write',
    retentionCheckIntervalMs: config.number('log.retention.check.interval.ms'),
    initialTaskDelayMs: config.number('log.initial.task.delay.ms'),
    highWatermarkCheckpointIntervalMs: config.number('replica.high.watermark.checkpoint.interval.ms'),
    producerIdExpirationMs: config.number('producer.id.expiration.ms'),
    producerIdExpirationCheckIntervalMs: config.number('producer.id.expiration.check.interval.ms'),
    tailCacheBytes: config.number('klamm.tail.cache.bytes'),
    indexCacheBytes: config.number('klamm.index.cache.bytes'),
    maxOpenFiles: config.number('klamm.max.open.files'),
    cleaner: cleanerConfig(config),
  }
}

function cleanerConfig(config: BrokerConfig): CleanerConfig {
  return {
    isEnabled: config.boolean('log.cleaner.enable'),
    threads: config.number('log.cleaner.threads'),
    dedupeBufferBytes: config.number('log.cleaner.dedupe.buffer.size'),
    loadFactor: config.number('log.cleaner.io.buffer.load.factor'),
    ioBufferBytes: config.number('log.cleaner.io.buffer.size'),
    maxBytesPerSecond: config.number('log.cleaner.io.max.bytes.per.second'),
    backoffMs: config.number('log.cleaner.backoff.ms'),
  }
}

/** What the machine said to a file call becomes a matter of where the data is; bugs stay what they are. */
export function startFailure(error: unknown, config: BrokerConfig): unknown {
  // Whoever throws a plain Error says in words what is wrong: metadata that is damaged, for example.
  if (error instanceof Error && error.constructor === Error && codeOf(error) === undefined) {
    return new StartFailure(error.message, { cause: error })
  }
  if (!/^E[A-Z0-9]+$/.test(codeOf(error) ?? '')) return error
  const directories = config.logDirs.join(', ')
  const message = `log.dirs: the data directory ${directories} cannot be used (${(error as Error).message})`
  return new StartFailure(`${message}; check that it can be written, or choose another`, { cause: error })
}

export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code
}
