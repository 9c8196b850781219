// Acknowledged only when durable: sixteen producers against what one fsync for each request would allow. Disks that
// answer an fsync from a cache hide what it costs, so each of the broker's lasts SYNC_MS longer than this one's.
// SECONDS says how long each load runs; npm run group-commit is the full size.

import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, newBroker } from '../harness/broker.ts'
import { eventually, pause } from '../harness/processes.ts'
import { connectProducer, createTopic, disconnect } from '../harness/rdkafka.ts'

const seconds = Number(process.env.SECONDS || 4)
const syncMs = Number(process.env.SYNC_MS || 5)
const producers = 16
/** As librdkafka and Kafka's own producer have it by default where they are idempotent. */
const inFlight = 5

let broker: Broker
let countFile: string

beforeAll(async () => {
  broker = await newBroker({ 'klamm.durability': 'fsync' }, 'klamm')
  countFile = join(broker.folder, 'syncs')
  const before = { ...process.env }
  process.env.SYNC_COUNT = countFile
  process.env.SYNC_MS = String(syncMs)
  process.env.NODE_OPTIONS = `--require ${join(import.meta.dirname, 'count-syncs.cjs')}`
  await broker.start()
  process.env.NODE_OPTIONS = before.NODE_OPTIONS ?? ''
})

afterAll(async () => {
  await broker?.dispose()
})

async function syncs(): Promise<number> {
  rmSync(countFile, { force: true })
  process.kill(broker.pid, 'SIGUSR2')
  const text = await eventually('the count', () => {
    try {
      return readFileSync(countFile, 'utf8') || undefined
    } catch {
      return undefined
    }
  })
  return Number(text)
}

/** Writes of a record, each with an fsync of its own, a second. */
function singleSyncs(): number {
  const path = join(broker.folder, 'single')
  const file = openSync(path, 'w')
  const bytes = Buffer.alloc(180)
  const writes = 200
  const begin = performance.now()
  for (let write = 0; write < writes; write += 1) {
    writeSync(file, bytes, 0, bytes.length, write * bytes.length)
    fdatasyncSync(file)
  }
  const eachMs = (performance.now() - begin) / writes
  closeSync(file)
  return 1_000 / (eachMs + syncMs)
}

interface Load {
  readonly topic: string
  readonly partitions: number
  readonly inFlight: number
}

/** Batches acknowledged a second, each of one record, and how many there are to an fsync. */
async function run(load: Load): Promise<{ perSecond: number; perSync: number }> {
  await createTopic(broker.bootstrap, load.topic, { partitions: load.partitions })
  const connected = await Promise.all(
    Array.from({ length: producers }, () =>
      connectProducer(broker.bootstrap, {
        'enable.idempotence': true,
        'max.in.flight.requests.per.connection': load.inFlight,
        'batch.num.messages': 1,
        'linger.ms': 0,
      }),
    ),
  )
  let isOver = false
  for (const [index, { producer }] of connected.entries()) {
    const send = () => producer.produce(load.topic, index % load.partitions, Buffer.alloc(100, 'x'))
    producer.setPollInterval(1)
    producer.on('delivery-report', () => {
      if (!isOver) send()
    })
    for (let each = 0; each < load.inFlight; each += 1) send()
  }
  const acknowledged = () => connected.reduce((sum, { reports }) => sum + reports.length, 0)
  await eventually('the first reports', () => acknowledged() > producers * 20 || undefined)
  const [before, syncsBefore, begin] = [acknowledged(), await syncs(), performance.now()]
  await pause(seconds * 1_000)
  const [after, syncsAfter, end] = [acknowledged(), await syncs(), performance.now()]
  isOver = true
  await Promise.all(connected.map(({ producer }) => disconnect(producer)))
  return {
    perSecond: ((after - before) * 1_000) / (end - begin),
    perSync: (after - before) / (syncsAfter - syncsBefore),
  }
}

test('sixteen producers share fsyncs, eight batches or more to each', async () => {
  const loads = [
    { topic: 'one', partitions: 1, inFlight },
    { topic: 'four', partitions: 4, inFlight },
    { topic: 'waiting', partitions: 1, inFlight: 1 },
  ]
  const rows: string[] = []
  const figures = []
  for (const load of loads) {
    const before = singleSyncs()
    const { perSecond, perSync } = await run(load)
    const single = (before + singleSyncs()) / 2
    figures.push({ ...load, perSync, times: perSecond / single })
    const numbers = [load.partitions, load.inFlight, single, perSecond, perSecond / single, perSync]
    rows.push(`| ${numbers.map(value => Number(value.toPrecision(3)).toLocaleString('en')).join(' | ')} |`)
  }
  const head = '| partitions | in flight | fsyncs/s alone | batches/s | times as many | batches to an fsync |'
  console.log([head, '|---:|---:|---:|---:|---:|---:|', ...rows].join('\n'))
  for (const { partitions, perSync } of figures)
    if (partitions === 1) expect(perSync).toBeGreaterThanOrEqual(8)
  // On a machine that is busy with other things the rate says little.
  if (seconds >= 10) expect(figures[0]!.times).toBeGreaterThanOrEqual(8)
})
