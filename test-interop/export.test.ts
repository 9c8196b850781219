// Moving house, both ways and round: what Kafka's own clients wrote into Klamm is adopted by a real Kafka after
// `klamm export`, what they wrote into Kafka by Klamm after `klamm import`, and back again. Nothing is lost on the way:
// records, offsets, topics with ids and configs, groups, the memory of idempotent producers.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Broker, klammMain } from './harness/broker.ts'
import { dumpLogs } from './harness/dump-log.ts'
import { classPath, javaOptions } from './harness/kafka-jars.ts'
import { eventually, run, runOk } from './harness/processes.ts'
import { connectProducer, disconnect } from './harness/rdkafka.ts'

const programs = join(import.meta.dirname, 'kafka')

function java(program: string, ...args: readonly string[]): Promise<string> {
  const command = [...javaOptions, '-cp', `${join(folder, 'classes')}:${classPath}`, program, ...args]
  return runOk('java', command, { deadlineMs: 120_000 })
}

async function klamm(...args: readonly string[]): Promise<string> {
  return runOk(process.execPath, [klammMain, ...args], { deadlineMs: 60_000 })
}

/** All that clients see of a broker's topics and groups; leaders' epochs go on from broker to broker. */
async function seenOn(broker: Broker): Promise<{ topics: Topics; groups: unknown }> {
  const topics = JSON.parse(await java('ReadTopics', broker.bootstrap)) as Topics
  // Those of brokers themselves go on being written.
  for (const name of Object.keys(topics)) if (name.startsWith('__')) delete topics[name]?.partitions
  // What a compaction leaves is one thing, and what it says in the end is another.
  for (const name of ['compacted', 'ledger']) {
    const [partition] = topics[name]?.partitions ?? []
    if (!partition) continue
    const { latest, records, readCommittedOffsets } = partition
    const committed = (records as Keyed[]).filter(record => readCommittedOffsets?.includes(record.offset))
    topics[name]!.partitions = [{ latest, earliest: { offset: 0 }, records: finalState(committed) }]
  }
  for (const { partitions } of Object.values(topics)) {
    for (const partition of partitions ?? []) {
      for (const key of ['earliest', 'latest'] as const) delete partition[key].leaderEpoch
    }
  }
  return { topics, groups: JSON.parse(await java('HouseLoad', broker.bootstrap, 'groups')) }
}

interface Topic {
  readonly topicId: string
  partitions?: { earliest: Offset; latest: Offset; records: unknown[]; readCommittedOffsets?: number[] }[]
}
type Topics = Record<string, Topic>
interface Offset {
  readonly offset: number
  leaderEpoch?: number
}

interface Keyed {
  readonly offset: number
  readonly key: string
  readonly value: string | null
}

function finalState(records: readonly Keyed[]): [string, string | null][] {
  const state = new Map(records.map(({ key, value }) => [key, value]))
  return [...state].sort(([a], [b]) => (a < b ? -1 : 1))
}

const write = (broker: Broker, round: number) => java('HouseLoad', broker.bootstrap, 'write', String(round))

const settings = {
  'offsets.topic.num.partitions': '3',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '2',
  'share.coordinator.state.topic.replication.factor': '1',
  'group.initial.rebalance.delay.ms': '0',
  'log.retention.ms': '-1',
  'log.cleaner.backoff.ms': '200',
}

let nextPort = 27_100 + (process.pid % 100) * 8

class House {
  readonly folder: string
  readonly port: number
  /** The data directories; the first holds the metadata. */
  readonly directories: readonly string[]

  constructor(folder: string, directories: readonly string[]) {
    this.folder = folder
    this.port = nextPort
    nextPort += 4
    this.directories = directories
  }

  /** A broker over the directories as they are, with these lines in its server.properties. */
  async broker(kind: 'klamm' | 'kafka', lines: Readonly<Record<string, string>>): Promise<Broker> {
    const folder = await mkdtemp(join(this.folder, `${kind}-`))
    const text = Object.entries({ ...settings, ...lines }).map(([name, value]) => `${name}=${value}\n`)
    await writeFile(join(folder, 'server.properties'), text.join(''))
    return new Broker(kind, this.port, folder, { config: {}, klammArgs: [] })
  }

  klamm(): Promise<Broker> {
    return this.broker('klamm', {
      listeners: `PLAINTEXT://127.0.0.1:${this.port}`,
      'log.dirs': this.directories.join(','),
    })
  }

  /** With the lines that the export printed, at the ports of this test. */
  kafka(printed: string): Promise<Broker> {
    const lines = Object.fromEntries(
      [...printed.matchAll(/^ {2}([a-z.]+)=(.+)$/gm)].map(([, name, value]) => [name, value]),
    )
    expect(Object.keys(lines).sort()).toEqual([
      'controller.listener.names',
      'controller.quorum.voters',
      'listeners',
      'log.dirs',
      'node.id',
      'process.roles',
    ])
    const here = (text: string) =>
      text
        .replace(/:9092/g, `127.0.0.1:${this.port}`)
        .replace(/(localhost)?:9093/g, `127.0.0.1:${this.port + 1}`)
    return this.broker('kafka', {
      ...lines,
      listeners: here(lines.listeners!),
      'controller.quorum.voters': here(lines['controller.quorum.voters']!),
    })
  }
}

let folder: string
const running: Broker[] = []
const started = async (broker: Broker): Promise<Broker> => {
  running.push(broker)
  await broker.start()
  return broker
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klamm-house-'))
  const sources = ['ReadTopics.java', 'HouseLoad.java'].map(name => join(programs, name))
  await runOk('javac', ['-d', join(folder, 'classes'), '-cp', classPath, ...sources], { deadlineMs: 120_000 })
})

afterAll(async () => {
  for (const broker of running) await broker.dispose()
  await rm(folder, { recursive: true, force: true })
})

async function newHouse(...names: readonly string[]): Promise<House> {
  const place = await mkdtemp(join(folder, 'house-'))
  return new House(
    place,
    names.map(name => join(place, name)),
  )
}

const from = (house: House) => house.directories.flatMap(path => ['--from', path])

async function strays(house: House): Promise<string[]> {
  const names = await Promise.all(house.directories.map(path => readdir(path)))
  return names.flat().filter(name => name.endsWith('-stray'))
}

/** Every producer id in the data, with the sequences that it used, from the tool that this project has for it. */
async function producersIn(house: House, partition: string): Promise<Map<number, [number, number][]>> {
  const home = house.directories
  const producers = new Map<number, [number, number][]>()
  for (const directory of home) {
    if (!(await readdir(directory)).includes(partition)) continue
    for (const line of (await klamm('log', 'dump', join(directory, partition), '--json')).split('\n')) {
      const batch = line === '' ? {} : JSON.parse(line)
      if (batch.type !== 'batch' || batch.producerId < 0) continue
      producers.set(batch.producerId, [
        ...(producers.get(batch.producerId) ?? []),
        [batch.baseSequence, batch.lastSequence],
      ])
    }
  }
  return producers
}

describe('what clients wrote into Klamm, in two log directories', () => {
  let house: House
  let before: Awaited<ReturnType<typeof seenOn>>
  let kafka: Broker
  /** Lives on while the broker becomes another one. */
  let survivor: Awaited<ReturnType<typeof connectProducer>>

  /** The next ten records of the one producer; where all of them went. */
  async function tenMore(): Promise<(number | undefined)[]> {
    const { producer, reports } = survivor
    const expected = reports.length + 10
    for (let i = 0; i < 10; i++) producer.produce('idem', 0, Buffer.from(`survivor ${i}`), 'k')
    await eventually(`${expected} reports`, () => reports.length === expected || undefined, 60_000)
    return reports.slice(-10).map(report => report.offset)
  }

  const tenFrom = (offset: number) => Array.from({ length: 10 }, (_, i) => offset + i)

  beforeAll(async () => {
    house = await newHouse('a', 'b')
    const broker = await started(await house.klamm())
    await write(broker, 1)
    before = await seenOn(broker)
    survivor = await connectProducer(broker.bootstrap, { 'enable.idempotence': true })
    expect(await tenMore()).toEqual(tenFrom(50))
    await broker.stop()

    expect(await klamm('log', 'verify', ...house.directories)).toMatch(/^Sound\./m)
    const tried = await klamm('export', ...from(house), '--dry-run')
    expect(tried).toMatch(/9 topics, 19 partitions\nNothing was changed/)
    const printed = await klamm('export', ...from(house))
    kafka = await started(await house.kafka(printed))
    expect(await tenMore()).toEqual(tenFrom(60))
  })

  afterAll(async () => {
    await disconnect(survivor.producer)
  })

  test('is all there on a Kafka that adopts the directories', async () => {
    const after = await seenOn(kafka)
    const [idem] = after.topics.idem!.partitions!
    expect(idem!.latest.offset).toBe(70)
    idem!.records.splice(50)
    const comparable = ({ topics, groups }: typeof after) => ({
      ...topics,
      idem: topics.idem!.topicId,
      groups,
    })
    expect(comparable(after)).toEqual(comparable(before))
    expect(idem!.records).toEqual(before.topics.idem!.partitions![0]!.records)
    expect(await strays(house)).toEqual([])
  })

  const producerIds = async (): Promise<number[]> => {
    const partitions = ['idem-0', 'compacted-0', 'codecs-0', 'codecs-1', 'codecs-2', 'codecs-3', 'codecs-4']
    const ids: number[] = []
    for (const partition of partitions) ids.push(...(await producersIn(house, partition)).keys())
    return ids
  }

  test('is gone on with: groups where they stood, producers with the sequences that come next', async () => {
    const resumed = JSON.parse(await java('HouseLoad', kafka.bootstrap, 'resume', 'readers', 'codecs'))
    expect(resumed).toEqual({
      'codecs-0': 50,
      'codecs-1': 51,
      'codecs-2': 52,
      'codecs-3': 53,
      'codecs-4': 54,
    })
    const known = await producerIds()
    await write(kafka, 2)
    await kafka.stop()
    // Whoever is new to the Kafka got an id that Klamm had not given.
    const added = (await producerIds()).filter(id => !known.includes(id))
    expect(added.length).toBeGreaterThanOrEqual(6)
    expect(Math.min(...added)).toBeGreaterThan(Math.max(...known))
  })

  test('and comes back to Klamm with what Kafka added, sound in the eyes of all', async () => {
    expect(await klamm('log', 'verify', ...house.directories)).toMatch(/^Sound\./m)
    await klamm('import', ...from(house))
    const broker = await started(await house.klamm())
    const back = await seenOn(broker)
    for (const [name, { topicId }] of Object.entries(before.topics))
      expect(back.topics[name]!.topicId).toBe(topicId)
    expect(back.topics.codecs!.partitions!.map(it => it.latest.offset)).toEqual([200, 200, 200, 200, 200])
    expect(back.topics.txn!.partitions!.map(it => it.latest.offset)).toEqual([24, 24])
    expect(back.groups).toEqual({
      readers: Object.fromEntries([0, 1, 2, 3, 4].map(p => [`codecs-${p}`, `${150 + p} round 2`])),
      transactional: { 'idem-0': '25 ' },
    })
    expect(await tenMore()).toEqual(tenFrom(120))
    await broker.stop()
    const sequences = [...(await producersIn(house, 'idem-0')).values()]
    expect(sequences.some(each => each[0]![0] === 0 && each.at(-1)![1] === 29)).toBe(true)
    for (const directory of house.directories) expect((await dumpLogs(directory)).complaints).toEqual([])
  })
})

describe.each(['stopped', 'killed'])('what clients wrote into a Kafka that was %s', end => {
  let house: House
  let before: Awaited<ReturnType<typeof seenOn>>

  beforeAll(async () => {
    house = await newHouse('kafka')
    const config = { ...settings, 'log.dirs': house.directories[0]! }
    const source = new Broker('kafka', house.port, house.folder, { config, klammArgs: [] })
    await source.prepare()
    running.push(source)
    await source.start()
    await write(source, 1)
    before = await seenOn(source)
    if (end === 'stopped') await source.stop()
    else await source.kill()
  })

  test('is all there on Klamm after an import, and on another Kafka after an export', async () => {
    const [path] = house.directories as [string]
    const target = new House(house.folder, [join(house.folder, 'copy')])
    const [copy] = target.directories as [string]
    if (end === 'killed') {
      const refused = await run(process.execPath, [klammMain, 'import', '--from', path, '--to', copy])
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/either a Kafka is running on it/),
      })
    }
    await klamm('import', '--from', path, '--to', copy, ...(end === 'killed' ? ['--unclean'] : []))
    const broker = await started(await target.klamm())
    expect(await seenOn(broker)).toEqual(before)
    await write(broker, 2)
    const changed = await seenOn(broker)
    if (end === 'stopped') await broker.stop()
    else await broker.kill()

    const last = new House(house.folder, [join(house.folder, 'last')])
    const printed = await klamm('export', '--from', copy, '--to', last.directories[0]!)
    const kafka = await started(await last.kafka(printed))
    expect(await seenOn(kafka)).toEqual(changed)
    expect(await strays(last)).toEqual([])
    // The source of a copy stays Klamm's, and starts.
    await kafka.stop()
    const again = await started(await target.klamm())
    await again.stop()
  }, 240_000)
})

describe('an export is refused', () => {
  test('while Klamm runs, for what is no data of Klamm, and into what is not empty', async () => {
    const house = await newHouse('data')
    const [path] = house.directories as [string]
    const refusal = async (...args: readonly string[]) => {
      const { code, stderr } = await run(process.execPath, [klammMain, 'export', ...args])
      expect(code).toBe(1)
      return stderr
    }
    expect(await refusal('--from', path)).toMatch(/there is no directory/)
    await mkdir(path, { recursive: true })
    expect(await refusal('--from', path)).toMatch(/holds no meta\.properties/)
    await rm(path, { recursive: true })
    const broker = await started(await house.klamm())
    expect(await refusal('--from', path)).toMatch(/cannot be used: .*(in use|Another broker)/)
    await broker.stop()
    expect(await refusal('--from', path, '--to', house.folder)).toMatch(/lie inside each other/)
    expect(await refusal('--from', path, '--to', join(folder, '..'))).toMatch(/lie inside each other/)
    expect(await readFile(join(path, 'meta.properties'), 'utf8')).toContain('cluster.id=')
  })
})
