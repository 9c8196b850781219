/** Settings of topics, brokers, groups and client metrics: told and altered. */
import type { DescribeConfigsResponse } from '../../../protocol/messages/describe-configs.ts'
import type { ValueOf } from '../../../protocol/schema.ts'
import type { Case } from '../kit/case.ts'
import {
  ALTER_CONFIGS,
  type DataTalk,
  DESCRIBE_CONFIGS,
  INCREMENTAL_ALTER_CONFIGS,
  METADATA,
  scripted,
} from './data-talk.ts'

const configs = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'configs', name, source }, script)

const TOPIC = 2
const BROKER = 4
const BROKER_LOGGER = 8
const CLIENT_METRICS = 16
const GROUP = 32

const TOPIC_CONFIG = 1

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

/** Settings whose defaults no broker of this kind changes. */
const USUAL = ['cleanup.policy', 'compression.type', 'message.timestamp.type', 'retention.ms']

interface Asking {
  readonly v?: number
  readonly resourceType?: number
  readonly resourceName?: string
  readonly keys?: readonly string[] | null
  readonly includeSynonyms?: boolean
  readonly includeDocumentation?: boolean
}

type Description = ValueOf<typeof DescribeConfigsResponse.fields>

function bodyOf(talk: DataTalk, asking: Asking) {
  const { resourceType = TOPIC, resourceName = talk.id, keys = USUAL } = asking
  const { includeSynonyms = false, includeDocumentation = false } = asking
  const resources = [{ resourceType, resourceName, configurationKeys: keys && [...keys] }]
  return { resources, includeSynonyms, includeDocumentation }
}

/** Asks for settings and puts them down as they are. */
function tell(talk: DataTalk, asking: Asking = {}): Promise<Description> {
  return talk.call('admin', DESCRIBE_CONFIGS, asking.v ?? 2, bodyOf(talk, asking))
}

/** As `tell`, once a setting has the value that it is to get: Kafka tells of alterations a moment later. */
async function tellOnce(
  talk: DataTalk,
  name: string,
  value: string | null,
  asking: Asking = {},
): Promise<void> {
  for (let polls = 0; polls < 100; polls++) {
    const body = bodyOf(talk, { ...asking, keys: [name] })
    const { results } = await talk.ask('admin', DESCRIBE_CONFIGS, asking.v ?? 2, body)
    if (results[0]?.configs[0]?.value === value) break
    talk.transcript.pop()
    await talk.wait(20)
  }
  await tell(talk, { ...asking, keys: [name] })
}

async function currentValue(talk: DataTalk, name: string, asking: Asking = {}): Promise<string | null> {
  const { results } = await talk.ask('admin', DESCRIBE_CONFIGS, 2, bodyOf(talk, { ...asking, keys: [name] }))
  return results[0]?.configs[0]?.value ?? null
}

/** Defaults are the broker's own; that they are there again is what counts. */
async function tellDefault(talk: DataTalk, name: string, before: string | null, asking: Asking = {}) {
  await tellOnce(talk, name, before, asking)
  const value = await currentValue(talk, name, asking)
  talk.transcript.pop()
  talk.retell({ [name]: value === before ? 'the default' : value })
}

type Change = readonly [name: string, operation: number, value: string | null]

interface Altering {
  readonly v?: number
  readonly resourceType?: number
  readonly resourceName?: string
  readonly validateOnly?: boolean
}

function alter(talk: DataTalk, changes: readonly Change[], altering: Altering = {}) {
  const { v = 1, resourceType = TOPIC, resourceName = talk.id, validateOnly = false } = altering
  const asked = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }))
  const resources = [{ resourceType, resourceName, configs: asked }]
  return talk.call('admin', INCREMENTAL_ALTER_CONFIGS, v, { resources, validateOnly })
}

function alterAll(talk: DataTalk, values: Readonly<Record<string, string | null>>, altering: Altering = {}) {
  const { v = 1, resourceType = TOPIC, resourceName = talk.id, validateOnly = false } = altering
  const asked = Object.entries(values).map(([name, value]) => ({ name, value }))
  const resources = [{ resourceType, resourceName, configs: asked }]
  return talk.call('admin', ALTER_CONFIGS, v, { resources, validateOnly })
}

/** The number of the broker that is talked to. */
async function brokerName(talk: DataTalk): Promise<string> {
  const { brokers } = await talk.ask('admin', METADATA, 4, talk.metadataOf([]))
  return String(talk.brokerSide.brokerId ?? brokers[0]?.nodeId)
}

const told: readonly Case[] = [
  ...[1, 2, 3, 4].map(v =>
    configs(`DescribeConfigs v${v} tells values, and where they come from`, 'T038, KIP-226', async talk => {
      await talk.topic('', { configs: { 'cleanup.policy': 'compact' } })
      await tell(talk, { v })
    }),
  ),
  configs('Synonyms are told to those who ask for them', 'T038, KIP-226', async talk => {
    await talk.topic('', { configs: { 'cleanup.policy': 'compact' } })
    const keys = ['cleanup.policy', 'message.timestamp.type']
    for (const includeSynonyms of [false, true]) await tell(talk, { keys, includeSynonyms })
  }),
  configs('Documentation is told to those who ask for it', 'KIP-569', async talk => {
    await talk.topic()
    for (const includeDocumentation of [false, true]) {
      const { results } = await tell(talk, { v: 3, keys: ['cleanup.policy'], includeDocumentation })
      talk.retell(
        results.map(it => it.configs.map(({ name, documentation }) => [name, Boolean(documentation)])),
      )
    }
  }),
  configs('Every setting of a topic is told to those who name none', 'T038', async talk => {
    await talk.topic()
    const { results } = await tell(talk, { keys: null })
    const names = results[0]?.configs.map(({ name }) => name) ?? []
    talk.retell({ hasMany: names.length > 20, hasUsual: USUAL.every(it => names.includes(it)) })
  }),
  configs('Partitions and replicas are no settings', 'T039', async talk => {
    await talk.topic()
    const { results } = await tell(talk, { keys: null })
    const names = results[0]?.configs.map(({ name }) => name) ?? []
    talk.retell(names.filter(name => /^(num\.)?partitions?$|replication\.factor|^replicas$/.test(name)))
  }),
  configs('Settings that do not exist are left out', 'T038', async talk => {
    await talk.topic()
    await tell(talk, { keys: ['cleanup.policy', 'no.such.setting'] })
    await tell(talk, { keys: ['no.such.setting'] })
  }),
  configs('No names are as all names', 'T038', async talk => {
    await talk.topic()
    const { results } = await tell(talk, { keys: [] })
    talk.retell({ tellsAll: (results[0]?.configs.length ?? 0) > 20 })
  }),
  configs(
    'Settings of a topic that is not there are UNKNOWN_TOPIC_OR_PARTITION',
    'the protocol',
    async talk => {
      await tell(talk)
    },
  ),
  configs('Settings of a topic that cannot exist are INVALID_TOPIC_EXCEPTION', 'T018', async talk => {
    for (const resourceName of ['', '..', `${talk.id}/x`]) await tell(talk, { resourceName })
  }),
  configs('Settings of something that does not exist are refused', 'T042', async talk => {
    for (const resourceType of [0, 1, 99]) {
      const { results } = await tell(talk, { resourceType })
      talk.retell(results.map(({ errorCode }) => errorCode))
    }
  }),
  configs('Each resource has its own answer', 'T048', async talk => {
    await talk.topic('-there')
    const resources = ['-there', '-missing'].map(suffix => ({
      resourceType: TOPIC,
      resourceName: talk.id + suffix,
      configurationKeys: ['cleanup.policy'],
    }))
    await talk.call('admin', DESCRIBE_CONFIGS, 2, { resources })
  }),
]

const brokers: readonly Case[] = [
  configs('Whether topics are made by themselves can be read from the broker', 'T023', async talk => {
    const resourceName = await brokerName(talk)
    const keys = ['auto.create.topics.enable']
    const { results } = await tell(talk, { resourceType: BROKER, resourceName, keys })
    talk.retell(results.map(({ errorCode, configs: list }) => [errorCode, list.map(({ name }) => name)]))
  }),
  configs('A broker has settings, some of which cannot change', 'T040', async talk => {
    const resourceName = await brokerName(talk)
    const { results } = await tell(talk, { resourceType: BROKER, resourceName, keys: null })
    const list = results[0]?.configs ?? []
    const isReadOnly = (name: string) => list.find(it => it.name === name)?.readOnly
    talk.retell({
      hasMany: list.length > 100,
      'log.dirs': isReadOnly('log.dirs'),
      'log.retention.ms': isReadOnly('log.retention.ms'),
      'log.cleaner.threads': isReadOnly('log.cleaner.threads'),
    })
  }),
  configs('A broker of another number is not told of', 'the protocol', async talk => {
    for (const resourceName of ['987654', 'not-a-number']) {
      const { results } = await tell(talk, { resourceType: BROKER, resourceName })
      talk.retell(results.map(({ errorCode }) => errorCode))
    }
  }),
  {
    ...configs('Loggers have levels', 'T040, KIP-412', async talk => {
      const resourceName = await brokerName(talk)
      const { results } = await tell(talk, { resourceType: BROKER_LOGGER, resourceName, keys: null })
      talk.retell(results.map(({ errorCode, configs: list }) => [errorCode, list.length > 0]))
    }),
    since: '4.3',
  },
  configs('Passwords of brokers are not told', 'the protocol', async talk => {
    const resourceName = await brokerName(talk)
    const { results } = await tell(talk, { resourceType: BROKER, resourceName, keys: ['ssl.key.password'] })
    talk.retell(results[0]?.configs.map(({ name, value, isSensitive }) => [name, value, isSensitive]))
  }),
]

const altered: readonly Case[] = [
  ...[0, 1].map(v =>
    configs(
      `IncrementalAlterConfigs v${v} sets a value, and deleting it brings the default back`,
      'KIP-339',
      async talk => {
        await talk.topic()
        const before = await currentValue(talk, 'max.message.bytes')
        await alter(talk, [['max.message.bytes', SET, '5000']], { v })
        await tellOnce(talk, 'max.message.bytes', '5000')
        await alter(talk, [['max.message.bytes', DELETE, null]], { v })
        await tellDefault(talk, 'max.message.bytes', before)
      },
    ),
  ),
  configs('Settings that are not named stay as they are', 'KIP-339', async talk => {
    await talk.topic('', { configs: { 'cleanup.policy': 'compact' } })
    await alter(talk, [['segment.ms', SET, '100000']])
    await tellOnce(talk, 'segment.ms', '100000')
    await tell(talk, { keys: ['cleanup.policy'] })
  }),
  configs('Lists grow and shrink', 'T042, KIP-339', async talk => {
    await talk.topic()
    await alter(talk, [['cleanup.policy', APPEND, 'compact']])
    await tellOnce(talk, 'cleanup.policy', 'delete,compact')
    await alter(talk, [['cleanup.policy', SUBTRACT, 'delete']])
    await tellOnce(talk, 'cleanup.policy', 'compact')
  }),
  configs('A list that has something already does not get it again', 'T042, KIP-339', async talk => {
    await talk.topic()
    await alter(talk, [['cleanup.policy', APPEND, 'delete']])
    await alter(talk, [['cleanup.policy', SUBTRACT, 'compact']])
    await talk.settled()
    await tell(talk, { keys: ['cleanup.policy'] })
  }),
  configs('What is no list neither grows nor shrinks', 'T042, KIP-339', async talk => {
    await talk.topic()
    for (const operation of [APPEND, SUBTRACT]) await alter(talk, [['max.message.bytes', operation, '5']])
  }),
  configs('A validation changes nothing', 'KIP-339', async talk => {
    await talk.topic()
    await alter(talk, [['max.message.bytes', SET, '5000']], { validateOnly: true })
    await alter(talk, [['max.message.bytes', SET, 'many']], { validateOnly: true })
    await talk.settled()
    const { results } = await tell(talk, { keys: ['max.message.bytes'] })
    talk.retell({ isSet: results[0]?.configs[0]?.value === '5000' })
  }),
  configs('An operation that does not exist is refused', 'KIP-339', async talk => {
    await talk.topic()
    const { responses } = await alter(talk, [['max.message.bytes', 9, '5000']])
    talk.retell({ isRefused: responses[0]?.errorCode !== 0 })
  }),
  configs('A setting that is named twice is INVALID_REQUEST', 'KIP-339', async talk => {
    await talk.topic()
    await alter(talk, [
      ['max.message.bytes', SET, '5000'],
      ['max.message.bytes', SET, '6000'],
    ])
  }),
  configs('A resource that is named twice is INVALID_REQUEST', 'KIP-339', async talk => {
    await talk.topic()
    const one = {
      resourceType: TOPIC,
      resourceName: talk.id,
      configs: [{ name: 'max.message.bytes', configOperation: SET, value: '5000' }],
    }
    await talk.call('admin', INCREMENTAL_ALTER_CONFIGS, 1, { resources: [one, one], validateOnly: false })
  }),
  configs('Settings of a topic that is not there cannot change', 'the protocol', async talk => {
    await alter(talk, [['max.message.bytes', SET, '5000']])
  }),
  configs('A refused change leaves the others of its resource undone, too', 'T042', async talk => {
    await talk.topic()
    await alter(talk, [
      ['max.message.bytes', SET, '5000'],
      ['segment.ms', SET, 'never'],
    ])
    await talk.settled()
    const { results } = await tell(talk, { keys: ['max.message.bytes'] })
    talk.retell({ isSet: results[0]?.configs[0]?.value === '5000' })
    await alter(talk, [['max.message.bytes', SET, '6000']])
    await tellOnce(talk, 'max.message.bytes', '6000')
  }),
  configs('Each resource that is to change has its own answer', 'T048', async talk => {
    await talk.topic('-there')
    const resources = ['-there', '-missing'].map(suffix => ({
      resourceType: TOPIC,
      resourceName: talk.id + suffix,
      configs: [{ name: 'max.message.bytes', configOperation: SET, value: '5000' }],
    }))
    await talk.call('admin', INCREMENTAL_ALTER_CONFIGS, 1, { resources, validateOnly: false })
  }),
]

const refusals: readonly (readonly [string, string, string | null])[] = [
  ['a setting that does not exist', 'no.such.setting', '1'],
  ['no value', 'max.message.bytes', null],
  ['a number that is none', 'max.message.bytes', 'many'],
  ['a number below its least', 'max.message.bytes', '-1'],
  ['a number that is too large', 'max.message.bytes', '99999999999'],
  ['a number that is too large for 64 bits', 'retention.ms', '99999999999999999999'],
  ['a fraction out of range', 'min.cleanable.dirty.ratio', '1.5'],
  ['a boolean that is none', 'preallocate', 'perhaps'],
  ['an option that does not exist', 'compression.type', 'rar'],
  ['a list with what does not exist', 'cleanup.policy', 'delete,burn'],
  ['a segment that is too small', 'segment.bytes', '1'],
]

const refused: readonly Case[] = refusals.map(([what, name, value]) =>
  configs(`${what[0]!.toUpperCase()}${what.slice(1)} is refused for ${name}`, 'T043, KIP-339', async talk => {
    await talk.topic()
    await alter(talk, [[name, SET, value]])
    await talk.settled()
    const { results } = await tell(talk, { keys: [name] })
    talk.retell({ isSet: results[0]?.configs[0]?.configSource === TOPIC_CONFIG })
  }),
)

const old: readonly Case[] = [
  ...[0, 1, 2].map(v =>
    configs(`AlterConfigs v${v} sets back what it does not name`, 'T041', async talk => {
      await talk.topic('', { configs: { 'cleanup.policy': 'compact' } })
      await alterAll(talk, { 'max.message.bytes': '5000' }, { v })
      await tellOnce(talk, 'max.message.bytes', '5000')
      await tell(talk, { keys: ['cleanup.policy', 'retention.ms'] })
    }),
  ),
  configs('AlterConfigs of nothing sets everything back', 'T041', async talk => {
    await talk.topic('-plain')
    const before = await currentValue(talk, 'max.message.bytes', { resourceName: `${talk.id}-plain` })
    await talk.topic('', { configs: { 'max.message.bytes': '5000' } })
    await alterAll(talk, {})
    await tellDefault(talk, 'max.message.bytes', before)
  }),
  configs('AlterConfigs refuses what does not exist, and changes nothing', 'T043', async talk => {
    await talk.topic('', { configs: { 'max.message.bytes': '5000' } })
    await alterAll(talk, { 'no.such.setting': '1' })
    await alterAll(talk, { 'max.message.bytes': null })
    await talk.settled()
    await tell(talk, { keys: ['max.message.bytes'] })
  }),
]

const groups: readonly Case[] = [
  {
    ...configs('Groups have settings of their own', 'T040, KIP-848', async talk => {
      const resourceType = GROUP
      const name = 'consumer.session.timeout.ms'
      const before = await currentValue(talk, name, { resourceType })
      await alter(talk, [[name, SET, '50000']], { resourceType })
      await tellOnce(talk, name, '50000', { resourceType })
      await alter(talk, [[name, DELETE, null]], { resourceType })
      await tellDefault(talk, name, before, { resourceType })
    }),
    since: '4.0',
  },
  {
    ...configs(
      'Settings of groups that do not exist or are out of range are INVALID_CONFIG',
      'KIP-848',
      async talk => {
        await alter(talk, [['no.such.setting', SET, '1']], { resourceType: GROUP })
        await alter(talk, [['consumer.session.timeout.ms', SET, '1']], { resourceType: GROUP })
        await alter(talk, [['consumer.session.timeout.ms', SET, 'long']], { resourceType: GROUP })
      },
    ),
    since: '4.0',
  },
  configs('Subscriptions to client metrics are settings', 'T040, KIP-714', async talk => {
    const resourceType = CLIENT_METRICS
    await alter(talk, [['interval.ms', SET, '10000']], { resourceType })
    await tellOnce(talk, 'interval.ms', '10000', { resourceType })
    await alter(talk, [['interval.ms', DELETE, null]], { resourceType })
  }),
  configs('Subscriptions to client metrics that make no sense are INVALID_CONFIG', 'KIP-714', async talk => {
    const resourceType = CLIENT_METRICS
    await alter(talk, [['interval.ms', SET, '1']], { resourceType })
    await alter(talk, [['no.such.setting', SET, '1']], { resourceType })
    await alter(talk, [['match', SET, 'no_such_field=x']], { resourceType })
  }),
]

export const CONFIG_CASES: readonly Case[] = [...told, ...brokers, ...altered, ...refused, ...old, ...groups]
