// Clients of node-rdkafka that close themselves after their case.

import type {
  Assignment,
  DeliveryReport,
  KafkaConsumer,
  LibrdKafkaError,
  Message,
  MessageHeader,
  Metadata,
  Producer,
  TopicPartitionOffset,
} from 'node-rdkafka'
import { eventually } from '../../harness/processes.ts'
import {
  connectProducer,
  createTopic,
  disconnect,
  type NewTopic,
  type Partition,
  rdkafka,
  type Watermarks,
} from '../../harness/rdkafka.ts'
import type { Run } from '../suite.ts'

export type Config = Readonly<Record<string, string | number | boolean>>

const TIMEOUT_MS = 20_000

/** What a callback was given, as a promise. */
export function answer<T>(
  ask: (callback: (error: LibrdKafkaError | null, value: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => ask((error, value) => (error ? reject(error) : resolve(value))))
}

export async function producerOf(run: Run, config: Config = {}, topicConfig: Config = {}) {
  const { producer, reports } = await connectProducer(
    run.bootstrap,
    { 'linger.ms': 0, ...config },
    topicConfig,
  )
  run.after(() => disconnect(producer))
  return { producer, reports }
}

export async function topicOf(run: Run, options: NewTopic & { name?: string } = {}): Promise<string> {
  const { name = run.name(), ...topic } = options
  await createTopic(run.bootstrap, name, topic)
  const { producer } = await producerOf(run)
  const led = async () =>
    (await metadataOf(producer, name)).topic?.partitions.filter(each => each.leader === 1).length
  await eventually(`leaders of ${name}`, async () => (await led()) === (topic.partitions ?? 1) || undefined)
  // Kafka shows a leader a moment before it leads.
  for (let partition = 0; partition < (topic.partitions ?? 1); partition += 1) {
    await eventually(`${name}-${partition}`, () =>
      marks(producer, { topic: name, partition }).catch(() => undefined),
    )
  }
  return name
}

export async function marks(
  client: Producer | KafkaConsumer,
  { topic, partition }: Partition,
): Promise<Watermarks> {
  const found = await answer<{ lowOffset: number; highOffset: number }>(callback =>
    client.queryWatermarkOffsets(topic, partition, TIMEOUT_MS, callback),
  )
  return { low: found.lowOffset, high: found.highOffset }
}

/** The client answers with all topics that it knows, whichever it was asked for. */
export async function metadataOf(client: Producer | KafkaConsumer, topic: string) {
  const all = await answer<Metadata>(callback => client.getMetadata({ topic, timeout: TIMEOUT_MS }, callback))
  return { brokers: all.brokers, topic: all.topics.find(each => each.name === topic) }
}

export interface Sent {
  readonly value: string | Buffer | null
  readonly key?: string | Buffer | null
  readonly partition?: number
  readonly timestamp?: number
  readonly headers?: MessageHeader[]
}

/** Sends records and waits for the report of each. */
export async function send(run: Run, topic: string, records: readonly Sent[], config: Config = {}) {
  const { producer, reports } = await producerOf(run, config)
  for (const [index, { value, key, partition, timestamp, headers }] of records.entries()) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    producer.produce(topic, partition ?? 0, bytes, key ?? null, timestamp ?? 0, index, headers ?? [])
  }
  await reported(reports, records.length)
  return [...reports].sort((a, b) => a.opaque - b.opaque)
}

export function reported(reports: readonly DeliveryReport[], count: number): Promise<boolean> {
  return eventually(`${count} reports`, () => reports.length >= count || undefined, 30_000)
}

/** A consumer that delivers by itself, and what came so far. */
export class Reader {
  readonly consumer: KafkaConsumer
  readonly received: Message[] = []
  readonly ends: TopicPartitionOffset[] = []
  /** What rebalances brought and took, as +0,1 and -0,1. */
  readonly told: string[] = []

  constructor(consumer: KafkaConsumer) {
    this.consumer = consumer
    consumer.on('data', message => this.received.push(message))
    consumer.on('partition.eof', end => this.ends.push(end))
    consumer.on('rebalance', (error, partitions) => {
      const numbers = partitions.map(each => each.partition).sort()
      this.told.push(`${error.code === -175 ? '+' : '-'}${numbers}`)
    })
  }

  get values(): (string | null)[] {
    return this.received.map(each => each.value?.toString() ?? null)
  }

  get assigned(): string[] {
    return this.consumer.assignments().map(({ topic, partition }: Assignment) => `${topic}-${partition}`)
  }

  start(): void {
    this.consumer.consume()
  }

  async until(count: number): Promise<Message[]> {
    await eventually(`${count} records`, () => this.received.length >= count || undefined, 30_000)
    return this.received
  }

  /** Polls until something holds or an error comes: a consumer that delivers by itself keeps its errors to itself. */
  async poll(holds: () => boolean): Promise<number> {
    return eventually(
      'an answer',
      async () => {
        try {
          await answer<Message[]>(callback => this.consumer.consume(1, callback as never))
        } catch (error) {
          return (error as LibrdKafkaError).code
        }
        return holds() ? 0 : undefined
      },
      30_000,
    )
  }

  committed(topic: string, partition = 0): Promise<(TopicPartitionOffset & { metadata?: string })[]> {
    return answer(callback => this.consumer.committed([{ topic, partition }], TIMEOUT_MS, callback))
  }
}

/** A connected consumer of quick habits, with nothing to read yet. */
export async function readerOf(run: Run, config: Config = {}): Promise<Reader> {
  const { 'auto.offset.reset': reset = 'earliest', ...global } = config
  // Of members of consumer groups the broker says how often and how long.
  const isModern = global['group.protocol'] === 'consumer'
  const settings = {
    'bootstrap.servers': run.bootstrap,
    'group.id': run.name('group'),
    'enable.auto.commit': false,
    ...(isModern ? {} : { 'heartbeat.interval.ms': 100, 'session.timeout.ms': 10_000 }),
    'fetch.wait.max.ms': 100,
    'check.crcs': true,
    rebalance_cb: true,
    offset_commit_cb: true,
    ...global,
  }
  const consumer = new (rdkafka().KafkaConsumer)(settings, { 'auto.offset.reset': reset as 'earliest' })
  await answer<Metadata>(callback => consumer.connect({ timeout: TIMEOUT_MS }, callback))
  run.after(() => disconnect(consumer))
  consumer.setDefaultConsumeTimeout(50)
  return new Reader(consumer)
}

export async function assigned(
  run: Run,
  partitions: readonly Assignment[],
  config: Config = {},
): Promise<Reader> {
  const reader = await readerOf(run, config)
  reader.consumer.assign(partitions.map(each => ({ ...each })))
  reader.start()
  return reader
}

export async function subscribed(
  run: Run,
  topics: (string | RegExp)[],
  config: Config = {},
): Promise<Reader> {
  const reader = await readerOf(run, config)
  reader.consumer.subscribe(topics)
  reader.start()
  return reader
}

/** Waits until the members own all partitions between them, in shares of the given sizes. */
export async function shared(members: readonly Reader[], sizes: readonly number[]): Promise<void> {
  const wanted = [...sizes].sort().join()
  const total = sizes.reduce((sum, size) => sum + size, 0)
  await eventually(
    `shares of ${wanted}`,
    () => {
      const owned = members.map(each => each.assigned)
      const right =
        owned
          .map(each => each.length)
          .sort()
          .join() === wanted
      return (right && new Set(owned.flat()).size === total) || undefined
    },
    30_000,
  )
}

export function values(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => `v${first + index}`)
}

export function numbered(count: number, first = 0, partition = 0): Sent[] {
  return values(count, first).map(value => ({ value, partition }))
}
