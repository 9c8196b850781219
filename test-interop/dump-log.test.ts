// What the broker leaves on disk, read by Kafka's own dump-log: after a varied load, after kill -9, after a clean stop.

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { type Dump, dumpLogs } from './harness/dump-log.ts'
import { eventually } from './harness/processes.ts'
import { connectProducer, createTopic, disconnect } from './harness/rdkafka.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** What dump-log calls them. */
const codecNames = { none: 'none', gzip: 'gzip', snappy: 'snappy', lz4: 'lz4', zstd: 'zstd' } as const

let broker: Broker
let dump: Dump

async function produce(
  topic: string,
  values: readonly Buffer[],
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<void> {
  const { producer, reports } = await connectProducer(broker.bootstrap, { 'linger.ms': 5, ...config })
  for (const [index, value] of values.entries()) {
    producer.produce(topic, 0, value, `key-${index}`, 1_700_000_000_000 + index, undefined, [
      { at: String(index) },
    ])
  }
  await eventually(`${values.length} reports`, () => reports.length === values.length || undefined)
  await disconnect(producer)
}

function texts(count: number, size: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.alloc(size, `${index} `))
}

/** Small batches, so that there are many, and index entries with them. */
async function load(round: string): Promise<void> {
  for (const codec of codecs) {
    await produce(`codec-${codec}`, texts(300, 400), { 'compression.codec': codec, 'batch.num.messages': 20 })
  }
  await produce('idempotent', texts(500, 100), { 'enable.idempotence': true, 'batch.num.messages': 10 })
  await produce('append-time', texts(200, 300), { 'batch.num.messages': 10 })
  await produce('recompressed', texts(200, 300), { 'compression.codec': 'lz4', 'batch.num.messages': 10 })
  // Bytes that do not compress, beyond several segments of 1 MiB, the smallest that Kafka allows.
  const noise = Array.from({ length: 350 }, () => randomBytes(10_000))
  await produce('rolled', noise, { 'batch.num.messages': 5, 'enable.idempotence': round === 'first' })
}

async function rolledSegments(): Promise<string[]> {
  return (await readdir(join(broker.data, 'rolled-0'))).filter(name => name.endsWith('.log')).sort()
}

beforeAll(async () => {
  broker = await startBroker({ 'log.index.interval.bytes': '1024', 'log.retention.ms': '-1' })
  for (const codec of codecs) await createTopic(broker.bootstrap, `codec-${codec}`)
  await createTopic(broker.bootstrap, 'idempotent')
  await createTopic(broker.bootstrap, 'empty')
  const appendTime = { 'message.timestamp.type': 'LogAppendTime' }
  await createTopic(broker.bootstrap, 'append-time', { config: appendTime })
  await createTopic(broker.bootstrap, 'recompressed', { config: { 'compression.type': 'gzip' } })
  await createTopic(broker.bootstrap, 'rolled', { config: { 'segment.bytes': '1048576' } })
  await load('first')
  await broker.kill()
  await broker.start()
  await load('second')
  await broker.stop()
  dump = await dumpLogs(broker.data)
})

afterAll(async () => {
  await broker?.dispose()
})

describe('after a varied load, a kill -9 and a clean stop', () => {
  test('dump-log finds nothing to complain about', () => {
    expect(dump.complaints).toEqual([])
  })

  test('dump-log saw files of every kind', async () => {
    for (const kind of ['log', 'index', 'timeindex', 'snapshot']) {
      expect(dump.files.some(file => file.endsWith(`.${kind}`))).toBe(true)
    }
    expect((await rolledSegments()).length).toBeGreaterThanOrEqual(6)
    expect(dump.lines.some(line => /^offset: [1-9]\d* position: [1-9]/.test(line))).toBe(true)
    expect(dump.lines.some(line => /^timestamp: \d+ offset: [1-9]/.test(line))).toBe(true)
    expect(dump.lines.some(line => line.startsWith('producerId: '))).toBe(true)
    expect(existsSync(join(broker.data, 'empty-0'))).toBe(true)
  })

  test.each(codecs)('dump-log reads every record of the topic compressed with %s', codec => {
    const lines = section(`codec-${codec}`)
    const batches = lines.filter(line => line.startsWith('baseOffset: '))
    expect(batches.length).toBeGreaterThanOrEqual(30)
    expect(batches.filter(line => !line.includes(`compresscodec: ${codecNames[codec]} `))).toEqual([])
    expect(offsetsIn(lines)).toEqual(Array.from({ length: 600 }, (_, index) => index))
  })

  test('LogAppendTime and the compression that the topic asks for are in the batches', () => {
    const append = section('append-time').filter(line => line.startsWith('baseOffset: '))
    expect(append.filter(line => !line.includes('LogAppendTime: '))).toEqual([])
    const recompressed = section('recompressed').filter(line => line.startsWith('baseOffset: '))
    expect(recompressed.filter(line => !line.includes('compresscodec: gzip '))).toEqual([])
  })

  test('the sequences of an idempotent producer are in the batches and in the last snapshot', () => {
    const batches = section('idempotent').filter(line => line.startsWith('baseOffset: '))
    const sequences = batches.map(line => /baseSequence: (-?\d+) lastSequence: (-?\d+)/.exec(line)!)
    expect(sequences[0]!.slice(1)).toEqual(['0', expect.any(String)])
    expect(sequences.at(-1)![2]).toBe('499')
    const snapshots = dump.lines.filter(
      line => line.startsWith('producerId: ') && line.includes('lastOffset: 999 '),
    )
    expect(snapshots).toHaveLength(1)
    expect(snapshots[0]).toContain('lastSequence: 499 ')
  })
})

describe('the judge itself', () => {
  test('complains about a flipped byte', async () => {
    const [first] = await rolledSegments()
    const file = join(broker.data, 'rolled-0', first!)
    const sound = await readFile(file)
    const flipped = Buffer.from(sound)
    flipped[500_000] = flipped[500_000]! ^ 0x10
    await writeFile(file, flipped)
    expect((await dumpLogs(broker.data)).complaints).not.toEqual([])
    await writeFile(file, sound)
  })

  test('complains about an index that leads astray', async () => {
    const [first] = await rolledSegments()
    const file = join(broker.data, 'rolled-0', first!.replace('.log', '.index'))
    const index = await readFile(file)
    index.writeInt32BE(index.readInt32BE(12) + 1, 12)
    await writeFile(file, index)
    expect((await dumpLogs(broker.data)).complaints).not.toEqual([])
  })
})

/** The lines about the log files of partition 0 of a topic. */
function section(topic: string): string[] {
  const lines: string[] = []
  let inside = false
  for (const line of dump.lines) {
    if (line.startsWith('Dumping ')) inside = line.includes(`/${topic}-0/`) && line.endsWith('.log')
    else if (inside) lines.push(line)
  }
  return lines
}

function offsetsIn(lines: readonly string[]): number[] {
  return lines.flatMap(line => {
    const found = /^\| offset: (\d+) /.exec(line)
    return found ? [Number(found[1])] : []
  })
}
