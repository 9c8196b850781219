/**
 * The composition root: one broker made of its parts, and nothing of it anywhere else. Many live in one
 * process; `close` leaves no timer, socket or file handle behind.
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
import type { Disk, Network, Platform } from './platform/platform.ts'
import { MemoryDisk } from './platform/simulated/memory-disk.ts'
import { FetchSessions } from './replication/fetch-session.ts'
import { ReplicaManager } from './replication/replica-manager.ts'
import { settleLogs } from './replication/stray-logs.ts'
import { LateVerifier, type VerificationOptions } from './replication/verification.ts'
import { listenerSecurity } from './security/listener-security.ts'
import { Dispatcher } from './server/dispatch.ts'
import { type ListenerOptions, Server, type ServerLimits } from './server/listener.ts'
import { ReadBudget } from './server/memory-budget.ts'
import { parsePublished, type Reflection } from './server/reflection.ts'
import { LocalMarkers } from './transactions/local-markers.ts'
import { ProducerIds } from './transactions/producer-ids.ts'
import { TransactionHost } from './transactions/transaction-host.ts'

export interface BrokerOptions {
  readonly config: BrokerConfig
  readonly platform: Platform
  readonly logger: Logger
}

/** Where a listener can be reached. */
export interface BoundListener {
  readonly name: string
  /** As configured; empty for every address. */
  readonly host: string
  readonly port: number
}

/**
 * The broker cannot start, for a reason that whoever starts it can change: one line that names the option.
 */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** Requests in flight are answered within this time when the broker closes. */
const CLOSE_WITHIN_MS = 5_000

interface Parts {
  readonly context: BrokerContext & { readonly fetchMemory: ReadBudget }
  readonly groups: GroupHost
  readonly transactions: TransactionHost
  readonly server: Server
  readonly storageLost: Promise<void>
}

type Undo = () => Promise<void> | void

export class Broker {
  readonly config: BrokerConfig
  readonly clusterId: string
  readonly listeners: readonly BoundListener[]
  /** Resolves when the last log directory has failed: everything is refused from then on. Kafka halts. */
  readonly storageLost: Promise<void>
  private readonly parts: Parts
  private closing: Promise<void> | undefined

  private constructor(parts: Parts, listeners: readonly BoundListener[]) {
    this.parts = parts
    this.listeners = listeners
    this.storageLost = parts.storageLost
    this.config = parts.context.config
    this.clusterId = parts.context.controller.image().clusterId
  }

  /**
   * Rejects with a StartFailure where a setting or the machine does not allow it, and leaves nothing behind.
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const undo: Undo[] = []
    try {
      const parts = await compose(options, undo)
      undo.push(() => parts.server.close(0))
      return new Broker(parts, await listen(parts, options))
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw startFailure(error, options.config)
    }
  }

  /** Its parts, for those who help tests from inside the process. */
  get context(): BrokerContext {
    return this.parts.context
  }

  /** Answers what is in flight, makes everything durable and lets go of it all. Harmless when repeated. */
  close(): Promise<void> {
    this.closing ??= this.closeOnce()
    return this.closing
  }

  private async closeOnce(): Promise<void> {
    const { server, context, groups, transactions } = this.parts
    const drained = server.close(CLOSE_WITHIN_MS)
    context.replicas.close()
    await transactions.close()
    await groups.close()
    await drained
    await context.controller.close()
    await context.logs.shutdown()
  }
}

async function compose({ config, platform, logger }: BrokerOptions, undo: Undo[]): Promise<Parts> {
  const { clock, random, network } = platform
  const disk = diskOf(config, platform)
  const topicConfigs = new TopicConfigs(config)
  await refuseStrangers(disk, config)
  const storage = lossOfStorage()
  const fetchMemory = new ReadBudget(config.number('klamm.fetch.memory.bytes'))
  // The replicas come after the logs that they are made of; nothing goes offline before they are there.
  let replicas: ReplicaManager | undefined
  const logs = await openLogs({
    config,
    platform,
    logger,
    disk,
    onDirectoryOffline: (_, partitions) => replicas?.onDirectoryOffline(partitions),
    onAllOffline: () => storage.lose(),
    hasFetchMemory: () => !fetchMemory.isShort,
  })
  undo.push(() => logs.shutdown())
  const controller = await openController({ disk, logs, config, platform, logger })
  undo.push(() => controller.close())
  const localBrokerId = config.nodeId
  await settleLogs({ logs, image: controller.image(), localBrokerId, topicConfigs, logger })
  const verification = lateVerification(config)
  const hosted = newReplicas({ config, platform, logger, logs, topicConfigs, verification })
  replicas = hosted
  undo.push(() => hosted.close())
  await hosted.applyImage(controller.image())
  controller.onImage(image => hosted.applyImage(image))
  followConfig(config, logs, controller)
  const parts = { config, platform, logger, controller, replicas, topicConfigs }
  const groups = await newGroups(parts)
  undo.push(() => groups.close())
  const transactions = newTransactions({ ...parts, groups })
  undo.push(() => transactions.host.close())
  verification.verifier.bind(transactions.host.coordinator)
  const context: Parts['context'] = {
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
    clock,
    random,
    logger,
  }
  return {
    context,
    groups,
    transactions: transactions.host,
    server: newServer(context, network, await reflectionOf(config, network)),
    storageLost: storage.lost,
  }
}

type LogEvents = Pick<LogManagerOptions, 'onDirectoryOffline' | 'onAllOffline' | 'hasFetchMemory'>

interface LogParts extends BrokerOptions, LogEvents {
  readonly disk: Disk
}

async function openLogs({ config, platform, logger, disk, ...events }: LogParts): Promise<LogManager> {
  const { clock, random, compute } = platform
  // Until it is known which topics there are.
  const anyTopic = effectiveTopicConfig(new Map(), config)
  const logs = await LogManager.open({
    disk,
    clock,
    random,
    compute,
    logger,
    config: logManagerConfig(config),
    logConfig: () => anyTopic,
    ...events,
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

function fetchSessions(config: BrokerConfig, { clock, random }: Platform): FetchSessions {
  return new FetchSessions({
    slots: config.number('max.incremental.fetch.session.cache.slots'),
    clock,
    random,
  })
}

interface CoordinatorParts extends BrokerOptions {
  readonly controller: Controller
  readonly replicas: ReplicaManager
  readonly topicConfigs: TopicConfigs
}

async function newGroups(parts: CoordinatorParts): Promise<GroupHost> {
  const { config, platform, logger, controller, replicas, topicConfigs } = parts
  const { clock, random } = platform
  const groups = new GroupHost({ config, replicas, topicConfigs, clock, random, logger })
  await groups.applyImage(controller.image())
  controller.onImage((image, previous) => groups.applyImage(image, previous))
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
    image: controller.image(),
    replicas,
    topicConfigs,
    markers,
    producerIds: ids,
    groupPartition: id => ({ topic: OFFSETS_TOPIC, index: groups.coordinator.partitionFor(id) }),
    clock: platform.clock,
    logger,
  })
  host.applyImage(controller.image())
  controller.onImage(image => host.applyImage(image))
  return { host, markers, producerIds: ids }
}

/** Container networks are set up before what runs in them, so the gateways are those of the start. */
async function reflectionOf(config: BrokerConfig, network: Network): Promise<Reflection | undefined> {
  const published = parsePublished(config.string('klamm.published.address'))
  return published && { published, gateways: await network.gateways() }
}

function newServer(
  context: BrokerContext & { readonly fetchMemory: ReadBudget },
  network: Network,
  reflection: Reflection | undefined,
): Server {
  const { apis, clock, config, logger, fetchMemory: readBudget } = context
  return new Server({
    network,
    clock,
    logger,
    dispatcher: new Dispatcher({ apis, broker: context, logger }),
    limits: () => serverLimits(config),
    maxQueuedRequestBytes: config.number('klamm.request.memory.bytes'),
    readBudget,
    reflection,
  })
}

interface ReplicaParts extends BrokerOptions {
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

/** What the machine said to a file call becomes a matter of where the data is; bugs stay what they are. */
function startFailure(error: unknown, config: BrokerConfig): unknown {
  // Whoever throws a plain Error says in words what is wrong: metadata that is damaged, for example.
  if (error instanceof Error && error.constructor === Error && codeOf(error) === undefined) {
    return new StartFailure(error.message, { cause: error })
  }
  if (!/^E[A-Z0-9]+$/.test(codeOf(error) ?? '')) return error
  const directories = config.logDirs.join(', ')
  const message = `log.dirs: the data directory ${directories} cannot be used (${(error as Error).message})`
  return new StartFailure(`${message}; check that it can be written, or choose another`, { cause: error })
}

interface StoreParts extends BrokerOptions {
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
    clock: platform.clock,
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

function serverLimits(config: BrokerConfig): ServerLimits {
  const overrides = config.string('max.connections.per.ip.overrides').split(',')
  return {
    maxRequestBytes: config.number('socket.request.max.bytes'),
    maxSaslBytes: config.number('sasl.server.max.receive.size'),
    maxIdleMs: config.number('connections.max.idle.ms'),
    maxConnections: config.number('max.connections'),
    maxConnectionsPerIp: config.number('max.connections.per.ip'),
    maxConnectionsPerIpOverrides: new Map(
      overrides.flatMap(entry => {
        const match = /^\s*(.+):(\d+)\s*$/.exec(entry)
        return match ? [[match[1]!, Number(match[2])] as const] : []
      }),
    ),
  }
}

async function listen({ server, context }: Parts, { platform }: BrokerOptions): Promise<BoundListener[]> {
  const { config, clock, random, controller } = context
  const { disk } = platform
  const bound: BoundListener[] = []
  for (const listener of config.listeners) {
    const { name, host, port } = listener
    const image = () => controller.image()
    const security = await listenerSecurity(listener, { config, disk, clock, random, image })
    try {
      bound.push({ name, host, port: await listenOn(server, { name, host, port, ...security }) })
    } catch (error) {
      throw new StartFailure(whyNotListening(error, host, port), { cause: error })
    }
  }
  return bound
}

/** `localhost` is an address of each family, and clients may try either. */
async function listenOn(server: Server, listener: ListenerOptions): Promise<number> {
  if (listener.host !== 'localhost') return server.listen(listener)
  const port = await server.listen({ ...listener, host: '127.0.0.1' })
  try {
    await server.listen({ ...listener, host: '::1', port })
  } catch (error) {
    // Without IPv6, or with a stranger on this port of it, a port that we chose ourselves will do.
    if (codeOf(error) === 'EADDRINUSE' && listener.port !== 0) throw error
  }
  return port
}

function whyNotListening(error: unknown, host: string, port: number): string {
  const where = host === '' ? `port ${port}` : `${host}:${port}`
  const orElse = 'or choose another with --port or listeners'
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `listeners: ${where} is in use by another program; stop that, ${orElse}`
    case 'EACCES':
      return `listeners: this user may not listen on ${where}; take a higher one with --port or listeners`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `listeners: ${host} is not an address of this machine; give one of its own, or none for all`
    default:
      if (/^ERR_(OSSL|TLS|CRYPTO|SSL)/.test(codeOf(error) ?? '')) {
        return `ssl.keystore.location: its certificate and key cannot be used: ${(error as Error).message}`
      }
      return `listeners: cannot listen on ${where}: ${(error as Error).message}`
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code
}
