/** Traps of transactions at the wire, as far as partitions and groups are concerned. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { DELETE_GROUPS, DELETE_TOPICS, FETCH } from '../conformance/groups/group-talk.ts'
import { prepareTransactions } from '../conformance/transactions/record.ts'
import { type Producer, SETTING, TransactionTalk } from '../conformance/transactions/transaction-talk.ts'
import { splitBatches } from '../records/batch.ts'
import { decodeRecords } from '../records/lookup.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

let simulated: SimulatedBroker
let held = 0
let stagers = 0

beforeAll(async () => {
  simulated = await SimulatedBroker.start(SETTING)
  await prepareTransactions(simulated.side)
})
afterAll(() => simulated.close())

/** Each test has a group and topics of its own. */
async function talking(hold: (talk: TransactionTalk) => Promise<void>): Promise<void> {
  const talk = new TransactionTalk(simulated.side, `trap ${held++}`)
  await hold(talk)
  await talk.close()
}

async function restarted(before: TransactionTalk): Promise<TransactionTalk> {
  await before.close()
  await simulated.restart()
  return new TransactionTalk(simulated.side, before.groupId)
}

async function fetched(talk: TransactionTalk, partition: string, isolation: number, from = 0n) {
  const answer = await talk.call('reader', FETCH, 12, talk.fetchOf(partition, isolation, from, 1_048_576))
  return answer.responses[0]!.partitions[0]!
}

async function offsetOf(talk: TransactionTalk, partition: string, requireStable = true) {
  const { errorCode, committedOffset } = (await talk.offsets([partition], { requireStable })).groups[0]!
    .topics[0]!.partitions[0]!
  return errorCode === 0 ? Number(committedOffset) : errorCode
}

async function staged(talk: TransactionTalk, offsets: Record<string, number>, options = {}): Promise<number> {
  const producer = await talk.begin('a', 2, { transactionalId: `${talk.id}-${stagers++}` })
  return codeOf(await talk.stage(producer, offsets, options))
}

const codeOf = (answer: Awaited<ReturnType<TransactionTalk['stage']>>) =>
  answer.topics[0]!.partitions[0]!.errorCode

describe('T096 T097 aborted transactions', () => {
  test('come in the order of their markers, also those that began before the fetch; nobody else hears of them', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const a = await talk.begin('a', 2, { transactionalId: `${talk.id}-a` })
      const b = await talk.begin('b', 2, { transactionalId: `${talk.id}-b` })
      await talk.produce(a, partition, ['a'])
      await talk.produce(b, partition, ['b'])
      const [first, second] = [a.producerId, b.producerId]
      await talk.aborts(b)
      await talk.aborts(a)
      for (const from of [0n, 1n, 2n]) {
        expect((await fetched(talk, partition, 1, from)).abortedTransactions).toEqual([
          { producerId: second, firstOffset: 1n },
          { producerId: first, firstOffset: 0n },
        ])
        expect((await fetched(talk, partition, 0, from)).abortedTransactions).toBeNull()
      }
      expect((await fetched(talk, partition, 1, 3n)).abortedTransactions).toEqual([
        { producerId: first, firstOffset: 0n },
      ])
      expect((await fetched(talk, partition, 1, 4n)).abortedTransactions).toEqual([])
    }))
})

describe('T100 a control batch', () => {
  test.each([true, false])(
    'holds one record that says which end, and by which coordinator (commit: %s)',
    isCommit =>
      talking(async talk => {
        const [partition] = (await talk.topic(1)) as [string]
        const producer = await talk.begin('a', 2)
        await talk.produce(producer, partition, ['a'])
        await talk.end(producer, isCommit)
        const { records } = await fetched(talk, partition, 0)
        const marker = [...splitBatches(records as Buffer)].at(-1)!
        expect(marker).toMatchObject({
          isControl: true,
          isTransactional: true,
          recordCount: 1,
          baseSequence: -1,
        })
        const decoded = decodeRecords(marker)
        if (decoded.error) throw new Error(decoded.message)
        const { key, value } = decoded.value[0]!
        expect(key?.toString('hex')).toBe(isCommit ? '00000001' : '00000000')
        expect(value?.toString('hex')).toBe('000000000000')
      }),
  )
})

describe('T101 a topic of the same name', () => {
  test('gets no marker for what was written to the one that was deleted', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const producer = await talk.begin('a', 2)
      await talk.produce(producer, partition, ['a'])
      await talk.call('admin', DELETE_TOPICS, 5, { topics: [], topicNames: [talk.id], timeoutMs: 5_000 })
      expect((await talk.commits(producer)).errorCode).toBe(0)
      await talk.topic(1)
      const { highWatermark, lastStableOffset } = await fetched(talk, partition, 1)
      expect([highWatermark, lastStableOffset]).toEqual([0n, 0n])
    }))

  test('is written to by name when the producer goes on there', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const producer = await talk.begin('a', 2)
      await talk.produce(producer, partition, ['a'])
      await talk.call('admin', DELETE_TOPICS, 5, { topics: [], topicNames: [talk.id], timeoutMs: 5_000 })
      await talk.topic(1)
      const again = await talk.produce(producer, partition, ['b'], { sequence: 0 })
      expect(again.responses[0]!.partitionResponses[0]!.errorCode).toBe(0)
      await talk.commits(producer)
      const { highWatermark, lastStableOffset } = await fetched(talk, partition, 1)
      expect([highWatermark, lastStableOffset]).toEqual([2n, 2n])
    }))
})

describe('T109 a produce to a partition outside of the transaction', () => {
  test.each([
    [3, ErrorCode.INVALID_TXN_STATE],
    [10, ErrorCode.INVALID_TXN_STATE],
    [11, ErrorCode.TRANSACTION_ABORTABLE],
    [12, ErrorCode.NONE],
  ])('v%i gets %i', (v, errorCode) =>
    talking(async talk => {
      const [first, second] = (await talk.topic()) as [string, string]
      const producer = await talk.begin('a', 1)
      await talk.add(producer, [first])
      const answer = await talk.produce(producer, second, ['a'], { v })
      expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(errorCode)
      expect((await fetched(talk, second, 0)).highWatermark).toBe(errorCode === 0 ? 1n : 0n)
    }),
  )
})

describe('T114 offsets of a transaction', () => {
  test('are taken from a member of the present generation alone', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const { memberId, generationId } = await talk.enter('m', { groupInstanceId: 'i' })
      const as = (identity: object) => ({
        memberId,
        groupInstanceId: 'i',
        generationIdOrMemberEpoch: generationId,
        ...identity,
      })
      const offsets = { [partition]: 1 }
      expect(await staged(talk, offsets, as({}))).toBe(ErrorCode.NONE)
      const stale = as({ generationIdOrMemberEpoch: generationId - 1 })
      expect(await staged(talk, offsets, stale)).toBe(ErrorCode.ILLEGAL_GENERATION)
      const stranger = as({ memberId: 'x', groupInstanceId: null })
      expect(await staged(talk, offsets, stranger)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
      expect(await staged(talk, offsets, as({ memberId: 'x' }))).toBe(ErrorCode.FENCED_INSTANCE_ID)
      const missing = { 'no-such-topic-0': 1 }
      expect(await staged(talk, missing, as({}))).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }))

  test('are taken during a rebalance too', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const member = await talk.enter('a', { syncs: false })
      const { memberId, generationId } = member
      const identity = { memberId, generationIdOrMemberEpoch: generationId }
      expect(await staged(talk, { [partition]: 1 }, identity)).toBe(ErrorCode.NONE)
      await talk.sync(member, { to: { [memberId]: 'mine' } })
      await talk.joining('b', { v: 3 })
      expect(await talk.heartbeat(member)).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
      expect(await staged(talk, { [partition]: 1 }, identity)).toBe(ErrorCode.NONE)
    }))
})

describe('T115 staged offsets', () => {
  const stage = async (talk: TransactionTalk): Promise<[Producer, string]> => {
    const [partition] = (await talk.topic(1)) as [string]
    await talk.commit('b', { [partition]: 1 })
    const producer = await talk.begin('a', 2)
    expect(codeOf(await talk.stage(producer, { [partition]: 5 }))).toBe(0)
    expect(await offsetOf(talk, partition)).toBe(ErrorCode.UNSTABLE_OFFSET_COMMIT)
    expect(await offsetOf(talk, partition, false)).toBe(1)
    return [producer, partition]
  }

  test.each([true, false])('wait for the end of their transaction (commit: %s)', isCommit =>
    talking(async talk => {
      const [producer, partition] = await stage(talk)
      await talk.end(producer, isCommit)
      expect(await offsetOf(talk, partition)).toBe(isCommit ? 5 : 1)
    }),
  )

  test.each([true, false])('survive restarts before and after it (commit: %s)', isCommit =>
    talking(async first => {
      const [producer, partition] = await stage(first)
      let talk = await restarted(first)
      expect(await offsetOf(talk, partition)).toBe(ErrorCode.UNSTABLE_OFFSET_COMMIT)
      expect(await offsetOf(talk, partition, false)).toBe(1)
      await talk.end(producer, isCommit)
      expect(await offsetOf(talk, partition)).toBe(isCommit ? 5 : 1)
      talk = await restarted(talk)
      expect(await offsetOf(talk, partition)).toBe(isCommit ? 5 : 1)
      await talk.close()
    }),
  )

  test('go with their group, before and after a restart', () =>
    talking(async first => {
      const [producer, partition] = await stage(first)
      await first.call('admin', DELETE_GROUPS, 2, { groupsNames: [first.groupId] })
      expect(await offsetOf(first, partition)).toBe(-1)
      await first.commits(producer)
      expect(await offsetOf(first, partition)).toBe(-1)
      const talk = await restarted(first)
      expect(await offsetOf(talk, partition)).toBe(-1)
      await talk.close()
    }))
})

test('T119 producers are described with their sequence while they write, and without it after they ended', () =>
  talking(async talk => {
    const [partition] = (await talk.topic(1)) as [string]
    const producer = await talk.begin('a', 2)
    const { producerId } = producer
    await talk.produce(producer, partition, ['a', 'b', 'c'])
    const described = async () =>
      (await talk.describeProducers([partition])).topics[0]!.partitions[0]!.activeProducers
    const lastTimestamp = BigInt(talk.now())
    expect(await described()).toMatchObject([
      { producerId, producerEpoch: 0, lastSequence: 2, lastTimestamp, currentTxnStartOffset: 0n },
    ])
    await talk.commits(producer)
    expect(await described()).toMatchObject([
      { producerId, producerEpoch: 1, lastSequence: -1, currentTxnStartOffset: -1n },
    ])
  }))
