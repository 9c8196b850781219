// A compacted topic fed by transactions, of which a third is aborted: whatever the cleaner has removed meanwhile, a
// read_committed reader finds for every key what the last committed transaction made of it, and nothing of an aborted
// one. RECORDS and SEED say how much and which.

import type { LibrdKafkaError, Message, Producer } from 'node-rdkafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, brokerKind, startBroker } from '../harness/broker.ts'
import { eventually } from '../harness/processes.ts'
import { createTopic, disconnect, rdkafka } from '../harness/rdkafka.ts'
import { brokerSettings } from './campaign.ts'
import { type Dice, diceOf } from './random.ts'
import { type Isolation, readAs } from './reading.ts'

const TIMEOUT_MS = 20_000
const PARTITIONS = 2
const KEYS = 200
const topic = 'state'
const records = Number(process.env.RECORDS || 12_000)
const seed = Number(process.env.SEED || Date.now() % 1_000_000)
/** So that a megabyte, the smallest segment, fills soon. */
const padding = '.'.repeat(1_000)

let broker: Broker

beforeAll(async () => {
  broker = await startBroker({
    ...brokerSettings,
    'log.cleaner.backoff.ms': '200',
    'log.cleaner.delete.retention.ms': '100',
  })
  const config = {
    'cleanup.policy': 'compact',
    'segment.bytes': '1048576',
    'min.cleanable.dirty.ratio': '0.01',
    'delete.retention.ms': '100',
  }
  await createTopic(broker.bootstrap, topic, { partitions: PARTITIONS, config })
})

afterAll(async () => {
  await broker?.dispose()
})

test('a compacted topic shows what committed transactions made of it, and nothing of aborted ones', {
  timeout: 300_000,
}, async () => {
  console.log(`${brokerKind}: ${records} records, seed ${seed}`)
  const state = new Map<string, string>()
  const feeds = await Promise.all(['one', 'two'].map((name, index) => Feed.start(name, seed + index, state)))
  await Promise.all(feeds.map(each => each.run(records / 4)))
  if (brokerKind === 'klamm') {
    // A killed Kafka can lose the end of a transaction: docs/campaigns.md.
    await broker.kill()
    await broker.start()
  }
  await Promise.all(feeds.map(each => each.run(records / 4)))
  await Promise.all(feeds.map(each => each.close()))
  const cleaned = async () => ((await readAll('read_uncommitted')).length < records / 3 ? true : undefined)
  await eventually('a cleaner that has removed two thirds', cleaned, 120_000)
  await expectState(state)
  await broker.stop()
  await broker.start()
  await expectState(state)
})

async function expectState(state: ReadonlyMap<string, string>): Promise<void> {
  const found = new Map<string, string>()
  const messages = await readAll('read_committed')
  for (const { key, value } of messages) {
    if (value) found.set(String(key), String(value).replace(padding, ''))
    else found.delete(String(key))
  }
  expect(messages.filter(each => String(each.value).startsWith('aborted'))).toEqual([])
  expect(Object.fromEntries([...found].sort())).toEqual(Object.fromEntries([...state].sort()))
}

/** All partitions, each to its end: a transaction that hangs would show. */
async function readAll(isolation: Isolation): Promise<Message[]> {
  const all: Message[] = []
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const { messages, end, reached } = await readAs(broker.bootstrap, { topic, partition }, isolation)
    expect(reached).toBe(end)
    all.push(...messages)
  }
  return all
}

/** A producer of transactions over keys of its own, which keeps what they come to. */
class Feed {
  readonly #name: string
  readonly #dice: Dice
  readonly #producer: Producer
  readonly #state: Map<string, string>
  #count = 0

  private constructor(name: string, dice: Dice, producer: Producer, state: Map<string, string>) {
    this.#name = name
    this.#dice = dice
    this.#producer = producer
    this.#state = state
  }

  static async start(name: string, seed: number, state: Map<string, string>): Promise<Feed> {
    const producer = new (rdkafka().Producer)({
      'bootstrap.servers': broker.bootstrap,
      'transactional.id': name,
      'linger.ms': 1,
      'reconnect.backoff.max.ms': 200,
    })
    await new Promise<void>((resolve, reject) =>
      producer.connect({ timeout: TIMEOUT_MS }, error => (error ? reject(error) : resolve())),
    )
    producer.setPollInterval(10)
    await again(callback => producer.initTransactions(TIMEOUT_MS, callback))
    return new Feed(name, diceOf(seed), producer, state)
  }

  async run(count: number): Promise<void> {
    const end = this.#count + count
    while (this.#count < end) await this.#transaction(Math.min(1 + this.#dice(80), end - this.#count))
  }

  async #transaction(count: number): Promise<void> {
    const commits = this.#dice(3) > 0
    const changes = new Map<string, string | null>()
    await again(callback => this.#producer.beginTransaction(callback))
    for (let index = 0; index < count; index += 1) {
      const number = this.#dice(KEYS)
      const key = `${this.#name}-${number}`
      const value = this.#dice(8) === 0 ? null : `${commits ? 'kept' : 'aborted'} ${this.#count} `
      this.#count += 1
      const bytes = value === null ? null : Buffer.from(value + padding)
      this.#producer.produce(topic, number % PARTITIONS, bytes, key)
      changes.set(key, value)
    }
    // Records that are still on their way when a transaction is aborted can make the client end one that has not begun.
    await again(callback => this.#producer.flush(TIMEOUT_MS, callback))
    if (!commits) return again(callback => this.#producer.abortTransaction(TIMEOUT_MS, callback))
    await again(callback => this.#producer.commitTransaction(TIMEOUT_MS, callback))
    for (const [key, value] of changes) {
      if (value === null) this.#state.delete(key)
      else this.#state.set(key, value)
    }
  }

  close(): Promise<void> {
    return disconnect(this.#producer)
  }
}

/** What can be asked for again has to be: it may have happened. */
async function again(ask: (callback: (error: LibrdKafkaError) => void) => unknown): Promise<void> {
  for (;;) {
    const error = await new Promise<LibrdKafkaError | null>(resolve => ask(resolve))
    if (!error) return
    if (!error.isRetriable) throw error
  }
}
