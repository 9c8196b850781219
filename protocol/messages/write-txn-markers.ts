import {
  array,
  at,
  bool,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

/** From a transaction coordinator to the leaders of the partitions of a transaction. */
export const WriteTxnMarkersRequest = message('WriteTxnMarkersRequest', 27, '0-2', '1+', {
  markers: array({
    producerId: int64,
    producerEpoch: int16,
    /** True commits, false aborts. */
    transactionResult: bool,
    topics: array({
      name: string,
      partitionIndexes: array(int32),
    }),
    coordinatorEpoch: int32,
    /** From 2 on a marker must have a larger epoch than the transaction (KIP-890). */
    transactionVersion: at('2+', int8, 0),
  }),
})
export type WriteTxnMarkersRequest = ValueOf<typeof WriteTxnMarkersRequest.fields>

export const WriteTxnMarkersResponse = message('WriteTxnMarkersResponse', 27, '0-2', '1+', {
  markers: array({
    producerId: int64,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        /**
         * NONE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, INVALID_PRODUCER_EPOCH,
         * TRANSACTION_COORDINATOR_FENCED, KAFKA_STORAGE_ERROR, CLUSTER_AUTHORIZATION_FAILED,
         * NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT, UNSUPPORTED_FOR_MESSAGE_FORMAT.
         */
        errorCode: int16,
      }),
    }),
  }),
})
export type WriteTxnMarkersResponse = InputOf<typeof WriteTxnMarkersResponse.fields>
