/** TCP and TLS of the real machine. */
import * as net from 'node:net'
import * as tls from 'node:tls'
import { readGateways } from './node-gateways.ts'
import type { Listening, ListenOptions, Network, Socket, SocketHandlers, TlsSettings } from './platform.ts'

/** Codes with which a machine without IPv6 refuses to listen on `::`. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT', 'EINVAL'])

const KEEP_ALIVE_AFTER_MS = 60_000
/** Who has come and says nothing holds a socket no longer. */
const HANDSHAKE_WITHIN_MS = 30_000

/** How connections to others are encrypted. */
export interface ClientTls {
  /** Who may have signed the other's certificate, as PEM; those that Node knows unless told. */
  readonly trusted?: string | undefined
}

export class NodeNetwork implements Network {
  private readonly tls: ClientTls | undefined

  constructor(tls?: ClientTls) {
    this.tls = tls
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listening> {
    if (options.host !== '') return listenOn(options, onConnection)
    try {
      return await listenOn({ ...options, host: '::' }, onConnection)
    } catch (error) {
      if (!NO_IPV6.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      return listenOn({ ...options, host: '0.0.0.0' }, onConnection)
    }
  }

  connect(host: string, port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = this.tls
        ? connectSecurely(host, port, this.tls)
        : net.connect({ host, port, noDelay: true })
      socket.once('error', reject)
      socket.once(this.tls ? 'secureConnect' : 'connect', () => {
        socket.off('error', reject)
        resolve(new NodeSocket(socket))
      })
    })
  }

  gateways(): Promise<readonly string[]> {
    return readGateways()
  }
}

const SOCKET_OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
} as const

function listenOn(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listening> {
  const { host, port } = options
  return new Promise((resolve, reject) => {
    const server = options.tls
      ? tlsServer(options, options.tls, onConnection)
      : net.createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true }, socket => {
          onConnection(new NodeSocket(socket))
        })
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: false, backlog: 1024 }, () => {
      server.off('error', reject)
      // A failed accept (out of file descriptors, say) is no reason to stop listening.
      server.on('error', () => {})
      resolve(new NodeListening(server))
    })
  })
}

/** The certificate must be good for the host. */
function connectSecurely(host: string, port: number, { trusted }: ClientTls): tls.TLSSocket {
  const servername = net.isIP(host) === 0 ? { servername: host } : {}
  const socket = tls.connect({ host, port, ...servername, ...(trusted !== undefined && { ca: trusted }) })
  socket.setNoDelay(true)
  return socket
}

/** Throws where the certificate, the key or the ciphers are not usable. */
function tlsServer(
  { onHandshakeFailure }: ListenOptions,
  settings: TlsSettings,
  onConnection: (socket: Socket) => void,
): tls.Server {
  const server = tls.createServer({
    ...SOCKET_OPTIONS,
    ...secureContext(settings),
    requestCert: settings.clientCertificate !== 'none',
    rejectUnauthorized: settings.clientCertificate !== 'none',
    handshakeTimeout: HANDSHAKE_WITHIN_MS,
  })
  server.on('secureConnection', socket => onConnection(new NodeSocket(socket, secureNames(socket))))
  server.on('tlsClientError', (error, socket) => {
    onHandshakeFailure?.(plainAddress(socket.remoteAddress), error)
    socket.destroy()
  })
  return server
}

function secureContext(settings: TlsSettings): tls.SecureContextOptions {
  const { pfx, certificateChain, key, passphrase, trusted, ciphers, minVersion, maxVersion } = settings
  return {
    minVersion,
    maxVersion,
    ...(pfx && { pfx }),
    ...(certificateChain !== undefined && { cert: certificateChain }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(trusted !== undefined && { ca: trusted }),
    ...(ciphers !== undefined && { ciphers }),
  }
}

interface SecureNames {
  readonly serverName?: string | undefined
  readonly peerName?: string | undefined
}

function secureNames(socket: tls.TLSSocket): SecureNames {
  const serverName = (socket as { servername?: string | false }).servername
  return {
    ...(serverName && { serverName }),
    ...(socket.authorized && { peerName: distinguishedName(socket.getPeerX509Certificate()?.subject) }),
  }
}

/** One attribute a line, the widest first, as Java writes it: the narrowest first, in one line (RFC 2253). */
function distinguishedName(subject: string | undefined): string | undefined {
  return subject?.split('\n').reverse().join(',')
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
  readonly serverName: string | undefined
  readonly peerName: string | undefined
  private readonly socket: net.Socket
  private handlers: SocketHandlers | undefined
  private failure: Error | undefined
  private isClosed = false
  private isCorked = false
  private readonly uncork = () => {
    this.isCorked = false
    this.socket.uncork()
  }

  constructor(socket: net.Socket, names: SecureNames = {}) {
    this.socket = socket
    this.serverName = names.serverName
    this.peerName = names.peerName
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
