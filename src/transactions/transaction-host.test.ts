import { afterEach, beforeEach, expect, test } from 'vitest'
import { CoordinatorDriver } from './testing/coordinator-driver.ts'

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
