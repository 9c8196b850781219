// What groups leave in __consumer_offsets, as Kafka's dump-log decodes it: the same life of the same groups on Apache Kafka
// and on Klamm comes out the same, but for times and random ids.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import kafkajs, { type Kafka } from 'kafkajs'
import { expect, test } from 'vitest'
import { type Broker, type BrokerKind, startBroker } from './harness/broker.ts'
import { kafkaToolOk } from './harness/kafka-jars.ts'
import { eventually } from './harness/processes.ts'
import { createTopic } from './harness/rdkafka.ts'

test("dump-log's decoder of offsets prints for Klamm what it prints for Kafka", async () => {
  const [klamm, kafka] = [await decoded('klamm'), await decoded('kafka')]
  expect(klamm).toEqual(kafka)
  const text = klamm.join('\n')
  // Commits, tombstones, groups without and with their members.
  for (const part of [
    '"group":"members"',
    '"group":"simple"',
    '"group":"deleted"',
    '"clientId":"one"',
    '<DELETE>',
  ]) {
    expect(text).toContain(part)
  }
}, 180_000)

async function decoded(kind: BrokerKind): Promise<string[]> {
  const broker = await startBroker({}, kind)
  try {
    await createTopic(broker.bootstrap, 't', { partitions: 2 })
    await live(broker)
    await broker.stop()
    return await dump(broker)
  } finally {
    await broker.dispose()
  }
}

async function live({ bootstrap }: Broker): Promise<void> {
  const kafka = new kafkajs.Kafka({
    clientId: 'one',
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const admin = kafka.admin()
  await admin.connect()
  await eventually('leaders', () => admin.fetchTopicOffsets('t').catch(() => undefined))
  const commit = (groupId: string, offset: string) =>
    admin.setOffsets({ groupId, topic: 't', partitions: [{ partition: 0, offset }] })
  await commit('simple', '5')
  await commit('deleted', '6')
  await admin.deleteGroups(['deleted'])
  await takePart(kafka)
  await admin.disconnect()
}

/** One member joins, commits and leaves. */
async function takePart(kafka: Kafka): Promise<void> {
  const consumer = kafka.consumer({ groupId: 'members', sessionTimeout: 10_000, rebalanceTimeout: 20_000 })
  let hasJoined = false
  consumer.on(consumer.events.GROUP_JOIN, () => {
    hasJoined = true
  })
  await consumer.connect()
  await consumer.subscribe({ topics: ['t'] })
  await consumer.run({ autoCommit: false, eachMessage: async () => undefined })
  await eventually('a member', () => hasJoined || undefined)
  await consumer.commitOffsets([{ topic: 't', partition: 1, offset: '7', metadata: null }])
  await consumer.disconnect()
}

/** The keys and values of all records, in order; how they fall into batches is a matter of time. */
async function dump({ data }: Broker): Promise<string[]> {
  const folder = join(data, '__consumer_offsets-0')
  const logs = readdirSync(folder).filter(name => name.endsWith('.log'))
  const files = logs.map(name => join(folder, name)).join(',')
  const out = await kafkaToolOk('kafka-dump-log', ['--offsets-decoder', '--files', files])
  return out
    .split('\n')
    .filter(line => line.includes(' key: '))
    .map(line => sameFor(line.slice(line.indexOf(' key: '))))
}

function sameFor(line: string): string {
  return line
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/("\w*[tT]imestamp"):\d+/g, '$1:TIME')
    .replaceAll(/("topicId"):"[\w-]{22}"/g, '$1:ID')
}
