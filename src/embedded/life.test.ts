import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from '../../protocol/messages/alter-user-scram-credentials.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from '../../protocol/messages/describe-user-scram-credentials.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../protocol/messages/incremental-alter-configs.ts'
import { createTopics, metadataOf, produceTo } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { Klamm, type KlammOptions, Snapshot, StartFailure, UsageError } from '../embedded.ts'
import { nodePlatform } from '../platform/node.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import {
  clientOf,
  commit,
  committed,
  joinGroup,
  newDirectory,
  open,
  started,
  topicNames,
  values,
} from './testing/wire-group.ts'

const BROKER = { resourceType: 4, resourceName: '1' }

const STORAGES: readonly (readonly [string, () => string])[] = [
  ['memory', () => 'memory'],
  ['a directory', () => newDirectory()],
]

describe('topics of the options', () => {
  test('are there when start resolves, with their partitions and configs', async () => {
    const klamm = await started({
      topics: [
        'a',
        { name: 'b', partitions: 3, configs: { 'cleanup.policy': 'compact', 'retention.ms': 5 } },
      ],
      config: { 'num.partitions': 2 },
    })
    const client = await clientOf(klamm)
    const { topics } = await metadataOf(client, ['a', 'b'])
    expect(topics.map(({ partitions }) => partitions.length)).toEqual([2, 3])
    expect((await produceTo(client, 'b')).errorCode).toBe(ErrorCode.INVALID_RECORD)
  })

  test('that a directory has already stay as they are', async () => {
    const storage = newDirectory()
    for (const count of [0, 1]) {
      const klamm = await Klamm.start({ storage, topics: ['kept'] })
      expect(await klamm.contents('kept')).toHaveLength(count)
      await klamm.produce('kept', [{ value: 'x' }])
      await klamm.close()
    }
  })

  test('that cannot be are refused by name', async () => {
    await expect(Klamm.start({ topics: ['a b'] })).rejects.toThrow(/^topics: a b cannot be made: /)
    await expect(Klamm.start({ topics: [{ name: 'a', configs: { nonsense: 1 } }] })).rejects.toThrow(
      StartFailure,
    )
  })
})

test.each(STORAGES)('%s: reset: all is as new, clients stay connected', async (_, storageOf) => {
  const klamm = await started({ storage: storageOf(), topics: ['given'] })
  const { clusterId, port } = klamm
  const client = await clientOf(klamm)
  for (let round = 0; round < 3; round++) {
    await createTopics(client, ['made'])
    expect(await produceTo(client, 'made')).toMatchObject({ errorCode: 0, baseOffset: 0n })
    expect(await produceTo(client, 'given')).toMatchObject({ errorCode: 0, baseOffset: 0n })
    await commit(client, 'given', 1n)
    expect(await committed(client, 'given')).toBe(1n)
    const before = (await metadataOf(client, ['given'])).topics[0]!.topicId
    await klamm.reset()
    expect(await topicNames(client)).toEqual(['given'])
    expect(await klamm.contents('given')).toEqual([])
    expect(await committed(client, 'given')).toBe(-1n)
    expect((await metadataOf(client, ['given'])).topics[0]!.topicId).not.toBe(before)
  }
  expect(klamm).toMatchObject({ clusterId, port })
})

test.each(STORAGES)(
  '%s: restore: what a snapshot has is there again, and nothing else',
  async (_, storageOf) => {
    const klamm = await started({ storage: storageOf(), topics: ['a'] })
    const client = await clientOf(klamm)
    await klamm.produce('a', [{ value: '1' }])
    await commit(client, 'a', 1n)
    const snapshot = await klamm.snapshot()
    for (const value of ['2', '3']) {
      await klamm.produce('a', [{ value }])
      await createTopics(client, ['later'])
      await commit(client, 'a', 2n)
      await klamm.restore(snapshot)
      expect(await values(klamm, 'a')).toEqual(['1'])
      expect(await committed(client, 'a')).toBe(1n)
      expect(await topicNames(client)).toEqual(['__consumer_offsets', 'a'])
    }
  },
)

test.each(STORAGES)('%s: forks go their own ways, and so does what they came from', async (_, storageOf) => {
  const klamm = await started({ storage: storageOf(), topics: ['a'] })
  await klamm.produce('a', [{ value: 'all' }])
  const forks = [await klamm.fork(), await klamm.fork({ storage: storageOf() })]
  open.push(...forks)
  for (const [index, each] of [klamm, ...forks].entries()) {
    expect(each.clusterId).toBe(klamm.clusterId)
    await each.produce('a', [{ value: `${index}` }])
  }
  for (const [index, each] of [klamm, ...forks].entries()) {
    expect(await values(each, 'a')).toEqual(['all', `${index}`])
  }
  expect(new Set([klamm, ...forks].map(({ port }) => port)).size).toBe(3)
})

test.each(STORAGES)(
  '%s: a crash cuts connections and loses nothing that was acknowledged; restart keeps the port',
  async (_, storageOf) => {
    const klamm = await started({ storage: storageOf() })
    const { port, clusterId } = klamm
    const client = await clientOf(klamm)
    await createTopics(client, ['a'])
    await produceTo(client, 'a')
    await klamm.crash()
    await client.closed
    await expect(WireClient.connect(nodePlatform().network, klamm)).rejects.toThrow('ECONNREFUSED')
    await klamm.restart()
    expect(klamm).toMatchObject({ port, clusterId })
    const again = await clientOf(klamm)
    expect(await produceTo(again, 'a')).toMatchObject({ errorCode: 0, baseOffset: 1n })
  },
)

test.each(STORAGES)('%s: T026: topics keep their ids over crashes and restarts', async (_, storageOf) => {
  const klamm = await started({ storage: storageOf(), topics: ['a', 'b'] })
  const ids = async () => {
    const { topics } = await metadataOf(await clientOf(klamm), ['a', 'b'])
    return topics.map(({ topicId }) => topicId)
  }
  const before = await ids()
  await klamm.crash()
  await klamm.restart()
  expect(await ids()).toEqual(before)
  await klamm.restart()
  expect(await ids()).toEqual(before)
})

test.each(STORAGES)('%s: restart of a broker that runs stops it in order first', async (_, storageOf) => {
  const klamm = await started({ storage: storageOf(), topics: ['a'] })
  await klamm.produce('a', [{ value: '1' }])
  const { port } = klamm
  await klamm.restart()
  expect(klamm.port).toBe(port)
  expect(await values(klamm, 'a')).toEqual(['1'])
})

describe('reset', () => {
  test('answers who waits: a fetch with nothing, a member with NOT_COORDINATOR', async () => {
    const klamm = await started({ topics: ['a'], config: { 'group.initial.rebalance.delay.ms': 60_000 } })
    const member = await clientOf(klamm)
    const { memberId } = await joinGroup(member)
    const waiting = joinGroup(member, memberId)
    while ((await klamm.group('g'))?.state !== 'PreparingRebalance') await settled()
    const consuming = klamm.consume('a', { count: 1, timeout: 5_000 })
    await klamm.reset()
    expect((await waiting).errorCode).toBe(ErrorCode.NOT_COORDINATOR)
    await klamm.produce('a', [{ value: 'new' }])
    expect((await consuming).map(({ value }) => value)).toEqual(['new'])
  })

  test.each(STORAGES)(
    'in %s: helpers that read and write meanwhile end, or are told',
    async (_, storageOf) => {
      const klamm = await started({
        storage: storageOf(),
        topics: ['a'],
        config: { 'klamm.tail.cache.bytes': 0 },
      })
      const records = Array.from({ length: 50 }, (_, index) => ({ value: `${index}` }))
      for (let round = 0; round < 5; round++) {
        await klamm.produce('a', records)
        const busy = [
          klamm.contents('a'),
          klamm.produce('a', records),
          klamm.consume('a', 50),
          klamm.lag('none'),
        ]
        const ended = Promise.allSettled(busy)
        await klamm.reset()
        await klamm.produce('a', records)
        const outcomes = await ended
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(Error)
        }
      }
    },
  )

  test('lets requests that come meanwhile wait for the new data', async () => {
    const klamm = await started({ topics: ['a'] })
    const clients = await Promise.all(Array.from({ length: 5 }, () => clientOf(klamm)))
    const resetting = klamm.reset()
    const produced = await Promise.all(clients.map(client => produceTo(client, 'a')))
    await resetting
    expect(produced.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0, 0, 0])
  })

  test('again and again under clients that produce and read without pause: nobody hangs or is cut', async () => {
    const klamm = await started({ topics: ['a'] })
    const clients = await Promise.all(Array.from({ length: 6 }, () => clientOf(klamm)))
    let isOver = false
    const codes = new Set<number>()
    const busy = clients.map(async (client, index) => {
      while (!isOver) {
        if (index % 2 === 0) codes.add((await produceTo(client, 'a')).errorCode)
        else codes.add((await metadataOf(client, ['a'])).topics[0]!.errorCode)
      }
    })
    for (let round = 0; round < 20; round++) await klamm.reset()
    isOver = true
    await Promise.all(busy)
    expect([...codes]).toEqual([ErrorCode.NONE])
  })

  test('takes back settings that were altered at run time, and users', async () => {
    const klamm = await started()
    const client = await clientOf(klamm)
    const settings = async () => {
      const { results } = await client.call({
        request: DescribeConfigsRequest,
        response: DescribeConfigsResponse,
        version: 2,
        body: { resources: [{ ...BROKER, configurationKeys: ['log.retention.ms'] }], includeSynonyms: false },
      })
      const { results: users } = await client.call({
        request: DescribeUserScramCredentialsRequest,
        response: DescribeUserScramCredentialsResponse,
        version: 0,
        body: { users: null },
      })
      return [results[0]!.configs[0]!.value, users.map(({ user }) => user)]
    }
    const before = await settings()
    await client.call({
      request: IncrementalAlterConfigsRequest,
      response: IncrementalAlterConfigsResponse,
      version: 1,
      body: {
        resources: [{ ...BROKER, configs: [{ name: 'log.retention.ms', configOperation: 0, value: '77' }] }],
        validateOnly: false,
      },
    })
    const credential = {
      mechanism: 1,
      iterations: 4_096,
      salt: Buffer.from('s'),
      saltedPassword: Buffer.alloc(32),
    }
    await client.call({
      request: AlterUserScramCredentialsRequest,
      response: AlterUserScramCredentialsResponse,
      version: 0,
      body: { deletions: [], upsertions: [{ name: 'alice', ...credential }] },
    })
    expect(await settings()).toEqual(['77', ['alice']])
    const snapshot = await klamm.snapshot()
    await klamm.reset()
    expect(await settings()).toEqual(before)
    await klamm.restore(snapshot)
    expect(await settings()).toEqual(['77', ['alice']])
    await klamm.restart()
    const again = await clientOf(klamm)
    expect((await metadataOf(again, [])).clusterId).toBe(klamm.clusterId)
  })

  test('T029: a topic of the same name holds nothing of the one before, nor do its producers', async () => {
    const klamm = await started({ topics: ['a'] })
    const client = await clientOf(klamm)
    const idempotent = { producerId: 0n, producerEpoch: 0, baseSequence: 0 }
    expect(await produceTo(client, 'a', idempotent)).toMatchObject({ errorCode: 0, baseOffset: 0n })
    await klamm.reset()
    expect(await produceTo(client, 'a', idempotent)).toMatchObject({ errorCode: 0, baseOffset: 0n })
    expect(await klamm.contents('a')).toHaveLength(1)
  })
})

describe('a snapshot', () => {
  test('becomes bytes and is read again, for another broker in another process', async () => {
    const klamm = await started({ topics: ['a'] })
    await klamm.produce('a', [{ value: '1' }, { value: '2' }])
    const bytes = await (await klamm.snapshot()).toBytes()
    const other = await started()
    await other.restore(await Snapshot.fromBytes(bytes))
    expect(await values(other, 'a')).toEqual(['1', '2'])
    expect(other.clusterId).toBe(klamm.clusterId)
  })

  test('is refused where it is none, damaged, or of another version or node', async () => {
    const klamm = await started()
    const snapshot = await klamm.snapshot()
    const bytes = await snapshot.toBytes()
    await expect(Snapshot.fromBytes(Buffer.from('nonsense'))).rejects.toThrow('no snapshot')
    await expect(Snapshot.fromBytes('nonsense' as never)).rejects.toThrow('are no bytes')
    await expect(Snapshot.fromBytes(bytes.subarray(0, bytes.length - 1))).rejects.toThrow('damaged')
    bytes[100]! ^= 1
    await expect(Snapshot.fromBytes(bytes)).rejects.toThrow('damaged')
    const { clusterId, nodeId, timestamp, directories } = snapshot
    const disk = Reflect.get(snapshot, 'disk')
    const old = new Snapshot({ klammVersion: '0.0.9', clusterId, nodeId, timestamp, directories }, disk)
    await expect(klamm.restore(old)).rejects.toThrow(/made by Klamm 0\.0\.9, and this is Klamm /)
    await expect(Snapshot.fromBytes(await old.toBytes())).rejects.toThrow(/made by Klamm 0\.0\.9/)
    const stranger = await started({ config: { 'node.id': 7 } })
    await expect(stranger.restore(snapshot)).rejects.toThrow("'node.id': 1")
    await stranger.produce('still-well', [{ value: 'x' }])
  })

  test('of one log directory does not go into two', async () => {
    const snapshot = await (await started()).snapshot()
    const two = await started({ config: { 'log.dirs': 'x,y' } })
    await expect(two.restore(snapshot)).rejects.toThrow('here are 2')
  })
})

describe('a power failure', () => {
  test.each(STORAGES)('in %s loses what was not synced, and keeps what was', async (_, storageOf) => {
    const klamm = await started({
      powerLoss: true,
      storage: storageOf(),
      topics: ['a', { name: 'safe', configs: { 'flush.messages': 1 } }],
    })
    for (let round = 1; round <= 2; round++) {
      await klamm.produce('a', [{ value: '1' }])
      await klamm.produce('safe', [{ value: `${round}` }])
      await klamm.crash({ unsynced: 'lost' })
      await klamm.restart()
      expect(await values(klamm, 'a')).toEqual([])
    }
    expect(await values(klamm, 'safe')).toEqual(['1', '2'])
  })

  test.each(STORAGES)('in %s that tears writes leaves a log that begins as it was', async (_, storageOf) => {
    const klamm = await started({ powerLoss: true, seed: 3, storage: storageOf(), topics: ['a'] })
    for (let value = 0; value < 20; value++) await klamm.produce('a', [{ value: `${value}` }])
    await klamm.crash({ unsynced: 'torn' })
    await klamm.restart()
    const left = await values(klamm, 'a')
    expect(left).toEqual(Array.from(left, (_, index) => `${index}`))
    await klamm.produce('a', [{ value: 'on' }])
    await klamm.reset()
    expect(await values(klamm, 'a')).toEqual([])
  })

  test('has to be announced at the start', async () => {
    const klamm = await started()
    await expect(klamm.crash({ unsynced: 'lost' })).rejects.toThrow('{ powerLoss: true }')
  })
})

describe('with a seed', () => {
  const idsOf = async (klamm: Klamm) => {
    const client = await clientOf(klamm)
    await createTopics(client, ['a'])
    const { clusterId, topics } = await metadataOf(client, ['a'])
    return [clusterId, topics[0]!.topicId, (await joinGroup(client)).memberId]
  }

  test('ids are the same in each run', async () => {
    const first = await idsOf(await started({ seed: 42 }))
    expect(await idsOf(await started({ seed: 42 }))).toEqual(first)
    expect(await idsOf(await started({ seed: 43 }))).not.toEqual(first)
  })

  test('but not those of the time before a reset, whose clients may still be there', async () => {
    const klamm = await started({ seed: 42 })
    const [clusterId, topicId, memberId] = await idsOf(klamm)
    await klamm.reset()
    const after = await idsOf(klamm)
    expect(after[0]).toBe(clusterId)
    expect(after[1]).not.toBe(topicId)
    expect(after[2]).not.toBe(memberId)
  })
})

test('fifty live side by side in one process, each with its own data', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => started({ topics: ['a'] })))
  await Promise.all(all.map((klamm, index) => klamm.produce('a', [{ value: `${index}` }])))
  const found = await Promise.all(all.map(klamm => values(klamm, 'a')))
  expect(found).toEqual(all.map((_, index) => [`${index}`]))
  expect(new Set(all.map(({ port }) => port)).size).toBe(50)
})

describe('what cannot be is refused, in words that help', () => {
  test('use after close, and while crashed', async () => {
    const klamm = await Klamm.start()
    await klamm.crash()
    for (const use of [klamm.reset(), klamm.snapshot(), klamm.crash(), klamm.fork()]) {
      await expect(use).rejects.toThrow('call restart() first')
    }
    await klamm.close()
    await klamm.close()
    for (const use of [klamm.reset(), klamm.restart(), klamm.crash(), klamm.clock.advance(1)]) {
      await expect(use).rejects.toThrow('Klamm.start()')
      await expect(use).rejects.toBeInstanceOf(UsageError)
    }
  })

  test('options that do not exist or make no sense', async () => {
    const start = (options: object) => Klamm.start(options as KlammOptions)
    await expect(start({ topic: ['a'] })).rejects.toThrow('no option topic; did you mean topics?')
    await expect(start({ clock: 'fake' })).rejects.toThrow(
      "clock: \"fake\" will not do; give one of 'real', 'manual'",
    )
    await expect(start({ seed: 'x' })).rejects.toThrow('seed: "x" will not do; give a number')
    await expect(start({ storage: '' })).rejects.toThrow('storage: ')
    await expect(start({ topics: [{ nam: 'a' }] })).rejects.toThrow('is none; give a name, or { name')
    await expect(start({ topics: [{ name: 'a', parts: 2 }] })).rejects.toThrow('has parts, and may have')
    await expect(start({ topics: [{ name: 'a', partitions: 0 }] })).rejects.toThrow(
      /^topics: a cannot be made/,
    )
    await expect(start({ topics: 'a' })).rejects.toThrow("give a list, such as ['orders']")
  })

  test.each<[string, unknown]>([
    ['port', '9092'],
    ['port', -1],
    ['host', 5],
    ['storage', 5],
    ['powerLoss', 'yes'],
    ['profile', 'test'],
    ['persona', '3.7'],
    ['tls', 'yes'],
    ['tls', { cert: 'x', key: 'y' }],
    ['sasl', true],
    ['sasl', { users: { alice: 5 } }],
    ['sasl', { users: { alice: 'hunter2' }, mechanism: 'PLAIN' }],
    ['config', 'num.partitions=3'],
    ['config', { 'log.dirs': ['a', 'b'] }],
    ['trace', {}],
    ['logger', console],
    ['topics', [{ name: 'a', partitions: '3' }]],
    ['topics', [{ name: 'a', configs: null }]],
  ])('the option %s as %j', async (name, value) => {
    const started = Klamm.start({ [name]: value })
    await expect(started).rejects.toBeInstanceOf(StartFailure)
    await expect(started).rejects.toThrow(new RegExp(`^${name}: .*(give|is no)`))
    await expect(started).rejects.not.toThrow('hunter2')
  })

  test('options that are none at all', async () => {
    for (const options of [null, 'localhost:9092', 9092, []]) {
      await expect(Klamm.start(options as never)).rejects.toThrow(/^Klamm\.start takes options such as/)
    }
  })

  test('waiting for records of a broker that is closed', async () => {
    const klamm = await Klamm.start()
    const waiting = klamm.consume('a', { timeout: 60_000 })
    await Promise.all([expect(waiting).rejects.toThrow('This Klamm is closed'), klamm.close()])
    await expect(klamm.consume('a', { timeout: 60_000 })).rejects.toThrow('This Klamm is closed')
  })

  test('a port or directory that another one has; the other lives on', async () => {
    const storage = newDirectory()
    const klamm = await started({ storage })
    await expect(Klamm.start({ storage })).rejects.toThrow(/in use by another broker .* Stop it, or choose/)
    await expect(Klamm.start({ port: klamm.port })).rejects.toThrow(/in use/)
    await expect(klamm.fork({ storage })).rejects.toThrow(StartFailure)
    await klamm.produce('a', [{ value: 'x' }])
  })

  test('a restart whose port is gone; another one is possible later', async () => {
    const klamm = await started()
    await klamm.crash()
    const thief = await Klamm.start({ port: klamm.port })
    await expect(klamm.restart()).rejects.toThrow(/in use/)
    await thief.close()
    await klamm.restart()
    await klamm.produce('a', [{ value: 'x' }])
  })
})

test('the data directory is left as any other: a second life begins with what the first one wrote', async () => {
  const storage = newDirectory()
  const first = await Klamm.start({ storage, topics: ['a'] })
  await first.produce('a', [{ value: '1' }])
  await first.crash()
  await first.close()
  expect(readdirSync(storage).filter(name => name.startsWith('.lock'))).toEqual([])
  const second = await started({ storage })
  expect(await values(second, 'a')).toEqual(['1'])
})
