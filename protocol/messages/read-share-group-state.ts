import {
  array,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** To the share coordinator: the state of a share partition, for its new leader. */
export const ReadShareGroupStateRequest = message('ReadShareGroupStateRequest', 84, '0', '0+', {
  groupId: string,
  topics: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      leaderEpoch: int32,
    }),
  }),
})
export type ReadShareGroupStateRequest = ValueOf<typeof ReadShareGroupStateRequest.fields>

export const ReadShareGroupStateResponse = message('ReadShareGroupStateResponse', 84, '0', '0+', {
  results: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      stateEpoch: int32,
      startOffset: int64,
      stateBatches: array({
        firstOffset: int64,
        lastOffset: int64,
        /** 0 available, 2 acknowledged, 4 archived. */
        deliveryState: int8,
        deliveryCount: int16,
      }),
    }),
  }),
})
export type ReadShareGroupStateResponse = InputOf<typeof ReadShareGroupStateResponse.fields>
