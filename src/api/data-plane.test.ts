import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../protocol/messages/list-offsets.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../protocol/messages/offset-for-leader-epoch.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import type { InputOf } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { splitBatches } from '../records/batch.ts'
import { type BatchOptions, buildBatch } from '../records/builder.ts'
import { createTopics, metadataOf, newTopic, produceTo, WireBroker } from './testing/wire-broker.ts'

type FetchBody = InputOf<typeof FetchRequest.fields>

function batchOf(values: readonly string[], attributes: Partial<BatchOptions> = {}): Buffer {
  const records = values.map(value => ({ timestamp: 1n, key: null, value: Buffer.from(value) }))
  return buildBatch({ records, ...attributes })
}

function produceCall(topic: string, records: Buffer, acks = -1) {
  return {
    request: ProduceRequest,
    response: ProduceResponse,
    version: 9,
    body: {
      transactionalId: null,
      acks,
      timeoutMs: 5_000,
      topicData: [{ name: topic, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }],
    },
  }
}

async function produced(client: WireClient, topic: string, records: Buffer) {
  return (await client.call(produceCall(topic, records))).responses[0]!.partitionResponses[0]!
}

function fetchCall(topic: string, fetchOffset: bigint, changes: Partial<FetchBody> = {}) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 50_000_000 }]
  return {
    request: FetchRequest,
    response: FetchResponse,
    version: 12,
    body: {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel: 0,
      sessionEpoch: -1,
      forgottenTopicsData: [],
      topics: [{ topic, topicId: ZERO_UUID, partitions }],
      ...changes,
    },
  }
}

async function fetched(
  client: WireClient,
  topic: string,
  fetchOffset: bigint,
  changes: Partial<FetchBody> = {},
) {
  return (await client.call(fetchCall(topic, fetchOffset, changes))).responses[0]!.partitions[0]!
}

function listOffsetsCall(topic: string, timestamp: bigint) {
  return {
    request: ListOffsetsRequest,
    response: ListOffsetsResponse,
    version: 7,
    body: {
      replicaId: -1,
      isolationLevel: 0,
      timeoutMs: 1_000,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
    },
  }
}

async function offsetOf(client: WireClient, topic: string, timestamp: bigint) {
  return (await client.call(listOffsetsCall(topic, timestamp))).topics[0]!.partitions[0]!
}

async function deleteTopic(client: WireClient, name: string): Promise<void> {
  const { responses } = await client.call({
    request: DeleteTopicsRequest,
    response: DeleteTopicsResponse,
    version: 6,
    body: { topics: [{ name, topicId: ZERO_UUID }], topicNames: [], timeoutMs: 5_000 },
  })
  expect(responses[0]!.errorCode).toBe(0)
}

describe('over a connection', () => {
  let broker: WireBroker
  let client: WireClient
  let topics = 0
  let topic = ''

  beforeAll(async () => {
    broker = await WireBroker.start({ 'message.max.bytes': 2_000_000 })
  })
  afterAll(() => broker.close())
  beforeEach(async () => {
    client = await broker.connect()
    topic = `t${topics++}`
    await createTopics(client, [topic])
  })

  test('a produce with acks=0 has no response, and what comes after it has one (T013)', async () => {
    client.send(produceCall(topic, batchOf(['a']), 0))
    const answer = await fetched(client, topic, 0n)
    expect([...splitBatches(answer.records!)]).toHaveLength(1)
  })

  test('a produce with acks=0 that fails ends the connection, and no other', async () => {
    const other = await broker.connect()
    client.send(produceCall('no-such-topic', batchOf(['a']), 0))
    await client.closed
    expect(await produced(other, topic, batchOf(['a']))).toMatchObject({ errorCode: 0 })
  })

  test('produces that do not wait for each other are stored and answered in order (T012, T051)', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => client.send(produceCall(topic, batchOf([`${i}`, 'x']))))
    for (const [i, id] of ids.entries()) {
      const answer = await client.receive(ProduceResponse, 9, id)
      expect(answer.responses[0]!.partitionResponses[0]).toMatchObject({
        errorCode: 0,
        baseOffset: BigInt(2 * i),
      })
    }
  })

  test('a long poll is answered before the request behind it (T012)', async () => {
    const other = await broker.connect()
    const poll = client.send(fetchCall(topic, 0n, { maxWaitMs: 20_000 }))
    const latest = client.send(listOffsetsCall(topic, -1n))
    await produced(other, topic, batchOf(['a']))
    const answer = await client.receive(FetchResponse, 12, poll)
    expect(answer.responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(0)
    expect((await client.receive(ListOffsetsResponse, 7, latest)).topics[0]!.partitions[0]!.offset).toBe(1n)
  })

  test('a session waits with an empty fetch, and answers the id that it goes by (T071, T077)', async () => {
    const { topicId } = (await metadataOf(client, [topic])).topics[0]!
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }]
    const opened = await client.call({
      ...fetchCall(topic, 0n, { sessionEpoch: 0, topics: [{ topic: '', topicId, partitions }] }),
      version: 17,
    })
    const body = fetchCall(topic, 0n, {
      sessionId: opened.sessionId,
      sessionEpoch: 1,
      maxWaitMs: 20_000,
      topics: [],
    })
    const poll = client.send({ ...body, version: 17 })
    const other = await broker.connect()
    await produced(other, topic, batchOf(['a']))
    const answer = await client.receive(FetchResponse, 17, poll)
    expect(answer).toMatchObject({ errorCode: 0, sessionId: opened.sessionId, responses: [{ topicId }] })
    const moved = [{ topic: '', topicId, partitions: [{ ...partitions[0]!, fetchOffset: 1n }] }]
    const last = { ...body.body, sessionEpoch: 2, topics: moved }
    const second = client.send({ ...body, version: 17, body: last })
    await deleteTopic(other, topic)
    const partition = (await client.receive(FetchResponse, 17, second)).responses[0]!
    expect(partition).toMatchObject({ topicId, partitions: [{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID }] })
  })

  test('leader epochs are the same wherever they are told (T025, T092)', async () => {
    await produced(client, topic, batchOf(['a']))
    const { leaderEpoch } = (await metadataOf(client, [topic])).topics[0]!.partitions[0]!
    expect(leaderEpoch).toBeGreaterThanOrEqual(0)
    for (const timestamp of [-1n, -2n, -3n, 0n]) {
      expect(await offsetOf(client, topic, timestamp)).toMatchObject({ errorCode: 0, leaderEpoch })
    }
    const end = await client.call({
      request: OffsetForLeaderEpochRequest,
      response: OffsetForLeaderEpochResponse,
      version: 4,
      body: {
        replicaId: -1,
        topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch: leaderEpoch, leaderEpoch }] }],
      },
    })
    expect(end.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch, endOffset: 1n })
    const [batch] = splitBatches((await fetched(client, topic, 0n)).records!)
    expect(batch!.partitionLeaderEpoch).toBe(leaderEpoch)
  })

  test('a topic that is deleted and recreated has nothing of its past (T028, T029)', async () => {
    const idempotent = { producerId: 1n, producerEpoch: 0 }
    await produced(client, topic, batchOf(['a'], { ...idempotent, baseSequence: 0 }))
    for (let round = 0; round < 5; round++) {
      await deleteTopic(client, topic)
      expect(await produced(client, topic, batchOf(['b']))).toMatchObject({
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })
      await createTopics(client, [topic])
      expect((await offsetOf(client, topic, -1n)).offset).toBe(0n)
      const first = batchOf(['c'], { ...idempotent, baseSequence: 7 })
      expect(await produced(client, topic, first)).toMatchObject({ errorCode: 0, baseOffset: 0n })
    }
  })

  test('message.max.bytes is for the compressed batch, and that of the topic comes first (T058)', async () => {
    const large = 'x'.repeat(2_100_000)
    expect(await produced(client, topic, batchOf([large]))).toMatchObject({
      errorCode: ErrorCode.MESSAGE_TOO_LARGE,
    })
    expect(await produced(client, topic, batchOf([large], { compression: 'gzip' }))).toMatchObject({
      errorCode: 0,
    })
    const own = newTopic(`${topic}-own`, { configs: [{ name: 'max.message.bytes', value: '3000000' }] })
    await createTopics(client, [own])
    expect(await produced(client, own.name, batchOf([large]))).toMatchObject({ errorCode: 0 })
  })

  test('idempotent producers find their ids served in every version that is told (T067)', async () => {
    const { apiKeys } = await client.call({
      request: ApiVersionsRequest,
      response: ApiVersionsResponse,
      version: 3,
      body: { clientSoftwareName: 'test', clientSoftwareVersion: '1' },
    })
    const { minVersion, maxVersion } = apiKeys.find(({ apiKey }) => apiKey === InitProducerIdRequest.apiKey)!
    for (let version = minVersion; version <= maxVersion; version++) {
      const call = { request: InitProducerIdRequest, response: InitProducerIdResponse, version }
      const { producerId, errorCode } = await client.call({
        ...call,
        body: { transactionalId: null, transactionTimeoutMs: 60_000 },
      })
      expect(errorCode).toBe(0)
      const batch = batchOf(['a'], { producerId, producerEpoch: 0, baseSequence: 0 })
      expect(await produced(client, topic, batch)).toMatchObject({ errorCode: 0 })
    }
  })

  test('a reader gets to the end that ListOffsets tells (T094)', async () => {
    for (const count of [3, 1, 5]) await produced(client, topic, batchOf(Array(count).fill('x')))
    const end = (await offsetOf(client, topic, -1n)).offset
    let position = 0n
    while (position < end) {
      const [batch] = splitBatches((await fetched(client, topic, position, { maxBytes: 1 })).records!)
      expect(batch!.baseOffset).toBe(position)
      position = batch!.nextOffset
    }
    expect(position).toBe(end)
  })
})

describe('on a disk', () => {
  let directory = ''

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'klamm-data-plane-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const start = () => WireBroker.start({ 'klamm.storage': 'disk', 'log.dirs': directory })

  test('records, epochs, ids and sequences are there after a restart (T025, T026, T052)', async () => {
    const before = await start()
    const first = await before.connect()
    await createTopics(first, ['t'])
    const idempotent = { producerId: 7n, producerEpoch: 0 }
    for (const baseSequence of [0, 1])
      await produced(first, 't', batchOf(['a'], { ...idempotent, baseSequence }))
    const old = (await metadataOf(first, ['t'])).topics[0]!
    await before.close()

    const after = await start()
    const client = await after.connect()
    const topic = (await metadataOf(client, ['t'])).topics[0]!
    expect(topic.topicId).toBe(old.topicId)
    const { leaderEpoch } = topic.partitions[0]!
    expect(leaderEpoch).toBeGreaterThanOrEqual(old.partitions[0]!.leaderEpoch)
    const again = batchOf(['a'], { ...idempotent, baseSequence: 1 })
    expect(await produced(client, 't', again)).toMatchObject({ errorCode: 0, baseOffset: 1n })
    const next = batchOf(['a'], { ...idempotent, baseSequence: 2 })
    expect(await produced(client, 't', next)).toMatchObject({ errorCode: 0, baseOffset: 2n })
    expect(await offsetOf(client, 't', -1n)).toMatchObject({ offset: 3n, leaderEpoch })
    expect(await offsetOf(client, 't', -2n)).toMatchObject({
      offset: 0n,
      leaderEpoch: old.partitions[0]!.leaderEpoch,
    })
    await after.close()
  })

  test('a large answer is streamed from its file byte by byte as it was stored', async () => {
    const broker = await start()
    const client = await broker.connect()
    await createTopics(client, ['t'])
    const batches = Array.from({ length: 20 }, (_, i) => batchOf([`${i}`.repeat(200_000).slice(0, 200_000)]))
    for (const batch of batches) await produced(client, 't', Buffer.from(batch))
    let position = 0n
    while (position < 20n) {
      const { records } = await fetched(client, 't', position, { maxBytes: 1_500_000 })
      for (const batch of splitBatches(records!)) {
        expect(batch.baseOffset).toBe(position)
        expect(batch.isChecksumValid()).toBe(true)
        expect(batch.sizeInBytes).toBe(batches[Number(position)]!.length)
        position = batch.nextOffset
      }
    }
    expect(await produceTo(client, 't')).toMatchObject({ baseOffset: 20n })
    await broker.close()
  })
})
