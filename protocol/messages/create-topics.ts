import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const CreateTopicsRequest = message('CreateTopicsRequest', 19, '0-7', '5+', {
  topics: array({
    name: string,
    /** -1 with assignments, or for the default num.partitions (KIP-464). */
    numPartitions: int32,
    /** -1 with assignments, or for default.replication.factor. */
    replicationFactor: int16,
    /** Replicas of each partition, which then must be 0 to n without gaps. */
    assignments: array({
      partitionIndex: int32,
      brokerIds: array(int32),
    }),
    configs: array({
      name: string,
      value: nullable(string),
    }),
  }),
  timeoutMs: defaulted(int32, 60000),
  /** Only check. */
  validateOnly: at('1+', bool, false),
})
export type CreateTopicsRequest = ValueOf<typeof CreateTopicsRequest.fields>

export const CreateTopicsResponse = message('CreateTopicsResponse', 19, '0-7', '5+', {
  throttleTimeMs: at('2+', int32, 0),
  topics: array({
    name: string,
    topicId: at('7+', uuid),
    /**
     * NONE, TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR,
     * INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG, INVALID_REQUEST (named twice), POLICY_VIOLATION,
     * NOT_CONTROLLER, REQUEST_TIMED_OUT, THROTTLING_QUOTA_EXCEEDED (v6), TOPIC_AUTHORIZATION_FAILED,
     * CLUSTER_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: at('1+', nullable(string), null),
    /** TOPIC_AUTHORIZATION_FAILED when the configs may not be shown (KIP-525); then `configs` is null. */
    topicConfigErrorCode: tagged(0, '5+', int16),
    numPartitions: at('5+', int32, -1),
    replicationFactor: at('5+', int16, -1),
    configs: at(
      '5+',
      nullable(
        array({
          name: string,
          value: nullable(string),
          readOnly: bool,
          /** As in DescribeConfigs. */
          configSource: defaulted(int8, -1),
          isSensitive: bool,
        }),
      ),
    ),
  }),
})
export type CreateTopicsResponse = InputOf<typeof CreateTopicsResponse.fields>
