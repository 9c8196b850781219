/**
 * Members of consumer groups that speak the classic protocol (KIP-848's online migration). To them the group
 * looks as one that rebalances cooperatively: their generation is their member epoch, JoinGroup takes them
 * one step towards their target, SyncGroup says what they have, and a heartbeat tells them to join again
 * whenever there is another step to take. Nobody is their leader.
 */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { decodeSubscription } from '../../protocol/records/consumer-protocol.ts'
import { MalformedMessage } from '../../protocol/wire.ts'
import { type CoordinatorRecord, type Outcome, reply, type Ticket } from '../coordinator/shard.ts'
import {
  contradicts,
  countProtocols,
  type JoinRequest,
  type JoinResponse,
  type MemberIdentity,
  NO_ASSIGNMENT,
  refusedJoin,
  type SyncRequest,
  type SyncResponse,
} from './classic-member.ts'
import { GroupEdit } from './consumer-edit.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import { refusalOfStatic, replaceStatic } from './consumer-heartbeat.ts'
import {
  assignmentOf,
  type ConsumerMember,
  holds,
  type MemberProfile,
  newMember,
  normalized,
} from './consumer-member.ts'
import { byTopicId, classicAssignment, mayDowngrade } from './group-migration.ts'

type Subscription = ReturnType<typeof decodeSubscription>['value']

export class ClassicMembers {
  private readonly consumers: ConsumerGroups

  constructor(consumers: ConsumerGroups) {
    this.consumers = consumers
  }

  join(group: ConsumerGroup, request: JoinRequest, ticket: Ticket<JoinResponse>, now: number): Outcome {
    const refused = (errorCode: ErrorCode, memberId = ''): Outcome => ({
      replies: [reply(ticket, refusedJoin(errorCode, memberId))],
    })
    const error = this.refusalToJoin(group, request)
    if (error) return refused(error)
    const memberId = request.memberId === '' ? this.consumers.options.newUuid() : request.memberId
    if (request.memberId === '' && request.groupInstanceId === null && request.requiresKnownMemberId) {
      return refused(ErrorCode.MEMBER_ID_REQUIRED, memberId)
    }
    const subscription = subscriptionOf(request)
    if (!subscription) return refused(ErrorCode.UNKNOWN_SERVER_ERROR)
    const edit = new GroupEdit(group)
    const joined = this.enter(edit, { request, memberId, subscription }, now)
    if (joined.error) return refused(joined.error)
    const { records, memberEpoch } = joined.value
    const response: JoinResponse = {
      errorCode: ErrorCode.NONE,
      generationId: memberEpoch,
      protocolType: 'consumer',
      protocolName: request.protocols[0]!.name,
      leader: '',
      skipAssignment: false,
      memberId,
      members: [],
    }
    return { records, replies: [reply(ticket, response)] }
  }

  private refusalToJoin(group: ConsumerGroup, request: JoinRequest): ErrorCode {
    const { options } = this.consumers
    if (options.migrationPolicy === 'disabled') return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    const full = this.consumers.refusalWhereFull(group, request.memberId)
    if (full) return full.error
    const classics = [...group.members()].flatMap(({ classic }) => (classic ? [classic] : []))
    const support = countProtocols(classics)
    const isShared = request.protocols.some(({ name }) => (support.get(name) ?? 0) === classics.length)
    const isSupported = request.protocolType === 'consumer' && isShared
    return isSupported ? ErrorCode.NONE : ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  }

  /** Takes the member in, and as far as it can go now. */
  private enter(
    edit: GroupEdit,
    joining: {
      readonly request: JoinRequest
      readonly memberId: string
      readonly subscription: Subscription
    },
    now: number,
  ): Result<{ readonly records: CoordinatorRecord[]; readonly memberEpoch: number }> {
    const { consumers } = this
    const { group, groupId } = edit
    const { request, memberId, subscription } = joining
    const found = this.joiningMember(edit, { ...request, memberId }, request.memberId === '')
    if (found.error) return found
    const { member, hasLeftProtocol } = found.value
    const noted = consumers.noteProfile(edit, member, profileOf(member, request, subscription), now)
    if (noted.error) return noted
    consumers.advanceEpoch(edit, noted.value.needsEpoch)
    const owned = byTopicId(subscription.ownedPartitions, consumers.options.image())
    const said = { hasSubscriptionChanged: noted.value.hasSubscriptionChanged, owned }
    // The last one that spoke the new protocol has come back with the old: the whole group does so with it.
    if (hasLeftProtocol && mayDowngrade(group, new Set(), consumers.options)) {
      const isStale = group.assignmentEpoch < group.epoch
      if (!isStale) consumers.reconcile(edit, memberId, said, now)
      const { memberEpoch } = group.member(memberId)!
      // Kafka knows nothing yet of an epoch that is written with this.
      const how = { now, rebalances: isStale, memberId, generationId: edit.before.epoch }
      const records = [...edit.records, ...consumers.downgrade(group, new Set(), how)]
      return ok({ records, memberEpoch })
    }
    consumers.advanceTarget(edit, memberId, now)
    const reconciled = consumers.reconcile(edit, memberId, said, now)
    if (reconciled.error) return reconciled
    const { memberEpoch: epoch } = reconciled.value
    const timers = consumers.timersOf(groupId)
    timers.cancel(memberId, 'join')
    timers.cancel(memberId, 'revocation')
    consumers.startWait(groupId, memberId, 'session', { at: now + request.sessionTimeoutMs, epoch })
    consumers.startWait(groupId, memberId, 'sync', { at: now + request.rebalanceTimeoutMs, epoch })
    return ok({ records: edit.records, memberEpoch: epoch })
  }

  /**
   * The one that it was, or a new one. A static member that comes without an id takes its former self's
   * place.
   */
  private joiningMember(
    edit: GroupEdit,
    { memberId, groupInstanceId }: JoinRequest,
    isNew: boolean,
  ): Result<{ readonly member: ConsumerMember; readonly hasLeftProtocol?: boolean }> {
    const { group } = edit
    if (groupInstanceId === null) return ok({ member: group.member(memberId) ?? newMember(memberId) })
    const known = group.staticMember(groupInstanceId)
    if (!isNew) {
      return (
        refusalOfStatic(known, memberId, groupInstanceId) ??
        ok({ member: known!, hasLeftProtocol: !known!.classic })
      )
    }
    if (!known) return ok({ member: newMember(memberId) })
    return ok({ member: replaceStatic(edit, known, memberId), hasLeftProtocol: !known.classic })
  }

  sync(group: ConsumerGroup, request: SyncRequest, ticket: Ticket<SyncResponse>, now: number): Outcome {
    const { memberId } = request
    const found = this.classicMember(group, request, request.generationId)
    const error = found.error || this.syncError(group, request, found.value, now)
    if (error || found.error) {
      const refusal = { errorCode: error, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT }
      return { replies: [reply(ticket, refusal)] }
    }
    const { classic, assigned } = found.value
    this.consumers.timersOf(group.groupId).cancel(memberId, 'sync')
    this.renewSession(group, found.value, now)
    const { name: protocolName, metadata } = classic!.protocols[0]!
    const assignment = classicAssignment(assignmentOf(assigned), metadata, this.consumers.options.image())
    const response = { errorCode: ErrorCode.NONE, protocolType: 'consumer', protocolName, assignment }
    return { replies: [reply(ticket, response)] }
  }

  private syncError(
    group: ConsumerGroup,
    request: SyncRequest,
    member: ConsumerMember,
    now: number,
  ): ErrorCode {
    const protocolName = member.classic!.protocols[0]!.name
    const isInconsistent =
      contradicts(request.protocolType, 'consumer') || contradicts(request.protocolName, protocolName)
    if (isInconsistent) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    if (group.assignmentEpoch <= member.memberEpoch || member.state === 'UNREVOKED_PARTITIONS') {
      return ErrorCode.NONE
    }
    this.awaitJoin(group, member, now)
    return ErrorCode.REBALANCE_IN_PROGRESS
  }

  heartbeat(
    group: ConsumerGroup,
    request: MemberIdentity & { readonly generationId: number },
    ticket: Ticket<ErrorCode>,
    now: number,
  ): Outcome {
    const found = this.classicMember(group, request, request.generationId)
    if (found.error) return { replies: [reply(ticket, found.error)] }
    const member = found.value
    this.renewSession(group, member, now)
    if (!hasStepToTake(group, member)) return { replies: [reply(ticket, ErrorCode.NONE)] }
    this.awaitJoin(group, member, now)
    return { replies: [reply(ticket, ErrorCode.REBALANCE_IN_PROGRESS)] }
  }

  /** Whatever protocol they speak. A code for each, in order. */
  leave(
    group: ConsumerGroup,
    members: readonly MemberIdentity[],
    ticket: Ticket<ErrorCode[]>,
    now: number,
  ): Outcome {
    const leaving = new Set<string>()
    const errorCodes = members.map(identity => {
      const found = leavingMember(group, identity)
      if (found.error) return found.error
      leaving.add(found.value.memberId)
      return ErrorCode.NONE
    })
    const records = leaving.size > 0 ? this.consumers.removal(group, leaving, now) : []
    return { records, replies: [reply(ticket, errorCodes)] }
  }

  private classicMember(
    group: ConsumerGroup,
    { memberId, groupInstanceId }: MemberIdentity,
    generationId: number,
  ): Result<ConsumerMember> {
    if (groupInstanceId !== null) {
      const refusal = refusalOfStatic(group.staticMember(groupInstanceId), memberId, groupInstanceId)
      if (refusal) return refusal
    }
    const member = group.member(memberId)
    if (!member?.classic) return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
    return generationId === member.memberEpoch ? ok(member) : refuse(ErrorCode.ILLEGAL_GENERATION)
  }

  private renewSession(
    { groupId }: ConsumerGroup,
    { memberId, memberEpoch, classic }: ConsumerMember,
    now: number,
  ) {
    const at = now + classic!.sessionTimeoutMs
    this.consumers.startWait(groupId, memberId, 'session', { at, epoch: memberEpoch })
  }

  /** From when it was first told to join again. */
  private awaitJoin({ groupId }: ConsumerGroup, member: ConsumerMember, now: number): void {
    const { memberId, memberEpoch, rebalanceTimeoutMs } = member
    if (this.consumers.timersOf(groupId).has(memberId, 'join')) return
    this.consumers.startWait(groupId, memberId, 'join', { at: now + rebalanceTimeoutMs, epoch: memberEpoch })
  }
}

/** A newer target, or one to bring about; partitions to give up, or partitions that have become free. */
function hasStepToTake(group: ConsumerGroup, member: ConsumerMember): boolean {
  if (member.memberEpoch < group.assignmentEpoch) return true
  // Heartbeats of the new protocol compute targets; where nobody speaks it (`group.consumer.migration.policy`
  // may keep such a group) only a JoinGroup does. Kafka 4.3 leaves the partitions of who left to nobody.
  if (group.assignmentEpoch < group.epoch && group.isClassicWithout()) return true
  switch (member.state) {
    case 'UNREVOKED_PARTITIONS':
      return true
    case 'UNRELEASED_PARTITIONS':
      return !waitsForOthers(group, member)
    default:
      return false
  }
}

function waitsForOthers(group: ConsumerGroup, { memberId, assigned }: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.target(memberId)) {
    for (const partition of partitions) {
      if (!holds(assigned, topicId, partition) && group.holder(topicId, partition) !== undefined) return true
    }
  }
  return false
}

function leavingMember(
  group: ConsumerGroup,
  { memberId, groupInstanceId }: MemberIdentity,
): Result<ConsumerMember> {
  if (groupInstanceId === null) {
    const member = group.member(memberId)
    return member ? ok(member) : refuse(ErrorCode.UNKNOWN_MEMBER_ID)
  }
  const member = group.staticMember(groupInstanceId)
  // An administrator names static members by their instances alone.
  if (member && memberId === '') return ok(member)
  return refusalOfStatic(member, memberId, groupInstanceId) ?? ok(member!)
}

function subscriptionOf({ protocols }: JoinRequest): Subscription | undefined {
  try {
    return decodeSubscription(protocols[0]!.metadata).value
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

function profileOf(member: ConsumerMember, request: JoinRequest, subscription: Subscription): MemberProfile {
  return {
    instanceId: request.groupInstanceId ?? member.instanceId,
    rackId: subscription.rackId || member.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames: normalized(subscription.topics),
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classic: { sessionTimeoutMs: request.sessionTimeoutMs, protocols: request.protocols },
  }
}
