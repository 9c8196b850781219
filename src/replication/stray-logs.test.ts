/** What becomes of logs whose topic the metadata does not know, and of topics deleted around a crash. */
import { expect, test } from 'vitest'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { type MemoryBroker, startBroker } from '../api/testing/memory-broker.ts'
import { createTopics, metadataOf, newTopic, produceTo } from '../api/testing/wire-broker.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'

const crashable = () => new MemoryDisk({ clock: new ManualClock(), isCrashable: true })

async function withTopic(disk: MemoryDisk): Promise<{ running: MemoryBroker; client: WireClient }> {
  const running = await startBroker(disk)
  const client = await running.connect()
  await createTopics(client, [newTopic('orders', { numPartitions: 2 }), 'kept'])
  for (const topic of ['orders', 'kept']) await produceTo(client, topic)
  return { running, client }
}

function deleteTopic(client: WireClient, name: string): number {
  const body = { topics: [{ name, topicId: ZERO_UUID }], topicNames: [name], timeoutMs: 10_000 }
  return client.send({ request: DeleteTopicsRequest, version: 6, body })
}

async function directories(disk: MemoryDisk): Promise<string[]> {
  const entries = await disk.list('/data')
  return entries.filter(entry => entry.isDirectory).map(({ name }) => name.replace(/[0-9a-f]{32}/, 'ID'))
}

test('a crash between the deletion of a topic and that of its logs leaves strays', async () => {
  const disk = crashable()
  const { client } = await withTopic(disk)
  const log = await disk.readFile('/data/orders-0/00000000000000000000.log')
  const crashed = new Promise<void>(resolve => {
    disk.intercept = operation => {
      if (operation.name !== 'rename' || !operation.path.includes('/orders-')) return
      resolve()
      return new Promise(() => {})
    }
  })
  deleteTopic(client, 'orders')
  await crashed
  disk.intercept = undefined
  disk.crash('kept')

  const again = await startBroker(disk)
  const known = await metadataOf(await again.connect(), null)
  expect(known.topics.map(topic => topic.name)).toEqual(['kept'])
  expect(await directories(disk)).toEqual(['kept-0', 'orders-0.ID-stray', 'orders-1.ID-stray'])
  expect(again.lines).toHaveLength(1)
  expect(JSON.parse(again.lines[0]!)).toMatchObject({
    message: expect.stringContaining('Set aside logs that belong to no topic'),
    directories: [expect.stringMatching(/orders-0\..*-stray/), expect.stringMatching(/orders-1\..*-stray/)],
  })
  const stray = (await disk.list('/data')).find(({ name }) => name.startsWith('orders-0'))!
  expect(await disk.readFile(`/data/${stray.name}/00000000000000000000.log`)).toEqual(log)

  const client2 = await again.connect()
  await createTopics(client2, ['orders'])
  expect(await produceTo(client2, 'orders')).toMatchObject({ errorCode: 0, baseOffset: 0n })
  await again.broker.close()
})

test('logs that were renamed for deletion before a crash go at the next start', async () => {
  const disk = crashable()
  const { client } = await withTopic(disk)
  await client.receive(DeleteTopicsResponse, 6, deleteTopic(client, 'orders'))
  expect(await directories(disk)).toEqual(['kept-0', 'orders-0.ID-delete', 'orders-1.ID-delete'])
  disk.crash('kept')

  const clock = new ManualClock()
  const again = await startBroker(disk, {}, clock)
  clock.advance(1)
  await again.broker.close()
  expect(again.lines).toEqual([])
  expect(await directories(disk)).toEqual(['kept-0'])
})

test('metadata that lost a topic costs no records: its logs are set aside once', async () => {
  const disk = crashable()
  const { running, client } = await withTopic(disk)
  const before = await disk.readFile('/data/klamm-metadata.log')
  await createTopics(client, ['later'])
  await produceTo(client, 'later')
  await running.broker.close()
  const file = await disk.open('/data/klamm-metadata.log', 'write')
  await file.truncate(before.length)
  await file.close()

  for (const warnings of [1, 1]) {
    const again = await startBroker(disk)
    expect(await directories(disk)).toEqual(['kept-0', 'later-0.ID-stray', 'orders-0', 'orders-1'])
    expect(again.lines).toHaveLength(warnings)
    await again.broker.close()
  }
})

test('a log of no topic is set aside too where it cannot be opened, and its name is free', async () => {
  const disk = crashable()
  const { running, client } = await withTopic(disk)
  const before = await disk.readFile('/data/klamm-metadata.log')
  await createTopics(client, ['later'])
  await produceTo(client, 'later')
  await running.broker.close()
  for (const [path, size] of [
    ['/data/klamm-metadata.log', before.length],
    ['/data/later-0/00000000000000000000.log', 60],
  ] as const) {
    const file = await disk.open(path, 'write')
    await file.truncate(size)
    await file.close()
  }
  await disk.remove('/data/later-0/00000000000000000001.snapshot')

  const again = await startBroker(disk)
  expect(await directories(disk)).toEqual(['kept-0', 'later-0.ID-stray', 'orders-0', 'orders-1'])
  const client2 = await again.connect()
  await createTopics(client2, ['later'])
  expect(await produceTo(client2, 'later')).toMatchObject({ errorCode: 0, baseOffset: 0n })
  await again.broker.close()
})

test.each([
  ['is missing', (bytes: Buffer) => bytes.subarray(0, 0), true],
  ['was never whole', (bytes: Buffer) => bytes.subarray(0, 30), false],
])('a directory whose metadata %s is refused, with its logs as they were', async (_, cut, isRemoved) => {
  const disk = crashable()
  const { running } = await withTopic(disk)
  await running.broker.close()
  const path = '/data/klamm-metadata.log'
  const rest = cut(await disk.readFile(path))
  await disk.remove(path)
  if (!isRemoved) {
    const file = await disk.open(path, 'write')
    await file.write([rest], 0)
    await file.close()
  }
  const why =
    /holds 3 logs, and no metadata that says what they are.*klamm import.*restore klamm-metadata\.log/
  await expect(startBroker(disk)).rejects.toThrow(why)
  expect(await directories(disk)).toEqual(['kept-0', 'orders-0', 'orders-1'])
  expect((await disk.list('/data')).map(entry => entry.name)).toContain('.kafka_cleanshutdown')
})
