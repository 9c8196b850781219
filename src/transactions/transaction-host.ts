/**
 * Keeps the transaction coordinator in step with the cluster: a shard runs for each partition of
 * `__transaction_state` that this broker leads, one for each leader epoch.
 */
import { CoordinatorRuntime } from '../coordinator/runtime.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import type { ClusterImage } from '../metadata/image.ts'
import type { TopicConfigs } from '../metadata/topic-config.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'
import { CoordinatorLog } from '../replication/coordinator-log.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import { Completion } from './completion.ts'
import { Markers, type MarkerWriter, type TopicPartition } from './markers.ts'
import type { ProducerIds } from './producer-ids.ts'
import { TRANSACTION_TOPIC, TransactionCoordinator } from './transaction-coordinator.ts'
import { TransactionShard } from './transaction-shard.ts'

export interface TransactionHostOptions {
  readonly config: BrokerConfig
  /** The cluster as it is now, also while partitions of that image are still being opened. */
  readonly latestImage: () => ClusterImage
  readonly replicas: Pick<ReplicaManager, 'partition'>
  readonly topicConfigs: Pick<TopicConfigs, 'of'>
  readonly markers: MarkerWriter
  readonly producerIds: Pick<ProducerIds, 'take'>
  /** Where the coordinator of groups keeps a group. */
  readonly groupPartition: (groupId: string) => TopicPartition
  readonly clock: Clock
  /** What requests wait by; `clock` unless told. */
  readonly waitClock?: Clock
  readonly logger: Logger
}

/** The leader epoch that a shard runs in, of which incarnation of the topic. */
interface Term {
  readonly topicId: string
  readonly leaderEpoch: number
}

export class TransactionHost {
  readonly coordinator: TransactionCoordinator
  private readonly options: TransactionHostOptions
  private readonly runtime: CoordinatorRuntime<TransactionShard>
  private readonly markers: Markers
  private readonly completion: Completion
  private readonly terms = new Map<number, Term>()
  private image: ClusterImage
  private partitionCount = 0
  private maxBatchBytes = 0

  constructor(options: TransactionHostOptions) {
    const { config, clock, waitClock = clock, logger, markers, producerIds, groupPartition } = options
    this.options = options
    this.image = options.latestImage()
    this.runtime = new CoordinatorRuntime({
      clock,
      waitClock,
      logger,
      newMachine: () => this.newShard(),
      commitTimeoutMs: config.number('request.timeout.ms'),
      maxBatchBytes: () => this.maxBatchBytes,
      onLoaded: partition => void this.completion.follow(partition),
    })
    this.markers = new Markers({
      writer: markers,
      clock: waitClock,
      logger,
      takesMarker: ({ topic, index }) =>
        topic !== TRANSACTION_TOPIC &&
        // By the image that partitions are added by: what is missing in one before it is not deleted.
        options.latestImage().topicByName(topic)?.partitions[index] !== undefined,
    })
    this.completion = new Completion({
      runtime: this.runtime,
      markers: this.markers,
      clock: waitClock,
      logger,
      timeOut: id => this.coordinator.timeOut(id),
      coordinatorEpoch: partition => this.terms.get(partition)?.leaderEpoch ?? -1,
    })
    this.coordinator = new TransactionCoordinator({
      runtime: this.runtime,
      completion: this.completion,
      producerIds,
      clock: waitClock,
      partitionCount: () => this.partitionCount,
      groupPartition,
      maxTimeoutMs: config.number('transaction.max.timeout.ms'),
      addBackoffMs: config.number('add.partitions.to.txn.retry.backoff.ms'),
      maxAddWaitMs: config.number('add.partitions.to.txn.retry.backoff.max.ms'),
    })
  }

  /** Takes up an image whose partitions are open. */
  applyImage(image: ClusterImage): void {
    this.image = image
    this.followLeadership()
  }

  /** Also called when partitions have been opened late. */
  followLeadership(): void {
    const { image } = this
    const { config, replicas, topicConfigs } = this.options
    const topic = image.topicByName(TRANSACTION_TOPIC)
    this.maxBatchBytes = topicConfigs.of(image, TRANSACTION_TOPIC).maxMessageBytes
    const partitions = topic?.partitions ?? []
    this.partitionCount = topic ? partitions.length : config.number('transaction.state.log.num.partitions')
    for (const index of [...this.terms.keys()]) {
      if (partitions[index]?.leader === config.nodeId) continue
      this.runtime.stop(index)
      this.terms.delete(index)
    }
    for (const [index, { leader, leaderEpoch }] of partitions.entries()) {
      const term = this.terms.get(index)
      const isSame = term?.topicId === topic?.id && term?.leaderEpoch === leaderEpoch
      if (leader !== config.nodeId || isSame) continue
      const partition = replicas.partition(TRANSACTION_TOPIC, index)
      if (partition.error) continue
      this.terms.set(index, { topicId: topic?.id ?? '', leaderEpoch })
      const loadBytes = config.number('transaction.state.log.load.buffer.size')
      this.runtime.start(index, new CoordinatorLog(partition.value, loadBytes))
    }
  }

  /** Resolves when what is known of transactions is read. */
  loaded(): Promise<void> {
    return this.runtime.loaded()
  }

  /** Takes no more commands; resolves when those that have begun are answered. */
  async close(): Promise<void> {
    this.markers.close()
    await this.runtime.close()
    this.completion.close()
  }

  private newShard(): TransactionShard {
    const { config } = this.options
    return new TransactionShard({
      featureVersion: () => this.image.features.get('transaction.version') ?? 0,
      expirationMs: config.number('transactional.id.expiration.ms'),
      expirationCheckIntervalMs: config.number('transaction.remove.expired.transaction.cleanup.interval.ms'),
      timeoutCheckIntervalMs: config.number('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
    })
  }
}
