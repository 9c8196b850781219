import { at, type InputOf, int16, int32, message, nullable, string, type ValueOf } from '../schema.ts'

export const HeartbeatRequest = message('HeartbeatRequest', 12, '0-4', '4+', {
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: at('3+', nullable(string), null),
})
export type HeartbeatRequest = ValueOf<typeof HeartbeatRequest.fields>

export const HeartbeatResponse = message('HeartbeatResponse', 12, '0-4', '4+', {
  throttleTimeMs: at('1+', int32, 0),
  errorCode: int16,
})
export type HeartbeatResponse = InputOf<typeof HeartbeatResponse.fields>
