import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from '../../protocol/messages/create-partitions.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { createTopics, metadataOf, newTopic, WireBroker } from './testing/wire-broker.ts'

const STATIC_BROKER = 4
const DEFAULT = 5
const TOPIC = 1

let broker: WireBroker
let client: WireClient

beforeAll(async () => {
  broker = await WireBroker.start({ 'num.partitions': 2, 'log.retention.ms': 5_000 })
  client = await broker.connect()
})
afterAll(() => broker.close())

async function partitionsOf(topic: string): Promise<number[] | ErrorCode> {
  const { topics } = await metadataOf(client, [topic])
  return topics[0]!.errorCode === 0
    ? topics[0]!.partitions.map(it => it.partitionIndex)
    : (topics[0]!.errorCode as ErrorCode)
}

describe('CreateTopics', () => {
  test('T030 asking only for validation of a topic that exists is TOPIC_ALREADY_EXISTS', async () => {
    await createTopics(client, ['present'])
    for (const validateOnly of [true, false]) {
      expect(await createTopics(client, ['present'], { validateOnly })).toMatchObject([
        { errorCode: ErrorCode.TOPIC_ALREADY_EXISTS, errorMessage: "Topic 'present' already exists." },
      ])
    }
  })

  test('T031 validation tells what would be created, and creates nothing', async () => {
    const [asked, defaulted] = await createTopics(
      client,
      [newTopic('v1', { numPartitions: 5, replicationFactor: 1 }), newTopic('v2', { numPartitions: -1 })],
      { validateOnly: true },
    )
    expect(asked).toMatchObject({ errorCode: 0, numPartitions: 5, replicationFactor: 1 })
    expect(defaulted).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 1 })
    expect(await partitionsOf('v1')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('T032 from v5 on all effective configs come back, with where they come from', async () => {
    const configs = [{ name: 'segment.ms', value: '7000' }]
    const topic = newTopic('effective', { numPartitions: -1, configs })
    const [created] = await createTopics(client, [topic], { version: 5 })
    expect(created).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 1 })
    const config = (name: string) => created!.configs!.find(it => it.name === name)
    expect(config('segment.ms')).toMatchObject({ value: '7000', configSource: TOPIC, isSensitive: false })
    expect(config('retention.ms')).toMatchObject({ value: '5000', configSource: STATIC_BROKER })
    expect(config('segment.bytes')).toMatchObject({ value: '1073741824', configSource: DEFAULT })
    expect(created!.configs).toHaveLength(33)
    expect((await createTopics(client, ['unsaid'], { version: 4 }))[0]!.configs).toBeNull()
  })

  test('T033 T048 valid topics are created beside refused ones, each with its own answer, in order', async () => {
    const topics = [
      newTopic('good1'),
      newTopic('bad/name'),
      newTopic('twice'),
      newTopic('none', { numPartitions: 0 }),
      newTopic('twice'),
      newTopic('many', { replicationFactor: 3 }),
      newTopic('good2'),
    ]
    const results = await createTopics(client, topics)
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['good1', ErrorCode.NONE],
      ['bad/name', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ['twice', ErrorCode.INVALID_REQUEST],
      ['none', ErrorCode.INVALID_PARTITIONS],
      ['many', ErrorCode.INVALID_REPLICATION_FACTOR],
      ['good2', ErrorCode.NONE],
    ])
    expect(await partitionsOf('good2')).toEqual([0])
    expect(await partitionsOf('twice')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('T034 harmless well-known configs are accepted, unknown names are INVALID_CONFIG', async () => {
    const harmless = {
      'min.insync.replicas': '1',
      'flush.messages': '1',
      'flush.ms': '5',
      preallocate: 'true',
    }
    const configs = Object.entries(harmless).map(([name, value]) => ({ name, value }))
    expect(await createTopics(client, [newTopic('harmless', { configs })])).toMatchObject([{ errorCode: 0 }])
    const refused = async (name: string, value: string | null) =>
      (await createTopics(client, [newTopic('refused', { configs: [{ name, value }] })]))[0]
    const code = ErrorCode.INVALID_CONFIG
    expect(await refused('nope', '1')).toMatchObject({
      errorCode: code,
      errorMessage: 'Unknown topic config name: nope',
    })
    expect(await refused('retention.ms', 'x')).toMatchObject({
      errorCode: code,
      errorMessage: 'Invalid value x for configuration retention.ms: Not a number of type LONG',
    })
    expect(await refused('retention.ms', null)).toMatchObject({
      errorCode: code,
      errorMessage: 'Null value not supported for topic configs: retention.ms',
    })
  })

  test('T018 names that would leave the data directory, or its limits, are INVALID_TOPIC_EXCEPTION', async () => {
    const names = ['', '.', '..', '../x', '/etc/passwd', 'a\\b', 'a:b', 'a\u0000b', 'ä', 'x'.repeat(250)]
    for (const validateOnly of [true, false]) {
      const results = await createTopics(
        client,
        names.map(name => newTopic(name)),
        { validateOnly },
      )
      expect(results.map(({ errorCode }) => errorCode)).toEqual(names.map(() => 17))
    }
    expect(await createTopics(client, ['x'.repeat(249)])).toMatchObject([{ errorCode: 0 }])
  })

  test('assignments by hand say partitions and replicas by themselves', async () => {
    const assign = (brokerIds: number[][], rest = {}) =>
      newTopic('assigned', {
        numPartitions: -1,
        assignments: brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids })),
        ...rest,
      })
    const code = async (topic: ReturnType<typeof newTopic>) =>
      (await createTopics(client, [topic]))[0]!.errorCode
    expect(await code(assign([[1], [2]]))).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    expect(await code(assign([[1], []]))).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    expect(await code(assign([[1, 1]]))).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    expect(await code(assign([[1]], { numPartitions: 1 }))).toBe(ErrorCode.INVALID_REQUEST)
    expect(await code(assign([[1]], { replicationFactor: 1 }))).toBe(ErrorCode.INVALID_REQUEST)
    expect(await code(assign([[1], [1]]))).toBe(ErrorCode.NONE)
    expect(await partitionsOf('assigned')).toEqual([0, 1])
  })
})

describe('DeleteTopics', () => {
  const deleteTopics = async (
    topics: readonly { readonly name: string | null; readonly topicId: string }[],
    version = 6,
  ) => {
    const { responses } = await client.call({
      request: DeleteTopicsRequest,
      response: DeleteTopicsResponse,
      version,
      body: {
        topics: version >= 6 ? topics : [],
        topicNames: version < 6 ? topics.map(({ name }) => name ?? '') : [],
        timeoutMs: 5_000,
      },
    })
    return responses
  }
  const named = (name: string) => ({ name, topicId: ZERO_UUID })

  test('topics go by name in every version, and by id since v6', async () => {
    for (const version of [0, 1, 3, 4, 5, 6]) {
      await createTopics(client, ['gone'])
      expect(await deleteTopics([named('gone')], version)).toMatchObject([{ name: 'gone', errorCode: 0 }])
      expect(await partitionsOf('gone')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
    await createTopics(client, ['gone'])
    const { topicId } = (await metadataOf(client, ['gone'])).topics[0]!
    expect(await deleteTopics([{ name: null, topicId }])).toMatchObject([
      { name: 'gone', topicId, errorCode: 0 },
    ])
    expect(await partitionsOf('gone')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('T048 each topic gets its answer, wrong ones beside right ones', async () => {
    await createTopics(client, ['gone', 'kept'])
    const { topicId } = (await metadataOf(client, ['kept'])).topics[0]!
    const unknownId = 'AAAAAAAAAAAAAAAAAAAAAQ'
    const asked = [
      named('nope'),
      { name: null, topicId: unknownId },
      { name: 'kept', topicId },
      { name: null, topicId: ZERO_UUID },
      named('gone'),
    ]
    const answers = await deleteTopics(asked)
    expect(answers.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [null, ErrorCode.UNKNOWN_TOPIC_ID],
      ['kept', ErrorCode.INVALID_REQUEST],
      [null, ErrorCode.INVALID_REQUEST],
      ['gone', ErrorCode.NONE],
    ])
    expect(await partitionsOf('kept')).toEqual([0])
  })

  test('a topic that is asked for twice, by name and by id, stays', async () => {
    await createTopics(client, ['both'])
    const { topicId } = (await metadataOf(client, ['both'])).topics[0]!
    const answers = await deleteTopics([named('both'), { name: null, topicId }])
    expect(new Set(answers.map(({ errorCode }) => errorCode))).toEqual(new Set([ErrorCode.INVALID_REQUEST]))
    expect(await partitionsOf('both')).toEqual([0])
  })

  test('where delete.topic.enable is off, nothing is deleted', async () => {
    const strict = await WireBroker.start({ 'delete.topic.enable': false })
    const other = await strict.connect()
    await createTopics(other, ['safe'])
    const { responses } = await other.call({
      request: DeleteTopicsRequest,
      response: DeleteTopicsResponse,
      version: 6,
      body: { topics: [named('safe')], topicNames: [], timeoutMs: 5_000 },
    })
    expect(responses[0]!.errorCode).toBe(ErrorCode.TOPIC_DELETION_DISABLED)
    expect((await metadataOf(other, ['safe'])).topics[0]!.errorCode).toBe(0)
    await strict.close()
  })
})

describe('CreatePartitions', () => {
  const grow = async (
    topics: readonly (readonly [string, number, (readonly number[])[]?])[],
    validateOnly = false,
  ) => {
    const { results } = await client.call({
      request: CreatePartitionsRequest,
      response: CreatePartitionsResponse,
      version: 3,
      body: {
        topics: topics.map(([name, count, assignments]) => ({
          name,
          count,
          assignments: assignments?.map(brokerIds => ({ brokerIds })) ?? null,
        })),
        timeoutMs: 5_000,
        validateOnly,
      },
    })
    return results.map(({ name, errorCode }) => [name, errorCode])
  }

  test('T035 new partitions go on where the old ones end, and validation adds none', async () => {
    await createTopics(client, ['grows'])
    expect(await grow([['grows', 3]], true)).toEqual([['grows', 0]])
    expect(await partitionsOf('grows')).toEqual([0])
    expect(await grow([['grows', 3]])).toEqual([['grows', 0]])
    expect(await grow([['grows', 5, [[1], [1]]]])).toEqual([['grows', 0]])
    expect(await partitionsOf('grows')).toEqual([0, 1, 2, 3, 4])
  })

  test('T035 T048 each topic gets its row; fewer partitions, and as many, are INVALID_PARTITIONS', async () => {
    await createTopics(client, [newTopic('stays', { numPartitions: 2 }), 'wider'])
    expect(
      await grow([
        ['stays', 1],
        ['nope', 2],
        ['wider', 2],
      ]),
    ).toEqual([
      ['stays', ErrorCode.INVALID_PARTITIONS],
      ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ['wider', ErrorCode.NONE],
    ])
    expect(await grow([['stays', 2]])).toEqual([['stays', ErrorCode.INVALID_PARTITIONS]])
    expect(await grow([['stays', 3, [[2]]]])).toEqual([['stays', ErrorCode.INVALID_REPLICA_ASSIGNMENT]])
    expect(await grow([['stays', 4, [[1]]]])).toEqual([['stays', ErrorCode.INVALID_REPLICA_ASSIGNMENT]])
    expect(await partitionsOf('stays')).toEqual([0, 1])
  })
})
