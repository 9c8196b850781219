import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { metadataOf, produceTo } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { InvalidFault, Klamm } from '../embedded.ts'
import { nodePlatform } from '../platform/node.ts'

let klamm: Klamm
const clients: WireClient[] = []

beforeEach(async () => {
  klamm = await Klamm.start({ topics: ['orders'], trace: true, seed: 3 })
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.close()))
  await klamm.close()
})

async function connect(clientId = 'wire'): Promise<WireClient> {
  const { network } = nodePlatform()
  const client = await WireClient.connect(network, { host: klamm.host, port: klamm.port, clientId })
  clients.push(client)
  return client
}

const errorOf = async (client: WireClient) => (await produceTo(client, 'orders')).errorCode

describe('faults', () => {
  test('strike, tell when they did, and are in the trace', async () => {
    const rule = klamm.faults.add({ api: 'Produce', topic: 'orders', nth: 2 }, 'NOT_LEADER_OR_FOLLOWER')
    const client = await connect('shop')
    expect([await errorOf(client), await errorOf(client), await errorOf(client)]).toEqual([0, 6, 0])
    expect(rule).toMatchObject({
      matched: 2,
      count: 1,
      fired: [{ client: 'shop', partitions: ['orders-0'] }],
    })
    expect(klamm.faults.active).toEqual([])
    expect(klamm.trace.exchanges('Produce').map(each => each.faults)).toEqual([
      [],
      ['rule 1: error NOT_LEADER_OR_FOLLOWER'],
      [],
    ])
    expect(await klamm.contents('orders')).toHaveLength(2)
  })

  test('outlive a restart and a crash, and are gone after reset', async () => {
    klamm.faults.add({ api: 'Produce' }, 'NOT_LEADER_OR_FOLLOWER')
    await klamm.restart()
    expect(await errorOf(await connect())).toBe(6)
    await klamm.crash()
    await klamm.restart()
    expect(await errorOf(await connect())).toBe(6)
    await klamm.reset()
    expect(await errorOf(await connect())).toBe(0)
    expect([klamm.faults.all, klamm.faults.fired, klamm.trace.exchanges().length]).toEqual([[], [], 1])
  })

  test('that hang or hold a connection do not hold up reset, restart and close', async () => {
    klamm.faults.add({ api: 'Produce', nth: 1 }, { silence: true })
    klamm.faults.add({ api: 'Heartbeat', nth: 1 }, { delayMs: 600_000 })
    const hung = await connect()
    const late = await connect()
    void produceTo(hung, 'orders').catch(() => {})
    const body = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
    const beat = { request: HeartbeatRequest, response: HeartbeatResponse, version: 4, body }
    void late.call(beat).catch(() => {})
    await metadataOf(await connect(), ['orders'])
    await klamm.reset()
    expect(await errorOf(await connect())).toBe(0)
    klamm.faults.add({ api: 'Produce', nth: 1 }, { silence: true })
    void produceTo(await connect(), 'orders').catch(() => {})
    await metadataOf(await connect(), ['orders'])
    await klamm.restart()
    expect(await errorOf(await connect())).toBe(0)
  })

  test('that cannot work are refused with what to write instead', () => {
    expect(() => klamm.faults.add({ api: 'Produkt' }, { drop: true })).toThrow(InvalidFault)
    expect(() => klamm.faults.add({ api: 'Produkt' }, { drop: true })).toThrow(/did you mean Produce\?$/)
  })

  test('with stale metadata hide what has come since', async () => {
    klamm.faults.add({ api: 'Metadata', times: 1 }, { staleMetadata: true })
    await klamm.createTopic('new')
    const client = await connect()
    const told = async () => (await metadataOf(client, ['orders', 'new'])).topics.map(each => each.errorCode)
    expect([await told(), await told()]).toEqual([
      [0, 3],
      [0, 0],
    ])
  })
})

describe('the trace', () => {
  test('can be read after the broker is closed, and iterations end with it', async () => {
    await errorOf(await connect())
    const apis: string[] = []
    const reading = (async () => {
      for await (const exchange of klamm.trace) apis.push(exchange.api)
    })()
    await klamm.close()
    await reading
    expect(apis).toEqual(['Produce'])
    expect(klamm.trace.requests('Produce')).toHaveLength(1)
  })

  test('finds an API by its name, and refuses one that is none', async () => {
    await errorOf(await connect())
    expect(klamm.trace.requests('produce')).toHaveLength(1)
    expect(klamm.trace.requests('API 99')).toEqual([])
    expect(() => klamm.trace.requests('Prodce')).toThrow('There is no API Prodce')
  })

  test('is off unless asked for', async () => {
    await using quiet = await Klamm.start()
    expect(quiet.trace.isOn).toBe(false)
    expect(() => quiet.trace.text()).toThrow(/trace: true/)
  })
})
