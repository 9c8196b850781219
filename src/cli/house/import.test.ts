/** What an import takes over, what it leaves and refuses, and what a failure in the middle of it costs. */
import { beforeEach, describe, expect, test } from 'vitest'
import { startBroker } from '../../api/testing/memory-broker.ts'
import { metadataOf } from '../../api/testing/wire-broker.ts'
import { putFiles } from '../../log/testing/kafka-directory.ts'
import {
  batch,
  config,
  OTHER_ID,
  partition,
  segment,
  TOPIC_ID,
  topic,
} from '../../metadata/testing/metadata-log.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../../platform/simulated/memory-disk.ts'
import { UsageError } from '../terminal.ts'
import { diskWithKafka, filesUnder, type ImportCall, imported, planned } from './testing/kafka-node.ts'

const META = '/meta.properties'

async function write(disk: MemoryDisk, path: string, text: string | Buffer): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.truncate(0)
  await file.write([Buffer.from(text)], 0)
  await file.close()
}

async function refusal(disk: MemoryDisk, call: ImportCall = {}): Promise<string> {
  const error = await imported(disk, call).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UsageError)
  return (error as Error).message
}

const metaOf = (nodeId: number, clusterId = 'TD6bj3TSQTaK7S6wczZByQ') =>
  `version=1\nnode.id=${nodeId}\ncluster.id=${clusterId}\ndirectory.id=Rk-7Hn9gRl2rQm9hXbLm3w\n`

interface MadeNode {
  readonly records: readonly Buffer[]
  /** Directories of partitions, each with the id of its topic. */
  readonly logs?: Readonly<Record<string, string>>
  readonly nodeId?: number
}

/** A node with a metadata log of these records, and empty logs. */
async function madeNode({ records, logs = {}, nodeId = 1 }: MadeNode): Promise<MemoryDisk> {
  const disk = new MemoryDisk({ clock: new ManualClock() })
  const [name, bytes] = segment(0, batch(0, records))
  const files = new Map([
    [`__cluster_metadata-0/${name}`, bytes],
    ['meta.properties', Buffer.from(metaOf(nodeId))],
    ['.kafka_cleanshutdown', Buffer.from('{"version":0,"brokerEpoch":9}')],
  ])
  for (const [log, id] of Object.entries(logs)) {
    files.set(`${log}/00000000000000000000.log`, Buffer.alloc(0))
    files.set(`${log}/partition.metadata`, Buffer.from(`version: 0\ntopic_id: ${id}`))
    files.set(`${log}/leader-epoch-checkpoint`, Buffer.from('0\n1\n7 0\n'))
  }
  await putFiles(disk, '/kafka', files)
  return disk
}

describe('an import in place', () => {
  test('adds one file to those of Kafka and changes none', async () => {
    const disk = await diskWithKafka()
    const before = await filesUnder(disk, '/kafka')
    await imported(disk)
    const after = await filesUnder(disk, '/kafka')
    expect([...after.keys()].filter(name => !before.has(name))).toEqual(['klamm-metadata.log'])
    for (const [name, bytes] of before) expect(after.get(name)!.equals(bytes), name).toBe(true)
  })

  test('is refused a second time', async () => {
    const disk = await diskWithKafka()
    await imported(disk)
    expect(await refusal(disk)).toMatch(/is Klamm's already .*: run klamm start on it/)
  })

  test('is refused while a Klamm uses the directory', async () => {
    const disk = await diskWithKafka()
    const lock = await disk.lock('/kafka')
    expect(await refusal(disk)).toMatch(/\/kafka cannot be used: Another broker/)
    await lock.release()
  })

  test('takes the log directories of a node together', async () => {
    const disk = await diskWithKafka()
    await disk.makeDirectory('/more')
    for (const name of ['txn-0', 'txn-1']) await disk.rename(`/kafka/${name}`, `/more/${name}`)
    await write(disk, `/more${META}`, metaOf(1).replace('Rk-7', 'Sk-7'))
    expect(await refusal(disk)).toMatch(/txn: the data of partitions 0, 1 is not in these directories/)
    await write(disk, '/more/.kafka_cleanshutdown', '')
    const plan = await imported(disk, { from: ['/kafka', '/more'] })
    expect(plan.partitionCount).toBe(21)
    const { broker, lines, connect } = await startBroker(disk, { 'log.dirs': '/kafka,/more' })
    expect((await metadataOf(await connect(), null)).topics).toHaveLength(13)
    expect(lines).toEqual([])
    await broker.close()
  })
})

describe('an import as a copy', () => {
  test('reads Kafka and writes nothing into it', async () => {
    const disk = await diskWithKafka()
    const before = await filesUnder(disk, '/kafka')
    disk.intercept = ({ name, path }) => {
      const isRead = ['readFile', 'read', 'open', 'list', 'status', 'sizeBytes', 'close'].includes(name)
      if (!isRead && path.startsWith('/kafka')) throw new Error(`${name} ${path}`)
    }
    const seen: number[] = []
    await imported(disk, { to: '/copy', onProgress: ({ copiedBytes }) => seen.push(copiedBytes) })
    disk.intercept = undefined
    expect(await filesUnder(disk, '/kafka')).toEqual(before)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    const copied = await filesUnder(disk, '/copy')
    for (const [name, bytes] of before) {
      if (name.includes('/') && !name.startsWith('__cluster_metadata'))
        expect(copied.get(name)).toEqual(bytes)
    }
    expect([...copied.keys()].filter(name => name.startsWith('__cluster_metadata'))).toEqual([])
    expect(copied.get('meta.properties')!.toString()).toContain('cluster.id=TD6bj3TSQTaK7S6wczZByQ')
    expect(copied.get('log-start-offset-checkpoint')!.toString()).toBe('0\n1\ntrimmed 0 123\n')
  })

  test('outlives a power cut as soon as it has ended', async () => {
    const disk = await diskWithKafka()
    await imported(disk, { to: '/copy' })
    disk.crash('lost')
    const { broker, connect } = await startBroker(disk, { 'log.dirs': '/copy' })
    expect((await metadataOf(await connect(), null)).topics).toHaveLength(13)
    await broker.close()
  })

  test('that was broken off is no data directory', async () => {
    const disk = await diskWithKafka()
    disk.intercept = ({ name, path }) => {
      if (name === 'sync' && path.startsWith('/copy/txn-1'))
        throw Object.assign(new Error('bad'), { code: 'EIO' })
    }
    await expect(imported(disk, { to: '/copy' })).rejects.toThrow('bad')
    disk.intercept = undefined
    await expect(startBroker(disk, { 'log.dirs': '/copy' })).rejects.toThrow(
      /no metadata that says what they are/,
    )
    expect(await refusal(disk, { to: '/copy' })).toMatch(/\/copy is not empty/)
    await disk.remove('/copy')
    await imported(disk, { to: '/copy' })
  })

  test('without the mark of a clean stop has none either', async () => {
    const disk = await diskWithKafka(/cleanshutdown/)
    await imported(disk, { to: '/copy', isUncleanAccepted: true })
    expect(await disk.status('/copy/.kafka_cleanshutdown')).toBeUndefined()
  })

  test.each([
    ['/kafka/copy', /lie inside each other/],
    ['/', /lie inside each other/],
    ['/file', /is a file/],
    ['/full', /is not empty/],
  ])('does not go to %s', async (to, message) => {
    const disk = await diskWithKafka()
    await write(disk, '/file', 'x')
    await disk.makeDirectory('/full/x')
    expect(await refusal(disk, { to })).toMatch(message)
  })

  test('does not begin where there is no room', async () => {
    const disk = await diskWithKafka()
    const { usableBytes } = await disk.space('/')
    disk.capacityBytes -= Number(usableBytes) - 100_000
    expect(await refusal(disk, { to: '/copy' })).toMatch(/has room for \d+ bytes, and the logs take \d+/)
    expect(await disk.list('/copy')).toEqual([])
  })
})

describe('an import refuses, and says what to do', () => {
  let disk: MemoryDisk
  beforeEach(async () => {
    disk = await diskWithKafka()
  })

  test('a Kafka that runs or was killed, unless told that it does not run', async () => {
    disk = await diskWithKafka(/cleanshutdown/)
    expect(await refusal(disk)).toMatch(/either a Kafka is running on it, or .*--unclean/)
    expect(await refusal(disk, { isUncleanAccepted: true, lockHolder: 'process 7' })).toMatch(
      /in use by process 7; stop that Kafka/,
    )
    expect((await imported(disk, { isUncleanAccepted: true })).isClean).toBe(false)
  })

  test.each([
    ['a directory that is not there', '/nowhere', /there is no directory \/nowhere/],
    ['a file', `/kafka${META}`, /is a file; give the directory around it/],
    ['a directory of something else', '/kafka/txn-0', /is not the data directory of a Kafka; log\.dirs/],
  ])('%s', async (_, from, message) => {
    expect(await refusal(disk, { from: [from] })).toMatch(message)
  })

  test('directories of different clusters or nodes', async () => {
    await disk.makeDirectory('/other')
    await write(disk, `/other${META}`, metaOf(1, 'AAAAAAAAAAAAAAAAAAAAAQ'))
    const from = ['/kafka', '/other']
    expect(await refusal(disk, { from })).toMatch(/belongs to cluster TD6.*, and \/other to cluster AAA/)
    await write(disk, `/other${META}`, metaOf(2))
    expect(await refusal(disk, { from })).toMatch(/belongs to node 1, and \/other to node 2/)
  })

  test('a Kafka with ZooKeeper, and a directory without the metadata log', async () => {
    disk = await diskWithKafka(/__cluster_metadata/)
    expect(await refusal(disk)).toMatch(/no __cluster_metadata-0 in \/kafka, .*metadata\.log\.dir/)
    await write(disk, `/kafka${META}`, 'version=0\nbroker.id=1\ncluster.id=TD6bj3TSQTaK7S6wczZByQ\n')
    expect(await refusal(disk)).toMatch(/Kafka with ZooKeeper/)
  })

  test('a damaged meta.properties, and a damaged metadata log', async () => {
    await write(disk, `/kafka${META}`, 'version=9\n')
    expect(await refusal(disk)).toMatch(/meta\.properties is damaged: version 9 is not known/)
    await write(disk, `/kafka${META}`, metaOf(1))
    await disk.remove('/kafka/__cluster_metadata-0/00000000000000000000.log')
    expect(await refusal(disk)).toMatch(/has no segment, .*a part is missing/)
  })

  test('a metadata log that a crash tore only loses its end, and that is said', async () => {
    const file = await disk.open('/kafka/__cluster_metadata-0/00000000000000000000.log', 'write')
    await file.truncate((await file.sizeBytes()) - 10)
    const { remarks, topicCount } = await planned(disk)
    expect(topicCount).toBe(13)
    expect(remarks).toContain('the metadata log ends in 62 bytes that a crash left, which are passed over')
  })
})

describe('of a cluster of several nodes', () => {
  const two = [topic('a'), partition(0), partition(1)]
  const logs = { 'a-0': TOPIC_ID, 'a-1': TOPIC_ID }

  test('each replica of the node becomes the only one, and leads', async () => {
    const disk = await madeNode({ records: two, logs, nodeId: 2 })
    const { changes, remarks } = await imported(disk)
    expect([...changes.topics!]).toEqual([
      [
        'a',
        {
          name: 'a',
          id: TOPIC_ID,
          partitions: [0, 1].map(() => ({
            leader: 2,
            leaderEpoch: 7,
            partitionEpoch: 0,
            replicas: [2],
            isr: [2],
            directories: ['Rk-7Hn9gRl2rQm9hXbLm3w'],
            elr: [],
            lastKnownElr: [],
          })),
        },
      ],
    ])
    expect(remarks).toEqual([
      '2 partitions had replicas on other brokers too; here each has the one of node 2',
    ])
    const { broker, connect } = await startBroker(disk, { 'log.dirs': '/kafka', 'node.id': 2 })
    const [found] = (await metadataOf(await connect(), ['a'])).topics
    expect(found!.partitions[0]).toMatchObject({ leaderId: 2, leaderEpoch: 8 })
    await broker.close()
  })

  test.each([
    ['has no replica here', [topic('a'), partition(0), partition(1, { replicas: [2] })], logs],
    ['has lost its data', two, { 'a-0': TOPIC_ID }],
    ['has the data of another topic', two, { 'a-0': TOPIC_ID, 'a-1': OTHER_ID }],
  ])('a topic of which a partition %s is refused, or left out', async (_, records, present) => {
    const other = [topic('b', OTHER_ID), partition(0, { topicId: OTHER_ID })]
    const disk = await madeNode({ records: [...records, ...other], logs: { ...present, 'b-0': OTHER_ID } })
    expect(await refusal(disk)).toMatch(
      /^Not all data of these topics is here:\n {2}a: .*partitions 1 .*--incomplete/s,
    )
    const { changes, remarks } = await imported(disk, { isIncompleteAccepted: true })
    expect([...changes.topics!].map(([name]) => name)).toEqual(['b'])
    expect(remarks.join('\n')).toMatch(/incomplete: a: .*\n.*set aside as -stray .*: a-0/s)
  })

  test('a replica that was not in sync is refused, or taken as it is', async () => {
    const records = [topic('a'), partition(0), partition(1, { isr: [2] })]
    const disk = await madeNode({ records, logs })
    expect(await refusal(disk)).toMatch(/a: the replicas of partitions 1 on node 1 were not in sync/)
    expect((await planned(disk, { isIncompleteAccepted: true })).partitionCount).toBe(2)
  })

  test('a topic with remote storage is refused, or taken as far as it is here', async () => {
    const disk = await madeNode({ records: [...two, config(2, 'a', 'remote.storage.enable', 'true')], logs })
    expect(await refusal(disk)).toMatch(/a: records that only remote storage holds stay there/)
    expect((await planned(disk, { isIncompleteAccepted: true })).topicCount).toBe(1)
  })

  test('configs of other brokers stay, and so does what Klamm does not know', async () => {
    const records = [
      ...two,
      config(4, '', 'log.retention.ms', '5000'),
      config(4, '1', 'max.connections', 'many'),
      config(4, '2', 'max.connections', '5'),
      config(4, '1', 'my.plugin.password', 'secret'),
      config(2, 'a', 'retention.ms', '7'),
    ]
    const { changes, remarks } = await planned(await madeNode({ records, logs }))
    expect([...changes.configs!]).toEqual([
      ['broker/', new Map([['log.retention.ms', '5000']])],
      ['topic/a', new Map([['retention.ms', '7']])],
    ])
    expect(remarks.filter(it => !it.includes('replicas'))).toEqual([
      'not taken over: config max.connections of broker 1: Klamm does not allow its value',
      'not taken over: config my.plugin.password of broker 1: Klamm has no such config',
      'not taken over: configs of broker 2',
    ])
  })

  test('directories that belong to no topic are named', async () => {
    const disk = await madeNode({ records: two, logs: { ...logs, 'old-0': OTHER_ID } })
    expect((await planned(disk)).remarks.at(-1)).toBe(
      'set aside as -stray at the first klamm start, since they belong to no topic that is taken over: old-0',
    )
    await imported(disk, { to: '/copy' })
    expect(await disk.status('/copy/old-0')).toBeUndefined()
  })
})
