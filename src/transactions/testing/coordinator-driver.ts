/** The coordinator of transactions over a real partition of its topic; a test answers for the markers. */
import { ErrorCode } from '../../../protocol/errors.ts'
import { BrokerConfig } from '../../metadata/broker-config.ts'
import { TopicConfigs } from '../../metadata/topic-config.ts'
import { silentLogger } from '../../observe/logger.ts'
import { settled } from '../../platform/simulated/manual-clock.ts'
import { buildBatch } from '../../records/builder.ts'
import { LOCAL_BROKER, ReplicaHost } from '../../replication/testing/replica-host.ts'
import { type Marker, type MarkerWriter, partitionName, type TopicPartition } from '../markers.ts'
import { type ProducerIdAndEpoch, unused } from '../transaction.ts'
import { TRANSACTION_TOPIC, type TransactionCoordinator } from '../transaction-coordinator.ts'
import { TransactionHost } from '../transaction-host.ts'
import { transactionRecord } from '../transaction-records.ts'

export const DATA_TOPIC = 'orders'

export class RecordingMarkers implements MarkerWriter {
  /** `COMMIT 100/1 orders-0 orders-1`, of each attempt. */
  readonly written: string[] = []
  readonly markers: Marker[] = []
  /** By partition, the answers to come; NONE after them. */
  readonly codes = new Map<string, ErrorCode[]>()
  /** Attempts wait for it. */
  gate: Promise<void> = Promise.resolve()

  async write(
    marker: Marker,
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, ErrorCode>> {
    const { producerId, producerEpoch, isCommit } = marker
    const names = partitions.map(partitionName)
    this.markers.push(marker)
    this.written.push(`${isCommit ? 'COMMIT' : 'ABORT'} ${producerId}/${producerEpoch} ${names.join(' ')}`)
    await this.gate
    return new Map(names.map(name => [name, this.codes.get(name)?.shift() ?? ErrorCode.NONE]))
  }
}

export class CoordinatorDriver {
  readonly host: ReplicaHost
  markers = new RecordingMarkers()
  transactions!: TransactionHost
  nextId = 100n
  /** Producer ids wait for it. */
  idGate: Promise<void> = Promise.resolve()

  static async start(): Promise<CoordinatorDriver> {
    const host = await ReplicaHost.start()
    host.image = host.image.with(1n, { features: [['transaction.version', 2]] })
    await host.createTopic(TRANSACTION_TOPIC)
    await host.createTopic(DATA_TOPIC, { partitions: 3 })
    const driver = new CoordinatorDriver(host)
    await driver.open()
    return driver
  }

  private constructor(host: ReplicaHost) {
    this.host = host
  }

  get coordinator(): TransactionCoordinator {
    return this.transactions.coordinator
  }

  private async open(): Promise<void> {
    const config = new BrokerConfig(new Map([['node.id', String(LOCAL_BROKER)]]))
    this.transactions = new TransactionHost({
      config,
      latestImage: () => this.host.image,
      replicas: this.host.replicas,
      topicConfigs: new TopicConfigs(config),
      markers: this.markers,
      producerIds: {
        take: async () => {
          await this.idGate
          return { error: ErrorCode.NONE, value: this.nextId++ }
        },
      },
      groupPartition: () => ({ topic: '__consumer_offsets', index: 7 }),
      clock: this.host.clock,
      logger: silentLogger,
    })
    this.transactions.applyImage(this.host.image)
    this.host.replicas.onLateOpening(() => this.transactions.followLeadership())
    await this.turns()
  }

  /** The image has changed. */
  apply(): void {
    this.transactions.applyImage(this.host.image)
  }

  async stop(): Promise<void> {
    await this.transactions.close()
    await this.host.stop()
  }

  /** The coordinator ends in the middle of whatever it does, and another one begins. */
  async crash(): Promise<void> {
    const gone = this.transactions
    this.markers = new RecordingMarkers()
    await gone.close()
    await this.host.restart()
    await this.open()
  }

  /** As if the producer of `tx` had begun so often before; the coordinator begins from its log. */
  async age(producerId: bigint, producerEpoch: number): Promise<void> {
    const value = { ...unused(producerId, 60_000, this.host.clock.now()), producerEpoch }
    const { key, value: bytes } = transactionRecord({ transactionalId: 'tx', value }, 1)
    const batch = buildBatch({ records: [{ timestamp: 0n, key, value: bytes }] })
    await this.host.partition(TRANSACTION_TOPIC).append(batch, { acks: -1, origin: 'coordinator' })
    await this.crash()
  }

  async begin(transactionalId = 'tx'): Promise<ProducerIdAndEpoch & { readonly transactionalId: string }> {
    const begun = await this.coordinator.initProducerId({
      transactionalId,
      timeoutMs: 60_000,
      expected: undefined,
    })
    if (begun.error) throw new Error(`the producer has not begun: error ${begun.error}`)
    return { transactionalId, ...begun.value }
  }

  add(producer: ProducerIdAndEpoch, ...indexes: number[]): Promise<ErrorCode> {
    const partitions = indexes.map(index => ({ topic: DATA_TOPIC, index }))
    return this.coordinator.addPartitions({
      transactionalId: 'tx',
      ...producer,
      partitions,
      clientTransactionVersion: 2,
    })
  }

  end(producer: ProducerIdAndEpoch, isCommit: boolean) {
    return this.coordinator.endTransaction({
      transactionalId: 'tx',
      ...producer,
      isCommit,
      clientTransactionVersion: 2,
    })
  }

  async state(transactionalId = 'tx'): Promise<string> {
    const described = await this.coordinator.describe(transactionalId)
    return described.error ? `error ${described.error}` : described.value.state
  }

  async turns(): Promise<void> {
    for (let i = 0; i < 20; i++) await settled()
  }

  /** What a promise has come to by now. */
  async soFar<T>(promise: Promise<T>): Promise<T | 'waiting'> {
    await this.turns()
    return Promise.race([promise, Promise.resolve('waiting' as const)])
  }
}
