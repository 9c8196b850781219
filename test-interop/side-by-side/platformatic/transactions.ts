// Transactions with @platformatic/kafka.

import type { Producer } from '@platformatic/kafka'
import { bytes, type Cases, eventually, type Reader, type Run, refused, values } from './cases.ts'

type Transaction = Awaited<ReturnType<Producer['beginTransaction']>>

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1

export function transactionCases(cases: Cases): void {
  visibilityCases(cases)
  offsetCases(cases)
  fencingCases(cases)
}

function transactional(run: Run, id = run.name('id')): Producer {
  // The coordinator may still be on its way. Without these numbers the client claims to be producer 0, and is fenced.
  const options = { retries: 100, producerId: -1n, producerEpoch: -1 }
  return run.producer({ transactionalId: id, idempotent: true, strict: true, ...options } as never)
}

async function put(transaction: Transaction, topic: string, all: readonly string[], partition = 0) {
  const messages = all.map(each => ({ topic, partition, value: bytes(each)! }))
  await transaction.send({ messages, acks: -1 } as never)
}

async function seen(
  run: Run,
  topic: string,
  count: number,
  isolationLevel = READ_COMMITTED,
): Promise<string[]> {
  const reader = await reading(run, topic, isolationLevel)
  await reader.until(count)
  return reader.values
}

function reading(run: Run, topic: string, isolationLevel: number): Promise<Reader> {
  const options = { groupId: `${topic}-${Math.random()}`, isolationLevel } as never
  return run.reader([topic], options, { isolationLevel } as never)
}

function same(wanted: unknown, got: unknown): void {
  const [one, two] = [JSON.stringify(wanted), JSON.stringify(got)]
  if (one !== two) throw new Error(`expected ${one}, got ${two}`)
}

function visibilityCases(cases: Cases): void {
  cases.add('a committed transaction shows in all its partitions', async run => {
    const topic = await run.topic(3)
    const transaction = await transactional(run).beginTransaction()
    for (const partition of [0, 1, 2]) await put(transaction, topic, [`v${partition}`], partition)
    await transaction.commit()
    same(values(3), (await seen(run, topic, 3)).sort())
  })

  cases.add('an aborted transaction shows only to those who read uncommitted', async run => {
    const topic = await run.topic()
    const producer = transactional(run)
    const aborted = await producer.beginTransaction()
    await put(aborted, topic, ['aborted'])
    await aborted.abort()
    const kept = await producer.beginTransaction()
    await put(kept, topic, ['committed'])
    await kept.commit()
    same(['committed'], await seen(run, topic, 1))
    same(['aborted', 'committed'], await seen(run, topic, 2, READ_UNCOMMITTED))
  })

  cases.add('what comes behind an open transaction waits for its end', async run => {
    const topic = await run.topic()
    const transaction = await transactional(run).beginTransaction()
    await put(transaction, topic, ['open'])
    await run.send(topic, [{ value: bytes('behind')! }])
    const reader = await reading(run, topic, READ_COMMITTED)
    same(['open', 'behind'], await seen(run, topic, 2, READ_UNCOMMITTED))
    same([], reader.values)
    await transaction.commit()
    await reader.until(2)
    same(['open', 'behind'], reader.values)
  })

  cases.add('of twenty transactions in a row those that were committed show, in order', async run => {
    const topic = await run.topic()
    const producer = transactional(run)
    for (let index = 0; index < 20; index += 1) {
      const transaction = await producer.beginTransaction()
      await put(transaction, topic, [`v${index}`])
      await (index % 3 === 0 ? transaction.abort() : transaction.commit())
    }
    same(
      values(20).filter((_, index) => index % 3 !== 0),
      await seen(run, topic, 13),
    )
  })
}

function offsetCases(cases: Cases): void {
  const consumed = async (run: Run, end: 'commit' | 'abort') => {
    const topic = await run.topic()
    await run.send(
      topic,
      values(5).map(value => ({ value: bytes(value)! })),
    )
    const reader = await run.reader([topic])
    const messages = await reader.until(5)
    const transaction = await transactional(run).beginTransaction()
    await transaction.addConsumer(reader.consumer)
    await transaction.addOffset(messages[2]!)
    await transaction[end]()
    const topics = [{ topic, partitions: [0] }]
    const committed = () => reader.consumer.listCommittedOffsets({ topics })
    return { topic, committed }
  }

  cases.add('the offset of a message is committed with its transaction', async run => {
    const { topic, committed } = await consumed(run, 'commit')
    await eventually('the offset', async () => (await committed()).get(topic)?.[0] === 3n || undefined)
  })

  cases.add('the offset of a message is dropped with its transaction', async run => {
    const { topic, committed } = await consumed(run, 'abort')
    same('-1', String((await committed()).get(topic)?.[0]))
  })
}

function fencingCases(cases: Cases): void {
  cases.add('a second producer of the same id aborts what the first left open, and fences it', async run => {
    const topic = await run.topic()
    const first = await transactional(run).beginTransaction()
    await put(first, topic, ['abandoned'])
    // The client does not ask again by itself while the broker aborts what the first left open.
    const begin = () =>
      transactional(run)
        .beginTransaction()
        .catch(() => undefined)
    const second = await eventually('a second transaction', begin)
    await put(second, topic, ['kept'])
    await second.commit()
    await refused('INVALID_PRODUCER_EPOCH', () => put(first, topic, ['late']))
    same(['kept'], await seen(run, topic, 1))
  })
}
