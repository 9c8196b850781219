/** TCP of the real machine. */
import * as net from 'node:net'
import { readGateways } from './node-gateways.ts'
import type { Listening, ListenOptions, Network, Socket, SocketHandlers } from './platform.ts'

/** Codes with which a machine without IPv6 refuses to listen on `::`. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT', 'EINVAL'])

const KEEP_ALIVE_AFTER_MS = 60_000

export class NodeNetwork implements Network {
  async listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listening> {
    if (options.host !== '') return listenOn(options.host, options.port, onConnection)
    try {
      return await listenOn('::', options.port, onConnection)
    } catch (error) {
      if (!NO_IPV6.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      return listenOn('0.0.0.0', options.port, onConnection)
    }
  }

  connect(host: string, port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new NodeSocket(socket))
      })
    })
  }

  gateways(): Promise<readonly string[]> {
    return readGateways()
  }
}

function listenOn(host: string, port: number, onConnection: (socket: Socket) => void): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
      pauseOnConnect: true,
    })
    server.on('connection', socket => onConnection(new NodeSocket(socket)))
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: false, backlog: 1024 }, () => {
      server.off('error', reject)
      // A failed accept (out of file descriptors, say) is no reason to stop listening.
      server.on('error', () => {})
      resolve(new NodeListening(server))
    })
  })
}

class NodeListening implements Listening {
  readonly port: number
  private readonly server: net.Server

  constructor(server: net.Server) {
    this.server = server
    this.port = (server.address() as net.AddressInfo).port
  }

  async close(): Promise<void> {
    // Node reports the close only after the last connection's end, but the port is free at once.
    if (this.server.listening) this.server.close()
  }
}

class NodeSocket implements Socket {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  private readonly socket: net.Socket
  private handlers: SocketHandlers | undefined
  private failure: Error | undefined
  private isClosed = false
  private isCorked = false
  private readonly uncork = () => {
    this.isCorked = false
    this.socket.uncork()
  }

  constructor(socket: net.Socket) {
    this.socket = socket
    this.localAddress = plainAddress(socket.localAddress)
    this.localPort = socket.localPort ?? 0
    this.remoteAddress = plainAddress(socket.remoteAddress)
    this.remotePort = socket.remotePort ?? 0
    socket.on('error', error => {
      this.failure = error
    })
    socket.on('close', () => {
      this.isClosed = true
      this.handlers?.onClose(this.failure)
    })
  }

  handle(handlers: SocketHandlers): void {
    this.handlers = handlers
    if (this.isClosed) {
      setImmediate(() => handlers.onClose(this.failure))
      return
    }
    this.socket.on('data', chunk => handlers.onData(chunk))
    this.socket.on('drain', () => handlers.onDrain())
    this.socket.resume()
  }

  get bufferedBytes(): number {
    return this.socket.writableLength
  }

  /**
   * What is written before the event loop's next callback goes out as one system call. Waiting for the end of
   * the loop's turn instead cost a third more CPU for each request and response that go to and fro.
   */
  write(chunks: readonly Uint8Array[]): boolean {
    // The peer has gone, and `onClose` is on its way.
    if (!this.socket.writable) return true
    if (!this.isCorked) {
      this.isCorked = true
      this.socket.cork()
      process.nextTick(this.uncork)
    }
    let hasRoom = true
    for (const chunk of chunks) hasRoom = this.socket.write(chunk)
    return hasRoom
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Does not wait for the peer to close its side: it may never do so. */
  end(): void {
    this.socket.destroySoon()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/**
 * An IPv4 peer of a dual-stack socket shows as `::ffff:127.0.0.1`, which no client could be told to connect
 * to.
 */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}
