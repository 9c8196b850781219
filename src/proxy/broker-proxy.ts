/**
 * Between clients and brokers, of whichever make: it passes requests and responses on, tells clients its own
 * addresses instead of the brokers', so that they stay, and lets faults and a trace have their way. One port
 * of its own for each broker behind. What it cannot read it passes on as it is.
 */

import type { ToldTopic } from '../faults/faulted-call.ts'
import type { Faults } from '../faults/faults.ts'
import type { Clock, Listening, Network, Socket } from '../platform/platform.ts'
import type { Trace } from '../trace/trace.ts'
import { type BrokerAddress, bracketed } from './broker-address.ts'
import { ProxiedConnection } from './proxied-connection.ts'

export interface ProxyOptions {
  /** Brokers that clients may begin with; those that they tell of are found by themselves. */
  readonly to: readonly BrokerAddress[]
  /** Where clients come in, for the first broker; the others get the ports behind it. 0 takes free ones. */
  readonly port: number
  readonly host: string
  /** What clients are told; by default the address that they came in by. */
  readonly advertisedHost?: string | undefined
  readonly network: Network
  readonly clock: Clock
  readonly faults: Faults
  readonly trace: Trace
  /** Told of what goes wrong between the proxy and brokers. */
  readonly onTrouble: (trouble: string) => void
}

/** A broker behind, and where clients reach it. */
export interface ProxiedBroker {
  readonly broker: BrokerAddress
  readonly port: number
}

export class BrokerProxy {
  private readonly options: ProxyOptions
  private readonly listenings: Listening[] = []
  private readonly ports = new Map<string, Promise<number>>()
  private readonly connections = new Set<ProxiedConnection>()
  private readonly known: ProxiedBroker[] = []
  private readonly topics = new Map<string, ToldTopic>()
  private readonly names = new Map<string, string>()
  private accepted = 0
  private nextPort: number
  private isClosed = false

  private constructor(options: ProxyOptions) {
    this.options = options
    this.nextPort = options.port
  }

  /** Resolves when clients can connect; rejects with the system's error where a port cannot be had. */
  static async start(options: ProxyOptions): Promise<BrokerProxy> {
    const proxy = new BrokerProxy(options)
    options.faults.bind({ nameOf: id => proxy.names.get(id), topics: () => new Map(proxy.topics) })
    options.trace.bindNames(id => proxy.names.get(id))
    try {
      for (const broker of options.to) await proxy.portOf(broker)
    } catch (error) {
      await proxy.close()
      throw error
    }
    return proxy
  }

  /** In the order in which they became known; those of the options come first. */
  get brokers(): readonly ProxiedBroker[] {
    return this.known
  }

  get port(): number {
    return this.known[0]!.port
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const connection of [...this.connections]) connection.destroy()
    await Promise.all(this.listenings.map(listening => listening.close()))
    this.options.trace.end()
  }

  /** The port that stands for a broker, which is opened when the broker is first heard of. */
  private portOf(broker: BrokerAddress): Promise<number> {
    const name = `${broker.host}:${broker.port}`
    const port = this.ports.get(name) ?? this.listenFor(broker)
    this.ports.set(name, port)
    return port
  }

  private async listenFor(broker: BrokerAddress): Promise<number> {
    const { network, host } = this.options
    const wanted = this.nextPort === 0 ? 0 : this.nextPort++
    const listening = await network.listen({ host, port: wanted }, socket => this.connected(broker, socket))
    this.listenings.push(listening)
    this.known.push({ broker, port: listening.port })
    return listening.port
  }

  private connected(broker: BrokerAddress, socket: Socket): void {
    if (this.isClosed) {
      socket.destroy()
      return
    }
    const { localAddress, localPort, remoteAddress, remotePort } = socket
    const { advertisedHost, network, clock, faults, trace, onTrouble } = this.options
    const connection = new ProxiedConnection({
      socket,
      peer: {
        connectionId: `${localAddress}:${localPort}-${remoteAddress}:${remotePort}-${this.accepted++}`,
        listener: `${bracketed(broker.host)}:${broker.port}`,
        clientAddress: remoteAddress,
      },
      broker,
      network,
      clock,
      faults,
      trace,
      onTrouble,
      redirect: async address => ({
        host: advertisedHost ?? localAddress,
        port: await this.portOf(address),
      }),
      learn: (name, topic) => {
        this.names.set(topic.id, name)
        this.topics.set(name, topic)
      },
      onClosed: () => this.connections.delete(connection),
    })
    this.connections.add(connection)
  }
}
