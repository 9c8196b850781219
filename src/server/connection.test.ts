import { beforeEach, describe, expect, test } from 'vitest'
import { encodeRequestFrame } from '../../protocol/header.ts'
import { FetchRequest } from '../../protocol/messages/fetch.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { joined, ZERO_UUID } from '../../protocol/wire.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { NodeNetwork } from '../platform/node-network.ts'
import {
  FETCH,
  type Held,
  heartbeatAnswering,
  heldHeartbeat,
  heldProduce,
  RawClient,
  type Rig,
  type RigOptions,
  rest,
  startRig,
} from './testing/rig.ts'

let produces: Held[]
let heartbeats: Held[]

beforeEach(() => {
  produces = []
  heartbeats = []
})

const started = (options: RigOptions = {}) =>
  startRig({ handlers: [heldProduce(produces), heldHeartbeat(heartbeats)], ...options })

const clientOf = (rig: Rig) => WireClient.connect(rig.network, { host: '127.0.0.1', port: rig.port })
const rawClientOf = async (rig: Rig) => new RawClient(await rig.network.connect('127.0.0.1', rig.port))

function sendProduce(client: WireClient, name: string, acks = -1): number {
  const body = { transactionalId: name, acks, timeoutMs: 1_000, topicData: [] }
  return client.send({ request: ProduceRequest, version: 9, body })
}

function sendHeartbeat(client: WireClient, groupId: string): number {
  const body = { groupId, generationId: 1, memberId: 'm', groupInstanceId: null }
  return client.send({ request: HeartbeatRequest, version: 4, body })
}

async function produced(client: WireClient, correlationId: number): Promise<string | undefined> {
  return (await client.receive(ProduceResponse, 9, correlationId)).responses[0]?.name
}

const namesOf = (held: readonly Held[]) => held.map(call => call.name)
const answerTo = (held: readonly Held[], name: string) => held.find(call => call.name === name)?.answer()

function heartbeatFrame(groupId: string): Buffer {
  const body = { groupId, generationId: 1, memberId: 'm', groupInstanceId: null }
  return joined(encodeRequestFrame(HeartbeatRequest, { version: 4, correlationId: 1, clientId: 'c', body }))
}

describe('the order of things', () => {
  test('T012 consecutive produces overlap, and their responses keep the order of the requests', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    const ids = ['a', 'b', 'c'].map(name => sendProduce(client, name))
    await rest()
    expect(namesOf(produces)).toEqual(['a', 'b', 'c'])
    answerTo(produces, 'c')
    answerTo(produces, 'b')
    await rest()
    answerTo(produces, 'a')
    expect(await Promise.all(ids.map(id => produced(client, id)))).toEqual(['a', 'b', 'c'])
    await client.close()
  })

  test('T012 any other request waits for those before it, and holds back those behind it', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    const first = sendProduce(client, 'a')
    const second = sendHeartbeat(client, 'g')
    const third = sendProduce(client, 'b')
    const fourth = sendHeartbeat(client, 'h')
    await rest()
    expect([namesOf(produces), namesOf(heartbeats)]).toEqual([['a'], []])
    answerTo(produces, 'a')
    await rest()
    expect([namesOf(produces), namesOf(heartbeats)]).toEqual([['a'], ['g']])
    answerTo(heartbeats, 'g')
    await rest()
    expect([namesOf(produces), namesOf(heartbeats)]).toEqual([['a', 'b'], ['g']])
    answerTo(produces, 'b')
    await rest()
    answerTo(heartbeats, 'h')
    expect(await produced(client, first)).toBe('a')
    await client.receive(HeartbeatResponse, 4, second)
    expect(await produced(client, third)).toBe('b')
    await client.receive(HeartbeatResponse, 4, fourth)
    await client.close()
  })

  test('T013 a produce with acks=0 has no response, and later requests are answered', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    sendProduce(client, 'silent', 0)
    const second = sendProduce(client, 'b')
    sendProduce(client, 'silent too', 0)
    const last = sendHeartbeat(client, 'g')
    await rest()
    for (const call of [...produces].reverse()) call.answer()
    expect(await produced(client, second)).toBe('b')
    await rest()
    answerTo(heartbeats, 'g')
    expect(await client.receive(HeartbeatResponse, 4, last)).toMatchObject({ errorCode: 0 })
    await client.close()
  })

  test('a bounded number of produces overlaps', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    const ids = Array.from({ length: 100 }, (_, i) => sendProduce(client, `${i}`))
    await rest()
    expect(produces).toHaveLength(32)
    produces[1]?.answer()
    await rest()
    expect(produces).toHaveLength(33)
    for (let i = 0; i < 100; i++) {
      produces[i]?.answer()
      expect(await produced(client, ids[i]!)).toBe(`${i}`)
    }
    await client.close()
  })

  test('hundreds of pipelined requests are answered in order, however their bytes arrive', async () => {
    for (const pieceBytes of [1, 7, 65_536]) {
      const handlers = [heartbeatAnswering(groupId => Number(groupId) % 100)]
      const rig = await startRig({ handlers, memoryNetwork: { pieceBytes } })
      const client = await clientOf(rig)
      const ids = Array.from({ length: 700 }, (_, i) => sendHeartbeat(client, `${i}`))
      for (const [i, id] of ids.entries()) {
        expect(await client.receive(HeartbeatResponse, 4, id)).toMatchObject({ errorCode: i % 100 })
      }
      await client.close()
      await rest()
      expect(rig.server.memoryInUse).toEqual({ requestBytes: 0, responseBytes: 0 })
    }
  })

  test('requests that were received whole are done although the client has gone', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    for (let i = 0; i < 40; i++) sendProduce(client, `${i}`, 0)
    sendHeartbeat(client, 'behind them')
    await client.close()
    await rest()
    expect(produces).toHaveLength(32)
    for (let i = 0; i < 40; i++) {
      produces[i]?.answer()
      await rest(2)
    }
    expect(namesOf(heartbeats)).toEqual(['behind them'])
    expect(rig.server.connectionCount).toBe(0)
    answerTo(heartbeats, 'behind them')
    await rest()
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })
})

describe('request memory', () => {
  test('is not held by a request that waits, save for its records', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    sendHeartbeat(client, 'x'.repeat(10_000))
    await rest()
    expect(heartbeats).toHaveLength(1)
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
    const other = await clientOf(rig)
    sendProduce(other, 'y'.repeat(10_000))
    await rest()
    expect(rig.server.memoryInUse.requestBytes).toBeGreaterThan(10_000)
    await client.close()
    await other.close()
  })

  test('is held by a large request for what it has become, for as long as it waits', async () => {
    const rig = await started()
    for (const isGone of [false, true]) {
      const client = await clientOf(rig)
      // What follows a body is tolerated.
      const frame = Buffer.concat([heartbeatFrame('large'), Buffer.alloc(100_000)])
      frame.writeInt32BE(frame.length - 4)
      client.sendBytes(frame)
      await rest()
      expect(rig.server.memoryInUse.requestBytes).toBeGreaterThan(500_000)
      if (isGone) await client.close()
      for (const held of heartbeats.splice(0)) held.answer()
      await rest()
      expect(rig.server.memoryInUse.requestBytes).toBe(0)
      await client.close()
    }
  })

  test('a request that waits is told when its client has gone', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    sendHeartbeat(client, 'g')
    await rest()
    const waiter = heartbeats[0]!.context.session.waiter!
    let told = 0
    waiter.onGone = () => told++
    expect(waiter.isGone).toBe(false)
    await client.close()
    await rest()
    expect([waiter.isGone, told]).toEqual([true, 1])
  })

  test('is given back when what a client left behind cannot be done for long', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    sendHeartbeat(client, 'waits')
    for (let i = 0; i < 10; i++) sendHeartbeat(client, 'x'.repeat(1_000))
    client.sendBytes(Buffer.from([0, 0, 1, 0, 7]))
    await rest()
    await client.close()
    await rest()
    expect(rig.server.memoryInUse.requestBytes).toBeGreaterThan(10_000)
    rig.clock.advance(30_000)
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
    answerTo(heartbeats, 'waits')
    await rest()
    expect(heartbeats).toHaveLength(1)
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })
})

describe('bad input', () => {
  const badFrames = [
    {
      what: 'T018 a frame over the limit',
      bytes: Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3]),
      reason: /announced a request of 2147483647 bytes, and socket.request.max.bytes is 104857600/,
    },
    {
      what: 'T018 a negative size',
      bytes: Buffer.from([0xff, 0xff, 0xff, 0xff]),
      reason: /announced a request of -1 bytes/,
    },
    { what: 'an empty frame', bytes: Buffer.from([0, 0, 0, 0]), reason: /its header cannot be read/ },
    {
      what: 'garbage in a frame',
      bytes: Buffer.from([0, 0, 0, 5, 0, 12, 0, 4, 9]),
      reason: /its header cannot be read/,
    },
    {
      what: 'a TLS handshake',
      bytes: Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]),
      reason:
        /speaks TLS, and port \d+ \(listener PLAINTEXT\) does not: set its security.protocol to PLAINTEXT/,
    },
    {
      what: 'an HTTP request',
      bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      reason: /speaks HTTP.*connect a Kafka client/,
    },
    { what: 'HTTP/2', bytes: Buffer.from('PRI * HTTP/2.0\r\n'), reason: /speaks HTTP/ },
    { what: 'an HTTP post', bytes: Buffer.from('POST /x HTTP/1.1\r\n'), reason: /speaks HTTP/ },
    {
      what: 'T018 a body with an impossible length',
      bytes: Buffer.from('0000000d000c0003000000010001637fff', 'hex'),
      reason: /Heartbeat v3 cannot be read/,
    },
  ]

  test.each(badFrames)(
    '$what closes its own connection, with a reason in the log',
    async ({ bytes, reason }) => {
      const rig = await startRig()
      const [bad, good] = [await rawClientOf(rig), await clientOf(rig)]
      bad.socket.write([bytes])
      await bad.closed
      expect(bad.receivedBytes).toBe(0)
      expect(rig.lines).toHaveLength(1)
      expect(rig.lines[0]?.message).toMatch(reason)
      await good.receive(HeartbeatResponse, 4, sendHeartbeat(good, 'g'))
      await good.close()
      await rest()
      expect(rig.server.memoryInUse.requestBytes).toBe(0)
    },
  )

  test('a truncated frame and then the end is no news', async () => {
    const rig = await startRig()
    const client = await rawClientOf(rig)
    client.socket.write([heartbeatFrame('g').subarray(0, 20)])
    client.socket.end()
    await client.closed
    await rest()
    expect([rig.lines, rig.server.connectionCount]).toEqual([[], 0])
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('what came before the bad bytes is answered first', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    const id = sendProduce(client, 'a')
    client.sendBytes(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    await rest()
    answerTo(produces, 'a')
    expect(await produced(client, id)).toBe('a')
    await client.closed
  })

  test('the same complaint is not repeated at once, and its repetitions are counted', async () => {
    const rig = await startRig()
    const complain = async () => {
      const client = await rawClientOf(rig)
      client.socket.write([Buffer.from('GET / HTTP/1.1\r\n\r\n')])
      await client.closed
    }
    for (let i = 0; i < 5; i++) await complain()
    expect(rig.lines).toHaveLength(1)
    rig.clock.advance(10_001)
    await complain()
    expect(rig.lines).toHaveLength(2)
    expect(rig.lines[1]).toMatchObject({ alikeLeftOut: 4 })
  })
})

describe('limits', () => {
  test('T018 frames up to socket.request.max.bytes are served, and one more byte is not', async () => {
    const limit = heartbeatFrame('x'.repeat(500)).length - 4
    const rig = await startRig({ limits: { maxRequestBytes: limit } })
    const fits = await rawClientOf(rig)
    fits.socket.write([heartbeatFrame('x'.repeat(500))])
    await rest()
    expect(fits.receivedBytes).toBeGreaterThan(0)
    const over = await rawClientOf(rig)
    over.socket.write([heartbeatFrame('x'.repeat(501))])
    await over.closed
    fits.socket.destroy()
  })

  test('a connection with much unstarted stops reading, and reads on when it is started', async () => {
    const rig = await started()
    const client = await clientOf(rig)
    sendHeartbeat(client, 'first')
    const long = 'x'.repeat(10_000)
    for (let i = 0; i < 1_000; i++) sendHeartbeat(client, long)
    await rest(500)
    const { requestBytes } = rig.server.memoryInUse
    expect(requestBytes).toBeGreaterThan(900_000)
    expect(requestBytes).toBeLessThan(1024 * 1024 + 2 * 65_536)
    for (let i = 0; i < 1_001; i++) {
      heartbeats[i]?.answer()
      await rest(1)
    }
    await rest(500)
    expect(heartbeats).toHaveLength(1_001)
    await client.close()
    await rest()
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('over queued.max.request.bytes nobody reads but one, which finishes its frame', async () => {
    const rig = await started({ maxQueuedRequestBytes: 1_000_000 })
    const clients = await Promise.all(Array.from({ length: 40 }, () => rawClientOf(rig)))
    for (const [i, client] of clients.entries()) {
      const topicData = [
        { name: 't', topicId: ZERO_UUID, partitionData: [{ index: 0, records: Buffer.alloc(300_000) }] },
      ]
      const body = { transactionalId: `${i}`, acks: 1, timeoutMs: 1, topicData }
      const header = { version: 9, correlationId: 1, clientId: 'c', body }
      client.socket.write([joined(encodeRequestFrame(ProduceRequest, header))])
    }
    await rest(200)
    expect(rig.server.memoryInUse.requestBytes).toBeLessThan(1_000_000 + 40 * 65_536 + 300_000)
    expect(produces).toHaveLength(1)
    for (let i = 0; i < 40; i++) {
      expect(produces.length).toBeGreaterThan(i)
      produces[i]?.answer()
      await rest(20)
    }
    await rest(200)
    expect(clients.every(client => client.receivedBytes > 0)).toBe(true)
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
    for (const client of clients) client.socket.destroy()
  })

  test('a connection that is idle for connections.max.idle.ms is closed', async () => {
    const rig = await startRig({ limits: { maxIdleMs: 1_000 } })
    const client = await clientOf(rig)
    await rig.clock.run(900)
    await client.receive(HeartbeatResponse, 4, sendHeartbeat(client, 'g'))
    await rig.clock.run(999)
    expect(rig.server.connectionCount).toBe(1)
    await rig.clock.run(1)
    await client.closed
    await rest()
    expect([rig.server.connectionCount, rig.clock.pendingTimers]).toEqual([0, 0])
  })

  test('a frame of which no more comes is closed as idle', async () => {
    const rig = await startRig({ limits: { maxIdleMs: 1_000 } })
    const client = await rawClientOf(rig)
    const frame = heartbeatFrame('g')
    for (let at = 0; at < 10; at++) {
      client.socket.write([frame.subarray(at, at + 1)])
      await rest(3)
      await rig.clock.run(500)
    }
    expect(client.isClosed).toBe(false)
    await rig.clock.run(1_000)
    await client.closed
    await rest()
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('a request that waits for its answer is no idleness', async () => {
    const rig = await started({ limits: { maxIdleMs: 1_000 } })
    const client = await clientOf(rig)
    const id = sendHeartbeat(client, 'g')
    await rest()
    await rig.clock.run(10_000)
    answerTo(heartbeats, 'g')
    await client.receive(HeartbeatResponse, 4, id)
    await rig.clock.run(900)
    expect(rig.server.connectionCount).toBe(1)
    await rig.clock.run(1_100)
    await client.closed
  })
})

describe('on real sockets', () => {
  test('T012 pipelined requests are answered in order, large ones too', async () => {
    const handlers = [heartbeatAnswering(groupId => groupId.length % 100), heldProduce(produces)]
    const rig = await startRig({ handlers, network: new NodeNetwork() })
    const client = await clientOf(rig)
    const lengths = Array.from({ length: 300 }, (_, i) => (i % 10 === 0 ? 30_000 + i : i))
    const ids = lengths.map(length => sendHeartbeat(client, 'x'.repeat(length)))
    for (const [i, id] of ids.entries()) {
      const expected = { errorCode: lengths[i]! % 100 }
      expect(await client.receive(HeartbeatResponse, 4, id)).toMatchObject(expected)
    }
    await client.close()
    await rig.server.close(1_000)
  })

  test('a frame of many megabytes arrives whole', async () => {
    const records = Buffer.alloc(20 * 1024 * 1024, 'r')
    const rig = await startRig({ handlers: [heldProduce(produces)], network: new NodeNetwork() })
    const client = await clientOf(rig)
    const topicData = [{ name: 't', topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }]
    const body = { transactionalId: 'big', acks: 1, timeoutMs: 1, topicData }
    const id = client.send({ request: ProduceRequest, version: 9, body })
    while (produces.length === 0) await rest(1)
    answerTo(produces, 'big')
    expect(await produced(client, id)).toBe('big')
    await client.close()
    await rig.server.close(1_000)
  })
})

test('a Fetch is not taken for a Produce: it waits its turn', async () => {
  const rig = await started()
  const client = await clientOf(rig)
  sendProduce(client, 'a')
  client.send({ request: FetchRequest, version: 4, body: FETCH })
  await rest()
  expect(rig.lines).toEqual([])
  answerTo(produces, 'a')
  await client.closed
  expect(rig.lines[0]?.message).toMatch(/API 1, which this broker does not serve/)
})
