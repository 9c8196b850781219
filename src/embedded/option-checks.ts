/**
 * Whether what `Klamm.start` was given can be meant, for those who are not told by a compiler: what cannot is
 * refused by its name, with what to write instead. Kafka's own options are checked where they are read.
 */
import { StartFailure } from '../broker.ts'
import { PROFILES } from '../config.ts'
import { nearestName } from '../metadata/configs.ts'
import { PERSONA_NAMES, WIDE } from '../metadata/personas.ts'
import type { KlammOptions, TopicOptions } from './options.ts'

interface Check {
  readonly isRight: (value: unknown) => boolean
  /** In words, for a sentence that says what to give. */
  readonly expected: string
}

type Fields = Readonly<Record<string, unknown>>

const MOST_PORT = 65_535
const LOGGER_METHODS = ['trace', 'debug', 'info', 'warn', 'error', 'isEnabled', 'child']
const TRUTH: Check = { isRight: value => typeof value === 'boolean', expected: 'true or false' }

/** Every option, so that one that is misspelt can be told from those. */
const CHECKS: { readonly [name in keyof Required<KlammOptions>]: Check } = {
  port: {
    isRight: value => isWhole(value, 0) && (value as number) <= MOST_PORT,
    expected: 'a number from 0 to 65535',
  },
  host: { isRight: isText, expected: "an address to listen on, such as '127.0.0.1'" },
  topics: { isRight: Array.isArray, expected: "a list, such as ['orders']" },
  storage: {
    isRight: value => isText(value) && value !== '',
    expected: "'memory', or the path of a directory",
  },
  clock: oneOf(['real', 'manual']),
  seed: { isRight: Number.isFinite, expected: 'a number' },
  powerLoss: TRUTH,
  profile: oneOf(Object.keys(PROFILES)),
  persona: oneOf([...PERSONA_NAMES, WIDE]),
  tls: {
    isRight: value =>
      typeof value === 'boolean' || (isObject(value) && isText(value.certificateChain) && isText(value.key)),
    expected: 'true, or { certificateChain, key } as PEM',
  },
  sasl: { isRight: isSasl, expected: "{ users: { alice: 'secret' } }, with mechanisms: ['PLAIN'] at will" },
  config: {
    isRight: value => isObject(value) && Object.values(value).every(isSetting),
    expected: "options by Kafka's names, such as { 'num.partitions': 3 }",
  },
  trace: {
    isRight: value => typeof value === 'boolean' || (isObject(value) && isWhole(value.maxBytes, 1)),
    expected: 'true, or { maxBytes: 16777216 }',
  },
  logger: {
    isRight: value => isObject(value) && LOGGER_METHODS.every(name => typeof value[name] === 'function'),
    expected: `an object with the methods ${LOGGER_METHODS.join(', ')}`,
  },
  verbose: TRUTH,
}

const TOPIC_OPTIONS: { readonly [name in keyof Required<TopicOptions>]: true } = {
  name: true,
  partitions: true,
  configs: true,
}

/** Throws a StartFailure that names the option to change. */
export function checkOptions(options: unknown): asserts options is KlammOptions {
  if (!isObject(options)) {
    throw new StartFailure(`Klamm.start takes options such as { topics: ['orders'] }, not ${shown(options)}`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw new StartFailure(unknownOption(name))
    const { isRight, expected } = CHECKS[name as keyof typeof CHECKS]
    if (value === undefined || isRight(value)) continue
    throw new StartFailure(`${name}: ${shown(value)} will not do; give ${expected}`)
  }
  for (const topic of (options.topics as readonly unknown[] | undefined) ?? []) {
    const problem = topicProblem(topic)
    if (problem !== undefined) throw new StartFailure(`topics: ${problem}`)
  }
}

function unknownOption(name: string): string {
  const nearest = nearestName(name, Object.keys(CHECKS))
  const hint =
    nearest === undefined ? "options of Kafka's go into config: { name: value }" : `did you mean ${nearest}?`
  return `Klamm.start has no option ${name}; ${hint}`
}

/** Why there can be no such topic; that its name and configs are good is for the broker to say. */
export function topicProblem(topic: unknown): string | undefined {
  if (isText(topic)) return undefined
  if (!isObject(topic) || !isText(topic.name)) {
    return `${shown(topic)} is none; give a name, or { name, partitions, configs }`
  }
  const stranger = Object.keys(topic).find(name => !Object.hasOwn(TOPIC_OPTIONS, name))
  if (stranger !== undefined) return `${shown(topic)} has ${stranger}, and may have name, partitions, configs`
  const { partitions, configs } = topic
  if (partitions !== undefined && !Number.isInteger(partitions)) {
    return `partitions of ${topic.name}: ${shown(partitions)} is no number of partitions`
  }
  if (configs === undefined || (isObject(configs) && Object.values(configs).every(isSetting)))
    return undefined
  return `configs of ${topic.name}: ${shown(configs)} will not do; give { 'retention.ms': 1000 }, say`
}

function oneOf(values: readonly string[]): Check {
  const expected = `one of ${values.map(value => `'${value}'`).join(', ')}`
  return { isRight: value => values.includes(value as string), expected }
}

function isSasl(value: unknown): boolean {
  if (!isObject(value) || !isObject(value.users) || !Object.values(value.users).every(isText)) return false
  if (Object.keys(value).some(name => name !== 'users' && name !== 'mechanisms')) return false
  return value.mechanisms === undefined || Array.isArray(value.mechanisms)
}

function isSetting(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isWhole(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** In short: a certificate is long, and a password nobody's business. */
function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  return isObject(value)
    ? `an object with ${Object.keys(value).join(', ') || 'nothing'}`
    : JSON.stringify(value)
}
