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

/** The leader hands in everybody's assignment; each member gets its own. */
export const SyncGroupRequest = message('SyncGroupRequest', 14, '0-5', '4+', {
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: at('3+', nullable(string), null),
  protocolType: at('5+', nullable(string), null),
  protocolName: at('5+', nullable(string), null),
  /** From the leader; empty from the others. */
  assignments: array({
    memberId: string,
    assignment: bytes,
  }),
})
export type SyncGroupRequest = ValueOf<typeof SyncGroupRequest.fields>

export const SyncGroupResponse = message('SyncGroupResponse', 14, '0-5', '4+', {
  throttleTimeMs: at('1+', int32, 0),
  /**
   * NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, INCONSISTENT_GROUP_PROTOCOL (v5),
   * FENCED_INSTANCE_ID, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS,
   * GROUP_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
  protocolType: at('5+', nullable(string), null),
  protocolName: at('5+', nullable(string), null),
  assignment: bytes,
})
export type SyncGroupResponse = InputOf<typeof SyncGroupResponse.fields>
