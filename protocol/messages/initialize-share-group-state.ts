import {
  array,
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

/** To the share coordinator: the state of a share partition begins at an offset (KIP-932). */
export const InitializeShareGroupStateRequest = message('InitializeShareGroupStateRequest', 83, '0', '0+', {
  groupId: string,
  topics: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      stateEpoch: int32,
      startOffset: int64,
    }),
  }),
})
export type InitializeShareGroupStateRequest = ValueOf<typeof InitializeShareGroupStateRequest.fields>

export const InitializeShareGroupStateResponse = message('InitializeShareGroupStateResponse', 83, '0', '0+', {
  results: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  }),
})
export type InitializeShareGroupStateResponse = InputOf<typeof InitializeShareGroupStateResponse.fields>
