import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { loadConfig } from '../config.ts'
import { ConfigSource, type DescribedConfig, describeConfigs, ResourceType } from './describe-configs.ts'
import { ClusterImage, type ConfigResourceType, configKey, type TopicImage } from './image.ts'

/** What Apache Kafka 4.3.1 answered, with the properties and the alterations below. */
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures', 'kafka-4.3-describe-configs.json'), 'utf8'),
) as Readonly<Record<string, readonly RecordedConfig[]>>

interface RecordedConfig {
  readonly name: string
  readonly value: string | null
  readonly source: string
  readonly type: string
  readonly readOnly?: boolean
  readonly sensitive?: boolean
  readonly synonyms: readonly (readonly [string, string | null, string])[]
}

const PROPERTIES = `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9611
listeners=PLAINTEXT://127.0.0.1:9610,CONTROLLER://127.0.0.1:9611
advertised.listeners=PLAINTEXT://127.0.0.1:9610
controller.listener.names=CONTROLLER
log.dirs=/data/log
num.partitions= 1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.roll.hours=24
log.flush.interval.ms=1000
log.cleaner.min.cleanable.ratio=1
group.consumer.session.timeout.ms=46000
auto.create.topics.enable=TRUE
ssl.key.password=hidden
`

const ALTERED: readonly (readonly [ConfigResourceType, string, Record<string, string>])[] = [
  [
    'topic',
    'set',
    {
      'retention.ms': ' +5 ',
      'cleanup.policy': 'compact , delete,compact',
      preallocate: 'TRUE',
      'min.cleanable.dirty.ratio': '1',
      'compression.type': 'gzip',
      'internal.segment.bytes': '100',
      'flush.ms': '7',
    },
  ],
  [
    'broker',
    '',
    {
      'min.insync.replicas': '1',
      'log.retention.ms': '6000',
      'log.segment.bytes': '2000000',
      'follower.replication.throttled.rate': '9',
    },
  ],
  [
    'broker',
    '1',
    {
      'log.retention.ms': '5000',
      'leader.replication.throttled.rate': '100',
      'message.max.bytes': '2000000',
      'listener.name.plaintext.ssl.keystore.type': 'PEM',
    },
  ],
  ['group', 'g', { 'consumer.session.timeout.ms': '50000', 'share.auto.offset.reset': 'earliest' }],
  ['client-metrics', 'm', { 'interval.ms': '1000', match: 'client_id=a.*,client_software_name=x' }],
]

const TYPES: Readonly<Record<string, number>> = {
  topic: ResourceType.TOPIC,
  broker: ResourceType.BROKER,
  group: ResourceType.GROUP,
  'client-metrics': ResourceType.CLIENT_METRICS,
  logger: ResourceType.BROKER_LOGGER,
}

const topicNamed = (name: string): readonly [string, TopicImage] => [
  name,
  { name, id: `${name}AAAAAAAAAAAAAAAAAAAAAA`.slice(0, 22), partitions: [] },
]
const image = ClusterImage.empty().with(1n, {
  topics: [topicNamed('plain'), topicNamed('set')],
  configs: ALTERED.map(([type, name, configs]) => [configKey(type, name), new Map(Object.entries(configs))]),
})
const config = loadConfig({ file: PROPERTIES }).config!
config.update(image)

function described(resource: string, configurationKeys: readonly string[] | null = null) {
  const at = resource.indexOf(' ')
  const resourceType = TYPES[resource.slice(0, at)]!
  const resourceName = resource.slice(at + 1)
  return describeConfigs({ resourceType, resourceName, configurationKeys }, { image, config })
}

function configsOf(resource: string, keys: readonly string[] | null = null): readonly DescribedConfig[] {
  const result = described(resource, keys)
  if (result.error) throw new Error(result.message)
  return result.value
}

const TYPE_NAMES = [
  'UNKNOWN',
  'BOOLEAN',
  'STRING',
  'INT',
  'SHORT',
  'LONG',
  'DOUBLE',
  'LIST',
  'CLASS',
  'PASSWORD',
]
const sourceName = (source: number) =>
  Object.entries(ConfigSource).find(([, number]) => number === source)?.[0] ?? 'UNKNOWN'

/** In the recording's form. */
const asRecorded = (config: DescribedConfig): RecordedConfig => ({
  name: config.name,
  value: config.value,
  source: sourceName(config.configSource),
  type: TYPE_NAMES[config.configType]!,
  ...(config.readOnly && { readOnly: true }),
  ...(config.isSensitive && { sensitive: true }),
  synonyms: config.synonyms.map(({ name, value, source }) => [name, value, sourceName(source)]),
})
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)

describe('describing configs', () => {
  test.each([
    'topic plain',
    'topic set',
    'broker 1',
    'broker ',
    'group g',
    'group unset',
    'client-metrics m',
    'client-metrics unset',
  ])('T038 T039 T040 "%s" is what Apache Kafka 4.3 answers', resource => {
    const ours = configsOf(resource).filter(({ name }) => !name.startsWith('klamm.'))
    expect(ours.map(asRecorded).sort(byName)).toEqual([...recorded[resource]!].sort(byName))
  })

  test('T023 T040 auto.create.topics.enable can be seen, and Klamm has options of its own', () => {
    const [found] = configsOf('broker 1', ['auto.create.topics.enable'])
    expect(found).toMatchObject({ name: 'auto.create.topics.enable', value: 'true' })
    expect(configsOf('broker 1', ['klamm.durability'])).toHaveLength(1)
  })

  test('T038 only the asked-for names come back, and unknown ones are left out', () => {
    const names = configsOf('topic plain', ['retention.ms', 'nonesuch']).map(({ name }) => name)
    expect(names).toEqual(['retention.ms'])
    expect(configsOf('topic plain', [])).toEqual([])
  })

  test('every option says what it is for', () => {
    for (const { documentation } of [...configsOf('topic plain'), ...configsOf('broker 1')]) {
      expect(documentation.length).toBeGreaterThan(10)
    }
  })

  test('T040 the root logger has a level', () => {
    expect(configsOf('logger 1').map(asRecorded)).toEqual([
      { name: 'root', value: 'INFO', source: 'DYNAMIC_BROKER_LOGGER_CONFIG', type: 'UNKNOWN', synonyms: [] },
    ])
  })

  test.each([
    ['topic nonesuch', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ''],
    ['topic a/b', ErrorCode.INVALID_TOPIC_EXCEPTION, /^Topic name is invalid: 'a\/b'/],
    [
      'broker 9',
      ErrorCode.INVALID_REQUEST,
      'Unexpected broker id, expected 1 or empty string, but received 9',
    ],
    ['broker x', ErrorCode.INVALID_REQUEST, 'Broker id must be an integer, but it is: x'],
    ['logger ', ErrorCode.INVALID_REQUEST, 'Broker id must not be empty'],
    ['logger 9', ErrorCode.INVALID_REQUEST, 'Unexpected broker id, expected 1 but received 9'],
    ['group ', ErrorCode.INVALID_REQUEST, 'Group name must not be empty'],
    ['client-metrics ', ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty'],
  ])('"%s" is refused', (resource, error, message) => {
    const result = described(resource)
    expect(result.error).toBe(error)
    expect(result.error && result.message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    )
  })

  test('a resource type that is none is refused', () => {
    const request = { resourceType: 3, resourceName: 'x', configurationKeys: null }
    expect(describeConfigs(request, { image, config }).error).toBe(ErrorCode.INVALID_REQUEST)
  })
})
