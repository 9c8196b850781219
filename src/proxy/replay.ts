/**
 * Sends the requests of a recording to a broker again, in the order of the recording, and tells where it
 * answers otherwise. What brokers make up (ids of topics, members and producers, sessions) is put into later
 * requests as the broker gave it; what must differ from one broker or run to the next is not compared.
 */
import { apis } from '../../protocol/apis.ts'
import { decode } from '../../protocol/codec.ts'
import { decodeRequestHeader, encodeRequestFrame } from '../../protocol/header.ts'
import { isWithin } from '../../protocol/schema.ts'
import { joined, ZERO_UUID } from '../../protocol/wire.ts'
import type { Clock, Network, Socket } from '../platform/platform.ts'
import { FrameReader } from '../server/frame-reader.ts'
import type { Exchange, MessageBody } from '../trace/exchange.ts'
import type { KeptExchange } from '../trace/kept-exchange.ts'
import { responseBody } from '../trace/message-body.ts'
import type { BrokerAddress } from './broker-address.ts'

/** Made up by brokers: what the recording says is replaced by what this broker has said in its place. */
const MADE_UP: ReadonlySet<string> = new Set(['memberId', 'producerId', 'topicId', 'sessionId'])

/** Not compared, because they are of a broker, of a run, or of the clock. */
export const NOT_COMPARED: readonly string[] = [
  ...MADE_UP,
  'leader',
  'members',
  'throttleTimeMs',
  'host',
  'port',
  'rack',
  'brokers',
  'nodeId',
  'controllerId',
  'clusterId',
  'nodeEndpoints',
  'coordinators',
  'apiKeys',
  'supportedFeatures',
  'finalizedFeatures',
  'finalizedFeaturesEpoch',
  'leaderId',
  'leaderEpoch',
  'replicaNodes',
  'isrNodes',
  'eligibleLeaderReplicas',
  'lastKnownElr',
  'producerEpoch',
  'timestamp',
  'logAppendTimeMs',
  'acquisitionLockTimeoutMs',
  'sessionLifetimeMs',
  'errorMessage',
]
const NOT_COMPARED_SET: ReadonlySet<string> = new Set(NOT_COMPARED)

const ORDERED_BY = ['name', 'topic', 'topicName', 'groupId', 'partitionIndex', 'partition', 'index'] as const

const SASL_APIS: ReadonlySet<number> = new Set([17, 36])
const SIZE_BYTES = 4
const MOST_FRAME_BYTES = 1024 * 1024 * 1024

export interface ReplayOptions {
  readonly exchanges: readonly KeptExchange[]
  readonly to: BrokerAddress
  readonly network: Network
  readonly clock: Clock
  /** So long an answer is waited for. */
  readonly timeoutMs: number
  /** Told of each exchange, as it is answered. */
  readonly onReplayed: (replayed: Replayed) => void
}

/** A field that the broker answers otherwise than was recorded. */
export interface Difference {
  /** `topics[0].partitions[1].errorCode`. */
  readonly path: string
  readonly recorded: unknown
  readonly replayed: unknown
}

export interface Replayed {
  readonly exchange: Exchange
  /** Undefined where the request was not sent, or nothing came. */
  readonly body: MessageBody | undefined
  readonly differences: readonly Difference[]
  /** Why it could not be compared. */
  readonly problem?: string
}

interface Step {
  readonly at: number
  readonly exchange: KeptExchange
  readonly isRequest: boolean
}

/** Rejects where the broker cannot be reached. */
export async function replay(options: ReplayOptions): Promise<void> {
  const run = new Replay(options)
  try {
    for (const step of stepsOf(options.exchanges)) await run.take(step)
  } finally {
    run.close()
  }
}

/**
 * Requests when they were sent, and their answers when they came: what followed from an answer, follows it.
 */
function stepsOf(exchanges: readonly KeptExchange[]): Step[] {
  return exchanges
    .flatMap(exchange => {
      const request = { at: exchange.requestedAt, exchange, isRequest: true }
      return exchange.answeredAt === undefined
        ? [request]
        : [request, { at: exchange.answeredAt, exchange, isRequest: false }]
    })
    .sort((a, b) => a.at - b.at)
}

type Answer = Promise<Buffer | string>

class Replay {
  private readonly options: ReplayOptions
  private readonly connections = new Map<string, ReplayConnection>()
  private readonly answers = new Map<KeptExchange, Answer>()
  /** What this broker made up, by kind and by what the recording has. */
  private readonly given = new Map<string, unknown>()

  constructor(options: ReplayOptions) {
    this.options = options
  }

  async take({ exchange, isRequest }: Step): Promise<void> {
    if (isRequest) {
      await this.ask(exchange)
      return
    }
    const answer = await this.answers.get(exchange)
    if (answer === undefined || typeof answer === 'string') {
      const problem = answer ?? 'it was not sent'
      this.options.onReplayed({ exchange, body: undefined, differences: [], problem })
      return
    }
    const recorded = exchange.response!.body
    const body = responseBody(exchange.apiKey, exchange.version, answer)
    this.learn(recorded, body)
    this.options.onReplayed({ exchange, body, differences: differencesOf(recorded, body) })
  }

  close(): void {
    for (const connection of this.connections.values()) connection.close()
  }

  /** Resolves when the request is sent. */
  private async ask(exchange: KeptExchange): Promise<void> {
    const why = SASL_APIS.has(exchange.apiKey)
      ? 'secrets are not in a recording: replay against a listener without SASL'
      : 'the request cannot be read'
    const frame = SASL_APIS.has(exchange.apiKey) ? undefined : this.requestFrame(exchange)
    if (!frame) {
      this.answers.set(exchange, Promise.resolve(why))
      return
    }
    const { to, network, clock, timeoutMs } = this.options
    const known = this.connections.get(exchange.connection)
    const connection =
      known ?? new ReplayConnection(await network.connect(to.host, to.port), clock, timeoutMs)
    this.connections.set(exchange.connection, connection)
    if (exchange.outcome === 'no response') connection.tell(frame)
    else this.answers.set(exchange, connection.ask(frame))
  }

  /** The recorded request, with what this broker made up in the place of what the recorded one did. */
  private requestFrame({ requestFrame }: KeptExchange): Buffer | undefined {
    try {
      const { apiKey, apiVersion, correlationId, clientId, bodyPosition } = decodeRequestHeader(requestFrame)
      const definition = apis.get(apiKey)?.request
      if (!definition || !isWithin(definition.versions, apiVersion)) return requestFrame
      const recorded = decode(definition, apiVersion, requestFrame, bodyPosition)
      const body = this.translated(recorded) as never
      const frame = encodeRequestFrame(definition, { version: apiVersion, correlationId, clientId, body })
      return joined(frame).subarray(SIZE_BYTES)
    } catch {
      return undefined
    }
  }

  private translated(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(each => this.translated(each))
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => {
        const key = `${name}:${String(field)}`
        return [name, this.given.has(key) ? this.given.get(key) : this.translated(field)]
      }),
    )
  }

  private learn(recorded: unknown, replayed: unknown): void {
    if (typeof recorded !== 'object' || recorded === null) return
    if (typeof replayed !== 'object' || replayed === null) return
    for (const [name, field] of Object.entries(recorded)) {
      const other = (replayed as MessageBody)[name]
      if (MADE_UP.has(name) && field !== other && !isNothing(field) && !isNothing(other)) {
        this.given.set(`${name}:${String(field)}`, other)
      }
      this.learn(field, other)
    }
  }
}

/** What stands where nobody has made anything up. */
function isNothing(value: unknown): boolean {
  return !value || value === -1n || value === ZERO_UUID
}

class ReplayConnection {
  private readonly socket: Socket
  private readonly clock: Clock
  private readonly timeoutMs: number
  private readonly waiting: ((answer: Buffer | string) => void)[] = []
  private isLost = false

  constructor(socket: Socket, clock: Clock, timeoutMs: number) {
    this.socket = socket
    this.clock = clock
    this.timeoutMs = timeoutMs
    const frames = new FrameReader(
      () => MOST_FRAME_BYTES,
      frame => this.waiting.shift()?.(frame),
    )
    socket.handle({
      onData: chunk => {
        if (frames.push(chunk)) socket.destroy()
      },
      onDrain: () => {},
      onClose: () => {
        this.isLost = true
        for (const give of this.waiting.splice(0)) give('the connection was lost')
      },
    })
  }

  tell(frame: Buffer): void {
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeInt32BE(frame.length)
    this.socket.write([size, frame])
  }

  ask(frame: Buffer): Answer {
    if (this.isLost) return Promise.resolve('the connection was lost')
    this.tell(frame)
    return new Promise(resolve => {
      const timer = this.clock.after(this.timeoutMs, () => resolve(`no answer within ${this.timeoutMs} ms`))
      this.waiting.push(answer => {
        timer.cancel()
        resolve(answer)
      })
    })
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Where two decoded messages differ, in what is comparable. */
export function differencesOf(recorded: unknown, replayed: unknown, path = ''): Difference[] {
  if (Array.isArray(recorded) && Array.isArray(replayed)) {
    if (recorded.length !== replayed.length) {
      return [{ path: `${path}.length`, recorded: recorded.length, replayed: replayed.length }]
    }
    const others = inOrder(replayed)
    return inOrder(recorded).flatMap((each, index) => differencesOf(each, others[index], `${path}[${index}]`))
  }
  if (isStructure(recorded) && isStructure(replayed)) {
    return [...new Set([...Object.keys(recorded), ...Object.keys(replayed)])]
      .filter(name => !NOT_COMPARED_SET.has(name))
      .flatMap(name => differencesOf(recorded[name], replayed[name], path === '' ? name : `${path}.${name}`))
  }
  if (recorded instanceof Uint8Array && replayed instanceof Uint8Array) {
    return Buffer.compare(recorded, replayed) === 0 ? [] : [{ path, recorded, replayed }]
  }
  return Object.is(recorded, replayed) ? [] : [{ path, recorded, replayed }]
}

/** By name or number, where the elements have one: brokers list topics and the like in any order. */
function inOrder(list: readonly unknown[]): readonly unknown[] {
  const key = ORDERED_BY.find(name => list.every(each => isStructure(each) && isKey(each[name])))
  if (key === undefined) return list
  const keyOf = (element: unknown) => (element as MessageBody)[key] as string | number
  return list.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : Number(keyOf(a) > keyOf(b))))
}

function isKey(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '')
}

function isStructure(value: unknown): value is MessageBody {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}
