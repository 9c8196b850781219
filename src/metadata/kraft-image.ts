/**
 * The metadata of an Apache Kafka cluster as the records of its metadata log make it up. Records of a
 * transaction count when it ends, and not at all when it is aborted or when the log ends first (KIP-868).
 */
import assert from 'node:assert'
import {
  AbortTransactionRecord,
  AccessControlEntryRecord,
  BeginTransactionRecord,
  ClientQuotaRecord,
  ConfigRecord,
  DelegationTokenRecord,
  EndTransactionRecord,
  FeatureLevelRecord,
  PartitionChangeRecord,
  PartitionRecord,
  ProducerIdsRecord,
  RegisterBrokerRecord,
  RemoveAccessControlEntryRecord,
  RemoveDelegationTokenRecord,
  RemoveTopicRecord,
  RemoveUserScramCredentialRecord,
  TopicRecord,
  UnregisterBrokerRecord,
  UserScramCredentialRecord,
} from '../../protocol/records/cluster-metadata.ts'
import { isRecordOf, type MetadataRecord } from '../../protocol/records/framing.ts'
import type { Fields, Message, ValueOf } from '../../protocol/schema.ts'
import {
  type ConfigResourceType,
  configKey,
  type PartitionImage,
  type ScramCredential,
  scramKey,
} from './image.ts'
import { UnreadableMetadata } from './kraft-log.ts'

export interface KraftTopic {
  readonly name: string
  readonly id: string
  readonly partitions: Map<number, PartitionImage>
}

export interface KraftConfigs {
  readonly type: ConfigResourceType
  readonly name: string
  readonly values: Map<string, string>
}

/** Kafka's numbers; the levels of its loggers (8) are never stored. */
const RESOURCE_TYPES: ReadonlyMap<number, ConfigResourceType> = new Map([
  [2, 'topic'],
  [4, 'broker'],
  [16, 'client-metrics'],
  [32, 'group'],
])
/** Kafka's numbers. */
export const SCRAM_MECHANISMS: ReadonlyMap<number, string> = new Map([
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
])
const NO_LEADER_CHANGE = -2

function scramMechanism(number: number): string {
  const mechanism = SCRAM_MECHANISMS.get(number)
  if (mechanism === undefined) {
    throw new UnreadableMetadata(
      `The metadata log has a SCRAM credential of an unknown mechanism, ${number}.`,
    )
  }
  return mechanism
}

export class KraftImage {
  /** By id. */
  readonly topics = new Map<string, KraftTopic>()
  /** By `configKey`. */
  readonly configs = new Map<string, KraftConfigs>()
  readonly features = new Map<string, number>()
  /** Epochs of the brokers that are registered, by id. */
  readonly brokers = new Map<number, bigint>()
  /** The first that no broker has been given in a block. */
  nextProducerId = 0n
  /** By `scramKey`. */
  readonly scramCredentials = new Map<string, ScramCredential>()
  /** What Klamm has no place for yet: each by what identifies it. */
  readonly acls = new Set<string>()
  readonly delegationTokens = new Set<string>()
  readonly quotas = new Set<string>()
  private transaction: MetadataRecord[] | undefined

  /** The log ended before this transaction did. */
  get hasOpenTransaction(): boolean {
    return this.transaction !== undefined
  }

  apply(record: MetadataRecord): void {
    const { transaction } = this
    if (isRecordOf(record, BeginTransactionRecord)) {
      if (transaction) throw new UnreadableMetadata('A metadata transaction begins inside another.')
      this.transaction = []
    } else if (isRecordOf(record, EndTransactionRecord) || isRecordOf(record, AbortTransactionRecord)) {
      if (!transaction) throw new UnreadableMetadata('A metadata transaction ends that has not begun.')
      this.transaction = undefined
      if (isRecordOf(record, EndTransactionRecord)) for (const each of transaction) this.replay(each)
    } else if (transaction) {
      transaction.push(record)
    } else {
      this.replay(record)
    }
  }

  /** What is not named here says nothing about what is stored: liveness of brokers, controllers, no-ops. */
  private replay(record: MetadataRecord): void {
    REPLAYS.get(record.definition)?.(this, record.value)
  }

  topic(id: string, what: string): KraftTopic {
    const topic = this.topics.get(id)
    if (!topic)
      throw new UnreadableMetadata(`The metadata log has ${what} of topic ${id}, which is not there.`)
    return topic
  }

  setConfig({ resourceType, resourceName, name, value }: ConfigRecord): void {
    const type = RESOURCE_TYPES.get(resourceType)
    if (!type)
      throw new UnreadableMetadata(`The metadata log has configs of a resource of type ${resourceType}.`)
    const key = configKey(type, resourceName)
    const configs = this.configs.get(key) ?? { type, name: resourceName, values: new Map<string, string>() }
    if (value === null) configs.values.delete(name)
    else configs.values.set(name, value)
    if (configs.values.size > 0) this.configs.set(key, configs)
    else this.configs.delete(key)
  }
}

type Replay = (image: KraftImage, value: ValueOf<Fields>) => void
const REPLAYS = new Map<Message, Replay>()

function on<F extends Fields>(
  definition: Message<F>,
  replay: (image: KraftImage, value: ValueOf<F>) => void,
) {
  assert(!REPLAYS.has(definition as Message), `${definition.name} is replayed in one way`)
  REPLAYS.set(definition as Message, replay as unknown as Replay)
}

on(TopicRecord, ({ topics }, { name, topicId }) => {
  topics.set(topicId, { name, id: topicId, partitions: new Map() })
})
on(RemoveTopicRecord, (image, { topicId }) => {
  const { name } = image.topic(topicId, 'the removal')
  image.topics.delete(topicId)
  image.configs.delete(configKey('topic', name))
})
on(PartitionRecord, (image, record) => {
  image.topic(record.topicId, 'a partition').partitions.set(record.partitionId, {
    leader: record.leader,
    leaderEpoch: record.leaderEpoch,
    partitionEpoch: record.partitionEpoch,
    replicas: record.replicas,
    isr: record.isr,
    directories: record.directories,
    elr: record.eligibleLeaderReplicas ?? [],
    lastKnownElr: record.lastKnownElr ?? [],
  })
})
on(PartitionChangeRecord, (image, record) => {
  const { name, partitions } = image.topic(record.topicId, 'a change of a partition')
  const before = partitions.get(record.partitionId)
  if (!before) {
    throw new UnreadableMetadata(
      `The metadata log changes partition ${record.partitionId} of ${name}, a new one.`,
    )
  }
  const isLed = record.leader !== NO_LEADER_CHANGE
  partitions.set(record.partitionId, {
    leader: isLed ? record.leader : before.leader,
    // Kafka counts an epoch for each leader that is named, were it the same, and for none.
    leaderEpoch: before.leaderEpoch + (isLed ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
    replicas: record.replicas ?? before.replicas,
    isr: record.isr ?? before.isr,
    directories: record.directories ?? before.directories,
    elr: record.eligibleLeaderReplicas ?? before.elr,
    lastKnownElr: record.lastKnownElr ?? before.lastKnownElr,
  })
})
on(ConfigRecord, (image, record) => image.setConfig(record))
on(FeatureLevelRecord, ({ features }, { name, featureLevel }) => {
  if (featureLevel === 0) features.delete(name)
  else features.set(name, featureLevel)
})
on(ProducerIdsRecord, (image, { nextProducerId }) => {
  if (nextProducerId > image.nextProducerId) image.nextProducerId = nextProducerId
})
on(RegisterBrokerRecord, ({ brokers }, { brokerId, brokerEpoch }) => brokers.set(brokerId, brokerEpoch))
on(UnregisterBrokerRecord, ({ brokers }, { brokerId }) => brokers.delete(brokerId))

on(AccessControlEntryRecord, ({ acls }, { id }) => acls.add(id))
on(RemoveAccessControlEntryRecord, ({ acls }, { id }) => acls.delete(id))
on(UserScramCredentialRecord, ({ scramCredentials }, record) => {
  const { name, mechanism, salt, iterations, storedKey, serverKey } = record
  const [saltCopy, storedCopy, serverCopy] = [salt, storedKey, serverKey].map(bytes => Buffer.from(bytes))
  const credential = { salt: saltCopy!, iterations, storedKey: storedCopy!, serverKey: serverCopy! }
  scramCredentials.set(scramKey(scramMechanism(mechanism), name), credential)
})
on(RemoveUserScramCredentialRecord, ({ scramCredentials }, { name, mechanism }) =>
  scramCredentials.delete(scramKey(scramMechanism(mechanism), name)),
)
on(ClientQuotaRecord, ({ quotas }, { entity, key, remove }) => {
  const id = JSON.stringify([key, ...entity.map(it => [it.entityType, it.entityName])])
  if (remove) quotas.delete(id)
  else quotas.add(id)
})
on(DelegationTokenRecord, ({ delegationTokens }, { tokenId }) => delegationTokens.add(tokenId))
on(RemoveDelegationTokenRecord, ({ delegationTokens }, { tokenId }) => delegationTokens.delete(tokenId))
