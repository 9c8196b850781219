// Kafka Streams with exactly_once_v2: a word count over a repartition and a changelog topic has every count right, and
// puts out each one once, though the application is killed, the broker is killed, and the application restarts.

import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, brokerKind, startBroker } from '../harness/broker.ts'
import { fetchStreamsJars, javaOptions, streamsClassPath } from '../harness/kafka-jars.ts'
import { eventually, launch } from '../harness/processes.ts'
import { connectProducer, createTopic, disconnect } from '../harness/rdkafka.ts'
import { brokerSettings } from './campaign.ts'
import { compileJava, javaClasses } from './clients.ts'
import { diceOf } from './random.ts'
import { readAs } from './reading.ts'

const LINE_PARTITIONS = 3
const COUNT_PARTITIONS = 2
const lines = Number(process.env.LINES || 4_000)
const seed = Number(process.env.SEED || Date.now() % 1_000_000)

let broker: Broker

beforeAll(async () => {
  await fetchStreamsJars()
  await compileJava('WordCount', streamsClassPath)
  broker = await startBroker({ ...brokerSettings, 'num.partitions': '2' })
  await createTopic(broker.bootstrap, 'lines', { partitions: LINE_PARTITIONS })
  await createTopic(broker.bootstrap, 'counts', { partitions: COUNT_PARTITIONS })
})

afterAll(async () => {
  await broker?.dispose()
})

test('a word count of Kafka Streams is exact through kill -9 of it and of the broker, and a restart', {
  timeout: 300_000,
}, async () => {
  console.log(`${brokerKind}: ${lines} lines, seed ${seed}`)
  const expected = new Map<string, number>()
  const feed = await feeder(expected)
  let application = new Application('first')
  await feed(lines / 4)
  await application.counted(0.1, expected)
  application.kill()
  application = new Application('first')
  await feed(lines / 4)
  await application.counted(0.5, expected)
  await broker.kill()
  await broker.start()
  await feed(lines / 4)
  await application.counted(0.6, expected)
  await application.stop()
  // Without its files: the store comes back from the changelog.
  application = new Application('second')
  await feed(lines / 4)
  await application.counted(1, expected)
  await application.stop()
  await expectExact(expected)
})

/** Puts lines into the topic; every fed word is counted in `expected`. */
async function feeder(expected: Map<string, number>): Promise<(count: number) => Promise<void>> {
  const dice = diceOf(seed)
  const { producer, reports } = await connectProducer(broker.bootstrap, { 'enable.idempotence': true })
  let sent = 0
  return async count => {
    for (let line = 0; line < count; line += 1) {
      const words = Array.from({ length: 1 + dice(5) }, () => `word-${Math.min(dice(40), dice(40))}`)
      for (const word of words) expected.set(word, (expected.get(word) ?? 0) + 1)
      producer.produce('lines', sent % LINE_PARTITIONS, Buffer.from(words.join(' ')))
      sent += 1
    }
    await eventually('the lines', () => reports.length === sent || undefined)
    if (sent === lines) await disconnect(producer)
  }
}

class Application {
  readonly notes: string[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  constructor(state: string) {
    const args = [...javaOptions, '-cp', `${javaClasses}:${streamsClassPath}`, 'WordCount']
    this.#child = launch('java', [...args, broker.bootstrap, join(broker.folder, state), 'word-count'], {})
    createInterface({ input: this.#child.stdout! }).on('line', line => this.notes.push(line))
    this.#child.stderr!.on('data', data => this.notes.push(String(data)))
    this.#ended = new Promise(resolve => this.#child.once('close', () => resolve()))
  }

  /** Waits until so large a share of the words fed so far has been counted, as far as all can see. */
  async counted(share: number, expected: ReadonlyMap<string, number>): Promise<void> {
    const wanted = share * [...expected.values()].reduce((sum, each) => sum + each, 0)
    let count = 0
    await eventually(
      'counts',
      async () => {
        count = (await readCounts()).length
        return count >= wanted || undefined
      },
      90_000,
    ).catch(error => {
      throw new Error(`${error.message}: ${count} of ${wanted}\n${this.notes.slice(-40).join('\n')}`)
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    this.#child.stdin!.end()
    await this.#ended
  }
}

interface Count {
  readonly word: string
  readonly count: number
}

async function readCounts(): Promise<Count[]> {
  const found: Count[] = []
  for (let partition = 0; partition < COUNT_PARTITIONS; partition += 1) {
    const { messages } = await readAs(broker.bootstrap, { topic: 'counts', partition }, 'read_committed')
    for (const { key, value } of messages) found.push({ word: String(key), count: Number(value) })
  }
  return found
}

/** Each word was put out as 1, 2, 3 … up to its count: nothing twice, nothing left out. */
async function expectExact(expected: ReadonlyMap<string, number>): Promise<void> {
  const shown = new Map<string, number[]>()
  for (const { word, count } of await readCounts()) shown.set(word, [...(shown.get(word) ?? []), count])
  const right = [...expected].map(([word, count]) => [word, Array.from({ length: count }, (_, n) => n + 1)])
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(right))
}
