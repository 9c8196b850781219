// kafka-transactions: what is open, what hangs, and how it is ended.

import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { readPartition } from '../../harness/rdkafka.ts'
import { createTopic, producerOf, send } from '../kafkajs/clients.ts'
import type { Run, Suite } from '../suite.ts'
import { lines } from './run.ts'

export function transactionToolCases(suite: Suite): void {
  listCases(suite)
  describeCases(suite)
  abortCases(suite)
}

/** The table that the tool prints, as objects by the words of its heading. */
async function table(run: Run, args: string): Promise<Record<string, string>[]> {
  const [heading, ...rows] = (await lines(run, 'kafka-transactions', args)).map(line =>
    line.trim().split(/\s+/),
  )
  return rows.map(row => Object.fromEntries(row.map((word, index) => [heading![index]!, word])))
}

/** A transaction that has put a record into the topic and is left open. */
async function opened(run: Run, topic: string, what = 'id') {
  const producer = await producerOf(run, { transactionalId: run.name(what), transactionTimeout: 60_000 })
  const transaction = await producer.transaction()
  await transaction.send({ topic, acks: -1, messages: [{ value: what, partition: 0 }] })
  return transaction
}

function listCases(suite: Suite): void {
  suite.case('kafka-transactions list shows what is open and what has ended', async run => {
    const topic = await createTopic(run)
    await opened(run, topic, 'open')
    await (await opened(run, topic, 'kept')).commit()
    await (await opened(run, topic, 'dropped')).abort()
    await eventually('all three', async () => {
      const all = (await table(run, 'list')).filter(each => each.TransactionalId!.startsWith(run.name('')))
      const states = Object.fromEntries(all.map(each => [each.TransactionalId, each.TransactionState]))
      const wanted = { open: 'Ongoing', kept: 'CompleteCommit', dropped: 'CompleteAbort' }
      return Object.entries(wanted).every(([id, state]) => states[run.name(id)] === state) || undefined
    })
  })

  suite.case('kafka-transactions list takes a duration and a pattern', async run => {
    const topic = await createTopic(run)
    await opened(run, topic)
    expect(await table(run, `list --transactional-id-pattern ${run.name('')}.*`)).toMatchObject([
      { TransactionalId: run.name('id'), TransactionState: 'Ongoing', Coordinator: '1' },
    ])
    expect(await table(run, 'list --duration-filter 3600000')).toEqual([])
  })
}

function describeCases(suite: Suite): void {
  suite.case('kafka-transactions describe shows the partitions of a transaction', async run => {
    const topic = await createTopic(run)
    await opened(run, topic)
    expect(await table(run, `describe --transactional-id ${run.name('id')}`)).toMatchObject([
      {
        CoordinatorId: '1',
        TransactionalId: run.name('id'),
        ProducerEpoch: '0',
        TransactionState: 'Ongoing',
        TransactionTimeoutMs: '60000',
        TopicPartitions: `${topic}-0`,
      },
    ])
  })

  suite.case('kafka-transactions describe-producers shows where a transaction began', async run => {
    const topic = await createTopic(run)
    await send(run, topic, [{ value: 'before', partition: 0 }])
    await opened(run, topic)
    expect(await table(run, `describe-producers --topic ${topic} --partition 0`)).toMatchObject([
      { ProducerEpoch: '0', CurrentTransactionStartOffset: '1', LastSequence: '0' },
    ])
  })
}

function abortCases(suite: Suite): void {
  suite.case('kafka-transactions find-hanging finds nothing where the coordinator knows all', async run => {
    const topic = await createTopic(run)
    await opened(run, topic)
    const found = await table(run, `find-hanging --broker-id 1 --max-transaction-timeout 1 --topic ${topic}`)
    expect(found).toEqual([])
  })

  suite.case('kafka-transactions abort ends a transaction, and what comes behind it shows', async run => {
    const topic = await createTopic(run)
    await opened(run, topic)
    await send(run, topic, [{ value: 'behind', partition: 0 }])
    await lines(run, 'kafka-transactions', `abort --topic ${topic} --partition 0 --start-offset 0`)
    const place = { topic, partition: 0 }
    const stored = await readPartition(run.bootstrap, place, { 'isolation.level': 'read_committed' })
    expect(stored.map(each => String(each.value))).toEqual(['behind'])
  })

  suite.case('kafka-transactions forceTerminateTransaction aborts, and fences the producer', async run => {
    const topic = await createTopic(run)
    const transaction = await opened(run, topic)
    await lines(run, 'kafka-transactions', `forceTerminateTransaction --transactionalId ${run.name('id')}`)
    await expect(transaction.commit()).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' })
  })
}
