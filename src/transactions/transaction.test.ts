/** Every state of a transactional id against everything that may happen to it. */
import { describe, expect, test } from 'vitest'
import { ErrorCode, errorName } from '../../protocol/errors.ts'
import {
  type Decision,
  LAST_EPOCH,
  NEEDS_FRESH_ID,
  type NeedsFreshId,
  Transaction,
  type TransactionSnapshot,
  type TransactionState,
} from './transaction.ts'

const NOW = 10_000
const FRESH_ID = 9n
const EPOCH = 5
const ONE = { topic: 'orders', index: 0 }
const OTHER = { topic: 'orders', index: 1 }
const STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
] as const

/** Producer 7 in epoch 5; of a transaction, `orders-0` takes part. */
function inState(state: TransactionState, changes: Partial<TransactionSnapshot> = {}): Transaction {
  const hasPartitions = state === 'Ongoing' || state.startsWith('Prepare')
  return new Transaction('tx', {
    state,
    producerId: 7n,
    previousProducerId: 7n,
    nextProducerId: -1n,
    producerEpoch: EPOCH,
    timeoutMs: 1_000,
    partitions: new Map(hasPartitions ? [['orders', new Set([0])]] : []),
    startTimestampMs: state === 'Empty' ? -1 : 9_500,
    lastUpdateTimestampMs: 9_600,
    clientTransactionVersion: 2,
    ...changes,
  })
}

/** An error, `nothing to write`, or the next state and what else differs from before. */
function said(transaction: Transaction, decision: Decision | NeedsFreshId): string {
  if (decision === NEEDS_FRESH_ID) return 'needs an id'
  if (decision.error) return errorName(decision.error)
  if (!decision.value) return 'nothing to write'
  const { next } = decision.value
  const changes = [next.state as string]
  if (next.producerId !== transaction.snapshot.producerId) changes.push(`id ${next.producerId}`)
  if (next.nextProducerId !== -1n) changes.push(`next id ${next.nextProducerId}`)
  if (next.producerEpoch !== transaction.snapshot.producerEpoch) changes.push(`epoch ${next.producerEpoch}`)
  return changes.join(', ')
}

type Event = (transaction: Transaction) => Decision | NeedsFreshId

const me = { producerId: 7n, producerEpoch: EPOCH }
const before = { producerId: 7n, producerEpoch: EPOCH - 1 }
const stranger = { producerId: 8n, producerEpoch: EPOCH }

const begin =
  (expected: typeof me | undefined, featureVersion = 2): Event =>
  transaction =>
    transaction.initProducerId({ timeoutMs: 1_000, expected, featureVersion }, undefined, NOW)
const add =
  (producer: typeof me, partition = OTHER): Event =>
  transaction =>
    transaction.addPartitions({ ...producer, partitions: [partition], clientTransactionVersion: 2 }, NOW)
const end =
  (producer: typeof me, isCommit: boolean, clientTransactionVersion: number): Event =>
  transaction =>
    transaction.end({ ...producer, isCommit, clientTransactionVersion }, undefined, NOW)
const commit = (producer: typeof me, version = 2) => end(producer, true, version)
const abort = (producer: typeof me, version = 2) => end(producer, false, version)

const FENCED = 'PRODUCER_FENCED'
const INVALID = 'INVALID_TXN_STATE'
const BUSY = 'CONCURRENT_TRANSACTIONS'
const MAPPING = 'INVALID_PRODUCER_ID_MAPPING'
const NOTHING = 'nothing to write'
const ABORTS = 'PrepareAbort, epoch 6'
const EMPTY = 'Empty, epoch 6'

const TABLE: readonly (readonly [string, Event, readonly string[]])[] = [
  // what happens, then in the order of STATES what comes of it
  ['begins', begin(undefined), [EMPTY, ABORTS, BUSY, BUSY, EMPTY, EMPTY]],
  ['begins, by KIP-360', begin(me), [EMPTY, ABORTS, BUSY, BUSY, EMPTY, EMPTY]],
  ['begins as a zombie', begin(before), [FENCED, ABORTS, BUSY, BUSY, FENCED, FENCED]],
  ['begins as a stranger', begin(stranger), [FENCED, FENCED, FENCED, FENCED, FENCED, FENCED]],
  ['begins before KIP-890', begin(undefined, 1), [EMPTY, ABORTS, BUSY, BUSY, EMPTY, EMPTY]],
  ['adds', add(me), ['Ongoing', 'Ongoing', BUSY, BUSY, 'Ongoing', 'Ongoing']],
  ['adds again', add(me, ONE), ['Ongoing', NOTHING, BUSY, BUSY, 'Ongoing', 'Ongoing']],
  ['adds as a zombie', add(before), [FENCED, FENCED, FENCED, FENCED, FENCED, FENCED]],
  ['adds as a stranger', add(stranger), [MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING]],
  ['commits', commit(me), [INVALID, 'PrepareCommit, epoch 6', FENCED, FENCED, INVALID, INVALID]],
  ['aborts', abort(me), [ABORTS, ABORTS, FENCED, FENCED, ABORTS, ABORTS]],
  ['commits once more', commit(before), [FENCED, FENCED, BUSY, INVALID, NOTHING, INVALID]],
  ['aborts once more', abort(before), [FENCED, FENCED, INVALID, BUSY, INVALID, NOTHING]],
  ['commits as a stranger', commit(stranger), [MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING]],
  ['commits, v4', commit(me, 0), [INVALID, 'PrepareCommit', BUSY, INVALID, NOTHING, INVALID]],
  ['aborts, v4', abort(me, 0), [INVALID, 'PrepareAbort', INVALID, BUSY, INVALID, NOTHING]],
  ['commits as a zombie, v4', commit(before, 0), [FENCED, FENCED, FENCED, FENCED, FENCED, FENCED]],
  ['commits as a stranger, v4', commit(stranger, 0), [MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING]],
]

describe('what a producer comes to that', () => {
  test.each(TABLE)('%s', (_, event, expected) => {
    const outcomes = STATES.map(state => {
      const transaction = inState(state)
      return said(transaction, event(transaction))
    })
    expect(outcomes).toEqual(expected)
  })

  test('verifies', () => {
    const { TRANSACTION_ABORTABLE, CONCURRENT_TRANSACTIONS, NONE } = ErrorCode
    const outcomes = STATES.map(state => inState(state).verify(me, [ONE, OTHER]))
    expect(outcomes).toEqual([
      [TRANSACTION_ABORTABLE, TRANSACTION_ABORTABLE],
      [NONE, TRANSACTION_ABORTABLE],
      [CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS],
      [CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS],
      [TRANSACTION_ABORTABLE, TRANSACTION_ABORTABLE],
      [TRANSACTION_ABORTABLE, TRANSACTION_ABORTABLE],
    ])
    expect(inState('Ongoing').verify(before, [ONE])).toEqual([ErrorCode.PRODUCER_FENCED])
    expect(inState('Ongoing').verify(stranger, [ONE])).toEqual([ErrorCode.INVALID_PRODUCER_ID_MAPPING])
  })

  test('is in a state of the log that never lasts', () => {
    for (const state of ['Dead', 'PrepareEpochFence'] as const) {
      for (const event of [commit(me), commit(me, 0)]) {
        const transaction = inState(state)
        expect(said(transaction, event(transaction))).toBe(INVALID)
      }
    }
  })
})

/** Takes the step as the log does. */
function took(transaction: Transaction, decision: Decision | NeedsFreshId): TransactionSnapshot {
  if (decision === NEEDS_FRESH_ID || decision.error || !decision.value) throw new Error('there is no step')
  transaction.note(decision.value)
  transaction.replay(decision.value.next)
  return decision.value.next
}

describe('time', () => {
  test('is up only after the whole timeout, and only for an ongoing transaction', () => {
    expect(inState('Ongoing').hasTimedOut(10_500)).toBe(false)
    expect(inState('Ongoing').hasTimedOut(10_501)).toBe(true)
    for (const state of STATES) expect(inState(state).hasTimedOut(99_999)).toBe(state === 'Ongoing')
  })

  test('T103 aborts with an epoch above that of the producer, which is fenced', () => {
    for (const featureVersion of [0, 1, 2]) {
      const transaction = inState('Ongoing', { clientTransactionVersion: 0 })
      const next = took(transaction, transaction.fence(featureVersion, undefined, NOW))
      expect(next).toMatchObject({ state: 'PrepareAbort', producerEpoch: EPOCH + 1, producerId: 7n })
      transaction.replay(transaction.complete(NOW).next)
      expect(said(transaction, add(me)(transaction))).toBe(FENCED)
      expect(said(transaction, commit(me, 0)(transaction))).toBe(FENCED)
    }
  })

  test.each([0, 1])(
    'leaves the highest epoch to the marker before KIP-890 (transaction.version %i)',
    level => {
      const transaction = inState('Ongoing', { producerEpoch: LAST_EPOCH })
      const next = took(transaction, transaction.fence(level, undefined, NOW))
      expect(next).toMatchObject({ state: 'PrepareAbort', producerEpoch: 32_767, nextProducerId: -1n })
      transaction.replay(transaction.complete(NOW).next)
      expect(begin(undefined)(transaction)).toBe(NEEDS_FRESH_ID)
    },
  )

  test('brings a new producer id where the epochs are used up', () => {
    const transaction = inState('Ongoing', { producerEpoch: LAST_EPOCH })
    expect(transaction.fence(2, undefined, NOW)).toBe(NEEDS_FRESH_ID)
    const next = took(transaction, transaction.fence(2, FRESH_ID, NOW))
    expect(next).toMatchObject({ state: 'PrepareAbort', producerEpoch: 32_767, nextProducerId: FRESH_ID })
  })

  test('has an id forgotten that has been idle for so long, and no other', () => {
    const expirable = STATES.filter(state => inState(state).hasExpired(NOW, 400))
    expect(expirable).toEqual(['Empty', 'CompleteCommit', 'CompleteAbort'])
    expect(inState('Empty').hasExpired(NOW, 401)).toBe(false)
  })
})

describe('the end of a transaction', () => {
  test('forgets its partitions and keeps its epoch', () => {
    const transaction = inState('PrepareCommit')
    const { next } = transaction.complete(NOW)
    expect(next).toMatchObject({ state: 'CompleteCommit', producerEpoch: EPOCH, startTimestampMs: 9_500 })
    expect(next.partitions.size).toBe(0)
    expect(inState('PrepareAbort').complete(NOW).next.state).toBe('CompleteAbort')
  })

  test('T111 an abort of nothing has a time of its own, and needs no partitions', () => {
    const transaction = inState('Empty')
    const next = took(transaction, abort(me)(transaction))
    expect(next).toMatchObject({ state: 'PrepareAbort', startTimestampMs: NOW, producerEpoch: EPOCH + 1 })
    expect(next.partitions.size).toBe(0)
  })

  test('T110 is told again to a producer that has not heard it, whose epoch is the one before', () => {
    const transaction = inState('Ongoing')
    took(transaction, commit(me)(transaction))
    transaction.replay(transaction.complete(NOW).next)
    expect(said(transaction, commit(me)(transaction))).toBe(NOTHING)
    expect(said(transaction, abort(me)(transaction))).toBe(INVALID)
    expect(transaction.snapshot.producerEpoch).toBe(EPOCH + 1)
  })

  test('of a successor of version 1 gives no epoch to a zombie of version 2', () => {
    for (const state of ['CompleteCommit', 'CompleteAbort', 'PrepareAbort'] as const) {
      for (const event of [commit(before), abort(before)]) {
        const transaction = inState(state, { clientTransactionVersion: 0 })
        expect(said(transaction, event(transaction))).toBe(FENCED)
      }
    }
  })

  test('T113 delayed from one transaction does not touch the next', () => {
    const transaction = inState('Ongoing')
    took(transaction, commit(me)(transaction))
    transaction.replay(transaction.complete(NOW).next)
    const next = { producerId: 7n, producerEpoch: EPOCH + 1 }
    took(transaction, add(next)(transaction))
    for (const late of [commit(me), abort(me), add(me), commit(me, 0), abort(me, 0)]) {
      expect(said(transaction, late(transaction))).toBe(FENCED)
    }
    expect(transaction.verify(me, [OTHER])).toEqual([ErrorCode.PRODUCER_FENCED])
  })
})

describe('T107 epochs that are used up', () => {
  const last = { producerId: 7n, producerEpoch: LAST_EPOCH }

  test('bring a new producer id with the next beginning', () => {
    const transaction = inState('CompleteCommit', { producerEpoch: LAST_EPOCH })
    const request = { timeoutMs: 1, expected: undefined, featureVersion: 2 }
    expect(transaction.initProducerId(request, undefined, NOW)).toBe(NEEDS_FRESH_ID)
    const next = took(transaction, transaction.initProducerId(request, FRESH_ID, NOW))
    expect(next).toMatchObject({ producerId: FRESH_ID, previousProducerId: 7n, producerEpoch: 0 })
  })

  test('let a producer that lost the answer go on with the new id', () => {
    const transaction = inState('CompleteCommit', { producerEpoch: LAST_EPOCH })
    const request = { timeoutMs: 1, expected: last, featureVersion: 2 }
    took(transaction, transaction.initProducerId(request, FRESH_ID, NOW))
    const again = took(transaction, transaction.initProducerId(request, undefined, NOW))
    expect(again).toMatchObject({ producerId: FRESH_ID, producerEpoch: 0 })
  })

  test('end a transaction under a marker of the old id, and go on with a new one', () => {
    const transaction = inState('Ongoing', { producerEpoch: LAST_EPOCH })
    const request = { ...last, isCommit: true, clientTransactionVersion: 2 }
    expect(transaction.end(request, undefined, NOW)).toBe(NEEDS_FRESH_ID)
    const prepared = took(transaction, transaction.end(request, FRESH_ID, NOW))
    expect(prepared).toMatchObject({ producerId: 7n, producerEpoch: 32_767, nextProducerId: FRESH_ID })
    expect(said(transaction, commit(last)(transaction))).toBe(BUSY)
    transaction.replay(transaction.complete(NOW).next)
    expect(transaction.snapshot).toMatchObject({
      producerId: FRESH_ID,
      producerEpoch: 0,
      nextProducerId: -1n,
    })
    expect(said(transaction, commit(last)(transaction))).toBe(NOTHING)
    expect(said(transaction, abort(last)(transaction))).toBe(INVALID)
  })

  test('of a producer that is late twice over are an error, as in Kafka', () => {
    const transaction = inState('CompleteCommit', { producerEpoch: LAST_EPOCH })
    const stale = { producerId: 7n, producerEpoch: LAST_EPOCH - 1 }
    const request = { timeoutMs: 1, expected: stale, featureVersion: 2 }
    expect(said(transaction, transaction.initProducerId(request, FRESH_ID, NOW))).toBe('UNKNOWN_SERVER_ERROR')
  })
})

describe('KIP-360: a producer that goes on after an error', () => {
  test('gets the same answer again where the first was lost', () => {
    const transaction = inState('Empty')
    expect(took(transaction, begin(me)(transaction)).producerEpoch).toBe(EPOCH + 1)
    expect(took(transaction, begin(me)(transaction)).producerEpoch).toBe(EPOCH + 1)
  })

  test('is fenced where another has begun meanwhile', () => {
    const transaction = inState('Empty')
    took(transaction, begin(undefined)(transaction))
    expect(said(transaction, begin(me)(transaction))).toBe(FENCED)
  })

  test('is fenced by the abort of its ongoing transaction before KIP-890', () => {
    const transaction = inState('Ongoing')
    took(transaction, begin(undefined, 1)(transaction))
    transaction.replay(transaction.complete(NOW).next)
    expect(said(transaction, begin(me)(transaction))).toBe(FENCED)
  })

  test('goes on with the epoch that the abort of its ongoing transaction has brought', () => {
    const transaction = inState('Ongoing')
    took(transaction, begin(me)(transaction))
    transaction.replay(transaction.complete(NOW).next)
    expect(took(transaction, begin(me)(transaction)).producerEpoch).toBe(EPOCH + 1)
  })
})
