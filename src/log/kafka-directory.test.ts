/** What Apache Kafka wrote is opened, served and written as Kafka did it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import type { RecordBatch } from '../records/batch.ts'
import { decodeRecords } from '../records/lookup.ts'
import type { Log } from './log.ts'
import type { LogConfig } from './log-config.ts'
import { decodeSnapshot } from './producer-snapshot.ts'
import type { ProducerEntry } from './producer-state.ts'
import {
  type KafkaManifest,
  type KafkaPartition,
  type KafkaRecord,
  kafkaFiles,
  putFiles,
} from './testing/kafka-directory.ts'
import { must, Rig, readBatches } from './testing/rig.ts'

const FIXTURES = join(import.meta.dirname, 'fixtures')
/** The generator gave its records times of half a year before. */
const LONG_AGO = 1_781_000_000_000n
const files = kafkaFiles(readFileSync(join(FIXTURES, 'kafka-data.tar.gz')))
const manifest = JSON.parse(
  gunzipSync(readFileSync(join(FIXTURES, 'manifest.json.gz'))).toString(),
) as KafkaManifest

const partitions = Object.entries(manifest.topics).flatMap(([topic, { partitions: all, overrides }]) =>
  all.map(expected => ({ topic, name: `${topic}-${expected.partition}`, expected, overrides })),
)

function configOf(overrides: Record<string, string>): Partial<LogConfig> {
  const segmentBytes = overrides['internal.segment.bytes'] ?? overrides['segment.bytes']
  const interval = overrides['index.interval.bytes']
  return {
    retentionMs: -1,
    segmentIndexBytes: 65_536,
    ...(segmentBytes && { segmentBytes: Number(segmentBytes) }),
    ...(interval && { indexIntervalBytes: Number(interval) }),
  }
}

async function kafkaRig(config: Partial<LogConfig> = {}, without: RegExp = /^$/): Promise<Rig> {
  const rig = new Rig({ config })
  const kept = new Map([...files].filter(([name]) => !without.test(name)))
  await putFiles(rig.disk, '/data', kept)
  await rig.start()
  return rig
}

async function batchesOf(log: Log): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  let offset = log.logStartOffset
  while (offset < log.logEndOffset) {
    const found = await readBatches(log, offset)
    if (found.length === 0) break
    batches.push(...found)
    offset = found.at(-1)!.nextOffset
  }
  return batches
}

async function recordsOf(log: Log): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = []
  for (const batch of await batchesOf(log)) {
    if (batch.isControl) continue
    for (const record of must(decodeRecords(batch))) {
      if (record.offset < log.logStartOffset) continue
      const headers = record.headers.map(({ key, value }) => ({
        key,
        value: value === null ? null : Buffer.from(value).toString('hex'),
      }))
      records.push({
        offset: Number(record.offset),
        timestamp: Number(record.timestamp),
        leaderEpoch: batch.partitionLeaderEpoch,
        key: record.key?.toString('hex') ?? null,
        value: record.value?.toString('hex') ?? null,
        ...(headers.length > 0 && { headers }),
      })
    }
  }
  return records
}

function plain(expected: KafkaPartition): KafkaRecord[] {
  return expected.records.map(({ offset, timestamp, leaderEpoch, key, value, headers = [] }) => ({
    offset,
    timestamp,
    leaderEpoch,
    key,
    value,
    ...(headers.length > 0 && { headers }),
  }))
}

/** Only read from. */
let kafka: Rig
beforeAll(async () => {
  kafka = await kafkaRig()
})

describe('a directory that Kafka left cleanly', () => {
  test('belongs to its cluster and is taken for a clean stop', async () => {
    const rig = kafka
    expect(rig.manager.clusterId).toBe(manifest.clusterId)
    expect(rig.manager.wasCleanShutdown).toBe(true)
    expect([...rig.manager.logs()].map(log => log.name).sort()).toEqual(partitions.map(p => p.name).sort())
    expect(rig.lines.filter(line => line.level !== 'info')).toEqual([])
  })

  test.each(partitions)(
    '$name has the records, offsets and epochs of the manifest',
    async ({ topic, expected }) => {
      const log = kafka.manager.log(topic, expected.partition)!
      expect(log.topicId).toBe(manifest.topics[topic]!.topicId)
      expect(Number(log.logStartOffset)).toBe(expected.earliest.offset)
      expect(Number(log.logEndOffset)).toBe(expected.latest.offset)
      expect(Number(log.lastStableOffset)).toBe(expected.lastStableOffset)
      expect(log.latestEpoch).toBe(expected.latest.leaderEpoch)
      expect(await recordsOf(log)).toEqual(plain(expected))
      const found = (await log.offsetOfMaxTimestamp()) ?? { offset: -1n, timestamp: -1n, leaderEpoch: -1 }
      expect({ ...found, offset: Number(found.offset), timestamp: Number(found.timestamp) }).toEqual(
        expected.maxTimestamp,
      )
    },
  )

  test.each(partitions)(
    '$name hides aborted transactions from readers of committed ones',
    async ({ topic, expected }) => {
      const log = kafka.manager.log(topic, expected.partition)!
      const aborted = await log.abortedTransactions(log.logStartOffset, log.lastStableOffset)
      const visible: number[] = []
      const hidden = new Set<bigint>()
      const pending = [...aborted]
      for (const batch of await batchesOf(log)) {
        if (batch.baseOffset >= log.lastStableOffset) break
        while (pending.length > 0 && pending.some(entry => entry.firstOffset <= batch.lastOffset)) {
          const at = pending.findIndex(entry => entry.firstOffset <= batch.lastOffset)
          hidden.add(pending.splice(at, 1)[0]!.producerId)
        }
        if (batch.isControl) hidden.delete(batch.producerId)
        else if (!(batch.isTransactional && hidden.has(batch.producerId))) {
          for (const { offset } of must(decodeRecords(batch))) {
            if (offset >= log.logStartOffset) visible.push(Number(offset))
          }
        }
      }
      expect(visible).toEqual(expected.readCommittedOffsets)
    },
  )

  // The manifest was not asked for the producers of internal topics.
  const ordinary = partitions.filter(({ topic }) => !topic.startsWith('__'))

  test.each(ordinary)('$name has the producers of the manifest', async ({ topic, expected }) => {
    const found = producersOf(kafka.manager.log(topic, expected.partition)!)
    // Kafka forgot producers whose records carry times of long ago when it started; here they get a full
    // term.
    const isForgotten = (producer: Record<string, number>) =>
      expected.activeProducers.length < found.length && BigInt(producer.lastTimestamp!) < LONG_AGO
    const byId = (a: Record<string, number>, b: Record<string, number>) => a.producerId! - b.producerId!
    const remembered = found.filter(producer => !isForgotten(producer)).sort(byId)
    expect(remembered).toEqual(expected.activeProducers.toSorted(byId))
  })
})

function producersOf(log: Log): Record<string, number>[] {
  return log.activeProducers().map(producer => ({
    producerId: Number(producer.producerId),
    producerEpoch: producer.producerEpoch,
    lastSequence: producer.lastSequence,
    lastTimestamp: Number(producer.lastTimestamp),
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnStartOffset: Number(producer.currentTransactionStartOffset),
  }))
}

/**
 * A snapshot's producers, without those whose old record times made Kafka forget them when it was restarted.
 */
function remembered(snapshot: string): ProducerEntry[] {
  const entries = decodeSnapshot(Buffer.from(snapshot, 'hex'), 0)!
  const isOld = (entry: ProducerEntry) => entry.lastTimestamp < LONG_AGO && entry.producerId < 1_000n
  return entries.filter(entry => !isOld(entry)).sort((a, b) => Number(a.producerId - b.producerId))
}

const SEGMENT_FILE = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/

/** The files of one log on the rig's disk, and Kafka's under the same names. */
async function filesOf(rig: Rig, name: string, root = '/data'): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await rig.disk.list(`${root}/${name}`)) {
    if (!SEGMENT_FILE.test(entry.name)) continue
    found.set(entry.name, (await rig.disk.readFile(`${root}/${name}/${entry.name}`)).toString('hex'))
  }
  return found
}

function kafkaFilesOf(name: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [path, bytes] of files) {
    const [directory, file] = path.split('/')
    if (directory === name && SEGMENT_FILE.test(file!)) found.set(file!, bytes.toString('hex'))
  }
  return found
}

describe('the same batches written here', () => {
  // A compacted log does not tell what was written to it.
  test.each(partitions.filter(({ name }) => name !== 'compact-0'))(
    '$name has the same files as Kafka made of it',
    async ({ topic, name, expected, overrides }) => {
      const original = await kafkaRig()
      const source = original.manager.log(topic, expected.partition)!
      const batches = await batchesOf(source)
      const rig = new Rig({ config: configOf(overrides) })
      let log = await rig.log(topic, expected.partition)
      if (batches[0]) await log.truncateFullyAndStartAt(batches[0].baseOffset)
      let epoch = batches[0]?.partitionLeaderEpoch
      for (const batch of batches) {
        if (batch.partitionLeaderEpoch !== epoch) {
          // Kafka was restarted where the epoch changes.
          await rig.restart()
          log = rig.manager.log(topic, expected.partition)!
          epoch = batch.partitionLeaderEpoch
        }
        must(await log.append(Buffer.from(batch.bytes()), { leaderEpoch: -1, origin: 'follower' }))
      }
      await rig.manager.shutdown()
      const ours = await filesOf(rig, name)
      const kafkas = kafkaFilesOf(name)
      expect([...ours.keys()].sort()).toEqual([...kafkas.keys()].sort())
      for (const [file, bytes] of kafkas) {
        const isSnapshot = file.endsWith('.snapshot')
        const [mine, theirs] = isSnapshot ? [ours.get(file)!, bytes].map(remembered) : [ours.get(file), bytes]
        expect(mine, file).toEqual(theirs)
      }
    },
  )
})

describe('a directory that Kafka left uncleanly', () => {
  const LOST = /kafka_cleanshutdown|recovery-point-offset-checkpoint|\.(index|timeindex|txnindex)$/

  test.each(partitions)('$name is recovered whole, with the indexes that Kafka had', async given => {
    const { topic, name, expected, overrides } = given
    const own = new RegExp(`^${name}/|^[^/]+$`)
    const rig = new Rig({ config: configOf(overrides) })
    await putFiles(
      rig.disk,
      '/data',
      new Map([...files].filter(([file]) => own.test(file) && !LOST.test(file))),
    )
    await rig.start()
    const log = rig.manager.log(topic, expected.partition)!
    expect(await recordsOf(log)).toEqual(plain(expected))
    expect(Number(log.logEndOffset)).toBe(expected.latest.offset)
    expect(Number(log.lastStableOffset)).toBe(expected.lastStableOffset)
    await rig.manager.shutdown()
    const ours = await filesOf(rig, name)
    for (const [file, bytes] of kafkaFilesOf(name)) {
      // Kafka counted the bytes between index entries anew after its restart, and the cleaner by its own
      // buffers.
      const wasReopened = name === 'compact-0' || isReopened(log, file)
      if (/index$/.test(file) && !wasReopened) expect(ours.get(file), file).toBe(bytes)
    }
  })

  /** The segment holds batches from before and from after Kafka's restart. */
  function isReopened(log: Log, file: string): boolean {
    const base = BigInt(file.slice(0, 20))
    const segment = log.segments.findIndex(candidate => candidate.baseOffset === base)
    const end = log.segments[segment + 1]?.baseOffset ?? log.logEndOffset
    return log.epochForOffset(base) !== log.epochForOffset(end - 1n)
  }
})
