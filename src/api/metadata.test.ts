import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from '../../protocol/messages/describe-cluster.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from '../../protocol/messages/describe-topic-partitions.ts'
import type { InputOf } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { createTopics, metadataOf, newTopic, produceTo, WireBroker } from './testing/wire-broker.ts'

const NOT_ASKED = -2147483648
const TOPIC_OPERATIONS = 3576
const CLUSTER_OPERATIONS = 8096
const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

let broker: WireBroker
let client: WireClient

beforeAll(async () => {
  broker = await WireBroker.start()
  client = await broker.connect()
  await createTopics(client, ['one', newTopic('three', { numPartitions: 3 })])
})
afterAll(() => broker.close())

const namesIn = (response: { topics: readonly { name: string | null }[] }) =>
  response.topics.map(it => it.name).sort()

async function idOf(name: string): Promise<string> {
  return (await metadataOf(client, [name])).topics[0]!.topicId
}

describe('which topics', () => {
  test('T019 an empty list means all topics in v0 and none later, null means all', async () => {
    expect(namesIn(await metadataOf(client, [], { version: 0 }))).toEqual(['one', 'three'])
    for (const version of [1, 4, 9, 12, 13]) {
      expect(namesIn(await metadataOf(client, [], { version })), `v${version}`).toEqual([])
      expect(namesIn(await metadataOf(client, null, { version })), `v${version}`).toEqual(['one', 'three'])
    }
  })

  test('T020 a topic named twice, by name and by id, is answered once with each partition once', async () => {
    const topicId = await idOf('three')
    const { topics } = await metadataOf(client, [
      { name: 'three', topicId },
      { name: 'three', topicId: ZERO_UUID },
      { name: 'three', topicId },
    ])
    expect(topics.map(({ name }) => name)).toEqual(['three'])
    expect(topics[0]!.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([0, 1, 2])
    expect((await metadataOf(client, ['one', 'one'])).topics).toHaveLength(1)
  })

  test('topics are found by id since v12, and unknown ids are told with the id that was asked for', async () => {
    const topicId = await idOf('three')
    const { topics } = await metadataOf(client, [
      { name: null, topicId },
      { name: null, topicId: UNKNOWN_ID },
    ])
    expect(topics.map(({ errorCode, name, topicId: id }) => [errorCode, name, id])).toEqual([
      [ErrorCode.NONE, 'three', topicId],
      [ErrorCode.UNKNOWN_TOPIC_ID, null, UNKNOWN_ID],
    ])
    for (const version of [10, 11]) {
      const { topics: early } = await metadataOf(client, [{ name: null, topicId }], { version })
      expect(early.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_REQUEST])
    }
    const { topics: nameless } = await metadataOf(client, [{ name: null, topicId: ZERO_UUID }])
    expect(nameless.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_REQUEST])
  })

  test('T018 T021 missing topics are UNKNOWN_TOPIC_OR_PARTITION, impossible names INVALID_TOPIC_EXCEPTION', async () => {
    const impossible = ['', '.', '..', 'a/b', '../../etc', 'a b', 'ä', 'a\u0000', 'x'.repeat(250)]
    for (const allowAutoTopicCreation of [false, true]) {
      for (const version of [0, 1, 8, 13]) {
        const options = { version, allowAutoTopicCreation }
        const { topics } = await metadataOf(client, impossible, options)
        expect(topics.map(({ errorCode }) => errorCode)).toEqual(
          impossible.map(() => ErrorCode.INVALID_TOPIC_EXCEPTION),
        )
      }
    }
    const { topics } = await metadataOf(client, ['missing', 'one', 'x'.repeat(249)])
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([3, 0, 3])
    expect(namesIn(await metadataOf(client, null))).toEqual(['one', 'three'])
  })
})

describe('what is said', () => {
  test('T024 T025 partitions have a leader, its real epoch, replicas and in-sync replicas', async () => {
    const { topics } = await metadataOf(client, ['three'])
    expect(topics[0]!.partitions).toEqual(
      [0, 1, 2].map(partitionIndex => ({
        errorCode: ErrorCode.NONE,
        partitionIndex,
        leaderId: 1,
        leaderEpoch: 0,
        replicaNodes: [1],
        isrNodes: [1],
        offlineReplicas: [],
      })),
    )
  })

  test('authorized operations are told only to those who ask', async () => {
    const silent = await metadataOf(client, ['one'], { version: 9 })
    expect(silent.clusterAuthorizedOperations).toBe(NOT_ASKED)
    expect(silent.topics[0]!.topicAuthorizedOperations).toBe(NOT_ASKED)
    const told = await metadataOf(client, ['one', 'missing'], {
      version: 9,
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    })
    expect(told.clusterAuthorizedOperations).toBe(CLUSTER_OPERATIONS)
    expect(told.topics.map(it => it.topicAuthorizedOperations)).toEqual([TOPIC_OPERATIONS, TOPIC_OPERATIONS])
  })

  test('each client is told the address that it connected to', async () => {
    const { brokers, controllerId } = await metadataOf(client, [])
    expect(controllerId).toBe(1)
    expect(brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: broker.port, rack: null }])
    const elsewhere = await WireBroker.start({ listeners: 'PLAINTEXT://:0', 'broker.rack': 'r1' })
    for (const host of ['127.0.0.1', '127.0.0.7']) {
      const other = await elsewhere.connect('wire', host)
      expect((await metadataOf(other, [])).brokers).toEqual([
        { nodeId: 1, host, port: elsewhere.port, rack: 'r1' },
      ])
    }
    await elsewhere.close()
  })

  test('advertised.listeners overrides the address that clients are told', async () => {
    const advertising = await WireBroker.start({ 'advertised.listeners': 'PLAINTEXT://kafka.example:9192' })
    const other = await advertising.connect()
    expect((await metadataOf(other, [])).brokers).toEqual([
      { nodeId: 1, host: 'kafka.example', port: 9192, rack: null },
    ])
    await advertising.close()
  })

  test('DescribeCluster says the same of brokers', async () => {
    const ask = (version: number, body: Partial<InputOf<typeof DescribeClusterRequest.fields>> = {}) =>
      client.call({
        request: DescribeClusterRequest,
        response: DescribeClusterResponse,
        version,
        body: { includeClusterAuthorizedOperations: false, includeFencedBrokers: false, ...body },
      })
    const { clusterId } = await metadataOf(client, [])
    for (const version of [0, 1, 2]) {
      expect(await ask(version, { includeFencedBrokers: true })).toMatchObject({
        errorCode: ErrorCode.NONE,
        clusterId,
        controllerId: 1,
        brokers: [{ brokerId: 1, host: '127.0.0.1', port: broker.port, rack: null, isFenced: false }],
        clusterAuthorizedOperations: NOT_ASKED,
      })
    }
    const told = await ask(2, { includeClusterAuthorizedOperations: true })
    expect(told.clusterAuthorizedOperations).toBe(CLUSTER_OPERATIONS)
    expect(await ask(1, { endpointType: 2 })).toMatchObject({
      errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      errorMessage:
        'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
    })
    expect(await ask(1, { endpointType: 3 })).toMatchObject({
      errorCode: ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: 'Unsupported endpoint type 3',
    })
  })
})

describe('topics that come on demand', () => {
  test('T021 T022 a topic that Metadata creates is there in the reply, and can be produced to at once', async () => {
    const options = { allowAutoTopicCreation: true, version: 12 }
    const { topics } = await metadataOf(client, ['demand', 'no/way'], options)
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['demand', ErrorCode.NONE],
      ['no/way', ErrorCode.INVALID_TOPIC_EXCEPTION],
    ])
    expect(topics[0]!.partitions).toHaveLength(1)
    expect(await produceTo(client, 'demand')).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 0n })
  })

  test('T022 fifty clients that want the same topic at once all get it, and it is one', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => broker.connect()))
    const answers = await Promise.all(
      clients.map(it => metadataOf(it, ['contested'], { allowAutoTopicCreation: true })),
    )
    expect(new Set(answers.map(({ topics }) => topics[0]!.errorCode))).toEqual(new Set([ErrorCode.NONE]))
    expect(new Set(answers.map(({ topics }) => topics[0]!.topicId)).size).toBe(1)
    await Promise.all(clients.map(it => it.close()))
  })

  test('nothing is created where auto.create.topics.enable is off, nor before v4 asks to', async () => {
    const strict = await WireBroker.start({ 'auto.create.topics.enable': false })
    const other = await strict.connect()
    const { topics } = await metadataOf(other, ['demand'], { allowAutoTopicCreation: true })
    expect(topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect((await metadataOf(other, null)).topics).toEqual([])
    await strict.close()
    // Before v4 there was no such field, and everyone wanted it.
    expect((await metadataOf(client, ['early'], { version: 3 })).topics[0]!.errorCode).toBe(ErrorCode.NONE)
  })

  test('created topics get num.partitions, coordinators their own settings', async () => {
    const wide = await WireBroker.start({ 'num.partitions': 4, 'offsets.topic.num.partitions': 2 })
    const other = await wide.connect()
    const { topics } = await metadataOf(other, ['a', '__consumer_offsets'], { allowAutoTopicCreation: true })
    expect(topics.map(({ isInternal, partitions }) => [isInternal, partitions.length])).toEqual([
      [false, 4],
      [true, 2],
    ])
    await wide.close()
  })
})

describe('topic ids', () => {
  test('T026 the id of a topic and the cluster id outlive a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'klamm-'))
    const options = { 'klamm.storage': 'disk', 'log.dirs': directory }
    const seen: unknown[] = []
    for (const isFirst of [true, false]) {
      const durable = await WireBroker.start(options)
      const other = await durable.connect()
      if (isFirst) await createTopics(other, ['lasting'])
      const { topics, clusterId } = await metadataOf(other, ['lasting'])
      seen.push([topics[0]!.topicId, clusterId])
      expect(topics[0]!.topicId).not.toBe(ZERO_UUID)
      await durable.close()
    }
    expect(seen[1]).toEqual(seen[0])
    rmSync(directory, { recursive: true })
  })

  test('T027 T029 a topic that is deleted and created again is another: new id, empty log', async () => {
    await createTopics(client, ['again'])
    const before = await idOf('again')
    expect((await produceTo(client, 'again')).baseOffset).toBe(0n)
    await client.call({
      request: DeleteTopicsRequest,
      response: DeleteTopicsResponse,
      version: 6,
      body: { topics: [{ name: 'again', topicId: ZERO_UUID }], topicNames: [], timeoutMs: 1_000 },
    })
    expect((await metadataOf(client, ['again'])).topics[0]!.errorCode).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    )
    await createTopics(client, ['again'])
    expect(await idOf('again')).not.toBe(before)
    expect((await produceTo(client, 'again')).baseOffset).toBe(0n)
    const { topics } = await metadataOf(client, [{ name: null, topicId: before }])
    expect(topics[0]).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, topicId: before })
  })
})

describe('DescribeTopicPartitions', () => {
  type Request = InputOf<typeof DescribeTopicPartitionsRequest.fields>
  let pages: WireBroker
  let reader: WireClient

  beforeAll(async () => {
    pages = await WireBroker.start()
    reader = await pages.connect()
    await createTopics(reader, ['a', newTopic('b', { numPartitions: 3 }), 'c'])
  })
  afterAll(() => pages.close())

  const describeTopics = (names: readonly string[], rest: Partial<Request> = {}) =>
    reader.call({
      request: DescribeTopicPartitionsRequest,
      response: DescribeTopicPartitionsResponse,
      version: 0,
      body: { topics: names.map(name => ({ name })), ...rest },
    })
  const shape = ({ topics, nextCursor }: Awaited<ReturnType<typeof describeTopics>>) => [
    topics.map(({ name, partitions }) => `${name}:${partitions.map(it => it.partitionIndex)}`).join(' '),
    nextCursor && `${nextCursor.topicName}:${nextCursor.partitionIndex}`,
  ]

  test('T036 pages go on where the cursor says', async () => {
    expect(shape(await describeTopics([]))).toEqual(['a:0 b:0,1,2 c:0', null])
    expect(shape(await describeTopics(['c', 'b', 'b']))).toEqual(['b:0,1,2 c:0', null])
    expect(shape(await describeTopics([], { responsePartitionLimit: 2 }))).toEqual(['a:0 b:0', 'b:1'])
    const seen: string[] = []
    let cursor: Request['cursor'] = null
    do {
      const page = await describeTopics([], { responsePartitionLimit: 1, cursor })
      seen.push(String(shape(page)[0]))
      cursor = page.nextCursor
    } while (cursor)
    expect(seen).toEqual(['a:0', 'b:0', 'b:1', 'b:2', 'c:0'])
  })

  test('T036 a cursor outside of the list that was asked for is INVALID_REQUEST', async () => {
    for (const cursor of [
      { topicName: 'zz', partitionIndex: 0 },
      { topicName: 'b', partitionIndex: -1 },
    ]) {
      const { topics } = await describeTopics(['a', 'b'], { cursor })
      expect(topics.map(({ errorCode }) => errorCode)).toEqual([42, 42])
    }
    expect(shape(await describeTopics([], { cursor: { topicName: 'bb', partitionIndex: 5 } }))).toEqual([
      'c:0',
      null,
    ])
  })

  test('topics that are not there are told among the others', async () => {
    const { topics } = await describeTopics(['b/d', 'nope', 'a'])
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['a', ErrorCode.NONE],
      ['b/d', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ])
  })
})
