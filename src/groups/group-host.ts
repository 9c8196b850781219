/**
 * Keeps the group coordinator in step with the cluster: a shard runs for each partition of
 * `__consumer_offsets` that this broker leads, one for each leader epoch, and offsets of topics that are
 * deleted go.
 */

import { randomUuid as kafkaUuid } from '../controller/create-topics.ts'
import { CoordinatorRuntime } from '../coordinator/runtime.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import { ClusterImage } from '../metadata/image.ts'
import type { TopicConfigs } from '../metadata/topic-config.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock, Random } from '../platform/platform.ts'
import { COMPRESSION_TYPES } from '../records/batch.ts'
import { CoordinatorLog } from '../replication/coordinator-log.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import { assignorsNamed } from './assignors.ts'
import type { ConsumerGroupOptions } from './consumer-groups.ts'
import { consumerGroupSettings } from './consumer-settings.ts'
import { GroupCoordinator, OFFSETS_TOPIC } from './group-coordinator.ts'
import type { MigrationPolicy } from './group-migration.ts'
import { GroupShard } from './group-shard.ts'

export interface GroupHostOptions {
  readonly config: BrokerConfig
  readonly replicas: Pick<ReplicaManager, 'partition' | 'verifyWrite'>
  readonly topicConfigs: Pick<TopicConfigs, 'of'>
  readonly clock: Clock
  readonly waitClock?: Clock
  readonly random: Random
  readonly logger: Logger
}

const MINUTE_MS = 60_000

export class GroupHost {
  readonly coordinator: GroupCoordinator
  private readonly options: GroupHostOptions
  private readonly runtime: CoordinatorRuntime<GroupShard>
  /** The terms of office that the shards run in, by partition: topic id and leader epoch. */
  private readonly terms = new Map<number, string>()
  private partitionCount: number
  private maxBatchBytes = 0
  private image = ClusterImage.empty()
  /** Of the metadata that last had a topic more. */
  private newTopicsVersion = 0n

  constructor(options: GroupHostOptions) {
    const { config, clock, waitClock = clock, logger } = options
    this.options = options
    this.partitionCount = config.number('offsets.topic.num.partitions')
    this.runtime = new CoordinatorRuntime({
      clock,
      waitClock,
      logger,
      newMachine: () => this.newShard(),
      commitTimeoutMs: config.number('offsets.commit.timeout.ms'),
      maxBatchBytes: () => this.maxBatchBytes,
      compression: COMPRESSION_TYPES[config.number('offsets.topic.compression.codec')] ?? 'none',
      appendLingerMs: config.number('group.coordinator.append.linger.ms'),
    })
    this.coordinator = new GroupCoordinator({
      runtime: this.runtime,
      partitionCount: () => this.partitionCount,
      verify: (index, write) =>
        options.replicas.verifyWrite({ topic: OFFSETS_TOPIC, topicId: null, index }, write),
      minSessionTimeoutMs: config.number('group.min.session.timeout.ms'),
      maxSessionTimeoutMs: config.number('group.max.session.timeout.ms'),
      assignors: assignorsNamed(config.list('group.consumer.assignors')),
    })
  }

  /** Takes up an image whose partitions are open. */
  async applyImage(image: ClusterImage, previous?: ClusterImage): Promise<void> {
    for (const name of image.topicChangesSince(this.image)) {
      if (image.topicByName(name)?.id !== this.image.topicByName(name)?.id)
        this.newTopicsVersion = image.version
    }
    this.image = image
    this.followLeadership()
    if (previous) await this.forgetDeleted(image, previous)
  }

  /** Resolves when what is known of groups is read. */
  loaded(): Promise<void> {
    return this.runtime.loaded()
  }

  /** Takes no more commands; resolves when those that have begun are answered. */
  close(): Promise<void> {
    return this.runtime.close()
  }

  /** Also called when partitions have been opened late. */
  followLeadership(): void {
    const { image } = this
    const { config, replicas, topicConfigs } = this.options
    const topic = image.topicByName(OFFSETS_TOPIC)
    this.maxBatchBytes = topicConfigs.of(image, OFFSETS_TOPIC).maxMessageBytes
    const partitions = topic?.partitions ?? []
    this.partitionCount = topic ? partitions.length : config.number('offsets.topic.num.partitions')
    for (const index of [...this.terms.keys()]) {
      if (partitions[index]?.leader === config.nodeId) continue
      this.runtime.stop(index)
      this.terms.delete(index)
    }
    for (const [index, { leader, leaderEpoch }] of partitions.entries()) {
      const term = `${topic?.id} ${leaderEpoch}`
      if (leader !== config.nodeId || this.terms.get(index) === term) continue
      const partition = replicas.partition(OFFSETS_TOPIC, index)
      if (partition.error) continue
      this.terms.set(index, term)
      const loadBytes = config.number('offsets.load.buffer.size')
      this.runtime.start(index, new CoordinatorLog(partition.value, loadBytes))
    }
  }

  /** Also where a topic of the same name has come instead. */
  private async forgetDeleted(image: ClusterImage, previous: ClusterImage): Promise<void> {
    const deleted = new Set<string>()
    for (const { id, name } of previous.topics) if (!image.topicById(id)) deleted.add(name)
    if (deleted.size === 0) return
    await this.runtime.loaded()
    await this.coordinator.forgetTopics(deleted)
  }

  private newShard(): GroupShard {
    const { config, random } = this.options
    return new GroupShard({
      initialRebalanceDelayMs: config.number('group.initial.rebalance.delay.ms'),
      maxSize: config.number('group.max.size'),
      newMemberId: prefix => `${prefix}-${randomUuid(random)}`,
      offsetsRetentionMs: config.number('offsets.retention.minutes') * MINUTE_MS,
      retentionCheckIntervalMs: config.number('offsets.retention.check.interval.ms'),
      offsetMetadataMaxBytes: config.number('offset.metadata.max.bytes'),
      maxBatchBytes: () => this.maxBatchBytes,
      consumer: this.consumerOptions(),
    })
  }

  private consumerOptions(): ConsumerGroupOptions {
    const { config, random } = this.options
    return {
      maxSize: config.number('group.consumer.max.size'),
      classicMaxSize: config.number('group.max.size'),
      migrationPolicy: config.string('group.consumer.migration.policy').toLowerCase() as MigrationPolicy,
      assignors: assignorsNamed(config.list('group.consumer.assignors')),
      regexRefreshMs: config.number('group.consumer.regex.refresh.interval.ms'),
      image: () => this.image,
      newTopicsVersion: () => this.newTopicsVersion,
      settingsOf: groupId => consumerGroupSettings(groupId, this.image, config),
      newUuid: () => kafkaUuid(random),
    }
  }
}

/** A version 4 UUID in the usual form. */
function randomUuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
