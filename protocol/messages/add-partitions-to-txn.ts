import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

const AddPartitionsToTxnTopic = {
  name: string,
  partitions: array(int32),
}

/**
 * v0-v3 come from producers, one transaction at a time; v4 and v5 from brokers that check or add several
 * (KIP-890).
 */
export const AddPartitionsToTxnRequest = message('AddPartitionsToTxnRequest', 24, '0-5', '3+', {
  transactions: at(
    '4+',
    array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      /** Only ask whether the partitions are in the ongoing transaction. */
      verifyOnly: defaulted(bool, false),
      topics: array(AddPartitionsToTxnTopic),
    }),
  ),
  v3AndBelowTransactionalId: at('0-3', string),
  v3AndBelowProducerId: at('0-3', int64),
  v3AndBelowProducerEpoch: at('0-3', int16),
  v3AndBelowTopics: at('0-3', array(AddPartitionsToTxnTopic)),
})
export type AddPartitionsToTxnRequest = ValueOf<typeof AddPartitionsToTxnRequest.fields>

const AddPartitionsToTxnPartitionResult = {
  partitionIndex: int32,
  /**
   * NONE, INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, INVALID_TXN_STATE,
   * CONCURRENT_TRANSACTIONS, OPERATION_NOT_ATTEMPTED (another partition failed), UNKNOWN_TOPIC_OR_PARTITION,
   * NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, TRANSACTION_ABORTABLE, TOPIC_AUTHORIZATION_FAILED,
   * TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
   */
  partitionErrorCode: int16,
}

const AddPartitionsToTxnTopicResult = {
  name: string,
  resultsByPartition: array(AddPartitionsToTxnPartitionResult),
}

export const AddPartitionsToTxnResponse = message('AddPartitionsToTxnResponse', 24, '0-5', '3+', {
  throttleTimeMs: defaulted(int32, 0),
  /** Of the whole request: CLUSTER_AUTHORIZATION_FAILED, NOT_COORDINATOR. */
  errorCode: at('4+', int16),
  resultsByTransaction: at(
    '4+',
    array({
      transactionalId: string,
      topicResults: array(AddPartitionsToTxnTopicResult),
    }),
  ),
  resultsByTopicV3AndBelow: at('0-3', array(AddPartitionsToTxnTopicResult)),
})
export type AddPartitionsToTxnResponse = InputOf<typeof AddPartitionsToTxnResponse.fields>
