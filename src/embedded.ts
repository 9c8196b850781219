/**
 * Klamm inside your process:
 *
 *     import { Klamm } from 'klamm'
 *     const klamm = await Klamm.start()
 *     // point any Kafka client at klamm.bootstrapServers
 *     await klamm.close()
 */
import { Broker, StartFailure } from './broker.ts'
import { loadConfig, type Profile } from './config.ts'
import { createLogger, type Logger, silentLogger } from './observe/logger.ts'
import { nodePlatform } from './platform/node.ts'

export { StartFailure } from './broker.ts'
export type { Logger } from './observe/logger.ts'

export interface KlammOptions {
  /** The port to listen on; 0, the default, takes a free one. */
  readonly port?: number
  /** The address to listen on; `127.0.0.1` by default. An empty text listens on every address. */
  readonly host?: string
  /**
   * Where records are kept: `memory`, the default, until `close`; or the path of a data directory, where they
   * outlive the process.
   */
  readonly storage?: 'memory' | (string & {})
  /**
   * The defaults that the others are set over: `ci`, the default, starts fast; `default` is an ordinary
   * broker.
   */
  readonly profile?: Profile
  /** Any option of the broker, by Kafka's name: `{ 'num.partitions': 3 }`. It wins over all of the above. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** Receives the broker's log lines. Without one, nothing is logged unless `verbose` is set. */
  readonly logger?: Logger
  /** Writes log lines of level debug and above to the error output. */
  readonly verbose?: boolean
}

/** A broker that runs in this process. Any number of them can, each with its own port and data. */
export class Klamm {
  /** For a client's `bootstrap.servers`: `host:port`. */
  readonly bootstrapServers: string
  readonly host: string
  readonly port: number
  readonly clusterId: string
  private readonly broker: Broker

  private constructor(broker: Broker) {
    const [listener] = broker.listeners
    this.broker = broker
    this.host = reachableHost(listener!.host)
    this.port = listener!.port
    this.bootstrapServers = `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`
    this.clusterId = broker.clusterId
  }

  /** Resolves when clients can connect. Rejects with a StartFailure that names the option to change. */
  static async start(options: KlammOptions = {}): Promise<Klamm> {
    const { host = '127.0.0.1', port = 0, storage = 'memory', profile = 'ci', config = {} } = options
    const stored = storage === 'memory' ? {} : { 'log.dirs': storage }
    const loaded = loadConfig({
      profile,
      options: {
        listeners: `PLAINTEXT://${host.includes(':') ? `[${host}]` : host}:${port}`,
        'klamm.storage': storage === 'memory' ? 'memory' : 'disk',
        ...stored,
        ...config,
      },
    })
    if (!loaded.config) throw new StartFailure(loaded.problems.join('; '))
    const logger = options.logger ?? (options.verbose ? verboseLogger() : silentLogger)
    for (const warning of loaded.config.warnings) logger.warn(warning)
    return new Klamm(await Broker.start({ config: loaded.config, platform: nodePlatform(), logger }))
  }

  /** Answers what is in flight, makes stored data durable and frees the port. Harmless when repeated. */
  close(): Promise<void> {
    return this.broker.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A wildcard is no address to connect to. */
function reachableHost(host: string): string {
  return host === '' || host === '0.0.0.0' || host === '::' ? 'localhost' : host
}

function verboseLogger(): Logger {
  return createLogger({ level: 'debug', isPretty: true, write: line => process.stderr.write(line) })
}
