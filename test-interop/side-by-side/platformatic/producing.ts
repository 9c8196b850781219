import assert from 'node:assert/strict'
import { compatibilityPartitioner } from '@platformatic/kafka'
import { bytes, type Cases, numbered, type Run, refused, values } from './cases.ts'

async function readAll(run: Run, topic: string, count: number) {
  const reader = await run.reader([topic])
  return reader.until(count)
}

export function producingCases(cases: Cases): void {
  codecCases(cases)
  contentCases(cases)
  orderCases(cases)
  refusalCases(cases)
}

function codecCases(cases: Cases): void {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    cases.add(`produces and consumes 300 records compressed with ${compression}`, async run => {
      const topic = await run.topic()
      const records = values(300).map((value, index) => ({
        key: bytes(`k${index}`)!,
        value: Buffer.from(`${value} ${'abcdefgh'.repeat(index % 50)}`),
        timestamp: BigInt(1_000 + index),
        headers: new Map([[Buffer.from('index'), Buffer.from(String(index))]]),
      }))
      await run.send(topic, records, { compression })
      const received = await readAll(run, topic, 300)
      for (const [index, each] of received.entries()) {
        const { key, value, timestamp } = records[index]!
        assert.deepEqual(
          [each.offset, each.key, each.value, each.timestamp],
          [BigInt(index), key, value, timestamp],
        )
        assert.deepEqual(each.headerEntries, [[Buffer.from('index'), Buffer.from(String(index))]])
      }
    })
  }

  for (const acks of [0, 1, -1]) {
    cases.add(`stores every record under acks ${acks}`, async run => {
      const topic = await run.topic()
      const messages = numbered(100).map(each => ({ topic, ...each }))
      const result = await run.producer().send({ messages, acks })
      if (acks !== 0) assert.deepEqual(result.offsets, [{ topic, partition: 0, offset: 0n }])
      const received = await readAll(run, topic, 100)
      assert.deepEqual(
        received.map(each => each.value.toString()),
        values(100),
      )
    })
  }
}

function contentCases(cases: Cases): void {
  cases.add('records without key or value arrive without', async run => {
    const topic = await run.topic()
    await run.send(topic, [{ key: bytes('k')! }, { value: bytes('v')! }])
    const received = await readAll(run, topic, 2)
    const shown = received.map(each => [each.key?.toString() ?? null, each.value?.toString() ?? null])
    assert.deepEqual(shown, [
      ['k', null],
      [null, 'v'],
    ])
  })

  cases.add('empty keys and values arrive as empty', async run => {
    const topic = await run.topic()
    await run.send(topic, [{ key: Buffer.alloc(0), value: Buffer.alloc(0) }])
    const [received] = await readAll(run, topic, 1)
    assert.deepEqual([received?.key, received?.value], [Buffer.alloc(0), Buffer.alloc(0)])
  })

  cases.add('header values may hold any byte', async run => {
    const topic = await run.topic()
    const headers = new Map([[Buffer.from('bytes'), Buffer.from([0, 255, 0])]])
    await run.send(topic, [{ value: bytes('x')!, headers }])
    const [received] = await readAll(run, topic, 1)
    assert.deepEqual(received?.headerEntries, [[Buffer.from('bytes'), Buffer.from([0, 255, 0])]])
  })

  cases.add('LogAppendTime puts the time of the broker on every record', async run => {
    const topic = await run.topic(1, { config: { 'message.timestamp.type': 'LogAppendTime' } })
    const began = BigInt(Date.now())
    await run.send(topic, [{ value: bytes('x')!, timestamp: 5n }])
    const [received] = await readAll(run, topic, 1)
    assert.ok(received!.timestamp >= began - 1n, String(received!.timestamp))
  })

  cases.add('keys choose partitions by murmur2, as with Java', async run => {
    const topic = await run.topic(7)
    const producer = run.producer({ partitioner: compatibilityPartitioner })
    const homes: Record<string, number | undefined> = {}
    for (const key of ['key-0', 'key-1', 'key-2', 'key-3']) {
      const { offsets } = await producer.send({
        messages: [{ topic, key: bytes(key)!, value: bytes('x')! }],
        acks: -1,
      })
      homes[key] = offsets?.[0]?.partition
    }
    assert.deepEqual(homes, { 'key-0': 0, 'key-1': 5, 'key-2': 4, 'key-3': 4 })
  })

  cases.add('a topic with a larger max.message.bytes takes three megabytes', async run => {
    const topic = await run.topic(1, { config: { 'max.message.bytes': '4000000' } })
    const value = Buffer.alloc(3_000_000, 'abc')
    await run.send(topic, [{ value }])
    const [received] = await readAll(run, topic, 1)
    assert.ok(received!.value.equals(value))
  })
}

function orderCases(cases: Cases): void {
  cases.add('an idempotent producer gets consecutive offsets', async run => {
    const topic = await run.topic()
    const producer = run.producer({ idempotent: true })
    for (let round = 0; round < 10; round += 1) {
      const messages = numbered(5, round * 5).map(each => ({ topic, ...each }))
      const { offsets } = await producer.send({ messages, acks: -1 })
      assert.deepEqual(offsets, [{ topic, partition: 0, offset: BigInt(round * 5) }])
    }
    assert.ok(producer.producerId! >= 0n)
    const received = await readAll(run, topic, 50)
    assert.deepEqual(
      received.map(each => each.value.toString()),
      values(50),
    )
  })

  cases.add('one send reaches several topics and partitions', async run => {
    const [a, b] = [await run.topic(2, { name: run.name('a') }), await run.topic(2, { name: run.name('b') })]
    const messages = [a, b].flatMap(topic =>
      [0, 1].map(partition => ({ topic, partition, value: bytes('x')! })),
    )
    const { offsets } = await run.producer().send({ messages, acks: -1 })
    assert.equal(offsets?.length, 4)
    for (const topic of [a, b]) assert.deepEqual(await run.ends(topic, 2), [1n, 1n])
  })

  cases.add('a stream of records is written in its order', async run => {
    const topic = await run.topic()
    const stream = run.producer({ acks: -1 }).asStream({ batchSize: 50, batchTime: 10 })
    for (const each of numbered(200)) stream.write({ topic, ...each })
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject)
      stream.end(() => resolve())
    })
    const received = await readAll(run, topic, 200)
    assert.deepEqual(
      received.map(each => each.value.toString()),
      values(200),
    )
  })

  cases.add('producing creates a missing topic where the client asks so', async run => {
    const topic = run.name('missing')
    await run
      .producer({ autocreateTopics: true })
      .send({ messages: [{ topic, value: bytes('x')! }], acks: -1 })
    assert.deepEqual(await run.ends(topic), [1n])
  })
}

function refusalCases(cases: Cases): void {
  cases.add('a record over max.message.bytes is refused', async run => {
    const topic = await run.topic(1, { config: { 'max.message.bytes': '1000' } })
    await refused('MESSAGE_TOO_LARGE', () => run.send(topic, [{ value: Buffer.alloc(2_000) }]))
    await run.send(topic, [{ value: Buffer.alloc(500) }])
    assert.deepEqual(await run.ends(topic), [1n])
  })

  cases.add('a compacted topic refuses a record without a key', async run => {
    const topic = await run.topic(1, { config: { 'cleanup.policy': 'compact' } })
    await refused('INVALID_RECORD', () => run.send(topic, [{ value: bytes('x')! }]))
    await run.send(topic, [{ key: bytes('k')!, value: bytes('x')! }])
  })

  cases.add('a timestamp too old for the topic is refused', async run => {
    const topic = await run.topic(1, { config: { 'message.timestamp.before.max.ms': '60000' } })
    await refused('INVALID_TIMESTAMP', () => run.send(topic, [{ value: bytes('x')!, timestamp: 1_000n }]))
  })
}
