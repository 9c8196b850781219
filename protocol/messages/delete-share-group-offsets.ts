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

export const DeleteShareGroupOffsetsRequest = message('DeleteShareGroupOffsetsRequest', 92, '0', '0+', {
  groupId: string,
  topics: array({
    topicName: string,
  }),
})
export type DeleteShareGroupOffsetsRequest = ValueOf<typeof DeleteShareGroupOffsetsRequest.fields>

export const DeleteShareGroupOffsetsResponse = message('DeleteShareGroupOffsetsResponse', 92, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, GROUP_AUTHORIZATION_FAILED, NOT_COORDINATOR,
   * COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS.
   */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  responses: array({
    topicName: string,
    topicId: uuid,
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
  }),
})
export type DeleteShareGroupOffsetsResponse = InputOf<typeof DeleteShareGroupOffsetsResponse.fields>
