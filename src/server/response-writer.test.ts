import { describe, expect, test } from 'vitest'
import { encodeRequestFrame } from '../../protocol/header.ts'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { type DeferredBytes, joined } from '../../protocol/wire.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { NodeNetwork } from '../platform/node-network.ts'
import type { Network } from '../platform/platform.ts'
import { MemoryNetwork } from '../platform/simulated/memory-network.ts'
import {
  FakeRange,
  FETCH,
  fetchAnswering,
  heartbeatAnswering,
  RawClient,
  type Rig,
  type RigOptions,
  rest,
  startRig,
} from './testing/rig.ts'

const MIB = 1024 * 1024

const started = (records: () => readonly (Uint8Array | DeferredBytes)[], options: RigOptions = {}) =>
  startRig({ handlers: [fetchAnswering(records), heartbeatAnswering(() => 0)], ...options })

const clientOf = (rig: Rig) => WireClient.connect(rig.network, { host: '127.0.0.1', port: rig.port })
const rawClientOf = async (rig: Rig) => new RawClient(await rig.network.connect('127.0.0.1', rig.port))

async function fetched(client: WireClient): Promise<Buffer | null | undefined> {
  const call = { request: FetchRequest, response: FetchResponse, version: 4, body: FETCH }
  return (await client.call(call)).responses[0]?.partitions[0]?.records
}

function fetchFrame(): Buffer {
  return joined(
    encodeRequestFrame(FetchRequest, { version: 4, correlationId: 1, clientId: 'c', body: FETCH }),
  )
}

function patterned(length: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: length / 4 }, (_, i) => i).buffer)
}

const LARGE = patterned(12 * MIB)

const networks: readonly { readonly kind: string; make(): Network }[] = [
  { kind: 'in memory', make: () => new MemoryNetwork() },
  { kind: 'over real sockets', make: () => new NodeNetwork() },
]

describe.each(networks)('streaming $kind', ({ make }) => {
  test('file ranges and memory arrive as one, in order, and each range is released once', async () => {
    const ranges = [
      new FakeRange(patterned(3 * MIB)),
      new FakeRange(patterned(700_000)),
      new FakeRange(patterned(4)),
    ]
    const parts = [Buffer.alloc(5_000, 'a'), ranges[0]!, ranges[1]!, Buffer.alloc(2_000, 'b'), ranges[2]!]
    const expected = [
      Buffer.alloc(5_000, 'a'),
      patterned(3 * MIB),
      patterned(700_000),
      Buffer.alloc(2_000, 'b'),
      patterned(4),
    ]
    const rig = await started(() => parts, { network: make() })
    const client = await clientOf(rig)
    expect((await fetched(client))?.equals(Buffer.concat(expected))).toBe(true)
    expect(ranges.map(range => range.releases)).toEqual([1, 1, 1])
    expect(Math.max(...ranges[0]!.reads.map(read => read.length))).toBeLessThanOrEqual(MIB)
    await rest()
    expect(rig.server.memoryInUse).toEqual({ requestBytes: 0, responseBytes: 0 })
    await client.close()
    await rig.server.close(1_000)
  })

  test('a connection lost in the middle of a response releases what is left of it', async () => {
    const made: FakeRange[] = []
    const rig = await started(
      () => {
        const ranges = [1, 2, 3].map(() => new FakeRange(LARGE))
        made.push(...ranges)
        return ranges
      },
      { network: make() },
    )
    const client = await rawClientOf(rig)
    client.socket.write([fetchFrame()])
    while (client.receivedBytes < MIB) await rest(1)
    client.socket.destroy()
    while (rig.server.connectionCount > 0) await rest(1)
    await rest()
    expect(made.map(range => range.releases)).toEqual([1, 1, 1])
    expect(rig.server.memoryInUse).toEqual({ requestBytes: 0, responseBytes: 0 })
    await rig.server.close(1_000)
  })

  test('a client that never reads costs a bounded amount, while others are served', async () => {
    const made: FakeRange[] = []
    const rig = await started(
      () => {
        const range = new FakeRange(LARGE.subarray(0, 3 * MIB))
        made.push(range)
        return [range]
      },
      { network: make(), limits: { maxIdleMs: 60_000 } },
    )
    const silent = await rawClientOf(rig)
    silent.socket.pause()
    for (let i = 0; i < 20; i++) silent.socket.write([fetchFrame()])
    const client = await clientOf(rig)
    for (let i = 0; i < 5; i++) expect((await fetched(client))?.length).toBe(3 * MIB)
    expect(made.length).toBeLessThan(5 + 3)
    expect(rig.server.memoryInUse.responseBytes).toBeLessThanOrEqual(MIB)
    await client.close()
    // Nothing moves any more, so it counts as idle.
    await rest()
    await rig.clock.run(120_000)
    while (rig.server.connectionCount > 0) await rest(1)
    await rest()
    expect(made.every(range => range.releases === 1)).toBe(true)
    expect(rig.server.memoryInUse).toEqual({ requestBytes: 0, responseBytes: 0 })
    silent.socket.destroy()
    await rig.server.close(1_000)
  })
})

describe('streaming', () => {
  test('a connection lost while a range is being read releases it when the read is back', async () => {
    let go = () => {}
    const range = new FakeRange(patterned(MIB))
    range.gate = new Promise(resolve => {
      go = resolve
    })
    const behind = new FakeRange(patterned(MIB))
    const rig = await started(() => [range, behind])
    const client = await rawClientOf(rig)
    client.socket.write([fetchFrame()])
    await rest()
    client.socket.destroy()
    await rest()
    expect([range.releases, behind.releases]).toEqual([0, 1])
    go()
    await rest()
    expect([range.releases, behind.releases]).toEqual([1, 1])
    expect(rig.server.memoryInUse.responseBytes).toBe(0)
  })

  test('a range that cannot be read ends the connection, and is logged', async () => {
    const range = new FakeRange(patterned(MIB))
    range.failure = Object.assign(new Error('EIO: read'), { code: 'EIO' })
    const rig = await started(() => [range])
    const client = await rawClientOf(rig)
    client.socket.write([fetchFrame()])
    await client.closed
    await rest()
    expect(range.releases).toBe(1)
    expect(rig.lines[0]).toMatchObject({ level: 'warn', error: { code: 'EIO' } })
    expect(rig.server.memoryInUse).toEqual({ requestBytes: 0, responseBytes: 0 })
  })

  test('a response that comes after the connection is lost is released unread', async () => {
    const range = new FakeRange(patterned(MIB))
    let answer = () => {}
    const rig = await started(() => [range], {
      interceptor: {
        isActive: true,
        async intercept({ request }, proceed) {
          await new Promise<void>(resolve => {
            answer = resolve
          })
          return { response: await proceed(request) }
        },
      },
    })
    const client = await rawClientOf(rig)
    client.socket.write([fetchFrame()])
    await rest()
    client.socket.destroy()
    await rest()
    answer()
    await rest()
    expect([range.releases, range.reads]).toEqual([1, []])
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('with a short budget pieces get smaller, and nobody waits for the others', async () => {
    const made: FakeRange[] = []
    const rig = await started(
      () => {
        const range = new FakeRange(patterned(2 * MIB))
        made.push(range)
        return [range]
      },
      { readBudgetBytes: 600 * 1024 },
    )
    const silent = await Promise.all([1, 2, 3, 4].map(() => rawClientOf(rig)))
    for (const client of silent) {
      client.socket.pause()
      client.socket.write([fetchFrame()])
    }
    await rest()
    const client = await clientOf(rig)
    expect((await fetched(client))?.length).toBe(2 * MIB)
    expect(made.at(-1)?.reads.every(read => read.length === 64 * 1024)).toBe(true)
    for (const { socket } of silent) socket.destroy()
    await client.close()
    await rest()
    expect(rig.server.memoryInUse.responseBytes).toBe(0)
  })

  test('records from memory count while they lie in the socket of a slow reader', async () => {
    const rig = await started(() => [Buffer.alloc(4 * MIB, 'm')])
    const raw = await rawClientOf(rig)
    raw.socket.pause()
    raw.socket.write([fetchFrame()])
    await rest()
    expect(rig.server.memoryInUse.responseBytes).toBeGreaterThan(3 * MIB)
    raw.socket.resume()
    await rest(200)
    expect(raw.receivedBytes).toBeGreaterThan(4 * MIB)
    expect(rig.server.memoryInUse.responseBytes).toBe(0)
    raw.socket.pause()
    raw.socket.write([fetchFrame()])
    await rest()
    raw.socket.destroy()
    await rest()
    expect(rig.server.memoryInUse.responseBytes).toBe(0)
  })

  test('the next request waits until the client has read the response before', async () => {
    const rig = await started(() => [Buffer.alloc(4 * MIB, 'm')])
    const client = await clientOf(rig)
    const raw = await rawClientOf(rig)
    raw.socket.pause()
    const body = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
    const heartbeat = { version: 4, correlationId: 2, clientId: 'c', body }
    raw.socket.write([fetchFrame(), joined(encodeRequestFrame(HeartbeatRequest, heartbeat))])
    await rest()
    const held = rig.server.memoryInUse.requestBytes
    expect(held).toBeGreaterThan(0)
    const call = { request: HeartbeatRequest, response: HeartbeatResponse, version: 4, body }
    expect(await client.call(call)).toMatchObject({ errorCode: 0 })
    raw.socket.resume()
    await rest(200)
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
    expect(raw.receivedBytes).toBeGreaterThan(4 * MIB)
    raw.socket.destroy()
    await client.close()
  })
})
