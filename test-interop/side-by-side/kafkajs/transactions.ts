// Transactions with kafkajs, in the classic protocol: partitions and offsets are added to them one request at a time.

import type { Producer, Transaction } from 'kafkajs'
import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import type { Run, Suite } from '../suite.ts'
import {
  committed,
  createTopic,
  type Joining,
  kafka,
  memberOf,
  numbered,
  producerOf,
  values,
} from './clients.ts'

export function transactionCases(suite: Suite): void {
  visibilityCases(suite)
  endingCases(suite)
  offsetCases(suite)
  fencingCases(suite)
}

function transactional(run: Run, id = run.name('id'), transactionTimeout = 30_000): Promise<Producer> {
  return producerOf(run, { transactionalId: id, transactionTimeout, maxInFlightRequests: 1 })
}

/** Values in partition 0, from the beginning, until as many have come. */
async function read(
  run: Run,
  topic: string,
  count: number,
  config: Joining = {},
): Promise<(string | null)[]> {
  const member = await memberOf(run, { groupId: `${topic}-${Math.random()}`, ...config })
  await member.consumer.subscribe({ topics: [topic], fromBeginning: true })
  await member.run()
  await member.until(count)
  return member.values
}

function put(transaction: Transaction | Producer, topic: string, all: readonly string[], partition = 0) {
  return transaction.send({ topic, acks: -1, messages: all.map(value => ({ value, partition })) })
}

function visibilityCases(suite: Suite): void {
  suite.case('a committed transaction shows in all its partitions', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const transaction = await (await transactional(run)).transaction()
    for (const partition of [0, 1, 2]) await put(transaction, topic, [`v${partition}`], partition)
    await transaction.commit()
    expect((await read(run, topic, 3)).sort()).toEqual(values(3))
  })

  suite.case('an aborted transaction shows only to those who read uncommitted', async run => {
    const topic = await createTopic(run)
    const producer = await transactional(run)
    const aborted = await producer.transaction()
    await put(aborted, topic, ['aborted'])
    await aborted.abort()
    const kept = await producer.transaction()
    await put(kept, topic, ['committed'])
    await kept.commit()
    expect(await read(run, topic, 1)).toEqual(['committed'])
    expect(await read(run, topic, 2, { readUncommitted: true })).toEqual(['aborted', 'committed'])
  })

  suite.case('what comes behind an open transaction waits for its end', async run => {
    const topic = await createTopic(run)
    const transaction = await (await transactional(run)).transaction()
    await put(transaction, topic, ['open'])
    await put(await producerOf(run), topic, ['behind'])
    const member = await memberOf(run)
    await member.consumer.subscribe({ topics: [topic], fromBeginning: true })
    await member.run()
    await member.joined()
    expect(await read(run, topic, 2, { readUncommitted: true })).toEqual(['open', 'behind'])
    expect(member.values).toEqual([])
    await transaction.commit()
    await member.until(2)
    expect(member.values).toEqual(['open', 'behind'])
  })

  suite.case('an open transaction in one partition does not hold up another', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const transaction = await (await transactional(run)).transaction()
    await put(transaction, topic, ['open'], 0)
    await put(await producerOf(run), topic, ['free'], 1)
    expect(await read(run, topic, 1)).toEqual(['free'])
    await transaction.abort()
  })

  suite.case('of twenty transactions in a row those that were committed show, in order', async run => {
    const topic = await createTopic(run)
    const producer = await transactional(run)
    for (let index = 0; index < 20; index += 1) {
      const transaction = await producer.transaction()
      await put(transaction, topic, [`v${index}`, `v${index}`])
      await (index % 3 === 0 ? transaction.abort() : transaction.commit())
    }
    const kept = values(20).filter((_, index) => index % 3 !== 0)
    expect(await read(run, topic, 26)).toEqual(kept.flatMap(each => [each, each]))
  })
}

function endingCases(suite: Suite): void {
  suite.case('an empty transaction ends either way', async run => {
    const producer = await transactional(run)
    await (await producer.transaction()).commit()
    await (await producer.transaction()).abort()
    const topic = await createTopic(run)
    const transaction = await producer.transaction()
    await put(transaction, topic, ['v0'])
    await transaction.commit()
    expect(await read(run, topic, 1)).toEqual(['v0'])
  })

  suite.case('a transaction of several topics and 1,000 records ends as one', async run => {
    const topics = [await createTopic(run), await createTopic(run, { name: run.name('other') })]
    const transaction = await (await transactional(run)).transaction()
    await transaction.sendBatch({
      acks: -1,
      topicMessages: topics.map(topic => ({ topic, messages: numbered(500) })),
    })
    await transaction.commit()
    for (const topic of topics) expect(await read(run, topic, 500)).toEqual(values(500))
  })

  suite.case('a transaction that took too long is aborted, and its producer is told', async run => {
    const topic = await createTopic(run)
    const transaction = await (await transactional(run, run.name('slow'), 1_000)).transaction()
    await put(transaction, topic, ['late'])
    await put(await producerOf(run), topic, ['behind'])
    // It is over when what comes behind it shows.
    expect(await read(run, topic, 1)).toEqual(['behind'])
    await expect(transaction.commit()).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' })
  })

  suite.case('a timeout over the maximum of the broker is refused', async run => {
    const producer = kafka(run).producer({ transactionalId: run.name('id'), transactionTimeout: 999_999_999 })
    await producer.connect()
    run.after(() => producer.disconnect())
    await expect(producer.transaction()).rejects.toMatchObject({ type: 'INVALID_TRANSACTION_TIMEOUT' })
  })
}

function offsetCases(suite: Suite): void {
  const sendOffset = async (run: Run, topic: string, transaction: Transaction, offset: string) => {
    const topics = [{ topic, partitions: [{ partition: 0, offset }] }]
    await transaction.sendOffsets({ consumerGroupId: run.name('group'), topics })
  }

  suite.case('offsets of a committed transaction are committed, of an aborted one not', async run => {
    const topic = await createTopic(run)
    const producer = await transactional(run)
    const first = await producer.transaction()
    await sendOffset(run, topic, first, '5')
    await first.commit()
    await eventually('5', async () => (await committed(run, run.name('group'), topic))[0] === 5 || undefined)
    const second = await producer.transaction()
    await sendOffset(run, topic, second, '7')
    await second.abort()
    expect(await committed(run, run.name('group'), topic)).toEqual([5])
  })

  suite.case('offsets of an open transaction do not show', async run => {
    const topic = await createTopic(run)
    const transaction = await (await transactional(run)).transaction()
    await sendOffset(run, topic, transaction, '5')
    expect(await committed(run, run.name('group'), topic)).toEqual([-1])
    await transaction.commit()
    await eventually('5', async () => (await committed(run, run.name('group'), topic))[0] === 5 || undefined)
  })

  suite.case('a group goes on at the offset that a transaction committed', async run => {
    const topic = await createTopic(run)
    await put(await producerOf(run), topic, values(10))
    const transaction = await (await transactional(run)).transaction()
    await sendOffset(run, topic, transaction, '6')
    await transaction.commit()
    await eventually('6', async () => (await committed(run, run.name('group'), topic))[0] === 6 || undefined)
    expect(await read(run, topic, 4, { groupId: run.name('group') })).toEqual(values(4, 6))
  })
}

function fencingCases(suite: Suite): void {
  suite.case(
    'offsets are taken from whoever sends them: the client does not say which member it is',
    async run => {
      const topic = await createTopic(run)
      await put(await producerOf(run), topic, values(10))
      const member = await memberOf(run)
      await member.consumer.subscribe({ topics: [topic], fromBeginning: true })
      await member.run({ autoCommit: false })
      await member.until(10)
      const transaction = await (await transactional(run)).transaction()
      const topics = [{ topic, partitions: [{ partition: 0, offset: '6' }] }]
      await transaction.sendOffsets({ consumerGroupId: run.name('group'), topics })
      await transaction.commit()
      await eventually(
        '6',
        async () => (await committed(run, run.name('group'), topic))[0] === 6 || undefined,
      )
    },
  )

  suite.case('a second producer of the same id aborts what the first left open, and fences it', async run => {
    const topic = await createTopic(run)
    const first = await (await transactional(run)).transaction()
    await put(first, topic, ['abandoned'])
    const second = await (await transactional(run)).transaction()
    await put(second, topic, ['kept'])
    await second.commit()
    await expect(put(first, topic, ['late'])).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' })
    await expect(first.commit()).rejects.toThrow()
    expect(await read(run, topic, 1)).toEqual(['kept'])
  })

  suite.case('producers with ids of their own do not disturb each other', async run => {
    const topic = await createTopic(run)
    const one = await (await transactional(run, run.name('one'))).transaction()
    const two = await (await transactional(run, run.name('two'))).transaction()
    await put(one, topic, ['v0'])
    await put(two, topic, ['v1'])
    await put(one, topic, ['v2'])
    await two.commit()
    await one.abort()
    expect(await read(run, topic, 1)).toEqual(['v1'])
  })
}
