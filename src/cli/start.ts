/** `klamm start`: a broker until someone ends it. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { Broker } from '../broker.ts'
import { type BrokerConfig, loadConfig, PROFILES, type Profile } from '../config.ts'
import { BROKER_OPTIONS } from '../metadata/configs.ts'
import { WIDE } from '../metadata/personas.ts'
import { createLogger, type Logger, type LogLevel } from '../observe/logger.ts'
import { nodePlatform } from '../platform/node.ts'
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
}

const TLS_FOLDER = 'klamm-tls'
const DEFAULT_PORT = 9092

export async function start(options: StartOptions): Promise<void> {
  const config = configOf(options, await securityOverrides(flagsOf(options)))
  const logger = loggerOf(config, options)
  for (const warning of config.warnings) logger.warn(warning)
  for (const signal of ENDINGS) process.on(signal, endAtOnce)
  const broker = await Broker.start({ config, platform: nodePlatform(), logger })
  for (const signal of ENDINGS) process.off(signal, endAtOnce)
  const stopped = untilStopped(broker, logger)
  print(announcement(broker, options))
  await stopped
  process.exit(0)
}

/** Exported for the tests of what the command line says about options. */
export function configOf(options: StartOptions, security: readonly string[] = []): BrokerConfig {
  const { profile, persona, override, env, dataDir } = options
  const isCi = profile === 'ci'
  const host = isCi ? 'localhost' : ''
  const protocol = protocolOf(flagsOf(options))
  const port = options.port ?? (protocol === 'PLAINTEXT' ? undefined : isCi ? 0 : DEFAULT_PORT)
  const loaded = loadConfig({
    profile,
    ...(options.config !== undefined && { file: fileText(options.config) }),
    ...(env && { environment: process.env }),
    overrides: [
      ...(port === undefined ? [] : [`listeners=${protocol}://${host}:${port}`]),
      // Who names a directory wants to keep something.
      ...(dataDir === undefined ? [] : [`log.dirs=${dataDir}`, 'klamm.storage=disk']),
      ...(persona === undefined ? [] : [`klamm.persona=${persona}`]),
      ...security,
      ...(override ?? []),
    ],
  })
  if (!loaded.config) throw new UsageError(loaded.problems.join('\n'))
  return loaded.config
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

/** The first SIGINT or SIGTERM closes the broker in order; the second ends the process as it is. */
function untilStopped(broker: Broker, logger: Logger): Promise<void> {
  return new Promise((done, failed) => {
    let isStopping = false
    const stop = (signal: NodeJS.Signals) => {
      if (isStopping) process.exit(1)
      isStopping = true
      logger.info('Stopping', { signal })
      broker.close().then(done, failed)
    }
    for (const signal of ENDINGS) process.on(signal, stop)
    // As Kafka halts: nothing can be served, and nothing can be put in order.
    void broker.storageLost.then(() => {
      logger.error('Stopping, for all log directories have failed')
      process.exit(1)
    })
  })
}

function announcement(broker: Broker, options: StartOptions): string {
  const { profile } = options
  const { tls } = flagsOf(options)
  const { config, listeners } = broker
  const addresses = listeners.map(({ host, port }) => `${isWildcard(host) ? 'localhost' : host}:${port}`)
  const isMemory = config.string('klamm.storage') === 'memory'
  const data = isMemory
    ? 'in memory, gone when it stops'
    : config.logDirs.map(path => resolve(path)).join(', ')
  const lines = [`Klamm ${packageVersion()} is ready on ${addresses.join(', ')}`, `  data: ${data}`]
  if (config.persona.name !== WIDE) lines.push(`  persona: Kafka ${config.persona.name}`)
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
