import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from '../../protocol/messages/alter-configs.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../protocol/messages/incremental-alter-configs.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { createTopics, newTopic, WireBroker } from './testing/wire-broker.ts'

const TOPIC = 2
const BROKER = 4
const BROKER_LOGGER = 8
const CLIENT_METRICS = 16
const GROUP = 32

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

const Source = { TOPIC: 1, BROKER: 2, ALL_BROKERS: 3, STATIC: 4, DEFAULT: 5, LOGGER: 6, METRICS: 7, GROUP: 8 }

let broker: WireBroker
let client: WireClient

beforeAll(async () => {
  broker = await WireBroker.start({ 'log.segment.bytes': 2_000_000 })
  client = await broker.connect()
})
afterAll(() => broker.close())

interface Asked {
  readonly version?: number
  readonly keys?: readonly string[] | null
  readonly includeSynonyms?: boolean
  readonly includeDocumentation?: boolean
}

async function describeOne(resourceType: number, resourceName: string, asked: Asked = {}) {
  const { version = 4, keys = null, includeSynonyms = false, includeDocumentation = false } = asked
  const { results } = await client.call({
    request: DescribeConfigsRequest,
    response: DescribeConfigsResponse,
    version,
    body: {
      resources: [{ resourceType, resourceName, configurationKeys: keys }],
      includeSynonyms,
      includeDocumentation,
    },
  })
  return results[0]!
}

async function configOf(resourceType: number, resourceName: string, name: string) {
  const { configs } = await describeOne(resourceType, resourceName, { keys: [name], includeSynonyms: true })
  return configs[0]
}

type Edit = readonly [name: string, configOperation: number, value: string | null]

async function edit(
  resourceType: number,
  resourceName: string,
  edits: readonly Edit[],
  validateOnly = false,
) {
  const configs = edits.map(([name, configOperation, value]) => ({ name, configOperation, value }))
  const { responses } = await client.call({
    request: IncrementalAlterConfigsRequest,
    response: IncrementalAlterConfigsResponse,
    version: 1,
    body: { resources: [{ resourceType, resourceName, configs }], validateOnly },
  })
  return responses[0]!
}

async function replace(
  resourceType: number,
  resourceName: string,
  configs: Readonly<Record<string, string>>,
) {
  const { responses } = await client.call({
    request: AlterConfigsRequest,
    response: AlterConfigsResponse,
    version: 2,
    body: {
      resources: [
        {
          resourceType,
          resourceName,
          configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
      validateOnly: false,
    },
  })
  return responses[0]!
}

describe('DescribeConfigs', () => {
  beforeAll(async () => {
    await createTopics(client, [newTopic('told', { configs: [{ name: 'retention.ms', value: '1000' }] })])
  })

  test('T038 every topic config is told with its value, its source and its synonyms', async () => {
    const { errorCode, configs } = await describeOne(TOPIC, 'told', { includeSynonyms: true })
    expect(errorCode).toBe(ErrorCode.NONE)
    expect(configs).toHaveLength(33)
    const config = (name: string) => configs.find(it => it.name === name)
    expect(config('retention.ms')).toMatchObject({
      value: '1000',
      configSource: Source.TOPIC,
      synonyms: [{ name: 'retention.ms', value: '1000', source: Source.TOPIC }],
    })
    expect(config('segment.bytes')).toMatchObject({
      value: '2000000',
      configSource: Source.STATIC,
      synonyms: [
        { name: 'log.segment.bytes', value: '2000000', source: Source.STATIC },
        { name: 'log.segment.bytes', value: '1073741824', source: Source.DEFAULT },
      ],
    })
    expect(config('flush.ms')).toMatchObject({ value: '9223372036854775807', configSource: Source.DEFAULT })
    for (const { configSource, readOnly, isSensitive } of configs) {
      expect([Source.TOPIC, Source.ALL_BROKERS, Source.STATIC, Source.DEFAULT]).toContain(configSource)
      expect([readOnly, isSensitive]).toEqual([false, false])
    }
  })

  test('T038 synonyms and documentation are told only to those who ask, in versions that have them', async () => {
    const plain = await describeOne(TOPIC, 'told')
    expect(plain.configs.flatMap(({ synonyms }) => synonyms)).toEqual([])
    expect(new Set(plain.configs.map(({ documentation }) => documentation))).toEqual(new Set([null]))
    const told = await describeOne(TOPIC, 'told', { includeDocumentation: true })
    expect(told.configs.every(({ documentation }) => documentation!.length > 5)).toBe(true)
    expect(new Set(told.configs.map(({ configType }) => configType))).toEqual(new Set([1, 2, 3, 5, 6, 7]))
    const v0 = await describeOne(TOPIC, 'told', { version: 0 })
    expect(v0.configs.find(({ name }) => name === 'retention.ms')!.isDefault).toBe(false)
    expect(v0.configs.find(({ name }) => name === 'flush.ms')!.isDefault).toBe(true)
  })

  test('T039 partitions and replication factor are no configs', async () => {
    const names = (await describeOne(TOPIC, 'told')).configs.map(({ name }) => name)
    expect(names.filter(name => /partition|replication\.factor|^replicas$/.test(name))).toEqual([])
  })

  test('only the keys that are asked for are told; none means all', async () => {
    const keys = ['retention.ms', 'nope', 'cleanup.policy']
    const { configs } = await describeOne(TOPIC, 'told', { keys })
    expect(configs.map(({ name }) => name).sort()).toEqual(['cleanup.policy', 'retention.ms'])
    expect((await describeOne(TOPIC, 'told', { keys: [] })).configs).toHaveLength(33)
  })

  test('a resource that is asked for twice is described once, and likes of it are described alike', async () => {
    const named = (resourceName: string) => ({ resourceType: GROUP, resourceName, configurationKeys: null })
    const { results } = await client.call({
      request: DescribeConfigsRequest,
      response: DescribeConfigsResponse,
      version: 4,
      body: { resources: ['one', 'other', 'one'].map(named) },
    })
    expect(results.map(({ resourceName }) => resourceName)).toEqual(['one', 'other'])
    expect(results[0]!.configs.length).toBeGreaterThan(5)
    expect(results[1]!.configs).toEqual(results[0]!.configs)
  })

  test('resources that are not there are refused', async () => {
    const code = async (type: number, name: string) => (await describeOne(type, name)).errorCode
    expect(await code(TOPIC, 'nope')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await code(TOPIC, 'b/d')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    for (const [type, name] of [
      [BROKER, '2'],
      [BROKER, 'x'],
      [BROKER_LOGGER, ''],
      [BROKER_LOGGER, '2'],
      [CLIENT_METRICS, ''],
      [GROUP, ''],
      [0, 'x'],
      [64, 'x'],
    ] as const) {
      expect(await code(type, name), `${type} ${name}`).toBe(ErrorCode.INVALID_REQUEST)
    }
  })

  test('T023 a broker tells auto.create.topics.enable, and what its file says', async () => {
    expect(await configOf(BROKER, '1', 'auto.create.topics.enable')).toMatchObject({
      value: 'true',
      readOnly: true,
      configSource: Source.DEFAULT,
    })
    expect(await configOf(BROKER, '1', 'log.segment.bytes')).toMatchObject({
      value: '2000000',
      configSource: Source.STATIC,
    })
    expect((await describeOne(BROKER, '1')).configs.length).toBeGreaterThan(150)
  })

  test('T040 loggers, client metrics and groups have configs too', async () => {
    expect(await configOf(BROKER_LOGGER, '1', 'root')).toMatchObject({
      value: 'INFO',
      configSource: Source.LOGGER,
    })
    const names = async (type: number, name: string) =>
      (await describeOne(type, name)).configs.map(config => config.name)
    expect(await names(CLIENT_METRICS, 'any')).toEqual(['interval.ms', 'match', 'metrics'])
    expect(await names(GROUP, 'any')).toContain('consumer.session.timeout.ms')
  })
})

describe('alterations', () => {
  test('T040 what was altered is told at once, and a deletion brings the default back', async () => {
    await createTopics(client, ['altered'])
    expect(await edit(TOPIC, 'altered', [['retention.ms', SET, '5000']])).toMatchObject({ errorCode: 0 })
    expect(await configOf(TOPIC, 'altered', 'retention.ms')).toMatchObject({
      value: '5000',
      configSource: Source.TOPIC,
    })
    await edit(TOPIC, 'altered', [['retention.ms', DELETE, null]])
    expect(await configOf(TOPIC, 'altered', 'retention.ms')).toMatchObject({ value: '604800000' })
    await edit(GROUP, 'g', [['consumer.session.timeout.ms', SET, '50000']])
    expect(await configOf(GROUP, 'g', 'consumer.session.timeout.ms')).toMatchObject({
      value: '50000',
      configSource: Source.GROUP,
    })
    await edit(CLIENT_METRICS, 'm', [['interval.ms', SET, '60000']])
    expect(await configOf(CLIENT_METRICS, 'm', 'interval.ms')).toMatchObject({
      value: '60000',
      configSource: Source.METRICS,
    })
  })

  test('T040 one broker, all brokers and the default: the nearest wins, and topics follow', async () => {
    await createTopics(client, ['follows'])
    await edit(BROKER, '', [['log.retention.ms', SET, '70000']])
    await edit(BROKER, '1', [['log.retention.ms', SET, '60000']])
    expect(await configOf(BROKER, '1', 'log.retention.ms')).toMatchObject({
      value: '60000',
      configSource: Source.BROKER,
    })
    expect(await configOf(TOPIC, 'follows', 'retention.ms')).toMatchObject({ value: '60000' })
    await edit(BROKER, '1', [['log.retention.ms', DELETE, null]])
    expect(await configOf(BROKER, '1', 'log.retention.ms')).toMatchObject({
      value: '70000',
      configSource: Source.ALL_BROKERS,
    })
    await edit(BROKER, '', [['log.retention.ms', DELETE, null]])
    expect(await configOf(TOPIC, 'follows', 'retention.ms')).toMatchObject({ value: '604800000' })
  })

  test('T041 the old AlterConfigs sets back what it does not mention', async () => {
    const configs = [{ name: 'retention.ms', value: '1000' }]
    await createTopics(client, [newTopic('replaced', { configs })])
    expect(await replace(TOPIC, 'replaced', { 'segment.ms': '9000' })).toMatchObject({ errorCode: 0 })
    expect(await configOf(TOPIC, 'replaced', 'segment.ms')).toMatchObject({ value: '9000' })
    expect(await configOf(TOPIC, 'replaced', 'retention.ms')).toMatchObject({
      value: '604800000',
      configSource: Source.DEFAULT,
    })
  })

  test('T042 APPEND and SUBTRACT edit lists, and nothing else', async () => {
    await createTopics(client, ['lists'])
    const policy = async () => (await configOf(TOPIC, 'lists', 'cleanup.policy'))!.value
    await edit(TOPIC, 'lists', [['cleanup.policy', APPEND, 'compact']])
    expect(await policy()).toBe('delete,compact')
    await edit(TOPIC, 'lists', [['cleanup.policy', APPEND, 'compact']])
    expect(await policy()).toBe('delete,compact')
    await edit(TOPIC, 'lists', [['cleanup.policy', SUBTRACT, 'delete']])
    expect(await policy()).toBe('compact')
    expect(await edit(TOPIC, 'lists', [['retention.ms', APPEND, '5']])).toMatchObject({
      errorCode: ErrorCode.INVALID_CONFIG,
      errorMessage: "Can't APPEND to key retention.ms because its type is not LIST.",
    })
  })

  test('T042 a refused alteration leaves nothing behind', async () => {
    await createTopics(client, ['unpoisoned'])
    const refusals: readonly (readonly [number, string, readonly Edit[], ErrorCode])[] = [
      [TOPIC, 'unpoisoned', [['retention.ms', SET, 'x']], ErrorCode.INVALID_CONFIG],
      [TOPIC, 'unpoisoned', [['nope', SET, '1']], ErrorCode.INVALID_CONFIG],
      [TOPIC, 'unpoisoned', [['retention.ms', SET, null]], ErrorCode.INVALID_REQUEST],
      [TOPIC, 'unpoisoned', [['retention.ms', 9, '1']], ErrorCode.INVALID_REQUEST],
      [TOPIC, 'nope', [['retention.ms', SET, '1']], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [TOPIC, '', [], ErrorCode.INVALID_REQUEST],
      [0, 'x', [], ErrorCode.INVALID_REQUEST],
      [64, 'x', [['retention.ms', SET, '1']], ErrorCode.INVALID_REQUEST],
    ]
    for (const [type, name, edits, code] of refusals) {
      const { errorCode } = await edit(type, name, edits)
      expect(errorCode, `${type} ${name} ${edits}`).toBe(code)
    }
    const both: Edit[] = [
      ['retention.ms', SET, '1'],
      ['retention.ms', SET, '2'],
    ]
    expect(await edit(TOPIC, 'unpoisoned', both)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST })
    expect(await edit(TOPIC, 'unpoisoned', [['retention.ms', SET, '3']], true)).toMatchObject({
      errorCode: 0,
    })
    expect(await configOf(TOPIC, 'unpoisoned', 'retention.ms')).toMatchObject({
      configSource: Source.DEFAULT,
    })
    expect(await edit(TOPIC, 'unpoisoned', [['retention.ms', SET, '4']])).toMatchObject({ errorCode: 0 })
    expect(await configOf(TOPIC, 'unpoisoned', 'retention.ms')).toMatchObject({ value: '4' })
  })

  test('T043 what cannot change while the broker runs is refused', async () => {
    for (const name of ['node.id', 'num.partitions', 'advertised.listeners', 'auto.create.topics.enable']) {
      expect(await edit(BROKER, '1', [[name, SET, '5']]), name).toMatchObject({
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: `Cannot update these configs dynamically: [${name}]`,
      })
    }
    expect((await edit(BROKER, '2', [['log.retention.ms', SET, '5']])).errorCode).toBe(
      ErrorCode.INVALID_REQUEST,
    )
  })

  test('T048 each resource gets its answer, in the order of the request', async () => {
    await createTopics(client, ['ordered'])
    const names = ['nope', 'ordered', 'b/d']
    const { responses } = await client.call({
      request: IncrementalAlterConfigsRequest,
      response: IncrementalAlterConfigsResponse,
      version: 1,
      body: {
        resources: names.map(resourceName => ({
          resourceType: TOPIC,
          resourceName,
          configs: [{ name: 'retention.ms', configOperation: SET, value: '8' }],
        })),
        validateOnly: false,
      },
    })
    expect(responses.map(({ resourceName, errorCode }) => [resourceName, errorCode])).toEqual([
      ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ['ordered', ErrorCode.NONE],
      ['b/d', ErrorCode.INVALID_TOPIC_EXCEPTION],
    ])
  })
})
