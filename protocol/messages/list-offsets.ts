import {
  array,
  at,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

export const ListOffsetsRequest = message('ListOffsetsRequest', 2, '0-11', '6+', {
  replicaId: int32,
  isolationLevel: at('2+', int8),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      currentLeaderEpoch: at('4+', int32, -1),
      timestamp: int64,
      maxNumOffsets: at('0', int32, 1),
    }),
  }),
  timeoutMs: at('10+', int32),
})
export type ListOffsetsRequest = ValueOf<typeof ListOffsetsRequest.fields>

export const ListOffsetsResponse = message('ListOffsetsResponse', 2, '0-11', '6+', {
  throttleTimeMs: at('2+', int32, 0),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      oldStyleOffsets: at('0', array(int64)),
      timestamp: at('1+', int64, -1n),
      offset: at('1+', int64, -1n),
      leaderEpoch: at('4+', int32, -1),
    }),
  }),
})
export type ListOffsetsResponse = InputOf<typeof ListOffsetsResponse.fields>
