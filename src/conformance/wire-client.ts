/**
 * A client that knows the protocol's bytes and nothing else: any request at any version, raw bytes too, and
 * replies in the order in which they arrive. Tests speak to a broker through it, ours or another.
 */
import assert from 'node:assert'
import { read } from '../../protocol/codec.ts'
import { decodeResponseHeader, encodeRequestFrame } from '../../protocol/header.ts'
import type { Fields, InputOf, Message, ValueOf } from '../../protocol/schema.ts'
import { joined, Reader } from '../../protocol/wire.ts'
import type { Network, Socket } from '../platform/platform.ts'

export interface WireClientOptions {
  readonly host: string
  readonly port: number
  readonly clientId?: string | null
}

/** A definition's request, its response, and what to send. */
export interface Call<Request extends Fields, Response extends Fields> {
  readonly request: Message<Request>
  readonly response: Message<Response>
  readonly version: number
  readonly body: InputOf<Request>
}

/** Whoever announces more does not speak Kafka's protocol. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024

/** A response to its last byte: what follows it is not tolerated. */
export function decodeWhole<R extends Fields>(
  response: Message<R>,
  version: number,
  { frame, bodyPosition }: { readonly frame: Buffer; readonly bodyPosition: number },
): ValueOf<R> {
  const reader = new Reader(frame, bodyPosition)
  const body = read(response, version, reader)
  assert.equal(frame.length - reader.position, 0, 'bytes behind the end of the response')
  return body
}

type Waiter = { resolve(frame: Buffer): void; reject(error: Error): void }

export class WireClient {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>
  private readonly socket: Socket
  private readonly clientId: string | null
  private received: Buffer = Buffer.alloc(0)
  private readonly frames: Buffer[] = []
  private readonly waiters: Waiter[] = []
  private isClosed = false
  private nextCorrelationId = 1

  static async connect(network: Network, options: WireClientOptions): Promise<WireClient> {
    return new WireClient(await network.connect(options.host, options.port), options.clientId ?? 'wire')
  }

  constructor(socket: Socket, clientId: string | null) {
    this.socket = socket
    this.clientId = clientId
    this.closed = new Promise(resolve =>
      socket.handle({
        onData: chunk => this.onData(chunk),
        onDrain: () => {},
        onClose: () => {
          this.isClosed = true
          for (const waiter of this.waiters.splice(0)) waiter.reject(new Error('the broker hung up'))
          resolve()
        },
      }),
    )
  }

  /** Sends a request and decodes its response, which must be the next frame on the connection. */
  async call<Q extends Fields, R extends Fields>(
    call: Call<Q, R>,
    onFrame?: (frame: Buffer) => void,
  ): Promise<ValueOf<R>> {
    const correlationId = this.send(call)
    return this.receive(call.response, call.version, correlationId, onFrame)
  }

  /** Sends a request without waiting; returns its correlation id. */
  send<Q extends Fields>(call: {
    readonly request: Message<Q>
    readonly version: number
    readonly body: InputOf<Q>
  }): number {
    const correlationId = this.nextCorrelationId++
    const { version, body } = call
    const frame = encodeRequestFrame(call.request, { version, correlationId, clientId: this.clientId, body })
    this.sendBytes(joined(frame))
    return correlationId
  }

  async receive<R extends Fields>(
    response: Message<R>,
    version: number,
    correlationId: number,
    onFrame?: (frame: Buffer) => void,
  ): Promise<ValueOf<R>> {
    const frame = await this.receiveFrame()
    onFrame?.(frame)
    const header = decodeResponseHeader(response.apiKey, version, frame)
    assert.equal(header.correlationId, correlationId, 'a response out of order')
    return decodeWhole(response, version, { frame, bodyPosition: header.bodyPosition })
  }

  sendBytes(...chunks: readonly Uint8Array[]): void {
    this.socket.write(chunks)
  }

  /** The next frame without its size; rejects when the broker hangs up first. */
  receiveFrame(): Promise<Buffer> {
    const frame = this.frames.shift()
    if (frame) return Promise.resolve(frame)
    if (this.isClosed) return Promise.reject(new Error('the broker hung up'))
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }))
  }

  /** Frames that nobody has received. */
  unread(): readonly Buffer[] {
    return this.frames
  }

  /** What came and is no frame yet. */
  fragment(): Buffer {
    return this.received
  }

  /** Hangs up without a farewell. */
  async close(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }

  /** Sends what is queued and says that nothing follows. */
  end(): void {
    this.socket.end()
  }

  private onData(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk])
    while (this.received.length >= 4) {
      const size = this.received.readInt32BE(0)
      if (size < 0 || size > MAX_FRAME_BYTES) {
        this.socket.destroy()
        return
      }
      const end = 4 + size
      if (this.received.length < end) return
      const frame = this.received.subarray(4, end)
      this.received = this.received.subarray(end)
      const waiter = this.waiters.shift()
      if (waiter) waiter.resolve(frame)
      else this.frames.push(frame)
    }
  }
}
