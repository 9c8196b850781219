/**
 * From what a person wrote (a properties file, environment variables, the command line, a profile) to a
 * checked BrokerConfig. Nothing is silently ignored: unknown names and values out of range are problems that
 * name what is allowed, and what is recognised without having an effect is named in one warning.
 */
import { BrokerConfig } from './metadata/broker-config.ts'
import { consumerGroupProblems } from './metadata/config-rules.ts'
import {
  BROKER_OPTIONS,
  brokerOption,
  DYNAMIC_BROKER_OPTIONS,
  nearestName,
  withoutListener,
} from './metadata/configs.ts'
import { featureLevels } from './metadata/features.ts'
import { planListeners } from './metadata/listeners.ts'
import { type Option, parseOption } from './metadata/option.ts'
import { featureProblem, personaNamed } from './metadata/personas.ts'
import { COMPRESSION_TYPES } from './records/batch.ts'

export { BrokerConfig } from './metadata/broker-config.ts'

export type Properties = ReadonlyMap<string, string>

export type Profile = 'default' | 'ci'

export interface ConfigSources {
  readonly profile?: Profile
  /** The text of a properties file. */
  readonly file?: string
  /** Environment variables; only those that name options are taken. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** `name=value`, the strongest. */
  readonly overrides?: readonly string[]
  /** By name, as strong as overrides: for those who embed a broker. */
  readonly options?: Readonly<Record<string, string | number | boolean>>
  /** Warnings of whoever made the sources. */
  readonly notes?: readonly string[]
}

export type LoadedConfig =
  | { readonly config: BrokerConfig; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly string[] }

/** What Kafka's shipped server.properties gives a single node, where Kafka's bare defaults need three. */
const SINGLE_NODE: Readonly<Record<string, string>> = {
  'node.id': '1',
  'log.dirs': 'data',
  'offsets.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.replication.factor': '1',
}

export const PROFILES: Readonly<Record<Profile, Readonly<Record<string, string>>>> = {
  default: SINGLE_NODE,
  ci: {
    ...SINGLE_NODE,
    listeners: 'PLAINTEXT://localhost:0',
    'group.consumer.assignment.interval.ms': '0',
    'group.consumer.heartbeat.interval.ms': '500',
    'group.consumer.min.heartbeat.interval.ms': '100',
    'group.consumer.min.session.timeout.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '100',
    'group.streams.initial.rebalance.delay.ms': '0',
    'klamm.storage': 'memory',
    'offsets.topic.num.partitions': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'transaction.state.log.num.partitions': '1',
  },
}

const OFFSETS_CODEC = 'offsets.topic.compression.codec'

export function loadConfig(sources: ConfigSources): LoadedConfig {
  const problems: string[] = []
  const given = new Map<string, string>()
  const add = (entries: Iterable<readonly [string, string]>) => {
    for (const [name, value] of entries) {
      if (name !== 'broker.id') given.set(name, value)
      // -1 asks Kafka for an id; here that is the profile's.
      else if (value.trim() !== '-1') given.set('node.id', value)
    }
  }
  add(parseProperties(sources.file ?? ''))
  add(fromEnvironment(sources.environment ?? {}))
  add(parseOverrides(sources.overrides ?? [], problems))
  add(Object.entries(sources.options ?? {}).map(([name, value]) => [name, String(value)]))

  const settings = new Map(Object.entries(PROFILES[sources.profile ?? 'default']))
  if (given.has('log.dir') && !given.has('log.dirs')) settings.delete('log.dirs')
  const withoutEffect: string[] = []
  for (const [name, text] of given) {
    if (isForeign(name)) withoutEffect.push(name)
    else settings.set(name, accepted({ name, text, problems, withoutEffect }))
  }
  settings.set('broker.id', settings.get('node.id')!)
  const warnings = [
    ...(sources.notes ?? []),
    ...(withoutEffect.length > 0 ? [effectWarning(withoutEffect)] : []),
  ]
  problems.push(...crossProblems(settings, problems.length > 0))
  if (problems.length > 0) return { config: undefined, problems }
  return { config: new BrokerConfig(withoutForeign(settings), warnings), problems: [] }
}

interface Setting {
  readonly name: string
  readonly text: string
  readonly problems: string[]
  readonly withoutEffect: string[]
}

/** Checks one setting; what is wrong goes to `problems`. */
function accepted({ name, text, problems, withoutEffect }: Setting): string {
  const option = DYNAMIC_BROKER_OPTIONS.has(name) ? undefined : brokerOption(name)
  if (!option) {
    problems.push(unknownName(name))
    return text
  }
  if (option.effect !== 'now') withoutEffect.push(name)
  const parsed = parseOption(option, text)
  if ('refusal' in parsed) problems.push(withAllowed(option, parsed.refusal))
  return text
}

function withAllowed(option: Option, refusal: string): string {
  const allowed = option.check?.allowed
  return allowed === undefined ? refusal : `${refusal} (allowed: ${allowed})`
}

export function unknownName(name: string): string {
  const nearest = nearestName(withoutListener(name), BROKER_OPTIONS.keys())
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return `Unknown option ${name}${hint}`
}

/** An option, a recognised one of other programs, or something so close to one that it is meant. */
export function isKnownName(name: string): boolean {
  if (brokerOption(name) || isForeign(name)) return true
  return nearestName(withoutListener(name), BROKER_OPTIONS.keys()) !== undefined
}

function effectWarning(names: readonly string[]): string {
  return `these options have no effect here: ${[...names].sort().join(', ')}`
}

/** What no single option can tell. */
function crossProblems(settings: Properties, hasProblems: boolean): string[] {
  if (hasProblems) return []
  const text = (name: string) => settings.get(name) ?? BROKER_OPTIONS.get(name)?.defaultValue ?? ''
  const list = (name: string) =>
    text(name)
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
  const problems = [
    ...consumerGroupProblems(text),
    ...planListeners({
      listeners: list('listeners'),
      advertised: list('advertised.listeners'),
      protocolMap: text('listener.security.protocol.map'),
      controllerNames: list('controller.listener.names'),
    }).problems,
  ]
  if (list('log.dirs').length === 0 && list('log.dir').length === 0)
    problems.push('log.dirs: give a directory')
  const roles = list('process.roles')
  if (roles.length > 0 && !roles.includes('broker')) {
    problems.push('process.roles: a node that is a controller only has nothing to do here; add broker')
  }
  if (text('klamm.clock') === 'manual' && text('klamm.control.listener') === '') {
    const what = 'klamm.clock: nobody could let the time pass'
    problems.push(`${what}; set klamm.control.listener too, or start with --control-port`)
  }
  if (text('authorizer.class.name') !== '') {
    const why = 'access lists are not served yet, so everyone could do everything'
    problems.push(`authorizer.class.name: ${why}; leave it out to accept that`)
  }
  const persona = personaNamed(text('klamm.persona'))
  const tooNew = featureProblem(persona, featureLevels(list('klamm.format.features')))
  if (tooNew !== undefined) problems.push(`klamm.format.features: ${tooNew}`)
  // As Kafka: the table takes any number, the start does not.
  const codec = Number(text(OFFSETS_CODEC))
  if (!COMPRESSION_TYPES[codec]) problems.push(`${OFFSETS_CODEC}: there is no codec ${codec}`)
  return problems
}

/**
 * Of other programs and older Kafkas: recognised, never looked at. A dot at the end means all that begin so.
 */
const FOREIGN = [
  'advertised.host.name',
  'advertised.port',
  'broker.id.generation.enable',
  'config.providers.',
  'confluent.',
  'control.plane.listener.name',
  'controlled.shutdown.max.retries',
  'controlled.shutdown.retry.backoff.ms',
  'eligible.leader.replicas.enable',
  // An option of topics, which Kafka's own tests give to brokers.
  'file.delete.delay.ms',
  'group.coordinator.new.enable',
  'group.share.enable',
  'host.name',
  'inter.broker.protocol.version',
  'kafka.metrics.',
  'log.message.downconversion.enable',
  'log.message.format.version',
  'log.message.timestamp.difference.max.ms',
  'metrics.jmx.',
  'password.encoder.',
  'port',
  'quota.consumer.default',
  'quota.producer.default',
  'reserved.broker.max.id',
  'rlmm.config.',
  'rsm.config.',
  'zookeeper.',
]

function isForeign(name: string): boolean {
  if (BROKER_OPTIONS.has(name)) return false
  // Prose is no misspelt option: Kafka's own tests have a sentence of its documentation for a name.
  if (/\s/.test(name)) return true
  return FOREIGN.some(foreign => (foreign.endsWith('.') ? name.startsWith(foreign) : name === foreign))
}

function withoutForeign(settings: Properties): Properties {
  return new Map([...settings].filter(([name]) => !isForeign(name)))
}

function parseOverrides(overrides: readonly string[], problems: string[]): (readonly [string, string])[] {
  return overrides.flatMap(override => {
    const at = override.indexOf('=')
    if (at > 0) return [[override.slice(0, at).trim(), override.slice(at + 1).trim()] as const]
    problems.push(`--override ${override}: write it as name=value`)
    return []
  })
}

/** Variables of Kafka's images and start scripts that are no options. */
const NOT_OPTIONS =
  /^KAFKA_(OPTS|HEAP_OPTS|JVM_|JMX_|LOG4J_|GC_|DEBUG|CLUSTER_ID$|VERSION$|HOME$|USER$|CFG_$|TOOLS_)/

/** What Kubernetes and Docker's links tell every container of one that is called kafka or klamm. */
const SERVICE_LINK =
  /^\w+(_SERVICE_HOST=.*|_SERVICE_PORT(_\w+)?=\d+|_PORT=(tcp|udp):\/\/.*|_PORT_\d+_(TCP|UDP)(_\w+)?=.*)$/

/**
 * `KAFKA_LOG_RETENTION_MS` (or with Bitnami's `KAFKA_CFG_`) is `log.retention.ms`: an underscore is a dot,
 * two are an underscore, three a dash, as in Kafka's own image. `KLAMM_DURABILITY` is `klamm.durability`.
 */
export function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): (readonly [string, string])[] {
  return Object.entries(environment).flatMap(([variable, value]) => {
    if (value === undefined || NOT_OPTIONS.test(variable) || SERVICE_LINK.test(`${variable}=${value}`))
      return []
    const match = /^(?:KAFKA_(?:CFG_)?|(KLAMM_))([A-Z].*)$/.exec(variable)
    if (!match) return []
    const name = `${match[1] ?? ''}${match[2]}`.toLowerCase()
    return [[name.replace(/_{1,3}/g, run => ['.', '_', '-'][run.length - 1]!), value] as const]
  })
}

/** A Java properties file: comments, escapes, lines that go on, `=`, `:` or blanks between name and value. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const match = /^((?:\\.|[^\\=:\s])*)(?:\s*[=:]\s*|\s+|$)(.*)$/s.exec(line)
    if (match) properties.set(unescaped(match[1]!), unescaped(match[2]!))
  }
  return properties
}

function logicalLines(text: string): string[] {
  const lines: string[] = []
  let begun: string | undefined
  for (const natural of text.split(/\r\n|\r|\n/)) {
    const line = natural.replace(/^[ \t\f]+/, '')
    if (begun === undefined && (line === '' || /^[#!]/.test(line))) continue
    const whole = (begun ?? '') + line
    const goesOn = /(?:^|[^\\])(?:\\\\)*\\$/.test(line)
    begun = goesOn ? whole.slice(0, -1) : undefined
    if (!goesOn) lines.push(whole)
  }
  if (begun !== undefined) lines.push(begun)
  return lines
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.?))/gs, (_, code: string | undefined, char: string) =>
    code === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
  )
}
