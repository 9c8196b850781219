/** What a trace tells: one request and its response, decoded when somebody looks. */

/**
 * `answered`; `no response`, as Produce with acks=0 has none; `waiting` for one still; `lost`: the connection
 * ended first.
 */
export type ExchangeOutcome = 'answered' | 'no response' | 'waiting' | 'lost'

/** A decoded request or response. Records are summarised as `RecordsSummary`, secrets are blanked. */
export interface TracedMessage {
  readonly exchange: Exchange
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly api: string
  readonly version: number
  readonly correlationId: number
  readonly client: string | null
  readonly connection: string
  /** With its size and header. */
  readonly bytes: number
  /** The fields by their names; `{ undecoded: why }` where they cannot be read. */
  readonly body: MessageBody
}

/** Fields of a message by name, as its definition calls them: numbers, bigints, texts, arrays, objects. */
export type MessageBody = Readonly<Record<string, unknown>>

export interface Exchange {
  /** From 1 on, in the order in which the requests came. */
  readonly number: number
  readonly connection: string
  readonly clientAddress: string
  /** Where the client came in. */
  readonly listener: string
  readonly client: string | null
  /** `Produce`; `API 12345` where it is not known. */
  readonly api: string
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  /** Milliseconds since the Unix epoch. */
  readonly requestedAt: number
  readonly answeredAt: number | undefined
  readonly durationMs: number | undefined
  readonly requestBytes: number
  readonly responseBytes: number | undefined
  readonly outcome: ExchangeOutcome
  /** The faults that struck it, in words. */
  readonly faults: readonly string[]
  readonly request: TracedMessage
  readonly response: TracedMessage | undefined
  /** The names of topics that it is about, as far as they are named. */
  readonly topics: readonly string[]
  /** As a person reads it: one line, or with both messages in full. */
  text(options?: TraceTextOptions): string
  /** What `JSON.stringify` makes of it. */
  toJSON(): MessageBody
}

export interface TraceTextOptions {
  /** Also the messages, field by field. */
  readonly isDetailed?: boolean
}

/** What is told of a `records` field. */
export interface RecordsSummary {
  readonly bytes: number
  readonly batches: readonly BatchSummary[]
  /** Bytes behind the last whole batch, which a fetch may end with. */
  readonly partialBytes?: number
}

export interface BatchSummary {
  readonly baseOffset: bigint
  readonly records: number
  readonly magic: number
  readonly compression: string
  readonly bytes: number
  readonly leaderEpoch?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
}
