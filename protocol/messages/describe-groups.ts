import {
  array,
  at,
  bool,
  bytes,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const DescribeGroupsRequest = message('DescribeGroupsRequest', 15, '0-6', '5+', {
  groups: array(string),
  includeAuthorizedOperations: at('3+', bool),
})
export type DescribeGroupsRequest = ValueOf<typeof DescribeGroupsRequest.fields>

export const DescribeGroupsResponse = message('DescribeGroupsResponse', 15, '0-6', '5+', {
  throttleTimeMs: at('1+', int32, 0),
  groups: array({
    /**
     * NONE, GROUP_ID_NOT_FOUND (v6; before, state Dead without an error), NOT_COORDINATOR,
     * COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, INVALID_GROUP_ID, GROUP_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: at('6+', nullable(string), null),
    groupId: string,
    /** Empty, PreparingRebalance, CompletingRebalance, Stable or Dead. */
    groupState: string,
    protocolType: string,
    /** The name of the chosen assignor. */
    protocolData: string,
    members: array({
      memberId: string,
      groupInstanceId: at('4+', nullable(string), null),
      clientId: string,
      clientHost: string,
      memberMetadata: bytes,
      memberAssignment: bytes,
    }),
    /** A bit for each operation; the least int32 when not asked for. */
    authorizedOperations: at('3+', int32, -2147483648),
  }),
})
export type DescribeGroupsResponse = InputOf<typeof DescribeGroupsResponse.fields>
