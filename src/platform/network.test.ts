import { connect as connectRaw } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { NodeNetwork } from './node-network.ts'
import type { Listening, Network, Socket } from './platform.ts'
import { MemoryNetwork } from './simulated/memory-network.ts'

/** What one end of a connection has seen. */
class Peer {
  readonly socket: Socket
  receivedBytes = 0
  drains = 0
  closes = 0
  error: Error | undefined
  private readonly chunks: Buffer[] = []
  private watchers: { condition: () => boolean; resolve: () => void }[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.handle({
      onData: chunk => {
        this.chunks.push(chunk)
        this.receivedBytes += chunk.length
        this.look()
      },
      onDrain: () => {
        this.drains++
        this.look()
      },
      onClose: error => {
        this.closes++
        this.error = error
        this.look()
      },
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise(resolve => {
      this.watchers.push({ condition, resolve })
      this.look()
    })
  }

  private look(): void {
    const met = this.watchers.filter(watcher => watcher.condition())
    this.watchers = this.watchers.filter(watcher => !met.includes(watcher))
    for (const watcher of met) watcher.resolve()
  }
}

function deferred<Value>(): { promise: Promise<Value>; resolve(value: Value): void } {
  let resolve: (value: Value) => void = () => {}
  const promise = new Promise<Value>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

interface Pair {
  readonly client: Peer
  readonly server: Peer
  readonly listening: Listening
}

async function pairOn(network: Network): Promise<Pair> {
  const { promise, resolve } = deferred<Socket>()
  const listening = await network.listen({ host: '', port: 0 }, resolve)
  const client = new Peer(await network.connect('127.0.0.1', listening.port))
  return { client, server: new Peer(await promise), listening }
}

const kinds: readonly { readonly kind: string; make(): Network }[] = [
  { kind: 'the real network', make: () => new NodeNetwork() },
  { kind: 'a network in memory', make: () => new MemoryNetwork() },
  {
    kind: 'a network in memory, bytes arriving one by one',
    make: () => new MemoryNetwork({ pieceBytes: 1 }),
  },
]

describe.each(kinds)('$kind', ({ make }) => {
  test('carries bytes both ways in order', async () => {
    const { client, server, listening } = await pairOn(make())
    client.socket.write([Buffer.from('hello '), Buffer.from('world')])
    client.socket.write([Buffer.from('!')])
    await server.until(() => server.receivedBytes === 12)
    expect(server.received.toString()).toBe('hello world!')
    server.socket.write([Buffer.from('yes')])
    await client.until(() => client.receivedBytes === 3)
    expect(client.received.toString()).toBe('yes')
    client.socket.destroy()
    await server.until(() => server.closes === 1)
    await listening.close()
  })

  test('keeps what arrives before the handlers are set', async () => {
    const network = make()
    const { promise, resolve } = deferred<Socket>()
    const listening = await network.listen({ host: '127.0.0.1', port: 0 }, resolve)
    const client = new Peer(await network.connect('127.0.0.1', listening.port))
    client.socket.write([Buffer.from('early')])
    const socket = await promise
    await new Promise(setImmediate)
    const server = new Peer(socket)
    await server.until(() => server.receivedBytes === 5)
    client.socket.destroy()
    await Promise.all([client, server].map(peer => peer.until(() => peer.closes === 1)))
    await listening.close()
  })

  test('shows plain addresses and ports of both ends', async () => {
    const { client, server, listening } = await pairOn(make())
    expect(server.socket.localAddress).toBe('127.0.0.1')
    expect(server.socket.remoteAddress).toBe('127.0.0.1')
    expect(server.socket.localPort).toBe(listening.port)
    expect(server.socket.remotePort).toBe(client.socket.localPort)
    client.socket.destroy()
    await server.until(() => server.closes === 1)
    await listening.close()
  })

  test('an end sends what is queued first, and closes both sides once', async () => {
    const { client, server, listening } = await pairOn(make())
    client.socket.write([Buffer.from('last words')])
    client.socket.end()
    await server.until(() => server.closes === 1)
    expect(server.received.toString()).toBe('last words')
    await client.until(() => client.closes === 1)
    expect([server.closes, client.closes, server.error, client.error]).toEqual([1, 1, undefined, undefined])
    await listening.close()
  })

  test('writing to a connection that is gone is harmless', async () => {
    const { client, server, listening } = await pairOn(make())
    client.socket.destroy()
    await server.until(() => server.closes === 1)
    server.socket.write([Buffer.from('too late')])
    server.socket.end()
    server.socket.destroy()
    await new Promise(setImmediate)
    expect(server.closes).toBe(1)
    await listening.close()
  })

  test('a listening that closes leaves its connections alone, and its port to others', async () => {
    const network = make()
    const { client, server, listening } = await pairOn(network)
    await listening.close()
    await expect(network.connect('127.0.0.1', listening.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const again = await network.listen({ host: '', port: listening.port }, () => {})
    client.socket.write([Buffer.from('on')])
    await server.until(() => server.receivedBytes === 2)
    await again.close()
    client.socket.destroy()
    await server.until(() => server.closes === 1)
  })

  test('a port in use is refused', async () => {
    const network = make()
    const first = await network.listen({ host: '127.0.0.1', port: 0 }, () => {})
    const second = network.listen({ host: '127.0.0.1', port: first.port }, () => {})
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await first.close()
  })
})

describe.each(kinds.slice(0, 2))('$kind', ({ make }) => {
  test('a receiver that pauses fills the sender up, and reading on drains it', async () => {
    const { client, server, listening } = await pairOn(make())
    server.socket.pause()
    const block = Buffer.alloc(1024 * 1024, 'x')
    let hasRoom = true
    for (let sent = 0; sent < 32; sent++) hasRoom = client.socket.write([block]) && hasRoom
    expect(hasRoom).toBe(false)
    await new Promise(setImmediate)
    expect(client.socket.bufferedBytes).toBeGreaterThan(0)
    server.socket.resume()
    await client.until(() => client.drains > 0 && client.socket.bufferedBytes === 0)
    await server.until(() => server.receivedBytes === 32 * block.length)
    client.socket.destroy()
    await server.until(() => server.closes === 1)
    await listening.close()
  })
})

describe('the real network', () => {
  test('an empty host listens on both families', async () => {
    const network = new NodeNetwork()
    const seen: string[] = []
    const listening = await network.listen({ host: '', port: 0 }, socket => {
      seen.push(socket.localAddress)
      socket.destroy()
    })
    const hosts = ['127.0.0.1', ...(hasIpv6() ? ['::1'] : [])]
    for (const host of hosts) {
      const client = new Peer(await network.connect(host, listening.port))
      await client.until(() => client.closes === 1)
    }
    expect(seen).toEqual(hosts)
    await listening.close()
  })

  test('the writes of one turn reach the peer as one burst', async () => {
    const network = new NodeNetwork()
    const { promise, resolve } = deferred<Socket>()
    const listening = await network.listen({ host: '127.0.0.1', port: 0 }, resolve)
    const client = connectRaw(listening.port, '127.0.0.1')
    const chunks: string[] = []
    client.on('data', chunk => chunks.push(chunk.toString()))
    const server = new Peer(await promise)
    for (const letter of 'abcdef') server.socket.write([Buffer.from(letter)])
    await Promise.resolve()
    server.socket.write([Buffer.from('g')])
    server.socket.end()
    await server.until(() => server.closes === 1)
    await new Promise(resolve => client.once('close', resolve))
    expect(chunks).toEqual(['abcdefg'])
    await listening.close()
  })
})

function hasIpv6(): boolean {
  return Object.values(networkInterfaces())
    .flat()
    .some(address => address?.address === '::1')
}
