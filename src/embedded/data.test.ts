import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EndTxnRequest, EndTxnResponse } from '../../protocol/messages/end-txn.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { Klamm, Refused } from '../embedded.ts'
import { nodePlatform } from '../platform/node.ts'
import { buildBatch } from '../records/builder.ts'
import { murmur2, partitionForKey } from './murmur2.ts'

let klamm: Klamm
beforeAll(async () => {
  klamm = await Klamm.start()
})
beforeEach(() => klamm.reset())
afterAll(() => klamm.close())

const values = (records: readonly { readonly value: string | null }[]) => records.map(({ value }) => value)

describe('produce', () => {
  test('takes texts, bytes, tombstones and whole records, and says where they lie', async () => {
    const timestamp = new Date('2026-01-02T03:04:05.678Z')
    const placed = await klamm.produce('orders', [
      'plain',
      Buffer.from([0xff, 0x00]),
      null,
      { key: 'k', value: 'v', headers: { trace: 'abc', none: null }, timestamp },
    ])
    expect(placed.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n])
    const records = await klamm.contents('orders')
    expect(values(records)).toEqual(['plain', '\ufffd\0', null, 'v'])
    expect(records[1]!.valueBytes).toEqual(Buffer.from([0xff, 0x00]))
    expect(records[3]).toEqual({
      topic: 'orders',
      partition: 0,
      offset: 3n,
      timestamp: timestamp.getTime(),
      key: 'k',
      value: 'v',
      headers: { trace: 'abc', none: null },
      keyBytes: Buffer.from('k'),
      valueBytes: Buffer.from('v'),
    })
  })

  test('chooses partitions by key as Kafka does, or as told', async () => {
    await klamm.createTopic({ name: 'orders', partitions: 3 })
    const placed = await klamm.produce('orders', [
      { key: 'alice', value: 'a' },
      { key: 'alice', value: 'b' },
      { key: 'alice', value: 'c', partition: 2 },
      'keyless',
    ])
    const byKey = partitionForKey(Buffer.from('alice'), 3)
    expect(placed.map(({ partition }) => partition)).toEqual([byKey, byKey, 2, 0])
    const told = await klamm.produce('orders', 'x', { partition: 1 })
    expect(told).toEqual([{ topic: 'orders', partition: 1, offset: expect.any(BigInt) }])
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'what %s compressed is read again',
    async compression => {
      const many = Array.from({ length: 500 }, (_, i) => `value ${i}`)
      await klamm.produce('packed', many, { compression })
      expect(values(await klamm.contents('packed'))).toEqual(many)
    },
  )

  test('more than fits into one batch goes into several, in order', async () => {
    const many = Array.from({ length: 30 }, (_, i) => `${i} ${'x'.repeat(100_000)}`)
    await klamm.produce('large', many)
    expect(values(await klamm.contents('large'))).toEqual(many)
  })

  test('what cannot be is refused in words', async () => {
    await klamm.createTopic({ name: 'compact', configs: { 'cleanup.policy': 'compact' } })
    const refused: readonly (readonly [Promise<unknown>, RegExp])[] = [
      [klamm.produce('compact', 'without a key'), /compact-0 takes no records: INVALID_RECORD.*key/],
      [klamm.produce('a b', 'x'), /a b cannot be made: INVALID_TOPIC_EXCEPTION/],
      [
        klamm.produce('compact', { key: 'k', value: 'v', partition: 7 }),
        /no partition 7 of compact, which has only 0/,
      ],
      [klamm.produce('x', 'x'.repeat(2_000_000)), /MESSAGE_TOO_LARGE|RECORD_TOO_LARGE/],
      [klamm.produce('x', { total: 3 } as never), /JSON\.stringify/],
      [klamm.produce('x', { value: 'x', timestamp: Number.NaN }), /timestamp: NaN/],
      [klamm.produce('x', 'x', { compression: 'brotli' as never }), /brotli is not one of none, gzip/],
      [klamm.produce('__consumer_offsets', 'x'), /INVALID_TOPIC/],
      [klamm.produce(undefined as never, 'x'), /topic: undefined is no name/],
      [klamm.produce('x', { value: 'x', headers: { a: 5 } as never }), /headers: give/],
      [klamm.produce('x', { value: 'x', headers: new Map([['a', 'b']]) as never }), /headers: give/],
      [klamm.produce('x', { value: 'x', headers: null as never }), /headers: give/],
      [klamm.produce('x', { value: 'x', timestamp: null as never }), /timestamp: null/],
      [klamm.produce('x', { value: 'x', partitions: 1 } as never), /no partitions; it may have value, key/],
      [klamm.createTopic({ topic: 'z' } as never), /give a name, or \{ name, partitions, configs \}/],
      [klamm.createTopic({ name: 'z', partition: 3 } as never), /has partition, and may have name/],
      [klamm.deleteTopic(undefined as never), /topic: undefined is no name/],
    ]
    for (const [attempt, why] of refused) {
      await expect(attempt).rejects.toThrow(why)
      await expect(attempt).rejects.toBeInstanceOf(Refused)
    }
    expect(await klamm.produce('nothing', [])).toEqual([])
  })

  test('no topic is made where the broker makes none', async () => {
    const strict = await Klamm.start({ config: { 'auto.create.topics.enable': false }, topics: ['here'] })
    await strict.produce('here', 'x')
    await expect(strict.produce('there', 'x')).rejects.toThrow(
      /no topic there, and auto.create.*topics: here/,
    )
    await strict.close()
  })
})

describe('consume', () => {
  test('waits for records, also of a topic that is yet to come', async () => {
    const coming = klamm.consume('late', { count: 2 })
    await klamm.produce('late', 'one')
    await klamm.produce('late', 'two')
    expect(values(await coming)).toEqual(['one', 'two'])
  })

  test('begins at an offset, at the end, and in one partition', async () => {
    await klamm.createTopic({ name: 'orders', partitions: 2 })
    await klamm.produce('orders', ['a', 'b', 'c'], { partition: 1 })
    expect(values(await klamm.consume('orders', { from: 1, partition: 1 }))).toEqual(['b'])
    expect(values(await klamm.consume('orders', { from: 2n, partition: 1, count: 1 }))).toEqual(['c'])
    const latest = klamm.consume('orders', { from: 'latest' })
    await klamm.produce('orders', 'd', { partition: 0 })
    expect(values(await latest)).toEqual(['d'])
    const ahead = klamm.consume('orders', { from: 4, partition: 1 })
    await klamm.produce('orders', ['e', 'f'], { partition: 1 })
    expect(values(await ahead)).toEqual(['f'])
  })

  test('a time-out says what was there', async () => {
    const missing = klamm.consume('nowhere', { timeout: 10 })
    await expect(missing).rejects.toThrow(
      '0 of 1 records of nowhere came within 10 ms (read_uncommitted); ' +
        'there is no topic nowhere; topics: none',
    )
    await klamm.createTopic({ name: 'orders', partitions: 2 })
    await klamm.produce('orders', ['a', 'b'], { partition: 1 })
    await expect(klamm.consume('orders', { count: 3, timeout: 10 })).rejects.toThrow(
      '2 of 3 records of orders came within 10 ms (read_uncommitted); ' +
        'there are orders-0 (empty, next offset 0), orders-1 (offsets 0 to 1)',
    )
  })

  test('nonsense is refused at once', async () => {
    await klamm.produce('orders', 'a')
    await expect(klamm.consume('orders', 0)).rejects.toThrow(/count: 0/)
    await expect(klamm.consume('orders', { from: -1 })).rejects.toThrow(/from: -1/)
    await expect(klamm.consume('orders', { partition: 1 })).rejects.toThrow(/only 0/)
    await expect(klamm.consume('orders', { isolation: 'serializable' as never })).rejects.toThrow(/isolation/)
    await expect(klamm.consume('orders', { timeout: Number.NaN })).rejects.toThrow(/timeout/)
    await expect(klamm.consume(undefined as never)).rejects.toThrow(/topic: undefined is no name/)
    await expect(klamm.contents('nowhere')).rejects.toThrow('there is no topic nowhere; topics: orders')
  })

  test('with a manual clock it neither hangs nor needs the time to pass', async () => {
    const still = await Klamm.start({ clock: 'manual' })
    await expect(still.consume('orders', { timeout: 20 })).rejects.toThrow('no topic orders')
    const coming = still.consume('orders', 1)
    await still.produce('orders', 'a')
    expect(values(await coming)).toEqual(['a'])
    await expect(still.consume('orders', { count: 2, timeout: 20 })).rejects.toThrow('1 of 2')
    await expect(still.waitForGroupStable('none', { timeout: 20 })).rejects.toThrow('no such group')
    await still.close()
  })

  test('goes on over a crash and a restart, and over a reset', async () => {
    await klamm.produce('orders', 'a')
    const two = klamm.consume('orders', 2)
    await klamm.crash()
    await klamm.restart()
    await klamm.produce('orders', 'b')
    expect(values(await two)).toEqual(['a', 'b'])
    const anew = klamm.consume('orders', 3)
    await klamm.reset()
    await klamm.produce('orders', ['c', 'd', 'e'])
    expect(values(await anew)).toEqual(['c', 'd', 'e'])
  })

  test('read_committed sees neither open nor aborted transactions', async () => {
    const client = await WireClient.connect(nodePlatform().network, { host: klamm.host, port: klamm.port })
    const producer = await transaction(client, 't')
    await producer.write('tx', 'aborted')
    await producer.end(false)
    await producer.write('tx', 'committed')
    await producer.end(true)
    await klamm.produce('tx', 'plain')
    await producer.write('tx', 'open')
    expect(values(await klamm.contents('tx'))).toEqual(['aborted', 'committed', 'plain', 'open'])
    const committed = { isolation: 'read_committed' } as const
    expect(values(await klamm.contents('tx', committed))).toEqual(['committed', 'plain'])
    expect(values(await klamm.consume('tx', { count: 2, ...committed }))).toEqual(['committed', 'plain'])
    await client.close()
  })
})

/** A transactional producer, as far as these tests need one (Produce v12 adds partitions by writing). */
async function transaction(client: WireClient, transactionalId: string) {
  await client.call({
    request: FindCoordinatorRequest,
    response: FindCoordinatorResponse,
    version: 3,
    body: { key: transactionalId, keyType: 1, coordinatorKeys: [] },
  })
  const { producerId, producerEpoch } = await client.call({
    request: InitProducerIdRequest,
    response: InitProducerIdResponse,
    version: 4,
    body: { transactionalId, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 },
  })
  let epoch = producerEpoch
  let sequence = 0
  return {
    async write(topic: string, value: string) {
      const record = { timestamp: 0n, key: null, value: Buffer.from(value) }
      const records = buildBatch({
        records: [record],
        producerId,
        producerEpoch: epoch,
        baseSequence: sequence++,
        isTransactional: true,
      })
      if (!klamm.topics().some(({ name }) => name === topic)) await klamm.createTopic(topic)
      const { responses } = await client.call({
        request: ProduceRequest,
        response: ProduceResponse,
        version: 12,
        body: {
          transactionalId,
          acks: -1,
          timeoutMs: 5_000,
          topicData: [{ name: topic, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }],
        },
      })
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0)
    },
    async end(committed: boolean) {
      const answer = await client.call({
        request: EndTxnRequest,
        response: EndTxnResponse,
        version: 5,
        body: { transactionalId, producerId, producerEpoch: epoch, committed },
      })
      expect(answer.errorCode).toBe(0)
      epoch = answer.producerEpoch
      sequence = 0
    },
  }
}

test('keys are hashed as by the Java client', () => {
  // From org.apache.kafka.common.utils.Utils.murmur2.
  const known: Readonly<Record<string, number>> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  }
  for (const [text, hash] of Object.entries(known)) expect(murmur2(Buffer.from(text)), text).toBe(hash)
})
