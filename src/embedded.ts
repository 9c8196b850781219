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
import { makeCertificates, type ThrowawayCertificates } from './platform/throwaway-certificates.ts'
import type { SaslMechanism } from './security/sasl.ts'

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
  /**
   * Encrypts connections. `true` makes a certificate for this run, and `caCertificate` is what clients then
   * have to trust; or bring your own, as PEM.
   */
  readonly tls?: boolean | { readonly certificateChain: string; readonly key: string }
  /**
   * Asks clients who they are, by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512: `{ users: { alice: 'secret' } }`.
   */
  readonly sasl?: {
    readonly users: Readonly<Record<string, string>>
    /** All three by default. */
    readonly mechanisms?: readonly SaslMechanism[]
  }
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
  /** With `tls: true`, the authority that signed the broker's certificate, as PEM. */
  readonly caCertificate: string | undefined
  private readonly broker: Broker

  private constructor(broker: Broker, caCertificate: string | undefined) {
    this.caCertificate = caCertificate
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
    const made = options.tls === true ? await makeCertificates([host]) : undefined
    const loaded = loadConfig({
      profile,
      options: {
        listeners: `${protocolOf(options)}://${host.includes(':') ? `[${host}]` : host}:${port}`,
        'klamm.storage': storage === 'memory' ? 'memory' : 'disk',
        ...stored,
        ...securityOptions(options, made),
        ...config,
      },
    })
    if (!loaded.config) throw new StartFailure(loaded.problems.join('; '))
    const logger = options.logger ?? (options.verbose ? verboseLogger() : silentLogger)
    for (const warning of loaded.config.warnings) logger.warn(warning)
    const broker = await Broker.start({ config: loaded.config, platform: nodePlatform(), logger })
    return new Klamm(broker, made?.ca)
  }

  /** Answers what is in flight, makes stored data durable and frees the port. Harmless when repeated. */
  close(): Promise<void> {
    return this.broker.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function protocolOf({ tls, sasl }: KlammOptions): string {
  if (sasl) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT'
  return tls ? 'SSL' : 'PLAINTEXT'
}

function securityOptions(
  { tls, sasl }: KlammOptions,
  made: ThrowawayCertificates | undefined,
): Record<string, string> {
  const own = made ?? (typeof tls === 'object' ? tls : undefined)
  const users = Object.entries(sasl?.users ?? {}).map(([name, password]) => {
    if (!/[:,]/.test(name) && !password.includes(',')) return `${name}:${password}`
    throw new StartFailure(`sasl.users: ${name} or its password has a comma or colon that is not allowed`)
  })
  return {
    ...(own && {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': own.certificateChain,
      'ssl.keystore.key': own.key,
    }),
    ...(users.length > 0 && { 'klamm.sasl.users': users.join(',') }),
    ...(sasl?.mechanisms && { 'sasl.enabled.mechanisms': sasl.mechanisms.join(',') }),
  }
}

/** A wildcard is no address to connect to. */
function reachableHost(host: string): string {
  return host === '' || host === '0.0.0.0' || host === '::' ? 'localhost' : host
}

function verboseLogger(): Logger {
  return createLogger({ level: 'debug', isPretty: true, write: line => process.stderr.write(line) })
}
