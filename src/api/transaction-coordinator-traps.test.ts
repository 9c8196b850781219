/** Traps of transactions at the wire, as far as their coordinator is concerned. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode, errorName } from '../../protocol/errors.ts'
import { FIND } from '../conformance/groups/group-talk.ts'
import { prepareTransactions } from '../conformance/transactions/record.ts'
import {
  ADD,
  LIST_TRANSACTIONS,
  type Producer,
  SETTING,
  TRANSACTIONS,
  TransactionTalk,
} from '../conformance/transactions/transaction-talk.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

let simulated: SimulatedBroker
let held = 0

beforeAll(async () => {
  simulated = await SimulatedBroker.start(SETTING)
  await prepareTransactions(simulated.side)
})
afterAll(() => simulated.close())

/** Each test has transactional ids and topics of its own. */
async function talking(hold: (talk: TransactionTalk) => Promise<void>): Promise<void> {
  const talk = new TransactionTalk(simulated.side, `coordinator trap ${held++}`)
  await hold(talk)
  await talk.close()
}

const nameOf = ({ errorCode }: { readonly errorCode: number }) => errorName(errorCode as ErrorCode)

function named({ resultsByTopicV3AndBelow }: Awaited<ReturnType<TransactionTalk['add']>>) {
  return resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
    resultsByPartition.map(
      ({ partitionIndex, partitionErrorCode }) =>
        `${name}-${partitionIndex} ${errorName(partitionErrorCode as ErrorCode)}`,
    ),
  )
}

async function verified(
  talk: TransactionTalk,
  producer: Producer,
  partitions: readonly string[],
  verifyOnly = true,
) {
  const topics = partitions.map(partition => {
    const at = partition.lastIndexOf('-')
    return { name: partition.slice(0, at), partitions: [Number(partition.slice(at + 1))] }
  })
  const { transactionalId, producerId, producerEpoch } = producer
  const answer = await talk.call('broker', ADD, 5, {
    transactions: [{ transactionalId, producerId, producerEpoch, verifyOnly, topics }],
    v3AndBelowTransactionalId: '',
    v3AndBelowProducerId: 0n,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [],
  })
  return answer.resultsByTransaction[0]!.topicResults.flatMap(({ resultsByPartition }) =>
    resultsByPartition.map(each => errorName(each.partitionErrorCode as ErrorCode)),
  )
}

describe('InitProducerId', () => {
  test.each([0, 1, 2, 3, 4, 5])('T102 refuses timeouts of zero, below, and above the maximum in v%i', v =>
    talking(async talk => {
      for (const timeoutMs of [-1, 0, 900_001]) {
        expect(nameOf(await talk.init('a', { v, timeoutMs }))).toBe('INVALID_TRANSACTION_TIMEOUT')
      }
      expect(await talk.init('a', { v, timeoutMs: 900_000 })).toMatchObject({
        errorCode: 0,
        producerEpoch: 0,
      })
    }),
  )

  test.each([0, 2, 3, 4, 5])('T105 begins anew without the old id, in v%i', v =>
    talking(async talk => {
      const first = await talk.init('a', { v })
      const second = await talk.init('a', { v })
      expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      expect(second).toMatchObject({ errorCode: 0, producerId: first.producerId, producerEpoch: 1 })
    }),
  )

  test.each([
    [3, 'INVALID_PRODUCER_EPOCH'],
    [4, 'PRODUCER_FENCED'],
    [5, 'PRODUCER_FENCED'],
  ])('T105 goes on with the old id, unless it is stale or someone else has it, in v%i', (v, fenced) =>
    talking(async talk => {
      const { producerId } = await talk.init('a', { v })
      const mine = { v, producerId }
      expect(await talk.init('a', { ...mine, producerEpoch: 0 })).toMatchObject({
        errorCode: 0,
        producerEpoch: 1,
      })
      expect(await talk.init('a', { ...mine, producerEpoch: 0 })).toMatchObject({
        errorCode: 0,
        producerEpoch: 1,
      })
      expect(await talk.init('a', { ...mine, producerEpoch: 1 })).toMatchObject({
        errorCode: 0,
        producerEpoch: 2,
      })
      expect(nameOf(await talk.init('a', { ...mine, producerEpoch: 0 }))).toBe(fenced)
      const other = { v, producerId: producerId + 1_000n, producerEpoch: 2 }
      expect(nameOf(await talk.init('a', other))).toBe(fenced)
      for (const partial of [{ producerId }, { producerEpoch: 2 }]) {
        expect(nameOf(await talk.init('a', { v, ...partial }))).toBe('INVALID_REQUEST')
      }
      expect(nameOf(await talk.init('a', { v, transactionalId: '' }))).toBe('INVALID_REQUEST')
    }),
  )

  test('T104 aborts what is open, and is CONCURRENT_TRANSACTIONS until that is done', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const zombie = await talk.begin('zombie', 2)
      await talk.produce(zombie, partition, ['never seen'])
      expect(nameOf(await talk.init('heir'))).toBe('CONCURRENT_TRANSACTIONS')
      await talk.completed()
      const heir = await talk.begin('heir', 2)
      expect(heir).toMatchObject({ producerId: zombie.producerId, producerEpoch: 2 })
      expect(nameOf(await talk.end(zombie, true))).toBe('PRODUCER_FENCED')
    }))
})

describe('T106 producer ids', () => {
  test('are given out once, over restarts too, with and without a transactional id', () =>
    talking(async talk => {
      const ids: bigint[] = []
      for (let round = 0; round < 3; round++) {
        ids.push((await talk.init('a', { transactionalId: null })).producerId)
        ids.push((await talk.init('a', { transactionalId: `${talk.id}-${round}` })).producerId)
        await simulated.restart()
        talk = new TransactionTalk(simulated.side, talk.groupId)
      }
      expect(new Set(ids).size).toBe(6)
      for (const id of ids) expect(id).toBeGreaterThanOrEqual(0n)
      expect((await talk.init('a', { transactionalId: `${talk.id}-0` })).producerId).toBe(ids[1])
    }))
})

describe('AddPartitionsToTxn', () => {
  test.each([0, 1, 2, 3])('T108 adds all or nothing, again and again, in v%i', v =>
    talking(async talk => {
      const [first, second] = (await talk.topic()) as [string, string]
      const producer = await talk.begin('a', 1)
      expect(named(await talk.add(producer, [first], { v }))).toEqual([`${first} NONE`])
      expect(named(await talk.add(producer, [first], { v }))).toEqual([`${first} NONE`])
      expect(named(await talk.add(producer, [second, 'nowhere-0', first], { v }))).toEqual([
        'nowhere-0 UNKNOWN_TOPIC_OR_PARTITION',
        `${second} OPERATION_NOT_ATTEMPTED`,
        `${first} OPERATION_NOT_ATTEMPTED`,
      ])
      const { transactionStates } = await talk.describeTransactions()
      expect(transactionStates[0]?.topics).toEqual([{ topic: first.replace(/-\d+$/, ''), partitions: [0] }])
    }),
  )

  test.each([
    [1, 'INVALID_PRODUCER_EPOCH'],
    [2, 'PRODUCER_FENCED'],
  ])('names a fenced producer as its version knows it, in v%i', (v, fenced) =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const zombie = await talk.begin('zombie', 1)
      const heir = await talk.begin('heir', 1)
      expect(named(await talk.add(zombie, [partition], { v }))).toEqual([`${partition} ${fenced}`])
      expect(nameOf(await talk.addOffsets(zombie, 'g', { v }))).toBe(fenced)
      await talk.add(heir, [partition])
      expect(nameOf(await talk.end(zombie, true, { v }))).toBe(fenced)
    }),
  )

  test('T109 of brokers verifies what takes part, and adds what they write to', () =>
    talking(async talk => {
      const [first, second] = (await talk.topic()) as [string, string]
      const producer = await talk.begin('a', 2)
      expect(await verified(talk, producer, [first])).toEqual(['TRANSACTION_ABORTABLE'])
      expect(await verified(talk, producer, [first], false)).toEqual(['NONE'])
      expect(await verified(talk, producer, [first, second])).toEqual(['NONE', 'TRANSACTION_ABORTABLE'])
      const stale = { ...producer, producerEpoch: producer.producerEpoch - 1 }
      expect(await verified(talk, stale, [first])).toEqual(['PRODUCER_FENCED'])
      const unknown = { ...producer, transactionalId: 'unknown' }
      expect(await verified(talk, unknown, [first])).toEqual(['INVALID_PRODUCER_ID_MAPPING'])
    }))
})

describe('EndTxn', () => {
  test.each([0, 1, 2, 3, 4])('T110 T111 of an older client, twice and over nothing, in v%i', v =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const producer = await talk.begin('a', 1)
      expect(nameOf(await talk.end(producer, false, { v }))).toBe('INVALID_TXN_STATE')
      await talk.add(producer, [partition])
      expect(nameOf(await talk.end(producer, true, { v }))).toBe('NONE')
      expect(nameOf(await talk.end(producer, true, { v }))).toBe('NONE')
      expect(nameOf(await talk.end(producer, false, { v }))).toBe('INVALID_TXN_STATE')
    }),
  )

  test('T110 T111 of version 2, twice and over nothing, with one bump each', () =>
    talking(async talk => {
      const [partition] = (await talk.topic(1)) as [string]
      const producer = await talk.begin('a', 2)
      const before = { ...producer }
      expect(await talk.end(producer, false)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
      expect(await talk.end(producer, false, before)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
      expect(nameOf(await talk.end(producer, true, { producerEpoch: 1 }))).toBe('INVALID_TXN_STATE')
      await talk.produce(producer, partition, ['one'])
      const during = { ...producer }
      expect(await talk.end(producer, true)).toMatchObject({ errorCode: 0, producerEpoch: 2 })
      expect(await talk.end({ ...during }, true)).toMatchObject({ errorCode: 0, producerEpoch: 2 })
      expect(nameOf(await talk.end({ ...during }, false))).toBe('INVALID_TXN_STATE')
    }))
})

test('T117 AddOffsetsToTxn needs no group', () =>
  talking(async talk => {
    const producer = await talk.begin('a', 1)
    expect(nameOf(await talk.addOffsets(producer, 'no such group'))).toBe('NONE')
    const { transactionStates } = await talk.describeTransactions()
    expect(transactionStates[0]).toMatchObject({
      transactionState: 'Ongoing',
      topics: [{ topic: '__consumer_offsets', partitions: [0] }],
    })
    expect(nameOf(await talk.end(producer, true))).toBe('NONE')
  }))

test('T118 transactions are listed and described before any coordinator was looked for', async () => {
  const fresh = await SimulatedBroker.start(SETTING)
  const talk = new TransactionTalk(fresh.side, 'early')
  const listed = await talk.call('admin', LIST_TRANSACTIONS, 2, {
    stateFilters: ['Ongoing', 'Nonsense'],
    producerIdFilters: [],
    durationFilter: -1n,
    transactionalIdPattern: null,
  })
  expect(listed).toMatchObject({ errorCode: 0, unknownStateFilters: ['Nonsense'], transactionStates: [] })
  const described = await talk.call('admin', TRANSACTIONS, 0, { transactionalIds: ['tx'] })
  expect(errorName(described.transactionStates[0]!.errorCode as ErrorCode)).toBe('NOT_COORDINATOR')
  const found = await talk.call('admin', FIND, 3, { key: 'tx', keyType: 1, coordinatorKeys: [] })
  expect([ErrorCode.NONE, ErrorCode.COORDINATOR_NOT_AVAILABLE]).toContain(found.errorCode)
  await talk.close()
  await fresh.close()
})

test("nobody's marker comes into the coordinator's own topic, not even that of a transaction", async () => {
  await talking(async talk => {
    const [partition] = (await talk.topic(1)) as [string]
    const own = '__transaction_state-0'
    const producer = await talk.begin('a', 1)
    const { markers } = await talk.mark([own], producer)
    expect(nameOf(markers[0]!.topics[0]!.partitions[0]!)).toBe('INVALID_TOPIC_EXCEPTION')
    await talk.add(producer, [partition, own])
    await talk.produce(producer, partition, ['one'])
    expect(nameOf(await talk.end(producer, true))).toBe('NONE')
  })
  await simulated.restart()
  await talking(async talk => expect(nameOf(await talk.init('a'))).toBe('NONE'))
})
