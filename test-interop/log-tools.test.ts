// `klamm log dump` beside Kafka's own dump-log over the same files, which a real Kafka wrote: every field of every batch,
// record, index entry and producer is the same. Then bits are turned, and `klamm log verify` says what that costs.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, klammMain, newBroker } from './harness/broker.ts'
import { dumpLogs } from './harness/dump-log.ts'
import { run, runOk } from './harness/processes.ts'
import { rdkafkaPath, readPartition } from './harness/rdkafka.ts'

type Facts = Record<string, unknown>

let folder: string
let data: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klamm-log-tools-'))
  await runOk('tar', ['-xzf', join(import.meta.dirname, 'fixtures', 'kafka-data.tar.gz'), '-C', folder])
  data = join(folder, 'kafka-data')
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

const dumped = async (path: string, ...options: readonly string[]): Promise<Facts[]> => {
  const text = await runOk(process.execPath, [klammMain, 'log', 'dump', path, '--json', ...options])
  return text.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
}

/** `name: value` pairs, as dump-log writes them, with the names that ours has. */
function factsOf(line: string): Facts {
  const pairs = [...line.matchAll(/(\w+): (\[.*?\]|OptionalLong\.empty|OptionalLong\[\d+\]|[^\s]+)/g)]
  return Object.fromEntries(pairs.map(([, name, value]) => [name, simpleValue(value!)]))
}

function simpleValue(text: string): unknown {
  if (text === 'OptionalLong.empty') return undefined
  const optional = /^OptionalLong\[(\d+)\]$/.exec(text)
  if (optional) return Number(optional[1])
  if (/^-?\d+$/.test(text)) return Number(text)
  return text === 'true' || text === 'false' ? text === 'true' : text
}

/** What both say, under our names. */
function ofBatch(facts: Facts): Facts {
  const { compresscodec, isvalid, CreateTime, LogAppendTime, ...rest } = facts
  return {
    ...rest,
    compression: compresscodec,
    isValid: isvalid,
    timestampType: CreateTime === undefined ? 'LogAppendTime' : 'CreateTime',
    maxTimestamp: CreateTime ?? LogAppendTime,
  }
}

function ofRecord({
  CreateTime,
  LogAppendTime,
  endTxnMarker,
  coordinatorEpoch,
  headerKeys,
  ...facts
}: Facts): Facts {
  const { offset, keySize, valueSize, sequence } = facts
  return {
    offset,
    keySize,
    valueSize,
    sequence,
    timestampType: CreateTime === undefined ? 'LogAppendTime' : 'CreateTime',
    timestamp: CreateTime ?? LogAppendTime,
    headerKeys: String(headerKeys)
      .slice(1, -1)
      .split(',')
      .filter(key => key !== ''),
    ...(endTxnMarker !== undefined && { control: endTxnMarker, coordinatorEpoch }),
  }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('klamm log dump says what dump-log says', () => {
  const lines = new Map<string, string[]>()
  const ours = new Map<string, Facts[]>()

  /** The files of a kind that both have shown; ours says nothing of an index without entries. */
  const filesOf = (kinds: RegExp) => [...lines.keys()].filter(file => kinds.test(file)).sort()
  const oursOf = (file: string, type?: string) =>
    (ours.get(file) ?? []).flatMap(({ type: its, file: _, ...facts }) =>
      type === undefined || its === type ? [facts] : [],
    )

  beforeAll(async () => {
    for (const facts of await dumped(data, '--all', '--deep')) {
      const file = facts.file as string
      ours.set(file, [...(ours.get(file) ?? []), facts])
    }
    let file = ''
    for (const line of (await dumpLogs(data)).lines) {
      const next = /^Dumping (.+)$/.exec(line)
      if (next) {
        file = next[1]!
        // Indexes come twice, the second time for their sanity.
        if (!lines.has(file)) lines.set(file, [])
        else file = ''
      } else lines.get(file)?.push(line)
    }
  })

  test('of batches and their records', async () => {
    let batches = 0
    let records = 0
    for (const file of filesOf(/\.log$/)) {
      const said = lines.get(file)!
      const theirBatches = said
        .filter(line => line.startsWith('baseOffset: '))
        .map(line => ofBatch(factsOf(line)))
      const ourBatches = oursOf(file, 'batch')
      expect(ourBatches, file).toEqual(plain(theirBatches))
      const theirRecords = said
        .filter(line => line.startsWith('| offset: '))
        .map(line => ofRecord(factsOf(line)))
      const ourRecords = oursOf(file, 'record').map(
        ({ record: _r, key: _k, value: _v, version: _n, ...facts }) => facts,
      )
      expect(ourRecords, file).toEqual(plain(theirRecords))
      batches += ourBatches.length
      records += ourRecords.length
    }
    expect(batches).toBeGreaterThan(400)
    expect(records).toBeGreaterThan(1_000)
  })

  test('of indexes, transaction indexes and producers', async () => {
    let entries = 0
    for (const file of filesOf(/\.(index|timeindex|txnindex|snapshot)$/)) {
      const said = (lines.get(file) ?? [])
        .filter(line => !/sanity|is empty|^Snapshot/.test(line))
        .map(factsOf)
      const entriesHere = oursOf(file)
      const theirs = said.map(({ version: _v, ...facts }) => facts)
      if (file.endsWith('.snapshot')) {
        const comparable = ({ producerId, producerEpoch, coordinatorEpoch, lastTimestamp }: Facts) => ({
          producerId,
          producerEpoch,
          coordinatorEpoch,
          lastTimestamp,
        })
        expect(entriesHere.map(comparable), file).toEqual(plain(theirs.map(comparable)))
      } else if (entriesHere.length > 0) expect(entriesHere, file).toEqual(plain(theirs))
      entries += entriesHere.length
    }
    expect(entries).toBeGreaterThan(100)
  })
})

/**
 * What librdkafka gets of segs-0 before it meets an error, and the error. In a process that is killed then: where it is
 * closed right at a wrong checksum, it may hang or crash, with Kafka as well.
 */
async function readToError(bootstrap: string): Promise<unknown> {
  const config = { 'bootstrap.servers': bootstrap, 'group.id': 'unused', 'check.crcs': true }
  const script = `
    const { KafkaConsumer } = require(${JSON.stringify(rdkafkaPath)})
    const consumer = new KafkaConsumer(${JSON.stringify(config)}, { 'auto.offset.reset': 'error' })
    const offsets = []
    const next = (error, messages = []) => {
      offsets.push(...messages.map(({ offset }) => offset))
      if (!error) return consumer.consume(1, next)
      console.log(JSON.stringify({ offsets, error: error.message }))
      process.kill(process.pid, 'SIGKILL')
    }
    consumer.connect({ timeout: 20_000 }, error => {
      if (!error) consumer.assign([{ topic: 'segs', partition: 0, offset: 0 }])
      next(error)
    })`
  const { stdout, stderr } = await run(process.execPath, ['-e', script])
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('a flipped bit in a sealed segment', () => {
  let broker: Broker

  beforeAll(async () => {
    broker = await newBroker({ 'log.retention.ms': '-1' }, 'klamm')
    await rm(broker.data, { recursive: true })
    await runOk(process.execPath, [klammMain, 'import', '--from', data, '--to', broker.data])
  })

  afterAll(async () => {
    await broker?.dispose()
  })

  test('is named by verify, met by clients as a wrong checksum, and harms no other partition', async () => {
    const [segment] = (await readdir(join(broker.data, 'segs-0')))
      .filter(name => name.endsWith('.log'))
      .sort()
    const path = join(broker.data, 'segs-0', segment!)
    const [, batch] = (await dumped(path)) as { baseOffset: number; lastOffset: number; position: number }[]
    const bytes = await readFile(path)
    bytes[batch!.position + 70]! ^= 4
    await writeFile(path, bytes)

    const { code, stdout } = await run(process.execPath, [klammMain, 'log', 'verify', broker.data, '--json'])
    const findings: Facts[] = stdout.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
    expect(code).toBe(2)
    const offsets = { first: batch!.baseOffset, last: batch!.lastOffset }
    expect(findings.filter(it => it.severity === 'damage')).toEqual([
      expect.objectContaining({ kind: 'batch', path, position: batch!.position, offsets }),
    ])

    await broker.start()
    const before = Array.from({ length: batch!.baseOffset }, (_, offset) => offset)
    expect(await readToError(broker.bootstrap)).toEqual({
      offsets: before,
      error: 'Local: Bad message format',
    })
    const other = await readPartition(broker.bootstrap, { topic: 'segs', partition: 1 })
    expect(other.length).toBeGreaterThan(100)
    await broker.stop()
  })
})
