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
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** To the share coordinator: what the leader of a share partition has changed. */
export const WriteShareGroupStateRequest = message('WriteShareGroupStateRequest', 85, '0-1', '0+', {
  groupId: string,
  topics: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      stateEpoch: int32,
      leaderEpoch: int32,
      startOffset: int64,
      deliveryCompleteCount: at('1+', int32, -1),
      stateBatches: array({
        firstOffset: int64,
        lastOffset: int64,
        deliveryState: int8,
        deliveryCount: int16,
      }),
    }),
  }),
})
export type WriteShareGroupStateRequest = ValueOf<typeof WriteShareGroupStateRequest.fields>

export const WriteShareGroupStateResponse = message('WriteShareGroupStateResponse', 85, '0-1', '0+', {
  results: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  }),
})
export type WriteShareGroupStateResponse = InputOf<typeof WriteShareGroupStateResponse.fields>
