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
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const DescribeShareGroupOffsetsRequest = message('DescribeShareGroupOffsetsRequest', 90, '0-1', '0+', {
  groups: array({
    groupId: string,
    /** Null: all that the group has. */
    topics: nullable(
      array({
        topicName: string,
        partitions: array(int32),
      }),
    ),
  }),
})
export type DescribeShareGroupOffsetsRequest = ValueOf<typeof DescribeShareGroupOffsetsRequest.fields>

export const DescribeShareGroupOffsetsResponse = message(
  'DescribeShareGroupOffsetsResponse',
  90,
  '0-1',
  '0+',
  {
    throttleTimeMs: defaulted(int32, 0),
    groups: array({
      groupId: string,
      topics: array({
        topicName: string,
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
          /** -1 where there is none. */
          startOffset: int64,
          leaderEpoch: int32,
          /** -1 where it cannot be told (KIP-1226). */
          lag: at('1+', int64, -1n),
          errorCode: int16,
          errorMessage: defaulted(nullable(string), null),
        }),
      }),
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  },
)
export type DescribeShareGroupOffsetsResponse = InputOf<typeof DescribeShareGroupOffsetsResponse.fields>
