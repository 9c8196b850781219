/** A server over a network in memory, with handlers that a test holds in its hand. */
import { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../../protocol/messages/heartbeat.ts'
import { ProduceRequest, ProduceResponse } from '../../../protocol/messages/produce.ts'
import { type DeferredBytes, ZERO_UUID } from '../../../protocol/wire.ts'
import type { BrokerContext, Context } from '../../api/context.ts'
import { type Handler, handler } from '../../api/handler.ts'
import { ApiTable } from '../../api/table.ts'
import { createLogger } from '../../observe/logger.ts'
import type { Network, Socket } from '../../platform/platform.ts'
import { ManualClock, settled } from '../../platform/simulated/manual-clock.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../platform/simulated/memory-network.ts'
import { Dispatcher, type Interceptor } from '../dispatch.ts'
import { Server, type ServerLimits } from '../listener.ts'
import { ReadBudget } from '../memory-budget.ts'
import type { WireTap } from '../wire-tap.ts'

export interface RigOptions {
  readonly handlers?: readonly Handler[]
  readonly limits?: Partial<ServerLimits>
  readonly maxQueuedRequestBytes?: number
  readonly readBudgetBytes?: number
  readonly network?: Network
  readonly memoryNetwork?: MemoryNetworkOptions
  readonly interceptor?: Interceptor
  readonly tap?: WireTap
}

export interface Rig {
  readonly clock: ManualClock
  readonly network: Network
  readonly server: Server
  readonly dispatcher: Dispatcher
  readonly port: number
  /** Log lines as objects. */
  readonly lines: Record<string, unknown>[]
}

const LIMITS: ServerLimits = {
  maxRequestBytes: 104_857_600,
  maxIdleMs: 600_000,
  maxConnections: Number.MAX_SAFE_INTEGER,
  maxConnectionsPerIp: Number.MAX_SAFE_INTEGER,
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const clock = new ManualClock()
  const network = options.network ?? new MemoryNetwork(options.memoryNetwork)
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({
    level: 'info',
    isPretty: false,
    write: line => lines.push(JSON.parse(line) as Record<string, unknown>),
  })
  const dispatcher = new Dispatcher({
    apis: new ApiTable(options.handlers ?? [heartbeatAnswering(() => 0)]),
    broker: {} as BrokerContext,
    logger,
    interceptor: options.interceptor,
  })
  const server = new Server({
    network,
    clock,
    logger,
    dispatcher,
    tap: options.tap,
    limits: () => ({ ...LIMITS, ...options.limits }),
    maxQueuedRequestBytes: options.maxQueuedRequestBytes ?? -1,
    ...(options.readBudgetBytes === undefined ? {} : { readBudget: new ReadBudget(options.readBudgetBytes) }),
  })
  const port = await server.listen({ name: 'PLAINTEXT', host: '127.0.0.1', port: 0 })
  return { clock, network, server, dispatcher, port, lines }
}

/** A request that does not overlap, answered by a number. */
export function heartbeatAnswering(
  answer: (groupId: string, context: Context) => number | Promise<number>,
): Handler {
  return handler({
    request: HeartbeatRequest,
    response: HeartbeatResponse,
    refuse: errorCode => ({ errorCode }),
    async handle({ groupId }, context) {
      return { errorCode: await answer(groupId, context) }
    },
  })
}

/** A call of a handler that waits for the test to answer it. */
export interface Held {
  /** The transactional id or the group id that the client gave. */
  readonly name: string
  readonly context: Context
  answer(errorCode?: number): void
  fail(error: Error): void
}

/** Produce, each call of which waits in the list. With acks=0 there is no response. */
export function heldProduce(held: Held[]): Handler {
  return handler({
    request: ProduceRequest,
    response: ProduceResponse,
    overlaps: true,
    refuse: () => producedFor('refused'),
    handle({ transactionalId, acks }, context) {
      const name = transactionalId ?? ''
      return hold(held, { name, context }, () => (acks === 0 ? null : producedFor(name)))
    },
  })
}

function producedFor(name: string) {
  return { responses: [{ name, topicId: ZERO_UUID, partitionResponses: [] }] }
}

export function heldHeartbeat(held: Held[]): Handler {
  return handler({
    request: HeartbeatRequest,
    response: HeartbeatResponse,
    refuse: errorCode => ({ errorCode }),
    handle({ groupId }, context) {
      return hold(held, { name: groupId, context }, errorCode => ({ errorCode }))
    },
  })
}

function hold<Response>(
  held: Held[],
  call: Pick<Held, 'name' | 'context'>,
  respond: (errorCode: number) => Response,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    held.push({ ...call, answer: (errorCode = 0) => resolve(respond(errorCode)), fail: reject })
  })
}

export const FETCH = { maxWaitMs: 0, minBytes: 0, topics: [], forgottenTopicsData: [] }

/** Fetch that answers each request with one partition of the records given. */
export function fetchAnswering(
  records: () => readonly (Uint8Array | DeferredBytes)[],
  claimedBytes = 0,
): Handler {
  return handler({
    request: FetchRequest,
    response: FetchResponse,
    refuse: errorCode => ({ errorCode, responses: [] }),
    handle() {
      const parts = records()
      const byteLength = claimedBytes + parts.reduce((sum, part) => sum + part.byteLength, 0)
      const partition = {
        partitionIndex: 0,
        errorCode: 0,
        highWatermark: 0n,
        abortedTransactions: null,
        records: { byteLength, parts },
      }
      return { errorCode: 0, responses: [{ topic: 't', topicId: ZERO_UUID, partitions: [partition] }] }
    },
  })
}

/** A range of a file as the log would give it, which says what became of it. */
export class FakeRange implements DeferredBytes {
  readonly byteLength: number
  releases = 0
  reads: { readonly position: number; readonly length: number }[] = []
  /** Holds reads up while it is set. */
  gate: Promise<void> | undefined
  failure: Error | undefined
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.byteLength = bytes.length
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    if (this.releases > 0) throw new Error('a read after the release')
    this.reads.push({ position, length })
    await this.gate
    if (this.failure) throw this.failure
    return Buffer.from(this.bytes.subarray(position, position + length))
  }

  release(): void {
    this.releases++
  }
}

/** Lets many turns of the event loop pass: enough for whatever was set going to come to rest. */
export async function rest(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await settled()
}

/** A client that counts what arrives and does nothing else. */
export class RawClient {
  receivedBytes = 0
  readonly chunks: Buffer[] = []
  isClosed = false
  error: Error | undefined
  readonly closed: Promise<void>
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise(resolve =>
      socket.handle({
        onData: chunk => {
          this.receivedBytes += chunk.length
          this.chunks.push(chunk)
        },
        onDrain: () => {},
        onClose: error => {
          this.isClosed = true
          this.error = error
          resolve()
        },
      }),
    )
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }
}
