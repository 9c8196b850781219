import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTopics, metadataOf, produceTo } from './api/testing/wire-broker.ts'
import { WireClient } from './conformance/wire-client.ts'
import { Klamm, StartFailure } from './embedded.ts'
import { nodePlatform } from './platform/node.ts'

const connect = ({ host, port }: Klamm) => WireClient.connect(nodePlatform().network, { host, port })

test('starts without a word on a free port, in memory', async () => {
  const klamm = await Klamm.start()
  expect(klamm.bootstrapServers).toBe(`127.0.0.1:${klamm.port}`)
  const client = await connect(klamm)
  await createTopics(client, ['a'])
  expect(await produceTo(client, 'a')).toMatchObject({ errorCode: 0, baseOffset: 0n })
  expect((await metadataOf(client, [])).clusterId).toBe(klamm.clusterId)
  await client.close()
  await klamm.close()
})

test('options go by name, over all other settings', async () => {
  const klamm = await Klamm.start({ config: { 'num.partitions': 3, 'broker.rack': 'r' } })
  const client = await connect(klamm)
  const { topics, brokers } = await metadataOf(client, ['a'], { allowAutoTopicCreation: true })
  expect(topics[0]!.partitions).toHaveLength(3)
  expect(brokers[0]!.rack).toBe('r')
  await client.close()
  await klamm.close()
})

test('a directory keeps the data, and disposing closes', async () => {
  const storage = mkdtempSync(join(tmpdir(), 'klamm-'))
  for (const offset of [0n, 1n]) {
    const klamm = await Klamm.start({ storage })
    const client = await connect(klamm)
    if (offset === 0n) await createTopics(client, ['kept'])
    expect(await produceTo(client, 'kept')).toMatchObject({ baseOffset: offset })
    await client.close()
    await klamm[Symbol.asyncDispose]()
  }
  rmSync(storage, { recursive: true })
})

test('what cannot be is refused by name', async () => {
  await expect(Klamm.start({ config: { 'num.partition': 1 } })).rejects.toThrow(
    /num\.partition;.*num\.partitions/,
  )
  await expect(Klamm.start({ config: { 'num.partitions': 0 } })).rejects.toBeInstanceOf(StartFailure)
  const first = await Klamm.start()
  await expect(Klamm.start({ port: first.port })).rejects.toThrow(/in use/)
  await first.close()
})
