/** ConsumerGroupHeartbeat (KIP-848): what a member says, what it hears, and the check of its words. */

import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import type { Assignment, Assignor } from './assignor.ts'
import type { GroupEdit } from './consumer-edit.ts'
import {
  AWAY_EPOCH,
  type ConsumerMember,
  isHeld,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  type MemberProfile,
  newMember,
  normalized,
} from './consumer-member.ts'

/** Fields that are null, or -1, have not changed. */
export interface ConsumerHeartbeat {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  /** What the member has. */
  readonly owned: Assignment | null
  readonly clientId: string
  readonly clientHost: string
  /** Since v1 members make their ids themselves (KIP-1082). */
  readonly requiresMemberId: boolean
}

export interface ConsumerHeartbeatAnswer {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null: as it was told before. */
  readonly assignment: Assignment | null
}

/** What can be said without knowing the group. */
export function heartbeatProblem(
  groupId: string,
  request: ConsumerHeartbeat,
  assignors: ReadonlyMap<string, Assignor>,
): Refusal | undefined {
  const { memberId, memberEpoch, instanceId, rackId, serverAssignor } = request
  const needsMemberId =
    request.requiresMemberId || memberEpoch > JOINING_EPOCH || memberEpoch === LEAVING_EPOCH
  if (needsMemberId && isBlank(memberId)) return invalid("MemberId can't be empty.")
  if (isBlank(groupId)) return invalid("GroupId can't be empty.")
  if (instanceId !== null && isBlank(instanceId)) return invalid("InstanceId can't be empty.")
  if (rackId !== null && isBlank(rackId)) return invalid("RackId can't be empty.")
  if (memberEpoch === JOINING_EPOCH) {
    const problem = joinProblem(request)
    if (problem) return problem
  } else if (memberEpoch === AWAY_EPOCH) {
    if (instanceId === null) return invalid("InstanceId can't be null.")
  } else if (memberEpoch < AWAY_EPOCH) {
    return invalid('MemberEpoch is invalid.')
  }
  if (serverAssignor !== null && !assignors.has(serverAssignor)) {
    const names = [...assignors.keys()].join(', ')
    return refuse(
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${names}.`,
    )
  }
  return undefined
}

function joinProblem(request: ConsumerHeartbeat): Refusal | undefined {
  if (request.rebalanceTimeoutMs === -1) {
    return invalid('RebalanceTimeoutMs must be provided in first request.')
  }
  if (request.owned === null || request.owned.size > 0) {
    return invalid('TopicPartitions must be empty when (re-)joining.')
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    return invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
  }
  return undefined
}

function invalid(message: string): Refusal {
  return refuse(ErrorCode.INVALID_REQUEST, message)
}

function isBlank(text: string): boolean {
  return text.trim() === ''
}

/** A request that says all that a member can say, as it is sent at first and after errors. */
export function isFull({
  rebalanceTimeoutMs,
  subscribedTopicNames,
  subscribedTopicRegex,
  owned,
}: ConsumerHeartbeat) {
  return (
    rebalanceTimeoutMs !== -1 &&
    (subscribedTopicNames !== null || subscribedTopicRegex !== null) &&
    owned !== null
  )
}

/**
 * The member that a heartbeat is of; a new one where it joins. A static one takes its predecessor's place.
 */
export function memberOf(edit: GroupEdit, request: ConsumerHeartbeat): Result<ConsumerMember> {
  return request.instanceId === null
    ? dynamicMember(edit, request)
    : staticMember(edit, request, request.instanceId)
}

function dynamicMember(edit: GroupEdit, request: ConsumerHeartbeat): Result<ConsumerMember> {
  const { memberId, memberEpoch } = request
  const member = edit.group.member(memberId)
  if (memberEpoch === JOINING_EPOCH) return ok(member ?? newMember(memberId))
  return member ? checkedEpoch(member, request) : unknownMember(memberId, edit.groupId)
}

function staticMember(
  edit: GroupEdit,
  request: ConsumerHeartbeat,
  instanceId: string,
): Result<ConsumerMember> {
  const { memberId, memberEpoch } = request
  const known = edit.group.staticMember(instanceId)
  if (memberEpoch !== JOINING_EPOCH) {
    const refusal = refusalOfStatic(known, memberId, instanceId)
    return refusal ?? checkedEpoch(known!, request)
  }
  if (!known) return ok(edit.group.member(memberId) ?? newMember(memberId))
  // Who spoke the classic protocol does not know how to leave for a while.
  if (!known.classic && known.memberEpoch !== AWAY_EPOCH) {
    return refuse(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance` +
        ` id is owned by ${known.memberId} member.`,
    )
  }
  return ok(replaceStatic(edit, known, memberId))
}

/** Unknown, or another has taken the instance over. */
export function refusalOfStatic(
  known: ConsumerMember | undefined,
  memberId: string,
  instanceId: string,
): Refusal | undefined {
  if (!known) return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
  if (known.memberId === memberId) return undefined
  return refuse(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${known.memberId}.`,
  )
}

/** The member under its new id: what its predecessor was to have, and has, is its own. */
export function replaceStatic(edit: GroupEdit, known: ConsumerMember, memberId: string): ConsumerMember {
  const target = edit.group.target(known.memberId)
  const member = { ...known, memberId, memberEpoch: JOINING_EPOCH, previousMemberEpoch: JOINING_EPOCH }
  edit.removeMember(known.memberId)
  edit.write({ kind: 'member', memberId, value: profileOf(member) })
  edit.write({ kind: 'target', memberId, value: target })
  edit.write({ kind: 'standing', memberId, value: standingOf(member) })
  return member
}

export function unknownMember(memberId: string, groupId: string): Refusal {
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`)
}

/**
 * A member is to know its epoch. It may come with the one before when the answer that told it of a new one
 * was lost, which shows in what it says to have.
 */
function checkedEpoch(
  member: ConsumerMember,
  { memberEpoch, owned }: ConsumerHeartbeat,
): Result<ConsumerMember> {
  if (memberEpoch === member.memberEpoch) return ok(member)
  const isOlder = memberEpoch < member.memberEpoch
  const isRetry = isOlder && memberEpoch === member.previousMemberEpoch
  if (isRetry && owned !== null && isHeld(owned, member.assigned)) return ok(member)
  const compared = isOlder ? 'smaller' : 'greater'
  return refuse(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${compared} member epoch (${memberEpoch}) than the one known by the` +
      ` group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  )
}

/**
 * The member's profile with what the heartbeat changes. Who speaks so, speaks the classic protocol no more.
 */
export function profileAfter(member: ConsumerMember, request: ConsumerHeartbeat): MemberProfile {
  const { rebalanceTimeoutMs, subscribedTopicNames, subscribedTopicRegex } = request
  return {
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames: subscribedTopicNames
      ? normalized(subscribedTopicNames)
      : member.subscribedTopicNames,
    subscribedTopicRegex: subscribedTopicRegex ?? member.subscribedTopicRegex,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    classic: undefined,
  }
}

export function profileOf(member: ConsumerMember): MemberProfile {
  const { instanceId, rackId, clientId, clientHost, subscribedTopicNames, subscribedTopicRegex } = member
  const { rebalanceTimeoutMs, serverAssignor, classic } = member
  return {
    instanceId,
    rackId,
    clientId,
    clientHost,
    subscribedTopicNames,
    subscribedTopicRegex,
    rebalanceTimeoutMs,
    serverAssignor,
    classic,
  }
}

export function standingOf(member: ConsumerMember) {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member
  return { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation }
}
