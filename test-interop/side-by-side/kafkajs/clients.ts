// kafkajs clients that close themselves after their case, and what most cases do with them.

import kafkajs, {
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type ITopicConfig,
  type KafkaMessage,
  type Message,
  type Producer,
  type ProducerConfig,
  type RecordMetadata,
} from 'kafkajs'
import { eventually } from '../../harness/processes.ts'
import type { Run } from '../suite.ts'

const DEADLINE_MS = 30_000

export function kafka(run: Run, clientId = 'interop', retries = 8): InstanceType<typeof kafkajs.Kafka> {
  return new kafkajs.Kafka({
    clientId,
    brokers: [run.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries },
  })
}

export async function producerOf(run: Run, config: ProducerConfig = {}): Promise<Producer> {
  const producer = kafka(run).producer(config)
  await producer.connect()
  run.after(() => producer.disconnect())
  return producer
}

/** Without retries a refusal shows as it came, and not as the last of several. */
export async function adminOf(run: Run, retries = 8): Promise<Admin> {
  const admin = kafka(run, 'interop', retries).admin()
  await admin.connect()
  run.after(() => admin.disconnect())
  return admin
}

export async function createTopic(
  run: Run,
  options: { name?: string; partitions?: number; config?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const topic = options.name ?? run.name()
  const definition: ITopicConfig = {
    topic,
    numPartitions: options.partitions ?? 1,
    replicationFactor: 1,
    configEntries: Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value })),
  }
  const admin = await adminOf(run)
  await admin.createTopics({ topics: [definition], waitForLeaders: false })
  // Kafka shows a leader a moment before it leads, and after one refused partition kafkajs sends all again.
  await eventually(`a leader of ${topic}`, () => admin.fetchTopicOffsets(topic).catch(() => undefined))
  return topic
}

export async function send(
  run: Run,
  topic: string,
  messages: Message[],
  options: { acks?: number; compression?: number } = {},
): Promise<RecordMetadata[]> {
  const producer = await producerOf(run)
  return producer.send({ topic, acks: -1, ...options, messages })
}

export type Received = KafkaMessage & { readonly topic: string; readonly partition: number }

/** A consumer in a group, what it received so far, and the assignments that it was given. */
export class Member {
  readonly consumer: Consumer
  readonly received: Received[] = []
  readonly joins: { readonly memberId: string; readonly isLeader: boolean; readonly assigned: Assigned }[] =
    []
  readonly crashes: Error[] = []

  constructor(consumer: Consumer) {
    this.consumer = consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.joins.push({
        memberId: payload.memberId,
        isLeader: payload.isLeader,
        assigned: payload.memberAssignment,
      })
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => this.crashes.push(payload.error))
  }

  get assigned(): Assigned {
    return this.joins.at(-1)?.assigned ?? {}
  }

  get values(): (string | null)[] {
    return this.received.map(each => each.value?.toString() ?? null)
  }

  async until(count: number): Promise<Received[]> {
    const enough = () => this.received.length >= count || undefined
    await eventually(`${count} records`, enough, DEADLINE_MS).catch(error => {
      throw new Error(`${error.message}: got ${this.received.length} ${this.crashes}`)
    })
    return this.received
  }

  async joined(times = 1): Promise<void> {
    await eventually(`join ${times}`, () => this.joins.length >= times || undefined, DEADLINE_MS)
  }

  /** Consumes with nothing but a list of what came. */
  async run(options: { autoCommitThreshold?: number; autoCommit?: boolean } = {}): Promise<void> {
    await this.consumer.run({
      ...options,
      eachMessage: async ({ topic, partition, message }) => {
        this.received.push({ topic, partition, ...message })
      },
    })
  }
}

export type Assigned = Readonly<Record<string, number[]>>

export interface Joining extends Omit<ConsumerConfig, 'groupId'> {
  readonly groupId?: string
  readonly clientId?: string
}

/** A connected consumer of quick habits: it asks often and heartbeats often, so that no case waits for it. */
export async function memberOf(run: Run, { clientId, groupId, ...config }: Joining = {}): Promise<Member> {
  const consumer = kafka(run, clientId).consumer({
    groupId: groupId ?? run.name('group'),
    heartbeatInterval: 100,
    maxWaitTimeInMs: 100,
    ...config,
  })
  await consumer.connect()
  run.after(() => consumer.disconnect())
  return new Member(consumer)
}

/** A member that has joined and reads the topics from their beginning. */
export async function reader(run: Run, topics: (string | RegExp)[], config: Joining = {}): Promise<Member> {
  const member = await memberOf(run, config)
  await member.consumer.subscribe({ topics, fromBeginning: true })
  await member.run()
  await member.joined()
  return member
}

/** kafkajs looks up the leader in metadata that it does not load by itself here. */
export async function deleteRecords(admin: Admin, topic: string, offset: string): Promise<void> {
  await admin.fetchTopicOffsets(topic)
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] })
}

export function numbered(count: number, first = 0): { value: string }[] {
  return Array.from({ length: count }, (_, index) => ({ value: `v${first + index}` }))
}

export function values(count: number, first = 0): string[] {
  return numbered(count, first).map(each => each.value)
}

/** A group's committed offsets, by topic and partition; -1 where there is none. */
export async function committed(run: Run, groupId: string, topic: string): Promise<number[]> {
  const admin = await adminOf(run)
  const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] })
  return answer!.partitions.sort((a, b) => a.partition - b.partition).map(each => Number(each.offset))
}
