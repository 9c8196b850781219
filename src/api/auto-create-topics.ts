/** Topics that come into being because someone needs them (`auto.create.topics.enable`). */
import { ErrorCode } from '../../protocol/errors.ts'
import type { CreateTopic } from '../controller/create-topics.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import { topicNameProblem } from '../metadata/topic-names.ts'
import type { Context } from './context.ts'

/**
 * Creates what is missing and says why the others are not there. A created topic is durable and has its logs
 * before this resolves, so the reply that names it can be relied upon: no window in which clients see it half
 * made. Whoever loses a race for a name finds the winner's topic.
 */
export async function autoCreateTopics(
  names: readonly string[],
  { config, controller }: Pick<Context, 'config' | 'controller'>,
): Promise<ReadonlyMap<string, ErrorCode>> {
  const refusals = new Map<string, ErrorCode>(names.map(name => [name, missingTopicError(name)]))
  const topics = names.filter(name => !topicNameProblem(name)).map(name => topicToCreate(name, config))
  const results = topics.length > 0 ? await controller.createTopics(topics) : []
  for (const { name, result } of results) {
    if (result.error && result.error !== ErrorCode.TOPIC_ALREADY_EXISTS) refusals.set(name, result.error)
  }
  return refusals
}

/** Why a topic that does not exist is not there. */
export function missingTopicError(name: string): ErrorCode {
  return topicNameProblem(name) ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

/**
 * Coordinators' topics have partitions, replicas and settings of their own; the rest gets the broker's
 * defaults.
 */
function topicToCreate(name: string, config: BrokerConfig): CreateTopic {
  switch (name) {
    case '__consumer_offsets':
      return internalTopic(name, 'offsets.topic', config, {
        'cleanup.policy': 'compact',
        'compression.type': 'producer',
        'segment.bytes': String(config.number('offsets.topic.segment.bytes')),
      })
    case '__transaction_state':
      return internalTopic(name, 'transaction.state.log', config, {
        'cleanup.policy': 'compact',
        'compression.type': 'uncompressed',
        'min.insync.replicas': String(config.number('transaction.state.log.min.isr')),
        'segment.bytes': String(config.number('transaction.state.log.segment.bytes')),
        'unclean.leader.election.enable': 'false',
      })
    case '__share_group_state':
      return internalTopic(name, 'share.coordinator.state.topic', config, {
        'cleanup.policy': 'delete',
        'compression.type': 'producer',
        'min.insync.replicas': String(config.number('share.coordinator.state.topic.min.isr')),
        'retention.ms': '-1',
        'segment.bytes': String(config.number('share.coordinator.state.topic.segment.bytes')),
      })
    default:
      return { name, numPartitions: -1, replicationFactor: -1 }
  }
}

function internalTopic(
  name: string,
  prefix: string,
  config: BrokerConfig,
  settings: Readonly<Record<string, string>>,
): CreateTopic {
  return {
    name,
    numPartitions: config.number(`${prefix}.num.partitions`),
    replicationFactor: config.number(`${prefix}.replication.factor`),
    configs: Object.entries(settings).map(([option, value]) => ({ name: option, value })),
  }
}
