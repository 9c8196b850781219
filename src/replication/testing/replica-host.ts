/** Partitions of one broker over a disk in memory and a clock that a test moves. */
import { ErrorCode } from '../../../protocol/errors.ts'
import { DEFAULT_LOG_MANAGER_CONFIG, type LogConfig } from '../../log/log-config.ts'
import { LogManager } from '../../log/log-manager.ts'
import { BrokerConfig } from '../../metadata/broker-config.ts'
import {
  ClusterImage,
  configKey,
  type ImageChanges,
  type PartitionImage,
  type TopicImage,
} from '../../metadata/image.ts'
import { TopicConfigs } from '../../metadata/topic-config.ts'
import { silentLogger } from '../../observe/logger.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../../platform/simulated/memory-disk.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'
import { type BatchOptions, buildBatch } from '../../records/builder.ts'
import type { FetchTarget, Partition } from '../partition.ts'
import { ReplicaManager } from '../replica-manager.ts'
import type { TransactionVerifier } from '../verification.ts'

export const LOCAL_BROKER = 1
/** Where the clock begins. */
export const START_MS = 1_704_067_200_000
const LOG_DIRECTORY = '/data'

export interface HostOptions {
  readonly durability?: 'write' | 'fsync'
  readonly fetchMaxBytes?: number
  /** Broker options by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>
  /** Knows no transactional id unless told otherwise. */
  readonly verifier?: TransactionVerifier
  readonly isVerificationEnabled?: () => boolean
}

const NO_TRANSACTIONS: TransactionVerifier = {
  verifyOrAddPartitions: async ({ partitions }) =>
    partitions.map(() => ErrorCode.INVALID_PRODUCER_ID_MAPPING),
}

export interface NewTopic {
  readonly partitions?: number
  readonly id?: string
  readonly config?: Readonly<Record<string, string>>
  readonly state?: Partial<PartitionImage>
}

export class ReplicaHost {
  readonly clock = new ManualClock()
  readonly random = new SeededRandom(7)
  readonly disk = new MemoryDisk({ clock: this.clock })
  image = ClusterImage.empty()
  logs!: LogManager
  replicas!: ReplicaManager
  private readonly options: HostOptions
  private readonly config: BrokerConfig
  private readonly topicConfigs: TopicConfigs

  static async start(options: HostOptions = {}): Promise<ReplicaHost> {
    const host = new ReplicaHost(options)
    await host.open()
    return host
  }

  private constructor(options: HostOptions) {
    this.options = options
    this.config = new BrokerConfig(new Map(Object.entries(options.config ?? {})))
    this.topicConfigs = new TopicConfigs(this.config)
  }

  private async open(): Promise<void> {
    const opened = await LogManager.open({
      disk: this.disk,
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      config: {
        ...DEFAULT_LOG_MANAGER_CONFIG,
        logDirs: [LOG_DIRECTORY],
        nodeId: LOCAL_BROKER,
        clusterId: 'cluster',
        durability: this.options.durability ?? 'write',
      },
      logConfig: (topic: string): LogConfig => this.topicConfigs.of(this.image, topic),
      onDirectoryOffline: (_, logs) => this.replicas.onDirectoryOffline(logs),
    })
    if (opened.error) throw new Error(`the logs did not open: ${opened.message}`)
    this.logs = opened.value
    this.replicas = new ReplicaManager({
      localBrokerId: LOCAL_BROKER,
      logs: this.logs,
      topicConfigs: this.topicConfigs,
      clock: this.clock,
      logger: silentLogger,
      fetchMaxBytes: this.options.fetchMaxBytes ?? 57_671_680,
      verification: {
        verifier: this.options.verifier ?? NO_TRANSACTIONS,
        isEnabled: this.options.isVerificationEnabled ?? (() => true),
      },
    })
    await this.replicas.applyImage(this.image)
  }

  /** Stops cleanly and starts again; every partition gets its next leader epoch, as in Kafka. */
  async restart(change = (image: ClusterImage) => image): Promise<void> {
    await this.stop()
    this.image = change(this.image)
    const topics = [...this.image.topics].map(topic => {
      const partitions = topic.partitions.map(p => ({ ...p, leaderEpoch: p.leaderEpoch + 1 }))
      return [topic.name, { ...topic, partitions }] as const
    })
    this.image = this.image.with(this.image.version + 1n, { topics })
    await this.open()
  }

  async stop(): Promise<void> {
    this.replicas.close()
    await this.logs.shutdown()
  }

  /** Returns the topic's id. */
  async createTopic(name: string, topic: NewTopic = {}): Promise<string> {
    const id = topic.id ?? this.newId()
    const partitions = Array.from({ length: topic.partitions ?? 1 }, () => partitionImage(topic.state))
    const configs = new Map(Object.entries(topic.config ?? {}))
    await this.change({
      topics: [[name, { name, id, partitions }]],
      configs: [[configKey('topic', name), configs]],
    })
    return id
  }

  async deleteTopic(name: string): Promise<void> {
    await this.change({ topics: [[name, undefined]], configs: [[configKey('topic', name), undefined]] })
  }

  async configureTopic(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    await this.change({ configs: [[configKey('topic', name), new Map(Object.entries(config))]] })
  }

  /** What the controller says of one partition from now on. */
  async changePartition(name: string, index: number, state: Partial<PartitionImage>): Promise<void> {
    const { partitions } = this.image.topicByName(name)!
    await this.changeTopic(name, {
      partitions: partitions.map((p, at) => (at === index ? { ...p, ...state } : p)),
    })
  }

  async changeTopic(name: string, changes: Partial<TopicImage>): Promise<void> {
    await this.change({ topics: [[name, { ...this.image.topicByName(name)!, ...changes }]] })
  }

  private async change(changes: ImageChanges): Promise<void> {
    this.image = this.image.with(this.image.version + 1n, changes)
    await this.replicas.applyImage(this.image)
  }

  partition(topic: string, index = 0): Partition {
    const found = this.replicas.partition(topic, index)
    if (found.error) throw new Error(`${topic}-${index}: error ${found.error}`)
    return found.value
  }

  private newId(): string {
    return this.random.bytes(16).toString('base64url')
  }
}

export function partitionImage(state: Partial<PartitionImage> = {}): PartitionImage {
  return {
    leader: LOCAL_BROKER,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas: [LOCAL_BROKER],
    isr: [LOCAL_BROKER],
    directories: [],
    elr: [],
    lastKnownElr: [],
    ...state,
  }
}

/** The first partition, from its beginning. */
export function fetchTarget(topic: string, changes: Partial<FetchTarget> = {}): FetchTarget {
  return {
    topic,
    topicId: null,
    index: 0,
    currentLeaderEpoch: -1,
    fetchOffset: 0n,
    lastFetchedEpoch: -1,
    logStartOffset: -1n,
    maxBytes: 1_000_000,
    ...changes,
  }
}

/** A batch of records with these values, one ms apart. */
export function batchOf(
  values: readonly string[],
  options: Partial<BatchOptions> & { readonly from?: number; readonly key?: string } = {},
): Buffer {
  const { from = START_MS, key = 'k', ...attributes } = options
  const records = values.map((value, at) => ({
    timestamp: BigInt(from + at),
    key: Buffer.from(key),
    value: Buffer.from(value),
  }))
  return buildBatch({ records, ...attributes })
}
