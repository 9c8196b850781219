import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../protocol/errors.ts'
import { FetchRequest, FetchResponse } from '../protocol/messages/fetch.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../protocol/messages/incremental-alter-configs.ts'
import { MetadataRequest } from '../protocol/messages/metadata.ts'
import { SimulatedBroker } from './api/testing/simulated-broker.ts'
import { createTopics, metadataOf, produceTo, WireBroker } from './api/testing/wire-broker.ts'
import { Broker, StartFailure } from './broker.ts'
import { loadConfig } from './config.ts'
import type { WireClient } from './conformance/wire-client.ts'
import { silentLogger } from './observe/logger.ts'
import { nodePlatform } from './platform/node.ts'
import type { Platform } from './platform/platform.ts'
import { MemoryDisk } from './platform/simulated/memory-disk.ts'

type Options = Readonly<Record<string, string | number | boolean>>

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'klamm-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const onDisk = (): Options => ({ 'klamm.storage': 'disk', 'log.dirs': directory })

function startOn(platform: Platform, options: Options): Promise<Broker> {
  const listeners = 'PLAINTEXT://127.0.0.1:0'
  const { config, problems } = loadConfig({ profile: 'ci', options: { listeners, ...options } })
  if (!config) throw new Error(problems.join('; '))
  return Broker.start({ config, platform, logger: silentLogger })
}

/** Why a broker does not start. */
async function failure(start: Promise<unknown>): Promise<string> {
  const error = await start.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StartFailure)
  return (error as StartFailure).message
}

async function valuesOf(client: WireClient, topic: string): Promise<number> {
  const { topicId } = (await metadataOf(client, [topic])).topics[0]!
  const response = await client.call({
    request: FetchRequest,
    response: FetchResponse,
    version: 13,
    body: {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 0,
      sessionEpoch: -1,
      forgottenTopicsData: [],
      topics: [
        { topic, topicId, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }] },
      ],
    },
  })
  return Number(response.responses[0]!.partitions[0]!.highWatermark)
}

describe('a broker', () => {
  test('keeps topics and records over restarts', async () => {
    for (let round = 0; round < 3; round++) {
      const broker = await WireBroker.start(onDisk())
      const client = await broker.connect()
      if (round === 0) await createTopics(client, ['kept'])
      expect(await produceTo(client, 'kept')).toMatchObject({ errorCode: 0, baseOffset: BigInt(round) })
      expect(await valuesOf(client, 'kept')).toBe(round + 1)
      await broker.close()
    }
  })

  test('keeps nothing, and touches no disk, where storage is memory', async () => {
    const broker = await WireBroker.start({ 'log.dirs': join(directory, 'data') })
    const client = await broker.connect()
    await createTopics(client, ['fleeting'])
    expect(await produceTo(client, 'fleeting')).toMatchObject({ errorCode: 0 })
    await broker.close()
    expect(readdirSync(directory)).toEqual([])
  })

  test('fifty of them live in one process, each with its own topics', async () => {
    const brokers = await Promise.all(Array.from({ length: 50 }, () => WireBroker.start()))
    const clients = await Promise.all(brokers.map(broker => broker.connect()))
    await Promise.all(clients.map((client, i) => createTopics(client, [`topic-${i}`])))
    for (const [i, client] of clients.entries()) {
      expect((await metadataOf(client, null)).topics.map(({ name }) => name)).toEqual([`topic-${i}`])
    }
    await Promise.all(brokers.map(broker => broker.close()))
  })

  test('closed, it leaves nothing that would keep the process alive, and frees its port', async () => {
    const before = process.getActiveResourcesInfo().length
    const broker = await WireBroker.start(onDisk())
    const client = await broker.connect()
    await createTopics(client, ['a'])
    await produceTo(client, 'a')
    await broker.close()
    await broker.broker.close()
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before)
    const successor = await WireBroker.start({
      ...onDisk(),
      listeners: `PLAINTEXT://127.0.0.1:${broker.port}`,
    })
    await successor.close()
  })

  test('a long poll does not hold up its close', async () => {
    const broker = await WireBroker.start()
    const client = await broker.connect()
    await createTopics(client, ['quiet'])
    const { topicId } = (await metadataOf(client, ['quiet'])).topics[0]!
    // Both arrive in one piece: whoever has answered the first has the second.
    const ahead = { topics: [], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
    const body = { ...ahead, includeClusterAuthorizedOperations: false }
    client.send({ request: MetadataRequest, version: 12, body })
    client.send({
      request: FetchRequest,
      version: 13,
      body: {
        maxWaitMs: 60_000,
        minBytes: 1,
        isolationLevel: 0,
        sessionEpoch: -1,
        forgottenTopicsData: [],
        topics: [
          { topic: '', topicId, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }] },
        ],
      },
    })
    await client.receiveFrame()
    const answered = client.receiveFrame()
    await broker.broker.close()
    expect((await answered).length).toBeGreaterThan(8)
    await broker.close()
  })

  test('listens on both families of localhost', async () => {
    const broker = await WireBroker.start({ listeners: 'PLAINTEXT://localhost:0' })
    for (const host of ['127.0.0.1', 'localhost']) {
      const client = await broker.connect('wire', host)
      expect((await metadataOf(client, [])).brokers[0]!.port).toBe(broker.port)
    }
    await broker.close()
  })
})

describe('a broker that cannot start says what to change', () => {
  test('a port in use', async () => {
    const taken = createServer()
    await new Promise<void>(done => taken.listen(0, '127.0.0.1', done))
    const { port } = taken.address() as { port: number }
    const options = { ...onDisk(), listeners: `PLAINTEXT://127.0.0.1:${port}` }
    expect(await failure(startOn(nodePlatform(), options))).toBe(
      `listeners: 127.0.0.1:${port} is in use by another program; stop that, or choose another port ` +
        '(port, --port or listeners)',
    )
    await new Promise(done => taken.close(done))
    // It let go of the directory as well.
    await (await startOn(nodePlatform(), options)).close()
  })

  test('an address that is not of this machine', async () => {
    const message = await failure(startOn(nodePlatform(), { listeners: 'PLAINTEXT://192.0.2.1:0' }))
    expect(message).toMatch(/^listeners: 192\.0\.2\.1 is not an address of this machine/)
  })

  test('a data directory in use', async () => {
    const broker = await WireBroker.start(onDisk())
    const client = await broker.connect()
    expect(await failure(startOn(nodePlatform(), onDisk()))).toMatch(/in use by another broker.*log\.dirs/s)
    await createTopics(client, ['unharmed'])
    expect(await produceTo(client, 'unharmed')).toMatchObject({ errorCode: ErrorCode.NONE })
    await broker.close()
  })

  test('a data directory that is a file', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, '')
    const message = await failure(startOn(nodePlatform(), { ...onDisk(), 'log.dirs': path }))
    expect(message).toContain('log.dirs')
    expect(message).toContain(path)
  })

  test.each(['EACCES', 'EROFS', 'ENOSPC'])('a data directory that gives %s', async code => {
    const platform = nodePlatform()
    for (const failing of ['makeDirectory', 'open', 'write', 'rename', 'sync']) {
      const disk = new MemoryDisk({ clock: platform.clock })
      disk.intercept = ({ name }) => {
        if (name === failing) throw Object.assign(new Error(`${code}: not allowed`), { code })
      }
      const message = await failure(
        startOn({ ...platform, disk }, { 'klamm.storage': 'disk', 'log.dirs': '/d' }),
      )
      expect(message, failing).toMatch(/log\.dirs/)
      expect(message, failing).not.toContain('\n')
    }
  })

  test('metadata that is damaged', async () => {
    await (await startOn(nodePlatform(), onDisk())).close()
    writeFileSync(join(directory, 'klamm-metadata.log'), 'not what was there')
    expect(await failure(startOn(nodePlatform(), onDisk()))).toMatch(/klamm-metadata\.log/)
  })

  test('a data directory of a newer Klamm, in which nothing is changed', async () => {
    const broker = await WireBroker.start(onDisk())
    await createTopics(await broker.connect(), ['later'])
    await broker.close()
    const log = join(directory, 'klamm-metadata.log')
    const newer = readFileSync(log)
    newer[7] = 2
    writeFileSync(log, newer)
    const before = readdirSync(directory, { recursive: true })
    expect(await failure(startOn(nodePlatform(), onDisk()))).toMatch(/klamm-metadata\.log .*newer Klamm/)
    // Among others the mark of the clean stop is still there.
    expect(readdirSync(directory, { recursive: true })).toEqual(before)
    expect(before).toContain('.kafka_cleanshutdown')
  })

  test("another broker's logs without metadata", async () => {
    const broker = await WireBroker.start(onDisk())
    await createTopics(await broker.connect(), ['strange'])
    await broker.close()
    for (const name of readdirSync(directory).filter(it => it.startsWith('klamm-metadata'))) {
      rmSync(join(directory, name))
    }
    expect(await failure(startOn(nodePlatform(), onDisk()))).toMatch(/^log\.dirs: .*klamm import/)
  })
})

test('producers are forgotten after a time that may change at run time, and after a restart too', async () => {
  const broker = await SimulatedBroker.start({ 'connections.max.idle.ms': -1 })
  let client = await broker.connect()
  await createTopics(client, ['t'])
  const batch = { producerId: 7n, producerEpoch: 0, baseSequence: 0 }
  const produced = async () => (await produceTo(client, 't', batch)).baseOffset
  expect([await produced(), await produced()]).toEqual([0n, 0n])
  await broker.clock.run(1_200_000)
  expect(await produced()).toBe(0n)
  const change = { name: 'producer.id.expiration.ms', configOperation: 0, value: '1000' }
  const altered = await client.call({
    request: IncrementalAlterConfigsRequest,
    response: IncrementalAlterConfigsResponse,
    version: 1,
    body: { validateOnly: false, resources: [{ resourceType: 4, resourceName: '', configs: [change] }] },
  })
  expect(altered.responses[0]!.errorCode).toBe(ErrorCode.NONE)
  await broker.clock.run(1_200_000)
  expect(await produced()).toBe(1n)
  await client.close()
  await broker.restart()
  client = await broker.connect()
  expect(await produced()).toBe(1n)
  await broker.clock.run(1_200_000)
  expect(await produced()).toBe(2n)
  await broker.close()
})
