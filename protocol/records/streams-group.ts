/**
 * Records in __consumer_offsets of streams groups (KIP-1071).
 */
import {
  array,
  defaulted,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  struct,
  tagged,
  uint16,
  type ValueOf,
} from '../schema.ts'

export const StreamsGroupMetadataKey = message('StreamsGroupMetadataKey', 17, '0', 'none', {
  groupId: string,
})
export type StreamsGroupMetadataKey = ValueOf<typeof StreamsGroupMetadataKey.fields>

const LastAssignmentConfig = {
  key: string,
  value: string,
}

export const StreamsGroupMetadataValue = message('StreamsGroupMetadataValue', 17, '0', '0+', {
  epoch: int32,
  metadataHash: int64,
  validatedTopologyEpoch: tagged(0, '0+', int32, -1),
  lastAssignmentConfigs: tagged(1, '0+', nullable(array(LastAssignmentConfig)), []),
  storedDescriptionTopologyEpoch: tagged(2, '0+', int32, -1),
  failedDescriptionTopologyEpoch: tagged(3, '0+', int32, -1),
})
export type StreamsGroupMetadataValue = ValueOf<typeof StreamsGroupMetadataValue.fields>

export const StreamsGroupMemberMetadataKey = message('StreamsGroupMemberMetadataKey', 19, '0', 'none', {
  groupId: string,
  memberId: string,
})
export type StreamsGroupMemberMetadataKey = ValueOf<typeof StreamsGroupMemberMetadataKey.fields>

const Endpoint = {
  host: string,
  port: uint16,
}

const KeyValue = {
  key: string,
  value: string,
}

export const StreamsGroupMemberMetadataValue = message('StreamsGroupMemberMetadataValue', 19, '0', '0+', {
  instanceId: nullable(string),
  rackId: nullable(string),
  clientId: string,
  clientHost: string,
  rebalanceTimeoutMs: defaulted(int32, -1),
  topologyEpoch: int32,
  processId: string,
  userEndpoint: defaulted(nullable(struct(Endpoint)), null),
  clientTags: array(KeyValue),
})
export type StreamsGroupMemberMetadataValue = ValueOf<typeof StreamsGroupMemberMetadataValue.fields>

export const StreamsGroupTargetAssignmentMetadataKey = message(
  'StreamsGroupTargetAssignmentMetadataKey',
  20,
  '0',
  'none',
  {
    groupId: string,
  },
)
export type StreamsGroupTargetAssignmentMetadataKey = ValueOf<
  typeof StreamsGroupTargetAssignmentMetadataKey.fields
>

export const StreamsGroupTargetAssignmentMetadataValue = message(
  'StreamsGroupTargetAssignmentMetadataValue',
  20,
  '0',
  '0+',
  {
    assignmentEpoch: int32,
    assignmentTimestamp: tagged(0, '0+', int64),
  },
)
export type StreamsGroupTargetAssignmentMetadataValue = ValueOf<
  typeof StreamsGroupTargetAssignmentMetadataValue.fields
>

export const StreamsGroupTargetAssignmentMemberKey = message(
  'StreamsGroupTargetAssignmentMemberKey',
  21,
  '0',
  'none',
  {
    groupId: string,
    memberId: string,
  },
)
export type StreamsGroupTargetAssignmentMemberKey = ValueOf<
  typeof StreamsGroupTargetAssignmentMemberKey.fields
>

const StreamsGroupTargetAssignmentMemberValueTaskIds = {
  subtopologyId: string,
  partitions: array(int32),
}

export const StreamsGroupTargetAssignmentMemberValue = message(
  'StreamsGroupTargetAssignmentMemberValue',
  21,
  '0',
  '0+',
  {
    activeTasks: array(StreamsGroupTargetAssignmentMemberValueTaskIds),
    standbyTasks: array(StreamsGroupTargetAssignmentMemberValueTaskIds),
    warmupTasks: array(StreamsGroupTargetAssignmentMemberValueTaskIds),
  },
)
export type StreamsGroupTargetAssignmentMemberValue = ValueOf<
  typeof StreamsGroupTargetAssignmentMemberValue.fields
>

export const StreamsGroupCurrentMemberAssignmentKey = message(
  'StreamsGroupCurrentMemberAssignmentKey',
  22,
  '0',
  'none',
  {
    groupId: string,
    memberId: string,
  },
)
export type StreamsGroupCurrentMemberAssignmentKey = ValueOf<
  typeof StreamsGroupCurrentMemberAssignmentKey.fields
>

const StreamsGroupCurrentMemberAssignmentValueTaskIds = {
  subtopologyId: string,
  partitions: array(int32),
  assignmentEpochs: tagged(0, '0+', nullable(array(int32)), []),
}

export const StreamsGroupCurrentMemberAssignmentValue = message(
  'StreamsGroupCurrentMemberAssignmentValue',
  22,
  '0',
  '0+',
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array(StreamsGroupCurrentMemberAssignmentValueTaskIds),
    standbyTasks: array(StreamsGroupCurrentMemberAssignmentValueTaskIds),
    warmupTasks: array(StreamsGroupCurrentMemberAssignmentValueTaskIds),
    activeTasksPendingRevocation: array(StreamsGroupCurrentMemberAssignmentValueTaskIds),
    standbyTasksPendingRevocation: array(StreamsGroupCurrentMemberAssignmentValueTaskIds),
    warmupTasksPendingRevocation: array(StreamsGroupCurrentMemberAssignmentValueTaskIds),
  },
)
export type StreamsGroupCurrentMemberAssignmentValue = ValueOf<
  typeof StreamsGroupCurrentMemberAssignmentValue.fields
>

export const StreamsGroupTopologyKey = message('StreamsGroupTopologyKey', 23, '0', 'none', {
  groupId: string,
})
export type StreamsGroupTopologyKey = ValueOf<typeof StreamsGroupTopologyKey.fields>

const TopicConfig = {
  key: string,
  value: string,
}

const TopicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(TopicConfig),
}

export const StreamsGroupTopologyValue = message('StreamsGroupTopologyValue', 23, '0', '0+', {
  epoch: int32,
  subtopologies: array({
    subtopologyId: string,
    sourceTopics: array(string),
    sourceTopicRegex: array(string),
    stateChangelogTopics: array(TopicInfo),
    repartitionSinkTopics: array(string),
    repartitionSourceTopics: array(TopicInfo),
    copartitionGroups: array({
      sourceTopics: array(int16),
      sourceTopicRegex: array(int16),
      repartitionSourceTopics: array(int16),
    }),
  }),
})
export type StreamsGroupTopologyValue = ValueOf<typeof StreamsGroupTopologyValue.fields>
