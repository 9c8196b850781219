import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const DeleteGroupsRequest = message('DeleteGroupsRequest', 42, '0-3', '2+', {
  groupsNames: array(string),
})
export type DeleteGroupsRequest = ValueOf<typeof DeleteGroupsRequest.fields>

export const DeleteGroupsResponse = message('DeleteGroupsResponse', 42, '0-3', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    groupId: string,
    /**
     * NONE, NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, INVALID_GROUP_ID, NOT_COORDINATOR,
     * COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED,
     * GROUP_DELETION_FAILED (v3, with a message).
     */
    errorCode: int16,
    errorMessage: at('3+', nullable(string), null),
  }),
})
export type DeleteGroupsResponse = InputOf<typeof DeleteGroupsResponse.fields>
