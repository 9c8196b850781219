// kill -9 in the middle of a load, again and again: every record that was acknowledged is there once and in order, and
// idempotent producers go on by themselves. KILLS says how often.

import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Producer } from 'node-rdkafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { dumpLogs } from './harness/dump-log.ts'
import { toolCommand } from './harness/kafka-jars.ts'
import { eventually, launch, pause } from './harness/processes.ts'
import { connectProducer, createTopic, disconnect, readPartition } from './harness/rdkafka.ts'

const kills = Number(process.env.KILLS || 20)
const partitions = 3

interface Acknowledged {
  readonly partition: number
  readonly offset: number
  readonly value: number
}

/** A load that runs over all kills, and what the broker has acknowledged of it. */
interface Load {
  readonly acknowledged: readonly Acknowledged[]
  readonly errors: readonly string[]
  /** Sends no more, waits for the last acknowledgement; how many records were sent to each partition. */
  finish(): Promise<ReadonlyMap<number, number>>
}

let broker: Broker

beforeAll(async () => {
  broker = await startBroker()
  await createTopic(broker.bootstrap, 'librdkafka', { partitions })
  await createTopic(broker.bootstrap, 'java')
})

afterAll(async () => {
  await broker?.dispose()
})

test(
  `every acknowledged record survives ${kills} kills, once and in order`,
  async () => {
    const loads = { librdkafka: await librdkafkaLoad(), java: await javaLoad() }
    const seed = Date.now() % 1_000_000
    console.log(`seed ${seed}`)
    const delay = delays(seed)
    for (let kill = 0; kill < kills; kill += 1) {
      await progress(loads)
      await pause(delay(600))
      await broker.kill()
      await pause(delay(200))
      await broker.start()
    }
    await progress(loads)
    const sent = { librdkafka: await loads.librdkafka.finish(), java: await loads.java.finish() }

    await expectAll('librdkafka', loads.librdkafka, sent.librdkafka)
    await expectAll('java', loads.java, sent.java)
    // The same again from a broker that was stopped in order, and in the eyes of dump-log.
    await broker.stop()
    expect((await dumpLogs(broker.data)).complaints).toEqual([])
    await broker.start()
    await expectAll('librdkafka', loads.librdkafka, sent.librdkafka)
    await expectAll('java', loads.java, sent.java)
  },
  60_000 + kills * 30_000,
)

/** Waits until every load has got acknowledgements from the broker that runs now. */
async function progress(loads: Readonly<Record<string, Load>>): Promise<void> {
  for (const [name, load] of Object.entries(loads)) {
    const before = load.acknowledged.length
    await eventually(`${name}: acknowledgements`, () => load.acknowledged.length >= before + 20 || undefined)
  }
}

async function expectAll(topic: string, load: Load, sent: ReadonlyMap<number, number>): Promise<void> {
  expect(load.errors).toEqual([])
  for (const [partition, count] of sent) {
    const stored = await readPartition(broker.bootstrap, { topic, partition })
    const values = stored.map(each => Number(each.value))
    expect(values).toEqual(Array.from({ length: count }, (_, index) => index))
    const acknowledged = load.acknowledged.filter(each => each.partition === partition)
    expect(acknowledged).toHaveLength(count)
    // Where the broker had no offset to tell any more, since it had answered the first try, librdkafka reports none.
    const misplaced = acknowledged.filter(
      each => each.offset >= 0 && stored[each.value]?.offset !== each.offset,
    )
    expect(misplaced).toEqual([])
  }
}

/** Steady, unthrottled by anything but the acknowledgements: at most 300 records are on their way. */
async function librdkafkaLoad(): Promise<Load> {
  const { producer, reports } = await connectProducer(broker.bootstrap, {
    'enable.idempotence': true,
    'message.timeout.ms': 0,
    'reconnect.backoff.ms': 20,
    'reconnect.backoff.max.ms': 100,
    'batch.num.messages': 10,
    'linger.ms': 1,
  })
  const errors: string[] = []
  const acknowledged: Acknowledged[] = []
  producer.on('delivery-report', (error, { partition, offset, opaque }) => {
    if (error) errors.push(String(error))
    acknowledged.push({ partition, offset, value: opaque as number })
  })
  let sent = 0
  const timer = setInterval(() => {
    for (let burst = 0; burst < 30 && sent - reports.length < 300; burst += 1) sent += send(producer, sent)
  }, 10)
  const finish = async () => {
    clearInterval(timer)
    await eventually('the last delivery report', () => reports.length === sent || undefined)
    await disconnect(producer)
    const counts = Array.from({ length: partitions }, (_, partition) =>
      Math.ceil((sent - partition) / partitions),
    )
    return new Map(counts.entries())
  }
  return { acknowledged, errors, finish }
}

function send(producer: Producer, index: number): 1 {
  const value = Math.floor(index / partitions)
  producer.produce('librdkafka', index % partitions, Buffer.from(String(value)), null, null, value)
  return 1
}

/** Kafka's verifiable producer: the numbers from zero, 500 of them a second, a JSON line for each acknowledgement. */
async function javaLoad(): Promise<Load> {
  const config = join(broker.folder, 'producer.properties')
  const settings = [
    'enable.idempotence=true',
    'retries=2147483647',
    'delivery.timeout.ms=2147483647',
    'retry.backoff.ms=20',
    'retry.backoff.max.ms=100',
    'reconnect.backoff.ms=20',
    'reconnect.backoff.max.ms=100',
    'batch.size=500',
  ]
  await writeFile(config, settings.join('\n'))
  const args = [
    '--bootstrap-server',
    broker.bootstrap,
    '--topic',
    'java',
    '--acks',
    '-1',
    '--throughput',
    '500',
  ]
  const child = launch(
    'java',
    toolCommand('kafka-verifiable-producer', [...args, '--command-config', config]),
    {},
  )
  const errors: string[] = []
  const acknowledged: Acknowledged[] = []
  const ended = readEvents(child, acknowledged, errors)
  const finish = async () => {
    child.kill('SIGTERM')
    const { sent, acked } = await ended
    expect(acked).toBe(sent)
    return new Map([[0, sent]])
  }
  return { acknowledged, errors, finish }
}

interface Totals {
  readonly sent: number
  readonly acked: number
}

function readEvents(child: ChildProcess, acknowledged: Acknowledged[], errors: string[]): Promise<Totals> {
  child.stderr?.resume()
  return new Promise((resolve, reject) => {
    let totals: Totals | undefined
    createInterface({ input: child.stdout! }).on('line', line => {
      const event = JSON.parse(line)
      if (event.name === 'producer_send_success') {
        acknowledged.push({ partition: event.partition, offset: event.offset, value: Number(event.value) })
      } else if (event.name === 'producer_send_error') {
        errors.push(line)
      } else if (event.name === 'tool_data') {
        totals = { sent: event.sent, acked: event.acked }
      }
    })
    child.once('close', code =>
      totals ? resolve(totals) : reject(new Error(`the producer ended with ${code}`)),
    )
  })
}

/** Varied and, given the seed, the same again: a linear congruential generator. */
function delays(seed: number): (limitMs: number) => number {
  let state = seed
  return limitMs => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state % limitMs
  }
}
