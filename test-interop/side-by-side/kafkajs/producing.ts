// Producing with kafkajs; what arrived is read back with kafkajs too.

import kafkajs, { type IHeaders } from 'kafkajs'
import { expect } from 'vitest'
import type { Run, Suite } from '../suite.ts'
import {
  adminOf,
  createTopic,
  memberOf,
  numbered,
  producerOf,
  type Received,
  reader,
  send,
} from './clients.ts'

const { CompressionTypes, Partitioners } = kafkajs

export async function readAll(run: Run, topic: string, count: number): Promise<Received[]> {
  const member = await reader(run, [topic])
  const received = await member.until(count)
  return received.sort((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset))
}

async function highOf(run: Run, topic: string): Promise<string[]> {
  const admin = await adminOf(run)
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets.sort((a, b) => a.partition - b.partition).map(each => each.high)
}

export function producingCases(suite: Suite): void {
  codecCases(suite)
  contentCases(suite)
  timestampCases(suite)
  partitionCases(suite)
  sizeCases(suite)
  idempotenceCases(suite)
  requestCases(suite)
}

function codecCases(suite: Suite): void {
  for (const [name, compression] of Object.entries({
    none: CompressionTypes.None,
    gzip: CompressionTypes.GZIP,
    snappy: CompressionTypes.Snappy,
    lz4: CompressionTypes.LZ4,
    zstd: CompressionTypes.ZSTD,
  })) {
    suite.case(`produces and consumes 300 records compressed with ${name}`, async run => {
      const topic = await createTopic(run)
      const messages = Array.from({ length: 300 }, (_, index) => ({
        key: `key-${index}`,
        value: `${index} ${'abcdefgh'.repeat(index)}`,
        headers: { index: String(index) },
      }))
      const [result] = await send(run, topic, messages, { compression })
      expect(result).toMatchObject({ topicName: topic, partition: 0, errorCode: 0, baseOffset: '0' })
      const received = await readAll(run, topic, 300)
      expect(received.map(each => each.offset)).toEqual(messages.map((_, index) => String(index)))
      for (const [index, each] of received.entries()) {
        expect(each.key?.toString()).toBe(messages[index]!.key)
        expect(each.value?.toString()).toBe(messages[index]!.value)
        expect(each.headers?.index?.toString()).toBe(String(index))
      }
    })
  }

  suite.case('reads one partition that holds batches of every codec', async run => {
    const topic = await createTopic(run)
    const producer = await producerOf(run)
    for (const compression of [0, 1, 2, 3, 4]) {
      await producer.send({ topic, compression, messages: numbered(20, compression * 20) })
    }
    const received = await readAll(run, topic, 100)
    expect(received.map(each => each.value?.toString())).toEqual(numbered(100).map(each => each.value))
  })

  suite.case('a topic whose compression.type is gzip takes records in other codecs', async run => {
    const topic = await createTopic(run, { config: { 'compression.type': 'gzip' } })
    await send(run, topic, numbered(50), { compression: CompressionTypes.LZ4 })
    await send(run, topic, numbered(50, 50))
    const received = await readAll(run, topic, 100)
    expect(received.map(each => each.value?.toString())).toEqual(numbered(100).map(each => each.value))
    // The attributes of a record batch come with each of its messages.
    expect(received.every(each => each.offset === String(received.indexOf(each)))).toBe(true)
  })
}

function contentCases(suite: Suite): void {
  suite.case('tells null keys and values from empty ones', async run => {
    const topic = await createTopic(run)
    await send(run, topic, [
      { key: null, value: null },
      { key: '', value: '' },
      { key: 'k', value: null },
      { key: null, value: 'v' },
    ])
    const received = await readAll(run, topic, 4)
    expect(received.map(({ key, value }) => [key?.toString() ?? null, value?.toString() ?? null])).toEqual([
      [null, null],
      ['', ''],
      ['k', null],
      [null, 'v'],
    ])
  })

  suite.case('keeps headers of any bytes, and several values of one header in order', async run => {
    const topic = await createTopic(run)
    const headers: IHeaders = {
      one: 'text',
      two: Buffer.from([0, 255, 128]),
      many: ['a', 'b', 'a'],
      none: '',
    }
    await send(run, topic, [{ value: 'x', headers }])
    const [received] = await readAll(run, topic, 1)
    const bytes = (text: string) => Buffer.from(text)
    expect(received?.headers).toEqual({
      one: bytes('text'),
      two: Buffer.from([0, 255, 128]),
      many: [bytes('a'), bytes('b'), bytes('a')],
      none: bytes(''),
    })
  })

  suite.case('a record without headers comes without headers', async run => {
    const topic = await createTopic(run)
    await send(run, topic, [{ value: 'x' }])
    const [received] = await readAll(run, topic, 1)
    expect(received?.headers).toEqual({})
  })

  suite.case('keeps keys and values of any alphabet, byte for byte', async run => {
    const topic = await createTopic(run)
    const key = 'ключ 鍵 🔑'
    const value = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    await send(run, topic, [{ key, value, headers: { schlüssel: 'größe' } }])
    const [received] = await readAll(run, topic, 1)
    expect(received?.key?.toString()).toBe(key)
    expect(received?.value).toEqual(value)
    expect(received?.headers?.schlüssel?.toString()).toBe('größe')
  })
}

function timestampCases(suite: Suite): void {
  suite.case('keeps the timestamps that the producer gave', async run => {
    const topic = await createTopic(run)
    const timestamps = ['1700000000000', '1', '1600000000000']
    await send(
      run,
      topic,
      timestamps.map(timestamp => ({ value: 'x', timestamp })),
    )
    const received = await readAll(run, topic, 3)
    expect(received.map(each => each.timestamp)).toEqual(timestamps)
  })

  suite.case('a topic with LogAppendTime puts its own time on every record', async run => {
    const topic = await createTopic(run, { config: { 'message.timestamp.type': 'LogAppendTime' } })
    const began = Date.now()
    const [result] = await send(run, topic, [
      { value: 'x', timestamp: '1000' },
      { value: 'y', timestamp: '2000' },
    ])
    expect(Number(result?.logAppendTime)).toBeGreaterThanOrEqual(began - 1)
    const received = await readAll(run, topic, 2)
    expect(received.map(each => each.timestamp)).toEqual([result?.logAppendTime, result?.logAppendTime])
  })

  suite.case('a topic with CreateTime reports no append time', async run => {
    const topic = await createTopic(run)
    const [result] = await send(run, topic, [{ value: 'x', timestamp: '1000' }])
    expect(result).toMatchObject({ logAppendTime: '-1', logStartOffset: '0' })
  })
}

function partitionCases(suite: Suite): void {
  for (const [name, createPartitioner] of Object.entries({
    default: Partitioners.DefaultPartitioner,
    legacy: Partitioners.LegacyPartitioner,
  })) {
    suite.case(`the ${name} partitioner keeps each key in one partition, over all partitions`, async run => {
      const topic = await createTopic(run, { partitions: 4 })
      const producer = await producerOf(run, { createPartitioner })
      const round = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: 'x' }))
      await producer.send({ topic, messages: round })
      await producer.send({ topic, messages: round })
      const homes = new Map<string, Set<number>>()
      for (const { key, partition } of await readAll(run, topic, 100)) {
        const name = key!.toString()
        homes.set(name, (homes.get(name) ?? new Set()).add(partition))
      }
      expect(homes.size).toBe(50)
      expect([...homes.values()].every(each => each.size === 1)).toBe(true)
      expect(new Set([...homes.values()].flatMap(each => [...each]))).toEqual(new Set([0, 1, 2, 3]))
    })
  }

  suite.case('a partitioner of its own sees every partition of the topic', async run => {
    const topic = await createTopic(run, { partitions: 5 })
    const seen: number[] = []
    const producer = await producerOf(run, {
      createPartitioner: () => args => {
        seen.push(args.partitionMetadata.length)
        return 3
      },
    })
    await producer.send({ topic, messages: numbered(3) })
    expect(seen).toEqual([5, 5, 5])
    expect(await highOf(run, topic)).toEqual(['0', '0', '0', '3', '0'])
  })

  suite.case('puts records into the partitions that they name, and answers for each', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const messages = [2, 0, 2, 1].map(partition => ({ value: `for ${partition}`, partition }))
    const results = await send(run, topic, messages)
    expect(results.map(each => each.partition).sort()).toEqual([0, 1, 2])
    expect(results.every(each => each.errorCode === 0 && each.baseOffset === '0')).toBe(true)
    const received = await readAll(run, topic, 4)
    expect(received.every(each => each.value?.toString() === `for ${each.partition}`)).toBe(true)
    expect(await highOf(run, topic)).toEqual(['1', '1', '2'])
  })
}

function sizeCases(suite: Suite): void {
  suite.case('takes a value just below the limit of a request', async run => {
    const topic = await createTopic(run)
    const value = Buffer.alloc(1_000_000, 'x')
    await send(run, topic, [{ value }])
    const [received] = await readAll(run, topic, 1)
    expect(received?.value?.equals(value)).toBe(true)
  })

  suite.case('is told of a record over the limit', async run => {
    const topic = await createTopic(run)
    const sending = send(run, topic, [{ value: Buffer.alloc(1_048_600) }])
    await expect(sending).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE', code: 10 })
    expect(await highOf(run, topic)).toEqual(['0'])
  })

  suite.case('a topic with a larger limit takes three megabytes, and gives them back', async run => {
    const topic = await createTopic(run, { config: { 'max.message.bytes': '4000000' } })
    const value = Buffer.alloc(3_000_000, 'abc')
    await send(run, topic, [{ value }])
    const [received] = await readAll(run, topic, 1)
    expect(received?.value?.equals(value)).toBe(true)
  })

  suite.case('a topic with a small limit refuses what others take', async run => {
    const topic = await createTopic(run, { config: { 'max.message.bytes': '1000' } })
    await send(run, topic, [{ value: Buffer.alloc(800) }])
    const sending = send(run, topic, [{ value: Buffer.alloc(1_000) }])
    await expect(sending).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
    expect(await highOf(run, topic)).toEqual(['1'])
  })

  suite.case('produces 10,000 records in one call', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10_000))
    const received = await readAll(run, topic, 10_000)
    expect(received.every((each, index) => each.value?.toString() === `v${index}`)).toBe(true)
  })
}

function idempotenceCases(suite: Suite): void {
  suite.case('two idempotent producers get consecutive base offsets in turn', async run => {
    const topic = await createTopic(run)
    const config = { idempotent: true, maxInFlightRequests: 1 }
    const producers = [await producerOf(run, config), await producerOf(run, config)]
    for (let round = 0; round < 10; round += 1) {
      for (const [index, producer] of producers.entries()) {
        const [result] = await producer.send({ topic, messages: numbered(2) })
        expect(result?.baseOffset).toBe(String(round * 4 + index * 2))
      }
    }
    expect(await highOf(run, topic)).toEqual(['40'])
  })

  suite.case('ten sends at once of an idempotent producer arrive once each, unmixed', async run => {
    const topic = await createTopic(run)
    const producer = await producerOf(run, { idempotent: true, maxInFlightRequests: 1 })
    const rounds = Array.from({ length: 10 }, (_, index) => index)
    await Promise.all(rounds.map(each => producer.send({ topic, messages: numbered(10, each * 10) })))
    const received = await readAll(run, topic, 100)
    const arrived = received.map(each => Number(each.value?.toString().slice(1)))
    const sends = rounds.map(each => arrived.slice(each * 10, each * 10 + 10))
    expect(sends.sort((a, b) => a[0]! - b[0]!).flat()).toEqual(
      Array.from({ length: 100 }, (_, index) => index),
    )
  })
}

function requestCases(suite: Suite): void {
  for (const acks of [0, 1, -1]) {
    suite.case(`stores every record under acks ${acks}`, async run => {
      const topic = await createTopic(run)
      const producer = await producerOf(run)
      for (let round = 0; round < 5; round += 1) {
        const results = await producer.send({ topic, acks, messages: numbered(10, round * 10) })
        if (acks !== 0) expect(results[0]?.baseOffset).toBe(String(round * 10))
      }
      const received = await readAll(run, topic, 50)
      expect(received.map(each => each.value?.toString())).toEqual(numbered(50).map(each => each.value))
    })
  }

  suite.case('sends a batch for several topics in one request', async run => {
    const topics = [run.name('a'), run.name('b'), run.name('c')]
    for (const name of topics) await createTopic(run, { name, partitions: 2 })
    const producer = await producerOf(run)
    const messages = [0, 1].map(partition => ({ partition, value: `p${partition}` }))
    const results = await producer.sendBatch({ topicMessages: topics.map(topic => ({ topic, messages })) })
    expect(results.map(each => `${each.topicName}-${each.partition}`).sort()).toEqual(
      topics.flatMap(topic => [`${topic}-0`, `${topic}-1`]),
    )
    for (const topic of topics) expect(await highOf(run, topic)).toEqual(['1', '1'])
  })

  suite.case('creates a missing topic by producing to it', async run => {
    const topic = run.name('auto')
    const [result] = await send(run, topic, [{ value: 'first' }])
    expect(result).toMatchObject({ topicName: topic, errorCode: 0, baseOffset: '0' })
    const [received] = await readAll(run, topic, 1)
    expect(received?.value?.toString()).toBe('first')
  })

  suite.case('five producers at once leave no gap and no duplicate', async run => {
    const topic = await createTopic(run)
    const producers = await Promise.all([0, 1, 2, 3, 4].map(() => producerOf(run)))
    await Promise.all(
      producers.map(async (producer, index) => {
        for (let round = 0; round < 10; round += 1) {
          await producer.send({ topic, messages: numbered(10, index * 100 + round * 10) })
        }
      }),
    )
    const received = await readAll(run, topic, 500)
    expect(received.map(each => each.offset)).toEqual(numbered(500).map((_, index) => String(index)))
    expect(new Set(received.map(each => each.value?.toString())).size).toBe(500)
    for (const first of [0, 100, 200, 300, 400]) {
      const own = received.map(each => Number(each.value?.toString().slice(1))).filter(each => each >= first)
      const mine = own.filter(each => each < first + 100)
      expect(mine).toEqual([...mine].sort((a, b) => a - b))
    }
  })

  suite.case('a record that is produced while a consumer waits reaches it at once', async run => {
    const topic = await createTopic(run)
    const member = await memberOf(run, { maxWaitTimeInMs: 20_000, heartbeatInterval: 3_000 })
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.run()
    await member.joined()
    await send(run, topic, [{ value: 'first' }])
    await member.until(1)
    const began = Date.now()
    await send(run, topic, [{ value: 'second' }])
    await member.until(2)
    expect(Date.now() - began).toBeLessThan(10_000)
  })
}
