/**
 * What a case of the conformance kit is: a short scripted conversation with a broker, under a sentence that
 * says what Kafka does. What is right is not in the script: it is what Apache Kafka 4.3.1 answered to the
 * same script (`src/conformance/cases/recorded`), entry by entry, with names instead of what a broker makes
 * up. So a case is admitted by recording it, and a failure can show what Kafka answers.
 *
 * A script creates all it needs under names that begin with the id that it is given, and leaves the broker's
 * own settings alone: the broker may be shared, and cases run side by side.
 */
import type { Entry, Side, Talk } from '../talk.ts'

/** The groups of the report, in its order. */
export const AREAS = [
  'framing',
  'api-versions',
  'metadata',
  'topics',
  'configs',
  'produce',
  'idempotence',
  'compression',
  'records',
  'fetch',
  'fetch-sessions',
  'list-offsets',
  'leader-epochs',
  'delete-records',
  'coordinators',
  'groups',
  'static-members',
  'consumer-groups',
  'offsets',
  'transactions',
  'security',
  'admin',
] as const
export type Area = (typeof AREAS)[number]

export interface Heading {
  readonly area: Area
  /** What Kafka does, as a sentence; unique in its area. */
  readonly name: string
  /** Where that is written: a KIP, a trap (`T051`), an issue of Kafka (`KAFKA-18659`), or the protocol. */
  readonly source: string
  /** The Kafka that began to behave so (`4.0`): with the persona of an older one the case does not apply. */
  readonly since?: string
  /** Runs with no other case beside it, such as what measures time or restarts nothing but must be first. */
  readonly alone?: boolean
  /** After this the case has failed; 20 seconds unless said. */
  readonly limitMs?: number
  /** Fields that brokers may fill as they like in this case, by name, at any depth. */
  readonly varies?: readonly string[]
}

/**
 * Which versions a script needs is seen as it runs: a call at a version that the broker does not advertise
 * (or the persona does not have) ends the case as not applicable.
 */
export interface Case extends Heading {
  /** Where what Kafka answers is written and not recorded. */
  readonly expected?: readonly Pick<Entry, 'said' | 'heard'>[]
  /** Begins to talk. `id` is the case's own, with the prefix of the run: begin every name with it. */
  hold(side: Side, id: string): Holding
}

export interface Holding {
  readonly talk: Talk
  /** Settles when the script has come to its end. */
  readonly script: Promise<void>
}

/**
 * Makes cases of scripts that need a certain kind of talk:
 *
 *     const scripted = casesWith((side, id) => new GroupTalk(side, id))
 *     export const GROUP_CASES: readonly Case[] = [
 *       scripted({ area: 'groups', name: 'A heartbeat …', source: 'T047' }, async talk => { … }),
 *     ]
 */
export function casesWith<T extends Talk>(begin: (side: Side, id: string) => T) {
  return (heading: Heading, script: (talk: T) => Promise<void>): Case => ({
    ...heading,
    hold: (side, id) => {
      const talk = begin(side, id)
      return { talk, script: script(talk) }
    },
  })
}

/** A name for topics, groups and transactional ids, the same in every run but for the prefix. */
export function idOf({ area, name }: Pick<Heading, 'area' | 'name'>): string {
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  const head = `${area}-${words}`.slice(0, 60).replace(/-$/, '')
  return `${head}-${checksum(name)}`
}

/** Names that begin alike differ in it (FNV-1a). */
function checksum(text: string): string {
  let sum = 0x811c_9dc5
  for (const byte of Buffer.from(text)) sum = Math.imul(sum ^ byte, 0x0100_0193) >>> 0
  return sum.toString(36)
}

/** A script needs what the broker does not serve. */
export class NotApplicable extends Error {}
