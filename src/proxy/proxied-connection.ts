/**
 * One client's connection, and the one to the broker that it stands for. Brokers answer in the order of
 * requests, so responses are told apart by their order alone; the client gets them in that order too.
 */
import { apis } from '../../protocol/apis.ts'
import { decode } from '../../protocol/codec.ts'
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestFrame,
  encodeResponseFrame,
  type RequestHeader,
} from '../../protocol/header.ts'
import { isWithin, type Message } from '../../protocol/schema.ts'
import { type EncodedMessage, joined } from '../../protocol/wire.ts'
import type { FaultAnswer } from '../faults/faulted-call.ts'
import type { Faults } from '../faults/faults.ts'
import type { Clock, Network, Socket } from '../platform/platform.ts'
import { FrameReader } from '../server/frame-reader.ts'
import type { Peer } from '../trace/kept-exchange.ts'
import type { OpenExchange, Trace } from '../trace/trace.ts'
import { type BrokerAddress, bracketed } from './broker-address.ts'
import { REWRITTEN, type Rewriting, rewritten } from './rewriting.ts'

export interface ProxiedConnectionOptions extends Rewriting {
  readonly socket: Socket
  readonly peer: Peer
  readonly broker: BrokerAddress
  readonly network: Network
  readonly clock: Clock
  readonly faults: Faults
  readonly trace: Trace
  readonly onTrouble: (trouble: string) => void
  readonly onClosed: () => void
}

const PRODUCE = 0
const SASL_HANDSHAKE = 17
const API_VERSIONS = 18
const UNSUPPORTED_VERSION = 35
const SIZE_BYTES = 4
const MOST_FRAME_BYTES = 1024 * 1024 * 1024
/** More than this on its way to one side, and the other is not read. */
const MOST_BUFFERED_BYTES = 4 * 1024 * 1024

/** A request that can be read. */
interface ReadRequest {
  readonly header: RequestHeader
  readonly frame: Buffer
  readonly body: object
}

/** What is sent to the client in a request's turn. */
interface Reply extends Omit<FaultAnswer, 'response' | 'damage'> {
  readonly message: EncodedMessage | null
}

export class ProxiedConnection {
  private readonly options: ProxiedConnectionOptions
  private readonly upstream: Promise<Socket>
  private broker: Socket | undefined
  /** Who waits for the broker's next frames. */
  private readonly awaited: ((frame: Buffer | undefined) => void)[] = []
  private sending: Promise<unknown> = Promise.resolve()
  private isOver = false
  private isMuted = false
  private isHung = false
  private hasBareTokens = false
  private readonly gone: Promise<void>
  private noteGone: () => void = () => {}

  constructor(options: ProxiedConnectionOptions) {
    const { socket, network, broker } = options
    this.options = options
    this.gone = new Promise(resolve => {
      this.noteGone = resolve
    })
    const frames = new FrameReader(
      () => MOST_FRAME_BYTES,
      frame => this.receive(frame),
    )
    this.upstream = network.connect(broker.host, broker.port)
    this.upstream.then(
      connected => this.meet(connected),
      error =>
        this.fail(`cannot reach ${bracketed(broker.host)}:${broker.port}: ${(error as Error).message}`),
    )
    socket.handle({
      onData: chunk => {
        if (frames.push(chunk)) this.fail(`${options.peer.connectionId} sent what is no frame`)
        this.adjustReading()
      },
      onDrain: () => this.adjustReading(),
      onClose: () => this.leave(),
    })
  }

  /** Cuts both sides. */
  destroy(): void {
    this.options.socket.destroy()
    this.broker?.destroy()
  }

  private meet(broker: Socket): void {
    this.broker = broker
    const frames = new FrameReader(
      () => MOST_FRAME_BYTES,
      frame => this.awaited.shift()?.(frame),
    )
    broker.handle({
      onData: chunk => {
        if (frames.push(chunk)) this.fail(`${this.options.peer.listener} answers with what is no frame`)
        this.adjustReading()
      },
      onDrain: () => this.adjustReading(),
      onClose: () => this.lose(),
    })
    if (this.isOver) broker.destroy()
  }

  private fail(trouble: string): void {
    this.options.onTrouble(trouble)
    this.destroy()
  }

  /** The broker has gone. What it has answered goes out first. */
  private lose(): void {
    for (const give of this.awaited.splice(0)) give(undefined)
    void this.sending.then(() => this.options.socket.end())
  }

  /** The client has gone. What it has sent is still the broker's, as if there were no proxy. */
  private leave(): void {
    this.isOver = true
    this.upstream.then(
      broker => broker.end(),
      () => {},
    )
    for (const give of this.awaited.splice(0)) give(undefined)
    this.noteGone()
    this.options.onClosed()
  }

  private receive(frame: Buffer): void {
    if (this.isOver || this.isHung) return
    const { trace, peer } = this.options
    const request = readRequest(frame)
    // What follows SaslHandshake v0 is a bare token, which nobody is to see.
    const isSecret = this.hasBareTokens && !request
    if (request?.header.apiKey === SASL_HANDSHAKE && request.header.apiVersion === 0)
      this.hasBareTokens = true
    const traced = trace.isOn && !isSecret ? trace.request(peer, frame) : undefined
    const reply = this.serve(frame, request)
    this.sending = this.sending
      .then(async () => this.send(await reply, traced))
      .catch(error => {
        this.fail(`${peer.connectionId}: ${(error as Error).stack}`)
      })
  }

  /** Called in the order of requests; the request goes to the broker before anything is awaited. */
  private serve(frame: Buffer, request: ReadRequest | undefined): Promise<Reply | undefined> {
    const { faults, peer } = this.options
    if (!request) return this.ask(frame).then(rawReply)
    const { header, body } = request
    if (!faults.isActive) return this.passOn(request)
    let original: Buffer | undefined
    let told: object | null = null
    let spoken = header
    const answered = faults.intercept(
      { ...header, connectionId: peer.connectionId, request: body },
      async part => {
        const asked = part === body ? frame : encodedRequest(header, part)
        original = await this.ask(asked, isSilent(header, part))
        if (!original) return null
        const read = decodedResponse(header, original)
        if (!read) throw new Error(`the answer to API ${header.apiKey} v${header.apiVersion} cannot be read`)
        spoken = { ...header, apiVersion: read.version }
        told = await rewritten(header.apiKey, read.body, this.options)
        return told
      },
    )
    return Promise.resolve(answered).then(async ({ response, damage, ending, muteMs }) => {
      const isLost = response === null && original === undefined && !ending && !isSilent(header, body)
      if (isLost) return undefined
      const isSame = response === told && original !== undefined && !REWRITTEN.has(header.apiKey)
      const message = isSame ? framed(original!) : response && encodedResponse(spoken, response)
      return { message: message && damage ? await damage(message) : message, ending, muteMs }
    })
  }

  private async passOn({ header, frame, body }: ReadRequest): Promise<Reply | undefined> {
    const isUnanswered = isSilent(header, body)
    const answer = await this.ask(frame, isUnanswered)
    if (!answer) return isUnanswered ? { message: null } : undefined
    if (!REWRITTEN.has(header.apiKey)) return rawReply(answer)
    const response = decodedResponse(header, answer)
    if (!response) return rawReply(answer)
    const changed = await rewritten(header.apiKey, response.body, this.options)
    if (changed === response.body) return rawReply(answer)
    return { message: encodedResponse({ ...header, apiVersion: response.version }, changed) }
  }

  /** Sends a frame; resolves with the broker's answer, undefined where there will be none. */
  private ask(frame: Buffer, isUnanswered = false): Promise<Buffer | undefined> {
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeInt32BE(frame.length)
    const answered = isUnanswered
      ? Promise.resolve(undefined)
      : new Promise<Buffer | undefined>(resolve => {
          this.awaited.push(resolve)
        })
    const write = (broker: Socket) => {
      if (!broker.write([size, frame])) this.adjustReading()
    }
    if (this.broker) write(this.broker)
    else this.upstream.then(write, () => {})
    return answered
  }

  private async send(reply: Reply | undefined, traced: OpenExchange | undefined): Promise<void> {
    const { socket } = this.options
    if (!reply || this.isOver || reply.ending === 'cut') {
      traced?.unanswered('lost')
      if (reply?.ending === 'cut') this.destroy()
      return
    }
    if (reply.ending === 'hang') {
      this.isHung = true
      this.adjustReading()
      // Nothing behind it is sent, and the client gives up some day.
      await this.gone
      traced?.unanswered('lost')
      return
    }
    const { message } = reply
    if (message) socket.write((traced?.answered(message) ?? message).chunks as Uint8Array[])
    else traced?.unanswered('no response')
    if (reply.ending === 'close') socket.end()
    if (reply.muteMs !== undefined) this.mute(reply.muteMs)
    this.adjustReading()
  }

  private mute(ms: number): void {
    this.isMuted = true
    this.options.clock.after(ms, () => {
      this.isMuted = false
      this.adjustReading()
    })
  }

  private adjustReading(): void {
    if (this.isOver) return
    const { socket } = this.options
    const isBackedUp = (this.broker?.bufferedBytes ?? 0) > MOST_BUFFERED_BYTES
    if (!this.isHung && (this.isMuted || isBackedUp)) socket.pause()
    else socket.resume()
    if (socket.bufferedBytes > MOST_BUFFERED_BYTES) this.broker?.pause()
    else this.broker?.resume()
  }
}

function readRequest(frame: Buffer): ReadRequest | undefined {
  try {
    const { bodyPosition, ...header } = decodeRequestHeader(frame)
    const definition = apis.get(header.apiKey)?.request
    if (!definition || !isWithin(definition.versions, header.apiVersion)) return undefined
    return { header, frame, body: decode(definition, header.apiVersion, frame, bodyPosition) }
  } catch {
    return undefined
  }
}

function isSilent({ apiKey }: RequestHeader, body: object): boolean {
  return apiKey === PRODUCE && (body as { acks?: unknown }).acks === 0
}

/** An ApiVersions request in a version that the broker does not know is answered in version 0. */
function decodedResponse({ apiKey, apiVersion }: RequestHeader, frame: Buffer) {
  const { response } = apis.get(apiKey)!
  const isRefused =
    apiKey === API_VERSIONS && frame.length >= 6 && frame.readInt16BE(4) === UNSUPPORTED_VERSION
  const version = isRefused ? 0 : apiVersion
  try {
    const { bodyPosition } = decodeResponseHeader(apiKey, version, frame)
    return { version, body: decode(response, version, frame, bodyPosition) as object }
  } catch {
    return undefined
  }
}

function encodedRequest(header: RequestHeader, body: object): Buffer {
  const { apiKey, apiVersion: version, correlationId, clientId } = header
  const request = apis.get(apiKey)!.request as Message
  const options = { version, correlationId, clientId, body: body as never }
  return joined(encodeRequestFrame(request, options)).subarray(SIZE_BYTES)
}

function encodedResponse({ apiKey, apiVersion, correlationId }: RequestHeader, body: object): EncodedMessage {
  return encodeResponseFrame(apis.get(apiKey)!.response as Message, apiVersion, correlationId, body as never)
}

function rawReply(frame: Buffer | undefined): Reply | undefined {
  return frame && { message: framed(frame) }
}

function framed(frame: Buffer): EncodedMessage {
  const size = Buffer.alloc(SIZE_BYTES)
  size.writeInt32BE(frame.length)
  return { byteLength: SIZE_BYTES + frame.length, chunks: [size, frame] }
}
