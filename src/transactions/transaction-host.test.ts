import { afterEach, beforeEach, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { CoordinatorDriver } from './testing/coordinator-driver.ts'
import { TRANSACTION_TOPIC } from './transaction-coordinator.ts'

let driver: CoordinatorDriver

beforeEach(async () => {
  driver = await CoordinatorDriver.start()
})
afterEach(() => driver.stop())

test('a marker is owed to a topic that the cluster has, while others are being made', async () => {
  const { coordinator } = driver
  const producer = await driver.begin()
  // The coordinator takes up an image when all of it is there; topics can be written one by one before.
  await driver.host.createTopic('new')
  const partitions = [{ topic: 'new', index: 0 }]
  await coordinator.addPartitions({ ...producer, partitions, clientTransactionVersion: 2 })
  await driver.end(producer, true)
  await driver.turns()
  expect(driver.markers.written).toEqual(['COMMIT 100/1 new-0'])
  expect(await driver.state()).toBe('CompleteCommit')
})

test('a partition that a full disk kept from being made is coordinated once it is there', async () => {
  const { host, coordinator } = driver
  await host.deleteTopic(TRANSACTION_TOPIC)
  driver.apply()
  const { capacityBytes } = host.disk
  host.disk.capacityBytes = 0
  await host.createTopic(TRANSACTION_TOPIC)
  driver.apply()
  const begin = () =>
    coordinator.initProducerId({ transactionalId: 'tx', timeoutMs: 1_000, expected: undefined })
  expect(await begin()).toEqual({ error: ErrorCode.NOT_COORDINATOR })
  host.disk.capacityBytes = capacityBytes
  await host.clock.run(5_000)
  await driver.turns()
  expect((await begin()).error).toBe(ErrorCode.NONE)
})
