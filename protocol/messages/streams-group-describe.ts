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

export const StreamsGroupDescribeRequest = message('StreamsGroupDescribeRequest', 89, '0-1', '0+', {
  groupIds: array(string),
  includeAuthorizedOperations: bool,
  includeTopologyDescription: at('1+', bool, false),
})
export type StreamsGroupDescribeRequest = ValueOf<typeof StreamsGroupDescribeRequest.fields>

const Endpoint = {
  host: string,
  port: uint16,
}

const TaskOffset = {
  subtopologyId: string,
  partition: int32,
  offset: int64,
}

const TaskIds = {
  subtopologyId: string,
  partitions: array(int32),
}

const Assignment = {
  activeTasks: array(TaskIds),
  standbyTasks: array(TaskIds),
  warmupTasks: array(TaskIds),
}

const KeyValue = {
  key: string,
  value: string,
}

const TopicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(KeyValue),
}

const TopologyDescriptionNode = {
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: defaulted(nullable(string), null),
  stores: array(string),
  successors: array(string),
}

const TopologyDescriptionSubtopology = {
  subtopologyId: string,
  nodes: array(TopologyDescriptionNode),
}

const TopologyDescriptionGlobalStore = {
  source: struct(TopologyDescriptionNode),
  processor: struct(TopologyDescriptionNode),
}

const TopologyDescription = {
  subtopologies: array(TopologyDescriptionSubtopology),
  globalStores: array(TopologyDescriptionGlobalStore),
}

export const StreamsGroupDescribeResponse = message('StreamsGroupDescribeResponse', 89, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  groups: array({
    /**
     * NONE, GROUP_ID_NOT_FOUND, INVALID_GROUP_ID, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
     * COORDINATOR_LOAD_IN_PROGRESS, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    groupId: string,
    groupState: string,
    groupEpoch: int32,
    assignmentEpoch: int32,
    topology: defaulted(
      nullable(
        struct({
          epoch: int32,
          subtopologies: defaulted(
            nullable(
              array({
                subtopologyId: string,
                sourceTopics: array(string),
                repartitionSinkTopics: array(string),
                stateChangelogTopics: array(TopicInfo),
                repartitionSourceTopics: array(TopicInfo),
              }),
            ),
            null,
          ),
        }),
      ),
      null,
    ),
    members: array({
      memberId: string,
      memberEpoch: int32,
      instanceId: defaulted(nullable(string), null),
      rackId: defaulted(nullable(string), null),
      clientId: string,
      clientHost: string,
      topologyEpoch: int32,
      processId: string,
      userEndpoint: defaulted(nullable(struct(Endpoint)), null),
      clientTags: array(KeyValue),
      taskOffsets: array(TaskOffset),
      taskEndOffsets: array(TaskOffset),
      assignment: struct(Assignment),
      targetAssignment: struct(Assignment),
      isClassic: bool,
    }),
    authorizedOperations: defaulted(int32, -2147483648),
    topologyDescription: at('1+', nullable(struct(TopologyDescription)), null),
    topologyDescriptionStatus: at('1+', int8, 0),
    assignorName: at('1+', nullable(string), null),
  }),
})
export type StreamsGroupDescribeResponse = InputOf<typeof StreamsGroupDescribeResponse.fields>
