// A full disk under a real client: a file system of its own, a few megabytes in memory, which takes the right to mount
// one (root, or CAP_SYS_ADMIN in a container). What was acknowledged is there afterwards, and nobody restarts anything.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DeliveryReport, Producer } from 'node-rdkafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { eventually, runOk } from './harness/processes.ts'
import { connectProducer, createTopic, disconnect, readPartition } from './harness/rdkafka.ts'

// What librdkafka says of KAFKA_STORAGE_ERROR; its binding gives no number in delivery reports.
const STORAGE_ERROR = 'disk error when trying to access log file on disk'
const MEGABYTE = 1_048_576
const partition = { topic: 'filling', partition: 0 }
const filling = 'x'.repeat(60_000)
const wave = 20

let disk: string
let isMounted = false
let broker: Broker

beforeAll(async () => {
  disk = await mkdtemp(join(tmpdir(), 'klamm-interop-full-'))
  await runOk('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk])
  isMounted = true
  broker = await startBroker({ 'log.dirs': join(disk, 'data'), 'log.segment.bytes': '4194304' }, 'klamm')
  await createTopic(broker.bootstrap, partition.topic)
})

afterAll(async () => {
  await broker?.dispose()
  if (isMounted) await runOk('umount', [disk])
  await rm(disk, { recursive: true, force: true })
})

interface Outcome {
  readonly value: number
  /** Null for a record that was acknowledged. */
  readonly problem: string | null
  readonly offset: number
}

/** A producer that tries nothing twice, and what became of each of its records. */
function outcomesOf(producer: Producer): Outcome[] {
  const outcomes: Outcome[] = []
  producer.on('delivery-report', (error, report: DeliveryReport) =>
    outcomes.push({ value: report.opaque, problem: error?.message ?? null, offset: report.offset }),
  )
  return outcomes
}

test('a disk that is full refuses produces, and takes them again by itself when there is room', async () => {
  const { producer } = await connectProducer(broker.bootstrap, {
    'message.send.max.retries': 0,
    'linger.ms': 0,
  })
  const outcomes = outcomesOf(producer)
  let sent = 0
  const sendWave = async () => {
    const before = outcomes.length
    for (let i = 0; i < wave; i++, sent++) {
      producer.produce(partition.topic, 0, Buffer.from(`${sent}:${filling}`), null, undefined, sent)
    }
    await eventually('delivery reports', async () => outcomes.length === sent || undefined)
    return outcomes.slice(before)
  }
  const { pid } = broker
  await sendWave()
  const ballast = join(disk, 'ballast')
  await writeFile(ballast, Buffer.alloc(12 * MEGABYTE))
  const refused = await eventually('a refusal', async () =>
    (await sendWave()).find(({ problem }) => problem !== null),
  )
  expect(refused.problem).toBe(STORAGE_ERROR)
  // Still full, still refused, and what is there can be read.
  expect((await sendWave()).some(({ problem }) => problem === STORAGE_ERROR)).toBe(true)
  await expectAcknowledged(outcomes)

  await rm(ballast)
  await eventually(
    'service to resume',
    async () => (await sendWave()).every(({ problem }) => problem === null) || undefined,
  )
  await disconnect(producer)
  expect(broker.pid).toBe(pid)
  expect(new Set(outcomes.map(({ problem }) => problem))).toEqual(new Set([null, STORAGE_ERROR]))
  await expectAcknowledged(outcomes)
  await broker.kill()
  await broker.start()
  await expectAcknowledged(outcomes)
})

async function expectAcknowledged(outcomes: readonly Outcome[]): Promise<void> {
  const found = new Map<number, string>()
  for (const { offset, value } of await readPartition(broker.bootstrap, partition)) {
    found.set(offset, String(value))
  }
  const acknowledged = outcomes.filter(({ problem }) => problem === null)
  expect(acknowledged.length).toBeGreaterThan(wave)
  const lost = acknowledged.filter(({ offset, value }) => found.get(offset) !== `${value}:${filling}`)
  expect(lost).toEqual([])
}
