import {
  array,
  at,
  bytes,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const SyncGroupRequest = message('SyncGroupRequest', 14, '0-5', '4+', {
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: at('3+', nullable(string), null),
  protocolType: at('5+', nullable(string), null),
  protocolName: at('5+', nullable(string), null),
  assignments: array({
    memberId: string,
    assignment: bytes,
  }),
})
export type SyncGroupRequest = ValueOf<typeof SyncGroupRequest.fields>

export const SyncGroupResponse = message('SyncGroupResponse', 14, '0-5', '4+', {
  throttleTimeMs: at('1+', int32, 0),
  errorCode: int16,
  protocolType: at('5+', nullable(string), null),
  protocolName: at('5+', nullable(string), null),
  assignment: bytes,
})
export type SyncGroupResponse = InputOf<typeof SyncGroupResponse.fields>
