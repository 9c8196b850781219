import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** To the share coordinator: the group is no longer. */
export const DeleteShareGroupStateRequest = message('DeleteShareGroupStateRequest', 86, '0', '0+', {
  groupId: string,
  topics: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
    }),
  }),
})
export type DeleteShareGroupStateRequest = ValueOf<typeof DeleteShareGroupStateRequest.fields>

export const DeleteShareGroupStateResponse = message('DeleteShareGroupStateResponse', 86, '0', '0+', {
  results: array({
    topicId: uuid,
    partitions: array({
      partition: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  }),
})
export type DeleteShareGroupStateResponse = InputOf<typeof DeleteShareGroupStateResponse.fields>
