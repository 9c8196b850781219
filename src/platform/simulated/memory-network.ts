/**
 * A network in memory. Bytes arrive in later turns of the event loop, in pieces that are as large as the
 * window or as small as a test wants them, and a receiver that pauses fills the window and then its peer's
 * buffer.
 */
import type { Listening, ListenOptions, Network, Socket, SocketHandlers } from '../platform.ts'

export interface MemoryNetworkOptions {
  /** The largest piece in which bytes arrive. */
  readonly pieceBytes?: number
  /** What is under way between two sockets before `bufferedBytes` begins to count. */
  readonly windowBytes?: number
  readonly gateways?: readonly string[]
}

const DEFAULT_PIECE_BYTES = 64 * 1024
const DEFAULT_WINDOW_BYTES = 64 * 1024
const FIRST_FREE_PORT = 32_768

export class MemoryNetwork implements Network {
  private readonly pieceBytes: number
  private readonly windowBytes: number
  private readonly gatewayAddresses: readonly string[]
  private readonly listeners = new Map<number, (socket: Socket) => void>()
  private nextPort = FIRST_FREE_PORT

  constructor(options: MemoryNetworkOptions = {}) {
    this.pieceBytes = options.pieceBytes ?? DEFAULT_PIECE_BYTES
    this.windowBytes = options.windowBytes ?? DEFAULT_WINDOW_BYTES
    this.gatewayAddresses = options.gateways ?? []
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listening> {
    const port = options.port === 0 ? this.nextPort++ : options.port
    if (this.listeners.has(port)) throw networkError('EADDRINUSE', `listen ${options.host}:${port}`)
    this.listeners.set(port, onConnection)
    return {
      port,
      close: async () => {
        if (this.listeners.get(port) === onConnection) this.listeners.delete(port)
      },
    }
  }

  connect(host: string, port: number): Promise<Socket> {
    return this.connectFrom('127.0.0.1', host, port)
  }

  async gateways(): Promise<readonly string[]> {
    return this.gatewayAddresses
  }

  /** As `connect`, from another address than this machine's. */
  async connectFrom(localAddress: string, host: string, port: number): Promise<Socket> {
    const onConnection = this.listeners.get(port)
    if (!onConnection) throw networkError('ECONNREFUSED', `connect ${host}:${port}`)
    const near = { address: localAddress, port: this.nextPort++ }
    const far = { address: host === 'localhost' ? '127.0.0.1' : host, port }
    const client = new MemorySocket(near, far, this.pieceBytes, this.windowBytes)
    const server = new MemorySocket(far, near, this.pieceBytes, this.windowBytes)
    client.pair(server)
    server.pair(client)
    onConnection(server)
    return client
  }
}

interface Address {
  readonly address: string
  readonly port: number
}

class MemorySocket implements Socket {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  private readonly pieceBytes: number
  private readonly windowBytes: number
  private peer: MemorySocket | undefined
  private handlers: SocketHandlers | undefined
  /** Sent to this side and not delivered yet. */
  private readonly arriving: Buffer[] = []
  private arrivingBytes = 0
  private isPaused = false
  private isScheduled = false
  private state: 'open' | 'ending' | 'closed' = 'open'
  private closeError: Error | undefined
  private isCloseReported = false
  private peerNeedsDrain = false

  constructor(local: Address, remote: Address, pieceBytes: number, windowBytes: number) {
    this.localAddress = local.address
    this.localPort = local.port
    this.remoteAddress = remote.address
    this.remotePort = remote.port
    this.pieceBytes = pieceBytes
    this.windowBytes = windowBytes
  }

  pair(peer: MemorySocket): void {
    this.peer = peer
  }

  handle(handlers: SocketHandlers): void {
    this.handlers = handlers
    this.schedule()
  }

  get bufferedBytes(): number {
    return Math.max(0, (this.peer?.arrivingBytes ?? 0) - this.windowBytes)
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.state !== 'open' || !this.peer) return true
    for (const chunk of chunks) this.peer.accept(Buffer.from(chunk))
    const hasRoom = this.bufferedBytes === 0
    if (!hasRoom) this.peer.peerNeedsDrain = true
    return hasRoom
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.schedule()
  }

  end(): void {
    if (this.state !== 'open') return
    this.state = 'ending'
    this.schedule()
    this.peer?.schedule()
  }

  destroy(): void {
    if (this.state === 'closed') return
    // Destroyed with bytes unread or unsent, a TCP connection is reset under its peer.
    const isReset = this.arrivingBytes > 0 || this.bufferedBytes > 0
    this.state = 'closed'
    this.dropArriving()
    this.schedule()
    if (isReset) this.peer?.reset()
    this.peer?.schedule()
  }

  private accept(chunk: Buffer): void {
    if (this.state === 'closed') return
    this.arriving.push(chunk)
    this.arrivingBytes += chunk.length
    this.schedule()
  }

  private reset(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.closeError = networkError('ECONNRESET', 'read')
    this.dropArriving()
  }

  private dropArriving(): void {
    this.arriving.length = 0
    this.arrivingBytes = 0
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.turn()
    })
  }

  /** One turn of the event loop, as this side sees it: a piece arrives, or the end does. */
  private turn(): void {
    if (!this.handlers || this.isCloseReported) return
    if (this.state !== 'closed' && !this.isPaused && this.arrivingBytes > 0) this.deliver()
    const peerIsDone = this.peer?.state !== 'open' && this.arrivingBytes === 0 && !this.isPaused
    const allSent = this.state === 'ending' && (this.peer?.arrivingBytes ?? 0) <= this.windowBytes
    if (this.state !== 'closed' && (peerIsDone || allSent)) this.state = 'closed'
    if (this.state === 'closed') {
      this.isCloseReported = true
      this.peer?.schedule()
      this.handlers.onClose(this.closeError)
    } else if (this.arrivingBytes > 0 && !this.isPaused) {
      this.schedule()
    }
  }

  private deliver(): void {
    const all = this.arriving.length === 1 ? this.arriving[0]! : Buffer.concat(this.arriving)
    const piece = all.subarray(0, this.pieceBytes)
    this.arriving.length = 0
    if (piece.length < all.length) this.arriving.push(all.subarray(piece.length))
    this.arrivingBytes -= piece.length
    if (this.peerNeedsDrain && this.arrivingBytes <= this.windowBytes) {
      this.peerNeedsDrain = false
      this.peer?.drained()
    }
    this.handlers?.onData(Buffer.from(piece))
  }

  private drained(): void {
    if (this.state === 'open') this.handlers?.onDrain()
    else this.schedule()
  }
}

function networkError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
