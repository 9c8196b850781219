import { beforeEach, describe, expect, test } from 'vitest'
import { encodeRequestFrame } from '../../protocol/header.ts'
import { HeartbeatRequest } from '../../protocol/messages/heartbeat.ts'
import { type EncodedMessage, joined } from '../../protocol/wire.ts'
import type { Intercepted, Interceptor } from './dispatch.ts'
import { RawClient, type Rig, type RigOptions, rest, startRig } from './testing/rig.ts'
import type { WireTap } from './wire-tap.ts'

/** Of a response to Heartbeat v4: size, header of five bytes, throttle time, error code, tags. */
const RESPONSE_BYTES = 16

let answers: Map<number, Partial<Intercepted>>
let seen: string[]
let asked: number[]

const tap: WireTap = {
  isOn: true,
  request: (_from, frame) => {
    const id = Buffer.from(frame).readInt32BE(4)
    seen.push(`${id} came`)
    return {
      answered: message => {
        seen.push(`${id} answered by ${message.byteLength} bytes`)
        return message
      },
      unanswered: why => seen.push(`${id} ${why}`),
    }
  },
}

const interceptor: Interceptor = {
  isActive: true,
  async intercept({ correlationId, request }, proceed) {
    asked.push(correlationId)
    return { response: await proceed(request), ...answers.get(correlationId) }
  },
}

beforeEach(() => {
  answers = new Map()
  seen = []
  asked = []
})

async function clientOf(options: RigOptions = {}): Promise<{ rig: Rig; client: RawClient }> {
  const rig = await startRig({ interceptor, tap, ...options })
  return { rig, client: new RawClient(await rig.network.connect('127.0.0.1', rig.port)) }
}

/** Heartbeats that are numbered from 1. */
function beats(count: number): Buffer {
  const body = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
  return Buffer.concat(
    Array.from({ length: count }, (_, index) =>
      joined(
        encodeRequestFrame(HeartbeatRequest, { version: 4, correlationId: index + 1, clientId: 'c', body }),
      ),
    ),
  )
}

describe('who intercepts may have a connection', () => {
  test('cut instead of answered, with what was to come', async () => {
    answers.set(2, { ending: 'cut' })
    const { rig, client } = await clientOf()
    client.socket.write([beats(3)])
    await client.closed
    await rest()
    expect(asked).toEqual([1, 2])
    expect(seen).toEqual(['1 came', `1 answered by ${RESPONSE_BYTES} bytes`, '2 came', '2 lost'])
    expect(rig.server.connectionCount).toBe(0)
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('closed behind a response, which may have been damaged', async () => {
    const damage = async (frame: EncodedMessage) => ({
      byteLength: 6,
      chunks: [joined(frame).subarray(0, 6)],
    })
    answers.set(1, { ending: 'close', damage })
    const { client } = await clientOf()
    client.socket.write([beats(2)])
    await client.closed
    expect(client.received).toHaveLength(6)
    expect(asked).toEqual([1])
  })

  test('left without an answer, until the client or the server goes', async () => {
    answers.set(1, { ending: 'hang' })
    const { rig, client } = await clientOf()
    client.socket.write([beats(2)])
    await rest()
    expect([client.receivedBytes, asked, seen]).toEqual([0, [1], ['1 came']])
    client.socket.end()
    await rest()
    expect(seen).toEqual(['1 came', '1 lost'])
    expect(rig.server.memoryInUse.requestBytes).toBe(0)

    const other = new RawClient(await rig.network.connect('127.0.0.1', rig.port))
    other.socket.write([beats(1)])
    await rest()
    await rig.server.close(60_000)
    await other.closed
    expect(rig.server.connectionCount).toBe(0)
  })

  test('muted for a while once the response is sent, as throttling does (T177)', async () => {
    answers.set(1, { muteMs: 500 })
    const { rig, client } = await clientOf()
    client.socket.write([beats(3)])
    await rest()
    expect([client.receivedBytes, asked]).toEqual([RESPONSE_BYTES, [1]])
    await rig.clock.advance(499)
    await rest()
    expect(asked).toEqual([1])
    await rig.clock.advance(1)
    await rest()
    expect([client.receivedBytes, asked]).toEqual([3 * RESPONSE_BYTES, [1, 2, 3]])
    expect(rig.server.memoryInUse.requestBytes).toBe(0)
  })

  test('and whoever intercepts nothing is not asked', async () => {
    const { client } = await clientOf({ interceptor: { ...interceptor, isActive: false } })
    client.socket.write([beats(2)])
    await rest()
    expect([client.receivedBytes, asked]).toEqual([2 * RESPONSE_BYTES, []])
  })
})

test('a tap sees requests that are refused, and none while it is off', async () => {
  const unknown = Buffer.from('0000000a03e7000000000007ffff', 'hex')
  const { client } = await clientOf()
  client.socket.write([beats(1), unknown])
  await client.closed
  expect(seen).toEqual(['1 came', `1 answered by ${RESPONSE_BYTES} bytes`, '7 came', '7 no response'])
  seen = []
  const off = await clientOf({ tap: { ...tap, isOn: false } })
  off.client.socket.write([beats(1)])
  await rest()
  expect([off.client.receivedBytes, seen]).toEqual([RESPONSE_BYTES, []])
})
