import { beforeEach, describe, expect, test } from 'vitest'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { NodeNetwork } from '../platform/node-network.ts'
import { MemoryNetwork } from '../platform/simulated/memory-network.ts'
import { type Held, heldHeartbeat, RawClient, type Rig, rest, startRig } from './testing/rig.ts'

const BEAT = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
const heartbeat = { request: HeartbeatRequest, version: 4, body: BEAT }

let held: Held[]
beforeEach(() => {
  held = []
})

const clientOf = (rig: Rig) => WireClient.connect(rig.network, { host: '127.0.0.1', port: rig.port })
const rawFrom = async (rig: Rig, network: MemoryNetwork, address: string) =>
  new RawClient(await network.connectFrom(address, '127.0.0.1', rig.port))

describe('how many connections', () => {
  test('max.connections refuses one more, until another has gone', async () => {
    const rig = await startRig({ limits: { maxConnections: 2 } })
    const [first, second] = [await clientOf(rig), await clientOf(rig)]
    const third = new RawClient(await rig.network.connect('127.0.0.1', rig.port))
    await third.closed
    expect(rig.lines[0]?.message).toBe('Refusing a connection from 127.0.0.1: max.connections is 2')
    await first.close()
    await rest()
    const fourth = new RawClient(await rig.network.connect('127.0.0.1', rig.port))
    await rest()
    expect([fourth.isClosed, rig.server.connectionCount]).toEqual([false, 2])
    fourth.socket.destroy()
    await second.close()
  })

  test('max.connections.per.ip counts each address alone, and its overrides go before it', async () => {
    const network = new MemoryNetwork()
    const overrides = new Map([['10.0.0.9', 2]])
    const limits = { maxConnectionsPerIp: 1, maxConnectionsPerIpOverrides: overrides }
    const rig = await startRig({ network, limits })
    const addresses = ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.9', '10.0.0.9', '10.0.0.9']
    const clients: RawClient[] = []
    for (const address of addresses) clients.push(await rawFrom(rig, network, address))
    await rest()
    expect(clients.map(client => client.isClosed)).toEqual([false, true, false, false, false, true])
    clients[0]?.socket.destroy()
    await rest()
    const again = await rawFrom(rig, network, '10.0.0.1')
    await rest()
    expect(again.isClosed).toBe(false)
  })
})

describe('closing', () => {
  test('answers what is in flight, takes nothing new, and leaves nothing behind', async () => {
    const rig = await startRig({ handlers: [heldHeartbeat(held)] })
    const [busy, idle] = [await clientOf(rig), await clientOf(rig)]
    const id = busy.send(heartbeat)
    busy.send(heartbeat)
    await rest()
    const closing = rig.server.close(5_000)
    await idle.closed
    await expect(rig.network.connect('127.0.0.1', rig.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await rest()
    expect(held).toHaveLength(1)
    held[0]?.answer()
    expect(await busy.receive(HeartbeatResponse, 4, id)).toMatchObject({ errorCode: 0 })
    await busy.closed
    await closing
    expect(held).toHaveLength(1)
    expect([rig.server.connectionCount, rig.clock.pendingTimers]).toEqual([0, 0])
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('cuts at the deadline what is still open', async () => {
    const rig = await startRig({ handlers: [heldHeartbeat(held)] })
    const client = await clientOf(rig)
    client.send(heartbeat)
    await rest()
    const closing = rig.server.close(5_000)
    await rig.clock.run(4_999)
    expect(rig.server.connectionCount).toBe(1)
    await rig.clock.run(1)
    await closing
    await client.closed
    expect([rig.server.connectionCount, rig.clock.pendingTimers]).toEqual([0, 0])
  })

  test('a server without connections closes at once, and its port is free', async () => {
    const rig = await startRig({ network: new NodeNetwork() })
    await rig.server.close(1_000)
    const again = await rig.network.listen({ host: '127.0.0.1', port: rig.port }, () => {})
    await again.close()
  })
})

test('one server listens on several addresses under one set of limits', async () => {
  const rig = await startRig({ limits: { maxConnections: 1 } })
  const second = await rig.server.listen({ name: 'INTERNAL', host: '', port: 0 })
  const client = await clientOf(rig)
  const other = new RawClient(await rig.network.connect('127.0.0.1', second))
  await other.closed
  await client.close()
  await rig.server.close(1_000)
})

test('a port in use is the caller’s to explain', async () => {
  const rig = await startRig()
  const taken = rig.server.listen({ name: 'X', host: '127.0.0.1', port: rig.port })
  await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
