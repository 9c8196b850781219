/** `klamm start`: a broker until someone ends it. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { type BoundListener, Broker } from '../broker.ts'
import { type BrokerConfig, loadConfig, PROFILES, type Profile } from '../config.ts'
import { BROKER_OPTIONS } from '../metadata/configs.ts'
import { WIDE } from '../metadata/personas.ts'
import { createLogger, type Logger, type LogLevel } from '../observe/logger.ts'
import { nodePlatform } from '../platform/node.ts'
import { imageSettings } from './image-environment.ts'
import { type Addresses, listenerAddresses, ReadyFile } from './readiness.ts'
import { AUTHORITY_FILE, protocolOf, type SecurityFlags, securityOverrides } from './start-security.ts'
import { packageVersion, print, UsageError } from './terminal.ts'

export interface StartOptions {
  readonly config?: string
  readonly port?: number
  readonly dataDir?: string
  readonly profile: Profile
  readonly persona?: string
  readonly override?: readonly string[]
  readonly env?: boolean
  readonly verbose?: boolean
  /** True: in the folder `klamm-tls`. */
  readonly tls?: boolean | string
  readonly user?: readonly string[]
  readonly readyFile?: string
  readonly json?: boolean
  readonly controlPort?: number
}

/** A broker, or one that can be controlled, as far as this command sees it. */
interface Running {
  readonly listeners: readonly BoundListener[]
  readonly clusterId: string
  /** The address of the control API. */
  readonly control?: string
  readonly storageLost: Promise<void>
  close(): Promise<void>
}

const TLS_FOLDER = 'klamm-tls'
const DEFAULT_PORT = 9092

export async function start(options: StartOptions): Promise<void> {
  const signals = new Signals()
  const config = configOf(options, await securityOverrides(flagsOf(options)))
  const logger = loggerOf(config, options)
  const readyFile = options.readyFile === undefined ? undefined : new ReadyFile(options.readyFile)
  const running = await run(config, options, logger)
  const stopped = untilStopped(running, logger, { signals, onStop: () => readyFile?.remove() })
  const addresses = addressesOf(running, config, options)
  readyFile?.write(addresses)
  print(options.json ? JSON.stringify(addresses) : announcement(running, config, options))
  await stopped
  process.exit(0)
}

/** What only the control API needs is loaded only for it. */
async function run(config: BrokerConfig, { profile }: StartOptions, logger: Logger): Promise<Running> {
  for (const warning of config.warnings) logger.warn(warning)
  if (config.string('klamm.control.listener') === '') {
    return Broker.start({ config, platform: nodePlatform(), logger })
  }
  const { runControlled } = await import('./controlled.ts')
  return runControlled(config, profile, logger)
}

function addressesOf(running: Running, config: BrokerConfig, options: StartOptions): Addresses {
  const { tls } = flagsOf(options)
  const protocols = new Map(config.listeners.map(({ name, protocol }) => [name, protocol as string]))
  const listeners = listenerAddresses(running.listeners, name => protocols.get(name) ?? 'PLAINTEXT')
  return {
    bootstrapServers: listeners[0]!.address,
    listeners,
    ...(running.control !== undefined && { control: running.control }),
    clusterId: running.clusterId,
    pid: process.pid,
    version: packageVersion(),
    ...(tls !== undefined && { caFile: resolve(tls, AUTHORITY_FILE) }),
  }
}

/** Exported for the tests of what the command line says about options. */
export function configOf(options: StartOptions, security: readonly string[] = []): BrokerConfig {
  const { profile, persona, override, env, dataDir, controlPort } = options
  const isCi = profile === 'ci'
  const host = isCi ? 'localhost' : ''
  const protocol = protocolOf(flagsOf(options))
  const port = options.port ?? (protocol === 'PLAINTEXT' ? undefined : isCi ? 0 : DEFAULT_PORT)
  const image = env ? imageSettings(process.env) : undefined
  const file = options.config ?? image?.file
  const loaded = loadConfig({
    profile,
    ...(file !== undefined && { file: fileText(file) }),
    ...(image && { environment: image.environment, notes: image.notes }),
    overrides: [
      ...(port === undefined ? [] : [`listeners=${protocol}://${host}:${port}`]),
      // Who names a directory wants to keep something.
      ...(dataDir === undefined ? [] : [`log.dirs=${dataDir}`, 'klamm.storage=disk']),
      ...(controlPort === undefined ? [] : [`klamm.control.listener=127.0.0.1:${controlPort}`]),
      ...(persona === undefined ? [] : [`klamm.persona=${persona}`]),
      ...security,
      ...(override ?? []),
    ],
  })
  if (!loaded.config) throw new UsageError(loaded.problems.join('\n'))
  checkSecured(loaded.config, flagsOf(options))
  return loaded.config
}

/** Listeners that are named elsewhere win over those of the flags, and may be open to all. */
function checkSecured({ listeners }: BrokerConfig, { tls, user = [] }: SecurityFlags): void {
  const isSome = (pattern: RegExp) => listeners.some(({ protocol }) => pattern.test(protocol))
  const orElse = (protocols: string) => `leave the option listeners out, or give it one of ${protocols}`
  if (tls !== undefined && !isSome(/SSL$/)) {
    throw new UsageError(`--tls: none of the listeners encrypts; ${orElse('SSL or SASL_SSL')}`)
  }
  if (user.length > 0 && !isSome(/^SASL/)) {
    throw new UsageError(
      `--user: none of the listeners asks for users; ${orElse('SASL_PLAINTEXT or SASL_SSL')}`,
    )
  }
}

function flagsOf({ tls, user }: StartOptions): SecurityFlags {
  return { tls: tls === true ? TLS_FOLDER : tls || undefined, user }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--config: ${path} cannot be read: ${(error as Error).message}`)
  }
}

/** Lines for a person on a terminal, JSON anywhere else; never among what the command itself says. */
function loggerOf(config: BrokerConfig, { verbose }: StartOptions): Logger {
  const isTerminal = process.stderr.isTTY === true
  return createLogger({
    level: verbose ? 'debug' : (config.string('klamm.log.level') as LogLevel),
    isPretty: isTerminal,
    useColor: isTerminal && process.env.NO_COLOR === undefined,
    write: line => process.stderr.write(line),
  })
}

const ENDINGS = ['SIGINT', 'SIGTERM'] as const

/**
 * A start has nothing to put in order. Said in so many words because process 1 of a container, unlike any
 * other, ignores a signal that it has no handler for.
 */
function endAtOnce(signal: NodeJS.Signals): void {
  process.exit(128 + constants.signals[signal])
}

/**
 * What SIGINT and SIGTERM do. The handlers stay while that changes: Node forgets a signal that has come, but
 * has not been told yet, when the last handler for it goes.
 */
class Signals {
  act: (signal: NodeJS.Signals) => void = endAtOnce

  constructor() {
    for (const signal of ENDINGS) process.on(signal, () => this.act(signal))
  }
}

interface Stopping {
  readonly signals: Signals
  readonly onStop: () => void
}

/** The first SIGINT or SIGTERM closes the broker in order; the second ends the process as it is. */
function untilStopped(broker: Running, logger: Logger, { signals, onStop }: Stopping): Promise<void> {
  return new Promise((done, failed) => {
    let isStopping = false
    signals.act = signal => {
      if (isStopping) process.exit(1)
      isStopping = true
      logger.info('Stopping', { signal })
      onStop()
      broker.close().then(done, failed)
    }
    // As Kafka halts: nothing can be served, and nothing can be put in order.
    void broker.storageLost.then(() => {
      logger.error('Stopping, for all log directories have failed')
      process.exit(1)
    })
  })
}

function announcement(running: Running, config: BrokerConfig, options: StartOptions): string {
  const { profile } = options
  const { tls } = flagsOf(options)
  const { listeners, control } = running
  const addresses = listeners.map(({ host, port }) => `${isWildcard(host) ? 'localhost' : host}:${port}`)
  const isMemory = config.string('klamm.storage') === 'memory'
  const data = isMemory
    ? 'in memory, gone when it stops'
    : config.logDirs.map(path => resolve(path)).join(', ')
  const lines = [`Klamm ${packageVersion()} is ready on ${addresses.join(', ')}`, `  data: ${data}`]
  if (config.persona.name !== WIDE) lines.push(`  persona: Kafka ${config.persona.name}`)
  if (control !== undefined) lines.push(`  control: ${control} (described in ${control}/openapi.json)`)
  if (tls !== undefined) lines.push(`  clients have to trust: ${resolve(tls, AUTHORITY_FILE)}`)
  const differences = profile === 'ci' ? differencesFromKafka(config, profile) : []
  if (differences.length > 0) lines.push("  not Kafka's defaults:", ...differences.map(text => `    ${text}`))
  return lines.join('\n')
}

function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::'
}

/** What a profile has set otherwise than Kafka ships it. */
function differencesFromKafka(config: BrokerConfig, profile: Profile): string[] {
  return Object.keys(PROFILES[profile]).flatMap(name => {
    if (name in PROFILES.default || name === 'listeners') return []
    const shipped = BROKER_OPTIONS.get(name)?.defaultValue ?? 'unset'
    const value = config.text(name)
    return value === shipped ? [] : [`${name}=${value} (${shipped})`]
  })
}
