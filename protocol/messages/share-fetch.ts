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
  records,
  string,
  struct,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** Acquires records for a member of a share group, and acknowledges earlier ones (KIP-932). */
export const ShareFetchRequest = message('ShareFetchRequest', 78, '1-2', '0+', {
  groupId: defaulted(nullable(string), null),
  memberId: nullable(string),
  /** 0 opens a session, -1 closes it; else the next. */
  shareSessionEpoch: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: defaulted(int32, 0x7fffffff),
  maxRecords: int32,
  /** How many records an acquired batch shall have at best. */
  batchSize: int32,
  /** 0 by whole batches, 1 at most maxRecords (KIP-1206). */
  shareAcquireMode: at('2+', int8, 0),
  /** Whether locks are renewed (KIP-1222). */
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
  forgottenTopicsData: array({
    topicId: uuid,
    partitions: array(int32),
  }),
})
export type ShareFetchRequest = ValueOf<typeof ShareFetchRequest.fields>

export const ShareFetchResponse = message('ShareFetchResponse', 78, '1-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, GROUP_AUTHORIZATION_FAILED, SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH,
   * SHARE_SESSION_LIMIT_REACHED, INVALID_REQUEST.
   */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  /** How long the acquired records are reserved. */
  acquisitionLockTimeoutMs: int32,
  responses: array({
    topicId: uuid,
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
       * NOT_LEADER_OR_FOLLOWER, FENCED_STATE_EPOCH, CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR,
       * UNKNOWN_SERVER_ERROR.
       */
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      /** NONE, INVALID_RECORD_STATE, INVALID_REQUEST, and those of `errorCode`. */
      acknowledgeErrorCode: int16,
      acknowledgeErrorMessage: defaulted(nullable(string), null),
      currentLeader: struct({
        leaderId: int32,
        leaderEpoch: int32,
      }),
      /** Whole batches: those not among the acquired are not for this member. */
      records: records,
      acquiredRecords: array({
        firstOffset: int64,
        lastOffset: int64,
        /** 1 the first time. */
        deliveryCount: int16,
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
export type ShareFetchResponse = InputOf<typeof ShareFetchResponse.fields>
