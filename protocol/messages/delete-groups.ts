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
    errorCode: int16,
    errorMessage: at('3+', nullable(string), null),
  }),
})
export type DeleteGroupsResponse = InputOf<typeof DeleteGroupsResponse.fields>
