/**
 * One topic's effective settings as plain values: what was set for the topic, over the broker's defaults.
 * The same object as long as neither changes, so that whoever follows images can compare by identity.
 */
import type { BrokerConfig } from './broker-config.ts'
import { TOPIC_OPTIONS } from './configs.ts'
import type { ClusterImage, Configs } from './image.ts'
import { type OptionValue, parseText } from './option.ts'

export interface TopicConfig {
  readonly cleanupPolicy: readonly ('delete' | 'compact')[]
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** The level of the topic's codec; undefined for the library's own. */
  readonly compressionLevel: number | undefined
  readonly deleteRetentionMs: number
  readonly fileDeleteDelayMs: number
  readonly flushMessages: number
  readonly flushMs: number
  readonly indexIntervalBytes: number
  readonly maxCompactionLagMs: number
  readonly maxMessageBytes: number
  readonly messageTimestampAfterMaxMs: bigint
  readonly messageTimestampBeforeMaxMs: bigint
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  readonly minInsyncReplicas: number
  /** -1 for no bound, here and in retentionMs. */
  readonly retentionBytes: number
  readonly retentionMs: number
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  readonly segmentJitterMs: number
  readonly segmentMs: number
  readonly uncleanLeaderElectionEnable: boolean
}

/** The text of a topic option, wherever it comes from; null where nothing gives one. */
export function effectiveTopicText(set: Configs, config: BrokerConfig, name: string): string | null {
  return set.get(name) ?? config.topicDefault(name) ?? TOPIC_OPTIONS.get(name)?.defaultValue ?? null
}

export class TopicConfigs {
  private readonly config: BrokerConfig
  private revision: number
  private known = new WeakMap<Configs, TopicConfig>()

  constructor(config: BrokerConfig) {
    this.config = config
    this.revision = config.revision
  }

  of(image: ClusterImage, topic: string): TopicConfig {
    if (this.revision !== this.config.revision) {
      this.revision = this.config.revision
      this.known = new WeakMap()
    }
    const set = image.configs('topic', topic)
    let effective = this.known.get(set)
    if (!effective) {
      effective = effectiveTopicConfig(set, this.config)
      this.known.set(set, effective)
    }
    return effective
  }
}

export function effectiveTopicConfig(set: Configs, config: BrokerConfig): TopicConfig {
  const value = (name: string): OptionValue => {
    const text = effectiveTopicText(set, config, name)
    const parsed = text === null ? { value: null } : parseText(TOPIC_OPTIONS.get(name)!, text)
    return 'value' in parsed ? parsed.value : null
  }
  const number = (name: string) => Number(value(name))
  const compressionType = value('compression.type') as TopicConfig['compressionType']
  return {
    cleanupPolicy: [...new Set(value('cleanup.policy') as TopicConfig['cleanupPolicy'])],
    compressionType,
    compressionLevel: compressionLevel(compressionType, number),
    deleteRetentionMs: number('delete.retention.ms'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    indexIntervalBytes: number('index.interval.bytes'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    maxMessageBytes: number('max.message.bytes'),
    messageTimestampAfterMaxMs: value('message.timestamp.after.max.ms') as bigint,
    messageTimestampBeforeMaxMs: value('message.timestamp.before.max.ms') as bigint,
    messageTimestampType: value('message.timestamp.type') as TopicConfig['messageTimestampType'],
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    minInsyncReplicas: number('min.insync.replicas'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    segmentBytes: Number(value('internal.segment.bytes') ?? value('segment.bytes')),
    segmentIndexBytes: number('segment.index.bytes'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentMs: number('segment.ms'),
    uncleanLeaderElectionEnable: value('unclean.leader.election.enable') === true,
  }
}

function compressionLevel(
  type: TopicConfig['compressionType'],
  number: (name: string) => number,
): number | undefined {
  if (type === 'lz4' || type === 'zstd') return number(`compression.${type}.level`)
  const level = type === 'gzip' ? number('compression.gzip.level') : -1
  return level === -1 ? undefined : level
}
