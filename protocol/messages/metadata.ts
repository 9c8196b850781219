import {
  array,
  at,
  bool,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const MetadataRequest = message('MetadataRequest', 3, '0-13', '9+', {
  topics: nullable(
    '1+',
    array({
      topicId: at('10+', uuid),
      name: nullable('10+', string),
    }),
  ),
  allowAutoTopicCreation: at('4+', bool, true),
  includeClusterAuthorizedOperations: at('8-10', bool),
  includeTopicAuthorizedOperations: at('8+', bool),
})
export type MetadataRequest = ValueOf<typeof MetadataRequest.fields>

export const MetadataResponse = message('MetadataResponse', 3, '0-13', '9+', {
  throttleTimeMs: at('3+', int32, 0),
  brokers: array({
    nodeId: int32,
    host: string,
    port: int32,
    rack: at('1+', nullable(string), null),
  }),
  clusterId: at('2+', nullable(string), null),
  controllerId: at('1+', int32, -1),
  topics: array({
    errorCode: int16,
    name: nullable('12+', string),
    topicId: at('10+', uuid),
    isInternal: at('1+', bool, false),
    partitions: array({
      errorCode: int16,
      partitionIndex: int32,
      leaderId: int32,
      leaderEpoch: at('7+', int32, -1),
      replicaNodes: array(int32),
      isrNodes: array(int32),
      offlineReplicas: at('5+', array(int32)),
    }),
    topicAuthorizedOperations: at('8+', int32, -2147483648),
  }),
  clusterAuthorizedOperations: at('8-10', int32, -2147483648),
  errorCode: at('13+', int16),
})
export type MetadataResponse = InputOf<typeof MetadataResponse.fields>
