import {
  array,
  at,
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
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'
import { EMPTY_BYTES } from '../wire.ts'

export const FetchRequest = message('FetchRequest', 1, '0-18', '12+', {
  clusterId: tagged(0, '12+', nullable(string)),
  replicaId: at('0-14', int32, -1),
  replicaState: tagged(
    1,
    '15+',
    struct({
      replicaId: defaulted(int32, -1),
      replicaEpoch: defaulted(int64, -1n),
    }),
  ),
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: at('3+', int32, 0x7fffffff),
  isolationLevel: at('4+', int8, 0),
  sessionId: at('7+', int32, 0),
  sessionEpoch: at('7+', int32, -1),
  topics: array({
    topic: at('0-12', string),
    topicId: at('13+', uuid),
    partitions: array({
      partition: int32,
      currentLeaderEpoch: at('9+', int32, -1),
      fetchOffset: int64,
      lastFetchedEpoch: at('12+', int32, -1),
      logStartOffset: at('5+', int64, -1n),
      partitionMaxBytes: int32,
      replicaDirectoryId: tagged(0, '17+', uuid),
      highWatermark: tagged(1, '18+', int64, 9223372036854775807n),
    }),
  }),
  forgottenTopicsData: at(
    '7+',
    array({
      topic: at('7-12', string),
      topicId: at('13+', uuid),
      partitions: array(int32),
    }),
  ),
  rackId: at('11+', string, ''),
})
export type FetchRequest = ValueOf<typeof FetchRequest.fields>

export const FetchResponse = message('FetchResponse', 1, '0-18', '12+', {
  throttleTimeMs: at('1+', int32, 0),
  errorCode: at('7+', int16),
  sessionId: at('7+', int32, 0),
  responses: array({
    topic: at('0-12', string),
    topicId: at('13+', uuid),
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      highWatermark: int64,
      lastStableOffset: at('4+', int64, -1n),
      logStartOffset: at('5+', int64, -1n),
      divergingEpoch: tagged(
        0,
        '12+',
        struct({
          epoch: defaulted(int32, -1),
          endOffset: defaulted(int64, -1n),
        }),
      ),
      currentLeader: tagged(
        1,
        '12+',
        struct({
          leaderId: defaulted(int32, -1),
          leaderEpoch: defaulted(int32, -1),
        }),
      ),
      snapshotId: tagged(
        2,
        '12+',
        struct({
          endOffset: defaulted(int64, -1n),
          epoch: defaulted(int32, -1),
        }),
      ),
      abortedTransactions: at(
        '4+',
        nullable(
          array({
            producerId: int64,
            firstOffset: int64,
          }),
        ),
      ),
      preferredReadReplica: at('11+', int32, -1),
      records: defaulted(nullable(records), EMPTY_BYTES),
    }),
  }),
  nodeEndpoints: tagged(
    0,
    '16+',
    array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: defaulted(nullable(string), null),
    }),
  ),
})
export type FetchResponse = InputOf<typeof FetchResponse.fields>
