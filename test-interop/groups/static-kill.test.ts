// Static members (KIP-345, KIP-814, KIP-848) whose broker is killed (-9) at each step of their way back into the group:
// what it has written of them, and so what it answers to those who go on by an id that they know, is what Apache Kafka
// does. Each scene has a group of its own; one kill strikes all.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, type BrokerKind, startBroker } from '../harness/broker.ts'
import { createTopic } from '../harness/rdkafka.ts'
import { scenes } from './static-scenes.ts'
import { Talk, TOPIC, whenAnswering } from './static-talk.ts'

const brokers: Broker[] = []

beforeAll(async () => {
  brokers.push(...(await Promise.all(kinds.map(kind => startBroker(settings, kind)))))
  for (const { bootstrap } of brokers) await createTopic(bootstrap, TOPIC, { partitions: 4 })
})

afterAll(() => Promise.all(brokers.map(broker => broker.dispose())))

/** Assigned at once, so that nothing depends on how long anything takes. */
const settings = { 'group.consumer.assignment.interval.ms': '0' }
const kinds: readonly BrokerKind[] = ['kafka', 'klamm']

test('a static member that comes back over a kill is told what Kafka tells it', async () => {
  const [kafka, klamm] = await Promise.all(brokers.map(transcripts))
  if (process.env.TRANSCRIPTS) console.log(JSON.stringify(kafka, null, 2))
  expect(Object.keys(kafka!)).toEqual(Object.keys(scenes))
  expect(klamm).toEqual(kafka)
  // What members have to live with: an id that a static one gets in a rebalance is written when that ends.
  expect(kafka!['back, and in a generation without assignment']).toContain(
    'after the kill, s2 syncs in 3: FENCED_INSTANCE_ID',
  )
})

/** What was said in each scene, by its name. */
async function transcripts(broker: Broker): Promise<Record<string, readonly string[]>> {
  await whenAnswering(broker)
  const talks: [string, Talk][] = []
  for (const [name, scene] of Object.entries(scenes)) {
    const talk = new Talk(broker, name.replaceAll(/[ ,]+/g, '-'))
    talks.push([name, talk])
    await scene.before(talk)
  }
  await broker.kill()
  await Promise.all(talks.map(([, talk]) => talk.afterKill()))
  await broker.start()
  await whenAnswering(broker)
  for (const [name, talk] of talks) await scenes[name]!.after(talk)
  await Promise.all(talks.map(([, talk]) => talk.close()))
  return Object.fromEntries(talks.map(([name, talk]) => [name, talk.lines()]))
}
