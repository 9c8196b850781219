// Several log directories in the hands of Kafka's own tools: partitions move between them under load, and one that
// fails takes only its own partitions.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { kafkaToolOk, type Tool } from './harness/kafka-jars.ts'
import { eventually, pause } from './harness/processes.ts'
import { connectProducer, createTopic, disconnect, readPartition } from './harness/rdkafka.ts'

const partitions = 4
const recordBytes = 1_000

let folder: string
let directories: string[]
let broker: Broker

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klamm-interop-log-dirs-'))
  directories = ['one', 'two', 'three'].map(name => join(folder, name))
  broker = await startBroker({ 'log.dirs': directories.join(','), 'log.segment.bytes': '1048576' })
  await createTopic(broker.bootstrap, 'moved', { partitions })
})

afterAll(async () => {
  await broker?.dispose()
  await rm(folder, { recursive: true, force: true })
})

function tool(name: Tool, args: readonly string[]): Promise<string> {
  return kafkaToolOk(name, ['--bootstrap-server', broker.bootstrap, ...args])
}

interface DescribedPartition {
  readonly partition: string
  readonly size: number
  readonly offsetLag: number
  readonly isFuture: boolean
}

/** What kafka-log-dirs says of the topic, by directory; null for one that is offline. */
async function described(): Promise<Map<string, readonly DescribedPartition[] | null>> {
  const output = await tool('kafka-log-dirs', ['--describe', '--topic-list', 'moved'])
  const json = output.split('\n').find(line => line.startsWith('{'))
  const [{ logDirs }] = JSON.parse(json ?? '').brokers
  return new Map(
    logDirs.map((each: { logDir: string; error: string | null; partitions: DescribedPartition[] }) => [
      each.logDir,
      each.error === null ? each.partitions : null,
    ]),
  )
}

async function whereIs(partition: number): Promise<string> {
  for (const directory of directories) {
    const names: string[] = await readdir(directory).catch(() => [])
    if (names.includes(`moved-${partition}`)) return directory
  }
  throw new Error(`moved-${partition} is nowhere`)
}

async function reassign(to: readonly string[], action: readonly string[]): Promise<string> {
  const file = join(folder, 'moves.json')
  const plan = to.map((directory, partition) => ({
    topic: 'moved',
    partition,
    replicas: [1],
    log_dirs: [directory],
  }))
  await writeFile(file, JSON.stringify({ version: 1, partitions: plan }))
  return tool('kafka-reassign-partitions', ['--reassignment-json-file', file, ...action])
}

test('partitions move under load, and every acknowledged record is there once', async () => {
  const { producer, reports } = await connectProducer(broker.bootstrap, {
    'enable.idempotence': true,
    'linger.ms': 5,
  })
  let sent = 0
  const sending = setInterval(() => {
    for (let burst = 0; burst < 50 && sent - reports.length < 2_000; burst += 1) {
      producer.produce('moved', sent % partitions, Buffer.from(String(sent).padEnd(recordBytes, '.')))
      sent += 1
    }
  }, 10)
  try {
    await eventually('a load', () => reports.length > 20_000 || undefined)
    const before = await Promise.all(Array.from({ length: partitions }, (_, index) => whereIs(index)))
    const to = before.map(
      directory => directories[(directories.indexOf(directory) + 1) % directories.length]!,
    )
    const throttle = ['--replica-alter-log-dirs-throttle', '2000000']
    await reassign(to, ['--execute', ...throttle])
    const copies = [...(await described()).values()].flatMap(each => each ?? []).filter(each => each.isFuture)
    expect(copies.length).toBeGreaterThan(0)
    for (const { offsetLag } of copies) expect(offsetLag).toBeGreaterThan(0)
    // A second --execute takes the throttle off.
    await reassign(to, ['--execute', '--additional', '--replica-alter-log-dirs-throttle', '1000000000'])
    await eventually('the moves', async () => {
      const output = await reassign(to, ['--verify'])
      return /completed successfully|is complete/.test(output) &&
        !/still in progress|will be moved/.test(output)
        ? true
        : undefined
    })
    expect(await Promise.all(to.map((_, index) => whereIs(index)))).toEqual(to)
    const after = reports.length
    await eventually('more of the load', () => reports.length > after + 2_000 || undefined)
  } finally {
    clearInterval(sending)
  }
  await eventually('the last report', () => reports.length === sent || undefined)
  await disconnect(producer)
  await expectAll(sent)
  await broker.kill()
  await broker.start()
  await expectAll(sent)
})

async function expectAll(sent: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition += 1) {
    const stored = await readPartition(broker.bootstrap, { topic: 'moved', partition })
    const values = stored.map(({ value }) => Number(String(value).replace(/\.+$/, '')))
    const count = Math.ceil((sent - partition) / partitions)
    expect(values).toEqual(Array.from({ length: count }, (_, index) => index * partitions + partition))
  }
}

test('a directory that fails is told, and what is in the others is served', async () => {
  // Not the first: that is where the metadata is, of Kafka too.
  const failing = directories[1]!
  const lost = new Set<number>()
  for (let partition = 0; partition < partitions; partition += 1) {
    if ((await whereIs(partition)) === failing) lost.add(partition)
  }
  expect(lost.size).toBeGreaterThan(0)
  expect(lost.size).toBeLessThan(partitions)
  await rm(failing, { recursive: true })
  await writeFile(failing, '')
  const { producer, reports } = await connectProducer(broker.bootstrap, { 'message.timeout.ms': 4_000 })
  const failures: unknown[] = []
  producer.on('delivery-report', error => {
    if (error) failures.push(error)
  })
  // The checkpoints that follow a write meet what has become of the directory.
  await eventually(
    'the failed directory',
    async () => {
      for (let partition = 0; partition < partitions; partition += 1) {
        producer.produce('moved', partition, Buffer.from('x'))
      }
      await pause(500)
      return (await described()).get(failing) === null || undefined
    },
    60_000,
  )
  for (const directory of directories) {
    if (directory !== failing) expect((await described()).get(directory)).toBeInstanceOf(Array)
  }
  const count = reports.length
  for (let partition = 0; partition < partitions; partition += 1) {
    if (!lost.has(partition)) producer.produce('moved', partition, Buffer.from('still served'))
  }
  await eventually('the others', () => reports.length >= count + partitions - lost.size || undefined)
  await disconnect(producer)
  const topics = await tool('kafka-topics', ['--describe', '--topic', 'moved'])
  for (let partition = 0; partition < partitions; partition += 1) {
    const leader = new RegExp(`Partition: ${partition}\\s+Leader: (\\S+)`).exec(topics)?.[1]
    expect(leader).toBe(lost.has(partition) ? 'none' : '1')
  }
})
