// librdkafka 2.x through node-rdkafka: producers, assigned consumers, metadata and offsets.

import type { DeliveryReport, KafkaConsumer, Metadata, Producer } from 'node-rdkafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { eventually } from './harness/processes.ts'
import {
  assignedConsumer,
  connectProducer,
  consume,
  createTopic,
  disconnect,
  rdkafka,
  readPartition,
  watermarks,
} from './harness/rdkafka.ts'

let broker: Broker

beforeAll(async () => {
  // Records have times of long ago.
  broker = await startBroker({ 'log.retention.ms': '-1' })
})

afterAll(async () => {
  await broker?.dispose()
})

async function withProducer<T>(
  config: Readonly<Record<string, string | number | boolean>>,
  work: (producer: Producer, reports: DeliveryReport[]) => Promise<T>,
): Promise<T> {
  const { producer, reports } = await connectProducer(broker.bootstrap, config)
  try {
    return await work(producer, reports)
  } finally {
    await disconnect(producer)
  }
}

async function withConsumer<T>(
  assignment: Parameters<typeof assignedConsumer>[1],
  work: (consumer: KafkaConsumer) => Promise<T>,
): Promise<T> {
  const consumer = await assignedConsumer(broker.bootstrap, assignment)
  try {
    return await work(consumer)
  } finally {
    await disconnect(consumer)
  }
}

function allReported(reports: readonly DeliveryReport[], count: number): Promise<boolean> {
  return eventually(`${count} delivery reports`, () => reports.length >= count || undefined)
}

test('librdkafka was built with every codec', () => {
  expect(rdkafka().features).toEqual(expect.arrayContaining(['gzip', 'snappy', 'zstd', 'lz4']))
})

describe('a librdkafka producer', () => {
  const cases = ['none', 'gzip', 'snappy', 'lz4', 'zstd'].flatMap(codec =>
    [0, 1, -1].map(acks => ({ codec, acks })),
  )

  test.each(cases)('stores records compressed with $codec under acks $acks', async ({ codec, acks }) => {
    const topic = `rdkafka-${codec}-${acks}`
    await createTopic(broker.bootstrap, topic)
    const count = 300
    const valueAt = (index: number) =>
      index === 7 ? null : Buffer.from(`${index} ${'abcdefgh'.repeat(index)}`)
    await withProducer({ 'compression.codec': codec, acks, 'linger.ms': 20 }, async (producer, reports) => {
      for (let index = 0; index < count; index += 1) {
        const headers = [{ index: String(index) }, { empty: '' }]
        producer.produce(
          topic,
          0,
          valueAt(index),
          index % 2 ? `key-${index}` : null,
          1_000 + index,
          index,
          headers,
        )
      }
      await allReported(reports, count)
      // Nothing is answered under acks=0, and librdkafka knows no offsets then.
      if (acks !== 0)
        expect(reports.map(each => each.offset)).toEqual(Array.from({ length: count }, (_, i) => i))
    })

    const stored = await withConsumer([], async consumer => {
      await eventually('all records', async () => {
        const { high } = await watermarks(consumer, { topic, partition: 0 })
        return high === count || undefined
      })
      return readPartition(broker.bootstrap, { topic, partition: 0 })
    })
    expect(stored.map(each => each.offset)).toEqual(Array.from({ length: count }, (_, index) => index))
    for (const [index, message] of stored.entries()) {
      expect(message.value).toEqual(valueAt(index))
      expect(message.key?.toString() ?? null).toBe(index % 2 ? `key-${index}` : null)
      expect(message.timestamp).toBe(1_000 + index)
      expect(message.headers).toEqual([{ index: Buffer.from(String(index)) }, { empty: Buffer.alloc(0) }])
    }
  })

  test('that is idempotent, with five requests in flight, keeps the order', async () => {
    const topic = 'rdkafka-idempotent'
    await createTopic(broker.bootstrap, topic, { partitions: 2 })
    const count = 20_000
    const config = { 'enable.idempotence': true, 'batch.num.messages': 50, 'linger.ms': 0 }
    await withProducer(config, async (producer, reports) => {
      for (let index = 0; index < count; index += 1) {
        producer.produce(topic, index % 2, Buffer.from(String(index)), null)
        if (index % 1_000 === 999) await allReported(reports, index - 5_000)
      }
      await allReported(reports, count)
    })
    for (const partition of [0, 1]) {
      const stored = await readPartition(broker.bootstrap, { topic, partition })
      expect(stored.map(each => Number(each.value))).toEqual(
        Array.from({ length: count / 2 }, (_, index) => index * 2 + partition),
      )
    }
  })

  test('is told the time of the log where the topic says so', async () => {
    const topic = 'rdkafka-append-time'
    await createTopic(broker.bootstrap, topic, { config: { 'message.timestamp.type': 'LogAppendTime' } })
    const before = Date.now()
    await withProducer({}, async (producer, reports) => {
      producer.produce(topic, 0, Buffer.from('x'), null, 5)
      await allReported(reports, 1)
    })
    const [message] = await readPartition(broker.bootstrap, { topic, partition: 0 })
    expect(message?.timestamp).toBeGreaterThanOrEqual(before)
    expect(message?.timestamp).toBeLessThanOrEqual(Date.now())
  })

  test('is refused a record beyond max.message.bytes, and goes on', async () => {
    const topic = 'rdkafka-too-large'
    await createTopic(broker.bootstrap, topic, { config: { 'max.message.bytes': '2000' } })
    const messages = await withProducer({}, async producer => {
      const seen: (string | undefined)[] = []
      producer.on('delivery-report', error => seen.push(error?.message))
      producer.produce(topic, 0, Buffer.alloc(3_000), null)
      await eventually('a report', () => seen.length === 1 || undefined)
      producer.produce(topic, 0, Buffer.alloc(1_000), null)
      await eventually('two reports', () => seen.length === 2 || undefined)
      return seen
    })
    expect(messages).toEqual(['message size too large', undefined])
  })
})

describe('an assigned librdkafka consumer', () => {
  const topic = 'rdkafka-consume'

  beforeAll(async () => {
    await createTopic(broker.bootstrap, topic, { partitions: 3 })
    await withProducer({ 'batch.num.messages': 10 }, async (producer, reports) => {
      for (let index = 0; index < 300; index += 1) {
        producer.produce(topic, index % 3, Buffer.from(String(index)), null, 10_000 + index)
      }
      await allReported(reports, 300)
    })
  })

  test('starts at given offsets, the beginning and the end of several partitions', async () => {
    const { OFFSET_BEGINNING, OFFSET_END } = { OFFSET_BEGINNING: -2, OFFSET_END: -1 }
    const assignment = [
      { topic, partition: 0, offset: 90 },
      { topic, partition: 1, offset: OFFSET_BEGINNING },
      { topic, partition: 2, offset: OFFSET_END },
    ]
    await withConsumer(assignment, async consumer => {
      const ends = new Set<number>()
      consumer.on('partition.eof', eof => ends.add(eof.partition))
      const got: { partition: number; offset: number }[] = []
      await eventually('the ends', async () => {
        got.push(...(await consume(consumer, 1_000)))
        return ends.size === 3 || undefined
      })
      const offsets = (partition: number) =>
        got.filter(each => each.partition === partition).map(each => each.offset)
      expect(offsets(0)).toEqual(Array.from({ length: 10 }, (_, index) => 90 + index))
      expect(offsets(1)).toEqual(Array.from({ length: 100 }, (_, index) => index))
      expect(offsets(2)).toEqual([])
    })
  })

  test('reads watermarks, before and after records were deleted', async () => {
    await withConsumer([], async consumer => {
      expect(await watermarks(consumer, { topic, partition: 1 })).toEqual({ low: 0, high: 100 })
    })
  })

  test('looks offsets up by timestamp', async () => {
    await withConsumer([], async consumer => {
      const ask = [
        { topic, partition: 0, offset: 10_000 },
        { topic, partition: 1, offset: 10_150 },
        { topic, partition: 2, offset: 99_999 },
      ]
      const found = await new Promise((resolve, reject) =>
        consumer.offsetsForTimes(ask, 20_000, (error, offsets) => (error ? reject(error) : resolve(offsets))),
      )
      // Partition 1 holds 10,001, 10,004 ... 10,148, 10,151: the first that is not earlier stands at offset 50.
      expect(found).toMatchObject([
        { partition: 0, offset: 0 },
        { partition: 1, offset: 50 },
        { partition: 2, offset: -1 },
      ])
    })
  })

  test('reads the metadata of one topic and of all', async () => {
    await withConsumer([], async consumer => {
      const metadata = (options: { topic?: string }) =>
        new Promise<Metadata>((resolve, reject) =>
          consumer.getMetadata({ timeout: 20_000, ...options }, (error, data) =>
            error ? reject(error) : resolve(data),
          ),
        )
      const one = await metadata({ topic })
      expect(one.brokers).toEqual([{ id: 1, host: '127.0.0.1', port: broker.port }])
      expect(one.topics.find(each => each.name === topic)?.partitions).toEqual(
        [0, 1, 2].map(id => ({ id, leader: 1, replicas: [1], isrs: [1] })),
      )
      await createTopic(broker.bootstrap, 'rdkafka-other')
      const all = await metadata({})
      expect(all.topics.map(each => each.name)).toEqual(expect.arrayContaining([topic, 'rdkafka-other']))
    })
  })

  test('gets what is produced while it waits, without delay', async () => {
    await withConsumer([{ topic, partition: 0, offset: 100 }], async consumer => {
      expect(await consume(consumer, 10)).toEqual([])
      await withProducer({}, async (producer, reports) => {
        producer.produce(topic, 0, Buffer.from('late'), null)
        await allReported(reports, 1)
      })
      const [message] = await eventually('the record', async () => {
        const messages = await consume(consumer, 10)
        return messages.length > 0 ? messages : undefined
      })
      expect([message?.offset, message?.value?.toString()]).toEqual([100, 'late'])
    })
  })

  test('that is out of range starts again where auto.offset.reset says', async () => {
    const consumer = await assignedConsumer(broker.bootstrap, [{ topic, partition: 2, offset: 5_000 }], {
      'auto.offset.reset': 'earliest',
    })
    const [first] = await eventually('a record', async () => {
      const messages = await consume(consumer, 1)
      return messages.length > 0 ? messages : undefined
    })
    expect(first?.offset).toBe(0)
    await disconnect(consumer)
  })
})
