/**
 * The effective configuration of one broker: what its file says, under what was set at run time for this
 * broker or for all, over the defaults. Values are parsed once and kept until something changes. Every text
 * in here has passed its option's check.
 */
import assert from 'node:assert'
import { BROKER_OPTIONS, DYNAMIC_BROKER_OPTIONS, type Synonym, TOPIC_SYNONYMS } from './configs.ts'
import type { ClusterImage, Configs } from './image.ts'
import { type Listener, planListeners } from './listeners.ts'
import { type Option, type OptionValue, parseText } from './option.ts'
import { type Persona, personaNamed } from './personas.ts'

const NOTHING: Configs = new Map()

export class BrokerConfig {
  /** What the file, the profile, the environment and the command line say, by Kafka's names. */
  readonly settings: Configs
  readonly nodeId: number
  readonly listeners: readonly Listener[]
  readonly persona: Persona
  /** For the start of the broker to print: set options without effect and the like, one line each. */
  readonly warnings: readonly string[]
  /** What was set at run time for this broker, and for all brokers. */
  private perBroker: Configs = NOTHING
  private clusterWide: Configs = NOTHING
  private changes = 0
  private readonly parsed = new Map<string, OptionValue>()

  constructor(settings: Configs, warnings: readonly string[] = []) {
    this.settings = settings
    this.warnings = warnings
    this.nodeId = Number(settings.get('node.id') ?? settings.get('broker.id') ?? 1)
    this.persona = personaNamed(this.string('klamm.persona'))
    this.listeners = planListeners({
      listeners: this.list('listeners'),
      advertised: this.list('advertised.listeners'),
      protocolMap: this.string('listener.security.protocol.map'),
      controllerNames: this.list('controller.listener.names'),
    }).listeners
  }

  get rack(): string | null {
    return this.text('broker.rack')
  }

  get logDirs(): readonly string[] {
    const dirs = this.list('log.dirs')
    return dirs.length > 0 ? dirs : this.list('log.dir')
  }

  /** Counts what `update` changed: what is made from this configuration holds as long as it stays. */
  get revision(): number {
    return this.changes
  }

  get dynamicPerBroker(): Configs {
    return this.perBroker
  }

  get dynamicClusterWide(): Configs {
    return this.clusterWide
  }

  /** Takes up what an image has set at run time. True when something changed. */
  update(image: ClusterImage): boolean {
    const perBroker = image.configs('broker', String(this.nodeId))
    const clusterWide = image.configs('broker', '')
    if (perBroker === this.perBroker && clusterWide === this.clusterWide) return false
    this.perBroker = perBroker
    this.clusterWide = clusterWide
    this.changes++
    this.parsed.clear()
    return true
  }

  /** The effective text; null where nothing gives one. */
  text(name: string): string | null {
    return this.given(name) ?? optionNamed(name).defaultValue
  }

  /** What somebody set, at run time or at the start. */
  given(name: string): string | undefined {
    return this.perBroker.get(name) ?? this.clusterWide.get(name) ?? this.settings.get(name)
  }

  /**
   * An INT, SHORT, LONG or DOUBLE as a number: the greatest LONGs lose their last digits, as bounds they may.
   */
  number(name: string): number {
    const value = this.value(name)
    assert(typeof value === 'number' || typeof value === 'bigint', `${name} is not a number that is set`)
    return Number(value)
  }

  /** As `number`, for options that may have no value. */
  optionalNumber(name: string): number | undefined {
    return this.value(name) === null ? undefined : this.number(name)
  }

  long(name: string): bigint {
    return BigInt(this.value(name) as bigint | number)
  }

  boolean(name: string): boolean {
    return this.value(name) === true
  }

  /** Empty where nothing gives one. */
  string(name: string): string {
    const value = this.value(name)
    return typeof value === 'string' ? value : ''
  }

  /** Empty where nothing gives one. */
  list(name: string): readonly string[] {
    const value = this.value(name)
    return Array.isArray(value) ? (value as readonly string[]) : []
  }

  /**
   * What a topic option is where the topic does not say: the first of its broker synonyms that somebody set,
   * else that of the last one which has a default. Undefined for options without a synonym.
   */
  topicDefault(name: string): string | undefined {
    const synonyms = TOPIC_SYNONYMS.get(name)
    if (!synonyms) return undefined
    const chosen =
      synonyms.find(synonym => this.given(synonym.name) !== undefined) ??
      synonyms.find(synonym => this.text(synonym.name) !== null)
    return chosen && this.inTopicUnits(chosen)
  }

  private inTopicUnits({ name, factor }: Synonym): string | undefined {
    const text = this.text(name)
    if (text === null || factor === 1) return text ?? undefined
    const value = BigInt(text.trim())
    return String(value < 0n ? value : value * BigInt(factor))
  }

  private value(name: string): OptionValue {
    const known = this.parsed.get(name)
    if (known !== undefined) return known
    const option = optionNamed(name)
    const text = this.text(name)
    const value = text === null ? null : parsedValue(option, text)
    this.parsed.set(name, value)
    return value
  }
}

function parsedValue(option: Option, text: string): OptionValue {
  const parsed = parseText(option, text)
  assert('value' in parsed, `${option.name} was not checked: ${text}`)
  return parsed.value
}

function optionNamed(name: string): Option {
  const option = BROKER_OPTIONS.get(name) ?? DYNAMIC_BROKER_OPTIONS.get(name)
  assert(option, `there is no broker option ${name}`)
  return option
}
