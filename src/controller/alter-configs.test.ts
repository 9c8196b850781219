import { beforeEach, describe, expect, test } from 'vitest'
import { errorName } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { type BrokerConfig, loadConfig } from '../config.ts'
import { ResourceType } from '../metadata/describe-configs.ts'
import { ClusterImage, configKey } from '../metadata/image.ts'
import { effectiveTopicConfig } from '../metadata/topic-config.ts'
import {
  AlterOperation,
  type AlterResource,
  alterConfigs,
  type IncrementalAlterResource,
  incrementalAlterConfigs,
} from './alter-configs.ts'
import type { Outcome } from './outcome.ts'

const { TOPIC, BROKER, BROKER_LOGGER, GROUP, CLIENT_METRICS } = ResourceType

let image: ClusterImage
let config: BrokerConfig

beforeEach(() => {
  image = ClusterImage.empty().with(1n, {
    topics: [['t', { name: 't', id: ZERO_UUID, partitions: [] }]],
    configs: [[configKey('broker', ''), new Map([['min.insync.replicas', '1']])]],
  })
  config = loadConfig({}).config!
  config.update(image)
})

/** Takes up what a command changes; its answers as errors and messages. */
function taken(outcome: Outcome<readonly { result: { error: number; message?: string } }[]>): string[] {
  if (outcome.changes) {
    image = image.with(image.version + 1n, outcome.changes)
    config.update(image)
  }
  return outcome.answer.map(({ result }) =>
    result.error === 0 ? 'NONE' : [errorName(result.error), result.message].join(': '),
  )
}

type Edit = readonly [keyof typeof AlterOperation, string, string | null]

const resource = (resourceType: number, resourceName: string, edits: readonly Edit[]) => ({
  resourceType,
  resourceName,
  configs: edits.map(([operation, name, value]) => ({
    name,
    value,
    configOperation: AlterOperation[operation],
  })),
})
const incremental = (...resources: IncrementalAlterResource[]) =>
  taken(incrementalAlterConfigs(resources, { image, config, validateOnly: false }))
const edit = (resourceType: number, resourceName: string, ...edits: Edit[]) =>
  incremental(resource(resourceType, resourceName, edits))
const legacy = (...resources: AlterResource[]) =>
  taken(alterConfigs(resources, { image, config, validateOnly: false }))
const ofTopic = () => Object.fromEntries(image.configs('topic', 't'))

describe('editing the configs of a topic', () => {
  test('T042 sets and deletes keys, and leaves the others alone', () => {
    expect(edit(TOPIC, 't', ['SET', 'retention.ms', '1000'], ['SET', 'segment.ms', '5'])).toEqual(['NONE'])
    expect(edit(TOPIC, 't', ['DELETE', 'segment.ms', null], ['DELETE', 'flush.ms', null])).toEqual(['NONE'])
    expect(ofTopic()).toEqual({ 'retention.ms': '1000' })
  })

  test('T042 appends to and subtracts from lists, starting from what is effective', () => {
    const policy = () => ofTopic()['cleanup.policy']
    edit(TOPIC, 't', ['APPEND', 'cleanup.policy', 'compact'])
    expect(policy()).toBe('delete,compact')
    edit(TOPIC, 't', ['APPEND', 'cleanup.policy', 'delete,compact'])
    expect(policy()).toBe('delete,compact')
    edit(TOPIC, 't', ['SUBTRACT', 'cleanup.policy', 'delete'])
    expect(policy()).toBe('compact')
    edit(TOPIC, 't', ['SUBTRACT', 'cleanup.policy', 'compact'])
    expect(policy()).toBe('')
    expect(effectiveTopicConfig(image.configs('topic', 't'), config).cleanupPolicy).toEqual([])
  })

  const throttled = 'leader.replication.throttled.replicas'
  test('T042 appends to a list whose default is empty', () => {
    edit(TOPIC, 't', ['APPEND', throttled, '0:1'])
    edit(TOPIC, 't', ['APPEND', throttled, '1:1'])
    expect(ofTopic()).toEqual({ [throttled]: '0:1,1:1' })
  })

  test.each<[string, string, Edit[], string]>([
    ['T043 an unknown name', 't', [['SET', 'nope', '1']], 'INVALID_CONFIG: Unknown topic config name: nope'],
    ['an unset and unknown name, deleted', 't', [['DELETE', 'nope', null]], 'NONE'],
    [
      'T042 an append to a number',
      't',
      [['APPEND', 'retention.ms', '5']],
      "INVALID_CONFIG: Can't APPEND to key retention.ms because its type is not LIST.",
    ],
    [
      'T042 a subtraction from nothing known',
      't',
      [['SUBTRACT', 'nope', '5']],
      "INVALID_CONFIG: Can't SUBTRACT to key nope because its type is not LIST.",
    ],
    [
      'a wrong type',
      't',
      [['SET', 'retention.ms', 'x']],
      'INVALID_CONFIG: Invalid value x for configuration retention.ms: Not a number of type LONG',
    ],
    [
      'one wrong among right ones',
      't',
      [
        ['SET', 'retention.ms', '7'],
        ['SET', 'segment.bytes', '5'],
      ],
      'INVALID_CONFIG: Invalid value 5 for configuration segment.bytes: Value must be at least 1048576',
    ],
    [
      'a null',
      't',
      [['SET', 'retention.ms', null]],
      'INVALID_REQUEST: Null value not supported for : retention.ms',
    ],
    [
      'a key twice',
      't',
      [
        ['SET', 'retention.ms', '5'],
        ['SET', 'retention.ms', '6'],
      ],
      'INVALID_REQUEST: Error due to duplicate config keys',
    ],
    [
      'an unknown topic',
      'nonesuch',
      [['SET', 'retention.ms', '5']],
      "UNKNOWN_TOPIC_OR_PARTITION: The topic 'nonesuch' does not exist.",
    ],
    [
      'no topic',
      '',
      [['SET', 'retention.ms', '5']],
      'INVALID_REQUEST: Default topic resources are not allowed.',
    ],
    [
      'an illegal name',
      'a/b',
      [['SET', 'retention.ms', '5']],
      "INVALID_TOPIC_EXCEPTION: Topic name is invalid: 'a/b' contains one or more characters other than " +
        "ASCII alphanumerics, '.', '_' and '-'",
    ],
  ])('%s is answered as by Kafka, and what is refused changes nothing', (_, name, edits, expected) => {
    const before = image
    expect(edit(TOPIC, name, ...edits)).toEqual([expected])
    expect(image).toBe(before)
  })

  test('T042 a refused edit does not spoil the next one', () => {
    edit(TOPIC, 't', ['SET', 'retention.ms', 'x'])
    expect(edit(TOPIC, 't', ['SET', 'retention.ms', '5'])).toEqual(['NONE'])
    expect(ofTopic()).toEqual({ 'retention.ms': '5' })
  })

  test('an operation that is none is refused', () => {
    const configs = [{ name: 'cleanup.policy', value: 'delete', configOperation: 9 }]
    const answer = incremental({ resourceType: TOPIC, resourceName: 't', configs })
    expect(answer).toEqual(['INVALID_REQUEST: Unknown operations type 9'])
  })

  test('validating changes nothing', () => {
    const resources = [resource(TOPIC, 't', [['SET', 'retention.ms', '5']])]
    const outcome = incrementalAlterConfigs(resources, { image, config, validateOnly: true })
    expect(outcome.changes).toBeNull()
    expect(outcome.answer[0]!.result.error).toBe(0)
  })

  test('setting what is set already changes nothing', () => {
    edit(TOPIC, 't', ['SET', 'retention.ms', '5'])
    const before = image
    expect(edit(TOPIC, 't', ['SET', 'retention.ms', '5'])).toEqual(['NONE'])
    expect(image).toBe(before)
  })
})

describe('replacing configs (AlterConfigs)', () => {
  const replace = (resourceType: number, resourceName: string, configs: Record<string, string | null>) =>
    legacy({
      resourceType,
      resourceName,
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    })

  test('T041 what the request does not mention goes back to its default', () => {
    replace(TOPIC, 't', { 'retention.ms': '5', 'segment.ms': '6' })
    expect(replace(TOPIC, 't', { 'segment.ms': '7' })).toEqual(['NONE'])
    expect(ofTopic()).toEqual({ 'segment.ms': '7' })
    expect(replace(TOPIC, 't', {})).toEqual(['NONE'])
    expect(ofTopic()).toEqual({})
  })

  test('T043 a refusal leaves all as it was', () => {
    replace(TOPIC, 't', { 'retention.ms': '5' })
    expect(replace(TOPIC, 't', { nope: '1' })).toEqual(['INVALID_CONFIG: Unknown topic config name: nope'])
    expect(replace(TOPIC, 't', { 'retention.ms': null })).toEqual([
      'INVALID_REQUEST: Null value not supported for : retention.ms',
    ])
    expect(ofTopic()).toEqual({ 'retention.ms': '5' })
  })
})

describe('editing the configs of brokers', () => {
  test('takes effect at once, this broker over all brokers over the file', () => {
    config = loadConfig({ overrides: ['log.retention.ms=1'] }).config!
    edit(BROKER, '', ['SET', 'log.retention.ms', '2'])
    expect(config.number('log.retention.ms')).toBe(2)
    edit(BROKER, '1', ['SET', 'log.retention.ms', '3'])
    expect(config.number('log.retention.ms')).toBe(3)
    expect(effectiveTopicConfig(image.configs('topic', 't'), config).retentionMs).toBe(3)
    edit(BROKER, '1', ['DELETE', 'log.retention.ms', null])
    edit(BROKER, '', ['DELETE', 'log.retention.ms', null])
    expect(config.number('log.retention.ms')).toBe(1)
  })

  test.each<[string, string, Edit, string]>([
    [
      'T043 a read-only one',
      '1',
      ['SET', 'num.partitions', '5'],
      'INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions]',
    ],
    [
      'T043 a read-only one of all',
      '',
      ['SET', 'num.partitions', '5'],
      'INVALID_REQUEST: Cannot update these configs dynamically: [num.partitions]',
    ],
    [
      'T043 a stand-in',
      '1',
      ['SET', 'log.retention.hours', '5'],
      'INVALID_REQUEST: Cannot update these configs dynamically: [log.retention.hours]',
    ],
    ['a read-only one, deleted', '', ['DELETE', 'num.partitions', null], 'NONE'],
    [
      'T043 an unknown one',
      '1',
      ['SET', 'log.retention.sm', '5'],
      'INVALID_REQUEST: Unknown broker config name: log.retention.sm (did you mean log.retention.ms?)',
    ],
    [
      'a wrong type',
      '1',
      ['SET', 'log.retention.ms', 'x'],
      'INVALID_REQUEST: Invalid value x for configuration log.retention.ms: Not a number of type LONG',
    ],
    [
      'a wrong value',
      '1',
      ['SET', 'log.segment.bytes', '5'],
      'INVALID_REQUEST: Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576',
    ],
    [
      'another broker',
      '9',
      ['SET', 'log.retention.ms', '5'],
      'INVALID_REQUEST: Unexpected broker id, expected 1, but received 9',
    ],
    [
      'no broker',
      'abc',
      ['SET', 'log.retention.ms', '5'],
      'INVALID_REQUEST: Node id must be an integer, but it is: abc',
    ],
    [
      'one that is per broker',
      '',
      ['SET', 'sasl.kerberos.service.name', '5'],
      'INVALID_REQUEST: Cannot update these configs at default cluster level, broker id must be ' +
        'specified: [sasl.kerberos.service.name]',
    ],
    [
      'T043 the listeners',
      '1',
      ['SET', 'listeners', 'PLAINTEXT://:1'],
      'INVALID_REQUEST: Klamm cannot change these configs while it runs: [listeners]',
    ],
    [
      'a key store without its listener',
      '1',
      ['SET', 'ssl.keystore.type', 'PEM'],
      'INVALID_REQUEST: These security configs can be dynamically updated only per-listener using ' +
        'the listener prefix: [ssl.keystore.type]',
    ],
    ['a key store of a listener', '1', ['SET', 'listener.name.x.ssl.keystore.type', 'PEM'], 'NONE'],
    [
      "one broker's min.insync.replicas",
      '1',
      ['SET', 'min.insync.replicas', '1'],
      'INVALID_CONFIG: Broker-level min.insync.replicas cannot be altered while ELR is enabled.',
    ],
    ["the cluster's min.insync.replicas", '', ['SET', 'min.insync.replicas', '2'], 'NONE'],
    [
      "the cluster's min.insync.replicas, deleted",
      '',
      ['DELETE', 'min.insync.replicas', null],
      'INVALID_CONFIG: Cluster-level min.insync.replicas cannot be removed while ELR is enabled.',
    ],
    ['a throttle', '1', ['SET', 'leader.replication.throttled.rate', '100'], 'NONE'],
    ['a throttle of all', '', ['SET', 'follower.replication.throttled.rate', '100'], 'NONE'],
    [
      'a negative throttle',
      '1',
      ['SET', 'leader.replication.throttled.rate', '-1'],
      'INVALID_REQUEST: Invalid value -1 for configuration leader.replication.throttled.rate: Value ' +
        'must be at least 0',
    ],
  ])('%s', (_, name, change, expected) => {
    expect(edit(BROKER, name, change)).toEqual([expected])
  })
})

describe('editing the configs of groups and of client metrics', () => {
  const bound = (name: string, how: string, which: string) =>
    `INVALID_CONFIG: ${name} must be ${how} than or equal to group.${which}`
  test.each<[number, string, string, string]>([
    [GROUP, 'consumer.session.timeout.ms', '50000', 'NONE'],
    [
      GROUP,
      'consumer.session.timeout.ms',
      '1000',
      bound('consumer.session.timeout.ms', 'greater', 'consumer.min.session.timeout.ms'),
    ],
    [
      GROUP,
      'consumer.session.timeout.ms',
      '100000',
      bound('consumer.session.timeout.ms', 'less', 'consumer.max.session.timeout.ms'),
    ],
    [
      GROUP,
      'consumer.heartbeat.interval.ms',
      '60000',
      bound('consumer.heartbeat.interval.ms', 'less', 'consumer.max.heartbeat.interval.ms'),
    ],
    [
      GROUP,
      'share.record.lock.duration.ms',
      '1000',
      bound('share.record.lock.duration.ms', 'greater', 'share.min.record.lock.duration.ms'),
    ],
    [
      GROUP,
      'share.delivery.count.limit',
      '11',
      bound('share.delivery.count.limit', 'less', 'share.max.delivery.count.limit'),
    ],
    [
      GROUP,
      'share.partition.max.record.locks',
      '5000',
      bound('share.partition.max.record.locks', 'less', 'share.max.partition.max.record.locks'),
    ],
    [
      GROUP,
      'streams.num.standby.replicas',
      '3',
      bound('streams.num.standby.replicas', 'less', 'streams.max.standby.replicas'),
    ],
    [GROUP, 'share.auto.offset.reset', 'by_duration:PT1H', 'NONE'],
    [
      GROUP,
      'share.isolation.level',
      'foo',
      'INVALID_CONFIG: Invalid value foo for configuration share.isolation.level: String must be one ' +
        'of: read_committed, read_uncommitted',
    ],
    [GROUP, 'nope', '1', 'INVALID_CONFIG: Unknown group config name: nope'],
    [CLIENT_METRICS, 'interval.ms', '1000', 'NONE'],
    [
      CLIENT_METRICS,
      'interval.ms',
      '50',
      'INVALID_REQUEST: Invalid value 50 for interval.ms, interval must be between 100 and 3600000 (1 hour)',
    ],
    [CLIENT_METRICS, 'match', 'client_id=a.*,client_software_name=x', 'NONE'],
    [
      CLIENT_METRICS,
      'match',
      'client_id=[a-z',
      'INVALID_CONFIG: Illegal client matching pattern: client_id=[a-z',
    ],
    [CLIENT_METRICS, 'match', 'foo=bar', 'INVALID_CONFIG: Illegal client matching pattern: foo=bar'],
    [CLIENT_METRICS, 'match', 'client_id', 'INVALID_CONFIG: Illegal client matching pattern: client_id'],
    [CLIENT_METRICS, 'nope', 'x', 'INVALID_REQUEST: Unknown client metrics configuration: nope'],
  ])('resource type %i, %s=%s', (type, name, value, expected) => {
    expect(edit(type, 'x', ['SET', name, value])).toEqual([expected])
  })

  test('a session must be longer than the interval of heartbeats', () => {
    config = loadConfig({
      overrides: ['group.consumer.min.session.timeout.ms=1', 'group.consumer.min.heartbeat.interval.ms=1'],
    }).config!
    expect(edit(GROUP, 'g', ['SET', 'consumer.session.timeout.ms', '5000'])).toEqual([
      'INVALID_CONFIG: consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms',
    ])
  })

  test('the default group is refused', () => {
    expect(edit(GROUP, '', ['SET', 'consumer.session.timeout.ms', '50000'])).toEqual([
      'INVALID_REQUEST: Default group resources are not allowed.',
    ])
  })
})

describe('requests with several resources', () => {
  test('T048 have an answer for each, in their order, and the right ones are done', () => {
    const results = incremental(
      resource(TOPIC, 'nonesuch', [['SET', 'retention.ms', '1']]),
      resource(TOPIC, 't', [['SET', 'retention.ms', '5']]),
      resource(GROUP, 'g', [['SET', 'nope', '1']]),
    )
    expect(results.map(text => text.split(':')[0])).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NONE',
      'INVALID_CONFIG',
    ])
    expect(ofTopic()).toEqual({ 'retention.ms': '5' })
  })

  test('a resource that is there twice is refused both times', () => {
    const twice = resource(TOPIC, 't', [['SET', 'retention.ms', '5']])
    const refused = 'INVALID_REQUEST: Each resource must appear at most once.'
    expect(incremental(twice, twice)).toEqual([refused, refused])
  })

  test.each([
    [BROKER_LOGGER, "INVALID_REQUEST: The levels of the broker's loggers cannot be changed while it runs."],
    [1, 'INVALID_REQUEST: Unknown resource type 1'],
  ])('T042 resource type %i is refused', (type, expected) => {
    expect(edit(type, '1', ['SET', 'x', 'y'])).toEqual([expected])
  })
})
