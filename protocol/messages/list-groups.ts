import { array, at, type InputOf, int16, int32, message, string, type ValueOf } from '../schema.ts'

export const ListGroupsRequest = message('ListGroupsRequest', 16, '0-5', '3+', {
  statesFilter: at('4+', array(string)),
  typesFilter: at('5+', array(string)),
})
export type ListGroupsRequest = ValueOf<typeof ListGroupsRequest.fields>

export const ListGroupsResponse = message('ListGroupsResponse', 16, '0-5', '3+', {
  throttleTimeMs: at('1+', int32, 0),
  errorCode: int16,
  groups: array({
    groupId: string,
    protocolType: string,
    groupState: at('4+', string),
    groupType: at('5+', string),
  }),
})
export type ListGroupsResponse = InputOf<typeof ListGroupsResponse.fields>
