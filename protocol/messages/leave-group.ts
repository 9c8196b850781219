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

/** From v3 on several members at once, also static ones by their instance id (for tools). */
export const LeaveGroupRequest = message('LeaveGroupRequest', 13, '0-5', '4+', {
  groupId: string,
  memberId: at('0-2', string),
  members: at(
    '3+',
    array({
      memberId: string,
      groupInstanceId: defaulted(nullable(string), null),
      reason: at('5+', nullable(string), null),
    }),
  ),
})
export type LeaveGroupRequest = ValueOf<typeof LeaveGroupRequest.fields>

export const LeaveGroupResponse = message('LeaveGroupResponse', 13, '0-5', '4+', {
  throttleTimeMs: at('1+', int32, 0),
  /**
   * NONE, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS,
   * GROUP_AUTHORIZATION_FAILED; before v3 also UNKNOWN_MEMBER_ID.
   */
  errorCode: int16,
  members: at(
    '3+',
    array({
      memberId: string,
      groupInstanceId: nullable(string),
      /** NONE, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
      errorCode: int16,
    }),
  ),
})
export type LeaveGroupResponse = InputOf<typeof LeaveGroupResponse.fields>
