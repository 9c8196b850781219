/**
 * Records of the KRaft log __cluster_metadata; framing.ts tells what stands before each. Needed to read a
 * data directory that Kafka wrote.
 */
import {
  array,
  at,
  bool,
  bytes,
  defaulted,
  float64,
  int8,
  int16,
  int32,
  int64,
  type Message,
  message,
  nullable,
  string,
  tagged,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const RegisterBrokerRecord = message('RegisterBrokerRecord', 0, '0-4', '0+', {
  brokerId: int32,
  isMigratingZkBroker: at('2+', bool, false),
  incarnationId: uuid,
  brokerEpoch: int64,
  endPoints: array({
    name: string,
    host: string,
    port: uint16,
    securityProtocol: int16,
  }),
  features: array({
    name: string,
    minSupportedVersion: int16,
    maxSupportedVersion: int16,
  }),
  rack: nullable(string),
  fenced: defaulted(bool, true),
  inControlledShutdown: at('1+', bool, false),
  logDirs: tagged(0, '3+', array(uuid)),
  cordonedLogDirs: tagged(1, '4+', nullable(array(uuid))),
})
export type RegisterBrokerRecord = ValueOf<typeof RegisterBrokerRecord.fields>

export const UnregisterBrokerRecord = message('UnregisterBrokerRecord', 1, '0', '0+', {
  brokerId: int32,
  brokerEpoch: int64,
})
export type UnregisterBrokerRecord = ValueOf<typeof UnregisterBrokerRecord.fields>

export const TopicRecord = message('TopicRecord', 2, '0', '0+', {
  name: string,
  topicId: uuid,
})
export type TopicRecord = ValueOf<typeof TopicRecord.fields>

export const PartitionRecord = message('PartitionRecord', 3, '0-2', '0+', {
  partitionId: defaulted(int32, -1),
  topicId: uuid,
  replicas: array(int32),
  isr: array(int32),
  removingReplicas: array(int32),
  addingReplicas: array(int32),
  leader: defaulted(int32, -1),
  leaderRecoveryState: tagged(0, '0+', int8),
  leaderEpoch: defaulted(int32, -1),
  partitionEpoch: defaulted(int32, -1),
  directories: at('1+', array(uuid)),
  eligibleLeaderReplicas: tagged(1, '2+', nullable(array(int32))),
  lastKnownElr: tagged(2, '2+', nullable(array(int32))),
})
export type PartitionRecord = ValueOf<typeof PartitionRecord.fields>

export const ConfigRecord = message('ConfigRecord', 4, '0', '0+', {
  resourceType: int8,
  resourceName: string,
  name: string,
  value: nullable(string),
})
export type ConfigRecord = ValueOf<typeof ConfigRecord.fields>

export const PartitionChangeRecord = message('PartitionChangeRecord', 5, '0-2', '0+', {
  partitionId: defaulted(int32, -1),
  topicId: uuid,
  isr: tagged(0, '0+', nullable(array(int32))),
  leader: tagged(1, '0+', int32, -2),
  replicas: tagged(2, '0+', nullable(array(int32))),
  removingReplicas: tagged(3, '0+', nullable(array(int32))),
  addingReplicas: tagged(4, '0+', nullable(array(int32))),
  leaderRecoveryState: tagged(5, '0+', int8, -1),
  directories: tagged(8, '1+', nullable(array(uuid))),
  eligibleLeaderReplicas: tagged(6, '2+', nullable(array(int32))),
  lastKnownElr: tagged(7, '2+', nullable(array(int32))),
})
export type PartitionChangeRecord = ValueOf<typeof PartitionChangeRecord.fields>

export const FenceBrokerRecord = message('FenceBrokerRecord', 7, '0', '0+', {
  id: int32,
  epoch: int64,
})
export type FenceBrokerRecord = ValueOf<typeof FenceBrokerRecord.fields>

export const UnfenceBrokerRecord = message('UnfenceBrokerRecord', 8, '0', '0+', {
  id: int32,
  epoch: int64,
})
export type UnfenceBrokerRecord = ValueOf<typeof UnfenceBrokerRecord.fields>

export const RemoveTopicRecord = message('RemoveTopicRecord', 9, '0', '0+', {
  topicId: uuid,
})
export type RemoveTopicRecord = ValueOf<typeof RemoveTopicRecord.fields>

export const DelegationTokenRecord = message('DelegationTokenRecord', 10, '0', '0+', {
  owner: string,
  requester: string,
  renewers: array(string),
  issueTimestamp: int64,
  maxTimestamp: int64,
  expirationTimestamp: int64,
  tokenId: string,
})
export type DelegationTokenRecord = ValueOf<typeof DelegationTokenRecord.fields>

export const UserScramCredentialRecord = message('UserScramCredentialRecord', 11, '0', '0+', {
  name: string,
  mechanism: int8,
  salt: bytes,
  storedKey: bytes,
  serverKey: bytes,
  iterations: int32,
})
export type UserScramCredentialRecord = ValueOf<typeof UserScramCredentialRecord.fields>

export const FeatureLevelRecord = message('FeatureLevelRecord', 12, '0', '0+', {
  name: string,
  featureLevel: int16,
})
export type FeatureLevelRecord = ValueOf<typeof FeatureLevelRecord.fields>

export const ClientQuotaRecord = message('ClientQuotaRecord', 14, '0', '0+', {
  entity: array({
    entityType: string,
    entityName: nullable(string),
  }),
  key: string,
  value: float64,
  remove: bool,
})
export type ClientQuotaRecord = ValueOf<typeof ClientQuotaRecord.fields>

export const ProducerIdsRecord = message('ProducerIdsRecord', 15, '0', '0+', {
  brokerId: int32,
  brokerEpoch: defaulted(int64, -1n),
  nextProducerId: int64,
})
export type ProducerIdsRecord = ValueOf<typeof ProducerIdsRecord.fields>

export const BrokerRegistrationChangeRecord = message('BrokerRegistrationChangeRecord', 17, '0-3', '0+', {
  brokerId: int32,
  brokerEpoch: int64,
  fenced: tagged(0, '0+', int8),
  inControlledShutdown: tagged(1, '1+', int8),
  logDirs: tagged(2, '2+', array(uuid)),
  cordonedLogDirs: tagged(3, '3+', nullable(array(uuid))),
})
export type BrokerRegistrationChangeRecord = ValueOf<typeof BrokerRegistrationChangeRecord.fields>

export const AccessControlEntryRecord = message('AccessControlEntryRecord', 18, '0', '0+', {
  id: uuid,
  resourceType: int8,
  resourceName: string,
  patternType: int8,
  principal: string,
  host: string,
  operation: int8,
  permissionType: int8,
})
export type AccessControlEntryRecord = ValueOf<typeof AccessControlEntryRecord.fields>

export const RemoveAccessControlEntryRecord = message('RemoveAccessControlEntryRecord', 19, '0', '0+', {
  id: uuid,
})
export type RemoveAccessControlEntryRecord = ValueOf<typeof RemoveAccessControlEntryRecord.fields>

export const NoOpRecord = message('NoOpRecord', 20, '0', '0+', {})
export type NoOpRecord = ValueOf<typeof NoOpRecord.fields>

export const ZkMigrationStateRecord = message('ZkMigrationStateRecord', 21, '0', '0+', {
  zkMigrationState: int8,
})
export type ZkMigrationStateRecord = ValueOf<typeof ZkMigrationStateRecord.fields>

export const RemoveUserScramCredentialRecord = message('RemoveUserScramCredentialRecord', 22, '0', '0+', {
  name: string,
  mechanism: int8,
})
export type RemoveUserScramCredentialRecord = ValueOf<typeof RemoveUserScramCredentialRecord.fields>

export const BeginTransactionRecord = message('BeginTransactionRecord', 23, '0', '0+', {
  name: tagged(0, '0+', nullable(string)),
})
export type BeginTransactionRecord = ValueOf<typeof BeginTransactionRecord.fields>

export const EndTransactionRecord = message('EndTransactionRecord', 24, '0', '0+', {})
export type EndTransactionRecord = ValueOf<typeof EndTransactionRecord.fields>

export const AbortTransactionRecord = message('AbortTransactionRecord', 25, '0', '0+', {
  reason: tagged(0, '0+', nullable(string)),
})
export type AbortTransactionRecord = ValueOf<typeof AbortTransactionRecord.fields>

export const RemoveDelegationTokenRecord = message('RemoveDelegationTokenRecord', 26, '0', '0+', {
  tokenId: string,
})
export type RemoveDelegationTokenRecord = ValueOf<typeof RemoveDelegationTokenRecord.fields>

export const RegisterControllerRecord = message('RegisterControllerRecord', 27, '0', '0+', {
  controllerId: int32,
  incarnationId: uuid,
  zkMigrationReady: bool,
  endPoints: array({
    name: string,
    host: string,
    port: uint16,
    securityProtocol: int16,
  }),
  features: array({
    name: string,
    minSupportedVersion: int16,
    maxSupportedVersion: int16,
  }),
})
export type RegisterControllerRecord = ValueOf<typeof RegisterControllerRecord.fields>

export const ClearElrRecord = message('ClearElrRecord', 28, '0', '0+', {
  topicName: string,
})
export type ClearElrRecord = ValueOf<typeof ClearElrRecord.fields>

export const UnregisterControllerRecord = message('UnregisterControllerRecord', 29, '0', '0+', {
  controllerId: int32,
})
export type UnregisterControllerRecord = ValueOf<typeof UnregisterControllerRecord.fields>

/** Every record of the KRaft log by its type; read with `decodeMetadataRecord`. */
export const metadataRecords: ReadonlyMap<number, Message> = byType(
  RegisterBrokerRecord,
  UnregisterBrokerRecord,
  TopicRecord,
  PartitionRecord,
  ConfigRecord,
  PartitionChangeRecord,
  FenceBrokerRecord,
  UnfenceBrokerRecord,
  RemoveTopicRecord,
  DelegationTokenRecord,
  UserScramCredentialRecord,
  FeatureLevelRecord,
  ClientQuotaRecord,
  ProducerIdsRecord,
  BrokerRegistrationChangeRecord,
  AccessControlEntryRecord,
  RemoveAccessControlEntryRecord,
  NoOpRecord,
  ZkMigrationStateRecord,
  RemoveUserScramCredentialRecord,
  BeginTransactionRecord,
  EndTransactionRecord,
  AbortTransactionRecord,
  RemoveDelegationTokenRecord,
  RegisterControllerRecord,
  ClearElrRecord,
  UnregisterControllerRecord,
)

function byType(...definitions: readonly Message[]): ReadonlyMap<number, Message> {
  return new Map(definitions.map(definition => [definition.apiKey, definition]))
}
