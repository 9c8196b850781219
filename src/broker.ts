/**
 * The composition root: one broker made of its parts, and nothing of it anywhere else. Many live in one
 * process; `close` leaves no timer, socket or file handle behind.
 */
import type { BrokerContext } from './api/context.ts'
import type { BrokerConfig } from './config.ts'
import { codeOf, Engine, type Ground, StartFailure, startFailure } from './engine.ts'
import type { ClusterImage } from './metadata/image.ts'
import type { Logger } from './observe/logger.ts'
import type { Network, Platform } from './platform/platform.ts'
import { listenerSecurity } from './security/listener-security.ts'
import { Dispatcher, type Interceptor } from './server/dispatch.ts'
import { type ListenerOptions, Server, type ServerLimits } from './server/listener.ts'
import { ReadBudget } from './server/memory-budget.ts'
import { parsePublished, type Reflection } from './server/reflection.ts'
import type { WireTap } from './server/wire-tap.ts'

export { type Ground, StartFailure } from './engine.ts'

export interface BrokerOptions {
  readonly config: BrokerConfig
  readonly platform: Platform
  readonly logger: Logger
  /** What the data stands on; the platform unless told. */
  readonly ground?: Ground
  /** Of listeners, by name, that are configured to take any free port. */
  readonly ports?: ReadonlyMap<string, number>
  /** Stands between connections and handlers: faults. */
  readonly interceptor?: Interceptor
  /** Sees requests and responses as they go by: a trace. */
  readonly tap?: WireTap
}

/** Where a listener can be reached. */
export interface BoundListener {
  readonly name: string
  /** As configured; empty for every address. */
  readonly host: string
  readonly port: number
}

/** Requests in flight are answered within this time when the broker closes. */
const CLOSE_WITHIN_MS = 5_000

/** What was begun on data that is taken away comes to its end within this time, or never. */
const SETTLE_WITHIN_MS = 1_000

interface Front {
  readonly dispatcher: Dispatcher
  readonly server: Server
  readonly fetchMemory: ReadBudget
}

export class Broker {
  readonly config: BrokerConfig
  readonly listeners: readonly BoundListener[]
  private readonly options: BrokerOptions
  private readonly front: Front
  private engine: Engine
  private closing: Promise<void> | undefined
  /** Its timers may be all that its end waits for, and they keep no process alive. */
  private readonly mayExit: (() => void) | undefined

  private constructor(
    options: BrokerOptions,
    front: Front,
    engine: Engine,
    listeners: readonly BoundListener[],
  ) {
    this.mayExit = options.platform.stayAlive?.()
    this.options = options
    this.front = front
    this.engine = engine
    this.listeners = listeners
    this.config = options.config
  }

  /**
   * Rejects with a StartFailure where a setting or the machine does not allow it, and leaves nothing behind.
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const { config, platform, logger, ground = { platform } } = options
    const fetchMemory = new ReadBudget(config.number('klamm.fetch.memory.bytes'))
    const engine = await Engine.open({ config, logger, fetchMemory, ...ground })
    let server: Server | undefined
    try {
      const front = await newFront(options, engine, fetchMemory)
      server = front.server
      // Clients may come by the first listener while the next is being bound.
      let broker: Broker | undefined
      const image = () => (broker ?? engine).context.controller.image()
      broker = new Broker(options, front, engine, await listen(front.server, { ...options, image }))
      return broker
    } catch (error) {
      await server?.close(0)
      await engine.quiesce()
      await engine.close()
      throw startFailure(error, config)
    }
  }

  get clusterId(): string {
    return this.context.controller.image().clusterId
  }

  /** Resolves when the last log directory has failed: everything is refused from then on. Kafka halts. */
  get storageLost(): Promise<void> {
    return this.engine.storageLost
  }

  /** Its parts, for those who help tests from inside the process. */
  get context(): BrokerContext {
    return this.engine.context
  }

  /** Resolves when the coordinators know what their logs say; until then they ask clients for patience. */
  loaded(): Promise<void> {
    return this.engine.loaded()
  }

  /** Answers what is in flight, makes everything durable and lets go of it all. Harmless when repeated. */
  close(): Promise<void> {
    this.closing ??= this.closeOnce().finally(this.mayExit)
    return this.closing
  }

  private async closeOnce(): Promise<void> {
    const drained = this.front.server.close(CLOSE_WITHIN_MS)
    await this.engine.quiesce()
    await drained
    await this.engine.close()
  }

  /**
   * Runs a task while no request is begun and none is under way. Clients stay connected and wait; whoever
   * waits for something to happen goes on waiting.
   */
  async pause<T>(task: () => Promise<T>): Promise<T> {
    const { dispatcher } = this.front
    dispatcher.hold()
    try {
      return await task()
    } finally {
      dispatcher.serve(this.engine.context)
    }
  }

  /**
   * Goes on with other data behind the same listeners and connections. What waits is answered as when a
   * broker closes; what has not come to its end after a while loses its connection. `leave` takes the ground
   * from under the old data before the new one is opened. When this fails, there is nothing left but to
   * close.
   */
  async resettle(leave: () => Promise<Ground>): Promise<void> {
    const { config, logger } = this.options
    const { dispatcher, server, fetchMemory } = this.front
    dispatcher.hold()
    await this.engine.quiesce()
    await server.settled(SETTLE_WITHIN_MS)
    const ground = await leave()
    this.engine = await Engine.open({ config, logger, fetchMemory, ...ground })
    await this.engine.loaded()
    dispatcher.serve(this.engine.context)
  }

  /** Ends at once, as a process does that is killed; its ground is to be taken away first. */
  kill(): Promise<void> {
    this.closing = this.front.server.close(0).finally(this.mayExit)
    return this.closing
  }
}

async function newFront(
  { config, platform, logger, interceptor, tap }: BrokerOptions,
  { context }: Engine,
  fetchMemory: ReadBudget,
): Promise<Front> {
  const { network, waitClock: clock } = platform
  const dispatcher = new Dispatcher({ apis: context.apis, broker: context, logger, interceptor })
  const server = new Server({
    network,
    clock,
    logger,
    dispatcher,
    tap,
    limits: () => serverLimits(config),
    maxQueuedRequestBytes: config.number('klamm.request.memory.bytes'),
    readBudget: fetchMemory,
    reflection: await reflectionOf(config, network),
  })
  return { dispatcher, server, fetchMemory }
}

/** Container networks are set up before what runs in them, so the gateways are those of the start. */
async function reflectionOf(config: BrokerConfig, network: Network): Promise<Reflection | undefined> {
  const published = parsePublished(config.string('klamm.published.address'))
  return published && { published, gateways: await network.gateways() }
}

function serverLimits(config: BrokerConfig): ServerLimits {
  const overrides = config.string('max.connections.per.ip.overrides').split(',')
  return {
    maxRequestBytes: config.number('socket.request.max.bytes'),
    maxSaslBytes: config.number('sasl.server.max.receive.size'),
    maxIdleMs: config.number('connections.max.idle.ms'),
    maxConnections: config.number('max.connections'),
    maxConnectionsPerIp: config.number('max.connections.per.ip'),
    maxConnectionsPerIpOverrides: new Map(
      overrides.flatMap(entry => {
        const match = /^\s*(.+):(\d+)\s*$/.exec(entry)
        return match ? [[match[1]!, Number(match[2])] as const] : []
      }),
    ),
  }
}

interface ListenParts extends BrokerOptions {
  readonly image: () => ClusterImage
}

async function listen(server: Server, parts: ListenParts): Promise<BoundListener[]> {
  const { config, platform, ports, image } = parts
  const { disk, waitClock: clock, random } = platform
  const bound: BoundListener[] = []
  for (const listener of config.listeners) {
    const { name, host } = listener
    const port = listener.port || (ports?.get(name) ?? 0)
    const security = await listenerSecurity(listener, { config, disk, clock, random, image })
    try {
      bound.push({ name, host, port: await listenOn(server, { name, host, port, ...security }) })
    } catch (error) {
      throw new StartFailure(whyNotListening(error, host, port), { cause: error })
    }
  }
  return bound
}

/** `localhost` is an address of each family, and clients may try either. */
async function listenOn(server: Server, listener: ListenerOptions): Promise<number> {
  if (listener.host !== 'localhost') return server.listen(listener)
  const port = await server.listen({ ...listener, host: '127.0.0.1' })
  try {
    await server.listen({ ...listener, host: '::1', port })
  } catch (error) {
    // Without IPv6, or with a stranger on this port of it, a port that we chose ourselves will do.
    if (codeOf(error) === 'EADDRINUSE' && listener.port !== 0) throw error
  }
  return port
}

function whyNotListening(error: unknown, host: string, port: number): string {
  const where = host === '' ? `port ${port}` : `${host}:${port}`
  const orElse = 'or choose another port (port, --port or listeners)'
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `listeners: ${where} is in use by another program; stop that, ${orElse}`
    case 'EACCES':
      return `listeners: this user may not listen on ${where}; take a higher one (port, --port or listeners)`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `listeners: ${host} is not an address of this machine; give one of its own, or none for all`
    default:
      if (/^ERR_(OSSL|TLS|CRYPTO|SSL)/.test(codeOf(error) ?? '')) {
        return `ssl.keystore.location: its certificate and key cannot be used: ${(error as Error).message}`
      }
      return `listeners: cannot listen on ${where}: ${(error as Error).message}`
  }
}
