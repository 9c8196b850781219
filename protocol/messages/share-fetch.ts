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

export const ShareFetchRequest = message('ShareFetchRequest', 78, '1-2', '0+', {
  groupId: defaulted(nullable(string), null),
  memberId: nullable(string),
  shareSessionEpoch: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: defaulted(int32, 0x7fffffff),
  maxRecords: int32,
  batchSize: int32,
  shareAcquireMode: at('2+', int8, 0),
  isRenewAck: at('2+', bool, false),
  topics: array({
    topicId: uuid,
    partitions: array({
      partitionIndex: int32,
      acknowledgementBatches: array({
        firstOffset: int64,
        lastOffset: int64,
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
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  acquisitionLockTimeoutMs: int32,
  responses: array({
    topicId: uuid,
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      acknowledgeErrorCode: int16,
      acknowledgeErrorMessage: defaulted(nullable(string), null),
      currentLeader: struct({
        leaderId: int32,
        leaderEpoch: int32,
      }),
      records: records,
      acquiredRecords: array({
        firstOffset: int64,
        lastOffset: int64,
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
