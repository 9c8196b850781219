import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  records,
  string,
  struct,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

/**
 * Appends record batches. v0-v2 carry message sets of magic 0 and 1, v3 batches of magic 2 (KIP-98); v7
 * allows zstd, v9 is flexible, v12 may add partitions to the transaction by itself (KIP-890), v13 names
 * topics by id (KIP-516).
 */
export const ProduceRequest = message('ProduceRequest', 0, '0-13', '9+', {
  /** Of the producer whose transaction the batches belong to; null outside of transactions. */
  transactionalId: at('3+', nullable(string), null),
  /** 0: no response at all; 1: the leader has written; -1: all in-sync replicas have. */
  acks: int16,
  /** How long acks=-1 may wait for the replicas. */
  timeoutMs: int32,
  topicData: array({
    name: at('0-12', string),
    topicId: at('13+', uuid),
    partitionData: array({
      index: int32,
      /** From v3 on exactly one batch; before, a message set. */
      records: nullable(records),
    }),
  }),
})
export type ProduceRequest = ValueOf<typeof ProduceRequest.fields>

export const ProduceResponse = message('ProduceResponse', 0, '0-13', '9+', {
  responses: array({
    name: at('0-12', string),
    topicId: at('13+', uuid),
    partitionResponses: array({
      index: int32,
      /**
       * NONE, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP,
       * UNSUPPORTED_FOR_MESSAGE_FORMAT, UNSUPPORTED_COMPRESSION_TYPE, UNKNOWN_TOPIC_OR_PARTITION,
       * UNKNOWN_TOPIC_ID (v13), INVALID_TOPIC_EXCEPTION, NOT_LEADER_OR_FOLLOWER, INVALID_REQUIRED_ACKS,
       * NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR,
       * TOPIC_AUTHORIZATION_FAILED, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED; of
       * idempotence OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID, INVALID_PRODUCER_EPOCH; of
       * transactions INVALID_TXN_STATE, TRANSACTION_ABORTABLE (v11).
       */
      errorCode: int16,
      /** Of the first record; -1 with an error. */
      baseOffset: int64,
      /** -1 unless the topic has message.timestamp.type=LogAppendTime. */
      logAppendTimeMs: at('2+', int64, -1n),
      logStartOffset: at('5+', int64, -1n),
      /** Which records made the broker refuse the batch (KIP-467). */
      recordErrors: at(
        '8+',
        array({
          /** The record's index in its batch. */
          batchIndex: int32,
          batchIndexErrorMessage: defaulted(nullable(string), null),
        }),
      ),
      errorMessage: at('8+', nullable(string), null),
      /** With NOT_LEADER_OR_FOLLOWER: who is the leader now (KIP-951). */
      currentLeader: tagged(
        0,
        '10+',
        struct({
          leaderId: defaulted(int32, -1),
          leaderEpoch: defaulted(int32, -1),
        }),
      ),
    }),
  }),
  throttleTimeMs: at('1+', int32, 0),
  /** Where the leaders named in `currentLeader` listen. */
  nodeEndpoints: tagged(
    0,
    '10+',
    array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: defaulted(nullable(string), null),
    }),
  ),
})
export type ProduceResponse = InputOf<typeof ProduceResponse.fields>
