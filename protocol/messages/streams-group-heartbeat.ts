import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  struct,
  uint16,
  type ValueOf,
} from '../schema.ts'

const RequestKeyValue = {
  key: string,
  value: string,
}

const RequestTopicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(RequestKeyValue),
}

const RequestEndpoint = {
  host: string,
  port: uint16,
}

const RequestTaskOffset = {
  subtopologyId: string,
  partition: int32,
  offset: int64,
}

const RequestTaskIds = {
  subtopologyId: string,
  partitions: array(int32),
}

/**
 * The one request of members of a streams group (KIP-1071). Fields that have not changed since the last one
 * are null or -1.
 */
export const StreamsGroupHeartbeatRequest = message('StreamsGroupHeartbeatRequest', 88, '0-1', '0+', {
  groupId: string,
  memberId: string,
  /** 0 joins, -1 leaves, -2 leaves for a while (static members); else the current epoch. */
  memberEpoch: int32,
  endpointInformationEpoch: int32,
  instanceId: defaulted(nullable(string), null),
  rackId: defaulted(nullable(string), null),
  rebalanceTimeoutMs: defaulted(int32, -1),
  /** Sent when joining. */
  topology: defaulted(
    nullable(
      struct({
        epoch: int32,
        subtopologies: array({
          subtopologyId: string,
          sourceTopics: array(string),
          sourceTopicRegex: array(string),
          stateChangelogTopics: array(RequestTopicInfo),
          repartitionSinkTopics: array(string),
          repartitionSourceTopics: array(RequestTopicInfo),
          copartitionGroups: array({
            sourceTopics: array(int16),
            sourceTopicRegex: array(int16),
            repartitionSourceTopics: array(int16),
          }),
        }),
      }),
    ),
    null,
  ),
  /** Owned now; null: unchanged. */
  activeTasks: defaulted(nullable(array(RequestTaskIds)), null),
  standbyTasks: defaulted(nullable(array(RequestTaskIds)), null),
  warmupTasks: defaulted(nullable(array(RequestTaskIds)), null),
  processId: defaulted(nullable(string), null),
  userEndpoint: defaulted(nullable(struct(RequestEndpoint)), null),
  clientTags: defaulted(nullable(array(RequestKeyValue)), null),
  taskOffsets: defaulted(nullable(array(RequestTaskOffset)), null),
  taskEndOffsets: defaulted(nullable(array(RequestTaskOffset)), null),
  shutdownApplication: defaulted(bool, false),
})
export type StreamsGroupHeartbeatRequest = ValueOf<typeof StreamsGroupHeartbeatRequest.fields>

const ResponseStatus = {
  statusCode: int8,
  statusDetail: string,
}

const ResponseTopicPartition = {
  topic: string,
  partitions: array(int32),
}

const ResponseTaskIds = {
  subtopologyId: string,
  partitions: array(int32),
}

const ResponseEndpoint = {
  host: string,
  port: uint16,
}

export const StreamsGroupHeartbeatResponse = message('StreamsGroupHeartbeatResponse', 88, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
   * COORDINATOR_LOAD_IN_PROGRESS, INVALID_REQUEST, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH,
   * UNRELEASED_INSTANCE_ID, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED, STREAMS_INVALID_TOPOLOGY,
   * STREAMS_INVALID_TOPOLOGY_EPOCH, STREAMS_TOPOLOGY_FENCED.
   */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  memberId: string,
  memberEpoch: int32,
  heartbeatIntervalMs: int32,
  acceptableRecoveryLagLegacy: at('0', int32),
  taskOffsetIntervalMs: int32,
  acceptableRecoveryLag: at('1+', int64, -1n),
  status: nullable(array(ResponseStatus)),
  /** Null: unchanged. */
  activeTasks: defaulted(nullable(array(ResponseTaskIds)), null),
  standbyTasks: defaulted(nullable(array(ResponseTaskIds)), null),
  warmupTasks: defaulted(nullable(array(ResponseTaskIds)), null),
  topologyDescriptionRequired: at('1+', bool, false),
  endpointInformationEpoch: int32,
  partitionsByUserEndpoint: defaulted(
    nullable(
      array({
        userEndpoint: struct(ResponseEndpoint),
        activePartitions: array(ResponseTopicPartition),
        standbyPartitions: array(ResponseTopicPartition),
      }),
    ),
    null,
  ),
})
export type StreamsGroupHeartbeatResponse = InputOf<typeof StreamsGroupHeartbeatResponse.fields>
