import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode, ok } from '../../protocol/errors.ts'
import { LOCAL_BROKER } from '../replication/testing/replica-host.ts'
import { CoordinatorDriver, DATA_TOPIC } from './testing/coordinator-driver.ts'
import { TRANSACTION_TOPIC } from './transaction-coordinator.ts'

const FOLLOWER = 2

let driver: CoordinatorDriver

beforeEach(async () => {
  driver = await CoordinatorDriver.start()
})
afterEach(() => driver.stop())

/** A second replica that has nothing yet holds the high watermark back. */
async function withFollower(): Promise<void> {
  const replicas = [LOCAL_BROKER, FOLLOWER]
  const upTo = driver.host.partition(TRANSACTION_TOPIC).logEndOffset
  await driver.host.changePartition(TRANSACTION_TOPIC, 0, { replicas, isr: replicas })
  driver.apply()
  followerHas(upTo)
  await driver.turns()
}

function followerHas(offset: bigint): void {
  driver.host.partition(TRANSACTION_TOPIC).recordFollowerFetch(FOLLOWER, offset)
}

describe('a verdict', () => {
  test('reaches every partition that takes part, and is complete then', async () => {
    await driver.host.createTopic('__consumer_offsets', { partitions: 8 })
    driver.apply()
    const producer = await driver.begin()
    expect(await driver.add(producer, 0, 2)).toBe(ErrorCode.NONE)
    expect(await driver.coordinator.addOffsets({ ...producer, groupId: 'group' })).toBe(ErrorCode.NONE)
    expect(await driver.end(producer, true)).toEqual(ok({ producerId: 100n, producerEpoch: 1 }))
    await driver.turns()
    expect(driver.markers.written).toEqual(['COMMIT 100/1 orders-0 orders-2 __consumer_offsets-7'])
    expect(await driver.state()).toBe('CompleteCommit')
  })

  test('T112 is answered when it is committed, and carried out from then on, never before', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    await withFollower()
    const ended = driver.end(producer, true)
    expect(await driver.soFar(ended)).toBe('waiting')
    expect(driver.markers.written).toEqual([])
    followerHas(driver.host.partition(TRANSACTION_TOPIC).logEndOffset)
    expect(await ended).toEqual(ok({ producerId: 100n, producerEpoch: 1 }))
    await driver.turns()
    expect(driver.markers.written).toEqual(['COMMIT 100/1 orders-0'])
    followerHas(driver.host.partition(TRANSACTION_TOPIC).logEndOffset)
  })

  test('T112 is answered before its markers are written; the next transaction waits for them', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    let open = () => {}
    driver.markers.gate = new Promise(resolve => (open = resolve))
    const ended = await driver.end(producer, true)
    if (ended.error) throw new Error('it did not end')
    expect(await driver.state()).toBe('PrepareCommit')
    expect(await driver.add(ended.value, 1)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS)
    open()
    await driver.turns()
    expect(await driver.state()).toBe('CompleteCommit')
    expect(await driver.add(ended.value, 1)).toBe(ErrorCode.NONE)
  })

  test("goes on after a crash between its record and its markers, in the leader's next epoch", async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0, 1)
    driver.markers.gate = new Promise(() => {})
    await driver.end(producer, true)
    await driver.crash()
    expect(driver.markers.written).toEqual(['COMMIT 100/1 orders-0 orders-1'])
    expect(driver.markers.markers[0]).toMatchObject({ coordinatorEpoch: 1, transactionVersion: 2 })
    expect(await driver.state()).toBe('CompleteCommit')
  })

  test('is not forgotten where its commit takes longer than its producer waits', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    await withFollower()
    const ended = driver.end(producer, false)
    await driver.turns()
    await driver.host.clock.run(30_000)
    expect(await ended).toEqual({ error: ErrorCode.COORDINATOR_NOT_AVAILABLE })
    expect(driver.markers.written).toEqual([])
    followerHas(driver.host.partition(TRANSACTION_TOPIC).logEndOffset)
    await driver.host.clock.run(100)
    await driver.turns()
    expect(driver.markers.written).toEqual(['ABORT 100/1 orders-0'])
    followerHas(driver.host.partition(TRANSACTION_TOPIC).logEndOffset)
    expect(await driver.state()).toBe('CompleteAbort')
  })

  test('over nothing needs no markers', async () => {
    const producer = await driver.begin()
    expect(await driver.end(producer, false)).toEqual(ok({ producerId: 100n, producerEpoch: 1 }))
    await driver.turns()
    expect(driver.markers.written).toEqual([])
    expect(await driver.state()).toBe('CompleteAbort')
  })
})

describe('a marker', () => {
  test('is tried again where it was not written, and only there', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0, 1)
    const { NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS } = ErrorCode
    driver.markers.codes.set('orders-1', [NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS])
    await driver.end(producer, true)
    await driver.turns()
    expect(await driver.state()).toBe('PrepareCommit')
    await driver.host.clock.run(100)
    await driver.turns()
    expect(driver.markers.written).toEqual([
      'COMMIT 100/1 orders-0 orders-1',
      'COMMIT 100/1 orders-1',
      'COMMIT 100/1 orders-1',
    ])
    expect(await driver.state()).toBe('CompleteCommit')
  })

  test('T101 is not owed to a topic that is deleted in the middle of the transaction', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    await driver.host.deleteTopic(DATA_TOPIC)
    driver.apply()
    await driver.end(producer, true)
    await driver.turns()
    expect(driver.markers.written).toEqual([])
    expect(await driver.state()).toBe('CompleteCommit')
  })

  test('T101 is no longer owed to a topic that is deleted while it is tried', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    driver.markers.codes.set(
      'orders-0',
      Array.from({ length: 9 }, () => ErrorCode.KAFKA_STORAGE_ERROR),
    )
    await driver.end(producer, true)
    await driver.host.clock.run(50)
    expect(await driver.state()).toBe('PrepareCommit')
    await driver.host.deleteTopic(DATA_TOPIC)
    driver.apply()
    await driver.host.clock.run(1_000)
    await driver.turns()
    expect(await driver.state()).toBe('CompleteCommit')
  })

  test('that the partition has overtaken leaves no transaction stuck', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    driver.markers.codes.set('orders-0', [ErrorCode.INVALID_PRODUCER_EPOCH])
    await driver.end(producer, false)
    await driver.turns()
    expect(await driver.state()).toBe('CompleteAbort')
  })

  test('of a coordinator that another has replaced is left to that one', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    driver.markers.codes.set('orders-0', [ErrorCode.TRANSACTION_COORDINATOR_FENCED])
    await driver.end(producer, true)
    await driver.host.clock.run(5_000)
    expect(driver.markers.written).toHaveLength(1)
    expect(await driver.state()).toBe('PrepareCommit')
    await driver.crash()
    expect(await driver.state()).toBe('CompleteCommit')
  })
})

describe('a write of version 2', () => {
  const partitions = [{ topic: DATA_TOPIC, index: 1 }]

  test('adds its partition, and begins the transaction', async () => {
    const producer = await driver.begin()
    const added = await driver.coordinator.verifyOrAddPartitions({
      ...producer,
      partitions,
      isVerifyOnly: false,
    })
    expect(added).toEqual([ErrorCode.NONE])
    expect(await driver.state()).toBe('Ongoing')
  })

  test('waits a moment for the transaction before it to end', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    let open = () => {}
    driver.markers.gate = new Promise(resolve => (open = resolve))
    await driver.end(producer, true)
    const next = { ...producer, producerEpoch: 1 }
    const added = driver.coordinator.verifyOrAddPartitions({ ...next, partitions, isVerifyOnly: false })
    expect(await driver.soFar(added)).toBe('waiting')
    open()
    expect(await driver.soFar(added)).toEqual([ErrorCode.NONE])
  })

  test('is told CONCURRENT_TRANSACTIONS after add.partitions.to.txn.retry.backoff.max.ms', async () => {
    const producer = await driver.begin()
    await driver.add(producer, 0)
    driver.markers.gate = new Promise(() => {})
    await driver.end(producer, true)
    const next = { ...producer, producerEpoch: 1 }
    const added = driver.coordinator.verifyOrAddPartitions({ ...next, partitions, isVerifyOnly: false })
    await driver.host.clock.run(99)
    expect(await driver.soFar(added)).toBe('waiting')
    await driver.host.clock.run(1)
    expect(await driver.soFar(added)).toEqual([ErrorCode.CONCURRENT_TRANSACTIONS])
  })
})

describe('producers', () => {
  test('T106 get ids that were never given out before, over a crash too', async () => {
    const seen = [(await driver.begin('a')).producerId, (await driver.begin('b')).producerId]
    await driver.crash()
    seen.push((await driver.begin('c')).producerId, (await driver.begin('a')).producerId)
    expect(seen).toEqual([100n, 101n, 102n, 100n])
  })

  test('T104 find the transaction of the one before aborted, and go on when it is', async () => {
    const zombie = await driver.begin()
    await driver.add(zombie, 0)
    const request = { transactionalId: 'tx', timeoutMs: 60_000, expected: undefined }
    expect(await driver.coordinator.initProducerId(request)).toEqual({
      error: ErrorCode.CONCURRENT_TRANSACTIONS,
    })
    await driver.turns()
    expect(driver.markers.written).toEqual(['ABORT 100/1 orders-0'])
    expect((await driver.begin()).producerEpoch).toBe(2)
  })

  test('T103 T107 are aborted in time with a new id, where epochs are used up', async () => {
    await driver.age(50n, 32_766)
    await driver.add({ producerId: 50n, producerEpoch: 32_766 }, 0)
    await driver.host.clock.run(70_001)
    await driver.turns()
    expect(driver.markers.written).toEqual(['ABORT 50/32767 orders-0'])
    const described = await driver.coordinator.describe('tx')
    expect(described).toMatchObject({ value: { state: 'CompleteAbort', producerId: 100n, producerEpoch: 0 } })
  })

  test('T102 ask for a timeout above zero, and not above the maximum', async () => {
    const codes = []
    for (const timeoutMs of [-1, 0, 1, 900_000, 900_001]) {
      const request = { transactionalId: 'tx', timeoutMs, expected: undefined }
      codes.push((await driver.coordinator.initProducerId(request)).error)
    }
    const { INVALID_TRANSACTION_TIMEOUT, NONE } = ErrorCode
    expect(codes).toEqual([
      INVALID_TRANSACTION_TIMEOUT,
      INVALID_TRANSACTION_TIMEOUT,
      NONE,
      NONE,
      INVALID_TRANSACTION_TIMEOUT,
    ])
  })

  test('have ids that are not empty', async () => {
    const nobody = { transactionalId: '', producerId: 1n, producerEpoch: 0 }
    const { INVALID_REQUEST } = ErrorCode
    const { coordinator } = driver
    const request = { transactionalId: '', timeoutMs: 1, expected: undefined }
    const end = { ...nobody, isCommit: true, clientTransactionVersion: 2 }
    const partitions = [{ topic: DATA_TOPIC, index: 0 }]
    expect((await coordinator.initProducerId(request)).error).toBe(INVALID_REQUEST)
    expect((await coordinator.endTransaction(end)).error).toBe(INVALID_REQUEST)
    expect(await coordinator.addOffsets({ ...nobody, groupId: 'g' })).toBe(INVALID_REQUEST)
    for (const isVerifyOnly of [true, false]) {
      const codes = await coordinator.verifyOrAddPartitions({ ...nobody, partitions, isVerifyOnly })
      expect(codes).toEqual([INVALID_REQUEST])
    }
  })

  test('are listed by state, id, age and name', async () => {
    const open = await driver.begin('orders-1')
    await driver.add({ ...open, transactionalId: 'orders-1' } as typeof open, 0)
    await driver.begin('stock-1')
    await driver.host.clock.run(500)
    const all = { states: [], producerIds: [], durationMs: -1, matches: undefined }
    const ids = async (filters: Partial<typeof all> | object) => {
      const listed = await driver.coordinator.list({ ...all, ...filters })
      return listed.error ? listed.error : listed.value.map(each => each.transactionalId)
    }
    expect(await ids({})).toEqual(['orders-1', 'stock-1'])
    expect(await ids({ states: ['Ongoing', 'Nonsense'] })).toEqual(['orders-1'])
    expect(await ids({ states: ['Nonsense'] })).toEqual([])
    expect(await ids({ producerIds: [101n] })).toEqual(['stock-1'])
    expect(await ids({ states: ['Ongoing'], durationMs: 499 })).toEqual(['orders-1'])
    expect(await ids({ states: ['Ongoing'], durationMs: 500 })).toEqual([])
    expect(await ids({ matches: (id: string) => id.startsWith('stock') })).toEqual(['stock-1'])
  })
})

test('closes with nothing left that would wake up', async () => {
  const producer = await driver.begin()
  await driver.add(producer, 0)
  driver.markers.codes.set(
    'orders-0',
    Array.from({ length: 50 }, () => ErrorCode.KAFKA_STORAGE_ERROR),
  )
  await driver.end(producer, true)
  await driver.turns()
  await driver.stop()
  expect(driver.host.clock.pendingTimers).toBe(0)
  driver = await CoordinatorDriver.start()
})
