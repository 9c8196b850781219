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

/** Brokers and topics as the broker sees them. */
export const MetadataRequest = message('MetadataRequest', 3, '0-13', '9+', {
  /** Null asks for all topics, an empty list for none; in v0 an empty list asks for all. */
  topics: nullable(
    '1+',
    array({
      /** From v12 on a topic may be asked for by its id, with a null name. */
      topicId: at('10+', uuid),
      name: nullable('10+', string),
    }),
  ),
  /** Before v4 always true. */
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
  /** Where to send requests for the controller; any live broker with KRaft. */
  controllerId: at('1+', int32, -1),
  topics: array({
    /**
     * NONE, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, LEADER_NOT_AVAILABLE (also while it is being
     * created), INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR, TOPIC_AUTHORIZATION_FAILED,
     * POLICY_VIOLATION.
     */
    errorCode: int16,
    /** Null where an unknown id was asked for. */
    name: nullable('12+', string),
    topicId: at('10+', uuid),
    isInternal: at('1+', bool, false),
    partitions: array({
      /** NONE, LEADER_NOT_AVAILABLE, LISTENER_NOT_FOUND, REPLICA_NOT_AVAILABLE (v0 only). */
      errorCode: int16,
      partitionIndex: int32,
      /** -1 without a leader. */
      leaderId: int32,
      leaderEpoch: at('7+', int32, -1),
      replicaNodes: array(int32),
      isrNodes: array(int32),
      offlineReplicas: at('5+', array(int32)),
    }),
    /** A bit for each operation; the least int32 when not asked for (KIP-430). */
    topicAuthorizedOperations: at('8+', int32, -2147483648),
  }),
  clusterAuthorizedOperations: at('8-10', int32, -2147483648),
  /** REBOOTSTRAP_REQUIRED tells a client to begin again with its bootstrap servers (KIP-1102). */
  errorCode: at('13+', int16),
})
export type MetadataResponse = InputOf<typeof MetadataResponse.fields>
