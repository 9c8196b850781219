/**
 * Records in __consumer_offsets of share groups (KIP-932).
 */
import {
  array,
  int8,
  int32,
  int64,
  message,
  nullable,
  string,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const ShareGroupMetadataKey = message('ShareGroupMetadataKey', 11, '0', 'none', {
  groupId: string,
})
export type ShareGroupMetadataKey = ValueOf<typeof ShareGroupMetadataKey.fields>

export const ShareGroupMetadataValue = message('ShareGroupMetadataValue', 11, '0', '0+', {
  epoch: int32,
  metadataHash: int64,
})
export type ShareGroupMetadataValue = ValueOf<typeof ShareGroupMetadataValue.fields>

export const ShareGroupMemberMetadataKey = message('ShareGroupMemberMetadataKey', 10, '0', 'none', {
  groupId: string,
  memberId: string,
})
export type ShareGroupMemberMetadataKey = ValueOf<typeof ShareGroupMemberMetadataKey.fields>

export const ShareGroupMemberMetadataValue = message('ShareGroupMemberMetadataValue', 10, '0', '0+', {
  rackId: nullable(string),
  clientId: string,
  clientHost: string,
  subscribedTopicNames: array(string),
})
export type ShareGroupMemberMetadataValue = ValueOf<typeof ShareGroupMemberMetadataValue.fields>

export const ShareGroupTargetAssignmentMetadataKey = message(
  'ShareGroupTargetAssignmentMetadataKey',
  12,
  '0',
  'none',
  {
    groupId: string,
  },
)
export type ShareGroupTargetAssignmentMetadataKey = ValueOf<
  typeof ShareGroupTargetAssignmentMetadataKey.fields
>

export const ShareGroupTargetAssignmentMetadataValue = message(
  'ShareGroupTargetAssignmentMetadataValue',
  12,
  '0',
  '0+',
  {
    assignmentEpoch: int32,
    assignmentTimestamp: tagged(0, '0+', int64),
  },
)
export type ShareGroupTargetAssignmentMetadataValue = ValueOf<
  typeof ShareGroupTargetAssignmentMetadataValue.fields
>

export const ShareGroupTargetAssignmentMemberKey = message(
  'ShareGroupTargetAssignmentMemberKey',
  13,
  '0',
  'none',
  {
    groupId: string,
    memberId: string,
  },
)
export type ShareGroupTargetAssignmentMemberKey = ValueOf<typeof ShareGroupTargetAssignmentMemberKey.fields>

export const ShareGroupTargetAssignmentMemberValue = message(
  'ShareGroupTargetAssignmentMemberValue',
  13,
  '0',
  '0+',
  {
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }),
  },
)
export type ShareGroupTargetAssignmentMemberValue = ValueOf<
  typeof ShareGroupTargetAssignmentMemberValue.fields
>

export const ShareGroupCurrentMemberAssignmentKey = message(
  'ShareGroupCurrentMemberAssignmentKey',
  14,
  '0',
  'none',
  {
    groupId: string,
    memberId: string,
  },
)
export type ShareGroupCurrentMemberAssignmentKey = ValueOf<typeof ShareGroupCurrentMemberAssignmentKey.fields>

const TopicPartitions = {
  topicId: uuid,
  partitions: array(int32),
}

export const ShareGroupCurrentMemberAssignmentValue = message(
  'ShareGroupCurrentMemberAssignmentValue',
  14,
  '0',
  '0+',
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(TopicPartitions),
  },
)
export type ShareGroupCurrentMemberAssignmentValue = ValueOf<
  typeof ShareGroupCurrentMemberAssignmentValue.fields
>

export const ShareGroupStatePartitionMetadataKey = message(
  'ShareGroupStatePartitionMetadataKey',
  15,
  '0',
  'none',
  {
    groupId: string,
  },
)
export type ShareGroupStatePartitionMetadataKey = ValueOf<typeof ShareGroupStatePartitionMetadataKey.fields>

const TopicPartitionsInfo = {
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
}

const TopicInfo = {
  topicId: uuid,
  topicName: string,
}

export const ShareGroupStatePartitionMetadataValue = message(
  'ShareGroupStatePartitionMetadataValue',
  15,
  '0',
  '0+',
  {
    initializingTopics: array(TopicPartitionsInfo),
    initializedTopics: array(TopicPartitionsInfo),
    deletingTopics: array(TopicInfo),
  },
)
export type ShareGroupStatePartitionMetadataValue = ValueOf<
  typeof ShareGroupStatePartitionMetadataValue.fields
>
