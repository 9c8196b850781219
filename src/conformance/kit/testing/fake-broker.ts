/** A broker of a test's own making on a network in memory: it answers as it is told to, truly or not. */

import { decodeRequestHeader, encodeResponseFrame } from '../../../../protocol/header.ts'
import type { Fields, InputOf, Message } from '../../../../protocol/schema.ts'
import { joined } from '../../../../protocol/wire.ts'
import type { Socket } from '../../../platform/platform.ts'
import { MemoryNetwork } from '../../../platform/simulated/memory-network.ts'

export const FAKE_PORT = 9_092

export interface Asked {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
}

/** What is to be written for a request; undefined hangs up. */
export type Behaviour = (asked: Asked, count: number) => readonly Buffer[] | undefined

export function fakeBroker(behaviour: Behaviour): MemoryNetwork {
  const network = new MemoryNetwork()
  let count = 0
  void network.listen({ host: '127.0.0.1', port: FAKE_PORT }, socket => {
    let received: Buffer = Buffer.alloc(0)
    socket.handle({
      onData: chunk => {
        received = Buffer.concat([received, chunk])
        while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
          const end = 4 + received.readInt32BE(0)
          const answer = behaviour(decodeRequestHeader(received.subarray(4, end)), count++)
          received = received.subarray(end)
          if (!answer) return socket.destroy()
          socket.write(answer)
        }
      },
      onDrain: () => {},
      onClose: () => {},
    })
  })
  return network
}

/** A server of something else: `onOpen` and `onData` say what it does. */
export function fakeServer(
  handlers: { onOpen?(socket: Socket): void; onData?(socket: Socket, chunk: Buffer): void } = {},
): MemoryNetwork {
  const network = new MemoryNetwork()
  void network.listen({ host: '127.0.0.1', port: FAKE_PORT }, socket => {
    socket.handle({
      onData: chunk => handlers.onData?.(socket, chunk),
      onDrain: () => {},
      onClose: () => {},
    })
    handlers.onOpen?.(socket)
  })
  return network
}

/** A response as it goes over the wire. */
export function responseTo<F extends Fields>(
  { apiVersion, correlationId }: Pick<Asked, 'apiVersion' | 'correlationId'>,
  response: Message<F>,
  body: InputOf<F>,
): Buffer {
  return joined(encodeResponseFrame(response, apiVersion, correlationId, body))
}
