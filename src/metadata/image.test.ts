import { describe, expect, test } from 'vitest'
import { ClusterImage, configKey, type ImageChanges, type TopicImage } from './image.ts'
import { decodeRecords, encodeChanges } from './metadata-records.ts'
import { SharedMap } from './shared-map.ts'

const topic = (name: string, id = `${name}AAAAAAAAAAAAAAAAAAAAAA`.slice(0, 22)): TopicImage => ({
  name,
  id,
  partitions: [
    {
      leader: 1,
      leaderEpoch: 3,
      partitionEpoch: 4,
      replicas: [1, 2],
      isr: [1],
      directories: ['AAAAAAAAAAAAAAAAAAAAAA', 'BAAAAAAAAAAAAAAAAAAAAA'],
      elr: [2],
      lastKnownElr: [],
    },
  ],
})

const FULL: ImageChanges = {
  clusterId: 'cluster',
  brokers: [
    [
      1,
      {
        id: 1,
        epoch: 9n,
        host: 'h',
        port: 9092,
        rack: 'r',
        endpoints: [{ listener: 'A', host: 'h', port: 1 }],
      },
    ],
  ],
  topics: [
    ['a.b', topic('a.b')],
    ['c', topic('c')],
  ],
  configs: [
    [configKey('topic', 'c'), new Map([['retention.ms', '5']])],
    [configKey('broker', ''), new Map([['min.insync.replicas', '1']])],
    [configKey('group', 'with/slash'), new Map([['x', 'y']])],
  ],
  features: [['metadata.version', 30]],
  nextProducerId: 9_007_199_254_740_993n,
}

/** All that can be asked of an image. */
const everything = (image: ClusterImage) => ({
  version: image.version,
  clusterId: image.clusterId,
  brokers: [...image.brokers],
  topics: [...image.topics].sort((a, b) => (a.name < b.name ? -1 : 1)),
  configs: (['topic', 'broker', 'group', 'client-metrics'] as const).map(type =>
    image.configuredResources(type).map(name => [type, name, [...image.configs(type, name)]]),
  ),
  features: [...image.features],
  nextProducerId: image.nextProducerId,
})

describe('a cluster image', () => {
  test('finds topics by name and by id', () => {
    const image = ClusterImage.empty().with(1n, FULL)
    expect(image.topicByName('c')).toBe(image.topicById(topic('c').id))
    expect(image.topicByName('d')).toBeUndefined()
    expect(image.topicCount).toBe(2)
  })

  test('leaves the one that it comes from as it was', () => {
    const before = ClusterImage.empty().with(1n, FULL)
    const seen = everything(before)
    before.with(2n, { topics: [['c', undefined]], configs: [[configKey('topic', 'c'), undefined]] })
    expect(everything(before)).toEqual(seen)
  })

  test('shares with the next one all that did not change', () => {
    const before = ClusterImage.empty().with(1n, FULL)
    const after = before.with(2n, { topics: [['d', topic('d')]] })
    expect(after.topicByName('c')).toBe(before.topicByName('c'))
    expect(after.configs('topic', 'c')).toBe(before.configs('topic', 'c'))
    expect(after.configs('topic', 'd')).toBe(before.configs('topic', 'a.b'))
    expect(after.brokers).toBe(before.brokers)
    expect(after.features).toBe(before.features)
  })

  test('T027 forgets the old id of a topic that is recreated in one step', () => {
    const image = ClusterImage.empty().with(1n, FULL)
    const next = image.with(2n, { topics: [['c', topic('c', 'newidAAAAAAAAAAAAAAAAA')]] })
    expect(next.topicById(topic('c').id)).toBeUndefined()
    expect(next.topicById('newidAAAAAAAAAAAAAAAAA')?.name).toBe('c')
  })

  test('knows which topic a new name would collide with', () => {
    const image = ClusterImage.empty().with(1n, FULL)
    expect(image.topicCollidingWith('a_b')).toBe('a.b')
    expect(image.topicCollidingWith('a.b')).toBeUndefined()
    expect(image.topicCollidingWith('c')).toBeUndefined()
    expect(image.with(2n, { topics: [['a.b', undefined]] }).topicCollidingWith('a_b')).toBeUndefined()
  })

  test('with ten thousand topics takes up one more in well under a millisecond', () => {
    let image = ClusterImage.empty().with(1n, {
      topics: Array.from(
        { length: 10_000 },
        (_, n) => [`t${n}`, topic(`t${n}`, `${n}`.padEnd(22, 'A'))] as const,
      ),
    })
    const started = process.cpuUsage().user
    for (let n = 0; n < 1_000; n++) {
      image = image.with(2n, { topics: [[`u_${n}`, topic(`u_${n}`, `u${n}`.padEnd(22, 'A'))]] })
    }
    expect(image.topicCount).toBe(11_000)
    expect((process.cpuUsage().user - started) / 1_000 / 1_000).toBeLessThan(1)
  })
})

describe('metadata records', () => {
  test('make up the same image again', () => {
    const image = ClusterImage.empty().with(5n, FULL)
    const records = new Map([...encodeChanges(FULL)].map(([key, value]) => [key, value!]))
    expect(everything(decodeRecords(5n, records))).toEqual(everything(image))
  })

  test('of what is gone are deleted', () => {
    const gone = encodeChanges({
      topics: [['c', undefined]],
      configs: [[configKey('topic', 'c'), new Map()]],
    })
    expect(gone.get('topic/c')).toBeNull()
    expect(gone.get('config/topic/c')).toBeNull()
  })

  test('of a newer format are refused', () => {
    const records = new Map([['format', Buffer.from('{"version":2}')]])
    expect(() => decodeRecords(1n, records)).toThrow('written by a newer Klamm')
  })
})

test('a shared map counts, finds and forgets', () => {
  const map = SharedMap.empty<number>().with([
    ['a', 1],
    ['b', 2],
    ['a', 3],
  ])
  expect([map.size, map.get('a'), map.has('c')]).toEqual([2, 3, false])
  const less = map.with([
    ['a', undefined],
    ['c', undefined],
  ])
  expect([less.size, map.size, [...less]]).toEqual([1, 2, [['b', 2]]])
  expect(map.with([])).toBe(map)
})
