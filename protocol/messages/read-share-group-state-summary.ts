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

/** To the share coordinator: start offset and delivery counts, without the batches. */
export const ReadShareGroupStateSummaryRequest = message(
  'ReadShareGroupStateSummaryRequest',
  87,
  '0-1',
  '0+',
  {
    groupId: string,
    topics: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        leaderEpoch: int32,
      }),
    }),
  },
)
export type ReadShareGroupStateSummaryRequest = ValueOf<typeof ReadShareGroupStateSummaryRequest.fields>

export const ReadShareGroupStateSummaryResponse = message(
  'ReadShareGroupStateSummaryResponse',
  87,
  '0-1',
  '0+',
  {
    results: array({
      topicId: uuid,
      partitions: array({
        partition: int32,
        errorCode: int16,
        errorMessage: defaulted(nullable(string), null),
        stateEpoch: int32,
        leaderEpoch: int32,
        startOffset: int64,
        deliveryCompleteCount: at('1+', int32, -1),
      }),
    }),
  },
)
export type ReadShareGroupStateSummaryResponse = InputOf<typeof ReadShareGroupStateSummaryResponse.fields>
