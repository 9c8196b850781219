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
  errorCode: int16,
  members: at(
    '3+',
    array({
      memberId: string,
      groupInstanceId: nullable(string),
      errorCode: int16,
    }),
  ),
})
export type LeaveGroupResponse = InputOf<typeof LeaveGroupResponse.fields>
