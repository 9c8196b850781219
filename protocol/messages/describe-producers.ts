import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const DescribeProducersRequest = message('DescribeProducersRequest', 61, '0', '0+', {
  topics: array({
    name: string,
    partitionIndexes: array(int32),
  }),
})
export type DescribeProducersRequest = ValueOf<typeof DescribeProducersRequest.fields>

export const DescribeProducersResponse = message('DescribeProducersResponse', 61, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION,
       * TOPIC_AUTHORIZATION_FAILED.
       */
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      activeProducers: array({
        producerId: int64,
        producerEpoch: int32,
        lastSequence: defaulted(int32, -1),
        lastTimestamp: defaulted(int64, -1n),
        coordinatorEpoch: int32,
        /** -1 without an open transaction. */
        currentTxnStartOffset: defaulted(int64, -1n),
      }),
    }),
  }),
})
export type DescribeProducersResponse = InputOf<typeof DescribeProducersResponse.fields>
