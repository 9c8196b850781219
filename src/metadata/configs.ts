/**
 * The one table of options: broker, topic, group and client metrics, under Kafka's own names, with the ways
 * in which they stand for each other. Everything that knows an option's name asks here.
 */
import { BROKER_ABSENT_CONFIGS } from './broker-absent-configs.ts'
import { BROKER_GROUP_CONFIGS } from './broker-group-configs.ts'
import { BROKER_LOG_CONFIGS } from './broker-log-configs.ts'
import { BROKER_SECURITY_CONFIGS } from './broker-security-configs.ts'
import { BROKER_SERVER_CONFIGS } from './broker-server-configs.ts'
import { CLIENT_METRICS_CONFIGS } from './client-metrics-configs.ts'
import { GROUP_CONFIGS } from './group-configs.ts'
import type { ConfigResourceType } from './image.ts'
import { KLAMM_CONFIGS } from './klamm-configs.ts'
import { atLeast, LONG_MAX, long, type Option } from './option.ts'
import { TOPIC_CONFIGS } from './topic-configs.ts'

export type OptionTable = ReadonlyMap<string, Option>

/** In alphabetical order, Klamm's own among Kafka's. */
export const BROKER_OPTIONS: OptionTable = table([
  ...BROKER_LOG_CONFIGS,
  ...BROKER_SERVER_CONFIGS,
  ...BROKER_GROUP_CONFIGS,
  ...BROKER_SECURITY_CONFIGS,
  ...BROKER_ABSENT_CONFIGS,
  ...KLAMM_CONFIGS,
])
export const TOPIC_OPTIONS: OptionTable = table(TOPIC_CONFIGS)
export const GROUP_OPTIONS: OptionTable = table(GROUP_CONFIGS)
export const CLIENT_METRICS_OPTIONS: OptionTable = table(CLIENT_METRICS_CONFIGS)

export const MOVE_RATE = 'replica.alter.log.dirs.io.max.bytes.per.second'

/** Broker options that exist only as dynamic ones: never in a file, listed only where they are set. */
export const DYNAMIC_BROKER_OPTIONS: OptionTable = table(
  (
    [
      [
        'leader.replication.throttled.rate',
        'Bytes a second that a leader sends to throttled replicas.',
        'later',
      ],
      ['follower.replication.throttled.rate', 'Bytes a second that throttled replicas fetch.', 'later'],
      [MOVE_RATE, 'Bytes a second of moves between log directories, all together.', 'now'],
    ] as const
  ).map(([name, doc, effect]) =>
    long(name, LONG_MAX, doc, { check: atLeast(0), effect, update: 'per-broker' }),
  ),
)

export function optionsOf(type: ConfigResourceType): OptionTable {
  switch (type) {
    case 'topic':
      return TOPIC_OPTIONS
    case 'broker':
      return BROKER_OPTIONS
    case 'group':
      return GROUP_OPTIONS
    case 'client-metrics':
      return CLIENT_METRICS_OPTIONS
  }
}

/** A broker option that gives a topic option its default, in its own unit. */
export interface Synonym {
  readonly name: string
  /** How many of the topic option's units one of this option's is. */
  readonly factor: number
}

const HOUR = 3_600_000
const MINUTE = 60_000

/** The first that is given wins. */
export const TOPIC_SYNONYMS: ReadonlyMap<string, readonly Synonym[]> = new Map(
  Object.entries({
    'cleanup.policy': 'log.cleanup.policy',
    'compression.gzip.level': 'compression.gzip.level',
    'compression.lz4.level': 'compression.lz4.level',
    'compression.type': 'compression.type',
    'compression.zstd.level': 'compression.zstd.level',
    'delete.retention.ms': 'log.cleaner.delete.retention.ms',
    'file.delete.delay.ms': 'log.segment.delete.delay.ms',
    'flush.messages': 'log.flush.interval.messages',
    'flush.ms': ['log.flush.interval.ms', ['log.flush.scheduler.interval.ms', 1]],
    'index.interval.bytes': 'log.index.interval.bytes',
    'local.retention.bytes': 'log.local.retention.bytes',
    'local.retention.ms': 'log.local.retention.ms',
    'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
    'max.message.bytes': 'message.max.bytes',
    'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
    'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
    'message.timestamp.type': 'log.message.timestamp.type',
    'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
    'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
    'min.insync.replicas': 'min.insync.replicas',
    preallocate: 'log.preallocate',
    'retention.bytes': 'log.retention.bytes',
    'retention.ms': ['log.retention.ms', ['log.retention.minutes', MINUTE], ['log.retention.hours', HOUR]],
    'segment.bytes': 'log.segment.bytes',
    'segment.index.bytes': 'log.index.size.max.bytes',
    'segment.jitter.ms': ['log.roll.jitter.ms', ['log.roll.jitter.hours', HOUR]],
    'segment.ms': ['log.roll.ms', ['log.roll.hours', HOUR]],
    'unclean.leader.election.enable': 'unclean.leader.election.enable',
  } satisfies Record<string, string | readonly [string, ...(readonly [string, number])[]]>).map(
    ([name, synonyms]) => [name, synonymsOf(synonyms)],
  ),
)

function synonymsOf(written: string | readonly (string | readonly [string, number])[]): readonly Synonym[] {
  const entries = typeof written === 'string' ? [written] : written
  return entries.map(entry =>
    typeof entry === 'string' ? { name: entry, factor: 1 } : { name: entry[0], factor: entry[1] },
  )
}

/** The broker option that a group option follows while it is not set. */
export function groupSynonym(name: string): string | undefined {
  const broker = `group.${name}`
  return BROKER_OPTIONS.has(broker) ? broker : undefined
}

/** A broker option and those that stand in for it, in the order in which they win. */
export function brokerSynonyms(name: string): readonly string[] {
  return ALTERNATIVES.get(name) ?? [name]
}

const ALTERNATIVES: ReadonlyMap<string, readonly string[]> = new Map(
  [...TOPIC_SYNONYMS.values()]
    .map(synonyms => synonyms.map(({ name }) => name))
    .filter(names => names.length > 1)
    .map(names => [names[0]!, names]),
)

/**
 * The option behind a broker option's name, which may carry a listener's prefix
 * (`listener.name.internal.ssl.keystore.location`).
 */
export function brokerOption(name: string): Option | undefined {
  return (
    BROKER_OPTIONS.get(name) ?? BROKER_OPTIONS.get(withoutListener(name)) ?? DYNAMIC_BROKER_OPTIONS.get(name)
  )
}

/** `listener.name.x.` goes, and so does a SASL mechanism before what it may have of its own. */
export function withoutListener(name: string): string {
  const prefixed = /^listener\.name\.[^.]+\.(.+)$/.exec(name)
  return prefixed ? prefixed[1]!.replace(/^[a-z0-9-]+\.(?=sasl\.|connections\.max\.reauth)/, '') : name
}

/** The known name most like a wrong one, where one is like enough to be meant. */
export function nearestName(wrong: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.max(2, Math.floor(wrong.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(wrong.toLowerCase().replaceAll('_', '.'), name, least)
    if (distance < least) {
      least = distance
      nearest = name
    }
  }
  return nearest
}

/** Levenshtein's, given up on where it cannot be less than `bound`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

function table(options: readonly Option[]): OptionTable {
  const sorted = [...options].sort((a, b) => (a.name < b.name ? -1 : 1))
  return new Map(sorted.map(option => [option.name, option]))
}
