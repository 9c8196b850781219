import { afterEach, expect, test } from 'vitest'
import { Broker } from '../broker.ts'
import { loadConfig } from '../config.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { silentLogger } from '../observe/logger.ts'
import { inlineCompute } from '../platform/inline-compute.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { MemoryNetwork } from '../platform/simulated/memory-network.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { metadataOf } from './testing/wire-broker.ts'

const CONTAINER = '172.17.0.2'
const GATEWAY = '172.17.0.1'
const NEIGHBOUR = '172.17.0.3'

let broker: Broker | undefined
afterEach(async () => {
  await broker?.close()
})

/** What a client from each of the addresses is told by a broker in a container. */
async function toldTo(peers: readonly string[], options: Readonly<Record<string, string>>) {
  const network = new MemoryNetwork({ gateways: [GATEWAY] })
  const clock = new ManualClock()
  const disk = new MemoryDisk({ clock })
  const random = new SeededRandom(1)
  const platform = { clock, waitClock: clock, random, disk, network, compute: inlineCompute }
  const { config } = loadConfig({ options: { 'log.dirs': '/data', ...options } })
  broker = await Broker.start({ config: config!, platform, logger: silentLogger })
  const told: string[] = []
  for (const peer of peers) {
    const client = new WireClient(await network.connectFrom(peer, CONTAINER, 9092), 'test')
    const { brokers } = await metadataOf(client, [])
    told.push(...brokers.map(({ host, port }) => `${host}:${port}`))
    await client.close()
  }
  return told
}

test('who comes through the gateway is told the published address, who comes past it the real one', async () => {
  const options = { 'klamm.published.address': 'localhost:19092' }
  const told = await toldTo([GATEWAY, NEIGHBOUR, '151.101.1.1'], options)
  expect(told).toEqual(['localhost:19092', `${CONTAINER}:9092`, 'localhost:19092'])
})

test('a published address without a port has that of the listener', async () => {
  expect(await toldTo([GATEWAY], { 'klamm.published.address': 'localhost' })).toEqual(['localhost:9092'])
})

test('nothing is published unless somebody says so', async () => {
  expect(await toldTo([GATEWAY], {})).toEqual([`${CONTAINER}:9092`])
})

test('advertised.listeners goes before the published address', async () => {
  const options = {
    'advertised.listeners': 'PLAINTEXT://kafka.example:9192',
    'klamm.published.address': 'localhost',
  }
  expect(await toldTo([GATEWAY, NEIGHBOUR], options)).toEqual(['kafka.example:9192', 'kafka.example:9192'])
})
