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
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const OffsetFetchRequest = message('OffsetFetchRequest', 9, '0-10', '6+', {
  groupId: at('0-7', string),
  topics: at(
    '0-7',
    nullable(
      '2-7',
      array({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
  ),
  groups: at(
    '8+',
    array({
      groupId: string,
      memberId: at('9+', nullable(string), null),
      memberEpoch: at('9+', int32, -1),
      topics: nullable(
        array({
          name: at('8-9', string),
          topicId: at('10+', uuid),
          partitionIndexes: array(int32),
        }),
      ),
    }),
  ),
  requireStable: at('7+', bool, false),
})
export type OffsetFetchRequest = ValueOf<typeof OffsetFetchRequest.fields>

export const OffsetFetchResponse = message('OffsetFetchResponse', 9, '0-10', '6+', {
  throttleTimeMs: at('3+', int32, 0),
  topics: at(
    '0-7',
    array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: at('5-7', int32, -1),
        metadata: nullable(string),
        errorCode: int16,
      }),
    }),
  ),
  errorCode: at('2-7', int16, 0),
  groups: at(
    '8+',
    array({
      groupId: string,
      topics: array({
        name: at('8-9', string),
        topicId: at('10+', uuid),
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: defaulted(int32, -1),
          metadata: nullable(string),
          errorCode: int16,
        }),
      }),
      errorCode: defaulted(int16, 0),
    }),
  ),
})
export type OffsetFetchResponse = InputOf<typeof OffsetFetchResponse.fields>
