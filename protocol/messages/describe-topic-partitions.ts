import {
  array,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  struct,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const DescribeTopicPartitionsRequest = message('DescribeTopicPartitionsRequest', 75, '0', '0+', {
  /** Empty: all topics, in the order of their names. */
  topics: array({
    name: string,
  }),
  responsePartitionLimit: defaulted(int32, 2000),
  /** Where an earlier response stopped; null at first. */
  cursor: defaulted(
    nullable(
      struct({
        topicName: string,
        partitionIndex: int32,
      }),
    ),
    null,
  ),
})
export type DescribeTopicPartitionsRequest = ValueOf<typeof DescribeTopicPartitionsRequest.fields>

export const DescribeTopicPartitionsResponse = message('DescribeTopicPartitionsResponse', 75, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  topics: array({
    /** NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, TOPIC_AUTHORIZATION_FAILED. */
    errorCode: int16,
    name: nullable(string),
    topicId: uuid,
    isInternal: defaulted(bool, false),
    partitions: array({
      errorCode: int16,
      partitionIndex: int32,
      leaderId: int32,
      leaderEpoch: defaulted(int32, -1),
      replicaNodes: array(int32),
      isrNodes: array(int32),
      /** Replicas outside of the ISR that may lead without loss (KIP-966). */
      eligibleLeaderReplicas: defaulted(nullable(array(int32)), null),
      lastKnownElr: defaulted(nullable(array(int32)), null),
      offlineReplicas: array(int32),
    }),
    topicAuthorizedOperations: defaulted(int32, -2147483648),
  }),
  /** Null when all was told. */
  nextCursor: defaulted(
    nullable(
      struct({
        topicName: string,
        partitionIndex: int32,
      }),
    ),
    null,
  ),
})
export type DescribeTopicPartitionsResponse = InputOf<typeof DescribeTopicPartitionsResponse.fields>
