/**
 * What DescribeConfigs says of each kind of resource, as data with the response's field names: every option
 * with its effective value, where that comes from, and what it would be if the stronger sources were gone.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { BrokerConfig } from './broker-config.ts'
import {
  BROKER_OPTIONS,
  brokerOption,
  brokerSynonyms,
  DYNAMIC_BROKER_OPTIONS,
  groupSynonym,
  type OptionTable,
  optionsOf,
  TOPIC_OPTIONS,
  TOPIC_SYNONYMS,
  withoutListener,
} from './configs.ts'
import type { ClusterImage, Configs } from './image.ts'
import { canonicalText, type Option, type OptionType } from './option.ts'
import { effectiveTopicText } from './topic-config.ts'
import { topicNameProblem } from './topic-names.ts'

/** The protocol's numbers of config resources. */
export const ResourceType = {
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const

/** The protocol's numbers of where a value comes from. */
export const ConfigSource = {
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
  DYNAMIC_CLIENT_METRICS_CONFIG: 7,
  DYNAMIC_GROUP_CONFIG: 8,
} as const

/** The protocol's numbers of types. */
const CONFIG_TYPES: Readonly<Record<OptionType, number>> = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
}

export interface DescribedSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

export interface DescribedConfig {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  /** All there are; the handler leaves them out where the request does not ask. */
  readonly synonyms: readonly DescribedSynonym[]
  readonly configType: number
  readonly documentation: string
}

export interface DescribeRequest {
  readonly resourceType: number
  readonly resourceName: string
  /** Null for all. */
  readonly configurationKeys: readonly string[] | null
}

export interface DescribeSources {
  readonly image: ClusterImage
  readonly config: BrokerConfig
}

/** One resource of a DescribeConfigs request: its options in alphabetical order, or why it has none. */
export function describeConfigs(
  request: DescribeRequest,
  { image, config }: DescribeSources,
): Result<readonly DescribedConfig[]> {
  const { resourceType: type, resourceName: name } = request
  const refusal = resourceProblem(type, name, { image, config })
  if (refusal) return refusal
  const described =
    type === ResourceType.TOPIC
      ? describeTopicConfigs(image.configs('topic', name), config)
      : type === ResourceType.BROKER
        ? describeBrokerConfigs(name === '' ? 'all' : 'this', config)
        : type === ResourceType.GROUP
          ? describeGroupConfigs(image.configs('group', name), config)
          : type === ResourceType.CLIENT_METRICS
            ? describeClientMetrics(image.configs('client-metrics', name))
            : describeLoggers(config)
  const wanted = request.configurationKeys && new Set(request.configurationKeys)
  return ok(wanted ? described.filter(entry => wanted.has(entry.name)) : described)
}

/** Resources of one likeness are described alike: those of a type that have no configs of their own. */
export function likenessOf(type: number, name: string, { image }: DescribeSources): string {
  const own = type === ResourceType.TOPIC ? image.configs('topic', name) : image.configs('group', name)
  if (type === ResourceType.TOPIC || type === ResourceType.GROUP)
    return own.size === 0 ? `${type}` : `${type} ${name}`
  // An id may be written in many ways.
  if (type === ResourceType.BROKER) return name === '' ? 'all' : 'this'
  return `${type} ${name}`
}

/** Why it cannot be described. */
export function resourceProblem(type: number, name: string, { image, config }: DescribeSources) {
  switch (type) {
    case ResourceType.TOPIC: {
      const problem = topicNameProblem(name)
      if (problem) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
      if (image.topicByName(name)) return undefined
      return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '')
    }
    case ResourceType.BROKER:
      return name === '' ? undefined : brokerProblem(name, `${config.nodeId} or empty string,`, config.nodeId)
    case ResourceType.BROKER_LOGGER:
      if (name === '') return refuse(ErrorCode.INVALID_REQUEST, 'Broker id must not be empty')
      return brokerProblem(name, `${config.nodeId}`, config.nodeId)
    case ResourceType.CLIENT_METRICS:
      if (name !== '') return undefined
      return refuse(ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty')
    case ResourceType.GROUP:
      return name === '' ? refuse(ErrorCode.INVALID_REQUEST, 'Group name must not be empty') : undefined
    default:
      return refuse(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${type}`)
  }
}

function brokerProblem(name: string, expected: string, nodeId: number) {
  if (!/^[+-]?[0-9]+$/.test(name)) {
    return refuse(ErrorCode.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`)
  }
  if (Number(name) === nodeId) return undefined
  return refuse(ErrorCode.INVALID_REQUEST, `Unexpected broker id, expected ${expected} but received ${name}`)
}

/** All options of a topic; with an empty map, those of a topic that is about to be. */
export function describeTopicConfigs(set: Configs, config: BrokerConfig): DescribedConfig[] {
  return shown(TOPIC_OPTIONS, name => set.has(name)).map(option => {
    const broker = TOPIC_SYNONYMS.get(option.name)?.[0]?.name
    const below = broker === undefined ? [] : brokerLayers(broker, brokerSynonyms(broker), config)
    const text = effectiveTopicText(set, config, option.name)
    return entry(option, {
      text,
      readOnly: false,
      synonyms: [...own(option, set, ConfigSource.DYNAMIC_TOPIC_CONFIG), ...below],
    })
  })
}

/**
 * As CreateTopics answers for a new topic: unlike DescribeConfigs, Kafka shows texts as they were written,
 * and the source of stand-ins too (segment.ms comes from the file where that has log.roll.hours).
 */
export function describeNewTopic(set: Configs, config: BrokerConfig): DescribedConfig[] {
  const layers = [
    [config.dynamicPerBroker, ConfigSource.DYNAMIC_BROKER_CONFIG],
    [config.dynamicClusterWide, ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG],
    [config.settings, ConfigSource.STATIC_BROKER_CONFIG],
  ] as const
  return describeTopicConfigs(set, config).map(described => {
    const { name } = described
    const synonyms = TOPIC_SYNONYMS.get(name) ?? []
    const given = layers.find(([configs]) => synonyms.some(synonym => configs.has(synonym.name)))
    return {
      ...described,
      value: effectiveTopicText(set, config, name),
      configSource: set.has(name)
        ? ConfigSource.DYNAMIC_TOPIC_CONFIG
        : (given?.[1] ?? ConfigSource.DEFAULT_CONFIG),
    }
  })
}

/** `this`: all options of this broker. `all`: those that are set for the whole cluster. */
export function describeBrokerConfigs(scope: 'this' | 'all', config: BrokerConfig): DescribedConfig[] {
  if (scope === 'all') {
    return [...config.dynamicClusterWide].flatMap(([name, text]) => {
      const option = brokerOption(name)
      const source = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
      const synonyms = [{ name, value: option && isSensitive(option) ? null : text, source }]
      return option ? [entry({ ...option, name }, { text, readOnly: isReadOnly(option), synonyms })] : []
    })
  }
  const named = [...config.settings.keys(), ...config.dynamicPerBroker.keys()]
    .filter(name => !BROKER_OPTIONS.has(name))
    .flatMap(name => {
      const option = brokerOption(name)
      // With a listener's prefix: changeable at run time, and yet Kafka calls them read-only.
      if (!option || option.name === name) return option ? [option] : []
      return [{ ...option, name, update: 'read-only' as const }]
    })
  const throttles = [...DYNAMIC_BROKER_OPTIONS.values()].filter(
    ({ name }) => config.dynamicClusterWide.has(name) && !config.dynamicPerBroker.has(name),
  )
  return [...shown(BROKER_OPTIONS, name => config.given(name) !== undefined), ...named, ...throttles].map(
    option =>
      entry(option, {
        text: config.given(option.name) ?? brokerText(option, config),
        readOnly: isReadOnly(option),
        synonyms: brokerLayers(option.name, standIns(option.name), config),
      }),
  )
}

/** What stands in for a broker option, which for one with a listener's prefix is the one without. */
function standIns(name: string): readonly string[] {
  const plain = withoutListener(name)
  return plain === name ? brokerSynonyms(name) : [name, plain]
}

function brokerText(option: Option, config: BrokerConfig): string | null {
  if (option.name === 'broker.id' || option.name === 'node.id') return String(config.nodeId)
  return option.defaultValue
}

export function describeGroupConfigs(set: Configs, config: BrokerConfig): DescribedConfig[] {
  return shown(optionsOf('group'), name => set.has(name)).map(option => {
    const broker = groupSynonym(option.name)
    const below: readonly DescribedSynonym[] = broker
      ? brokerLayers(broker, [broker], config)
      : [{ name: option.name, value: option.defaultValue, source: ConfigSource.DEFAULT_CONFIG }]
    const text = set.get(option.name) ?? (broker ? config.text(broker) : option.defaultValue)
    const synonyms = [...own(option, set, ConfigSource.DYNAMIC_GROUP_CONFIG), ...below]
    return entry(option, { text, readOnly: false, synonyms })
  })
}

function describeClientMetrics(set: Configs): DescribedConfig[] {
  return shown(optionsOf('client-metrics'), name => set.has(name)).map(option =>
    entry(option, {
      text: set.get(option.name) ?? option.defaultValue,
      readOnly: false,
      synonyms: own(option, set, ConfigSource.DYNAMIC_CLIENT_METRICS_CONFIG),
    }),
  )
}

/** There is one logger, the root, under log4j's names of levels. */
function describeLoggers(config: BrokerConfig): DescribedConfig[] {
  const level = config.string('klamm.log.level').toUpperCase()
  return [
    {
      name: 'root',
      value: level === 'SILENT' ? 'OFF' : level,
      readOnly: false,
      configSource: ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
      isSensitive: false,
      synonyms: [],
      configType: 0,
      documentation: '',
    },
  ]
}

/** Internal options show only where they are set. */
function shown(options: OptionTable, isSet: (name: string) => boolean): Option[] {
  return [...options.values()].filter(option => !option.isInternal || isSet(option.name))
}

function own(option: Option, set: Configs, source: number): DescribedSynonym[] {
  const text = set.get(option.name)
  return text === undefined ? [] : [{ name: option.name, value: canonicalText(option, text), source }]
}

/**
 * Source by source, strongest first, each with all stand-ins of the option. As in Kafka, what comes before
 * the option's own name is left out, so that hours alone do not show as a synonym of milliseconds.
 */
function brokerLayers(name: string, names: readonly string[], config: BrokerConfig): DescribedSynonym[] {
  const defaults = new Map<string, string>()
  for (const synonym of names) {
    const text = BROKER_OPTIONS.get(synonym)?.defaultValue
    if (text !== null && text !== undefined) defaults.set(synonym, text)
  }
  const layers: readonly (readonly [Configs, number])[] = [
    [config.dynamicPerBroker, ConfigSource.DYNAMIC_BROKER_CONFIG],
    [config.dynamicClusterWide, ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG],
    [config.settings, ConfigSource.STATIC_BROKER_CONFIG],
    [defaults, ConfigSource.DEFAULT_CONFIG],
  ]
  const all = layers.flatMap(([configs, source]) =>
    names.flatMap(synonym => {
      const text = configs.get(synonym)
      if (text === undefined) return []
      const option = brokerOption(synonym)
      return [{ name: synonym, value: option && isSensitive(option) ? null : text, source }]
    }),
  )
  const from = all.findIndex(synonym => synonym.name === name)
  return from < 0 ? [] : all.slice(from)
}

function entry(
  option: Option,
  rest: { text: string | null; readOnly: boolean; synonyms: readonly DescribedSynonym[] },
): DescribedConfig {
  const sensitive = isSensitive(option)
  return {
    name: option.name,
    value: rest.text === null || sensitive ? null : canonicalText(option, rest.text),
    readOnly: rest.readOnly,
    configSource: rest.synonyms[0]?.source ?? ConfigSource.DEFAULT_CONFIG,
    isSensitive: sensitive,
    synonyms: rest.synonyms,
    configType: CONFIG_TYPES[option.type],
    documentation: option.doc,
  }
}

function isSensitive(option: Option): boolean {
  return option.type === 'PASSWORD'
}

function isReadOnly(option: Option): boolean {
  return option.update === 'read-only'
}
