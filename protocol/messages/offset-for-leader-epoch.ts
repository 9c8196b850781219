import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

export const OffsetForLeaderEpochRequest = message('OffsetForLeaderEpochRequest', 23, '0-4', '4+', {
  replicaId: at('3+', int32, -2),
  topics: array({
    topic: string,
    partitions: array({
      partition: int32,
      currentLeaderEpoch: at('2+', int32, -1),
      leaderEpoch: int32,
    }),
  }),
})
export type OffsetForLeaderEpochRequest = ValueOf<typeof OffsetForLeaderEpochRequest.fields>

export const OffsetForLeaderEpochResponse = message('OffsetForLeaderEpochResponse', 23, '0-4', '4+', {
  throttleTimeMs: at('2+', int32, 0),
  topics: array({
    topic: string,
    partitions: array({
      errorCode: int16,
      partition: int32,
      leaderEpoch: at('1+', int32, -1),
      endOffset: defaulted(int64, -1n),
    }),
  }),
})
export type OffsetForLeaderEpochResponse = InputOf<typeof OffsetForLeaderEpochResponse.fields>
