// kafkajs 2.2.4. Its consumers need groups, so what it produced is read back by librdkafka, which checks the CRCs too.

import kafkajs, { type Admin, type Kafka, type Producer, type SeekEntry } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { installCodecs } from './harness/kafkajs-codecs.ts'
import { eventually } from './harness/processes.ts'
import { readPartition } from './harness/rdkafka.ts'

const { CompressionTypes, ConfigResourceTypes, logLevel } = kafkajs

let broker: Broker
let kafka: Kafka
let admin: Admin

beforeAll(async () => {
  installCodecs()
  broker = await startBroker()
  const retry = { initialRetryTime: 50, retries: 10 }
  const config = { clientId: 'interop', brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry }
  kafka = new kafkajs.Kafka(config)
  admin = kafka.admin()
  await admin.connect()
})

afterAll(async () => {
  await admin?.disconnect()
  await broker?.dispose()
})

async function withProducer<T>(
  config: Parameters<Kafka['producer']>[0],
  work: (producer: Producer) => Promise<T>,
): Promise<T> {
  const producer = kafka.producer(config)
  await producer.connect()
  try {
    return await work(producer)
  } finally {
    await producer.disconnect()
  }
}

async function createTopic(topic: string, numPartitions = 1): Promise<void> {
  // Records have times of long ago.
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  const topics = [{ topic, numPartitions, replicationFactor: 1, configEntries }]
  expect(await admin.createTopics({ topics })).toBe(true)
}

async function offsetsOf(topic: string): Promise<(SeekEntry & { low: string; high: string })[]> {
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets.sort((a, b) => a.partition - b.partition)
}

describe('a kafkajs producer', () => {
  const codecs = [
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
    ['zstd', CompressionTypes.ZSTD],
  ] as const
  const allAcks = [
    ['0', 0],
    ['1', 1],
    ['all', -1],
  ] as const
  const cases = codecs.flatMap(([codec, compression]) =>
    allAcks.map(([name, acks]) => ({ codec, compression, name, acks })),
  )

  test.each(cases)(
    'stores records compressed with $codec under acks $name',
    async ({ codec, compression, name, acks }) => {
      const topic = `kafkajs-${codec}-${name}`
      await createTopic(topic)
      const messages = Array.from({ length: 200 }, (_, index) => ({
        key: index % 3 === 0 ? null : `key-${index}`,
        value: index === 199 ? null : `value ${index} ${'abcdefgh'.repeat(index)}`,
        headers: { first: `header-${index}`, second: Buffer.from([0, index, 255]) },
        timestamp: String(1_700_000_000_000 + index),
      }))
      await withProducer({}, async producer => {
        for (const first of [0, 100]) {
          const half = messages.slice(first, first + 100)
          const [result] = await producer.send({ topic, acks, compression, messages: half })
          // With acks=0 nothing is answered, and kafkajs has nothing to return.
          if (acks !== 0) expect(result).toMatchObject({ errorCode: 0, baseOffset: String(first) })
        }
      })
      await eventually('all records', async () => (await offsetsOf(topic))[0]?.high === '200' || undefined)

      const stored = await readPartition(broker.bootstrap, { topic, partition: 0 })
      expect(stored.map(each => each.offset)).toEqual(messages.map((_, index) => index))
      for (const [index, { key, value, headers, timestamp }] of stored.entries()) {
        const sent = messages[index]!
        expect(key?.toString() ?? null).toBe(sent.key)
        expect(value?.toString() ?? null).toBe(sent.value)
        expect(String(timestamp)).toBe(sent.timestamp)
        expect(headers).toEqual([{ first: Buffer.from(sent.headers.first) }, { second: sent.headers.second }])
      }
    },
  )

  test('that is idempotent gets consecutive base offsets, alone and beside others', async () => {
    const topic = 'kafkajs-idempotent'
    await createTopic(topic)
    await withProducer({ idempotent: true, maxInFlightRequests: 1 }, async first => {
      await withProducer({ idempotent: true, maxInFlightRequests: 1 }, async second => {
        for (let round = 0; round < 20; round += 1) {
          for (const [index, producer] of [first, second].entries()) {
            const messages = [{ value: `${round}-${index}-a` }, { value: `${round}-${index}-b` }]
            const [result] = await producer.send({ topic, acks: -1, messages })
            expect(result?.baseOffset).toBe(String(round * 4 + index * 2))
          }
        }
      })
    })
    expect(await readPartition(broker.bootstrap, { topic, partition: 0 })).toHaveLength(80)
  })

  test('spreads keys over the partitions of a topic by their hash, several topics in one request', async () => {
    await createTopic('kafkajs-spread-a', 3)
    await createTopic('kafkajs-spread-b', 3)
    const messages = Array.from({ length: 60 }, (_, index) => ({ key: `k${index}`, value: `v${index}` }))
    const topicMessages = ['kafkajs-spread-a', 'kafkajs-spread-b'].map(topic => ({ topic, messages }))
    await withProducer({}, producer => producer.sendBatch({ acks: -1, topicMessages }))
    for (const topic of ['kafkajs-spread-a', 'kafkajs-spread-b']) {
      const offsets = await offsetsOf(topic)
      expect(offsets.map(each => each.partition)).toEqual([0, 1, 2])
      expect(offsets.reduce((sum, each) => sum + Number(each.high), 0)).toBe(60)
      expect(offsets.every(each => Number(each.high) > 0)).toBe(true)
    }
  })

  test('creates a missing topic by producing to it', async () => {
    const [result] = await withProducer({ allowAutoTopicCreation: true }, producer =>
      producer.send({ topic: 'kafkajs-auto', acks: -1, messages: [{ value: 'first' }] }),
    )
    expect(result).toMatchObject({ topicName: 'kafkajs-auto', partition: 0, errorCode: 0, baseOffset: '0' })
  })

  test('is told of a record that is too large', async () => {
    await createTopic('kafkajs-too-large')
    const messages = [{ value: Buffer.alloc(1_100_000) }]
    const sending = withProducer({}, producer =>
      producer.send({ topic: 'kafkajs-too-large', acks: -1, messages }),
    )
    await expect(sending).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
  })
})

describe('the kafkajs admin client', () => {
  test('describes the cluster', async () => {
    const cluster = await admin.describeCluster()
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: broker.port }])
    expect(cluster.controller).toBe(1)
    expect(cluster.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/)
  })

  test('creates, lists, describes and deletes topics', async () => {
    const topic = 'kafkajs-life'
    const topics = [{ topic, numPartitions: 4, replicationFactor: 1 }]
    expect(await admin.createTopics({ topics, validateOnly: true, waitForLeaders: false })).toBe(true)
    expect(await admin.listTopics()).not.toContain(topic)
    expect(await admin.createTopics({ topics })).toBe(true)
    // kafkajs turns TOPIC_ALREADY_EXISTS into false.
    expect(await admin.createTopics({ topics })).toBe(false)
    expect(await admin.listTopics()).toContain(topic)

    const described = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(described.topics[0]!.name).toBe(topic)
    const partitions = described.topics[0]!.partitions.sort((a, b) => a.partitionId - b.partitionId)
    expect(partitions).toHaveLength(4)
    for (const [index, partition] of partitions.entries()) {
      expect(partition).toMatchObject({
        partitionErrorCode: 0,
        partitionId: index,
        leader: 1,
        replicas: [1],
        isr: [1],
      })
    }

    await admin.deleteTopics({ topics: [topic] })
    await eventually('the deletion', async () => !(await admin.listTopics()).includes(topic) || undefined)
    const impatient = kafka.admin({ retry: { retries: 0 } })
    await impatient.connect()
    await expect(impatient.deleteTopics({ topics: [topic] })).rejects.toMatchObject({
      cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' },
    })
    await impatient.disconnect()
  })

  const refused = [
    { what: 'an invalid name', topic: { topic: 'in/valid' }, type: 'INVALID_TOPIC_EXCEPTION' },
    { what: 'no partitions', topic: { topic: 'kafkajs-none', numPartitions: 0 }, type: 'INVALID_PARTITIONS' },
    {
      what: 'more replicas than brokers',
      topic: { topic: 'kafkajs-replicas', replicationFactor: 3 },
      type: 'INVALID_REPLICATION_FACTOR',
    },
    {
      what: 'a bad configuration',
      topic: { topic: 'kafkajs-config', configEntries: [{ name: 'retention.ms', value: 'soon' }] },
      type: 'INVALID_CONFIG',
    },
    {
      what: 'an assignment to a broker that does not exist',
      topic: { topic: 'kafkajs-assigned', replicaAssignment: [{ partition: 0, replicas: [7] }] },
      type: 'INVALID_REPLICA_ASSIGNMENT',
    },
  ]
  test.each(refused)('is refused a topic with $what', async ({ topic, type }) => {
    const creating = admin.createTopics({ topics: [topic] })
    await expect(creating).rejects.toMatchObject({ errors: [expect.objectContaining({ type })] })
  })

  test('adds partitions, and is refused fewer', async () => {
    const topic = 'kafkajs-grow'
    await createTopic(topic, 2)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    await eventually('five partitions', async () => {
      const described = await admin.fetchTopicMetadata({ topics: [topic] })
      return described.topics[0]?.partitions.length === 5 || undefined
    })
    const shrinking = admin.createPartitions({ topicPartitions: [{ topic, count: 1 }] })
    await expect(shrinking).rejects.toMatchObject({ type: 'INVALID_PARTITIONS' })
  })

  test('reads offsets, also by timestamp, and deletes records', async () => {
    const topic = 'kafkajs-offsets'
    await createTopic(topic)
    const messages = [100, 200, 300, 400].map(each => ({ value: `at ${each}`, timestamp: String(each) }))
    // One batch each, so that a look-up cannot get by with the first record of a batch.
    await withProducer({}, async producer => {
      for (const message of messages) await producer.send({ topic, acks: -1, messages: [message] })
    })
    expect(await offsetsOf(topic)).toEqual([{ partition: 0, offset: '4', low: '0', high: '4' }])
    for (const [timestamp, offset] of [
      [50, '0'],
      [200, '1'],
      [201, '2'],
      [400, '3'],
      [500, '4'],
    ] as const) {
      expect(await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).toEqual([{ partition: 0, offset }])
    }

    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    expect(await offsetsOf(topic)).toEqual([{ partition: 0, offset: '4', low: '2', high: '4' }])
    const left = await readPartition(broker.bootstrap, { topic, partition: 0 })
    expect(left.map(each => [each.offset, each.value?.toString()])).toEqual([
      [2, 'at 300'],
      [3, 'at 400'],
    ])
    // -1 stands for all records up to the high watermark.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] })
    expect(await offsetsOf(topic)).toEqual([{ partition: 0, offset: '4', low: '4', high: '4' }])
  })

  test('describes and alters the configuration of a topic', async () => {
    const topic = 'kafkajs-configs'
    const configEntries = [{ name: 'retention.ms', value: '86400000' }]
    await admin.createTopics({ topics: [{ topic, configEntries }] })
    const describeTopic = async () => {
      const described = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      })
      expect(described.resources[0]).toMatchObject({ errorCode: 0, resourceName: topic })
      return new Map(described.resources[0]!.configEntries.map(each => [each.configName, each]))
    }
    const before = await describeTopic()
    expect(before.get('retention.ms')).toMatchObject({
      configValue: '86400000',
      isDefault: false,
      readOnly: false,
    })
    expect(before.get('cleanup.policy')).toMatchObject({ configValue: 'delete', isSensitive: false })
    expect(before.get('segment.bytes')).toMatchObject({ configValue: '1073741824' })
    expect(before.size).toBeGreaterThanOrEqual(30)

    const alter = (entries: { name: string; value: string }[], validateOnly = false) =>
      admin.alterConfigs({
        validateOnly,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: entries }],
      })
    await alter([{ name: 'segment.bytes', value: '2097152' }], true)
    expect((await describeTopic()).get('segment.bytes')).toMatchObject({ configValue: '1073741824' })
    // The old AlterConfigs replaces the whole set: what is not named goes back to its default.
    await alter([{ name: 'segment.bytes', value: '2097152' }])
    const after = await eventually('the new value', async () => {
      const configs = await describeTopic()
      return configs.get('segment.bytes')?.configValue === '2097152' ? configs : undefined
    })
    expect(after.get('retention.ms')).toMatchObject({ configValue: '604800000' })
    await expect(alter([{ name: 'segment.bytes', value: 'big' }])).rejects.toMatchObject({
      type: 'INVALID_CONFIG',
    })
    await expect(alter([{ name: 'no.such.option', value: '1' }])).rejects.toMatchObject({
      type: 'INVALID_CONFIG',
    })
  })

  test('describes the configuration of the broker', async () => {
    const described = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [
        {
          type: ConfigResourceTypes.BROKER,
          name: '1',
          configNames: ['log.retention.hours', 'node.id', 'message.max.bytes'],
        },
      ],
    })
    const configs = new Map(described.resources[0]!.configEntries.map(each => [each.configName, each]))
    expect([...configs.keys()].sort()).toEqual(['log.retention.hours', 'message.max.bytes', 'node.id'])
    expect(configs.get('node.id')).toMatchObject({ configValue: '1', readOnly: true })
    expect(configs.get('log.retention.hours')).toMatchObject({ configValue: '168' })
    expect(configs.get('message.max.bytes')).toMatchObject({ configValue: '1048588', readOnly: false })
  })
})
