/**
 * What a start writes: a new cluster's first records, and this broker's registration. A broker that comes
 * back leads its partitions in a new epoch, as in Kafka, so that clients notice what an unclean stop may have
 * cost.
 */
import type { BrokerConfig } from '../metadata/broker-config.ts'
import { initialFeatures } from '../metadata/features.ts'
import {
  type BrokerRegistration,
  type ClusterImage,
  configKey,
  type ImageChanges,
  type TopicImage,
} from '../metadata/image.ts'
import type { Random } from '../platform/platform.ts'
import { randomUuid } from './create-topics.ts'

export interface NewCluster {
  readonly config: BrokerConfig
  readonly random: Random
  readonly clusterId: string | undefined
}

/**
 * Of a store that is empty. With eligible leader replicas, min.insync.replicas belongs to the cluster
 * (KIP-966).
 */
export function bootstrapChanges({ config, random, clusterId }: NewCluster): ImageChanges {
  const minInsyncReplicas = String(config.number('min.insync.replicas'))
  return {
    clusterId: clusterId ?? randomUuid(random),
    features: initialFeatures(config.list('klamm.format.features'), config.persona.finalizedFeatures),
    configs: [[configKey('broker', ''), new Map([['min.insync.replicas', minInsyncReplicas]])]],
    nextProducerId: 0n,
  }
}

export function registrationChanges(image: ClusterImage, config: BrokerConfig): ImageChanges {
  const { nodeId } = config
  const endpoints = config.listeners.map(({ name, port, advertised }) => ({
    listener: name,
    host: advertised?.host ?? '',
    port: advertised?.port ?? port,
  }))
  const registration: BrokerRegistration = {
    id: nodeId,
    epoch: (image.brokers.get(nodeId)?.epoch ?? 0n) + 1n,
    host: endpoints[0]?.host ?? '',
    port: endpoints[0]?.port ?? 0,
    rack: config.rack,
    endpoints,
  }
  const ledAgain = [...image.topics].flatMap(topic => {
    const next = inNewEpochs(topic, nodeId)
    return next === topic ? [] : [[topic.name, next] as const]
  })
  return { brokers: [[nodeId, registration]], topics: ledAgain }
}

function inNewEpochs(topic: TopicImage, nodeId: number): TopicImage {
  if (!topic.partitions.some(partition => isLedBy(partition, nodeId))) return topic
  return {
    ...topic,
    partitions: topic.partitions.map(partition =>
      isLedBy(partition, nodeId)
        ? {
            ...partition,
            leader: nodeId,
            leaderEpoch: partition.leaderEpoch + 1,
            partitionEpoch: partition.partitionEpoch + 1,
          }
        : partition,
    ),
  }
}

function isLedBy({ leader, isr }: TopicImage['partitions'][number], nodeId: number): boolean {
  return leader === nodeId || (leader === -1 && isr.includes(nodeId))
}
