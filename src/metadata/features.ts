/**
 * Kafka's features: what the cluster as a whole is switched to, by levels. The image holds the finalized
 * levels; a feature that is not there is at level 0.
 */
import { type Check, sentence } from './option.ts'

export interface Feature {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
}

/** The ranges of levels that Kafka 4.3 can be switched to. */
export const SUPPORTED_FEATURES: readonly Feature[] = [
  { name: 'eligible.leader.replicas.version', minVersion: 0, maxVersion: 1 },
  { name: 'group.version', minVersion: 0, maxVersion: 1 },
  { name: 'kraft.version', minVersion: 0, maxVersion: 1 },
  { name: 'metadata.version', minVersion: 7, maxVersion: 30 },
  { name: 'share.version', minVersion: 0, maxVersion: 1 },
  { name: 'streams.version', minVersion: 0, maxVersion: 1 },
  { name: 'transaction.version', minVersion: 0, maxVersion: 2 },
]

/** The levels that Kafka 4.3 finalizes when it formats a new cluster. */
export const FINALIZED_FEATURES: readonly (readonly [string, number])[] = [
  ['eligible.leader.replicas.version', 1],
  ['group.version', 1],
  ['metadata.version', 30],
  ['share.version', 1],
  ['streams.version', 1],
  ['transaction.version', 2],
]

/** Levels other than the usual ones, as `name=level`: what `kafka-storage format --feature` takes. */
export const FEATURE_LEVELS: Check = {
  allowed: 'name=level, several with commas between them',
  refuse(value, name) {
    for (const entry of value as readonly string[]) {
      const [feature, level] = parseEntry(entry)
      const supported = SUPPORTED_FEATURES.find(({ name }) => name === feature)
      if (!supported) return sentence(name, entry, 'No such feature')
      const { minVersion, maxVersion } = supported
      if (!(level >= minVersion && level <= maxVersion)) {
        return sentence(name, entry, `Level must be between ${minVersion} and ${maxVersion}`)
      }
    }
    return undefined
  },
}

/** What a new cluster begins with: what was asked for, else the usual levels. */
export function initialFeatures(
  entries: readonly string[],
  usual: readonly (readonly [string, number])[],
): [string, number][] {
  const levels = new Map([...usual, ...featureLevels(entries)])
  return [...levels].filter(([, level]) => level > 0)
}

/** What `name=level` texts say. */
export function featureLevels(entries: readonly string[]): [string, number][] {
  return entries.map(parseEntry)
}

function parseEntry(entry: string): [string, number] {
  const match = /^\s*([^=\s]+)\s*=\s*(\d+)\s*$/.exec(entry)
  return match ? [match[1]!, Number(match[2])] : [entry, Number.NaN]
}
