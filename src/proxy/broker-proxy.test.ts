import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeRequestHeader, encodeResponseFrame } from '../../protocol/header.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from '../../protocol/messages/describe-cluster.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { joined } from '../../protocol/wire.ts'
import { metadataOf, produceTo } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { Klamm } from '../embedded.ts'
import { Faults } from '../faults/faults.ts'
import { nodePlatform } from '../platform/node.ts'
import type { Network, Socket } from '../platform/platform.ts'
import { ManualClock, settled } from '../platform/simulated/manual-clock.ts'
import { MemoryNetwork } from '../platform/simulated/memory-network.ts'
import { buildBatch } from '../records/builder.ts'
import { FrameReader } from '../server/frame-reader.ts'
import { Trace } from '../trace/trace.ts'
import { BrokerProxy } from './broker-proxy.ts'

const { network: tcp, clock, disk } = nodePlatform()

let klamm: Klamm
let faults: Faults
let trace: Trace
let proxy: BrokerProxy
let client: WireClient
let troubles: string[]
const open: { close(): Promise<void> }[] = []

async function proxied(network: Network, port: number): Promise<BrokerProxy> {
  const to = [{ host: '127.0.0.1', port }]
  const started = await BrokerProxy.start({
    to,
    host: '127.0.0.1',
    port: 0,
    network,
    clock,
    faults,
    trace,
    onTrouble: trouble => troubles.push(trouble),
  })
  open.push(started)
  return started
}

async function connected(network: Network, port: number): Promise<WireClient> {
  const made = await WireClient.connect(network, { host: '127.0.0.1', port })
  open.push(made)
  return made
}

beforeEach(() => {
  troubles = []
  faults = new Faults({ clock })
  trace = new Trace({ clock, disk, isOn: true })
})

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const one = (value: string) =>
  buildBatch({ records: [{ timestamp: 1n, key: null, value: Buffer.from(value), headers: [] }] })

function produceCall(indexes: readonly number[], acks = -1) {
  const partitionData = indexes.map(index => ({ index, records: one(`to ${index}`) }))
  const topicData = [{ name: 'orders', topicId: '', partitionData }]
  const body = { transactionalId: null, acks, timeoutMs: 1_000, topicData }
  return { request: ProduceRequest, response: ProduceResponse, version: 9, body }
}

describe('before a broker', () => {
  beforeEach(async () => {
    klamm = await Klamm.start({ topics: [{ name: 'orders', partitions: 2 }] })
    open.push(klamm)
    proxy = await proxied(tcp, klamm.port)
    client = await connected(tcp, proxy.port)
  })

  test('clients are told its own address wherever brokers are named', async () => {
    const here = { host: '127.0.0.1', port: proxy.port }
    const metadata = await client.call({
      request: MetadataRequest,
      response: MetadataResponse,
      version: 12,
      body: {
        topics: null,
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: false,
        includeClusterAuthorizedOperations: false,
      },
    })
    const found = await client.call({
      request: FindCoordinatorRequest,
      response: FindCoordinatorResponse,
      version: 4,
      body: { key: '', keyType: 0, coordinatorKeys: ['g'] },
    })
    const old = await client.call({
      request: FindCoordinatorRequest,
      response: FindCoordinatorResponse,
      version: 1,
      body: { key: 'g', keyType: 0, coordinatorKeys: [] },
    })
    const cluster = await client.call({
      request: DescribeClusterRequest,
      response: DescribeClusterResponse,
      version: 1,
      body: { includeClusterAuthorizedOperations: false, includeFencedBrokers: false },
    })
    expect([metadata.brokers[0], found.coordinators[0], old, cluster.brokers[0]]).toMatchObject([
      here,
      here,
      here,
      here,
    ])
    expect(proxy.brokers).toHaveLength(1)
  })

  test('what is written and read passes through, in order, also without a response', async () => {
    await client.call(produceCall([0, 1]))
    client.send({ ...produceCall([0], 0) })
    await produceTo(client, 'orders')
    const stored = await klamm.contents('orders')
    expect(stored.map(each => each.value).slice(0, 3)).toEqual(['to 0', 'to 0', expect.any(String)])
    const fetched = await client.call({
      request: FetchRequest,
      response: FetchResponse,
      version: 12,
      body: {
        ...{ maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [], clusterId: null },
        topics: [
          {
            topic: 'orders',
            topicId: '',
            partitions: [{ partition: 1, fetchOffset: 0n, partitionMaxBytes: 9_999 }],
          },
        ],
      },
    })
    expect(fetched.responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(0)
    expect(trace.exchanges().map(each => [each.api, each.outcome])).toEqual([
      ['Produce', 'answered'],
      ['Produce', 'no response'],
      ['Produce', 'answered'],
      ['Fetch', 'answered'],
    ])
  })

  test('what it does not know is passed on, and the connection ends as the broker ends it', async () => {
    client.sendBytes(Buffer.from('0000000a03e7000000000007ffff', 'hex'))
    await client.closed
    expect(trace.exchanges()[0]).toMatchObject({ api: 'API 999', outcome: 'lost' })
    expect(troubles).toEqual([])
  })

  test('faults strike partitions; the others are written by the broker', async () => {
    faults.add({ api: 'Produce', topic: 'orders', partition: 1, nth: 1 }, 'NOT_LEADER_OR_FOLLOWER')
    const answer = await client.call(produceCall([0, 1]))
    expect(answer.responses[0]!.partitionResponses.map(each => [each.index, each.errorCode])).toEqual([
      [0, 0],
      [1, 6],
    ])
    expect((await klamm.contents('orders')).map(each => each.value)).toEqual(['to 0'])
    expect((await client.call(produceCall([1]))).responses[0]!.partitionResponses[0]!.errorCode).toBe(0)
  })

  test('faults lose, damage and hang answers', async () => {
    faults.add({ api: 'Produce', nth: 1 }, { drop: true, when: 'after' })
    await expect(client.call(produceCall([0]))).rejects.toThrow()
    expect(await klamm.contents('orders')).toHaveLength(1)

    faults.add({ api: 'Produce', nth: 1 }, { truncate: 7 })
    const second = await connected(tcp, proxy.port)
    await expect(second.call(produceCall([0]))).rejects.toThrow()

    faults.add({ api: 'Produce', nth: 1 }, { silence: true })
    const third = await connected(tcp, proxy.port)
    third.send(produceCall([0]))
    const fourth = await connected(tcp, proxy.port)
    await fourth.call(produceCall([1]))
    await third.close()
    expect((await klamm.contents('orders')).map(each => each.value)).toEqual(['to 0', 'to 0', 'to 1'])
  })

  test('topics that clients name by id are known by what Metadata told', async () => {
    const [topic] = (await metadataOf(client, ['orders'])).topics
    faults.add({ api: 'Produce', topic: 'orders' }, 'NOT_LEADER_OR_FOLLOWER')
    const partitionData = [{ index: 0, records: one('x') }]
    const topicData = [{ name: '', topicId: topic!.topicId, partitionData }]
    const call = produceCall([])
    const answer = await client.call({ ...call, version: 13, body: { ...call.body, topicData } })
    expect(answer.responses[0]).toMatchObject({ partitionResponses: [{ errorCode: 6 }] })
  })

  test('a broker that goes takes its clients along', async () => {
    await client.call(produceCall([0]))
    await klamm.close()
    await client.closed
    const late = await connected(tcp, proxy.port)
    await late.closed
    expect(troubles).toEqual([expect.stringMatching(/^cannot reach 127\.0\.0\.1:\d+: .*ECONNREFUSED/)])
  })
})

describe('before a broker that is made up', () => {
  /** Answers each request by its API. */
  async function madeUp(
    network: Network,
    answers: ReadonlyMap<number, (version: number) => Parameters<typeof encodeResponseFrame>>,
  ) {
    const serve = (socket: Socket) => {
      const frames = new FrameReader(
        () => 1_000_000,
        frame => {
          const { apiKey, apiVersion, correlationId } = decodeRequestHeader(frame)
          const [response, , , body] = answers.get(apiKey)!(apiVersion)
          socket.write([joined(encodeResponseFrame(response, apiVersion, correlationId, body as never))])
        },
      )
      socket.handle({ onData: chunk => void frames.push(chunk), onDrain: () => {}, onClose: () => {} })
    }
    return network.listen({ host: '127.0.0.1', port: 9092 }, serve)
  }

  test('each broker that it tells of gets a port, the same each time', async () => {
    const network = new MemoryNetwork()
    const brokers = [1, 2, 3].map(nodeId => ({ nodeId, host: `broker-${nodeId}`, port: 9092 }))
    await madeUp(
      network,
      new Map([
        [
          3,
          (version: number) => [MetadataResponse, version, 0, { brokers, topics: [], errorCode: 0 }] as never,
        ],
      ]),
    )
    proxy = await proxied(network, 9092)
    client = await connected(network, proxy.port)
    const body = {
      topics: null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
      includeClusterAuthorizedOperations: false,
    }
    const call = { request: MetadataRequest, response: MetadataResponse, version: 12, body }
    const ports = (await client.call(call)).brokers.map(each => each.port)
    expect(new Set([proxy.port, ...ports]).size).toBe(4)
    expect((await client.call(call)).brokers.map(each => each.port)).toEqual(ports)
    expect(proxy.brokers.map(each => each.broker.host)).toEqual([
      '127.0.0.1',
      'broker-1',
      'broker-2',
      'broker-3',
    ])
  })

  test('versions that it offers beyond what can be read here are not passed on, where they matter', async () => {
    const network = new MemoryNetwork()
    const apiKeys = [
      { apiKey: 3, minVersion: 0, maxVersion: 99 },
      { apiKey: 11, minVersion: 0, maxVersion: 99 },
    ]
    await madeUp(
      network,
      new Map([
        [18, (version: number) => [ApiVersionsResponse, version, 0, { errorCode: 0, apiKeys }] as never],
      ]),
    )
    proxy = await proxied(network, 9092)
    client = await connected(network, proxy.port)
    const offered = await client.call({
      request: ApiVersionsRequest,
      response: ApiVersionsResponse,
      version: 3,
      body: { clientSoftwareName: 'a', clientSoftwareVersion: '1' },
    })
    expect(offered.apiKeys.map(each => each.maxVersion)).toEqual([MetadataResponse.versions.last, 99])
  })
})

test('a throttled client is not read from until the time is over', async () => {
  const manual = new ManualClock()
  const network = new MemoryNetwork()
  faults = new Faults({ clock: manual })
  const got: number[] = []
  await network.listen({ host: '127.0.0.1', port: 9092 }, socket => {
    const frames = new FrameReader(
      () => 1_000_000,
      frame => {
        const { correlationId } = decodeRequestHeader(frame)
        got.push(correlationId)
        const body = { brokers: [], topics: [], errorCode: 0 }
        socket.write([joined(encodeResponseFrame(MetadataResponse, 12, correlationId, body))])
      },
    )
    socket.handle({ onData: chunk => void frames.push(chunk), onDrain: () => {}, onClose: () => {} })
  })
  faults.add({ api: 'Metadata', nth: 1 }, { throttleMs: 300 })
  const to = [{ host: '127.0.0.1', port: 9092 }]
  const onTrouble = (trouble: string) => troubles.push(trouble)
  proxy = await BrokerProxy.start({
    to,
    host: '127.0.0.1',
    port: 0,
    network,
    clock: manual,
    faults,
    trace,
    onTrouble,
  })
  client = await connected(network, proxy.port)
  const body = {
    topics: null,
    allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: false,
    includeClusterAuthorizedOperations: false,
  }
  const call = { request: MetadataRequest, response: MetadataResponse, version: 12, body }
  expect((await client.call(call)).throttleTimeMs).toBe(300)
  const second = client.call(call)
  for (let i = 0; i < 20; i++) await settled()
  expect(got).toHaveLength(1)
  await manual.advance(300)
  expect((await second).throttleTimeMs).toBe(0)
  await proxy.close()
})
