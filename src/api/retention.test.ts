/** Retention as clients see it: settings take effect at run time, whoever sets them, at the next check. */
import { expect, test } from 'vitest'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../protocol/messages/incremental-alter-configs.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../protocol/messages/list-offsets.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { ManualClock, settled } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { startBroker } from './testing/memory-broker.ts'
import { createTopics, newTopic, produceTo } from './testing/wire-broker.ts'

const TOPIC = 2
const BROKER = 4
const EARLIEST = -2n
const CHECK_MS = 10_000
const FIRST_CHECK_MS = 2_000

interface Running {
  readonly client: WireClient
  readonly clock: ManualClock
}

async function started(configs: readonly { name: string; value: string }[] = []): Promise<Running> {
  const clock = new ManualClock(1_700_000_000_000)
  const options = {
    'log.retention.check.interval.ms': CHECK_MS,
    'log.initial.task.delay.ms': FIRST_CHECK_MS,
    // The check's own time is what is looked at.
    'replica.high.watermark.checkpoint.interval.ms': 3_600_000,
  }
  const { connect } = await startBroker(new MemoryDisk({ clock }), options, clock)
  const client = await connect()
  await createTopics(client, [
    newTopic('t', { configs: [{ name: 'retention.ms', value: '-1' }, ...configs] }),
  ])
  return { client, clock }
}

async function set(client: WireClient, resourceType: number, config: { name: string; value: string }) {
  const resourceName = resourceType === TOPIC ? 't' : ''
  const { responses } = await client.call({
    request: IncrementalAlterConfigsRequest,
    response: IncrementalAlterConfigsResponse,
    version: 1,
    body: {
      resources: [{ resourceType, resourceName, configs: [{ ...config, configOperation: 0 }] }],
      validateOnly: false,
    },
  })
  expect(responses[0]!.errorCode).toBe(0)
}

async function remove(client: WireClient, name: string) {
  await client.call({
    request: IncrementalAlterConfigsRequest,
    response: IncrementalAlterConfigsResponse,
    version: 1,
    body: {
      resources: [
        { resourceType: TOPIC, resourceName: 't', configs: [{ name, configOperation: 1, value: null }] },
      ],
      validateOnly: false,
    },
  })
}

async function earliest(client: WireClient): Promise<bigint> {
  const { topics } = await client.call({
    request: ListOffsetsRequest,
    response: ListOffsetsResponse,
    version: 5,
    body: {
      replicaId: -1,
      isolationLevel: 0,
      timeoutMs: 0,
      topics: [
        { name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: EARLIEST }] },
      ],
    },
  })
  return topics[0]!.partitions[0]!.offset
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  for (let i = 0; i < 10; i++) await settled()
}

async function produceAt(client: WireClient, timestamp: number, bytes = 10): Promise<void> {
  const records = [{ timestamp: BigInt(timestamp), key: null, value: Buffer.alloc(bytes) }]
  expect(await produceTo(client, 't', { records })).toMatchObject({ errorCode: 0 })
}

test('the first check comes after log.initial.task.delay.ms, later ones every check interval', async () => {
  const { client, clock } = await started([{ name: 'retention.ms', value: '1000' }])
  await produceAt(client, clock.now() - 5_000)
  await pass(clock, FIRST_CHECK_MS - 1)
  expect(await earliest(client)).toBe(0n)
  await pass(clock, 1)
  expect(await earliest(client)).toBe(1n)
  await produceAt(client, clock.now() - 5_000)
  await pass(clock, CHECK_MS - 1)
  expect(await earliest(client)).toBe(1n)
  await pass(clock, 1)
  expect(await earliest(client)).toBe(2n)
})

test('the time of the youngest record counts, not that of the write', async () => {
  const { client, clock } = await started([{ name: 'retention.ms', value: '60000' }])
  await produceAt(client, clock.now() - 600_000)
  await produceAt(client, clock.now() + 30_000)
  await produceAt(client, clock.now() - 600_000)
  await pass(clock, FIRST_CHECK_MS)
  expect(await earliest(client)).toBe(0n)
  for (let passed = 0; passed < 90_000; passed += CHECK_MS) await pass(clock, CHECK_MS)
  expect(await earliest(client)).toBe(3n)
})

const changes = [
  ['retention.ms of the topic', TOPIC, { name: 'retention.ms', value: '1000' }],
  ['retention.bytes of the topic', TOPIC, { name: 'retention.bytes', value: '2000' }],
  ['log.retention.bytes of all brokers', BROKER, { name: 'log.retention.bytes', value: '2000' }],
] as const

test.each(changes)('%s, changed at run time, takes effect at the next check', async (_, type, config) => {
  const { client, clock } = await started([{ name: 'segment.bytes', value: '1048576' }])
  await set(client, TOPIC, { name: 'segment.ms', value: '1000' })
  for (let i = 0; i < 6; i++) await produceAt(client, clock.now() - 600_000 + i * 10_000, 1_000)
  await pass(clock, FIRST_CHECK_MS)
  expect(await earliest(client)).toBe(0n)
  await set(client, type, config)
  await pass(clock, CHECK_MS)
  expect(await earliest(client)).toBe(config.name.endsWith('bytes') ? 4n : 6n)
})

test('log.retention.ms of all brokers holds for topics that say nothing of their own', async () => {
  const { client, clock } = await started()
  await produceAt(client, clock.now() - 5_000)
  await set(client, BROKER, { name: 'log.retention.ms', value: '1000' })
  await pass(clock, CHECK_MS)
  expect(await earliest(client)).toBe(0n)
  await remove(client, 'retention.ms')
  await pass(clock, CHECK_MS)
  expect(await earliest(client)).toBe(1n)
})
