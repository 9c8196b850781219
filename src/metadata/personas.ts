/**
 * Personas: which Kafka a broker passes for. Each says what that Kafka's ApiVersions says (versions by API,
 * feature levels that it supports and those of a new cluster), as recorded from the Kafka itself; without
 * one, whatever Klamm has is served. Nothing else of a Kafka is imitated.
 */
import { type Feature, FINALIZED_FEATURES, SUPPORTED_FEATURES } from './features.ts'
import { API_VERSIONS, FEATURES } from './persona-table.ts'

export const PERSONA_NAMES = ['2.8', '3.3', '3.9', '4.0', '4.3', '4.4'] as const

/** No persona: from the oldest versions that there are definitions of to the newest. */
export const WIDE = 'wide'

export type PersonaName = (typeof PERSONA_NAMES)[number] | typeof WIDE

export interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

export interface PersonaApi {
  readonly advertised: VersionRange
  readonly served: VersionRange
}

export interface Persona {
  readonly name: PersonaName
  /** By API key; APIs that are not in it do not exist. Undefined: no limits but Klamm's own. */
  readonly apis: ReadonlyMap<number, PersonaApi> | undefined
  readonly supportedFeatures: readonly Feature[]
  /** The levels of a new cluster. */
  readonly finalizedFeatures: readonly (readonly [string, number])[]
}

const WIDEST: Persona = {
  name: WIDE,
  apis: undefined,
  supportedFeatures: SUPPORTED_FEATURES,
  finalizedFeatures: FINALIZED_FEATURES,
}

/** Kafka 4 tells of Produce from version 0 on, for librdkafka's sake, and serves it from 3 (KAFKA-18659). */
const PRODUCE = 0
const PRODUCE_SERVED_FROM = 3

/** The name has passed the check of `klamm.persona`. */
export function personaNamed(name: string): Persona {
  const column = PERSONA_NAMES.indexOf(name as never)
  return column < 0 ? WIDEST : personaOfColumn(column)
}

export function supportedFeature({ supportedFeatures }: Persona, name: string): Feature | undefined {
  return supportedFeatures.find(feature => feature.name === name)
}

/**
 * Why a cluster that is at these levels cannot be served by this persona: its Kafka would not start either.
 */
export function featureProblem(
  persona: Persona,
  levels: Iterable<readonly [string, number]>,
): string | undefined {
  if (persona.name === WIDE) return undefined
  for (const [name, level] of levels) {
    const highest = supportedFeature(persona, name)?.maxVersion ?? 0
    if (level > highest) {
      const limit = highest === 0 ? `does not know ${name}` : `goes to ${name} ${highest}`
      return `${name} is at ${level}, and Kafka ${persona.name} ${limit}`
    }
  }
  return undefined
}

function personaOfColumn(column: number): Persona {
  const features = rows(FEATURES).flatMap(([name, ...cells]) => {
    const cell = /^(\d+)-(\d+)(?:=(\d+))?$/.exec(cells[column]!)
    if (!cell) return []
    const [minVersion = 0, maxVersion = 0, level = 0] = cell.slice(1).map(text => Number(text ?? 0))
    return [{ name: name!, minVersion, maxVersion, level }]
  })
  const apis = rows(API_VERSIONS).flatMap(([apiKey, _, ...cells]) => {
    const cell = /^(\d+)-(\d+)$/.exec(cells[column]!)
    if (!cell) return []
    const key = Number(apiKey)
    const advertised = { minVersion: Number(cell[1]), maxVersion: Number(cell[2]) }
    return [[key, { advertised, served: servedRange(key, advertised, column) }] as const]
  })
  return {
    name: PERSONA_NAMES[column]!,
    apis: new Map(apis),
    supportedFeatures: features.map(({ name, minVersion, maxVersion }) => ({ name, minVersion, maxVersion })),
    finalizedFeatures: features.filter(({ level }) => level > 0).map(({ name, level }) => [name, level]),
  }
}

function servedRange(apiKey: number, advertised: VersionRange, column: number): VersionRange {
  const isNarrower = apiKey === PRODUCE && column >= PERSONA_NAMES.indexOf('4.0')
  return isNarrower ? { ...advertised, minVersion: PRODUCE_SERVED_FROM } : advertised
}

function rows(table: string): string[][] {
  return table
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/))
}
