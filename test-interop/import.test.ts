// The data directory of an Apache Kafka, taken over by `klamm import` and served to Kafka's own clients: exactly what the
// manifest says, which consumers wrote down when that Kafka itself still served it. (Kafka 4.4 wrote the directory, and
// 4.3 does not open it; served by 4.4, the reader of this suite says the same as the manifest.)

import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Broker, brokerKind, klammMain, newBroker } from './harness/broker.ts'
import { dumpLogs } from './harness/dump-log.ts'
import { classPath } from './harness/kafka-jars.ts'
import { runOk } from './harness/processes.ts'
import { connectProducer, createTopic, disconnect, readPartition } from './harness/rdkafka.ts'

const here = import.meta.dirname
const reader = join(here, 'kafka', 'ReadTopics.java')

interface Offset {
  readonly offset: number
  readonly timestamp: number
  leaderEpoch?: number
}

interface SeenPartition {
  readonly partition: number
  readonly earliest: Offset
  readonly latest: Offset
  readonly maxTimestamp: Offset
  readonly lastStableOffset: number
  activeProducers?: unknown
  readonly records: readonly { readonly offset: number }[]
  readonly readCommittedOffsets: readonly number[]
}

interface SeenTopic {
  readonly topicId: string
  readonly internal: boolean
  readonly overrides: Readonly<Record<string, string>>
  readonly partitions: readonly SeenPartition[]
}

type Topics = Readonly<Record<string, SeenTopic>>

const manifest = JSON.parse(gunzipSync(await readFile(join(here, 'fixtures', 'manifest.json.gz'))).toString())
const expected: Topics = manifest.topics

async function readTopics(broker: Broker): Promise<Topics> {
  const args = ['-Xshare:auto', '-cp', classPath, reader, broker.bootstrap]
  return JSON.parse(await runOk('java', args, { deadlineMs: 120_000 }))
}

/** Without what has to be different: the leader that answers is another one. */
function ofTheData({ activeProducers: _, ...partition }: SeenPartition): SeenPartition {
  const { earliest, latest, ...rest } = partition
  const { leaderEpoch: _earliest, ...first } = earliest
  const { leaderEpoch: _latest, ...last } = latest
  return { ...rest, earliest: first, latest: last }
}

describe("the reader's view of what was produced", () => {
  let broker: Broker

  beforeAll(async () => {
    broker = await newBroker()
    await broker.start()
  })

  afterAll(async () => {
    await broker?.dispose()
  })

  test('is what librdkafka sees', async () => {
    await createTopic(broker.bootstrap, 'seen', { config: { 'retention.ms': '-1' } })
    const { producer, reports } = await connectProducer(broker.bootstrap, { 'linger.ms': 50 })
    for (const timestamp of [5, 9, 7]) producer.produce('seen', 0, Buffer.from('v'), 'k', timestamp)
    await disconnect(producer)
    expect(reports).toHaveLength(3)
    const { seen } = await readTopics(broker)
    expect(seen?.overrides).toMatchObject({ 'retention.ms': '-1' })
    expect(seen?.partitions[0]).toMatchObject({
      latest: { offset: 3 },
      maxTimestamp: { offset: 1, timestamp: 9 },
      lastStableOffset: 3,
      readCommittedOffsets: [0, 1, 2],
    })
    const stored = await readPartition(broker.bootstrap, { topic: 'seen', partition: 0 })
    expect(seen?.partitions[0]?.records).toMatchObject(
      stored.map(({ offset, timestamp }) => ({ offset, timestamp, key: '6b', value: '76', leaderEpoch: 0 })),
    )
  })
})

describe.runIf(brokerKind === 'klamm')('what klamm import took over from Apache Kafka', () => {
  let broker: Broker
  let topics: Topics

  beforeAll(async () => {
    // What Kafka was told in its server.properties as well: the records are months old.
    broker = await newBroker({ 'log.retention.ms': '-1', 'transaction.max.timeout.ms': '86400000' })
    await runOk('tar', ['-xzf', join(here, 'fixtures', 'kafka-data.tar.gz'), '-C', broker.folder])
    await rm(broker.data, { recursive: true })
    const source = join(broker.folder, 'kafka-data')
    await runOk(process.execPath, [klammMain, 'import', '--from', source, '--to', broker.data])
    await broker.start()
    topics = await readTopics(broker)
  })

  afterAll(async () => {
    await broker?.dispose()
  })

  test('are the same topics', () => {
    expect(Object.keys(topics).sort()).toEqual(Object.keys(expected).sort())
  })

  describe.each(Object.keys(expected))('%s', topic => {
    test('has its id and its configuration', () => {
      const { topicId, internal, overrides } = expected[topic]!
      expect(topics[topic]).toMatchObject({ topicId, internal })
      expect(topics[topic]?.overrides).toEqual(overrides)
    })

    test('has its offsets and its records', () => {
      expect(topics[topic]?.partitions.map(ofTheData)).toEqual(expected[topic]!.partitions.map(ofTheData))
    })
  })

  test('is written on, and stays as it was after a restart', async () => {
    const { producer, reports } = await connectProducer(broker.bootstrap)
    producer.produce('codecs', 0, Buffer.from('new'), null, 1_790_000_000_000)
    await disconnect(producer)
    expect(reports[0]?.offset).toBe(expected.codecs!.partitions[0]!.latest.offset)
    await broker.stop()
    await broker.start()
    const again = await readTopics(broker)
    for (const topic of Object.keys(expected)) {
      if (topic === 'codecs') continue
      expect(again[topic]?.partitions.map(ofTheData)).toEqual(expected[topic]!.partitions.map(ofTheData))
    }
    const before = expected.codecs!.partitions[0]!.records.map(each => each.offset)
    const after = again.codecs!.partitions[0]!.records.map(each => each.offset)
    expect(after).toEqual([...before, before.length])
  })

  test('is sound in the eyes of dump-log, and the Kafka directory is as it was', async () => {
    await broker.stop()
    expect((await dumpLogs(broker.data)).complaints).toEqual([])
    const fresh = join(broker.folder, 'fresh')
    await mkdir(fresh)
    await runOk('tar', ['-xzf', join(here, 'fixtures', 'kafka-data.tar.gz'), '-C', fresh])
    const listing = async (folder: string) => (await readdir(folder, { recursive: true })).sort()
    const source = join(broker.folder, 'kafka-data')
    expect(await listing(source)).toEqual(await listing(join(fresh, 'kafka-data')))
    await runOk('diff', ['-r', source, join(fresh, 'kafka-data')])
  })

  test('is handed on to a Kafka 4.3, which does not open what 4.4 wrote', async () => {
    const target = join(broker.folder, 'handed-on')
    await runOk(process.execPath, [klammMain, 'export', '--from', broker.data, '--to', target])
    const config = { 'log.dirs': target, 'log.retention.ms': '-1', 'transaction.max.timeout.ms': '86400000' }
    const kafka = new Broker('kafka', broker.port, join(broker.folder, 'kafka'), { config, klammArgs: [] })
    await kafka.writeProperties()
    try {
      await kafka.start()
      const there = await readTopics(kafka)
      expect(Object.keys(there).sort()).toEqual(Object.keys(expected).sort())
      for (const topic of Object.keys(expected)) {
        const { topicId, overrides } = expected[topic]!
        expect(there[topic]).toMatchObject({ topicId, overrides })
        if (topic === 'codecs') continue
        expect(there[topic]?.partitions.map(ofTheData)).toEqual(expected[topic]!.partitions.map(ofTheData))
      }
    } finally {
      await kafka.dispose()
    }
  }, 240_000)
})
