/**
 * What went wrong in other systems that speak this protocol, as public analyses tell of it (Jepsen on
 * Redpanda, Bufstream and Kafka itself): each must not happen here.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DELETE_TOPICS, FETCH } from '../conformance/groups/group-talk.ts'
import { readCommitted } from '../conformance/transactions/consumer.ts'
import { prepareTransactions } from '../conformance/transactions/record.ts'
import { END, type Producer, SETTING, TransactionTalk } from '../conformance/transactions/transaction-talk.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

const FENCED = 90
const INVALID_EPOCH = 47
const INVALID_TXN_STATE = 48
const VERSIONS = [1, 2] as const

let simulated: SimulatedBroker
let talk: TransactionTalk

beforeEach(async () => {
  simulated = await SimulatedBroker.start(SETTING)
  await prepareTransactions(simulated.side)
  talk = new TransactionTalk(simulated.side, 'anomaly')
})
afterEach(async () => {
  await talk.close()
  await simulated.close()
})

async function crash(): Promise<void> {
  await talk.close()
  await simulated.crash()
  talk = new TransactionTalk(simulated.side, 'anomaly')
}

/** Produces, after adding the partition where clients have to; gives the error code. */
async function write(producer: Producer, partition: string, ...values: string[]): Promise<number> {
  if (producer.version === 1) await talk.add(producer, [partition])
  const answer = await talk.produce(producer, partition, values)
  return answer.responses[0]!.partitionResponses[0]!.errorCode
}

/** Does not wait for the markers. */
async function verdict(
  { transactionalId, producerId, producerEpoch, version }: Producer,
  committed: boolean,
) {
  const asked = { transactionalId, producerId, producerEpoch, committed }
  const answer = await talk.call('a', END, version === 1 ? 3 : 5, asked)
  await talk.settled()
  return answer.errorCode
}

async function lastStableOffset(partition: string, isolationLevel = 1): Promise<[bigint, bigint]> {
  const answer = await talk.call('reader', FETCH, 12, talk.fetchOf(partition, isolationLevel, 0n, 1))
  const { lastStableOffset: stable, highWatermark } = answer.responses[0]!.partitions[0]!
  return [stable, highWatermark]
}

describe.each(VERSIONS)('aborted reads, version %i', version => {
  test('a reader of committed records never sees one that was aborted, wherever it begins', async () => {
    const [partition] = (await talk.topic(1)) as [string]
    const random = new SeededRandom(version)
    const below = (limit: number) => random.bytes(4).readUInt32BE() % limit
    const producers: Producer[] = []
    for (let i = 0; i < 3; i++) {
      producers.push(await talk.begin(`p${i}`, version, { transactionalId: `anomaly-${i}` }))
    }
    const pending = new Map<Producer, string[]>()
    const committed: string[] = []
    let offset = 0
    for (let step = 0; step < 120; step++) {
      const producer = producers[below(producers.length)]!
      const open = pending.get(producer)
      if (!open || below(3) > 0) {
        expect(await write(producer, partition, `${step}`)).toBe(0)
        pending.set(producer, [...(open ?? []), `${offset} ${step}`])
      } else {
        const isCommit = below(3) > 0
        await talk.end(producer, isCommit)
        if (isCommit) committed.push(...open)
        pending.delete(producer)
      }
      offset += 1
    }
    for (const [producer, open] of pending) {
      await talk.commits(producer)
      committed.push(...open)
    }
    const expected = committed.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    expect(expected.length).toBeGreaterThan(20)
    for (const maxBytes of [1, 200, 500, 100_000]) {
      expect(await readCommitted(talk, partition, { maxBytes })).toEqual(expected)
    }
    for (let from = 0n; from < BigInt(offset); from += 7n) {
      const later = expected.filter(each => BigInt(each.split(' ')[0]!) >= from)
      expect(await readCommitted(talk, partition, { from, maxBytes: 300 })).toEqual(later)
    }
  })
})

describe.each(VERSIONS)('lost writes, version %i', version => {
  test('what was acknowledged in a committed transaction is there after a crash', async () => {
    const [first, second] = (await talk.topic()) as [string, string]
    const producer = await talk.begin('a', version)
    await write(producer, first, 'a', 'b')
    await write(producer, second, 'c')
    await talk.commits(producer)
    await crash()
    expect(await readCommitted(talk, first)).toEqual(['0 a', '1 b'])
    expect(await readCommitted(talk, second)).toEqual(['0 c'])
  })

  test('a transaction goes on after a crash, with what it had written', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const producer = await talk.begin('a', version)
    await write(producer, first, 'a')
    await crash()
    expect(await readCommitted(talk, first)).toEqual([])
    const again = await talk.produce(producer, first, ['a'], { sequence: 0 })
    expect(again.responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0n })
    await talk.produce(producer, first, ['b'], { sequence: 1 })
    await talk.commits(producer)
    expect(await readCommitted(talk, first)).toEqual(['0 a', '1 b'])
  })

  test('offsets that were committed with records are there after a crash', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const producer = await talk.begin('a', version)
    await write(producer, first, 'a')
    if (version === 1) await talk.addOffsets(producer)
    await talk.stage(producer, { [first]: 5 })
    await crash()
    expect((await fetchOffset(first)).errorCode).toBe(88)
    await talk.commits(producer)
    expect(await fetchOffset(first)).toMatchObject({ errorCode: 0, committedOffset: 5n })
    await crash()
    expect(await fetchOffset(first)).toMatchObject({ errorCode: 0, committedOffset: 5n })
  })
})

async function fetchOffset(partition: string) {
  const answer = await talk.offsets([partition], { requireStable: true })
  return answer.groups[0]!.topics[0]!.partitions[0]!
}

describe.each(VERSIONS)('writes of zombies that survive, version %i', version => {
  test("whatever a producer writes once its successor is there is in nobody's transaction", async () => {
    const [first, second] = (await talk.topic()) as [string, string]
    const zombie = await talk.begin('a', version)
    await write(zombie, first, 'mine')
    await talk.init('b', { v: version === 1 ? 4 : 5 })
    await talk.settled()
    const next = await talk.begin('b', version)
    for (const partition of [first, second]) {
      for (const sequence of [0, 1]) {
        const answer = await talk.produce(zombie, partition, ['zombie'], { sequence })
        expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(INVALID_EPOCH)
      }
    }
    await write(next, first, 'successor')
    expect((await talk.end(zombie, true)).errorCode).toBe(FENCED)
    await talk.commits(next)
    expect(await readCommitted(talk, first)).toEqual(['2 successor'])
    expect(await readCommitted(talk, second)).toEqual([])
  })

  test('nor what it wrote before its time was over', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const zombie = await talk.begin('a', version, { timeoutMs: 500 })
    await write(zombie, first, 'mine')
    await talk.wait(1_500)
    const late = await talk.produce(zombie, first, ['late'])
    expect(late.responses[0]!.partitionResponses[0]!.errorCode).not.toBe(0)
    await talk.end(zombie, true)
    expect(await readCommitted(talk, first)).toEqual([])
    expect(await lastStableOffset(first)).toEqual([2n, 2n])
  })
})

describe.each(VERSIONS)('torn transactions, version %i', version => {
  test.each([true, false])(
    'a crash before all partitions are marked leaves none behind (commit: %s)',
    async isCommit => {
      const partitions = await talk.topic(5)
      const producer = await talk.begin('a', version)
      for (const partition of partitions) await write(producer, partition, 'x')
      if (version === 1) await talk.addOffsets(producer)
      await talk.stage(producer, { [partitions[0]!]: 5 })
      // Two of the logs do not get their markers.
      simulated.disk.intercept = ({ name, path }) => {
        if (name === 'write' && /-[34]\/.*\.log$/.test(path)) return new Promise(() => {})
      }
      expect(await verdict(producer, isCommit)).toBe(0)
      expect((await lastStableOffset(partitions[4]!))[0]).toBe(0n)
      simulated.disk.intercept = undefined
      await crash()
      await talk.wait(1_000)
      for (const partition of partitions) {
        expect(await readCommitted(talk, partition)).toEqual(isCommit ? ['0 x'] : [])
        // Those that had their marker get it again, as from Kafka.
        const [stable, highWatermark] = await lastStableOffset(partition)
        expect(stable).toBe(highWatermark)
      }
      expect(await fetchOffset(partitions[0]!)).toMatchObject({ committedOffset: isCommit ? 5n : -1n })
    },
  )
})

describe('a verdict on the wrong transaction', () => {
  test('a delayed end of a transaction does not touch the next one', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const producer = await talk.begin('a', 2)
    await write(producer, first, 'one')
    const { producerId, producerEpoch } = producer
    await talk.commits(producer)
    await write(producer, first, 'two')
    const delayed = { producerId, producerEpoch }
    expect((await talk.end({ ...producer }, true, delayed)).errorCode).toBe(FENCED)
    expect((await talk.end({ ...producer }, false, delayed)).errorCode).toBe(FENCED)
    expect(await readCommitted(talk, first)).toEqual(['0 one'])
    await talk.aborts(producer)
    expect(await readCommitted(talk, first)).toEqual(['0 one'])
  })

  test('a delayed write of a transaction is not in the next one', async () => {
    const [first, second] = (await talk.topic()) as [string, string]
    const producer = await talk.begin('a', 2)
    await write(producer, first, 'one')
    const { producerEpoch } = producer
    await talk.aborts(producer)
    await write(producer, first, 'two')
    for (const partition of [first, second]) {
      const answer = await talk.produce(producer, partition, ['delayed'], { producerEpoch, sequence: 1 })
      expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(INVALID_EPOCH)
    }
    await talk.commits(producer)
    expect(await readCommitted(talk, first)).toEqual(['2 two'])
    expect(await readCommitted(talk, second)).toEqual([])
  })
})

describe.each(VERSIONS)('a stuck last stable offset, version %i', version => {
  test('does not come of a write after the abort', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const producer = await talk.begin('a', version)
    await write(producer, first, 'a')
    const { producerEpoch } = producer
    await talk.aborts(producer)
    const late = await talk.produce(producer, first, ['late'], { producerEpoch, sequence: 1 })
    const { errorCode } = late.responses[0]!.partitionResponses[0]!
    expect(errorCode).toBe(version === 1 ? INVALID_TXN_STATE : INVALID_EPOCH)
    expect(await lastStableOffset(first)).toEqual([2n, 2n])
  })

  test('does not come of a client that dies, nor of a broker that dies after it', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const producer = await talk.begin('a', version, { timeoutMs: 2_000 })
    await write(producer, first, 'a')
    await talk.wait(1_000)
    await crash()
    expect(await lastStableOffset(first)).toEqual([0n, 1n])
    await talk.wait(3_000)
    expect(await lastStableOffset(first)).toEqual([2n, 2n])
    expect(await readCommitted(talk, first)).toEqual([])
  })

  test('does not come of a topic that is deleted in the middle', async () => {
    const [first] = (await talk.topic(1)) as [string]
    const [doomed] = (await talk.topic(1, '-doomed')) as [string]
    const producer = await talk.begin('a', version)
    await write(producer, first, 'a')
    await write(producer, doomed, 'b')
    const topicNames = ['anomaly-doomed']
    await talk.call('admin', DELETE_TOPICS, 5, { topics: [], topicNames, timeoutMs: 5_000 })
    await talk.commits(producer)
    expect(await readCommitted(talk, first)).toEqual(['0 a'])
    expect(await lastStableOffset(first)).toEqual([2n, 2n])
    await write(producer, first, 'c')
    await talk.commits(producer)
    expect(await readCommitted(talk, first)).toEqual(['0 a', '2 c'])
  })

  test('T120 holds up no other partition', async () => {
    const [first, second] = (await talk.topic()) as [string, string]
    const slow = await talk.begin('a', version, { transactionalId: 'slow' })
    const quick = await talk.begin('b', version, { transactionalId: 'quick' })
    await write(slow, first, 'open')
    await write(quick, second, 'done')
    await talk.commits(quick)
    expect(await readCommitted(talk, second)).toEqual(['0 done'])
    expect(await lastStableOffset(second)).toEqual([2n, 2n])
    expect(await readCommitted(talk, first)).toEqual([])
  })
})
