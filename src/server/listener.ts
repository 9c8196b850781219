/**
 * A listening address and the connections that came by it. All listeners of a broker share one `Server`'s
 * limits: how many connections there may be, in all and from one address, and how much memory they use
 * together.
 */
import type { Session } from '../api/context.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock, Listening, Network, Socket, TlsSettings } from '../platform/platform.ts'
import type { Authentication } from '../security/authentication.ts'
import { Complaints } from './complaints.ts'
import { Connection } from './connection.ts'
import type { Dispatcher } from './dispatch.ts'
import { ReadBudget, RequestMemory } from './memory-budget.ts'
import { publishedAddress, type Reflection } from './reflection.ts'
import type { WireTap } from './wire-tap.ts'

/**
 * Kafka's options of the same names; asked for again with each connection, so they may change at run time.
 */
export interface ServerLimits {
  /** `socket.request.max.bytes`. */
  readonly maxRequestBytes: number
  /** `sasl.server.max.receive.size`. */
  readonly maxSaslBytes?: number
  /** `connections.max.idle.ms`; not positive means never. */
  readonly maxIdleMs: number
  /** `max.connections`. */
  readonly maxConnections: number
  /** `max.connections.per.ip`. */
  readonly maxConnectionsPerIp: number
  /** `max.connections.per.ip.overrides`. */
  readonly maxConnectionsPerIpOverrides?: ReadonlyMap<string, number>
}

export interface ServerOptions {
  readonly network: Network
  readonly clock: Clock
  readonly logger: Logger
  readonly dispatcher: Dispatcher
  readonly tap?: WireTap | undefined
  readonly limits: () => ServerLimits
  /** `queued.max.request.bytes`; not positive leaves it at a bound of our own, where Kafka has none. */
  readonly maxQueuedRequestBytes: number
  /** Fetched bytes on their way to sockets, all connections together. */
  readonly readBudget?: ReadBudget
  /** Where clients may come by a published address that the socket does not show. */
  readonly reflection?: Reflection | undefined
}

export interface ListenerOptions {
  /** As in `listeners`: `PLAINTEXT`. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls?: TlsSettings | undefined
  /** For each connection anew, on listeners with SASL. */
  readonly authentication?: (() => Authentication) | undefined
}

export const DEFAULT_REQUEST_MEMORY_BYTES = 512 * 1024 * 1024
export const DEFAULT_READ_BUDGET_BYTES = 64 * 1024 * 1024

const ANONYMOUS = 'User:ANONYMOUS'
const UNKNOWN_SOFTWARE = 'unknown'

/** All listeners of one broker. */
export class Server {
  private readonly options: ServerOptions
  private readonly complaints: Complaints
  private readonly requestMemory: RequestMemory
  private readonly readBudget: ReadBudget
  private readonly listenings: Listening[] = []
  private readonly connections = new Set<Connection>()
  private readonly perAddress = new Map<string, number>()
  private accepted = 0
  private isClosing = false
  private whenEmpty: (() => void) | undefined

  constructor(options: ServerOptions) {
    this.options = options
    this.complaints = new Complaints(options.logger, options.clock)
    const limit = options.maxQueuedRequestBytes
    this.requestMemory = new RequestMemory(limit > 0 ? limit : DEFAULT_REQUEST_MEMORY_BYTES)
    this.readBudget = options.readBudget ?? new ReadBudget(DEFAULT_READ_BUDGET_BYTES)
  }

  get connectionCount(): number {
    return this.connections.size
  }

  /** Received bytes of requests that are not done, and file bytes that are not sent. */
  get memoryInUse(): { readonly requestBytes: number; readonly responseBytes: number } {
    return { requestBytes: this.requestMemory.used, responseBytes: this.readBudget.used }
  }

  /** Listens on one more address; gives the port, which the system chose where 0 was asked for. */
  async listen(listener: ListenerOptions): Promise<number> {
    const { network } = this.options
    const { host, port, tls } = listener
    const onHandshakeFailure = (address: string, error: Error) => this.handshakeFailed(address, error)
    const listening = await network.listen({ host, port, tls, onHandshakeFailure }, socket =>
      this.connected(listener, socket),
    )
    this.listenings.push(listening)
    return listening.port
  }

  /**
   * Stops listening at once. Connections take no more requests; those in flight are answered, and what is
   * still open at the deadline is cut.
   */
  async close(deadlineMs: number): Promise<void> {
    this.isClosing = true
    await Promise.all(this.listenings.map(listening => listening.close()))
    for (const connection of [...this.connections]) {
      if (deadlineMs > 0) connection.end()
      else connection.destroy()
    }
    if (this.connections.size === 0) return
    const deadline = this.options.clock.after(deadlineMs, () => {
      for (const connection of [...this.connections]) connection.destroy()
    })
    await new Promise<void>(resolve => {
      this.whenEmpty = resolve
    })
    deadline.cancel()
  }

  /**
   * Resolves when no connection has a response on its way, or something under way; what still has at the
   * deadline is cut.
   */
  async settled(withinMs: number): Promise<void> {
    const { clock, dispatcher } = this.options
    const deadline = clock.after(withinMs, () => {
      for (const connection of [...this.connections]) if (connection.isBusy) connection.destroy()
    })
    await dispatcher.settled(clock, withinMs)
    await Promise.all([...this.connections].map(connection => connection.sent()))
    deadline.cancel()
  }

  private handshakeFailed(address: string, error: Error): void {
    this.complaints.log('tls', `A TLS handshake with ${address} failed: ${error.message}`, {})
  }

  private connected(listener: ListenerOptions, socket: Socket): void {
    const limits = this.options.limits()
    const refusal = this.refusalOf(socket.remoteAddress, limits)
    if (refusal) {
      this.complaints.log('limit', `Refusing a connection from ${socket.remoteAddress}: ${refusal}`, {
        listener: listener.name,
      })
      socket.destroy()
      return
    }
    const address = socket.remoteAddress
    this.perAddress.set(address, (this.perAddress.get(address) ?? 0) + 1)
    const { dispatcher, clock, reflection, tap } = this.options
    const connection: Connection = new Connection({
      socket,
      dispatcher,
      tap,
      clock,
      session: {
        ...sessionOf(listener.name, socket, this.accepted++, reason => connection.disconnect(reason)),
        authentication: listener.authentication?.(),
        publishedAddress: publishedAddress(socket, reflection) ?? namedAddress(socket),
      },
      requestMemory: this.requestMemory,
      readBudget: this.readBudget,
      complaints: this.complaints,
      maxRequestBytes: limits.maxRequestBytes,
      maxSaslBytes: limits.maxSaslBytes ?? limits.maxRequestBytes,
      maxIdleMs: limits.maxIdleMs,
      onClosed: () => this.disconnected(connection, address),
    })
    this.connections.add(connection)
  }

  private disconnected(connection: Connection, address: string): void {
    this.connections.delete(connection)
    const left = (this.perAddress.get(address) ?? 1) - 1
    if (left > 0) this.perAddress.set(address, left)
    else this.perAddress.delete(address)
    if (this.connections.size === 0) this.whenEmpty?.()
  }

  private refusalOf(address: string, limits: ServerLimits): string | undefined {
    if (this.isClosing) return 'this broker is shutting down'
    if (this.connections.size >= limits.maxConnections) return `max.connections is ${limits.maxConnections}`
    const overridden = limits.maxConnectionsPerIpOverrides?.get(address)
    const most = overridden ?? limits.maxConnectionsPerIp
    if ((this.perAddress.get(address) ?? 0) < most) return undefined
    return `max.connections.per.ip${overridden === undefined ? '' : '.overrides'} allows ${most}`
  }
}

/** A client that asked TLS for a name can verify no other. */
function namedAddress({ serverName, localPort }: Socket): Session['publishedAddress'] {
  return serverName === undefined ? undefined : { host: serverName, port: localPort }
}

function sessionOf(
  listener: string,
  socket: Socket,
  count: number,
  disconnect: (reason: string) => void,
): Session {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  return {
    connectionId: `${localAddress}:${localPort}-${remoteAddress}:${remotePort}-${count}`,
    listener,
    principal: socket.peerName === undefined ? ANONYMOUS : `User:${socket.peerName}`,
    clientAddress: remoteAddress,
    localAddress,
    localPort,
    clientId: null,
    clientSoftwareName: UNKNOWN_SOFTWARE,
    clientSoftwareVersion: UNKNOWN_SOFTWARE,
    waiter: { isGone: false, onGone: undefined },
    disconnect,
  }
}
