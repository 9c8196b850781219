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

export const AlterShareGroupOffsetsRequest = message('AlterShareGroupOffsetsRequest', 91, '0', '0+', {
  groupId: string,
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      startOffset: int64,
    }),
  }),
})
export type AlterShareGroupOffsetsRequest = ValueOf<typeof AlterShareGroupOffsetsRequest.fields>

export const AlterShareGroupOffsetsResponse = message('AlterShareGroupOffsetsResponse', 91, '0', '0+', {
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
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  }),
})
export type AlterShareGroupOffsetsResponse = InputOf<typeof AlterShareGroupOffsetsResponse.fields>
