/**
 * The engine under test on a simulated machine: log manager, partitions and their replica manager, composed
 * as the broker does it, and the metadata around them, which never fails.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import { type CleanerConfig, DEFAULT_LOG_MANAGER_CONFIG } from '../log/log-config.ts'
import { LogManager } from '../log/log-manager.ts'
import { BrokerConfig } from '../metadata/broker-config.ts'
import { ClusterImage, configKey, type ImageChanges, type PartitionImage } from '../metadata/image.ts'
import { effectiveTopicConfig, type TopicConfig, TopicConfigs } from '../metadata/topic-config.ts'
import type { Logger } from '../observe/logger.ts'
import type { Disk } from '../platform/platform.ts'
import type { SimulatedProcess, World } from '../platform/simulated/world.ts'
import type { Partition } from '../replication/partition.ts'
import { ReplicaManager } from '../replication/replica-manager.ts'
import { settleLogs } from '../replication/stray-logs.ts'

const BROKER = 1

export interface EngineOptions {
  readonly logDirs: readonly string[]
  readonly durability: 'write' | 'fsync'
  readonly tailCacheBytes: number
  readonly maxOpenFiles: number
  readonly retentionCheckIntervalMs: number
  readonly initialTaskDelayMs: number
  readonly cleaner: CleanerConfig
  readonly moveBytesPerSecond: number
  readonly logger: Logger
  /** Between the engine and its disk, where a test plants a bug. */
  readonly disk?: ((disk: Disk) => Disk) | undefined
}

export class Engine {
  image = ClusterImage.empty()
  readonly offline = new Set<string>()
  private readonly world: World
  private readonly options: EngineOptions
  private readonly config = new BrokerConfig(new Map())
  private readonly topicConfigs = new TopicConfigs(this.config)
  private process: SimulatedProcess | undefined
  private parts: { readonly logs: LogManager; readonly replicas: ReplicaManager } | undefined

  constructor(world: World, options: EngineOptions) {
    this.world = world
    this.options = options
  }

  get isUp(): boolean {
    return this.parts !== undefined
  }

  get logs(): LogManager {
    return this.parts!.logs
  }

  get replicas(): ReplicaManager {
    return this.parts!.replicas
  }

  /** Leaders of a new life have the next epoch, as in Kafka. */
  async start(): Promise<void> {
    this.nextEpochs()
    this.offline.clear()
    const process = this.world.boot()
    this.process = process
    const { clock, random, disk, compute } = process.platform
    const { logger, disk: wrap, moveBytesPerSecond, ...config } = this.options
    let replicas: ReplicaManager | undefined
    const opened = await LogManager.open({
      disk: wrap ? wrap(disk) : disk,
      clock,
      random,
      logger,
      compute,
      config: {
        ...DEFAULT_LOG_MANAGER_CONFIG,
        ...config,
        cleaner: { ...config.cleaner, isEnabled: false },
        nodeId: BROKER,
        clusterId: 'simulated',
      },
      logConfig: () => effectiveTopicConfig(new Map(), this.config),
      onDirectoryOffline: (path, partitions) => {
        if (this.process !== process) return
        this.offline.add(path)
        replicas?.onDirectoryOffline(partitions)
      },
    })
    if (opened.error) throw Object.assign(new Error(opened.message), { code: 'EREFUSED' })
    const logs = opened.value
    logs.setMoveRate(moveBytesPerSecond)
    const { image, topicConfigs } = this
    await settleLogs({ logs, image, localBrokerId: BROKER, topicConfigs, logger })
    replicas = new ReplicaManager({
      localBrokerId: BROKER,
      logs,
      topicConfigs,
      clock,
      logger,
      fetchMaxBytes: 57_671_680,
      verification: { verifier: NO_COORDINATOR, isEnabled: () => false },
    })
    await replicas.applyImage(this.image)
    this.parts = { logs, replicas }
  }

  /** A clean stop. */
  async stop(): Promise<void> {
    const parts = this.parts
    this.parts = undefined
    parts?.replicas.close()
    await parts?.logs.shutdown()
    this.process?.kill()
    this.process = undefined
  }

  /** It does not begin by itself after a start. */
  allowCleaning(isEnabled: boolean): void {
    this.parts?.logs.setCleaner({ ...this.options.cleaner, isEnabled })
  }

  kill(): void {
    this.parts = undefined
    this.process?.kill()
    this.process = undefined
  }

  failPower(): void {
    this.kill()
    this.world.failPower()
  }

  partition(topic: string, index: number): Partition | undefined {
    const found = this.parts?.replicas.partition(topic, index)
    return found?.error === 0 ? found.value : undefined
  }

  configOf(topic: string): TopicConfig {
    return this.topicConfigs.of(this.image, topic)
  }

  /** The id of the new topic. */
  async createTopic(name: string, partitions: number, config: ReadonlyMap<string, string>): Promise<string> {
    const id = this.world.random.bytes(16).toString('base64url')
    await this.change({
      topics: [[name, { name, id, partitions: Array.from({ length: partitions }, newPartition) }]],
      configs: [[configKey('topic', name), config]],
    })
    return id
  }

  deleteTopic(name: string): Promise<void> {
    return this.change({ topics: [[name, undefined]], configs: [[configKey('topic', name), undefined]] })
  }

  configure(name: string, config: ReadonlyMap<string, string>): Promise<void> {
    return this.change({ configs: [[configKey('topic', name), config]] })
  }

  /** As a controller does that has elected the same leader again. */
  raiseEpochs(): Promise<void> {
    this.nextEpochs()
    return this.change({})
  }

  /** Metadata is durable at once; the engine takes it up if it lives. */
  private async change(changes: ImageChanges): Promise<void> {
    this.image = this.image.with(this.image.version + 1n, changes)
    await this.parts?.replicas.applyImage(this.image)
  }

  private nextEpochs(): void {
    const topics = [...this.image.topics].map(topic => {
      const partitions = topic.partitions.map(p => ({ ...p, leaderEpoch: p.leaderEpoch + 1 }))
      return [topic.name, { ...topic, partitions }] as const
    })
    this.image = this.image.with(this.image.version + 1n, { topics })
  }
}

const NO_COORDINATOR = {
  verifyOrAddPartitions: async (request: { readonly partitions: readonly unknown[] }) =>
    request.partitions.map(() => ErrorCode.INVALID_PRODUCER_ID_MAPPING),
}

function newPartition(): PartitionImage {
  return {
    leader: BROKER,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas: [BROKER],
    isr: [BROKER],
    directories: [],
    elr: [],
    lastKnownElr: [],
  }
}
