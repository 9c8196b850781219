import { afterEach, beforeEach, expect, test } from 'vitest'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import { JoinGroupRequest, JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { createTopics, produceTo } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { Klamm } from '../embedded.ts'
import { nodePlatform } from '../platform/node.ts'
import { keptExchangesIn } from '../trace/capture-exchanges.ts'
import { captureOf } from '../trace/capture-file.ts'
import type { KeptExchange } from '../trace/kept-exchange.ts'
import { differencesOf, type Replayed, replay } from './replay.ts'

const { network, clock } = nodePlatform()

let recorded: KeptExchange[]
let target: Klamm

beforeEach(async () => {
  await using source = await Klamm.start({ trace: true })
  const client = await WireClient.connect(network, { host: source.host, port: source.port })
  await createTopics(client, ['orders'])
  await produceTo(client, 'orders')
  const group = {
    ...{
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      groupInstanceId: null,
      reason: null,
    },
    ...{ protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] },
  }
  const join = { request: JoinGroupRequest, response: JoinGroupResponse, version: 5 }
  const first = await client.call({ ...join, body: { ...group, memberId: '' } })
  await client.call({ ...join, body: { ...group, memberId: first.memberId } })
  const producerId = {
    transactionalId: null,
    transactionTimeoutMs: 1_000,
    producerId: -1n,
    producerEpoch: -1,
  }
  const body = { ...producerId, enable2Pc: false, keepPreparedTxn: false }
  await client.call({ request: InitProducerIdRequest, response: InitProducerIdResponse, version: 4, body })
  await client.close()
  const kept = source.trace.exchanges() as KeptExchange[]
  recorded = keptExchangesIn(Buffer.concat(captureOf(kept.flatMap(each => each.frames()))))
  target = await Klamm.start()
})

afterEach(() => target.close())

async function replayed(): Promise<Replayed[]> {
  const all: Replayed[] = []
  await replay({
    exchanges: recorded,
    to: { host: target.host, port: target.port },
    network,
    clock,
    timeoutMs: 5_000,
    onReplayed: each => all.push(each),
  })
  return all
}

test('a broker that answers the same differs in nothing that is comparable', async () => {
  const all = await replayed()
  expect(all.map(each => each.exchange.api)).toContain('JoinGroup')
  expect(all.flatMap(each => each.differences)).toEqual([])
  expect(all.filter(each => each.problem !== undefined)).toEqual([])
  // The member that this broker has named, not the one of the recording.
  expect(await target.contents('orders')).toHaveLength(1)
})

test('what is answered otherwise is told by its path', async () => {
  await target.createTopic('orders')
  const [first] = (await replayed()).filter(each => each.differences.length > 0)
  expect(first!.exchange.api).toBe('CreateTopics')
  expect(first!.differences).toContainEqual({ path: 'topics[0].errorCode', recorded: 0, replayed: 36 })
})

test('what is of a broker or of a run is not compared; bytes and lengths are', () => {
  const at = (value: object) => ({ topics: [value], clusterId: Math.PI })
  expect(
    differencesOf(at({ memberId: 'a', n: 1 }), { ...at({ memberId: 'b', n: 1 }), clusterId: 0 }),
  ).toEqual([])
  expect(differencesOf(at({ n: 1n }), at({ n: 2n }))).toEqual([
    { path: 'topics[0].n', recorded: 1n, replayed: 2n },
  ])
  expect(differencesOf({ list: [1] }, { list: [] })).toEqual([
    { path: 'list.length', recorded: 1, replayed: 0 },
  ])
  const topics = ['b', 'a'].map(name => ({ name, isInternal: name === 'b' }))
  expect(differencesOf({ topics }, { topics: topics.toReversed() })).toEqual([])
  expect(differencesOf({ a: Buffer.from('a') }, { a: Buffer.from('b') })).toHaveLength(1)
  expect(differencesOf({ a: Buffer.from('a') }, { a: Buffer.from('a') })).toEqual([])
})
