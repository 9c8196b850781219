import { beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode, errorName } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { type ConfigSources, loadConfig } from '../config.ts'
import { LocalStore } from '../platform/local-store.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { Controller } from './controller.ts'
import type { CreateTopic, CreateTopicResult } from './create-topics.ts'

const clock = new ManualClock()
let disk: MemoryDisk
let controller: Controller

async function started(sources: ConfigSources = {}): Promise<Controller> {
  const { config } = loadConfig(sources)
  const store = new LocalStore({ disk, directory: '/data' })
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const random = new SeededRandom(7)
  controller = await Controller.open({ store, config: config!, clock, random, logger: quiet })
  return controller
}

async function restarted(sources?: ConfigSources): Promise<Controller> {
  await controller.close()
  return started(sources)
}

beforeEach(async () => {
  disk = new MemoryDisk({ clock, isCrashable: true })
  await started()
})

const topic = (name: string, rest: Partial<CreateTopic> = {}): CreateTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  ...rest,
})
const withConfigs = (name: string, configs: Record<string, string | null>) =>
  topic(name, { configs: Object.entries(configs).map(([name, value]) => ({ name, value })) })
const assigned = (name: string, partitions: Record<number, number[]>, rest: Partial<CreateTopic> = {}) =>
  topic(name, {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: Object.entries(partitions).map(([index, brokerIds]) => ({
      partitionIndex: Number(index),
      brokerIds,
    })),
    ...rest,
  })

/** Each result as the name of its error and its message. */
const shown = (results: readonly { result: { error: ErrorCode; message?: string } }[]) =>
  results.map(({ result }) =>
    result.error === 0
      ? 'NONE'
      : [errorName(result.error), ...(result.message ? [result.message] : [])].join(': '),
  )
const create = async (...topics: CreateTopic[]) => shown(await controller.createTopics(topics))

function createdOf(result: CreateTopicResult | undefined) {
  if (!result || result.result.error) throw new Error('not created')
  return result.result.value
}

describe('creating topics', () => {
  const manual = 'The manual partition assignment includes'
  const throttled = 'leader.replication.throttled.replicas'
  test.each([
    [
      'T021 an empty name',
      topic(''),
      'INVALID_TOPIC_EXCEPTION: Topic name is invalid: the empty string is not allowed',
    ],
    ['T021 a dot', topic('.'), "INVALID_TOPIC_EXCEPTION: Topic name is invalid: '.' is not allowed"],
    ['T021 a way out', topic('..'), "INVALID_TOPIC_EXCEPTION: Topic name is invalid: '..' is not allowed"],
    [
      'T021 a slash',
      topic('a/b'),
      "INVALID_TOPIC_EXCEPTION: Topic name is invalid: 'a/b' contains one or more characters other than " +
        "ASCII alphanumerics, '.', '_' and '-'",
    ],
    ['the longest name', topic('a'.repeat(249)), 'NONE'],
    [
      'a colliding name',
      topic('a_b'),
      "INVALID_TOPIC_EXCEPTION: Topic 'a_b' collides with existing topic: a.b",
    ],
    [
      'the metadata topic',
      topic('__cluster_metadata'),
      'INVALID_REQUEST: Creation of internal topic __cluster_metadata is prohibited.',
    ],
    [
      'an existing name',
      topic('a.b', { numPartitions: 0 }),
      "TOPIC_ALREADY_EXISTS: Topic 'a.b' already exists.",
    ],
    [
      'no partitions',
      topic('t', { numPartitions: 0 }),
      'INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.',
    ],
    [
      'fewer partitions',
      topic('t', { numPartitions: -2 }),
      'INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.',
    ],
    [
      'too many partitions',
      topic('t', { numPartitions: 10_000 }),
      'POLICY_VIOLATION: Excessively large number of partitions per request.',
    ],
    [
      'no replicas',
      topic('t', { replicationFactor: 0 }),
      'INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the default value.',
    ],
    [
      'more replicas than brokers',
      topic('t', { replicationFactor: 2 }),
      'INVALID_REPLICATION_FACTOR: Unable to replicate the partition 2 time(s): The target replication ' +
        'factor of 2 cannot be reached because only 1 broker(s) are registered.',
    ],
    ['defaults', topic('t', { numPartitions: -1, replicationFactor: -1 }), 'NONE'],
    ['an assignment', assigned('t', { 0: [1], 1: [1] }), 'NONE'],
    [
      'an assignment and a count',
      assigned('t', { 0: [1] }, { numPartitions: 1 }),
      'INVALID_REQUEST: A manual partition assignment was specified, but numPartitions was not set to -1.',
    ],
    [
      'an assignment and a factor',
      assigned('t', { 0: [1] }, { replicationFactor: 1 }),
      'INVALID_REQUEST: A manual partition assignment was specified, but replication factor was not ' +
        'set to -1.',
    ],
    [
      'a gap',
      assigned('t', { 0: [1], 2: [1] }),
      'INVALID_REPLICA_ASSIGNMENT: partitions should be a consecutive 0-based integer sequence',
    ],
    [
      'a broker twice',
      assigned('t', { 0: [1, 1] }),
      `INVALID_REPLICA_ASSIGNMENT: ${manual} the broker 1 more than once.`,
    ],
    [
      'an unknown broker',
      assigned('t', { 0: [7] }),
      `INVALID_REPLICA_ASSIGNMENT: ${manual} broker 7, but no such broker is registered.`,
    ],
    [
      'an empty list',
      assigned('t', { 0: [] }),
      `INVALID_REPLICA_ASSIGNMENT: ${manual} an empty replica list.`,
    ],
    [
      'T034 an unknown config',
      withConfigs('t', { nope: '1' }),
      'INVALID_CONFIG: Unknown topic config name: nope',
    ],
    [
      'T034 a nearly known config',
      withConfigs('t', { 'retention.sm': '1' }),
      'INVALID_CONFIG: Unknown topic config name: retention.sm (did you mean retention.ms?)',
    ],
    [
      'T034 harmless configs',
      withConfigs('t', { 'min.insync.replicas': '3', 'flush.messages': '1', 'flush.ms': '5' }),
      'NONE',
    ],
    [
      'a null config',
      withConfigs('t', { 'retention.ms': null }),
      'INVALID_CONFIG: Null value not supported for topic configs: retention.ms',
    ],
    [
      'a config of the wrong type',
      withConfigs('t', { 'retention.ms': 'abc' }),
      'INVALID_CONFIG: Invalid value abc for configuration retention.ms: Not a number of type LONG',
    ],
    [
      'a config below its range',
      withConfigs('t', { 'retention.ms': '-2' }),
      'INVALID_CONFIG: Invalid value -2 for configuration retention.ms: Value must be at least -1',
    ],
    [
      'a config above its range',
      withConfigs('t', { 'min.cleanable.dirty.ratio': '1.5' }),
      'INVALID_CONFIG: Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be ' +
        'no more than 1',
    ],
    [
      'a policy that is none',
      withConfigs('t', { 'cleanup.policy': 'foo' }),
      'INVALID_CONFIG: Invalid value foo for configuration cleanup.policy: String must be one of: ' +
        'compact, delete',
    ],
    [
      'an empty list entry',
      withConfigs('t', { 'cleanup.policy': 'delete,,compact' }),
      "INVALID_CONFIG: Configuration 'cleanup.policy' values must not be empty.",
    ],
    ['an empty policy', withConfigs('t', { 'cleanup.policy': '' }), 'NONE'],
    [
      'a level out of bounds',
      withConfigs('t', { 'compression.gzip.level': '0' }),
      'INVALID_CONFIG: Invalid value 0 for configuration compression.gzip.level: Value must be ' +
        'between 1 and 9 or equal to -1',
    ],
    [
      'replicas that are none',
      withConfigs('t', { [throttled]: 'x' }),
      `INVALID_CONFIG: Invalid value [x] for configuration ${throttled}: ${throttled} must be the literal ` +
        "'*' or a list of replicas in the following format: " +
        '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
    ],
    [
      'lags that contradict',
      withConfigs('t', { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }),
      'INVALID_CONFIG: conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)',
    ],
    [
      'tiered storage',
      withConfigs('t', { 'remote.storage.enable': 'true' }),
      'INVALID_CONFIG: Tiered Storage functionality is disabled in the broker. Topic cannot be ' +
        'configured with remote log storage.',
    ],
  ])('%s', async (_, asked, expected) => {
    await create(topic('a.b'))
    expect(await create(asked)).toEqual([expected])
  })

  test('T030 validating an existing topic says that it exists', async () => {
    await create(topic('t'))
    const results = await controller.createTopics([topic('t')], { validateOnly: true })
    expect(shown(results)).toEqual(["TOPIC_ALREADY_EXISTS: Topic 't' already exists."])
  })

  test('T031 validating a new topic tells what it would be and creates nothing', async () => {
    const before = controller.image()
    const asked = topic('t', { numPartitions: 3, replicationFactor: -1 })
    const [result] = await controller.createTopics([asked], { validateOnly: true })
    expect(createdOf(result)).toMatchObject({ numPartitions: 3, replicationFactor: 1, topicId: ZERO_UUID })
    expect(controller.image()).toBe(before)
  })

  test('T032 a new topic is answered with all its effective configs and the defaults it got', async () => {
    await restarted({ overrides: ['num.partitions=4', 'log.retention.ms=77', 'log.roll.hours=1'] })
    const asked = {
      ...withConfigs('t', { 'segment.bytes': '2000000' }),
      numPartitions: -1,
      replicationFactor: -1,
    }
    const created = createdOf((await controller.createTopics([asked]))[0])
    expect(created).toMatchObject({ numPartitions: 4, replicationFactor: 1 })
    const value = (name: string) => created.configs.find(config => config.name === name)
    expect(created.configs).toHaveLength(33)
    expect(value('segment.bytes')).toMatchObject({ value: '2000000', configSource: 1 })
    expect(value('retention.ms')).toMatchObject({ value: '77', configSource: 4 })
    expect(value('segment.ms')).toMatchObject({ value: '3600000', configSource: 4 })
    expect(value('min.insync.replicas')).toMatchObject({ value: '1', configSource: 3 })
    expect(value('cleanup.policy')).toMatchObject({ value: 'delete', configSource: 5 })
  })

  test('T033 valid topics are created beside invalid ones, and duplicates are refused once', async () => {
    const results = await controller.createTopics([
      topic('a'),
      topic('b', { numPartitions: 0 }),
      topic('c'),
      topic('c'),
    ])
    expect(results.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(shown(results)).toEqual([
      'NONE',
      'INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.',
      'INVALID_REQUEST: Duplicate topic name.',
    ])
    expect([...controller.image().topics].map(({ name }) => name)).toEqual(['a'])
  })

  test('two new names of one request may not collide either', async () => {
    expect(await create(topic('x.y'), topic('x_y'))).toEqual([
      'NONE',
      "INVALID_TOPIC_EXCEPTION: Topic 'x_y' collides with existing topic: x.y",
    ])
  })

  test('T026 T027 ids are stable over restarts, and a recreated topic has a new one', async () => {
    await create(topic('t', { numPartitions: 2 }))
    const { id } = controller.image().topicByName('t')!
    expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
    await restarted()
    expect(controller.image().topicByName('t')?.id).toBe(id)
    expect(controller.image().topicById(id)?.name).toBe('t')
    await controller.deleteTopics([{ name: 't', topicId: ZERO_UUID }])
    expect(controller.image().topicById(id)).toBeUndefined()
    await create(topic('t'))
    expect(controller.image().topicByName('t')!.id).not.toBe(id)
    expect(controller.image().topicById(id)).toBeUndefined()
  })

  test('a recreated topic has none of its old configs', async () => {
    await create(withConfigs('t', { 'retention.ms': '5' }))
    await controller.deleteTopics([{ name: 't', topicId: ZERO_UUID }])
    await create(topic('t'))
    expect(controller.image().configs('topic', 't').size).toBe(0)
  })
})

describe('deleting topics', () => {
  test('by name and by id, a row for each that was asked for (T048)', async () => {
    await create(topic('a'), topic('b'), topic('c'), topic('d'))
    const idOf = (name: string) => controller.image().topicByName(name)!.id
    const [a, d] = [idOf('a'), idOf('d')]
    const results = await controller.deleteTopics([
      { name: null, topicId: a },
      { name: 'b', topicId: ZERO_UUID },
      { name: 'nonesuch', topicId: ZERO_UUID },
      { name: null, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' },
      { name: null, topicId: ZERO_UUID },
      { name: 'c', topicId: idOf('c') },
      { name: 'd', topicId: ZERO_UUID },
      { name: null, topicId: d },
    ])
    expect(shown(results)).toEqual([
      'NONE',
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.',
      'UNKNOWN_TOPIC_ID: This server does not host this topic ID.',
      'INVALID_REQUEST: Neither topic name nor id were specified.',
      'INVALID_REQUEST: You may not specify both topic name and topic id.',
      'INVALID_REQUEST: The provided topic name maps to an ID that was already supplied.',
      'INVALID_REQUEST: The provided topic name maps to an ID that was already supplied.',
    ])
    expect(results[0]).toMatchObject({ name: 'a', topicId: a })
    expect([...controller.image().topics].map(({ name }) => name).sort()).toEqual(['c', 'd'])
  })

  test('is refused where it is disabled', async () => {
    await restarted({ overrides: ['delete.topic.enable=false'] })
    await create(topic('t'))
    const results = await controller.deleteTopics([{ name: 't', topicId: ZERO_UUID }])
    expect(shown(results)).toEqual(['TOPIC_DELETION_DISABLED: Topic deletion is disabled.'])
    expect(controller.image().topicByName('t')).toBeDefined()
  })
})

describe('adding partitions', () => {
  const grow = async (count: number, assignments: number[][] | null = null, validateOnly = false) =>
    shown(
      await controller.createPartitions(
        [{ name: 't', count, assignments: assignments?.map(brokerIds => ({ brokerIds })) ?? null }],
        { validateOnly },
      ),
    )
  beforeEach(async () => {
    await create(topic('t', { numPartitions: 3 }))
  })

  const attempted = (added: number, given: number) =>
    `INVALID_REPLICA_ASSIGNMENT: Attempted to add ${added} additional partition(s), but only ` +
    `${given} assignment(s) were specified.`
  test.each([
    ['the same', 3, null, 'INVALID_PARTITIONS: Topic already has 3 partition(s).'],
    [
      'T035 fewer',
      2,
      null,
      'INVALID_PARTITIONS: The topic t currently has 3 partition(s); 2 would not be an increase.',
    ],
    [
      'a negative count',
      -1,
      null,
      'INVALID_PARTITIONS: The topic t currently has 3 partition(s); -1 would not be an increase.',
    ],
    ['too few assignments', 5, [[1]], attempted(2, 1)],
    ['too many assignments', 4, [[1], [1]], attempted(1, 2)],
    [
      'an unknown broker',
      4,
      [[9]],
      'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 9, but no such ' +
        'broker is registered.',
    ],
    [
      'an empty list',
      4,
      [[]],
      'INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.',
    ],
    ['too many', 20_000, null, 'POLICY_VIOLATION: Excessively large number of partitions per request.'],
  ])('%s is refused', async (_, count, assignments, expected) => {
    expect(await grow(count, assignments)).toEqual([expected])
    expect(controller.image().topicByName('t')!.partitions).toHaveLength(3)
  })

  test('T035 numbers new partitions behind the old ones and leaves those alone', async () => {
    const before = controller.image().topicByName('t')!
    expect(await grow(5, [[1], [1]])).toEqual(['NONE'])
    const after = controller.image().topicByName('t')!
    expect(after.partitions).toHaveLength(5)
    expect(after.partitions.slice(0, 3)).toEqual(before.partitions)
    expect(after.id).toBe(before.id)
  })

  test('T035 validating changes nothing', async () => {
    const before = controller.image()
    expect(await grow(5, null, true)).toEqual(['NONE'])
    expect(controller.image()).toBe(before)
  })

  test('T035 T048 there is a row for each topic, in the order of the request', async () => {
    const results = await controller.createPartitions([
      { name: 'nonesuch', count: 2, assignments: null },
      { name: 't', count: 4, assignments: null },
    ])
    expect(results.map(({ name }) => name)).toEqual(['nonesuch', 't'])
    expect(shown(results)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', 'NONE'])
  })
})

describe('the controller', () => {
  test('T106 gives out blocks of producer ids that never repeat, over restarts and crashes', async () => {
    const firsts: bigint[] = []
    for (let start = 0; start < 3; start++) {
      for (let n = 0; n < 3; n++) firsts.push((await controller.allocateProducerIds())!.first)
      disk.crash('lost')
      await started()
    }
    expect(firsts).toEqual([0n, 1000n, 2000n, 3000n, 4000n, 5000n, 6000n, 7000n, 8000n])
  })

  test('sets up a new cluster as a freshly formatted Kafka 4.3 is, and keeps its id', async () => {
    const image = controller.image()
    expect(Object.fromEntries(image.features)).toEqual({
      'eligible.leader.replicas.version': 1,
      'group.version': 1,
      'metadata.version': 30,
      'share.version': 1,
      'streams.version': 1,
      'transaction.version': 2,
    })
    expect(image.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(image.configs('broker', '')).toEqual(new Map([['min.insync.replicas', '1']]))
    expect([...image.brokers.keys()]).toEqual([1])
    expect(image.controllerId).toBe(1)
    await restarted()
    expect(controller.image().clusterId).toBe(image.clusterId)
  })

  test('leads its partitions in a new epoch after each start', async () => {
    await create(topic('t', { numPartitions: 2 }))
    const epochs = () =>
      controller
        .image()
        .topicByName('t')!
        .partitions.map(({ leaderEpoch }) => leaderEpoch)
    expect(epochs()).toEqual([0, 0])
    await restarted()
    expect(epochs()).toEqual([1, 1])
    expect(controller.image().brokers.get(1)!.epoch).toBe(2n)
  })

  test('answers when all listeners have taken up the new image, in their order', async () => {
    const events: string[] = []
    controller.onImage(async image => {
      await Promise.resolve()
      events.push(`first sees ${image.topicCount}`)
    })
    controller.onImage(() => void events.push('second'))
    await create(topic('t'))
    events.push('answered')
    expect(events).toEqual(['first sees 1', 'second', 'answered'])
  })

  test('a listener that fails does not keep the others from following', async () => {
    let seen = 0
    controller.onImage(() => {
      throw new Error('broken')
    })
    controller.onImage(image => {
      seen = image.topicCount
    })
    expect(await create(topic('t'))).toEqual(['NONE'])
    expect(seen).toBe(1)
  })

  test('runs commands one after the other, each on the image that the last one left', async () => {
    const results = await Promise.all([create(topic('t')), create(topic('t')), create(topic('u'))])
    expect(results).toEqual([['NONE'], ["TOPIC_ALREADY_EXISTS: Topic 't' already exists."], ['NONE']])
  })

  test('tells a caller whose time is over, and leaves out what it had not begun', async () => {
    let release = () => {}
    controller.onImage(async () => {
      await new Promise<void>(resolve => {
        release = resolve
      })
    })
    const first = controller.createTopics([topic('a')], { timeoutMs: 100 })
    const second = controller.createTopics([topic('b')], { timeoutMs: 100 })
    await new Promise(resolve => setImmediate(resolve))
    clock.advance(100)
    expect(shown([...(await first), ...(await second)])).toEqual([
      'REQUEST_TIMED_OUT: The request timed out.',
      'REQUEST_TIMED_OUT: The request timed out.',
    ])
    release()
    await controller.createTopics([])
    expect([...controller.image().topics].map(({ name }) => name)).toEqual(['a'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('refuses what cannot be stored, changes nothing, and goes on when there is room again', async () => {
    disk.intercept = ({ name }) => {
      if (name === 'write') throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    }
    expect(await create(topic('t'))).toEqual([
      'KAFKA_STORAGE_ERROR: The metadata could not be stored: no space left',
    ])
    expect(await controller.allocateProducerIds()).toBeUndefined()
    expect(controller.image().topicCount).toBe(0)
    disk.intercept = undefined
    expect(await create(topic('t'))).toEqual(['NONE'])
  })

  test('refuses metadata of another cluster than the log directories name', async () => {
    await controller.close()
    const { config } = loadConfig({})
    const store = new LocalStore({ disk, directory: '/data' })
    const logger = { info: () => {}, warn: () => {}, error: () => {} }
    const options = { store, config: config!, clock, random: new SeededRandom(1), logger }
    await expect(Controller.open({ ...options, clusterId: 'another' })).rejects.toThrow('different brokers')
  })

  test('closed, answers that there is no broker', async () => {
    await controller.close()
    expect(await create(topic('t'))).toEqual([errorName(ErrorCode.BROKER_NOT_AVAILABLE)])
  })
})
