/** What an export writes for Kafka, what it leaves behind, and what a failure in the middle of it costs. */
import { describe, expect, test } from 'vitest'
import { startBroker } from '../../api/testing/memory-broker.ts'
import { KraftImage } from '../../metadata/kraft-image.ts'
import { readMetadataLog } from '../../metadata/kraft-log.ts'
import { encodeChanges } from '../../metadata/metadata-records.ts'
import { LocalStore } from '../../platform/local-store.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import type { MemoryDisk } from '../../platform/simulated/memory-disk.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'
import { UsageError } from '../terminal.ts'
import { type ExportPlan, planExport } from './export-plan.ts'
import { exportInPlace, exportTo } from './export-run.ts'
import { diskWithKafka, filesUnder, imported, planned } from './testing/kafka-node.ts'

const METADATA = '__cluster_metadata-0'

const partsOf = (disk: MemoryDisk) => ({ disk, clock: new ManualClock(), random: new SeededRandom(1) })

async function exported(disk: MemoryDisk, { from = ['/kafka'], to }: { from?: string[]; to?: string } = {}) {
  const plan = await planExport(disk, from)
  if (to === undefined) await exportInPlace(partsOf(disk), plan)
  else await exportTo(partsOf(disk), to, { plan, onProgress: () => {} })
  return plan
}

/** A Kafka's directory that a Klamm has taken over, and run on if it `ran`. */
async function klammDisk({ ran = false } = {}): Promise<MemoryDisk> {
  const disk = await diskWithKafka()
  await imported(disk)
  if (ran) await (await startBroker(disk, { 'log.dirs': '/kafka' })).broker.close()
  return disk
}

async function imageIn(disk: MemoryDisk, directory: string): Promise<KraftImage> {
  const image = new KraftImage()
  await readMetadataLog(disk, `${directory}/${METADATA}`, record => image.apply(record))
  return image
}

async function refusal(run: Promise<unknown>): Promise<string> {
  const error = await run.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UsageError)
  return (error as Error).message
}

describe('an export in place', () => {
  test('tells Kafka of the same topics, configs, features and producer ids', async () => {
    const before = await planned(await diskWithKafka())
    const disk = await klammDisk()
    await exported(disk)
    const image = await imageIn(disk, '/kafka')
    const { topics, configs, features, nextProducerId } = before.changes
    const sorted = <T>(entries: Iterable<readonly [string, T]>) =>
      [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
    expect(sorted([...image.topics.values()].map(it => [it.name, it.id] as const))).toEqual(
      sorted([...topics!].map(([name, topic]) => [name, topic!.id] as const)),
    )
    expect(sorted([...image.configs].map(([key, it]) => [key, it.values] as const))).toEqual(
      sorted([...configs!].map(([key, values]) => [key, new Map(values)] as const)),
    )
    expect(sorted(image.features)).toEqual(sorted(features as Iterable<[string, number]>))
    expect(image.nextProducerId).toBe(nextProducerId)
    expect(image.topics.get([...topics!][0]![1]!.id)!.partitions.get(0)).toMatchObject({
      leader: -1,
      replicas: [1],
      isr: [1],
      directories: [before.meta.directoryId],
    })
  })

  test('leaves the files of partitions as they are, and puts those of both metadata aside', async () => {
    const disk = await klammDisk()
    const before = await filesUnder(disk, '/kafka')
    await exported(disk)
    const after = await filesUnder(disk, '/kafka')
    const own = /klamm-metadata|__cluster_metadata|cleanshutdown/
    for (const [name, bytes] of before) if (!own.test(name)) expect(after.get(name)).toEqual(bytes)
    expect([...after.keys()].filter(name => name.startsWith('klamm'))).toEqual([
      'klamm-metadata.log.exported',
    ])
    const live = [...after.keys()].filter(
      name => name.startsWith(METADATA) && !name.endsWith('.before-export'),
    )
    expect(live.sort()).toEqual([
      expect.stringMatching(/^__cluster_metadata-0\/\d{20}-0000000001\.checkpoint$/),
      expect.stringMatching(/^__cluster_metadata-0\/\d{20}\.log$/),
    ])
  })

  test('marks the stop as the one of the registration that Kafka finds', async () => {
    const disk = await klammDisk({ ran: true })
    const { brokerEpoch } = await exported(disk)
    expect((await imageIn(disk, '/kafka')).brokers.get(1)).toBe(brokerEpoch)
    const mark = JSON.parse((await disk.readFile('/kafka/.kafka_cleanshutdown')).toString())
    expect(mark).toEqual({ version: 0, brokerEpoch: Number(brokerEpoch) })
  })

  test('of a node that was not stopped in order has no such mark, and keeps the leaders', async () => {
    const disk = await klammDisk()
    await disk.remove('/kafka/.kafka_cleanshutdown')
    expect((await exported(disk)).isClean).toBe(false)
    expect(await disk.status('/kafka/.kafka_cleanshutdown')).toBeUndefined()
    const [topic] = (await imageIn(disk, '/kafka')).topics.values()
    expect(topic!.partitions.get(0)).toMatchObject({ leader: 1, isr: [1] })
  })

  test('is the end of klamm start there, until an import takes it back, again and again', async () => {
    const disk = await klammDisk({ ran: true })
    for (let round = 0; round < 3; round++) {
      await exported(disk)
      await expect(startBroker(disk, { 'log.dirs': '/kafka' })).rejects.toThrow(/klamm import/)
      expect((await imported(disk)).topicCount).toBe(13)
      const { broker, lines } = await startBroker(disk, { 'log.dirs': '/kafka' })
      expect(lines).toEqual([])
      await broker.close()
    }
  })

  test('knows where each partition lies, of several directories', async () => {
    const disk = await diskWithKafka()
    await disk.makeDirectory('/more')
    for (const name of ['txn-0', 'txn-1']) await disk.rename(`/kafka/${name}`, `/more/${name}`)
    const meta = (await disk.readFile('/kafka/meta.properties')).toString()
    const otherId = 'Sk-7Hn9gRl2rQm9hXbLm3w'
    for (const [name, text] of [
      ['meta.properties', meta.replace(/directory\.id=.*/, `directory.id=${otherId}`)],
      ['.kafka_cleanshutdown', ''],
    ] as const) {
      const file = await disk.open(`/more/${name}`, 'write')
      await file.write([Buffer.from(text)], 0)
      await file.close()
    }
    await imported(disk, { from: ['/kafka', '/more'] })
    expect(await refusal(exported(disk))).toMatch(/no directories for txn-0, txn-1: name each of log\.dirs/)
    expect(await refusal(exported(disk, { from: ['/more'] }))).toMatch(/no klamm-metadata\.log in \/more/)
    await exported(disk, { from: ['/more', '/kafka'] })
    const topics = [...(await imageIn(disk, '/kafka')).topics.values()]
    const homes = Object.fromEntries(topics.map(it => [it.name, it.partitions.get(0)!.directories[0]]))
    expect(homes.txn).toBe(otherId)
    expect(homes.big).not.toBe(otherId)
  })

  test('leaves behind what belongs to no topic, and settings that only Klamm has', async () => {
    const disk = await klammDisk()
    await disk.makeDirectory('/kafka/old-0')
    const store = new LocalStore({ disk, directory: '/kafka' })
    const { version } = await store.load()
    const configs: [string, Map<string, string>][] = [
      [
        'broker/',
        new Map([
          ['klamm.log.level', 'debug'],
          ['log.retention.ms', '5'],
        ]),
      ],
    ]
    await store.commit(version, encodeChanges({ configs }))
    await store.close()
    const { remarks } = await exported(disk)
    expect(remarks).toEqual([
      'left behind, since they belong to no topic: old-0',
      'left behind: config klamm.log.level of broker (default), which Kafka lacks',
    ])
    const values = (await imageIn(disk, '/kafka')).configs.get('broker/')!.values
    expect([...values]).toEqual([['log.retention.ms', '5']])
  })
})

test('credentials go along, out and back in', async () => {
  const disk = await klammDisk()
  const store = new LocalStore({ disk, directory: '/kafka' })
  const { version } = await store.load()
  const credential = {
    salt: Buffer.from('salt'),
    iterations: 4096,
    storedKey: Buffer.alloc(32, 1),
    serverKey: Buffer.alloc(32, 2),
  }
  const scram = [
    ['SCRAM-SHA-256/alice', credential],
    ['SCRAM-SHA-512/bob/the/builder', credential],
  ] as const
  await store.commit(version, encodeChanges({ scram }))
  await store.close()
  await exported(disk)
  const { changes, remarks } = await imported(disk)
  expect([...changes.scram!]).toEqual(scram)
  expect(remarks).toEqual([])
})

describe('an export that fails', () => {
  /** How many changes of the disk an export makes. */
  const CHANGES = /^(open|write|truncate|sync|rename|remove|syncDirectory|makeDirectory)$/

  test('at any step leaves a directory that is of Klamm still, or that Kafka has in full', async () => {
    let steps = 0
    const counted = await klammDisk()
    counted.intercept = ({ name }) => {
      if (CHANGES.test(name)) steps++
    }
    await exported(counted)
    expect(steps).toBeGreaterThan(20)
    for (let step = 1; step <= steps; step++) {
      const disk = await klammDisk()
      let at = 0
      disk.intercept = ({ name }) => {
        if (CHANGES.test(name) && ++at === step) throw Object.assign(new Error('bad'), { code: 'EIO' })
      }
      await exported(disk).catch(() => {})
      disk.intercept = undefined
      disk.crash('lost')
      if (await disk.status('/kafka/klamm-metadata.log')) await exported(disk)
      expect((await imageIn(disk, '/kafka')).topics.size).toBe(13)
    }
  })

  test('as a copy is no data directory of anybody, and does not touch the source', async () => {
    const disk = await klammDisk()
    const before = await filesUnder(disk, '/kafka')
    disk.intercept = ({ name, path }) => {
      if (name === 'sync' && path.startsWith(`/copy/${METADATA}`)) throw new Error('bad')
    }
    await expect(exported(disk, { to: '/copy' })).rejects.toThrow('bad')
    disk.intercept = undefined
    expect(await filesUnder(disk, '/kafka')).toEqual(before)
    expect(
      [...(await filesUnder(disk, '/copy')).keys()].filter(name => name.endsWith('.checkpoint')),
    ).toEqual([])
  })
})

test('an export as a copy merges the directories, and is durable when it has ended', async () => {
  const disk = await klammDisk({ ran: true })
  const before = await filesUnder(disk, '/kafka')
  await exported(disk, { to: '/copy' })
  disk.crash('lost')
  expect(await filesUnder(disk, '/kafka')).toEqual(before)
  expect((await imageIn(disk, '/copy')).topics.size).toBe(13)
  expect((await imported(disk, { from: ['/copy'] })).partitionCount).toBe(21)
  expect((await filesUnder(disk, '/copy')).has('klamm-metadata.log.exported')).toBe(false)
})

test('a snapshot of many topics is written in batches that Kafka takes', async () => {
  const disk = await klammDisk()
  const store = new LocalStore({ disk, directory: '/kafka' })
  const { version } = await store.load()
  const partition = {
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas: [1],
    isr: [1],
    directories: [],
    elr: [],
    lastKnownElr: [],
  }
  const topics = Array.from({ length: 3_000 }, (_, i) => {
    const id = `${String(i).padStart(4, '0')}${'A'.repeat(18)}`
    return [`many.${i}`, { name: `many.${i}`, id, partitions: [partition] }] as const
  })
  await store.commit(version, encodeChanges({ topics }))
  await store.close()
  for (const [name] of topics) await disk.makeDirectory(`/kafka/${name}-0`)
  const plan: ExportPlan = await exported(disk)
  expect(plan.topicCount).toBe(3_013)
  expect((await imageIn(disk, '/kafka')).topics.size).toBe(3_013)
})
