/**
 * Records in __consumer_offsets: committed offsets and classic groups; the table at the end has all groups'
 * records.
 */
import {
  array,
  at,
  bytes,
  int32,
  int64,
  message,
  nullable,
  string,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from './consumer-group.ts'
import { type RecordTable, recordTable } from './framing.ts'
import {
  ShareGroupCurrentMemberAssignmentKey,
  ShareGroupCurrentMemberAssignmentValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  ShareGroupTargetAssignmentMemberKey,
  ShareGroupTargetAssignmentMemberValue,
  ShareGroupTargetAssignmentMetadataKey,
  ShareGroupTargetAssignmentMetadataValue,
} from './share-group.ts'
import {
  StreamsGroupCurrentMemberAssignmentKey,
  StreamsGroupCurrentMemberAssignmentValue,
  StreamsGroupMemberMetadataKey,
  StreamsGroupMemberMetadataValue,
  StreamsGroupMetadataKey,
  StreamsGroupMetadataValue,
  StreamsGroupTargetAssignmentMemberKey,
  StreamsGroupTargetAssignmentMemberValue,
  StreamsGroupTargetAssignmentMetadataKey,
  StreamsGroupTargetAssignmentMetadataValue,
  StreamsGroupTopologyKey,
  StreamsGroupTopologyValue,
} from './streams-group.ts'

/** Of old brokers; it means the same as OffsetCommitKey. */
export const LegacyOffsetCommitKey = message('LegacyOffsetCommitKey', 0, '0', 'none', {
  group: string,
  topic: string,
  partition: int32,
})
export type LegacyOffsetCommitKey = ValueOf<typeof LegacyOffsetCommitKey.fields>

export const LegacyOffsetCommitValue = message('LegacyOffsetCommitValue', 0, '0', 'none', {
  offset: int64,
  metadata: string,
  commitTimestamp: int64,
})
export type LegacyOffsetCommitValue = ValueOf<typeof LegacyOffsetCommitValue.fields>

export const OffsetCommitKey = message('OffsetCommitKey', 1, '0', 'none', {
  group: string,
  topic: string,
  partition: int32,
})
export type OffsetCommitKey = ValueOf<typeof OffsetCommitKey.fields>

export const OffsetCommitValue = message('OffsetCommitValue', 1, '0-4', '4+', {
  offset: int64,
  leaderEpoch: at('3+', int32, -1),
  metadata: string,
  commitTimestamp: int64,
  /** Before v2 an offset had its own end; -1 without. */
  expireTimestamp: at('1', int64, -1n),
  topicId: tagged(0, '4+', uuid),
})
export type OffsetCommitValue = ValueOf<typeof OffsetCommitValue.fields>

export const GroupMetadataKey = message('GroupMetadataKey', 2, '0', 'none', {
  group: string,
})
export type GroupMetadataKey = ValueOf<typeof GroupMetadataKey.fields>

const MemberMetadata = {
  memberId: string,
  groupInstanceId: at('3+', nullable(string), null),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: at('1+', int32, -1),
  sessionTimeout: int32,
  subscription: bytes,
  assignment: bytes,
}

export const GroupMetadataValue = message('GroupMetadataValue', 2, '0-4', '4+', {
  protocolType: string,
  generation: int32,
  protocol: nullable(string),
  leader: nullable(string),
  currentStateTimestamp: at('2+', int64, -1n),
  members: array(MemberMetadata),
})
export type GroupMetadataValue = ValueOf<typeof GroupMetadataValue.fields>

/** Every record of __consumer_offsets, of all types of groups. */
export const groupRecords: RecordTable = recordTable(
  [LegacyOffsetCommitKey, LegacyOffsetCommitValue],
  [OffsetCommitKey, OffsetCommitValue],
  [GroupMetadataKey, GroupMetadataValue],
  [ConsumerGroupMetadataKey, ConsumerGroupMetadataValue],
  [ConsumerGroupPartitionMetadataKey, ConsumerGroupPartitionMetadataValue],
  [ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue],
  [ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue],
  [ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue],
  [ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue],
  [ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue],
  [ShareGroupMetadataKey, ShareGroupMetadataValue],
  [ShareGroupMemberMetadataKey, ShareGroupMemberMetadataValue],
  [ShareGroupTargetAssignmentMetadataKey, ShareGroupTargetAssignmentMetadataValue],
  [ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue],
  [ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue],
  [ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue],
  [StreamsGroupMetadataKey, StreamsGroupMetadataValue],
  [StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue],
  [StreamsGroupTargetAssignmentMetadataKey, StreamsGroupTargetAssignmentMetadataValue],
  [StreamsGroupTargetAssignmentMemberKey, StreamsGroupTargetAssignmentMemberValue],
  [StreamsGroupCurrentMemberAssignmentKey, StreamsGroupCurrentMemberAssignmentValue],
  [StreamsGroupTopologyKey, StreamsGroupTopologyValue],
)
