/** One exchange as the trace keeps it: frames, and what it makes of them when somebody asks. */
import { apis } from '../../protocol/apis.ts'
import { decodeRequestHeader, type RequestHeader } from '../../protocol/header.ts'
import type { CapturedFrame } from './capture-file.ts'
import type { Exchange, ExchangeOutcome, MessageBody, TracedMessage, TraceTextOptions } from './exchange.ts'
import { exchangeText } from './exchange-text.ts'
import { requestBody, responseBody, topicsIn } from './message-body.ts'
import type { TopicNames } from './topic-fields.ts'

const SIZE_BYTES = 4

/** Who asked, and where. */
export interface Peer {
  readonly connectionId: string
  readonly listener: string
  readonly clientAddress: string
}

export interface KeptRequest {
  readonly number: number
  readonly peer: Peer
  /** Without its size, and without secrets. */
  readonly frame: Buffer
  /** As it came, with its size; more than `frame` where that was cut. */
  readonly bytes: number
  readonly at: number
  readonly names: TopicNames
}

/** An answer as it went out; `frame` is without its size. */
export interface KeptResponse {
  readonly frame: Buffer
  readonly bytes: number
  readonly at: number
}

export class KeptExchange implements Exchange {
  readonly number: number
  readonly connection: string
  readonly clientAddress: string
  readonly listener: string
  readonly client: string | null
  readonly api: string
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly requestedAt: number
  readonly requestBytes: number
  readonly faults: string[] = []
  readonly requestFrame: Buffer
  outcome: ExchangeOutcome = 'waiting'
  private readonly names: TopicNames
  private answer: KeptResponse | undefined
  private decodedRequest: MessageBody | undefined
  private decodedResponse: MessageBody | undefined

  constructor({ number, peer, frame, bytes, at, names }: KeptRequest) {
    const header = headerOf(frame)
    this.number = number
    this.connection = peer.connectionId
    this.clientAddress = peer.clientAddress
    this.listener = peer.listener
    this.client = header.clientId
    this.apiKey = header.apiKey
    this.version = header.apiVersion
    this.correlationId = header.correlationId
    this.api = apis.get(header.apiKey)?.name ?? `API ${header.apiKey}`
    this.requestedAt = at
    this.requestFrame = frame
    this.requestBytes = bytes
    this.names = names
  }

  get responseFrame(): Buffer | undefined {
    return this.answer?.frame
  }

  get responseBytes(): number | undefined {
    return this.answer?.bytes
  }

  get answeredAt(): number | undefined {
    return this.answer?.at
  }

  get durationMs(): number | undefined {
    return this.answer && this.answer.at - this.requestedAt
  }

  /** What it holds of the trace's memory. */
  get keptBytes(): number {
    return this.requestFrame.length + (this.answer?.frame.length ?? 0)
  }

  get request(): TracedMessage {
    this.decodedRequest ??= this.isCut(this.requestFrame, this.requestBytes) ?? requestBody(this.requestFrame)
    return this.message(this.decodedRequest, this.requestedAt, this.requestBytes)
  }

  get response(): TracedMessage | undefined {
    if (!this.answer) return undefined
    const { frame, bytes, at } = this.answer
    this.decodedResponse ??= this.isCut(frame, bytes) ?? responseBody(this.apiKey, this.version, frame)
    return this.message(this.decodedResponse, at, bytes)
  }

  get topics(): readonly string[] {
    const asked = topicsIn(this.request.body, this.names)
    const told = this.response ? topicsIn(this.response.body, this.names) : []
    return [...new Set([...asked, ...told])]
  }

  answered(response: KeptResponse): void {
    this.answer = response
    this.outcome = 'answered'
  }

  text(options: TraceTextOptions = {}): string {
    return exchangeText(this, this.names, options)
  }

  /** Its frames as a capture has them. */
  frames(): CapturedFrame[] {
    const { connection, listener, clientAddress, requestFrame, requestedAt, faults } = this
    const peer = { connection, listener, clientAddress }
    const request = { ...peer, isRequest: true, at: requestedAt, frame: requestFrame, faults }
    if (!this.answer) return [request]
    return [request, { ...peer, isRequest: false, at: this.answer.at, frame: this.answer.frame }]
  }

  toJSON(): MessageBody {
    const { number, connection, clientAddress, listener, client, api, version, correlationId } = this
    return {
      number,
      at: this.requestedAt,
      durationMs: this.durationMs,
      connection,
      clientAddress,
      listener,
      client,
      api,
      version,
      correlationId,
      outcome: this.outcome,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      ...(this.faults.length > 0 && { faults: this.faults }),
      topics: this.topics,
      request: this.request.body,
      response: this.response?.body,
    }
  }

  private isCut(frame: Buffer, bytes: number): MessageBody | undefined {
    const kept = frame.length + SIZE_BYTES
    return kept < bytes ? { undecoded: `${kept} of its ${bytes} bytes were kept` } : undefined
  }

  private message(body: MessageBody, at: number, bytes: number): TracedMessage {
    const { api, version, correlationId, client, connection } = this
    return { exchange: this, at, api, version, correlationId, client, connection, bytes, body }
  }
}

function headerOf(frame: Buffer): RequestHeader {
  try {
    return decodeRequestHeader(frame)
  } catch {
    const read = (at: number, bytes: 2 | 4) => (frame.length < at + bytes ? -1 : frame.readIntBE(at, bytes))
    return { apiKey: read(0, 2), apiVersion: read(2, 2), correlationId: read(4, 4), clientId: null }
  }
}
