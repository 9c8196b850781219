import { at, type InputOf, int16, int32, message, nullable, string, type ValueOf } from '../schema.ts'

export const HeartbeatRequest = message('HeartbeatRequest', 12, '0-4', '4+', {
  groupId: string,
  generationId: int32,
  memberId: string,
  /** Set by static members only (KIP-345). */
  groupInstanceId: at('3+', nullable(string), null),
})
export type HeartbeatRequest = ValueOf<typeof HeartbeatRequest.fields>

export const HeartbeatResponse = message('HeartbeatResponse', 12, '0-4', '4+', {
  throttleTimeMs: at('1+', int32, 0),
  /**
   * NONE, or why the member must rejoin or look for the coordinator: REBALANCE_IN_PROGRESS,
   * UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
   * GROUP_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
})
export type HeartbeatResponse = InputOf<typeof HeartbeatResponse.fields>
