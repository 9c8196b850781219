// What kafkajs 2.2.4 does when things go wrong.

import kafkajs, { type Consumer, type EachMessagePayload, type Producer } from 'kafkajs'
import { expect } from 'vitest'
import { eventually } from '../harness/processes.ts'
import { type Scenario, type Stage, TOPIC } from './scenario.ts'

const { Kafka, logLevel } = kafkajs

function kafkaOf({ bootstrap }: Stage) {
  const retry = { initialRetryTime: 30, retries: 8 }
  return new Kafka({
    clientId: 'kafkajs',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry,
    requestTimeout: 1_000,
    enforceRequestTimeout: true,
  })
}

async function producing(
  stage: Stage,
  config: Parameters<ReturnType<typeof kafkaOf>['producer']>[0],
  work: (producer: Producer) => Promise<unknown>,
): Promise<void> {
  const producer = kafkaOf(stage).producer(config)
  await producer.connect()
  try {
    await work(producer)
  } finally {
    await producer.disconnect()
  }
}

const one = { topic: TOPIC, messages: [{ partition: 0, value: 'one' }] }

/** Reads with a group until the values are there; `begun` is called when the first has come. */
async function consuming(
  stage: Stage,
  values: readonly string[],
  meanwhile: (read: readonly string[], consumer: Consumer) => Promise<void> = async () => {},
): Promise<string[]> {
  const consumer = kafkaOf(stage).consumer({
    groupId: 'readers',
    heartbeatInterval: 100,
    maxWaitTimeInMs: 100,
  })
  const read: string[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
    const eachMessage = async ({ message }: EachMessagePayload) => {
      read.push(String(message.value))
    }
    await consumer.run({ eachMessage })
    await eventually('records', () => (read.length >= values.length ? true : undefined), 20_000)
    await meanwhile(read, consumer)
  } finally {
    await consumer.disconnect()
  }
  return read
}

export const kafkajsScenarios: readonly Scenario[] = [
  {
    client: 'kafkajs',
    fault: 'the leader has moved',
    rules: [{ api: 'Produce', nth: 1, effect: 'NOT_LEADER_OR_FOLLOWER' }],
    does: 'asks for metadata and sends again; the record is there once',
    story: ['Produce', 'Metadata'],
    async play(stage) {
      await producing(stage, {}, async producer => {
        stage.disturb()
        await producer.send(one)
      })
      expect(await stage.stored()).toEqual(['one'])
    },
  },
  {
    client: 'kafkajs',
    fault: 'one partition of a request has no leader, the other is written',
    rules: [{ api: 'Produce', topic: TOPIC, partition: 1, nth: 1, effect: 'LEADER_NOT_AVAILABLE' }],
    does: 'sends both again, and what was written is there twice',
    story: ['Produce'],
    async play(stage) {
      await producing(stage, {}, async producer => {
        stage.disturb()
        const messages = [0, 1].map(partition => ({ partition, value: `to ${partition}` }))
        await producer.send({ topic: TOPIC, messages })
      })
      expect(await stage.stored()).toEqual(['to 0', 'to 0', 'to 1'])
    },
  },
  {
    client: 'kafkajs',
    fault: 'the connection is lost after the write',
    rules: [{ api: 'Produce', nth: 1, effect: { drop: true, when: 'after' } }],
    does: 'connects and sends again; without idempotence the record is there twice',
    story: ['Produce'],
    async play(stage) {
      await producing(stage, {}, async producer => {
        stage.disturb()
        await producer.send(one)
      })
      expect(await stage.stored()).toEqual(['one', 'one'])
    },
  },
  {
    client: 'kafkajs',
    fault: 'the connection is lost after the write of an idempotent producer',
    rules: [{ api: 'Produce', nth: 1, effect: { drop: true, when: 'after' } }],
    does: 'sends the same sequence again; the broker knows it, and the record is there once',
    story: ['InitProducerId', 'Produce'],
    async play(stage) {
      await producing(stage, { idempotent: true, maxInFlightRequests: 1 }, async producer => {
        stage.disturb()
        await producer.send(one)
      })
      expect(await stage.stored()).toEqual(['one'])
    },
  },
  {
    client: 'kafkajs',
    fault: 'the broker does not answer a write that it has done',
    rules: [{ api: 'Produce', nth: 1, effect: { silence: true, when: 'after' } }],
    does: 'gives up after its request timeout and sends again on the same connection; never gets through',
    story: ['Produce'],
    async play(stage) {
      await producing(stage, { retry: { retries: 2, initialRetryTime: 30 } }, async producer => {
        stage.disturb()
        await expect(producer.send(one)).rejects.toThrow(/timed out/i)
      })
      expect(await stage.stored()).toEqual(['one'])
    },
  },
  {
    client: 'kafkajs',
    fault: 'a bit of the fetched records is wrong',
    rules: [{ api: 'Fetch', topic: TOPIC, times: 1, effect: { corrupt: 'records' } }],
    does: 'does not look at checksums: it hands over a value that nobody has written',
    story: ['Fetch'],
    async play(stage) {
      const value = 'x'.repeat(2_000)
      await stage.klamm.produce(TOPIC, { value, partition: 0 })
      stage.disturb()
      const [read] = await consuming(stage, [value])
      expect(read).toHaveLength(2_000)
      expect(read).not.toBe(value)
    },
  },
  {
    client: 'kafkajs',
    fault: 'the position is out of range',
    rules: [{ api: 'Fetch', topic: TOPIC, partition: 0, nth: 2, effect: 'OFFSET_OUT_OF_RANGE' }],
    does: 'begins again where it was told to when nothing is committed, and reads the record twice',
    story: ['Fetch', 'ListOffsets'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      const read = await consuming(stage, ['one'], async all => {
        await eventually('the same again', () => (all.length === 2 ? true : undefined), 20_000)
      })
      expect(read).toEqual(['one', 'one'])
    },
  },
  {
    client: 'kafkajs',
    fault: 'a heartbeat is told of a rebalance',
    rules: [{ api: 'Heartbeat', nth: 1, effect: 'REBALANCE_IN_PROGRESS' }],
    does: 'joins the group again as the same member',
    story: ['JoinGroup', 'Heartbeat!'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      await consuming(stage, ['one'], async () => {
        const joins = () => stage.klamm.trace.exchanges('JoinGroup')
        await eventually('another JoinGroup', () => (joins().length === 3 ? true : undefined), 20_000)
        const members = joins().map(each => each.response?.body.memberId)
        expect(new Set(members).size).toBe(1)
        await eventually(
          'heartbeats',
          () => (stage.klamm.trace.exchanges('Heartbeat').length >= 2 ? true : undefined),
          20_000,
        )
      })
    },
  },
  {
    client: 'kafkajs',
    fault: 'the coordinator has moved when offsets are committed',
    rules: [{ api: 'OffsetCommit', nth: 1, effect: { coordinatorMoved: true } }],
    does: 'joins the group again and reads the record again, since nothing is committed; then it commits',
    story: ['FindCoordinator', 'JoinGroup', 'OffsetCommit'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      const again = async (read: readonly string[]) => {
        await eventually('the same again', () => (read.length === 2 ? true : undefined), 20_000)
      }
      expect(await consuming(stage, ['one'], again)).toEqual(['one', 'one'])
      expect((await stage.klamm.lag('readers')).total).toBe(0)
    },
  },
]
