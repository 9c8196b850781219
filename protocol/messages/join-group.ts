import {
  array,
  at,
  bool,
  bytes,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const JoinGroupRequest = message('JoinGroupRequest', 11, '0-9', '6+', {
  groupId: string,
  sessionTimeoutMs: int32,
  rebalanceTimeoutMs: at('1+', int32, -1),
  memberId: string,
  groupInstanceId: at('5+', nullable(string), null),
  protocolType: string,
  protocols: array({
    name: string,
    metadata: bytes,
  }),
  reason: at('8+', nullable(string), null),
})
export type JoinGroupRequest = ValueOf<typeof JoinGroupRequest.fields>

export const JoinGroupResponse = message('JoinGroupResponse', 11, '0-9', '6+', {
  throttleTimeMs: at('2+', int32, 0),
  errorCode: int16,
  generationId: defaulted(int32, -1),
  protocolType: at('7+', nullable(string), null),
  protocolName: nullable('7+', string),
  leader: string,
  skipAssignment: at('9+', bool, false),
  memberId: string,
  members: array({
    memberId: string,
    groupInstanceId: at('5+', nullable(string), null),
    metadata: bytes,
  }),
})
export type JoinGroupResponse = InputOf<typeof JoinGroupResponse.fields>
