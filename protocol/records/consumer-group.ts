/**
 * Records in __consumer_offsets of consumer groups (KIP-848). A key without a value removes what it names.
 */
import {
  array,
  bytes,
  defaulted,
  int8,
  int32,
  int64,
  message,
  nullable,
  string,
  struct,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const ConsumerGroupMetadataKey = message('ConsumerGroupMetadataKey', 3, '0', 'none', {
  groupId: string,
})
export type ConsumerGroupMetadataKey = ValueOf<typeof ConsumerGroupMetadataKey.fields>

export const ConsumerGroupMetadataValue = message('ConsumerGroupMetadataValue', 3, '0', '0+', {
  epoch: int32,
  metadataHash: tagged(0, '0+', int64),
})
export type ConsumerGroupMetadataValue = ValueOf<typeof ConsumerGroupMetadataValue.fields>

export const ConsumerGroupPartitionMetadataKey = message(
  'ConsumerGroupPartitionMetadataKey',
  4,
  '0',
  'none',
  {
    groupId: string,
  },
)
export type ConsumerGroupPartitionMetadataKey = ValueOf<typeof ConsumerGroupPartitionMetadataKey.fields>

export const ConsumerGroupPartitionMetadataValue = message(
  'ConsumerGroupPartitionMetadataValue',
  4,
  '0',
  '0+',
  {
    topics: array({
      topicId: uuid,
      topicName: string,
      numPartitions: int32,
      partitionMetadata: array({
        partition: int32,
        racks: array(string),
      }),
    }),
  },
)
export type ConsumerGroupPartitionMetadataValue = ValueOf<typeof ConsumerGroupPartitionMetadataValue.fields>

export const ConsumerGroupMemberMetadataKey = message('ConsumerGroupMemberMetadataKey', 5, '0', 'none', {
  groupId: string,
  memberId: string,
})
export type ConsumerGroupMemberMetadataKey = ValueOf<typeof ConsumerGroupMemberMetadataKey.fields>

export const ConsumerGroupMemberMetadataValue = message('ConsumerGroupMemberMetadataValue', 5, '0', '0+', {
  instanceId: nullable(string),
  rackId: nullable(string),
  clientId: string,
  clientHost: string,
  subscribedTopicNames: array(string),
  subscribedTopicRegex: nullable(string),
  rebalanceTimeoutMs: defaulted(int32, -1),
  serverAssignor: nullable(string),
  classicMemberMetadata: tagged(
    0,
    '0+',
    nullable(
      struct({
        sessionTimeoutMs: int32,
        supportedProtocols: array({
          name: string,
          metadata: bytes,
        }),
      }),
    ),
    { sessionTimeoutMs: 0, supportedProtocols: [] },
  ),
})
export type ConsumerGroupMemberMetadataValue = ValueOf<typeof ConsumerGroupMemberMetadataValue.fields>

export const ConsumerGroupTargetAssignmentMetadataKey = message(
  'ConsumerGroupTargetAssignmentMetadataKey',
  6,
  '0',
  'none',
  {
    groupId: string,
  },
)
export type ConsumerGroupTargetAssignmentMetadataKey = ValueOf<
  typeof ConsumerGroupTargetAssignmentMetadataKey.fields
>

export const ConsumerGroupTargetAssignmentMetadataValue = message(
  'ConsumerGroupTargetAssignmentMetadataValue',
  6,
  '0',
  '0+',
  {
    assignmentEpoch: int32,
    assignmentTimestamp: tagged(0, '0+', int64),
  },
)
export type ConsumerGroupTargetAssignmentMetadataValue = ValueOf<
  typeof ConsumerGroupTargetAssignmentMetadataValue.fields
>

export const ConsumerGroupTargetAssignmentMemberKey = message(
  'ConsumerGroupTargetAssignmentMemberKey',
  7,
  '0',
  'none',
  {
    groupId: string,
    memberId: string,
  },
)
export type ConsumerGroupTargetAssignmentMemberKey = ValueOf<
  typeof ConsumerGroupTargetAssignmentMemberKey.fields
>

export const ConsumerGroupTargetAssignmentMemberValue = message(
  'ConsumerGroupTargetAssignmentMemberValue',
  7,
  '0',
  '0+',
  {
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }),
  },
)
export type ConsumerGroupTargetAssignmentMemberValue = ValueOf<
  typeof ConsumerGroupTargetAssignmentMemberValue.fields
>

export const ConsumerGroupCurrentMemberAssignmentKey = message(
  'ConsumerGroupCurrentMemberAssignmentKey',
  8,
  '0',
  'none',
  {
    groupId: string,
    memberId: string,
  },
)
export type ConsumerGroupCurrentMemberAssignmentKey = ValueOf<
  typeof ConsumerGroupCurrentMemberAssignmentKey.fields
>

const TopicPartitions = {
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: tagged(0, '0+', nullable(array(int32)), []),
}

export const ConsumerGroupCurrentMemberAssignmentValue = message(
  'ConsumerGroupCurrentMemberAssignmentValue',
  8,
  '0',
  '0+',
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(TopicPartitions),
    partitionsPendingRevocation: array(TopicPartitions),
  },
)
export type ConsumerGroupCurrentMemberAssignmentValue = ValueOf<
  typeof ConsumerGroupCurrentMemberAssignmentValue.fields
>

export const ConsumerGroupRegularExpressionKey = message(
  'ConsumerGroupRegularExpressionKey',
  16,
  '0',
  'none',
  {
    groupId: string,
    regularExpression: string,
  },
)
export type ConsumerGroupRegularExpressionKey = ValueOf<typeof ConsumerGroupRegularExpressionKey.fields>

export const ConsumerGroupRegularExpressionValue = message(
  'ConsumerGroupRegularExpressionValue',
  16,
  '0',
  '0+',
  {
    topics: array(string),
    version: int64,
    timestamp: int64,
  },
)
export type ConsumerGroupRegularExpressionValue = ValueOf<typeof ConsumerGroupRegularExpressionValue.fields>
