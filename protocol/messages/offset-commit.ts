import {
  array,
  at,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const OffsetCommitRequest = message('OffsetCommitRequest', 8, '0-10', '8+', {
  groupId: string,
  generationIdOrMemberEpoch: at('1+', int32, -1),
  memberId: at('1+', string),
  groupInstanceId: at('7+', nullable(string), null),
  retentionTimeMs: at('2-4', int64, -1n),
  topics: array({
    name: at('0-9', string),
    topicId: at('10+', uuid),
    partitions: array({
      partitionIndex: int32,
      committedOffset: int64,
      committedLeaderEpoch: at('6+', int32, -1),
      commitTimestamp: at('1', int64, -1n),
      committedMetadata: nullable(string),
    }),
  }),
})
export type OffsetCommitRequest = ValueOf<typeof OffsetCommitRequest.fields>

export const OffsetCommitResponse = message('OffsetCommitResponse', 8, '0-10', '8+', {
  throttleTimeMs: at('3+', int32, 0),
  topics: array({
    name: at('0-9', string),
    topicId: at('10+', uuid),
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
    }),
  }),
})
export type OffsetCommitResponse = InputOf<typeof OffsetCommitResponse.fields>
