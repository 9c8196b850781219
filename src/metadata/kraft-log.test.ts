/** Kafka's metadata log: as Kafka left it, and with what crashes, transactions and damage make of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  AccessControlEntryRecord,
  ClientQuotaRecord,
  FeatureLevelRecord,
  NoOpRecord,
  PartitionChangeRecord,
  ProducerIdsRecord,
  RemoveAccessControlEntryRecord,
} from '../../protocol/records/cluster-metadata.ts'
import { ControlRecordType } from '../../protocol/records/control.ts'
import { encodeMetadataRecord } from '../../protocol/records/framing.ts'
import { type KafkaManifest, kafkaFiles, putFiles } from '../log/testing/kafka-directory.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { KraftImage } from './kraft-image.ts'
import { type MetadataLogEnd, readMetadataLog, UnreadableMetadata } from './kraft-log.ts'
import {
  abort,
  batch,
  begin,
  config,
  end,
  TOPIC_ID as ID,
  type LogFile,
  OTHER_ID,
  partition,
  removal,
  segment,
  snapshot,
  topic,
} from './testing/metadata-log.ts'

const FIXTURES = join(import.meta.dirname, '../log/fixtures')
const DIRECTORY = '/data/__cluster_metadata-0'

let disk: MemoryDisk
beforeEach(async () => {
  disk = new MemoryDisk({ clock: new ManualClock() })
})

async function readImage(): Promise<{ image: KraftImage; end: MetadataLogEnd }> {
  const image = new KraftImage()
  const end = await readMetadataLog(disk, DIRECTORY, record => image.apply(record))
  return { image, end }
}

async function problem(): Promise<string> {
  const error = await readImage().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UnreadableMetadata)
  return (error as Error).message
}

const put = (...files: readonly LogFile[]) => putFiles(disk, DIRECTORY, new Map(files))
const names = (image: KraftImage) => [...image.topics.values()].map(it => it.name)

describe('the metadata log of a real Kafka', () => {
  const archive = readFileSync(join(FIXTURES, 'kafka-data.tar.gz'))
  const manifest = JSON.parse(
    gunzipSync(readFileSync(join(FIXTURES, 'manifest.json.gz'))).toString(),
  ) as KafkaManifest & { readonly finalizedFeatures: Record<string, number> }
  beforeEach(() => putFiles(disk, '/data', kafkaFiles(archive, { withMetadataLog: true })))

  test('gives the topics, ids, configs and features that Kafka told its clients', async () => {
    const { image, end: found } = await readImage()
    expect(found).toEqual({ endOffset: 575n, tornBytes: 0 })
    const topics = [...image.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(
      topics.map(({ name, id, partitions }) => [
        name,
        id,
        partitions.size,
        Object.fromEntries(image.configs.get(`topic/${name}`)?.values ?? []),
      ]),
    ).toEqual(
      Object.entries(manifest.topics).map(([name, it]) => [
        name,
        it.topicId,
        it.partitions.length,
        it.overrides,
      ]),
    )
    expect(Object.fromEntries(image.features)).toEqual(manifest.finalizedFeatures)
    expect([...image.brokers.keys()]).toEqual([1])
  })

  test('gives partitions as a controlled shutdown left them, and producer ids that are new', async () => {
    const { image } = await readImage()
    const byName = new Map([...image.topics.values()].map(it => [it.name, it]))
    expect(byName.get('txn')!.partitions.get(0)).toMatchObject({
      leader: -1,
      replicas: [1],
      isr: [],
      elr: [1],
      lastKnownElr: [1],
    })
    expect(byName.get('txn')!.partitions.get(0)!.leaderEpoch).toBe(3)
    expect(image.nextProducerId).toBe(2_000n)
  })

  test.each([1, 60, 72, 100])('cut short by %s bytes, it lacks its last batch and says so', async missing => {
    const path = `${DIRECTORY}/00000000000000000000.log`
    const bytes = await disk.readFile(path)
    const file = await disk.open(path, 'write')
    await file.truncate(bytes.length - missing)
    const { image, end: found } = await readImage()
    expect(found.endOffset).toBe(missing <= 72 ? 574n : 573n)
    expect(found.tornBytes).toBe(missing <= 72 ? 72 - missing : 144 - missing)
    expect(image.topics.size).toBe(13)
  })

  test('with a byte changed in the middle, it is damaged', async () => {
    const path = `${DIRECTORY}/00000000000000000000.log`
    const bytes = await disk.readFile(path)
    const file = await disk.open(path, 'write')
    await file.write([Buffer.from([bytes[563]! ^ 1])], 563)
    expect(await problem()).toMatch(/is damaged: .*0000\.log, at byte 493 \(the checksum does not match\)/)
  })
})

describe('records of the metadata log', () => {
  test('make up topics, partitions and configs, until others take them away', async () => {
    const change = encodeMetadataRecord(PartitionChangeRecord, 2, {
      partitionId: 0,
      topicId: ID,
      isr: [1],
      leader: 1,
    })
    const isrOnly = encodeMetadataRecord(PartitionChangeRecord, 2, {
      partitionId: 0,
      topicId: ID,
      isr: [1, 2],
    })
    await put(
      segment(
        0,
        batch(0, [Buffer.alloc(19)], ControlRecordType.LEADER_CHANGE),
        batch(1, [topic('a'), partition(0), change, isrOnly, config(2, 'a', 'retention.ms', '1')]),
        batch(6, [topic('b', OTHER_ID), config(2, 'b', 'retention.ms', '1'), removal(OTHER_ID)]),
        batch(9, [config(4, '', 'x', '1'), config(4, '', 'x', null), config(32, 'g', 'y', '2')]),
      ),
    )
    const { image } = await readImage()
    expect(names(image)).toEqual(['a'])
    expect(image.topics.get(ID)!.partitions.get(0)).toMatchObject({
      leader: 1,
      leaderEpoch: 1,
      partitionEpoch: 2,
      isr: [1, 2],
    })
    expect([...image.configs.keys()]).toEqual(['topic/a', 'group/g'])
  })

  test('a topic that came again after its removal has its new id and none of its old configs', async () => {
    const again = [topic('a'), config(2, 'a', 'retention.ms', '1'), removal(), topic('a', OTHER_ID)]
    await put(segment(0, batch(0, again)))
    const { image } = await readImage()
    expect([...image.topics.values()]).toEqual([{ name: 'a', id: OTHER_ID, partitions: new Map() }])
    expect(image.configs.size).toBe(0)
  })

  test('of a transaction count when it ends, and not when it is aborted or never ends', async () => {
    await put(
      segment(
        0,
        batch(0, [begin(), topic('kept'), end()]),
        batch(3, [begin(), topic('aborted', OTHER_ID), abort()]),
        batch(6, [begin(), removal()]),
      ),
    )
    const { image } = await readImage()
    expect(names(image)).toEqual(['kept'])
    expect(image.hasOpenTransaction).toBe(true)
  })

  test('a feature at level 0 is off, and the highest next producer id holds', async () => {
    const level = (featureLevel: number) =>
      encodeMetadataRecord(FeatureLevelRecord, 0, { name: 'share.version', featureLevel })
    const next = (nextProducerId: bigint) =>
      encodeMetadataRecord(ProducerIdsRecord, 0, { brokerId: 1, brokerEpoch: 0n, nextProducerId })
    await put(segment(0, batch(0, [level(1), level(0), next(1_000n), next(3_000n)])))
    const { image } = await readImage()
    expect(image.features.size).toBe(0)
    expect(image.nextProducerId).toBe(3_000n)
  })

  test('that Klamm has no place for are counted as long as they hold', async () => {
    const acl = (id: string) =>
      encodeMetadataRecord(AccessControlEntryRecord, 0, {
        id,
        resourceType: 2,
        resourceName: 'a',
        patternType: 3,
        principal: 'User:x',
        host: '*',
        operation: 3,
        permissionType: 3,
      })
    const quota = encodeMetadataRecord(ClientQuotaRecord, 0, {
      entity: [{ entityType: 'user', entityName: null }],
      key: 'producer_byte_rate',
      value: 1,
      remove: false,
    })
    const noAcl = encodeMetadataRecord(RemoveAccessControlEntryRecord, 0, { id: ID })
    const nothing = encodeMetadataRecord(NoOpRecord, 0, {})
    await put(segment(0, batch(0, [acl(ID), acl(OTHER_ID), noAcl, quota, nothing])))
    const { image } = await readImage()
    expect([image.acls.size, image.quotas.size, image.scramCredentials.size]).toEqual([1, 1, 0])
  })

  test.each([
    ['of a later Kafka', Buffer.from([1, 99, 0]), /a record at offset 0.*does not know.*Take a later Klamm/],
    ['of a topic that is not there', removal(), /the removal of topic .* which is not there/],
    ['of a transaction that did not begin', end(), /ends that has not begun/],
  ])('%s are refused', async (_, value, message) => {
    await put(segment(0, batch(0, [value])))
    expect((await problem()).replace('metadata record', 'record')).toMatch(message)
  })
})

describe('snapshots and segments', () => {
  test('the newest snapshot counts, and of the segments what is behind it', async () => {
    await put(
      snapshot(2, [topic('gone', OTHER_ID)]),
      snapshot(5, [topic('a')]),
      ['00000000000000000009-0000000001.checkpoint.part', Buffer.from('unfinished')],
      segment(0, batch(0, [Buffer.from([1, 99, 0]), Buffer.from([1, 99, 0])])),
      segment(2, batch(2, [topic('gone', OTHER_ID)]), batch(3, [removal(OTHER_ID), topic('a')])),
      segment(5, batch(5, [partition(0)])),
    )
    const { image, end: found } = await readImage()
    expect(names(image)).toEqual(['a'])
    expect(image.topics.get(ID)!.partitions.size).toBe(1)
    expect(found.endOffset).toBe(6n)
  })

  test('batches larger than what is read at once are read whole', async () => {
    const long = Array.from({ length: 100 }, (_, index) => config(2, 'a', `x${index}`, 'y'.repeat(30_000)))
    await put(segment(0, batch(0, [topic('a')]), batch(1, long), batch(101, [topic('b', OTHER_ID)])))
    expect(names((await readImage()).image)).toEqual(['a', 'b'])
  })

  test('without a snapshot of what the segments do not hold, nothing is guessed', async () => {
    await put(segment(5, batch(5, [topic('a')])))
    expect(await problem()).toMatch(/begins at offset 5, and there is no snapshot: a part is missing/)
    await put(snapshot(3, [topic('a')]))
    expect(await problem()).toMatch(
      /begins at offset 5, and the newest snapshot, 0+3-0+1\.checkpoint, ends before/,
    )
  })

  test('a snapshot without its end is damaged', async () => {
    await put(snapshot(1, [topic('a')], { isFinished: false }), segment(1))
    expect(await problem()).toMatch(
      /snapshot .*checkpoint is damaged at byte \d+ \(its last batch is missing\)/,
    )
  })

  test('a gap between segments or batches is damage', async () => {
    await put(segment(0, batch(0, [topic('a')])), segment(3, batch(3, [removal()])))
    expect(await problem()).toMatch(
      /0+3\.log, at byte 0 \(it begins at offset 3, and what is before it ends at 1\)/,
    )
    disk = new MemoryDisk({ clock: new ManualClock() })
    await put(segment(0, batch(0, [topic('a')]), batch(2, [removal()])))
    expect(await problem()).toMatch(/offset 2 follows on 0/)
  })

  test('a torn end is damage where another segment follows', async () => {
    const [name, bytes] = segment(0, batch(0, [topic('a')]))
    await put([name, Buffer.concat([bytes, Buffer.alloc(30)])], segment(1, batch(1, [removal()])))
    expect(await problem()).toMatch(/is damaged/)
  })
})
