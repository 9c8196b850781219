/**
 * While the data beneath a server is exchanged for other: nothing begins, what was begun ends, clients stay.
 */
import { expect, test } from 'vitest'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { ProduceRequest } from '../../protocol/messages/produce.ts'
import type { BrokerContext } from '../api/context.ts'
import { WireClient } from '../conformance/wire-client.ts'
import {
  FakeRange,
  FETCH,
  fetchAnswering,
  type Held,
  heartbeatAnswering,
  heldHeartbeat,
  heldProduce,
  type Rig,
  type RigOptions,
  rest,
  startRig,
} from './testing/rig.ts'

const NEW_DATA = { config: 'new' } as unknown as BrokerContext

const beat = (groupId: string) => ({
  request: HeartbeatRequest,
  response: HeartbeatResponse,
  version: 4,
  body: { groupId, generationId: 1, memberId: 'm' },
})

async function startedWith(options: RigOptions): Promise<Rig & { client(): Promise<WireClient> }> {
  const rig = await startRig(options)
  return { ...rig, client: () => WireClient.connect(rig.network, { host: '127.0.0.1', port: rig.port }) }
}

test('requests that come meanwhile wait, and are served from the new data in their order', async () => {
  const seen: string[] = []
  const heartbeat = heartbeatAnswering((groupId, { config }) => {
    seen.push(`${groupId} ${config as unknown}`)
    return 0
  })
  const { dispatcher, client } = await startedWith({ handlers: [heartbeat] })
  const one = await client()
  const other = await client()
  await one.call(beat('before'))
  dispatcher.hold()
  const waiting = [one.call(beat('a')), one.call(beat('b')), other.call(beat('c'))]
  await rest()
  expect(seen).toEqual(['before undefined'])
  dispatcher.serve(NEW_DATA)
  await Promise.all(waiting)
  expect(seen.slice(1).sort()).toEqual(['a new', 'b new', 'c new'])
  expect(seen.indexOf('a new')).toBeLessThan(seen.indexOf('b new'))
})

test('what was begun is answered, and is waited for', async () => {
  const held: Held[] = []
  const { dispatcher, server, client } = await startedWith({ handlers: [heldHeartbeat(held)] })
  const one = await client()
  const answer = one.call(beat('a'))
  await rest()
  dispatcher.hold()
  let isSettled = false
  const settling = server.settled(1_000).then(() => {
    isSettled = true
  })
  await rest()
  expect(isSettled).toBe(false)
  held[0]!.answer(7)
  await settling
  expect(await answer).toMatchObject({ errorCode: 7 })
})

test('what does not end in time loses its connection; the others stay', async () => {
  const held: Held[] = []
  const { clock, dispatcher, server, client } = await startedWith({ handlers: [heldHeartbeat(held)] })
  const stuck = await client()
  const idle = await client()
  stuck.call(beat('stuck')).catch(() => {})
  await rest()
  dispatcher.hold()
  const settling = server.settled(1_000)
  clock.advance(999)
  await rest()
  expect(server.connectionCount).toBe(2)
  clock.advance(1)
  await settling
  await stuck.closed
  dispatcher.serve(NEW_DATA)
  const answer = idle.call(beat('idle'))
  await rest()
  held[1]!.answer(3)
  expect(await answer).toMatchObject({ errorCode: 3 })
  // What never ends holds nobody up a second time.
  dispatcher.hold()
  await server.settled(1_000)
  expect(clock.pendingTimers).toBe(1)
})

test('a response that is read from the old data is sent before that goes', async () => {
  const range = new FakeRange(Buffer.alloc(1_000))
  let goOn = () => {}
  range.gate = new Promise(resolve => (goOn = resolve))
  const { dispatcher, server, client } = await startedWith({ handlers: [fetchAnswering(() => [range])] })
  const one = await client()
  const answer = one.call({ request: FetchRequest, response: FetchResponse, version: 7, body: FETCH })
  await rest()
  dispatcher.hold()
  let isSettled = false
  const settling = server.settled(1_000).then(() => {
    isSettled = true
  })
  await rest()
  expect(isSettled).toBe(false)
  goOn()
  await settling
  expect((await answer).responses).toHaveLength(1)
  expect(range.releases).toBe(1)
})

test('what a client had sent before it left is done all the same', async () => {
  const held: Held[] = []
  const { dispatcher, client } = await startedWith({ handlers: [heldProduce(held)] })
  const one = await client()
  dispatcher.hold()
  const body = { transactionalId: 'left', acks: 0, timeoutMs: 1_000, topicData: [] }
  one.send({ request: ProduceRequest, version: 9, body })
  await rest()
  await one.close()
  await rest()
  expect(held).toEqual([])
  dispatcher.serve(NEW_DATA)
  await rest()
  expect(held.map(({ name }) => name)).toEqual(['left'])
  held[0]!.answer()
})

test('a call that somebody held up in between is served from the new data', async () => {
  const seen: unknown[] = []
  let goOn = () => {}
  const gate = new Promise<void>(resolve => (goOn = resolve))
  const { dispatcher, server, client } = await startedWith({
    handlers: [heartbeatAnswering((_, { config }) => seen.push(config) && 0)],
    interceptor: {
      isActive: true,
      async intercept({ request }, proceed) {
        await gate
        return { response: await proceed(request) }
      },
    },
  })
  const one = await client()
  const answer = one.call(beat('a'))
  await rest()
  dispatcher.hold()
  await server.settled(1_000)
  goOn()
  await rest()
  expect(seen).toEqual([])
  dispatcher.serve(NEW_DATA)
  expect(await answer).toMatchObject({ errorCode: 0 })
  expect(seen).toEqual(['new'])
})
