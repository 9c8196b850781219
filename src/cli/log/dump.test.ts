/** What a dump shows of files that a real Kafka wrote, of messages of old formats, and of damaged ones. */
import { beforeAll, describe, expect, test } from 'vitest'
import { putFiles } from '../../log/testing/kafka-directory.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../../platform/simulated/memory-disk.ts'
import { splitBatches } from '../../records/batch.ts'
import { encodeMessage } from '../../records/legacy.ts'
import { kafkaNode, manifest } from '../house/testing/kafka-node.ts'
import { UsageError } from '../terminal.ts'
import { type DumpCommand, dumpPaths } from './dump.ts'

let disk: MemoryDisk

beforeAll(async () => {
  disk = new MemoryDisk({ clock: new ManualClock() })
  await putFiles(disk, '/data', kafkaNode)
})

async function textOf(paths: readonly string[], command: DumpCommand = {}): Promise<string[]> {
  const lines: string[] = []
  const output = { write: (line: string) => void lines.push(line), ready: async () => {} }
  await dumpPaths(disk, paths, { ...command, output })
  return lines
}

type Facts = Record<string, unknown>

async function factsOf(path: string, command: DumpCommand = {}): Promise<Facts[]> {
  return (await textOf([path], { ...command, json: true })).map(line => JSON.parse(line))
}

const recordsOf = (facts: readonly Facts[]) => facts.filter(it => it.type === 'record')

describe('records', () => {
  test('are those that consumers of the Kafka got', async () => {
    for (const [topic, partition] of [['codecs', 3] as const, ['append', 0] as const, ['idem', 0] as const]) {
      const facts = await factsOf(`/data/${topic}-${partition}`, { printData: true })
      const expected = manifest.topics[topic]!.partitions[partition]!.records
      const data = recordsOf(facts).filter(it => it.control === undefined)
      expect(data.map(it => [it.offset, it.timestamp])).toEqual(expected.map(it => [it.offset, it.timestamp]))
      const hex = (value: unknown) =>
        value === null
          ? null
          : typeof value === 'string'
            ? Buffer.from(value).toString('hex')
            : Buffer.from((value as { base64: string }).base64, 'base64').toString('hex')
      expect(data.map(it => hex(it.value))).toEqual(expected.map(it => it.value))
      expect(data.map(it => hex(it.key))).toEqual(expected.map(it => it.key))
    }
  })

  test('are left out where nobody asks for them', async () => {
    expect(recordsOf(await factsOf('/data/codecs-0'))).toEqual([])
    expect(recordsOf(await factsOf('/data/codecs-0', { deep: true }))[0]).not.toHaveProperty('value')
  })

  test('begin and end where they should, by offset and by number', async () => {
    const between = { deep: true, fromOffset: 130n, toOffset: 139n }
    const facts = recordsOf(await factsOf('/data/segs-0', between))
    expect(facts.map(it => it.offset)).toEqual(Array.from({ length: 10 }, (_, i) => 130 + i))
    const few = recordsOf(await factsOf('/data/segs-0', { deep: true, fromOffset: 115n, maxRecords: 7 }))
    expect(few.map(it => it.offset)).toEqual([115, 116, 117, 118, 119, 120, 121])
  })
})

describe('internal topics', () => {
  test('say which offsets groups have committed', async () => {
    const commits = recordsOf(await factsOf('/data/__consumer_offsets-0', { deep: true })).filter(
      it => it.record === 'OffsetCommit',
    )
    expect(commits[0]).toMatchObject({
      key: { group: 'cg-txn', topic: 'codecs', partition: 0 },
      value: { offset: 11, metadata: 'txn-meta' },
    })
  })

  test('say how transactions went, and how markers ended them', async () => {
    const states = recordsOf(await factsOf('/data/__transaction_state-0', { deep: true }))
    expect(states[0]).toMatchObject({
      record: 'TransactionLog',
      key: { transactionalId: 'tx-a' },
      value: { transactionStatus: 'Empty' },
    })
    const markers = recordsOf(await factsOf('/data/txn-0', { deep: true })).filter(it => it.control)
    expect(new Set(markers.map(it => it.control))).toEqual(new Set(['COMMIT', 'ABORT']))
    expect(markers[0]).toMatchObject({ offset: 10, coordinatorEpoch: 0 })
  })

  test('say what share groups have acknowledged', async () => {
    const facts = recordsOf(await factsOf('/data/__share_group_state-0', { deep: true }))
    expect(facts.length).toBeGreaterThan(0)
    expect(facts[0]!.record).toMatch(/^Share(Snapshot|Update)$/)
  })

  test('and the metadata log say what they hold', async () => {
    const facts = recordsOf(await factsOf('/data/__cluster_metadata-0', { deep: true }))
    const topics = facts
      .filter(it => it.record === 'TopicRecord')
      .map(it => (it.value as { name: string }).name)
    expect(topics).toContain('codecs')
    expect(facts.filter(it => it.problem !== undefined)).toEqual([])
  })

  test('are shown raw where that is asked for', async () => {
    const [record] = recordsOf(
      await factsOf('/data/__consumer_offsets-0', { decode: 'none', printData: true }),
    )
    expect(record).not.toHaveProperty('record')
    expect(record).toHaveProperty('value')
  })
})

describe('files beside the segments', () => {
  test.each([
    ['txn-0/00000000000000000010.txnindex', { type: 'txnindex', producerId: 13 }],
    ['compact-0/00000000000000000144.snapshot', { type: 'producer', producerId: 1001, lastSequence: 143 }],
    ['segs-0/leader-epoch-checkpoint', { type: 'leader-epoch', epoch: 0, startOffset: 0 }],
    ['replication-offset-checkpoint', { type: 'checkpoint' }],
    ['meta.properties', { type: 'meta', nodeId: 1 }],
    ['codecs-0/partition.metadata', { type: 'partition', topicId: manifest.topics.codecs!.topicId }],
  ])('%s', async (name, expected) => {
    expect((await factsOf(`/data/${name}`))[0]).toMatchObject(expected)
  })

  test('are shown with the segments when all is asked for', async () => {
    const types = new Set((await factsOf('/data/segs-0', { all: true })).map(it => it.type))
    expect(types).toEqual(new Set(['batch', 'index', 'timeindex', 'leader-epoch', 'partition', 'producer']))
  })

  test('of an index, not the space that a crash leaves behind its entries', async () => {
    const bytes = kafkaNode.get('segs-0/00000000000000000000.index')!
    await putFiles(
      disk,
      '/spare',
      new Map([['00000000000000000000.index', Buffer.concat([bytes, Buffer.alloc(4096)])]]),
    )
    const entries = await factsOf('/spare/00000000000000000000.index')
    expect(entries).toHaveLength(bytes.length / 8)
  })
})

describe('text', () => {
  test('has a line for the file, one for each batch, and one for each record below it', async () => {
    const lines = await textOf(['/data/txn-0/00000000000000000000.log'], { deep: true })
    expect(lines[0]).toBe('/data/txn-0/00000000000000000000.log')
    expect(lines[1]).toMatch(
      /^baseOffset: 0 lastOffset: 3 count: 4 .* compression: none crc: \d+ isValid: true$/,
    )
    expect(lines[2]).toMatch(/^\| offset: 0 timestampType: CreateTime .* headerKeys: \["h","n"\]$/)
  })
})

describe('damage', () => {
  test('is shown where it is, and what follows too', async () => {
    const bytes = Buffer.from(kafkaNode.get('segs-0/00000000000000000000.log')!)
    const [first, second, third] = [...splitBatches(bytes)]
    bytes[second!.position + 65]! ^= 1
    bytes.writeInt32BE(7, third!.position + 8)
    await putFiles(disk, '/bad-0', new Map([['00000000000000000000.log', bytes]]))
    const facts = await factsOf('/bad-0')
    const count = [...splitBatches(kafkaNode.get('segs-0/00000000000000000000.log')!)].length
    expect(facts.filter(it => it.type === 'batch')).toHaveLength(count - 2)
    expect(facts[0]).toMatchObject({ position: first!.position, isValid: true })
    expect(facts.find(it => it.type === 'damage')).toMatchObject({ position: second!.position })
  })

  test('of a checksum alone leaves the batch to be seen', async () => {
    const bytes = Buffer.from(kafkaNode.get('segs-0/00000000000000000000.log')!)
    bytes[[...splitBatches(bytes)][1]!.position + 65]! ^= 1
    await putFiles(disk, '/flip-0', new Map([['00000000000000000000.log', bytes]]))
    expect((await factsOf('/flip-0')).map(it => it.isValid).slice(0, 3)).toEqual([true, false, true])
  })
})

test('messages of the formats before 2 are shown as they are, compressed ones with what is in them', async () => {
  const message = (offset: bigint, value: string) =>
    encodeMessage({
      magic: 1,
      offset,
      timestamp: 5n,
      timestampType: 'CreateTime',
      key: null,
      value: Buffer.from(value),
      compression: 'none',
    })
  const bytes = Buffer.concat([message(0n, 'a'), message(1n, 'b')])
  await putFiles(disk, '/old-0', new Map([['00000000000000000000.log', bytes]]))
  expect(await factsOf('/old-0', { printData: true })).toEqual([
    expect.objectContaining({ type: 'message', offset: 0, magic: 1, isValid: true }),
    expect.objectContaining({ type: 'record', offset: 0, value: 'a' }),
    expect.objectContaining({ type: 'message', offset: 1, magic: 1, isValid: true }),
    expect.objectContaining({ type: 'record', offset: 1, value: 'b' }),
  ])
})

test.each([
  [[], /Give a file/],
  [['/nowhere'], /There is no \/nowhere/],
  [['/data/.kafka_cleanshutdown'], /none of the files of a log/],
  [['/none'], /holds no segments/],
])('what cannot be shown is said: %j', async (paths, message) => {
  await disk.makeDirectory('/none')
  const error = await textOf(paths).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(UsageError)
  expect((error as Error).message).toMatch(message)
})
