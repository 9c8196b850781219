// What Java's clients of Apache Kafka 4.3 do when things go wrong.

import { expect } from 'vitest'
import type { ClientConfig, JavaClients } from './clients.ts'
import { type Scenario, type Stage, TOPIC } from './scenario.ts'

const HURRY: ClientConfig = {
  'client.id': 'java',
  'retry.backoff.ms': 30,
  'retry.backoff.max.ms': 60,
  'reconnect.backoff.ms': 30,
  'reconnect.backoff.max.ms': 60,
  'request.timeout.ms': 1_500,
}
const CONSUMER: ClientConfig = {
  ...HURRY,
  'group.id': 'readers',
  'auto.offset.reset': 'earliest',
  'enable.auto.commit': false,
  'fetch.max.wait.ms': 100,
  'heartbeat.interval.ms': 200,
}

/** Nothing was committed when the member lost its partitions. */
const READ_AGAIN = ['assigned 2', 'record 0 value 0', 'lost 2', 'assigned 2', 'record 0 value 0', 'revoked 2']

export function javaScenarios(java: () => JavaClients): readonly Scenario[] {
  const produce = (stage: Stage, count = 1, config: ClientConfig = {}) =>
    java().run('produce', { topic: TOPIC, count, 'bootstrap.servers': stage.bootstrap, ...HURRY, ...config })
  const consume = (stage: Stage, count: number, config: ClientConfig = {}) =>
    java().run('consume', {
      topic: TOPIC,
      count,
      'bootstrap.servers': stage.bootstrap,
      ...CONSUMER,
      ...config,
    })
  const transact = (stage: Stage) => {
    const id = { 'transactional.id': 'payments', 'bootstrap.servers': stage.bootstrap }
    return java().run('transact', { topic: TOPIC, ...id, ...HURRY })
  }

  return [...producers(produce), ...transactions(transact), ...consumers(consume)]
}

type Run = (stage: Stage, count: number, config?: ClientConfig) => Promise<string[]>

function producers(produce: Run): Scenario[] {
  return [
    {
      client: 'Java',
      fault: 'the broker does not answer a write that it has done',
      rules: [{ api: 'Produce', nth: 1, effect: { silence: true, when: 'after' } }],
      does: 'closes the connection after request.timeout.ms, connects and sends the same sequence again: one record',
      story: ['Produce'],
      async play(stage) {
        stage.disturb()
        expect(await produce(stage, 1, { 'delivery.timeout.ms': 20_000 })).toEqual(['sent 0'])
        expect(await stage.stored()).toEqual(['record 0'])
        const connections = stage.klamm.trace.requests('Produce').map(each => each.connection)
        expect(new Set(connections).size).toBe(2)
      },
    },
    {
      client: 'Java',
      fault: 'the broker has lost track of the sequence',
      rules: [{ api: 'Produce', nth: 2, effect: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }],
      does: 'raises its epoch by itself and sends under the new one, from sequence 0',
      story: ['InitProducerId', 'Produce'],
      async play(stage) {
        stage.disturb()
        expect(await produce(stage, 2)).toEqual(['sent 0', 'sent 1'])
        expect(await stage.stored()).toEqual(['record 0', 'record 1'])
        const epochs = stage.klamm.trace.requests('Produce').map(each => producerEpochIn(each.body))
        expect(epochs).toEqual([0, 0, 1])
      },
    },
    {
      client: 'Java',
      fault: 'metadata is old: the topic is not in it yet',
      rules: [{ api: 'Metadata', times: 3, effect: { staleMetadata: true } }],
      does: 'asks for metadata again until the topic is there, then sends',
      story: ['Metadata', 'Produce'],
      async play(stage) {
        await stage.klamm.deleteTopic(TOPIC)
        stage.disturb()
        await stage.klamm.createTopic(TOPIC)
        expect(await produce(stage, 1)).toEqual(['sent 0'])
      },
    },
    {
      client: 'Java',
      fault: 'a write takes long, and the one behind it does not overtake',
      rules: [{ api: 'Produce', nth: 1, effect: { delayMs: 400 } }],
      does: 'waits; nothing is sent twice',
      story: ['Produce'],
      async play(stage) {
        stage.disturb()
        expect(await produce(stage, 2)).toEqual(['sent 0', 'sent 1'])
        const [first] = stage.klamm.trace.exchanges('Produce')
        expect(first!.durationMs).toBeGreaterThanOrEqual(400)
        expect(stage.klamm.trace.exchanges('Produce')).toHaveLength(2)
      },
    },
    {
      client: 'Java',
      fault: 'the answer is to a request that nobody sent',
      rules: [{ api: 'Produce', nth: 1, effect: { corrupt: 'correlationId' } }],
      does: 'forgets the request without a word: the send fails after delivery.timeout.ms, though the record is there',
      story: ['Produce'],
      async play(stage) {
        stage.disturb()
        expect(await produce(stage, 1, { 'delivery.timeout.ms': 2_000 })).toEqual(['failed TimeoutException'])
        expect(await stage.stored()).toEqual(['record 0'])
      },
    },
  ]
}

function transactions(transact: (stage: Stage) => Promise<string[]>): Scenario[] {
  return [
    {
      client: 'Java',
      fault: 'the transaction must be aborted (KIP-890)',
      rules: [{ api: 'Produce', transactionalId: 'payments', nth: 1, effect: 'TRANSACTION_ABORTABLE' }],
      does: 'has the application abort; the next transaction goes through, and readers see that one alone',
      story: ['InitProducerId', 'Produce', 'EndTxn'],
      async play(stage) {
        stage.disturb()
        expect(await transact(stage)).toEqual(['aborting TransactionAbortableException', 'committed 2'])
        expect(await stage.stored()).toEqual(['attempt 2'])
      },
    },
    {
      client: 'Java',
      fault: 'the coordinator has moved in the middle of a transaction',
      rules: [{ api: 'EndTxn', transactionalId: 'payments', nth: 1, effect: { coordinatorMoved: true } }],
      does: 'finds the coordinator again and commits there',
      story: ['FindCoordinator', 'EndTxn'],
      async play(stage) {
        stage.disturb()
        expect(await transact(stage)).toEqual(['committed 1'])
        expect(await stage.stored()).toEqual(['attempt 1'])
      },
    },
    {
      client: 'Java',
      fault: 'the connection is lost after the commit',
      rules: [{ api: 'EndTxn', nth: 1, effect: { drop: true, when: 'after' } }],
      does: 'asks for the commit again, which the coordinator knows to be done',
      story: ['EndTxn'],
      async play(stage) {
        stage.disturb()
        expect(await transact(stage)).toEqual(['committed 1'])
        expect(await stage.stored()).toEqual(['attempt 1'])
      },
    },
    {
      client: 'Java',
      fault: 'another producer has taken the transactional id',
      rules: [{ api: 'EndTxn', nth: 1, effect: 'PRODUCER_FENCED' }],
      does: 'tells the application that it is fenced, and tries nothing more',
      story: ['EndTxn'],
      async play(stage) {
        stage.disturb()
        expect(await transact(stage)).toEqual(['fenced 1'])
        expect(await stage.stored()).toEqual([])
      },
    },
  ]
}

function consumers(consume: Run): Scenario[] {
  const withRecords = async (stage: Stage, count: number) => {
    const records = Array.from({ length: count }, (_, index) => ({ value: `value ${index}`, partition: 0 }))
    await stage.klamm.produce(TOPIC, records)
    stage.disturb()
  }
  return [
    {
      client: 'Java',
      fault: 'a bit of the fetched records is wrong',
      rules: [{ api: 'Fetch', topic: TOPIC, times: 1, effect: { corrupt: 'records' } }],
      does: 'throws from each poll until the application seeks past the record; it never fetches that one again',
      story: ['Fetch'],
      async play(stage) {
        await withRecords(stage, 2)
        const said = await consume(stage, 1)
        expect(said.filter(line => !line.startsWith('revoked'))).toEqual([
          'assigned 2',
          'failed KafkaException',
          'record 1 value 1',
        ])
      },
    },
    {
      client: 'Java',
      fault: 'nobody coordinates the group for a while',
      rules: [{ group: 'readers', times: 4, effect: { coordinatorMoved: true } }],
      does: 'looks for the coordinator until there is one, and joins',
      story: ['FindCoordinator', 'JoinGroup'],
      async play(stage) {
        await withRecords(stage, 1)
        expect(await consume(stage, 1)).toEqual(['assigned 2', 'record 0 value 0', 'revoked 2'])
      },
    },
    {
      client: 'Java',
      fault: 'a transaction has offsets of the group pending',
      rules: [{ api: 'OffsetFetch', topic: TOPIC, nth: [1, 2], effect: 'UNSTABLE_OFFSET_COMMIT' }],
      does: 'asks for the committed offsets again until they are stable (KIP-447)',
      story: ['OffsetFetch', 'Fetch'],
      async play(stage) {
        await withRecords(stage, 1)
        expect(await consume(stage, 1)).toEqual(['assigned 2', 'record 0 value 0', 'revoked 2'])
      },
    },
    {
      client: 'Java',
      fault: 'the coordinator does not know the member any more',
      rules: [{ api: 'Heartbeat', group: 'readers', nth: 1, effect: 'UNKNOWN_MEMBER_ID' }],
      does: 'gives its partitions up as lost, joins as a new member when the old one has timed out, and reads on from what was committed',
      story: ['JoinGroup', 'Heartbeat!'],
      async play(stage) {
        await withRecords(stage, 1)
        const said = await consume(stage, 2, { 'session.timeout.ms': 1_000 })
        expect(said).toEqual(READ_AGAIN)
      },
    },
    {
      client: 'Java',
      fault: "the member's epoch is fenced, in the new protocol of groups (KIP-848)",
      rules: [{ api: 'ConsumerGroupHeartbeat', group: 'readers', nth: 3, effect: 'FENCED_MEMBER_EPOCH' }],
      does: 'gives its partitions up as lost, joins again at epoch 0, and reads on from what was committed',
      story: ['ConsumerGroupHeartbeat'],
      async play(stage) {
        await withRecords(stage, 1)
        const config = { 'group.protocol': 'consumer', 'heartbeat.interval.ms': undefined }
        expect(await consume(stage, 2, config)).toEqual(READ_AGAIN)
      },
    },
  ]
}

function producerEpochIn(body: Readonly<Record<string, unknown>>): number | undefined {
  const [topic] = body.topicData as {
    partitionData: { records: { batches: { producerEpoch?: number }[] } }[]
  }[]
  return topic?.partitionData[0]?.records.batches[0]?.producerEpoch
}
