// node-rdkafka as a member of the group, by either protocol. Where a partition goes on is asked before it is assigned, so
// that messages from before a rebalance, which the client may deliver after it, are told from those that follow.

import type { Assignment, KafkaConsumer, LibrdKafkaError, Message, TopicPartitionOffset } from 'node-rdkafka'
import { rdkafka } from '../../harness/rdkafka.ts'
import { checkContent, options, tellProcessed } from './member.ts'

const ASSIGN = -175
const isConsumer = options.protocol === 'consumer'

/** The offsets that come next, of the partitions that are assigned. */
let next = new Map<number, number>()
let rebalances = 0

function rebalance(this: KafkaConsumer, { code }: LibrdKafkaError, partitions: Assignment[]): void {
  rebalances += 1
  // By the consumer protocol partitions come and go, and the others stay.
  if (isConsumer) for (const { partition } of partitions) next.delete(partition)
  else next = new Map()
  if (code === ASSIGN) assign(this, partitions, rebalances)
  else if (isConsumer) this.incrementalUnassign(partitions)
  else this.unassign()
}

function take(consumer: KafkaConsumer, partitions: Assignment[]): void {
  if (isConsumer) consumer.incrementalAssign(partitions)
  else consumer.assign(partitions)
}

let isLeaving = false

function assign(consumer: KafkaConsumer, partitions: Assignment[], rebalance: number): void {
  if (rebalance !== rebalances) return
  if (partitions.length === 0) {
    take(consumer, [])
    return
  }
  consumer.committed(partitions, 2_000, (error, committed) => {
    if (rebalance !== rebalances) return
    if (error) {
      setTimeout(() => assign(consumer, partitions, rebalance), 50)
      return
    }
    const offsets = committed.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: offset !== undefined && offset >= 0 ? offset : 0,
    }))
    for (const { partition, offset } of offsets) next.set(partition, offset)
    try {
      take(consumer, offsets)
    } catch (refused) {
      // Asked for the offsets before SIGTERM, and closed by the time that they came.
      if (!isLeaving) throw refused
    }
  })
}

const protocol = isConsumer
  ? { 'group.protocol': 'consumer' as const }
  : {
      'partition.assignment.strategy': 'range',
      'session.timeout.ms': options.sessionTimeoutMs,
      'heartbeat.interval.ms': options.heartbeatMs,
    }
const consumer = new (rdkafka().KafkaConsumer)(
  {
    ...protocol,
    'bootstrap.servers': options.bootstrap,
    'client.id': options.client,
    'group.id': options.group,
    'max.poll.interval.ms': 60_000,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'fetch.wait.max.ms': 100,
    'reconnect.backoff.ms': 50,
    'reconnect.backoff.max.ms': 200,
    'retry.backoff.ms': 50,
    rebalance_cb: rebalance as never,
  },
  { 'auto.offset.reset': 'earliest' },
)

function deal(messages: readonly Message[]): void {
  const commits: TopicPartitionOffset[] = []
  const begun = new Map<number, number>()
  for (const { partition, offset, value } of messages) {
    if (next.get(partition) !== offset) continue
    checkContent(partition, offset, value)
    if (!begun.has(partition)) begun.set(partition, offset)
    next.set(partition, offset + 1)
  }
  for (const [partition, from] of begun) {
    const to = next.get(partition)!
    tellProcessed(partition, from, to)
    commits.push({ topic: options.topic, partition, offset: to })
  }
  if (commits.length > 0) consumer.commit(commits)
}

function poll(): void {
  consumer.consume(100, (error, messages) => {
    if (isLeaving) return
    if (!error) deal(messages)
    setTimeout(poll, error ? 50 : 10)
  })
}

process.once('SIGTERM', () => {
  isLeaving = true
  consumer.disconnect(() => process.exit(0))
})
consumer.setDefaultConsumeTimeout(50)
const connect = () =>
  consumer.connect({ timeout: 20_000 }, error => {
    if (error) setTimeout(connect, 200)
  })
consumer.once('ready', () => {
  consumer.subscribe([options.topic])
  poll()
})
connect()
