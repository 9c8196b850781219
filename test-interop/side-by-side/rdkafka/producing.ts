import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { disconnect, rdkafka, readPartition } from '../../harness/rdkafka.ts'
import type { Suite } from '../suite.ts'
import {
  answer,
  marks,
  metadataOf,
  numbered,
  producerOf,
  reported,
  send,
  topicOf,
  values,
} from './clients.ts'

export function producingCases(suite: Suite): void {
  codecCases(suite)
  contentCases(suite)
  reportCases(suite)
  refusalCases(suite)
  streamCases(suite)
  topicCases(suite)
}

function codecCases(suite: Suite): void {
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    suite.case(`produces and consumes 500 records compressed with ${codec}`, async run => {
      const topic = await topicOf(run)
      const records = values(500).map((value, index) => ({
        value: `${value} ${'abcdefgh'.repeat(index % 50)}`,
        key: `k${index}`,
        timestamp: 1_000 + index,
        headers: [{ index: String(index) }],
      }))
      await send(run, topic, records, { 'compression.codec': codec, 'linger.ms': 20 })
      const stored = await readPartition(run.bootstrap, { topic, partition: 0 })
      expect(
        stored.map(each => [each.offset, each.key?.toString(), each.value?.toString(), each.timestamp]),
      ).toEqual(records.map((each, index) => [index, each.key, each.value, each.timestamp]))
      expect(stored.every(({ headers, offset }) => headers?.[0]?.index?.toString() === String(offset))).toBe(
        true,
      )
    })
  }

  for (const acks of [0, 1, -1]) {
    suite.case(`stores every record under acks ${acks}`, async run => {
      const topic = await topicOf(run)
      await send(run, topic, numbered(200), { acks })
      const { producer } = await producerOf(run)
      await eventually(
        'all',
        async () => (await marks(producer, { topic, partition: 0 })).high === 200 || undefined,
      )
      const stored = await readPartition(run.bootstrap, { topic, partition: 0 })
      expect(stored.map(each => each.value?.toString())).toEqual(values(200))
    })
  }
}

function contentCases(suite: Suite): void {
  suite.case('an idempotent producer keeps the order of 1,000 sends in small batches', async run => {
    const topic = await topicOf(run)
    const reports = await send(run, topic, numbered(1_000), {
      'enable.idempotence': true,
      'batch.num.messages': 20,
    })
    expect(reports.map(each => each.offset)).toEqual(values(1_000).map((_, index) => index))
    const stored = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored.map(each => each.value?.toString())).toEqual(values(1_000))
  })

  suite.case('null keys and values arrive as null', async run => {
    const topic = await topicOf(run)
    await send(run, topic, [
      { value: null, key: null },
      { value: 'v', key: null },
      { value: null, key: 'k' },
    ])
    const stored = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored.map(each => [each.key?.toString() ?? null, each.value?.toString() ?? null])).toEqual([
      [null, null],
      [null, 'v'],
      ['k', null],
    ])
  })

  suite.case('an empty value arrives as empty, and not as null', async run => {
    const topic = await topicOf(run)
    await send(run, topic, [{ value: Buffer.alloc(0) }])
    const [stored] = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored?.value?.toString() ?? null).toBe('')
  })

  suite.case('the value of a header may hold any byte', async run => {
    const topic = await topicOf(run)
    await send(run, topic, [{ value: 'x', headers: [{ bytes: Buffer.from([1, 0, 255]) }] }])
    const [stored] = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored?.headers).toEqual([{ bytes: Buffer.from([1, 0, 255]) }])
  })

  suite.case('headers keep their order and their repeats', async run => {
    const topic = await topicOf(run)
    await send(run, topic, [{ value: 'x', headers: [{ b: 'one' }, { a: '' }, { b: 'two' }] }])
    const [stored] = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored?.headers).toEqual([
      { b: Buffer.from('one') },
      { a: Buffer.alloc(0) },
      { b: Buffer.from('two') },
    ])
  })

  suite.case('keys choose partitions by murmur2, as with Java', async run => {
    const topic = await topicOf(run, { partitions: 7 })
    const { producer, reports } = await producerOf(run, {}, { partitioner: 'murmur2' })
    for (const index of [0, 1, 2, 3]) producer.produce(topic, -1, Buffer.from('x'), `key-${index}`)
    await reported(reports, 4)
    const homes = reports.map(each => [each.key?.toString(), each.partition])
    expect(Object.fromEntries(homes)).toEqual({ 'key-0': 0, 'key-1': 5, 'key-2': 4, 'key-3': 4 })
  })

  suite.case('a value of three megabytes goes through a topic that takes it', async run => {
    const topic = await topicOf(run, { config: { 'max.message.bytes': '4000000' } })
    const value = Buffer.alloc(3_000_000, 'abc')
    await send(run, topic, [{ value }], { 'message.max.bytes': 5_000_000 })
    const [stored] = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored?.value?.equals(value)).toBe(true)
  })

  suite.case('LogAppendTime is shown to consumers', async run => {
    const topic = await topicOf(run, { config: { 'message.timestamp.type': 'LogAppendTime' } })
    const began = Date.now()
    await send(run, topic, [{ value: 'x', timestamp: 5 }])
    const [stored] = await readPartition(run.bootstrap, { topic, partition: 0 })
    expect(stored?.timestamp).toBeGreaterThanOrEqual(began - 1)
  })
}

function reportCases(suite: Suite): void {
  suite.case('a report carries topic, partition, offset, key and opaque', async run => {
    const topic = await topicOf(run, { partitions: 3 })
    const reports = await send(run, topic, [
      { value: 'a', partition: 2, key: 'first' },
      { value: 'b', partition: 2, key: 'second' },
    ])
    expect(reports).toMatchObject([
      { topic, partition: 2, offset: 0, key: Buffer.from('first'), opaque: 0, size: 1 },
      { topic, partition: 2, offset: 1, key: Buffer.from('second'), opaque: 1, size: 1 },
    ])
  })

  suite.case('the high-level producer calls back with the offset of each record', async run => {
    const topic = await topicOf(run)
    const producer = new (rdkafka().HighLevelProducer)(
      { 'bootstrap.servers': run.bootstrap, 'linger.ms': 0 },
      {},
    )
    await answer(callback => producer.connect({ timeout: 20_000 }, callback))
    run.after(() => disconnect(producer))
    const offsets: unknown[] = []
    for (const value of values(5)) {
      const offset = await answer(callback =>
        producer.produce(topic, 0, Buffer.from(value), null, 0, callback),
      )
      offsets.push(offset)
    }
    expect(offsets).toEqual([0, 1, 2, 3, 4])
  })

  suite.case('flush waits until all is sent', async run => {
    const topic = await topicOf(run)
    const { producer } = await producerOf(run, { 'linger.ms': 60_000 })
    for (const value of values(50)) producer.produce(topic, 0, Buffer.from(value))
    await answer<void>(callback => producer.flush(20_000, error => callback(error, undefined)))
    expect(await marks(producer, { topic, partition: 0 })).toEqual({ low: 0, high: 50 })
  })

  suite.case('producing creates a missing topic', async run => {
    const topic = run.name('missing')
    const [report] = await send(run, topic, [{ value: 'first' }])
    expect(report).toMatchObject({ topic, partition: 0, offset: 0 })
  })
}

function refusalCases(suite: Suite): void {
  suite.case('a record over max.message.bytes is refused', async run => {
    const topic = await topicOf(run, { config: { 'max.message.bytes': '1000' } })
    const { producer } = await producerOf(run)
    const codes: unknown[] = []
    producer.on('delivery-report', error => codes.push(error?.message ?? 'stored'))
    producer.produce(topic, 0, Buffer.alloc(2_000), null)
    await eventually('the first report', () => codes.length === 1 || undefined)
    producer.produce(topic, 0, Buffer.alloc(500), null)
    await eventually('the second report', () => codes.length === 2 || undefined)
    expect(codes).toEqual(['message size too large', 'stored'])
  })

  suite.case('a compacted topic refuses a record without a key', async run => {
    const topic = await topicOf(run, { config: { 'cleanup.policy': 'compact' } })
    const { producer } = await producerOf(run)
    const codes: unknown[] = []
    producer.on('delivery-report', error => codes.push(error?.message ?? 'stored'))
    producer.produce(topic, 0, Buffer.from('x'), null)
    await eventually('the first report', () => codes.length === 1 || undefined)
    producer.produce(topic, 0, Buffer.from('x'), 'k')
    await eventually('the second report', () => codes.length === 2 || undefined)
    expect(codes).toEqual(['broker failed to validate record', 'stored'])
  })

  suite.case('an unknown partition is refused', async run => {
    const topic = await topicOf(run)
    const { producer } = await producerOf(run)
    await metadataOf(producer, topic)
    const codes: unknown[] = []
    producer.on('delivery-report', error => codes.push(error?.code))
    try {
      producer.produce(topic, 9, Buffer.from('x'))
    } catch (error) {
      codes.push((error as { code: number }).code)
    }
    await eventually('the refusal', () => codes.length > 0 || undefined)
    expect(codes).toEqual([rdkafka().CODES.ERRORS.ERR__UNKNOWN_PARTITION])
  })
}

function streamCases(suite: Suite): void {
  suite.case('a write stream and a read stream carry 300 records', async run => {
    const topic = await topicOf(run)
    const writing = rdkafka().createWriteStream({ 'bootstrap.servers': run.bootstrap }, {}, { topic })
    for (const value of values(300)) writing.write(Buffer.from(value))
    await new Promise<void>(resolve => writing.end(() => resolve()))
    const reading = rdkafka().createReadStream(
      { 'bootstrap.servers': run.bootstrap, 'group.id': run.name('group'), 'fetch.wait.max.ms': 100 },
      { 'auto.offset.reset': 'earliest' },
      { topics: [topic], streamAsBatch: false, waitInterval: 10 },
    )
    run.after(() => new Promise<void>(resolve => reading.close(() => resolve())))
    const read: string[] = []
    reading.on('data', message => read.push(message.value.toString()))
    await eventually('300 records', () => read.length >= 300 || undefined, 30_000)
    expect(read).toEqual(values(300))
  })
}

function topicCases(suite: Suite): void {
  suite.case('metadata shows brokers, partitions, leaders and replicas', async run => {
    const topic = await topicOf(run, { partitions: 3 })
    const { producer } = await producerOf(run)
    const { brokers, topic: shown } = await metadataOf(producer, topic)
    expect(brokers).toEqual([{ id: 1, host: '127.0.0.1', port: run.broker.port }])
    const partitions = [0, 1, 2].map(id => ({ id, leader: 1, replicas: [1], isrs: [1] }))
    expect(shown).toEqual({ name: topic, partitions })
  })

  suite.case('the admin client creates, grows and deletes a topic', async run => {
    const topic = await topicOf(run)
    const admin = rdkafka().AdminClient.create({ 'bootstrap.servers': run.bootstrap })
    run.after(() => admin.disconnect())
    const done = (ask: (callback: (error: unknown) => void) => void) =>
      new Promise<number>(resolve =>
        ask(error => resolve((error as { code: number } | undefined)?.code ?? 0)),
      )
    const definition = { topic, num_partitions: 1, replication_factor: 1 }
    const { ERRORS } = rdkafka().CODES
    expect(await done(back => admin.createTopic(definition, 20_000, back))).toBe(
      ERRORS.ERR_TOPIC_ALREADY_EXISTS,
    )
    expect(await done(back => admin.createPartitions(topic, 3, 20_000, back))).toBe(0)
    expect(await done(back => admin.createPartitions(topic, 2, 20_000, back))).toBe(
      ERRORS.ERR_INVALID_PARTITIONS,
    )
    const { producer } = await producerOf(run)
    const count = async () => (await metadataOf(producer, topic)).topic?.partitions.length
    await eventually('three partitions', async () => (await count()) === 3 || undefined)
    expect(await done(back => admin.deleteTopic(topic, 20_000, back))).toBe(0)
    await eventually('the deletion', async () => {
      const code = await done(back => admin.deleteTopic(topic, 20_000, back))
      return code === ERRORS.ERR_UNKNOWN_TOPIC_OR_PART || undefined
    })
  })
}
