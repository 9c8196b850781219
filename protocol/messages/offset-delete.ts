import { array, defaulted, type InputOf, int16, int32, message, string, type ValueOf } from '../schema.ts'

export const OffsetDeleteRequest = message('OffsetDeleteRequest', 47, '0', 'none', {
  groupId: string,
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
    }),
  }),
})
export type OffsetDeleteRequest = ValueOf<typeof OffsetDeleteRequest.fields>

export const OffsetDeleteResponse = message('OffsetDeleteResponse', 47, '0', 'none', {
  /**
   * NONE, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, INVALID_GROUP_ID, NOT_COORDINATOR,
   * COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
  throttleTimeMs: defaulted(int32, 0),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      /** NONE, GROUP_SUBSCRIBED_TO_TOPIC, UNKNOWN_TOPIC_OR_PARTITION, TOPIC_AUTHORIZATION_FAILED. */
      errorCode: int16,
    }),
  }),
})
export type OffsetDeleteResponse = InputOf<typeof OffsetDeleteResponse.fields>
