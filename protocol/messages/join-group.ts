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

/**
 * Joins a classic group and waits for the rebalance. v4 asks new members to come again with the id that they
 * are given (KIP-394), v5 has static members, v9 may skip the assignment.
 */
export const JoinGroupRequest = message('JoinGroupRequest', 11, '0-9', '6+', {
  groupId: string,
  /** Without a heartbeat for so long, the member is expelled. */
  sessionTimeoutMs: int32,
  /** How long the others wait for this member; before v1 the session timeout. */
  rebalanceTimeoutMs: at('1+', int32, -1),
  /** Empty at first. */
  memberId: string,
  /** Set by static members only (KIP-345). */
  groupInstanceId: at('5+', nullable(string), null),
  /** 'consumer', 'connect', 'sr' ...; all members of a group have the same. */
  protocolType: string,
  /** Assignors that the member knows, best first, with its metadata for each. */
  protocols: array({
    name: string,
    metadata: bytes,
  }),
  /** Why the member joins, for logs (KIP-800). */
  reason: at('8+', nullable(string), null),
})
export type JoinGroupRequest = ValueOf<typeof JoinGroupRequest.fields>

export const JoinGroupResponse = message('JoinGroupResponse', 11, '0-9', '6+', {
  throttleTimeMs: at('2+', int32, 0),
  /**
   * NONE, MEMBER_ID_REQUIRED (with the id to use), UNKNOWN_MEMBER_ID, INCONSISTENT_GROUP_PROTOCOL,
   * INVALID_SESSION_TIMEOUT, INVALID_GROUP_ID, GROUP_MAX_SIZE_REACHED, FENCED_INSTANCE_ID,
   * REBALANCE_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS,
   * GROUP_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
  generationId: defaulted(int32, -1),
  protocolType: at('7+', nullable(string), null),
  protocolName: nullable('7+', string),
  /** The leader's member id; that member makes the assignment. */
  leader: string,
  /** The leader need not assign: a static leader came back to an unchanged group. */
  skipAssignment: at('9+', bool, false),
  memberId: string,
  /** Given to the leader only; empty to the others. */
  members: array({
    memberId: string,
    groupInstanceId: at('5+', nullable(string), null),
    metadata: bytes,
  }),
})
export type JoinGroupResponse = InputOf<typeof JoinGroupResponse.fields>
