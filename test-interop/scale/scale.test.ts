// Many partitions: how long Klamm and Apache Kafka take from their command until they serve, after a clean stop and
// after kill -9, and what that costs. PARTITIONS says how many; npm run scale is the full size.

import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import type { BrokerKind } from '../harness/broker.ts'
import { MeasuredBroker, type Start } from './measured.ts'

const partitions = Number(process.env.PARTITIONS || 500)
const partitionsOfTopic = 10
const topicCount = Math.ceil(partitions / partitionsOfTopic)
const topicsAtOnce = 50
const recordsEach = 10
/** The start of a few hundred partitions is short, and anything else on the machine shows: the middle counts. */
const cleanStarts = partitions < 2_000 ? 3 : 1

interface Figures {
  readonly created: number
  readonly clean: Start
  readonly stopMs: number
  readonly killed: Start
  readonly deletedMs: number
}

const topics = Array.from({ length: topicCount }, (_, index) => `topic-${index}`)
const sample = topics
  .filter((_, index) => index % Math.ceil(topicCount / 20) === 0)
  .map((topic, index) => ({ topic, partition: index % partitionsOfTopic }))
/** One partition in ten: what a kill finds unfinished. */
const tenth = topics.map((topic, index) => ({ topic, partition: index % partitionsOfTopic }))

function chunks<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / topicsAtOnce)
  return Array.from({ length: count }, (_, at) => items.slice(at * topicsAtOnce, (at + 1) * topicsAtOnce))
}

function client(broker: MeasuredBroker): kafkajs.Kafka {
  return new kafkajs.Kafka({
    brokers: [broker.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: 300_000,
    retry: { retries: 20 },
  })
}

/** Creates the topics and writes a little into every partition. */
async function fill(broker: MeasuredBroker): Promise<number> {
  const kafka = client(broker)
  const admin = kafka.admin()
  await admin.connect()
  const begin = performance.now()
  for (const some of chunks(topics)) {
    await admin.createTopics({
      waitForLeaders: false,
      timeout: 300_000,
      topics: some.map(topic => ({ topic, numPartitions: partitionsOfTopic, replicationFactor: 1 })),
    })
  }
  await broker.allLed(topicCount * partitionsOfTopic)
  const created = Math.round(performance.now() - begin)
  await admin.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  const messages = Array.from({ length: partitionsOfTopic * recordsEach }, (_, index) => ({
    partition: index % partitionsOfTopic,
    value: 'x'.repeat(100),
  }))
  for (const some of chunks(topics)) {
    await producer.sendBatch({ topicMessages: some.map(topic => ({ topic, messages })) })
  }
  await producer.disconnect()
  return created
}

/** Half of the topics; how long until none of them is there. */
async function deleteHalf(broker: MeasuredBroker): Promise<number> {
  const admin = client(broker).admin()
  await admin.connect()
  const begin = performance.now()
  const half = topics.slice(0, topicCount / 2)
  for (const some of chunks(half)) await admin.deleteTopics({ topics: some, timeout: 300_000 })
  const deletedMs = Math.round(performance.now() - begin)
  await admin.disconnect()
  return deletedMs
}

/** Starts after clean stops, and what the last of those took. Leaves the broker stopped. */
async function startClean(broker: MeasuredBroker): Promise<{ clean: Start; stopMs: number }> {
  const starts: Start[] = []
  let stopMs = 0
  while (starts.length < cleanStarts) {
    starts.push(await broker.start(partitions, sample))
    await broker.writeTo(tenth)
    stopMs = await broker.end('SIGTERM')
  }
  starts.sort((one, other) => one.servesMs - other.servesMs)
  return { clean: starts[Math.floor(cleanStarts / 2)]!, stopMs }
}

async function measure(kind: BrokerKind): Promise<Figures> {
  const broker = await MeasuredBroker.make(kind)
  try {
    await broker.launch()
    const created = await fill(broker)
    await broker.end('SIGTERM')
    const { clean, stopMs } = await startClean(broker)
    await broker.launch()
    await broker.allLed(partitions)
    await broker.writeTo(tenth)
    await broker.end('SIGKILL')
    const killed = await broker.start(partitions, sample)
    const deletedMs = await deleteHalf(broker)
    return { created, clean, stopMs, killed, deletedMs }
  } finally {
    await broker.dispose()
  }
}

const rows: readonly (readonly [string, (figures: Figures) => number])[] = [
  ['creating them, ms', ({ created }) => created],
  ['start after a clean stop: first answer, ms', ({ clean }) => clean.answersMs],
  ['every partition led, ms', ({ clean }) => clean.leadsMs],
  ['written to, ms', ({ clean }) => clean.servesMs],
  ['CPU s', ({ clean }) => clean.cpuSeconds],
  ['memory MiB', ({ clean }) => clean.residentMiB],
  ['peak MiB', ({ clean }) => clean.peakMiB],
  ['open files', ({ clean }) => clean.openFiles],
  ['clean stop, ms', ({ stopMs }) => stopMs],
  ['start after kill -9: first answer, ms', ({ killed }) => killed.answersMs],
  ['every partition led, ms', ({ killed }) => killed.leadsMs],
  ['written to, ms', ({ killed }) => killed.servesMs],
  ['CPU s', ({ killed }) => killed.cpuSeconds],
  ['memory MiB', ({ killed }) => killed.residentMiB],
  ['peak MiB', ({ killed }) => killed.peakMiB],
  ['open files', ({ killed }) => killed.openFiles],
  ['deleting half of the topics, ms', ({ deletedMs }) => deletedMs],
]

test(`${partitions} partitions start at least five times as fast as in Kafka, in less memory`, async () => {
  const klamm = await measure('klamm')
  const kafka = await measure('kafka')
  const table = rows.map(
    ([name, of]) => `| ${name} | ${of(kafka).toLocaleString('en')} | ${of(klamm).toLocaleString('en')} |`,
  )
  console.log([`| ${partitions} partitions | kafka | klamm |`, '|---|---:|---:|', ...table].join('\n'))
  for (const state of ['clean', 'killed'] as const) {
    expect(kafka[state].servesMs / klamm[state].servesMs, state).toBeGreaterThan(5)
    expect(klamm[state].residentMiB, state).toBeLessThan(kafka[state].residentMiB)
    expect(klamm[state].openFiles, state).toBeLessThan(kafka[state].openFiles)
  }
}, 3_600_000)
