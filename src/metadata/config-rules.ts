/**
 * Whether a resource may have a set of configs: names, values, and what values must be to each other. Each
 * function answers with Kafka's sentence for the first thing that is wrong.
 */
import type { BrokerConfig } from './broker-config.ts'
import { CLIENT_METRICS_INTERVAL_MS, CLIENT_METRICS_MATCHERS } from './client-metrics-configs.ts'
import {
  BROKER_OPTIONS,
  brokerOption,
  brokerSynonyms,
  CLIENT_METRICS_OPTIONS,
  DYNAMIC_BROKER_OPTIONS,
  GROUP_OPTIONS,
  groupSynonym,
  nearestName,
  type OptionTable,
  TOPIC_OPTIONS,
} from './configs.ts'
import { type Option, parseOption } from './option.ts'
import { effectiveTopicText } from './topic-config.ts'

export interface NamedValue {
  readonly name: string
  readonly value: string | null
}

/** Of a new topic, or of one whose configs change: `configs` is all that would be set for it. */
export function topicConfigsProblem(
  configs: readonly NamedValue[],
  config: BrokerConfig,
): string | undefined {
  const nulls = configs.filter(({ value }) => value === null).map(({ name }) => name)
  if (nulls.length > 0) return `Null value not supported for topic configs: ${nulls.join(',')}`
  const set = new Map(configs.map(({ name, value }) => [name, value as string]))
  return (
    namesProblem(set, TOPIC_OPTIONS, 'topic') ?? valuesProblem(set, TOPIC_OPTIONS) ?? lagProblem(set, config)
  )
}

function lagProblem(set: ReadonlyMap<string, string>, config: BrokerConfig): string | undefined {
  if (set.get('remote.storage.enable')?.trim().toLowerCase() === 'true') {
    const why = 'Topic cannot be configured with remote log storage.'
    return `Tiered Storage functionality is disabled in the broker. ${why}`
  }
  const least = effectiveTopicText(set, config, 'min.compaction.lag.ms') ?? '0'
  const most = effectiveTopicText(set, config, 'max.compaction.lag.ms') ?? '0'
  if (BigInt(least.trim()) <= BigInt(most.trim())) return undefined
  const shown = `min.compaction.lag.ms (${least.trim()}) > max.compaction.lag.ms (${most.trim()})`
  return `conflict topic config setting ${shown}`
}

/** Names of unknown options; unlike Kafka's sentence, with a guess at what was meant. */
function namesProblem(
  set: ReadonlyMap<string, string>,
  options: OptionTable,
  kind: string,
): string | undefined {
  for (const name of set.keys()) {
    if (!options.has(name)) return `Unknown ${kind} config name: ${name}${didYouMean(name, options.keys())}`
  }
  return undefined
}

function didYouMean(name: string, names: Iterable<string>): string {
  const nearest = nearestName(name, names)
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`
}

function valuesProblem(set: ReadonlyMap<string, string>, options: OptionTable): string | undefined {
  for (const [name, text] of set) {
    const option = options.get(name)
    const problem = option && textProblem(option, text)
    if (problem !== undefined) return problem
  }
  return undefined
}

function textProblem(option: Option, text: string): string | undefined {
  const parsed = parseOption(option, text)
  return 'refusal' in parsed ? parsed.refusal : undefined
}

const GROUP_BOUNDS = [
  'consumer.assignment.interval.ms',
  'consumer.heartbeat.interval.ms',
  'consumer.session.timeout.ms',
  'share.assignment.interval.ms',
  'share.delivery.count.limit',
  'share.heartbeat.interval.ms',
  'share.partition.max.record.locks',
  'share.record.lock.duration.ms',
  'share.session.timeout.ms',
  'streams.assignment.interval.ms',
  'streams.heartbeat.interval.ms',
  'streams.num.standby.replicas',
  'streams.session.timeout.ms',
]

/** A group's settings lie between broker options such as group.consumer.min.session.timeout.ms. */
export function groupConfigsProblem(
  set: ReadonlyMap<string, string>,
  config: BrokerConfig,
): string | undefined {
  const problem = namesProblem(set, GROUP_OPTIONS, 'group') ?? valuesProblem(set, GROUP_OPTIONS)
  if (problem !== undefined) return problem
  for (const name of GROUP_BOUNDS) {
    const text = set.get(name)
    const out = text === undefined ? undefined : outOfBounds(name, Number(text), config)
    if (out !== undefined) return out
  }
  for (const kind of ['consumer', 'share', 'streams']) {
    const session = `${kind}.session.timeout.ms`
    const heartbeat = `${kind}.heartbeat.interval.ms`
    const value = (name: string) => Number(set.get(name) ?? config.number(groupSynonym(name)!))
    if (value(session) <= value(heartbeat)) return `${session} must be greater than ${heartbeat}`
  }
  return undefined
}

function outOfBounds(name: string, value: number, config: BrokerConfig): string | undefined {
  const [kind, ...rest] = name.split('.')
  // Only this one is called otherwise: group.streams.max.standby.replicas bounds
  // streams.num.standby.replicas.
  const bounded = rest.join('.').replace(/^num\./, '')
  const least = `group.${kind}.min.${bounded}`
  const most = `group.${kind}.max.${bounded}`
  if (BROKER_OPTIONS.has(least) && value < config.number(least)) {
    return `${name} must be greater than or equal to ${least}`
  }
  if (BROKER_OPTIONS.has(most) && value > config.number(most)) {
    return `${name} must be less than or equal to ${most}`
  }
  return undefined
}

/** Assignors of consumer groups: by name, or as classes of Kafka. */
const CONSUMER_ASSIGNORS: ReadonlySet<string> = new Set([
  'uniform',
  'range',
  'org.apache.kafka.coordinator.group.assignor.UniformAssignor',
  'org.apache.kafka.coordinator.group.assignor.RangeAssignor',
])

const CONSUMER_BOUNDS = [
  [
    'group.consumer.min.session.timeout.ms',
    'group.consumer.session.timeout.ms',
    'group.consumer.max.session.timeout.ms',
  ],
  [
    'group.consumer.min.heartbeat.interval.ms',
    'group.consumer.heartbeat.interval.ms',
    'group.consumer.max.heartbeat.interval.ms',
  ],
  [
    'group.consumer.min.assignment.interval.ms',
    'group.consumer.assignment.interval.ms',
    'group.consumer.max.assignment.interval.ms',
  ],
] as const

/** What a broker's options of consumer groups have to be to one another, in Kafka's words. */
export function consumerGroupProblems(text: (name: string) => string): string[] {
  const value = (name: string) => Number(text(name))
  const problems: string[] = []
  for (const [least, chosen, most] of CONSUMER_BOUNDS) {
    if (value(most) < value(least)) problems.push(`${most} must be greater than or equal to ${least}`)
    else if (value(chosen) < value(least))
      problems.push(`${chosen} must be greater than or equal to ${least}`)
    else if (value(chosen) > value(most)) problems.push(`${chosen} must be less than or equal to ${most}`)
  }
  const [session, heartbeat] = ['group.consumer.session.timeout.ms', 'group.consumer.heartbeat.interval.ms']
  if (value(heartbeat) >= value(session)) problems.push(`${heartbeat} must be less than ${session}`)
  for (const name of text('group.consumer.assignors').split(',')) {
    if (CONSUMER_ASSIGNORS.has(name.trim())) continue
    problems.push(
      `group.consumer.assignors: there is no assignor ${name.trim()}; there are uniform and range`,
    )
  }
  return problems
}

/** `isRequest`: Kafka answers INVALID_REQUEST to these, INVALID_CONFIG to the others. */
export interface Problem {
  readonly message: string
  readonly isRequest: boolean
}

export function clientMetricsProblem(set: ReadonlyMap<string, string>): Problem | undefined {
  for (const name of set.keys()) {
    if (!CLIENT_METRICS_OPTIONS.has(name)) {
      return { message: `Unknown client metrics configuration: ${name}`, isRequest: true }
    }
  }
  const message = valuesProblem(set, CLIENT_METRICS_OPTIONS)
  if (message !== undefined) return { message, isRequest: true }
  const interval = set.get('interval.ms')?.trim()
  const { lowest, highest } = CLIENT_METRICS_INTERVAL_MS
  if (interval !== undefined && (Number(interval) < lowest || Number(interval) > highest)) {
    const why = `interval must be between ${lowest} and ${highest} (1 hour)`
    return { message: `Invalid value ${interval} for interval.ms, ${why}`, isRequest: true }
  }
  for (const pattern of splitList(set.get('match') ?? '')) {
    if (isMatcher(pattern)) continue
    return { message: `Illegal client matching pattern: ${pattern}`, isRequest: false }
  }
  return undefined
}

function isMatcher(pattern: string): boolean {
  const [name = '', expression, ...rest] = pattern.split('=')
  if (expression === undefined || rest.length > 0 || !CLIENT_METRICS_MATCHERS.includes(name.trim()))
    return false
  try {
    return new RegExp(expression) instanceof RegExp
  } catch {
    // Not an expression: that is the answer.
    return false
  }
}

export function splitList(text: string): string[] {
  return text.trim() === '' ? [] : text.trim().split(/\s*,\s*/)
}

/** Kafka changes these only under a listener's name, as `listener.name.x.ssl.keystore.location`. */
const PER_LISTENER = [
  'ssl.key.password',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.keystore.password',
  'ssl.keystore.type',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.truststore.password',
  'ssl.truststore.type',
]

/** Options that Kafka changes while it runs and Klamm does not yet. */
const NOT_WHILE_RUNNING = ['listeners', 'listener.security.protocol.map']

/**
 * Of the dynamic configs of one broker, or of all. `touched` are those that the request sets; what was set
 * before has been judged before.
 */
export function brokerConfigsProblem(
  touched: ReadonlyMap<string, string>,
  scope: 'one' | 'all',
): string | undefined {
  const names = [...touched.keys()]
  for (const name of names) {
    if (!brokerOption(name)) {
      return `Unknown broker config name: ${name}${didYouMean(name, BROKER_OPTIONS.keys())}`
    }
  }
  const readOnly = names.filter(name => brokerOption(name)!.update === 'read-only' || isStandIn(name))
  if (readOnly.length > 0) return `Cannot update these configs dynamically: [${readOnly.join(', ')}]`
  const perBroker = names.filter(
    name => brokerOption(name)!.update === 'per-broker' && !DYNAMIC_BROKER_OPTIONS.has(name),
  )
  if (scope === 'all' && perBroker.length > 0) {
    const shown = `[${perBroker.join(', ')}]`
    return `Cannot update these configs at default cluster level, broker id must be specified: ${shown}`
  }
  const unprefixed = names.filter(name => PER_LISTENER.includes(name))
  if (unprefixed.length > 0) {
    const why = 'can be dynamically updated only per-listener using the listener prefix'
    return `These security configs ${why}: [${unprefixed.join(', ')}]`
  }
  const fixed = names.filter(name => NOT_WHILE_RUNNING.includes(name))
  if (fixed.length > 0) return `Klamm cannot change these configs while it runs: [${fixed.join(', ')}]`
  for (const [name, text] of touched) {
    const problem = textProblem(brokerOption(name)!, text)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** log.retention.hours and the like cannot change, only the option that they stand in for. */
function isStandIn(name: string): boolean {
  return brokerSynonyms(name).length === 1 && brokerOption(name)!.update === 'read-only'
}
