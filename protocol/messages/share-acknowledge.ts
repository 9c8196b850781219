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
  uuid,
  type ValueOf,
} from '../schema.ts'

export const ShareAcknowledgeRequest = message('ShareAcknowledgeRequest', 79, '1-2', '0+', {
  groupId: defaulted(nullable(string), null),
  memberId: nullable(string),
  shareSessionEpoch: int32,
  isRenewAck: at('2+', bool, false),
  topics: array({
    topicId: uuid,
    partitions: array({
      partitionIndex: int32,
      acknowledgementBatches: array({
        firstOffset: int64,
        lastOffset: int64,
        /**
         * For each record, or one for the whole batch: 0 gap, 1 accept, 2 release, 3 reject, 4 renew (v2).
         */
        acknowledgeTypes: array(int8),
      }),
    }),
  }),
})
export type ShareAcknowledgeRequest = ValueOf<typeof ShareAcknowledgeRequest.fields>

export const ShareAcknowledgeResponse = message('ShareAcknowledgeResponse', 79, '1-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  acquisitionLockTimeoutMs: at('2+', int32),
  responses: array({
    topicId: uuid,
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, INVALID_RECORD_STATE, TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
       * NOT_LEADER_OR_FOLLOWER, FENCED_STATE_EPOCH, KAFKA_STORAGE_ERROR, INVALID_REQUEST.
       */
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      currentLeader: struct({
        leaderId: int32,
        leaderEpoch: int32,
      }),
    }),
  }),
  nodeEndpoints: array({
    nodeId: int32,
    host: string,
    port: int32,
    rack: defaulted(nullable(string), null),
  }),
})
export type ShareAcknowledgeResponse = InputOf<typeof ShareAcknowledgeResponse.fields>
