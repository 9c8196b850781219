/** Checks fault rules, given as objects, JSON or whatever a user wrote, and says what to write instead. */
import { type Api, apis } from '../../protocol/apis.ts'
import { ErrorCode, errorName } from '../../protocol/errors.ts'
import { parseVersions, type VersionRange } from '../../protocol/schema.ts'
import { nearestName } from '../metadata/configs.ts'
import { type ApiFields, apiByName, apiNames, fieldsOf } from './api-fields.ts'
import { type FaultDefinition, type FaultEffect, type FaultMatch, InvalidFault } from './rule.ts'

/** A rule that can work, in the form in which requests are held against it. */
export interface ParsedFault {
  readonly match: FaultMatch
  readonly effect: FaultEffect
  /** Those that the rule is about. */
  readonly apis: ReadonlyMap<number, ApiFields>
  readonly versions: VersionRange | undefined
  readonly partitions: ReadonlySet<number> | undefined
  readonly nth: ReadonlySet<number> | undefined
  readonly errorCode: ErrorCode | undefined
}

const MATCH_FIELDS: Readonly<Record<keyof FaultMatch, string>> = {
  api: 'name, or list of names, of APIs',
  version: "number, or range such as '3-8' or '9+'",
  topic: 'text',
  partition: 'number, or list of numbers, from 0 on',
  client: 'text',
  group: 'text',
  transactionalId: 'text',
  listener: 'text',
  user: 'text',
  nth: 'number, or list of numbers, from 1 on',
  times: 'number from 1 on',
  probability: 'number from 0 to 1',
}

const EFFECT_FIELDS: Readonly<Record<keyof FaultEffect, string>> = {
  error: 'name or number of an error code',
  delayMs: 'number of milliseconds, or [from, to]',
  drop: 'true',
  silence: 'true',
  truncate: 'true, or how many bytes are sent',
  corrupt: "'records', 'body', 'correlationId' or 'size'",
  throttleMs: 'number of milliseconds',
  staleMetadata: 'true',
  coordinatorMoved: 'true',
  when: "'before' or 'after'",
}

/** A `FaultDefinition`, as a JSON schema (2020-12): for the documentation of an HTTP API, say. */
export const FAULT_SCHEMA = {
  type: 'object',
  required: ['effect'],
  additionalProperties: false,
  properties: {
    api: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] },
    version: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
    topic: { type: 'string' },
    partition: numbers(0),
    client: { type: 'string' },
    group: { type: 'string' },
    transactionalId: { type: 'string' },
    listener: { type: 'string' },
    user: { type: 'string' },
    nth: numbers(1),
    times: { type: 'integer', minimum: 1 },
    probability: { type: 'number', minimum: 0, maximum: 1 },
    effect: {
      anyOf: [
        { type: 'string', description: 'the name of an error code' },
        {
          type: 'object',
          minProperties: 1,
          additionalProperties: false,
          properties: {
            error: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
            delayMs: {
              anyOf: [
                { type: 'number', minimum: 0 },
                { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 2, maxItems: 2 },
              ],
            },
            drop: { type: 'boolean' },
            silence: { type: 'boolean' },
            truncate: { anyOf: [{ type: 'boolean' }, { type: 'integer', minimum: 0 }] },
            corrupt: { type: 'string', enum: ['records', 'body', 'correlationId', 'size'] },
            throttleMs: { type: 'integer', minimum: 1 },
            staleMetadata: { type: 'boolean' },
            coordinatorMoved: { type: 'boolean' },
            when: { type: 'string', enum: ['before', 'after'] },
          },
        },
      ],
    },
  },
} as const

function numbers(minimum: number) {
  const one = { type: 'integer', minimum } as const
  return { anyOf: [one, { type: 'array', items: one, minItems: 1 }] } as const
}

/** Throws InvalidFault. */
export function parseDefinition(value: unknown): ParsedFault {
  if (!isObject(value)) {
    throw new InvalidFault(`A fault rule is an object such as ${EXAMPLE}; this is ${shown(value)}`)
  }
  const { effect, ...match } = value as unknown as FaultDefinition
  if (effect === undefined) throw new InvalidFault(`A fault rule says its effect, as in ${EXAMPLE}`)
  return parseFault(match, effect)
}

const EXAMPLE = '{ "api": "Produce", "nth": 2, "effect": { "error": "NOT_LEADER_OR_FOLLOWER" } }'

/** The rules in a JSON text: one, or a list. Throws InvalidFault. */
export function parseFaultText(text: string): ParsedFault[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new InvalidFault(`A fault rule is JSON such as ${EXAMPLE}: ${(error as Error).message}`)
  }
  return (Array.isArray(value) ? value : [value]).map(parseDefinition)
}

/** Throws InvalidFault. */
export function parseFault(givenMatch: unknown, givenEffect: unknown): ParsedFault {
  const effect = effectOf(givenEffect)
  const match = matchOf(givenMatch)
  const errorCode = effect.error === undefined ? undefined : errorCodeOf(effect.error)
  const chosen = apisOf(match, effect)
  const versions = versionsOf(match, chosen)
  return {
    match,
    effect,
    apis: new Map(chosen.map(fields => [fields.api.apiKey, fields])),
    versions,
    partitions: match.partition === undefined ? undefined : new Set([match.partition].flat()),
    nth: match.nth === undefined ? undefined : new Set([match.nth].flat()),
    errorCode,
  }
}

function matchOf(given: unknown): FaultMatch {
  if (!isObject(given)) {
    throw new InvalidFault(
      `The first argument says which requests, as in { api: 'Produce' }; this is ${shown(given)}`,
    )
  }
  refuseUnknown(given, MATCH_FIELDS, 'A fault rule', EFFECT_FIELDS)
  const match = given as FaultMatch
  for (const name of ['topic', 'client', 'group', 'transactionalId', 'listener', 'user'] as const) {
    const text = match[name]
    if (text !== undefined && (typeof text !== 'string' || text === '')) wrong(name, text, MATCH_FIELDS[name])
  }
  checkNumbers('partition', match.partition, 0)
  checkNumbers('nth', match.nth, 1)
  if (match.times !== undefined && !isWhole(match.times, 1)) wrong('times', match.times, MATCH_FIELDS.times)
  const { probability } = match
  if (
    probability !== undefined &&
    !(typeof probability === 'number' && probability >= 0 && probability <= 1)
  ) {
    wrong('probability', probability, MATCH_FIELDS.probability)
  }
  return withoutUndefined(match)
}

function effectOf(given: unknown): FaultEffect {
  if (typeof given === 'string' || typeof given === 'number') return { error: given }
  if (!isObject(given)) {
    throw new InvalidFault(
      'The effect is an object such as { delayMs: 100 }, or the name of an error code; ' +
        `this is ${shown(given)}`,
    )
  }
  refuseUnknown(given, EFFECT_FIELDS, 'An effect', MATCH_FIELDS)
  const effect = withoutUndefined(given as FaultEffect)
  for (const name of ['drop', 'silence', 'staleMetadata', 'coordinatorMoved'] as const) {
    if (effect[name] !== undefined && typeof effect[name] !== 'boolean') {
      wrong(name, effect[name], EFFECT_FIELDS[name])
    }
  }
  checkTimes(effect)
  const { truncate, corrupt, when } = effect
  if (truncate !== undefined && typeof truncate !== 'boolean' && !isWhole(truncate, 0)) {
    wrong('truncate', truncate, EFFECT_FIELDS.truncate)
  }
  if (corrupt !== undefined && !['records', 'body', 'correlationId', 'size'].includes(corrupt)) {
    wrong('corrupt', corrupt, EFFECT_FIELDS.corrupt)
  }
  if (when !== undefined && when !== 'before' && when !== 'after') wrong('when', when, EFFECT_FIELDS.when)
  checkTogether(effect)
  return effect
}

function checkTimes({ delayMs, throttleMs }: FaultEffect): void {
  if (throttleMs !== undefined && !isWhole(throttleMs, 1)) {
    wrong('throttleMs', throttleMs, `${EFFECT_FIELDS.throttleMs}, from 1 on`)
  }
  if (delayMs === undefined) return
  const [from, to, ...more] = Array.isArray(delayMs) ? (delayMs as unknown[]) : [delayMs, delayMs]
  const isTime = (value: unknown) => typeof value === 'number' && value >= 0 && Number.isFinite(value)
  if (!isTime(from) || !isTime(to) || more.length > 0) wrong('delayMs', delayMs, EFFECT_FIELDS.delayMs)
  if ((from as number) > (to as number)) {
    wrong('delayMs', delayMs, `${EFFECT_FIELDS.delayMs}, the shorter time first`)
  }
}

/** At most one end of the connection, and something that happens. */
function checkTogether(effect: FaultEffect): void {
  const { when, ...happens } = effect
  const named = Object.entries(happens).filter(([, value]) => value !== false)
  if (named.length === 0) {
    throw new InvalidFault(
      'The effect says nothing that happens: give one of ' +
        Object.keys(EFFECT_FIELDS).slice(0, -1).join(', '),
    )
  }
  const endings = (['drop', 'silence', 'truncate', 'corrupt'] as const).filter(
    name => effect[name] !== undefined && effect[name] !== false,
  )
  if (endings.length > 1) {
    throw new InvalidFault(
      `The effect has ${endings.join(' and ')}, of which only one can happen to a response`,
    )
  }
  if (effect.coordinatorMoved && effect.error !== undefined) {
    throw new InvalidFault('coordinatorMoved is an error of its own: leave out error')
  }
}

function errorCodeOf(error: string | number): ErrorCode {
  if (typeof error === 'number' || /^-?\d+$/.test(error)) {
    const code = Number(error)
    const isKnown = (Object.values(ErrorCode) as number[]).includes(code)
    if (isKnown && code !== ErrorCode.NONE) return code as ErrorCode
    throw new InvalidFault(
      code === 0
        ? 'error: 0 is NONE, which is no error'
        : `error: Kafka has no error code ${error}; the last is ${Math.max(...Object.values(ErrorCode))}`,
    )
  }
  const name = String(error).toUpperCase()
  if (name in ErrorCode && name !== 'NONE') return ErrorCode[name as keyof typeof ErrorCode]
  throw new InvalidFault(
    `error: there is no error code ${error}${hint(String(error), Object.keys(ErrorCode))}`,
  )
}

function apisOf(match: FaultMatch, effect: FaultEffect): ApiFields[] {
  const given = match.api === undefined ? undefined : [match.api].flat()
  if (given === undefined || given.length === 0) {
    const able = [...apis.values()]
      .map(fieldsOf)
      .filter(fields => whyNot(fields, match, effect) === undefined)
    if (able.length > 0) return able
    throw new InvalidFault('No API has all that this rule is about: name the API, to be told what it has not')
  }
  return given.map(name => {
    const api = apiOf(name)
    const problem = whyNot(fieldsOf(api), match, effect)
    if (problem) throw new InvalidFault(`${api.name} ${problem}`)
    return fieldsOf(api)
  })
}

function apiOf(name: unknown): Api {
  if (typeof name !== 'string') wrong('api', name, MATCH_FIELDS.api)
  const api = apiByName(String(name).replace(/Request$/i, ''))
  if (api) return api
  throw new InvalidFault(`api: there is no API ${String(name)}${hint(String(name), apiNames())}`)
}

/** Why a rule about this API makes no sense. */
function whyNot(fields: ApiFields, match: FaultMatch, effect: FaultEffect): string | undefined {
  if (match.topic !== undefined && !fields.hasTopics) return 'names no topics: leave out topic'
  if (match.partition !== undefined && !fields.hasPartitions)
    return 'names no partitions: leave out partition'
  if (match.group !== undefined && !fields.hasGroup) return 'names no group: leave out group'
  if (match.transactionalId !== undefined && !fields.hasTransactionalId) {
    return 'names no transactional id: leave out transactionalId'
  }
  if (effect.error !== undefined && !fields.hasError) {
    return 'has no error code that can be told: try drop, silence or delayMs'
  }
  if (effect.throttleMs !== undefined && !fields.hasThrottle) {
    return 'has no throttle time in its response: try delayMs'
  }
  if (effect.corrupt === 'records' && !fields.hasRecords) {
    return "has no records in its response: corrupt: 'body' strikes any response"
  }
  if (effect.staleMetadata && !fields.isDescribing) {
    return 'does not tell what topics there are: staleMetadata is for Metadata and DescribeTopicPartitions'
  }
  if (effect.coordinatorMoved && !fields.isCoordinated) {
    return 'goes to no coordinator: coordinatorMoved is for groups and transactions'
  }
  return undefined
}

function versionsOf(match: FaultMatch, chosen: readonly ApiFields[]): VersionRange | undefined {
  const { version } = match
  if (version === undefined) return undefined
  const text = String(version)
  let range: VersionRange | null
  try {
    range = parseVersions(text)
  } catch {
    range = null
  }
  if (!range || range.first > range.last) wrong('version', version, MATCH_FIELDS.version)
  // Where no API is named, those that have the version are meant.
  for (const { api } of match.api === undefined ? [] : chosen) {
    const { first, last } = api.request.versions
    if (range!.first > last || first > range!.last) {
      throw new InvalidFault(`version: ${api.name} has versions ${first} to ${last}, and no ${text}`)
    }
  }
  return range!
}

function refuseUnknown(
  given: object,
  fields: Readonly<Record<string, string>>,
  what: string,
  others: Readonly<Record<string, string>>,
): void {
  for (const name of Object.keys(given)) {
    if (name in fields) continue
    const elsewhere =
      name in others ? `; it belongs to the ${others === EFFECT_FIELDS ? 'effect' : 'rule'}` : ''
    throw new InvalidFault(`${what} has no field ${name}${elsewhere || hint(name, Object.keys(fields))}`)
  }
}

function checkNumbers(name: 'partition' | 'nth', value: unknown, least: number): void {
  if (value === undefined) return
  const all = [value].flat()
  if (all.length === 0 || !all.every(each => isWhole(each, least))) wrong(name, value, MATCH_FIELDS[name])
}

function isWhole(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least
}

function wrong(name: string, value: unknown, expected: string): never {
  throw new InvalidFault(`${name}: ${shown(value)} will not do; it is a ${expected}`)
}

function hint(given: string, names: readonly string[]): string {
  const byLowered = new Map(names.map(name => [name.toLowerCase().replaceAll('_', '.'), name]))
  const nearest = nearestName(given, byLowered.keys())
  if (nearest !== undefined) return `; did you mean ${byLowered.get(nearest)}?`
  const wanted = given.toLowerCase()
  const like = names.filter(name => name.toLowerCase().includes(wanted)).slice(0, 6)
  if (like.length > 0) return `; there are ${like.join(', ')}`
  return names.length <= 12 ? `; there are ${names.join(', ')}` : ''
}

function shown(value: unknown): string {
  return typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
}

/** The effect in words, for logs and traces. */
export function effectText(effect: FaultEffect, errorCode: ErrorCode | undefined): string {
  const words: string[] = []
  if (errorCode !== undefined) words.push(`error ${errorName(errorCode)}`)
  for (const [name, value] of Object.entries(effect)) {
    if (name === 'error' || name === 'when' || value === false) continue
    words.push(value === true ? name : `${name} ${[value].flat().join('-')}`)
  }
  return `${words.join(', ')}${effect.when === 'after' ? ' after the effect' : ''}`
}
