// What librdkafka (node-rdkafka) does when things go wrong.

import type { DeliveryReport, KafkaConsumer, LibrdKafkaError, Producer } from 'node-rdkafka'
import { expect } from 'vitest'
import { eventually } from '../harness/processes.ts'
import { assignedConsumer, connectProducer, consume, disconnect } from '../harness/rdkafka.ts'
import { type Scenario, type Stage, TOPIC } from './scenario.ts'

const RD_KAFKA_RESP_ERR__FENCED = -144
const HURRY = {
  'client.id': 'librdkafka',
  'retry.backoff.ms': 30,
  'retry.backoff.max.ms': 60,
  'reconnect.backoff.ms': 30,
  'reconnect.backoff.max.ms': 60,
  'topic.metadata.refresh.fast.interval.ms': 50,
  'socket.timeout.ms': 2_000,
  'linger.ms': 0,
} as const

type Config = Readonly<Record<string, string | number | boolean>>

interface Producing {
  readonly producer: Producer
  readonly reports: DeliveryReport[]
  /** Sends a record and waits until all that were sent have their report. */
  send(value: string): Promise<void>
}

async function producing(
  { bootstrap }: Stage,
  config: Config,
  work: (producing: Producing) => Promise<void>,
): Promise<void> {
  const { producer, reports } = await connectProducer(bootstrap, { ...HURRY, ...config })
  let sent = 0
  const send = async (value: string) => {
    sent++
    producer.produce(TOPIC, 0, Buffer.from(value))
    await eventually('a delivery report', () => (reports.length >= sent ? true : undefined), 20_000)
  }
  try {
    await work({ producer, reports, send })
  } finally {
    await disconnect(producer)
  }
}

/** Reads partition 0 from its beginning until there are as many values, and tells what went wrong meanwhile. */
async function reading(
  { bootstrap }: Stage,
  count: number,
  config: Config = {},
): Promise<{ read: string[]; errors: string[] }> {
  const errors: string[] = []
  const start = [{ topic: TOPIC, partition: 0, offset: 0 }]
  const settings = { ...HURRY, 'fetch.error.backoff.ms': 30, 'auto.offset.reset': 'earliest', ...config }
  const consumer: KafkaConsumer = await assignedConsumer(bootstrap, start, settings)
  consumer.on('event.error', (error: LibrdKafkaError) => errors.push(error.message))
  const read: string[] = []
  try {
    await eventually(
      'records',
      async () => {
        const messages = await consume(consumer, 10).catch((error: LibrdKafkaError) => {
          errors.push(error.message)
          return []
        })
        read.push(...messages.map(each => String(each.value)))
        return read.length >= count ? true : undefined
      },
      20_000,
    )
  } finally {
    await disconnect(consumer)
  }
  return { read, errors }
}

/** Where a fetch of one partition begins. */
function positionIn(body: Readonly<Record<string, unknown>>): bigint | undefined {
  const [topic] = body.topics as { partitions: { fetchOffset: bigint }[] }[]
  return topic?.partitions[0]?.fetchOffset
}

const errorsOf = (reports: readonly DeliveryReport[]) =>
  reports.map(report => (report as { err?: unknown }).err ?? null)

function transaction(
  work: (callback: (error?: LibrdKafkaError | null) => void) => void,
): Promise<LibrdKafkaError | undefined> {
  return new Promise(resolve => work(error => resolve(error ?? undefined)))
}

export const rdkafkaScenarios: readonly Scenario[] = [
  {
    client: 'librdkafka',
    fault: 'the leader has moved, three times',
    rules: [{ api: 'Produce', topic: TOPIC, nth: [1, 2, 3], effect: 'NOT_LEADER_OR_FOLLOWER' }],
    does: 'asks for metadata and sends again each time; one record, one report of success',
    story: ['Produce'],
    async play(stage) {
      await producing(stage, {}, async ({ send, reports }) => {
        stage.disturb()
        await send('one')
        expect(reports).toMatchObject([{ offset: 0, size: 3 }])
      })
      expect(await stage.stored()).toEqual(['one'])
      const [failed] = stage.klamm.trace.exchanges('Produce')
      const metadata = stage.klamm.trace.exchanges('Metadata').filter(each => each.number > failed!.number)
      expect(metadata.length).toBeGreaterThan(0)
    },
  },
  {
    client: 'librdkafka',
    fault: 'the connection is lost after the write of an idempotent producer',
    rules: [{ api: 'Produce', nth: 1, effect: { drop: true, when: 'after' } }],
    does: 'connects and sends the same sequence again; the record is there once',
    story: ['InitProducerId', 'Produce'],
    async play(stage) {
      await producing(stage, { 'enable.idempotence': true }, async ({ send, reports }) => {
        stage.disturb()
        await send('one')
        expect(errorsOf(reports)).toEqual([null])
      })
      expect(await stage.stored()).toEqual(['one'])
    },
  },
  {
    client: 'librdkafka',
    fault: 'a write is done, and answered with a time-out',
    rules: [{ api: 'Produce', nth: 1, effect: { error: 'REQUEST_TIMED_OUT', when: 'after' } }],
    does: 'sends again; with idempotence the record is there once',
    story: ['Produce'],
    async play(stage) {
      await producing(stage, { 'enable.idempotence': true }, async ({ send, reports }) => {
        stage.disturb()
        await send('one')
        expect(errorsOf(reports)).toEqual([null])
      })
      expect(await stage.stored()).toEqual(['one'])
    },
  },
  {
    client: 'librdkafka',
    fault: 'the record is refused for good',
    rules: [{ api: 'Produce', nth: 1, effect: 'MESSAGE_TOO_LARGE' }],
    does: 'reports the failure at once and does not send again',
    story: ['Produce'],
    async play(stage) {
      await producing(stage, {}, async ({ producer, reports }) => {
        const failed: LibrdKafkaError[] = []
        producer.on('delivery-report', error => error && failed.push(error))
        stage.disturb()
        producer.produce(TOPIC, 0, Buffer.from('one'))
        await eventually('a report', () => (failed.length > 0 ? true : undefined), 20_000)
        expect(failed[0]!.message).toMatch(/too large/i)
        expect(reports).toHaveLength(1)
      })
      expect(await stage.stored()).toEqual([])
    },
  },
  {
    client: 'librdkafka',
    fault: 'producers are throttled by a quota',
    rules: [{ api: 'Produce', nth: 1, effect: { throttleMs: 700 } }],
    does: 'tells the application (event.throttle); its next write is served when the time is over',
    story: ['Produce'],
    async play(stage) {
      const told: { throttleTime: number }[] = []
      await producing(stage, {}, async ({ producer, send }) => {
        producer.on('event.throttle', event => told.push(event as unknown as { throttleTime: number }))
        stage.disturb()
        await send('one')
        await send('two')
      })
      expect(told[0]).toMatchObject({ throttleTime: 700 })
      const [first, second] = stage.klamm.trace.exchanges('Produce')
      expect(second!.requestedAt - first!.answeredAt!).toBeGreaterThan(650)
      expect(await stage.stored()).toEqual(['one', 'two'])
    },
  },
  {
    client: 'librdkafka',
    fault: 'a bit of the fetched records is wrong',
    rules: [{ api: 'Fetch', topic: TOPIC, times: 1, effect: { corrupt: 'records' } }],
    does:
      'sees it by the checksum, goes on at an offset that it takes from the bytes of the record (0x7878787878787879), ' +
      'is told that there is no such, and begins again as auto.offset.reset says',
    story: ['Fetch'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'x'.repeat(500), partition: 0 })
      stage.disturb()
      const { read } = await reading(stage, 1)
      expect(read).toEqual(['x'.repeat(500)])
      const [, second] = stage.klamm.trace.requests('Fetch').map(each => positionIn(each.body))
      expect(second).toBe(0x7878787878787879n)
    },
  },
  {
    client: 'librdkafka',
    fault: 'half a response, then the connection is lost',
    rules: [{ api: 'Fetch', times: 1, effect: { truncate: true } }],
    does: 'connects again and fetches again',
    story: ['Fetch'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      expect((await reading(stage, 1)).read).toEqual(['one'])
    },
  },
  {
    client: 'librdkafka',
    fault: 'a response announces a size below zero',
    rules: [{ api: 'Fetch', times: 1, effect: { corrupt: 'size' } }],
    does: 'gives the connection up as broken, connects and fetches again',
    story: ['Fetch'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      expect((await reading(stage, 1)).read).toEqual(['one'])
    },
  },
  {
    client: 'librdkafka',
    fault: 'the position is out of range',
    rules: [{ api: 'Fetch', topic: TOPIC, partition: 0, times: 1, effect: 'OFFSET_OUT_OF_RANGE' }],
    does: 'asks where the log begins, as auto.offset.reset says, and reads from there',
    story: ['Fetch', 'ListOffsets'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      expect((await reading(stage, 1)).read).toEqual(['one'])
    },
  },
  {
    client: 'librdkafka',
    fault: 'another producer has taken the transactional id',
    rules: [{ api: 'Produce', transactionalId: 'payments', effect: 'INVALID_PRODUCER_EPOCH' }],
    does: 'gives the transaction up: its producer is fenced for good',
    story: ['InitProducerId', 'Produce', 'EndTxn'],
    async play(stage) {
      const config = { 'transactional.id': 'payments', 'enable.idempotence': true }
      await producing(stage, config, async ({ producer, reports }) => {
        expect(await transaction(done => producer.initTransactions(10_000, done))).toBeUndefined()
        expect(await transaction(done => producer.beginTransaction(done))).toBeUndefined()
        stage.disturb()
        producer.produce(TOPIC, 0, Buffer.from('one'))
        await eventually('a report', () => (reports.length > 0 ? true : undefined), 20_000)
        const error = await transaction(done => producer.commitTransaction(10_000, done))
        expect(error?.code ?? 0, error?.message).toBe(RD_KAFKA_RESP_ERR__FENCED)
      })
      expect(await stage.stored()).toEqual([])
    },
  },
]
