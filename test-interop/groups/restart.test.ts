// Members of a consumer group (KIP-848) that live on while their broker is killed and comes back: they stay who they
// are, at their epochs, nobody gets what another has, and what was sent is read. KILLS says how often.

import type { KafkaConsumer } from 'node-rdkafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../protocol/messages/consumer-group-describe.ts'
import { WireClient } from '../../src/conformance/wire-client.ts'
import { nodePlatform } from '../../src/platform/node.ts'
import { type Broker, startBroker } from '../harness/broker.ts'
import { eventually, pause } from '../harness/processes.ts'
import { connectProducer, createTopic, disconnect, rdkafka } from '../harness/rdkafka.ts'

const kills = Math.min(Number(process.env.KILLS || 4), 40)
const partitions = 6

/** A member, and what it has read: `partition-offset`. */
interface Member {
  readonly consumer: KafkaConsumer
  readonly read: string[]
}

let broker: Broker
const members: Member[] = []

beforeAll(async () => {
  broker = await startBroker({
    'group.consumer.min.heartbeat.interval.ms': '100',
    'group.consumer.heartbeat.interval.ms': '200',
  })
  await createTopic(broker.bootstrap, 'lasting', { partitions })
})

afterAll(async () => {
  await Promise.all(members.map(({ consumer }) => disconnect(consumer)))
  await broker?.dispose()
})

test(
  `members and what they own survive ${kills} kills`,
  async () => {
    const { producer, reports } = await connectProducer(broker.bootstrap, {
      'enable.idempotence': true,
      'message.timeout.ms': 0,
      'reconnect.backoff.max.ms': 100,
    })
    let sent = 0
    const timer = setInterval(() => {
      producer.produce('lasting', sent % partitions, Buffer.from(String(sent)), null, null, sent)
      sent += 1
    }, 5)
    for (let i = 0; i < 3; i++) members.push(await join())
    await eventually('a stable group', () => isStable(3))
    for (let kill = 0; kill < kills; kill++) {
      const before = await described()
      await pause(300 + 100 * kill)
      await broker.kill()
      await broker.start()
      await eventually('a stable group', () => isStable(members.length))
      const after = await described()
      expect(after.groupEpoch).toBe(before.groupEpoch)
      expect(standings(after)).toEqual(standings(before))
      // The others go on while one more comes, and is to share at once.
      if (kill % 2 === 0) members.push(await join())
      await eventually('a stable group', () => isStable(members.length))
    }
    clearInterval(timer)
    await eventually('all reports', () => reports.length === sent || undefined)
    await eventually(
      'all records',
      () => new Set(members.flatMap(({ read }) => read)).size >= sent || undefined,
    )
    expect(new Set(members.flatMap(({ read }) => read)).size).toBe(sent)
    await disconnect(producer)
  },
  60_000 + kills * 30_000,
)

async function join(): Promise<Member> {
  const consumer = new (rdkafka().KafkaConsumer)(
    {
      'bootstrap.servers': broker.bootstrap,
      'group.id': 'lasting',
      'group.protocol': 'consumer',
      'auto.commit.interval.ms': 100,
      'reconnect.backoff.max.ms': 100,
      'fetch.wait.max.ms': 100,
    },
    { 'auto.offset.reset': 'earliest' },
  )
  const read: string[] = []
  consumer.on('data', ({ value }) => read.push(String(value)))
  await new Promise<void>((resolve, reject) =>
    consumer.connect({}, error => (error ? reject(error) : resolve())),
  )
  consumer.subscribe(['lasting'])
  consumer.consume()
  return { consumer, read }
}

async function described() {
  const client = await WireClient.connect(nodePlatform().network, { host: '127.0.0.1', port: broker.port })
  const { groups } = await client.call({
    request: ConsumerGroupDescribeRequest,
    response: ConsumerGroupDescribeResponse,
    version: 1,
    body: { groupIds: ['lasting'], includeAuthorizedOperations: false },
  })
  await client.close()
  return groups[0]!
}

type Described = Awaited<ReturnType<typeof described>>

/** Every partition has one owner, and who owns it is where the group is. */
async function isStable(count: number): Promise<true | undefined> {
  const group = await described().catch(() => undefined)
  if (group?.groupState !== 'Stable' || group.members.length !== count) return undefined
  const owned = group.members.flatMap(({ assignment }) =>
    assignment.topicPartitions.flatMap(each => each.partitions),
  )
  expect([...owned].sort()).toEqual(Array.from({ length: partitions }, (_, index) => index))
  return true
}

function standings({ members: all }: Described): string[] {
  return all.map(
    ({ memberId, memberEpoch, assignment }) =>
      `${memberId} ${memberEpoch} ${assignment.topicPartitions.map(each => each.partitions)}`,
  )
}
