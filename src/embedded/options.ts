/** What `Klamm.start` takes, and how it becomes the broker's own configuration. */
import { StartFailure } from '../broker.ts'
import { type BrokerConfig, loadConfig, type Profile } from '../config.ts'
import type { CreateTopic } from '../controller/create-topics.ts'
import type { PersonaName } from '../metadata/personas.ts'
import { createLogger, type Logger, silentLogger } from '../observe/logger.ts'
import type { ThrowawayCertificates } from '../platform/throwaway-certificates.ts'
import type { SaslMechanism } from '../security/sasl.ts'

/** A topic that is there when `start` resolves, and again after `reset`. */
export interface TopicOptions {
  readonly name: string
  /** `num.partitions` by default, which is 1 unless told otherwise. */
  readonly partitions?: number
  /** Options of the topic, by Kafka's names: `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string | number | boolean>>
}

export interface KlammOptions {
  /** The port to listen on, known before the start; 0, the default, takes a free one. `restart` keeps it. */
  readonly port?: number
  /** The address to listen on; `127.0.0.1` by default. An empty text listens on every address. */
  readonly host?: string
  /** Topics that are there when `start` resolves: names, or `{ name, partitions, configs }`. */
  readonly topics?: readonly (string | TopicOptions)[]
  /**
   * Where records are kept: `memory`, the default, until `close`; or the path of a data directory, where they
   * outlive the process.
   */
  readonly storage?: 'memory' | (string & {})
  /**
   * `real`, the default, or `manual`: time stands still until `clock.advance` is called. It drives sessions,
   * rebalances, transactions, retention and whatever expires. How long requests wait, throttles and idle
   * connections stay on real time, so clients stay connected.
   */
  readonly clock?: 'real' | 'manual'
  /** Any number: ids that the broker makes up are then the same in each run. By default they are random. */
  readonly seed?: number
  /**
   * Remembers what has been synced to the disk, so that `crash` can lose or tear the rest as a power failure
   * does. Keeps two copies of the data in memory, also of a directory's; off by default.
   */
  readonly powerLoss?: boolean
  /**
   * The defaults that the others are set over: `ci`, the default, starts fast; `default` is an ordinary
   * broker.
   */
  readonly profile?: Profile
  /** Passes for this Kafka: its API versions and feature levels, no others. `wide`, the default, has all. */
  readonly persona?: PersonaName
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
  /**
   * Keeps all requests and responses for `klamm.trace`, the latest in 16 MiB or in as many bytes as are said.
   * Off by default; `klamm.trace.start()` begins later.
   */
  readonly trace?: boolean | { readonly maxBytes: number }
  /** Receives the broker's log lines. Without one, nothing is logged unless `verbose` is set. */
  readonly logger?: Logger
  /** Writes log lines of level debug and above to the error output. */
  readonly verbose?: boolean
}

/** What the controller is asked for. */
export function topicToCreate(topic: string | TopicOptions): CreateTopic {
  if (typeof topic === 'string') return topicToCreate({ name: topic })
  const { name, partitions = -1, configs = {} } = topic
  return {
    name,
    numPartitions: partitions,
    replicationFactor: -1,
    configs: Object.entries(configs).map(([option, value]) => ({ name: option, value: String(value) })),
  }
}

/** Rejects with a StartFailure that names the option to change. */
export function configOf(options: KlammOptions, made: ThrowawayCertificates | undefined): BrokerConfig {
  const { host = DEFAULT_HOST, port = 0, storage = 'memory', profile = 'ci', config = {} } = options
  const loaded = loadConfig({
    profile,
    options: {
      listeners: `${protocolOf(options)}://${bracketed(host)}:${port}`,
      'klamm.storage': storage === 'memory' ? 'memory' : 'disk',
      ...(storage !== 'memory' && { 'log.dirs': storage }),
      ...(options.clock === 'manual' && MANUAL_CLOCK),
      ...(options.persona && { 'klamm.persona': options.persona }),
      ...securityOptions(options, made),
      ...config,
    },
  })
  if (!loaded.config) throw new StartFailure(loaded.problems.join('; '))
  return loaded.config
}

/** Where weeks pass in a moment, what looks around every few seconds would make a long moment of it. */
const MANUAL_CLOCK = { 'log.cleaner.backoff.ms': 300_000 }

export const DEFAULT_HOST = '127.0.0.1'

export function loggerOf({ logger, verbose = false }: KlammOptions): Logger {
  return logger ?? (verbose ? verboseLogger() : silentLogger)
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
export function reachableHost(host: string): string {
  return host === '' || host === '0.0.0.0' || host === '::' ? 'localhost' : host
}

/** As it stands before a port. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function verboseLogger(): Logger {
  return createLogger({ level: 'debug', isPretty: true, write: line => process.stderr.write(line) })
}
