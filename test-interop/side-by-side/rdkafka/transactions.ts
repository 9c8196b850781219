// Transactions with node-rdkafka.

import type { KafkaConsumer, LibrdKafkaError, Producer } from 'node-rdkafka'
import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { disconnect, rdkafka } from '../../harness/rdkafka.ts'
import type { Run, Suite } from '../suite.ts'
import {
  answer,
  assigned,
  type Config,
  numbered,
  type Reader,
  readerOf,
  send,
  topicOf,
  values,
} from './clients.ts'

const TIMEOUT_MS = 20_000

export function transactionCases(suite: Suite): void {
  visibilityCases(suite)
  offsetCases(suite)
  fencingCases(suite)
}

const done = (ask: (callback: (error: LibrdKafkaError) => void) => unknown) =>
  answer<undefined>(callback => ask(error => callback(error ?? null, undefined)))

/** A producer of transactions, each a list of values for partitions. */
class Transactions {
  readonly producer: Producer

  constructor(producer: Producer) {
    this.producer = producer
  }

  static async of(run: Run, config: Config = {}): Promise<Transactions> {
    const producer = new (rdkafka().Producer)({
      'bootstrap.servers': run.bootstrap,
      'transactional.id': run.name('id'),
      'linger.ms': 0,
      ...config,
    })
    await answer(callback => producer.connect({ timeout: TIMEOUT_MS }, callback))
    run.after(() => disconnect(producer))
    producer.setPollInterval(10)
    await done(callback => producer.initTransactions(TIMEOUT_MS, callback))
    return new Transactions(producer)
  }

  begin(): Promise<undefined> {
    return done(callback => this.producer.beginTransaction(callback))
  }

  /** Sends values and waits until the broker has them. */
  async put(topic: string, all: readonly string[], partition = 0): Promise<void> {
    for (const each of all) this.producer.produce(topic, partition, Buffer.from(each))
    await answer(callback => this.producer.flush(TIMEOUT_MS, error => callback(error, undefined)))
  }

  offset(topic: string, offset: number, consumer: KafkaConsumer): Promise<undefined> {
    const offsets = [{ topic, partition: 0, offset }]
    return done(callback => this.producer.sendOffsetsToTransaction(offsets, consumer, TIMEOUT_MS, callback))
  }

  commit(): Promise<undefined> {
    return done(callback => this.producer.commitTransaction(TIMEOUT_MS, callback))
  }

  abort(): Promise<undefined> {
    return done(callback => this.producer.abortTransaction(TIMEOUT_MS, callback))
  }
}

function reading(run: Run, topic: string, isolation: string, partition = 0): Promise<Reader> {
  const config = { 'isolation.level': isolation, 'enable.partition.eof': true }
  return assigned(run, [{ topic, partition, offset: 0 } as never], config)
}

function visibilityCases(suite: Suite): void {
  suite.case('a committed transaction shows in all its partitions', async run => {
    const topic = await topicOf(run, { partitions: 3 })
    const transactions = await Transactions.of(run)
    await transactions.begin()
    for (const partition of [0, 1, 2]) await transactions.put(topic, values(2), partition)
    await transactions.commit()
    for (const partition of [0, 1, 2]) {
      const reader = await reading(run, topic, 'read_committed', partition)
      await reader.until(2)
      expect(reader.values).toEqual(values(2))
    }
  })

  suite.case('an aborted transaction shows only to those who read uncommitted', async run => {
    const topic = await topicOf(run)
    const transactions = await Transactions.of(run)
    await transactions.begin()
    await transactions.put(topic, ['aborted'])
    await transactions.abort()
    await transactions.begin()
    await transactions.put(topic, ['committed'])
    await transactions.commit()
    const strict = await reading(run, topic, 'read_committed')
    const loose = await reading(run, topic, 'read_uncommitted')
    await loose.until(2)
    await strict.until(1)
    expect(loose.values).toEqual(['aborted', 'committed'])
    expect(strict.received.map(each => [each.offset, String(each.value)])).toEqual([[2, 'committed']])
  })

  suite.case('what comes behind an open transaction waits for its end', async run => {
    const topic = await topicOf(run)
    const transactions = await Transactions.of(run)
    await transactions.begin()
    await transactions.put(topic, ['open'])
    await send(run, topic, [{ value: 'behind' }])
    const strict = await reading(run, topic, 'read_committed')
    await eventually('the last stable offset', () => strict.ends.length > 0 || undefined)
    expect(strict.ends[0]!.offset).toBe(0)
    await transactions.commit()
    await strict.until(2)
    expect(strict.values).toEqual(['open', 'behind'])
  })

  suite.case('of thirty transactions in a row those that were committed show, in order', async run => {
    const topic = await topicOf(run)
    const transactions = await Transactions.of(run)
    for (let index = 0; index < 30; index += 1) {
      await transactions.begin()
      await transactions.put(topic, [`v${index}`, `v${index}`])
      await (index % 3 === 0 ? transactions.abort() : transactions.commit())
    }
    const strict = await reading(run, topic, 'read_committed')
    await strict.until(40)
    const kept = values(30).filter((_, index) => index % 3 !== 0)
    expect(strict.values).toEqual(kept.flatMap(each => [each, each]))
  })

  suite.case('transactions of two producers in one partition end each by itself', async run => {
    const topic = await topicOf(run)
    const one = await Transactions.of(run, { 'transactional.id': run.name('one') })
    const two = await Transactions.of(run, { 'transactional.id': run.name('two') })
    await one.begin()
    await two.begin()
    for (const index of [0, 2, 4]) {
      await one.put(topic, [`v${index}`])
      await two.put(topic, [`v${index + 1}`])
    }
    await two.commit()
    await one.abort()
    const strict = await reading(run, topic, 'read_committed')
    await strict.until(3)
    expect(strict.values).toEqual(['v1', 'v3', 'v5'])
  })

  suite.case('an empty transaction ends either way', async run => {
    const transactions = await Transactions.of(run)
    for (const end of ['commit', 'abort', 'commit'] as const) {
      await transactions.begin()
      await transactions[end]()
    }
  })
}

function offsetCases(suite: Suite): void {
  suite.case('offsets of a committed transaction are committed, of an aborted one not', async run => {
    const topic = await topicOf(run)
    const transactions = await Transactions.of(run)
    const { consumer } = await readerOf(run)
    for (const [offset, end] of [
      [5, 'commit'],
      [7, 'abort'],
    ] as const) {
      await transactions.begin()
      await transactions.offset(topic, offset, consumer)
      await transactions[end]()
    }
    const after = await readerOf(run, { 'isolation.level': 'read_committed' })
    expect(await after.committed(topic)).toMatchObject([{ offset: 5 }])
  })

  suite.case('whoever asks for stable offsets waits for the end of a transaction', async run => {
    const topic = await topicOf(run)
    const transactions = await Transactions.of(run)
    const reader = await readerOf(run, { 'isolation.level': 'read_committed' })
    await transactions.begin()
    await transactions.offset(topic, 5, reader.consumer)
    const asked = reader.committed(topic)
    await transactions.commit()
    expect(await asked).toMatchObject([{ offset: 5 }])
  })

  suite.case(
    'what a member consumed is committed in its transaction, and another goes on behind it',
    async run => {
      const topic = await topicOf(run)
      await send(run, topic, numbered(10))
      const transactions = await Transactions.of(run)
      const reader = await readerOf(run)
      reader.consumer.subscribe([topic])
      reader.start()
      await reader.until(10)
      await transactions.begin()
      await transactions.put(await topicOf(run, { name: run.name('out') }), values(6))
      await transactions.offset(topic, 6, reader.consumer)
      await transactions.commit()
      await disconnect(reader.consumer)
      const next = await readerOf(run, { 'isolation.level': 'read_committed' })
      next.consumer.subscribe([topic])
      next.start()
      await next.until(4)
      expect(next.values).toEqual(values(4, 6))
    },
  )
}

function fencingCases(suite: Suite): void {
  suite.case('a second producer of the same id aborts what the first left open, and fences it', async run => {
    const topic = await topicOf(run)
    const first = await Transactions.of(run)
    await first.begin()
    await first.put(topic, ['abandoned'])
    const second = await Transactions.of(run)
    await second.begin()
    await second.put(topic, ['kept'])
    await second.commit()
    await expect(first.commit()).rejects.toMatchObject({ isFatal: true })
    const strict = await reading(run, topic, 'read_committed')
    await strict.until(1)
    expect(strict.values).toEqual(['kept'])
  })

  suite.case('a timeout over the maximum of the broker is refused', async run => {
    await expect(Transactions.of(run, { 'transaction.timeout.ms': 2_000_000_000 })).rejects.toMatchObject({
      code: rdkafka().CODES.ERRORS.ERR_INVALID_TRANSACTION_TIMEOUT,
    })
  })

  suite.case('a transaction that took too long is aborted, and its producer is told', async run => {
    const topic = await topicOf(run)
    const slow = await Transactions.of(run, { 'transaction.timeout.ms': 1_000 })
    await slow.begin()
    await slow.put(topic, ['late'])
    await send(run, topic, [{ value: 'behind' }])
    const strict = await reading(run, topic, 'read_committed')
    await strict.until(1)
    expect(strict.values).toEqual(['behind'])
    await expect(slow.commit()).rejects.toMatchObject({ message: expect.stringMatching(/timed out|fenced/) })
  })
}
