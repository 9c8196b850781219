import { array, at, type InputOf, int16, int32, message, string, type ValueOf } from '../schema.ts'

export const ListGroupsRequest = message('ListGroupsRequest', 16, '0-5', '3+', {
  /** Empty: groups in any state. */
  statesFilter: at('4+', array(string)),
  /** Empty: of any type; else 'classic', 'consumer', 'share', 'streams'. */
  typesFilter: at('5+', array(string)),
})
export type ListGroupsRequest = ValueOf<typeof ListGroupsRequest.fields>

export const ListGroupsResponse = message('ListGroupsResponse', 16, '0-5', '3+', {
  throttleTimeMs: at('1+', int32, 0),
  /** NONE, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS. */
  errorCode: int16,
  groups: array({
    groupId: string,
    /** Empty of a group without members. */
    protocolType: string,
    groupState: at('4+', string),
    groupType: at('5+', string),
  }),
})
export type ListGroupsResponse = InputOf<typeof ListGroupsResponse.fields>
