import { afterEach, beforeEach, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { LOCAL_BROKER } from '../replication/testing/replica-host.ts'
import { CoordinatorDriver, DATA_TOPIC } from './testing/coordinator-driver.ts'
import type { ProducerIdAndEpoch } from './transaction.ts'
import { TRANSACTION_TOPIC } from './transaction-coordinator.ts'

const FOLLOWER = 2
/** `request.timeout.ms` */
const COMMIT_TIMEOUT_MS = 30_000

let driver: CoordinatorDriver

beforeEach(async () => {
  driver = await CoordinatorDriver.start()
})
afterEach(() => driver.stop())

/** From now on nothing of the coordinator is committed until `committed` is called. */
async function holdCommits(): Promise<void> {
  const upTo = driver.host.partition(TRANSACTION_TOPIC).logEndOffset
  const replicas = [LOCAL_BROKER, FOLLOWER]
  await driver.host.changePartition(TRANSACTION_TOPIC, 0, { replicas, isr: replicas })
  driver.apply()
  driver.host.partition(TRANSACTION_TOPIC).recordFollowerFetch(FOLLOWER, upTo)
  await driver.turns()
}

function committed(): void {
  const partition = driver.host.partition(TRANSACTION_TOPIC)
  partition.recordFollowerFetch(FOLLOWER, partition.logEndOffset)
}

/** Waits for an answer while a replica follows. */
async function followed<T>(answer: Promise<T>): Promise<T> {
  for (let turns = 0; turns < 5; turns++) {
    await driver.turns()
    committed()
  }
  return answer
}

/** Clients of version 1 keep their epoch from transaction to transaction. */
const classic = {
  add: (producer: ProducerIdAndEpoch, index: number) =>
    driver.coordinator.addPartitions({
      transactionalId: 'tx',
      ...producer,
      partitions: [{ topic: DATA_TOPIC, index }],
      clientTransactionVersion: 0,
    }),
  end: (producer: ProducerIdAndEpoch, isCommit: boolean) =>
    driver.coordinator.endTransaction({
      transactionalId: 'tx',
      ...producer,
      isCommit,
      clientTransactionVersion: 0,
    }),
}

test('a verdict in the same epoch as the one before is carried out for itself', async () => {
  const producer = await driver.begin()
  await classic.add(producer, 0)
  let open = () => {}
  driver.markers.gate = new Promise(resolve => (open = resolve))
  expect((await classic.end(producer, true)).error).toBe(ErrorCode.NONE)
  await driver.turns()
  await holdCommits()
  open()
  await driver.turns()
  // That the first verdict is complete is committed too late for who carries it out.
  await driver.host.clock.run(COMMIT_TIMEOUT_MS)
  committed()
  expect(await followed(classic.add(producer, 1))).toBe(ErrorCode.NONE)
  expect((await followed(classic.end(producer, false))).error).toBe(ErrorCode.NONE)
  await driver.host.clock.run(200)
  await followed(Promise.resolve())
  expect(driver.markers.written).toEqual(['COMMIT 100/0 orders-0', 'ABORT 100/0 orders-1'])
  expect(await driver.state()).toBe('CompleteAbort')
})

test('a verdict is carried out where time was about to abort its transaction with a new id', async () => {
  const producer = { producerId: 50n, producerEpoch: 32_766 }
  await driver.age(producer.producerId, producer.producerEpoch)
  await classic.add(producer, 0)
  let open = () => {}
  driver.idGate = new Promise(resolve => (open = resolve))
  await driver.host.clock.run(70_001)
  await driver.turns()
  expect(await driver.state()).toBe('Ongoing')
  expect((await classic.end(producer, true)).error).toBe(ErrorCode.NONE)
  await driver.turns()
  open()
  await driver.turns()
  expect(driver.markers.written).toEqual(['COMMIT 50/32766 orders-0'])
  expect(await driver.state()).toBe('CompleteCommit')
})

test('a verdict whose markers met a bug is tried again', async () => {
  const producer = await driver.begin()
  await driver.add(producer, 0)
  let fail = (_: Error) => {}
  driver.markers.gate = new Promise((_, reject) => (fail = reject))
  await driver.end(producer, true)
  await driver.turns()
  fail(new Error('a bug'))
  await driver.turns()
  expect(await driver.state()).toBe('PrepareCommit')
  driver.markers.gate = Promise.resolve()
  await driver.host.clock.run(1_000)
  await driver.turns()
  expect(await driver.state()).toBe('CompleteCommit')
})

test('a verdict that could not be recorded is not carried out', async () => {
  const one = await driver.begin('one')
  const other = await driver.begin('other')
  const long = 'o'.repeat(249)
  await driver.host.createTopic(long)
  driver.apply()
  const partitions = [{ topic: long, index: 0 }]
  await driver.coordinator.addPartitions({ ...one, partitions: [], clientTransactionVersion: 2 })
  await driver.coordinator.addPartitions({ ...other, partitions, clientTransactionVersion: 2 })
  await holdCommits()
  const ended = driver.coordinator.endTransaction({ ...one, isCommit: true, clientTransactionVersion: 2 })
  await driver.turns()
  await driver.host.configureTopic(TRANSACTION_TOPIC, { 'max.message.bytes': '400' })
  driver.apply()
  const refused = driver.coordinator.endTransaction({ ...other, isCommit: true, clientTransactionVersion: 2 })
  expect((await refused).error).toBe(ErrorCode.UNKNOWN_SERVER_ERROR)
  committed()
  expect((await followed(ended)).error).toBe(ErrorCode.NONE)
  await driver.host.clock.run(1_000)
  expect(await followed(driver.state('other'))).toBe('Ongoing')
  expect(driver.markers.written).toEqual([])
})

test('a transaction is aborted in time after the wall clock was set back', async () => {
  await driver.begin('before')
  await driver.coordinator.addPartitions({
    transactionalId: 'before',
    producerId: 100n,
    producerEpoch: 0,
    partitions: [{ topic: DATA_TOPIC, index: 1 }],
    clientTransactionVersion: 2,
  })
  driver.host.clock.stepWall(-86_400_000)
  const producer = await driver.begin()
  await driver.add(producer, 0)
  await driver.host.clock.run(70_001)
  await driver.turns()
  expect(driver.markers.written).toEqual(['ABORT 101/1 orders-0'])
})
