/**
 * The image of a cluster as records of Apache Kafka's metadata log (KRaft), as Kafka's own snapshots hold
 * them: what a Kafka needs to know to serve the logs that lie beside it. The counterpart of kraft-image.ts.
 *
 * The records describe a node that was stopped: its registration is fenced, and its partitions have no
 * leader. Kafka then elects as it does after any restart, in epochs of its own. Of a node that was not
 * stopped in order the partitions keep their leader: Kafka takes such a node out of the ISR (KIP-966), and
 * then goes back to the last leader, which it has to know.
 */
import assert from 'node:assert'
import {
  ConfigRecord,
  FeatureLevelRecord,
  PartitionRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  TopicRecord,
  UserScramCredentialRecord,
} from '../../protocol/records/cluster-metadata.ts'
import { encodeMetadataRecord } from '../../protocol/records/framing.ts'
import type {
  ClusterImage,
  ConfigResourceType,
  PartitionImage,
  ScramCredential,
  TopicImage,
} from './image.ts'
import { SCRAM_MECHANISMS } from './kraft-image.ts'

export interface StoppedNode {
  readonly nodeId: number
  readonly isClean: boolean
  /** A clean stop wrote the same into `.kafka_cleanshutdown`. */
  readonly brokerEpoch: bigint
  readonly incarnationId: string
  readonly rack: string | null
  /** Of the log directories that it has. */
  readonly directoryIds: readonly string[]
  /** The directory that holds a partition. */
  readonly directoryOf: (topic: string, partition: number) => string
}

export interface KraftContents {
  readonly features: ReadonlyMap<string, number>
  readonly topics: Iterable<TopicImage>
  readonly configs: Iterable<ResourceConfigs>
  readonly nextProducerId: bigint
  /** By `scramKey`. */
  readonly scram: ReadonlyMap<string, ScramCredential>
}

export interface ResourceConfigs {
  readonly type: ConfigResourceType
  readonly name: string
  readonly values: ReadonlyMap<string, string>
}

/** Kafka's numbers. */
const RESOURCE_TYPES: Readonly<Record<ConfigResourceType, number>> = {
  topic: 2,
  broker: 4,
  'client-metrics': 16,
  group: 32,
}
export const METADATA_VERSION = 'metadata.version'
const ELR_VERSION = 'eligible.leader.replicas.version'
const NO_LEADER = -1

/** The configs of all resources that have some. */
export function configuredResources(image: ClusterImage): ResourceConfigs[] {
  return (Object.keys(RESOURCE_TYPES) as ConfigResourceType[]).flatMap(type =>
    image.configuredResources(type).map(name => ({ type, name, values: image.configs(type, name) })),
  )
}

/** In the order of Kafka's own snapshots: the version that says how to read the rest comes first. */
export function* kraftRecords(contents: KraftContents, node: StoppedNode): Generator<Buffer> {
  const { features, topics, configs, nextProducerId, scram } = contents
  const names = [...features.keys()].sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
  for (const name of names) {
    yield encodeMetadataRecord(FeatureLevelRecord, 0, { name, featureLevel: features.get(name)! })
  }
  yield registration(node, features)
  const hasElr = (features.get(ELR_VERSION) ?? 0) > 0
  for (const topic of topics) {
    yield encodeMetadataRecord(TopicRecord, 0, { name: topic.name, topicId: topic.id })
    for (const [partitionId, partition] of topic.partitions.entries()) {
      const directory = node.directoryOf(topic.name, partitionId)
      const leader = node.isClean ? NO_LEADER : node.nodeId
      yield partitionRecord(partition, { topicId: topic.id, partitionId, directory, hasElr, leader })
    }
  }
  for (const { type, name, values } of configs) {
    for (const [config, value] of values) {
      const resource = { resourceType: RESOURCE_TYPES[type], resourceName: name }
      yield encodeMetadataRecord(ConfigRecord, 0, { ...resource, name: config, value })
    }
  }
  for (const [key, credential] of scram) yield scramRecord(key, credential)
  if (nextProducerId === 0n) return
  const { nodeId: brokerId, brokerEpoch } = node
  yield encodeMetadataRecord(ProducerIdsRecord, 0, { brokerId, brokerEpoch, nextProducerId })
}

function scramRecord(key: string, { salt, iterations, storedKey, serverKey }: ScramCredential): Buffer {
  const [number] = [...SCRAM_MECHANISMS].find(([, name]) => key.startsWith(`${name}/`)) ?? []
  assert(number !== undefined, `${key} is of a mechanism that Kafka has`)
  const name = key.slice(key.indexOf('/') + 1)
  const values = { salt, storedKey, serverKey, iterations }
  return encodeMetadataRecord(UserScramCredentialRecord, 0, { name, mechanism: number, ...values })
}

function rankOf(feature: string): number {
  return feature === METADATA_VERSION ? 0 : 1
}

function registration(node: StoppedNode, features: ReadonlyMap<string, number>): Buffer {
  return encodeMetadataRecord(RegisterBrokerRecord, 3, {
    brokerId: node.nodeId,
    incarnationId: node.incarnationId,
    brokerEpoch: node.brokerEpoch,
    // Where it will be reached is for Kafka to say when it registers; a record without any is malformed.
    endPoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
    features: [...features].map(([name, level]) => ({
      name,
      minSupportedVersion: name === METADATA_VERSION ? level : 0,
      maxSupportedVersion: level,
    })),
    rack: node.rack,
    fenced: true,
    logDirs: [...node.directoryIds],
  })
}

interface PartitionPlace {
  readonly topicId: string
  readonly partitionId: number
  readonly directory: string
  readonly leader: number
  /** Eligible leader replicas are finalized; without them, Kafka wants the older form. */
  readonly hasElr: boolean
}

function partitionRecord(partition: PartitionImage, place: PartitionPlace): Buffer {
  const { replicas, isr, leaderEpoch, partitionEpoch, elr, lastKnownElr } = partition
  const { partitionId, topicId, directory, hasElr, leader } = place
  return encodeMetadataRecord(PartitionRecord, hasElr ? 2 : 1, {
    partitionId,
    topicId,
    replicas: [...replicas],
    isr: [...isr],
    removingReplicas: [],
    addingReplicas: [],
    leader,
    leaderEpoch,
    partitionEpoch,
    directories: replicas.map(() => directory),
    ...(hasElr && elr.length > 0 && { eligibleLeaderReplicas: [...elr] }),
    ...(hasElr && lastKnownElr.length > 0 && { lastKnownElr: [...lastKnownElr] }),
  })
}
