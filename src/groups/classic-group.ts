/**
 * One group of the classic protocol (KIP-62, KIP-134, KIP-345, KIP-394, KIP-814), as a pure state machine.
 *
 *   Empty               → PreparingRebalance   the first member joins; others get the initial delay to come
 *   PreparingRebalance  → CompletingRebalance  all known members have joined, or the time for it is over
 *   PreparingRebalance  → Empty                the last member left or expired
 *   CompletingRebalance → Stable               the leader has sent the assignment
 *   CompletingRebalance, Stable → PreparingRebalance   a member joined anew, changed, left or expired
 *   Empty               → Dead                 the group was deleted
 *
 * What a restart must find again (generation, protocol, leader, members with their assignments) is written as
 * one record when a generation becomes Stable or Empty, and is set by `install` alone. The rest is soft: who
 * waits, and until when.
 */

import assert from 'node:assert'
import { ErrorCode } from '../../protocol/errors.ts'
import { type Reply, reply, type Ticket } from '../coordinator/shard.ts'
import {
  type ClassicMember,
  contradicts,
  type GroupSnapshot,
  isExcused,
  type JoinRequest,
  type JoinResponse,
  type MemberIdentity,
  NO_ASSIGNMENT,
  offersSame,
  refusedJoin,
  type SyncRequest,
  type SyncResponse,
  selectProtocol,
} from './classic-member.ts'
import { ClassicMembership } from './classic-membership.ts'

export type ClassicGroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** One command at one time, and what it did besides changing soft state. */
export interface Turn {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The group as it is to be from now on must be written, and the replies wait for that. */
  snapshot?: GroupSnapshot
  readonly replies: Reply[]
  /** Whether what is to be written fits into a batch. */
  readonly fits?: (snapshot: GroupSnapshot) => boolean
}

export interface ClassicGroupOptions {
  /** `group.initial.rebalance.delay.ms` */
  readonly initialRebalanceDelayMs: number
  /** `group.max.size` */
  readonly maxSize: number
  /** A fresh member id that begins with the prefix. */
  readonly newMemberId: (prefix: string) => string
}

/** New members have no id to heartbeat with; a JoinGroup that waits longer is taken for abandoned. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1_000
/** Between two looks at a group of which nobody has come. */
const LEAST_REJOIN_MS = 1_000

export class ClassicGroup {
  readonly type = 'classic'
  readonly groupId: string
  readonly membership = new ClassicMembership()
  private readonly options: ClassicGroupOptions
  state: ClassicGroupState = 'Empty'
  generationId = 0
  protocolType: string | null = null
  protocolName: string | null = null
  /** When the group last became Empty or Stable, ms since the epoch. */
  stateTimestampMs: number
  /** When the join phase ends at the latest. */
  private joinDeadline = Infinity
  /** The wait of a new group for more members (KIP-134): this round's length, and what may still be added. */
  private initialDelay: { readonly delayMs: number; readonly remainingMs: number } | undefined
  private joinedDuringDelay = false
  /** When members that have not sent SyncGroup are removed. */
  private syncDeadline = Infinity
  /** Never later than the next thing to expire; heartbeats only move those further away. */
  private nextDeadline = Infinity

  constructor(groupId: string, options: ClassicGroupOptions, now: number) {
    this.groupId = groupId
    this.options = options
    this.stateTimestampMs = now
  }

  /** Nobody is in it, and nobody was told to come. */
  get isIdle(): boolean {
    return this.membership.size === 0 && this.membership.pending.size === 0
  }

  // Commands ------------------------------------------------------------------------------------------------

  join(request: JoinRequest, ticket: Ticket<JoinResponse>, turn: Turn): void {
    const { memberId } = request
    const refusal = this.refusalToJoin(request)
    if (refusal) turn.replies.push(reply(ticket, refusal))
    else if (memberId === '') this.joinUnknown(request, ticket, turn)
    else if (this.membership.pending.has(memberId)) this.joinPending(memberId, request, ticket, turn)
    else this.rejoin(this.membership.get(memberId)!, request, ticket, turn)
  }

  sync(request: SyncRequest, ticket: Ticket<SyncResponse>, turn: Turn): void {
    const error = this.validateSync(request)
    if (error) {
      turn.replies.push(reply(ticket, this.syncResponse(error, NO_ASSIGNMENT)))
      return
    }
    const member = this.membership.get(request.memberId)!
    this.membership.pendingSync.delete(member.memberId)
    if (this.membership.pendingSync.size === 0) this.syncDeadline = Infinity
    if (this.state === 'Stable') {
      this.renewSession(member, turn)
      turn.replies.push(reply(ticket, this.syncResponse(ErrorCode.NONE, member.assignment)))
      return
    }
    this.refuseSync(member, ErrorCode.REBALANCE_IN_PROGRESS, turn)
    member.syncTicket = ticket
    if (this.membership.leader === member.memberId) this.completeSync(request.assignments, turn)
  }

  /** In CompletingRebalance Kafka's code answers NONE, whatever its table of states says; so do we. */
  heartbeat(identity: MemberIdentity, generationId: number, turn: Turn): ErrorCode {
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const error = this.membership.validate(identity)
    if (error) return error
    if (generationId !== this.generationId) return ErrorCode.ILLEGAL_GENERATION
    this.renewSession(this.membership.get(identity.memberId)!, turn)
    return this.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  }

  /** Removes members; a code for each, in order. Static ones may be named by their instances alone. */
  leave(identities: readonly MemberIdentity[], turn: Turn): ErrorCode[] {
    if (this.state === 'Dead') return identities.map(() => ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const errorCodes = identities.map(identity => this.leaveOne(identity, turn))
    if (errorCodes.includes(ErrorCode.NONE)) this.membershipShrank(turn)
    return errorCodes
  }

  /** The group is deleted; nobody may be in it. */
  markDead(): void {
    assert.equal(this.membership.size, 0)
    this.state = 'Dead'
  }

  /** Whether a commit of offsets is allowed now; see `touch`. */
  validateOffsetCommit(identity: MemberIdentity, generationId: number, isTransactional: boolean): ErrorCode {
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    // Consumers that manage their partitions themselves, and administrators, commit to empty groups.
    if (generationId < 0 && this.state === 'Empty') return ErrorCode.NONE
    if (generationId >= 0 || identity.memberId !== '' || identity.groupInstanceId !== null) {
      const error = this.membership.validate(identity)
      if (error) return error
      if (generationId !== this.generationId) return ErrorCode.ILLEGAL_GENERATION
    } else if (!isTransactional && this.state !== 'Empty') {
      return ErrorCode.UNKNOWN_MEMBER_ID
    }
    const isTooLate = !isTransactional && this.state === 'CompletingRebalance'
    return isTooLate ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  }

  /** A commit shows that the member lives. */
  touch(memberId: string, turn: Turn): void {
    const member = this.membership.get(memberId)
    if (member && (this.state === 'Stable' || this.state === 'PreparingRebalance')) {
      this.renewSession(member, turn)
    }
  }

  // Time ----------------------------------------------------------------------------------------------------

  /** When `expire` may have something to do, ms since the epoch; Infinity for never. */
  deadline(): number {
    return this.nextDeadline
  }

  expire(turn: Turn): void {
    const { pending } = this.membership
    for (const [memberId, expiresAt] of pending) if (expiresAt <= turn.now) pending.delete(memberId)
    let hasShrunk = false
    for (const member of [...this.membership.all()]) {
      if (member.expiresAt > turn.now || isExcused(member)) continue
      this.dismiss(member, turn)
      hasShrunk = true
    }
    if (hasShrunk) this.membershipShrank(turn)
    else this.maybeCompleteJoin(turn)
    if (this.joinDeadline <= turn.now) this.joinPhaseOver(turn)
    if (this.syncDeadline <= turn.now) this.expireSync(turn)
    this.recomputeDeadline()
  }

  moveDeadlines(byMs: number): void {
    this.joinDeadline += byMs
    this.syncDeadline += byMs
    this.nextDeadline += byMs
    this.membership.moveSessions(byMs)
  }

  // Joining -------------------------------------------------------------------------------------------------

  private refusalToJoin(request: JoinRequest): JoinResponse | undefined {
    const { memberId } = request
    if (!this.acceptsOneMore(memberId)) {
      this.membership.remove(memberId)
      return refusedJoin(ErrorCode.GROUP_MAX_SIZE_REACHED, '')
    }
    if (this.state === 'Dead') return refusedJoin(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId)
    if (!this.supportsProtocols(request)) return refusedJoin(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId)
    if (memberId === '' || this.membership.pending.has(memberId)) return undefined
    const error = this.membership.validate(request)
    if (error) return refusedJoin(error, memberId)
    return this.state === 'Empty' ? refusedJoin(ErrorCode.UNKNOWN_MEMBER_ID, memberId) : undefined
  }

  private joinUnknown(request: JoinRequest, ticket: Ticket<JoinResponse>, turn: Turn): void {
    const { groupInstanceId, sessionTimeoutMs } = request
    const memberId = this.options.newMemberId(groupInstanceId ?? request.clientId)
    const former = this.membership.memberIdOf(groupInstanceId)
    if (former !== undefined) {
      this.rejoinStatic(this.membership.get(former)!, { request, ticket, memberId }, turn)
    } else if (groupInstanceId === null && request.requiresKnownMemberId) {
      this.membership.pending.set(memberId, turn.now + sessionTimeoutMs)
      this.expectAt(turn.now + sessionTimeoutMs)
      turn.replies.push(reply(ticket, refusedJoin(ErrorCode.MEMBER_ID_REQUIRED, memberId)))
    } else {
      this.addMember(memberId, request, ticket, turn)
    }
  }

  /** Only dynamic members are given ids; Kafka fails on a static one that claims such an id: hence this. */
  private joinPending(
    memberId: string,
    request: JoinRequest,
    ticket: Ticket<JoinResponse>,
    turn: Turn,
  ): void {
    if (request.groupInstanceId === null) this.addMember(memberId, request, ticket, turn)
    else turn.replies.push(reply(ticket, refusedJoin(ErrorCode.UNKNOWN_SERVER_ERROR, '')))
  }

  private addMember(memberId: string, request: JoinRequest, ticket: Ticket<JoinResponse>, turn: Turn): void {
    if (this.initialDelay) this.joinedDuringDelay = true
    if (this.membership.size === 0) this.protocolType = request.protocolType
    this.membership.leader ??= memberId
    const expiresAt = turn.now + NEW_MEMBER_JOIN_TIMEOUT_MS
    this.membership.add({
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId: request.clientId,
      clientHost: request.clientHost,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocols: request.protocols,
      assignment: NO_ASSIGNMENT,
      joinTicket: ticket,
      syncTicket: undefined,
      isNew: true,
      expiresAt,
    })
    this.expectAt(expiresAt)
    this.rebalance(turn)
  }

  private rejoin(
    member: ClassicMember,
    request: JoinRequest,
    ticket: Ticket<JoinResponse>,
    turn: Turn,
  ): void {
    // The reply of a finished join phase was lost, or a follower asks again: it is told what it would have
    // heard. A leader of a stable group that joins again wants a rebalance, for changes that only it can see.
    const isLeader = this.membership.leader === member.memberId
    const isSettled = this.state === 'CompletingRebalance' || (this.state === 'Stable' && !isLeader)
    if (isSettled && offersSame(member, request.protocols)) {
      turn.replies.push(reply(ticket, this.joinResponse(member)))
      return
    }
    this.waitToJoin(member, request, ticket, turn)
    this.rebalance(turn)
  }

  /** A static member is back without its member id, and takes the place of its former self (KIP-345). */
  private rejoinStatic(
    former: ClassicMember,
    { request, ticket, memberId }: { request: JoinRequest; ticket: Ticket<JoinResponse>; memberId: string },
    turn: Turn,
  ): void {
    this.answerJoin(former, refusedJoin(ErrorCode.FENCED_INSTANCE_ID, former.memberId), turn)
    this.refuseSync(former, ErrorCode.FENCED_INSTANCE_ID, turn)
    const member = this.membership.replaceStatic(former, memberId)
    this.renewSession(member, turn)
    this.waitToJoin(member, request, ticket, turn)
    member.clientId = request.clientId
    member.clientHost = request.clientHost
    if (this.state !== 'Stable' || selectProtocol(this.membership.all()) !== this.protocolName) {
      this.rebalance(turn)
      return
    }
    const assignments = new Map([...this.membership.all()].map(each => [each.memberId, each.assignment]))
    const snapshot = { ...this.snapshot(assignments), stateTimestampMs: this.stateTimestampMs }
    if (turn.fits?.(snapshot) === false) {
      // What cannot be written has not happened: the former self stays.
      this.renewSession(Object.assign(this.membership.replaceStatic(member, former.memberId), former), turn)
      const refusal = { ...this.joinResponse(former), errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, members: [] }
      turn.replies.push(reply(ticket, { ...refusal, memberId: '' }))
      return
    }
    turn.snapshot = snapshot
    const isLeader = this.membership.leader === memberId
    const response = this.joinResponse(member)
    // Before KIP-814 a returning leader is told its former id as the leader's, and so behaves as a follower.
    const leader = isLeader ? former.memberId : response.leader
    if (request.supportsSkippingAssignment)
      this.answerJoin(member, { ...response, skipAssignment: isLeader }, turn)
    else this.answerJoin(member, { ...response, leader, members: [] }, turn)
  }

  private waitToJoin(
    member: ClassicMember,
    request: JoinRequest,
    ticket: Ticket<JoinResponse>,
    turn: Turn,
  ): void {
    // A JoinGroup that still waits was given up by its client, or it would not send another.
    this.answerJoin(member, refusedJoin(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId), turn)
    member.protocols = request.protocols
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    member.sessionTimeoutMs = request.sessionTimeoutMs
    member.joinTicket = ticket
  }

  // Rebalancing ---------------------------------------------------------------------------------------------

  private rebalance(turn: Turn): void {
    if (this.state === 'PreparingRebalance') this.maybeCompleteJoin(turn)
    else this.prepareRebalance(turn)
  }

  /** Members left or expired. A group that only had ids given out has nothing to do. */
  private membershipShrank(turn: Turn): void {
    if (this.state !== 'Empty' && this.state !== 'Dead') this.rebalance(turn)
  }

  prepareRebalance(turn: Turn): void {
    if (this.state === 'CompletingRebalance') {
      for (const member of this.membership.all()) {
        member.assignment = NO_ASSIGNMENT
        this.refuseSync(member, ErrorCode.REBALANCE_IN_PROGRESS, turn)
      }
    }
    this.syncDeadline = Infinity
    const isFirst = this.state === 'Empty'
    this.state = 'PreparingRebalance'
    const delayMs = this.options.initialRebalanceDelayMs
    if (isFirst && delayMs > 0) {
      this.joinedDuringDelay = false
      const remainingMs = Math.max(this.membership.rebalanceTimeoutMs() - delayMs, 0)
      this.initialDelay = { delayMs, remainingMs }
      this.joinWithin(delayMs, turn)
    } else if (isFirst || this.membership.haveAllJoined()) {
      // The first members wait for nobody who was only given an id: a delay of 0 is over at once, too.
      this.completeJoin(turn)
    } else {
      this.joinWithin(this.membership.rebalanceTimeoutMs(), turn)
    }
  }

  private joinWithin(ms: number, turn: Turn): void {
    this.joinDeadline = turn.now + ms
    this.expectAt(this.joinDeadline)
  }

  private maybeCompleteJoin(turn: Turn): void {
    if (this.state !== 'PreparingRebalance') return
    // The first members of a group wait for others; only the time ends that.
    if (!this.initialDelay && this.membership.haveAllJoined()) this.completeJoin(turn)
  }

  private joinPhaseOver(turn: Turn): void {
    const delay = this.initialDelay
    if (!delay || !this.joinedDuringDelay || delay.remainingMs === 0) {
      this.completeJoin(turn)
      return
    }
    this.joinedDuringDelay = false
    const delayMs = Math.min(this.options.initialRebalanceDelayMs, delay.remainingMs)
    this.initialDelay = { delayMs, remainingMs: Math.max(delay.remainingMs - delay.delayMs, 0) }
    this.joinWithin(delayMs, turn)
  }

  /** Ends the join phase: who has not come and is not static is out; the others form the next generation. */
  private completeJoin(turn: Turn): void {
    this.initialDelay = undefined
    for (const member of [...this.membership.all()]) {
      if (!member.joinTicket && member.groupInstanceId === null) this.membership.remove(member.memberId)
    }
    if (this.membership.size > 0 && !this.membership.electJoinedLeader()) {
      // Only static members are left and none has come: they keep their places, for whatever time they say.
      this.joinWithin(Math.max(this.membership.rebalanceTimeoutMs(), LEAST_REJOIN_MS), turn)
      return
    }
    this.joinDeadline = Infinity
    this.membership.pendingSync.clear()
    if (this.membership.size === 0) {
      const generationId = this.generationId + 1
      turn.snapshot = {
        ...this.snapshot(new Map()),
        generationId,
        protocolName: null,
        stateTimestampMs: turn.now,
      }
      return
    }
    this.generationId += 1
    this.protocolName = selectProtocol(this.membership.all()) ?? null
    this.state = 'CompletingRebalance'
    for (const member of this.membership.all()) {
      this.answerJoin(member, this.joinResponse(member), turn)
      this.renewSession(member, turn)
      member.isNew = false
      this.membership.pendingSync.add(member.memberId)
    }
    this.syncDeadline = turn.now + this.membership.rebalanceTimeoutMs()
    this.expectAt(this.syncDeadline)
  }

  /** The leader has spoken: the generation is written, and everyone who waits gets its part. */
  private completeSync(assignments: ReadonlyMap<string, Buffer>, turn: Turn): void {
    const snapshot = { ...this.snapshot(assignments), stateTimestampMs: turn.now }
    if (turn.fits?.(snapshot) === false) {
      for (const member of this.membership.all())
        this.refuseSync(member, ErrorCode.UNKNOWN_SERVER_ERROR, turn)
      this.prepareRebalance(turn)
      return
    }
    turn.snapshot = snapshot
    for (const member of this.membership.all()) {
      if (!member.syncTicket) continue
      const assignment = assignments.get(member.memberId) ?? NO_ASSIGNMENT
      turn.replies.push(reply(member.syncTicket, this.syncResponse(ErrorCode.NONE, assignment)))
      member.syncTicket = undefined
      // Sessions stood still while the members waited.
      this.renewSession(member, turn)
    }
  }

  private expireSync(turn: Turn): void {
    this.syncDeadline = Infinity
    if (this.membership.pendingSync.size === 0) return
    for (const memberId of [...this.membership.pendingSync]) this.membership.remove(memberId)
    this.membershipShrank(turn)
  }

  private validateSync(request: SyncRequest): ErrorCode {
    if (this.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const error = this.membership.validate(request)
    if (error) return error
    if (request.generationId !== this.generationId) return ErrorCode.ILLEGAL_GENERATION
    const isInconsistent =
      contradicts(request.protocolType, this.protocolType) ||
      contradicts(request.protocolName, this.protocolName)
    if (isInconsistent) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    return this.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
  }

  // Durable state -------------------------------------------------------------------------------------------

  /**
   * Sets what the group's record says; the only way in which a generation becomes Stable or Empty. Members
   * that are known keep their soft state, others (at load) start a session.
   */
  install(snapshot: GroupSnapshot, now: number): void {
    this.generationId = snapshot.generationId
    this.protocolType = snapshot.protocolType
    this.protocolName = snapshot.protocolName
    this.stateTimestampMs = snapshot.stateTimestampMs
    this.membership.install(snapshot, now)
    this.state = this.membership.size === 0 ? 'Empty' : 'Stable'
    this.joinDeadline = Infinity
    this.initialDelay = undefined
    this.recomputeDeadline()
  }

  /** Sessions of members found at load begin when the load is over. */
  restartSessions(turn: Turn): void {
    for (const member of this.membership.all()) this.renewSession(member, turn)
    // The limit was lowered meanwhile: who comes to the rebalance too late is left out.
    if (this.membership.size > this.options.maxSize) this.prepareRebalance(turn)
    this.recomputeDeadline()
  }

  private snapshot(assignments: ReadonlyMap<string, Buffer>): Omit<GroupSnapshot, 'stateTimestampMs'> {
    return {
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.membership.leader,
      members: this.membership.snapshot(this.protocolName, assignments),
    }
  }

  // Small rules ---------------------------------------------------------------------------------------------

  /**
   * Whether `group.max.size` has room. While a rebalance collects members, those that have come count: it is
   * how a group that is too large gets smaller. Otherwise whoever is in may stay.
   */
  private acceptsOneMore(memberId: string): boolean {
    const { membership } = this
    const { maxSize } = this.options
    switch (this.state) {
      case 'Empty':
      case 'Dead':
        return true
      case 'PreparingRebalance':
        return membership.get(memberId)?.joinTicket !== undefined || membership.countJoining() < maxSize
      case 'CompletingRebalance':
      case 'Stable':
        return membership.members.has(memberId) || membership.size < maxSize
    }
  }

  private supportsProtocols({ protocolType, protocols }: JoinRequest): boolean {
    if (this.membership.size === 0) return protocolType !== '' && protocols.length > 0
    return protocolType === this.protocolType && this.membership.sharesProtocol(protocols)
  }

  private leaveOne(identity: MemberIdentity, turn: Turn): ErrorCode {
    if (identity.memberId === '') {
      const current = this.membership.memberIdOf(identity.groupInstanceId)
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      this.dismiss(this.membership.get(current)!, turn)
      return ErrorCode.NONE
    }
    if (this.membership.pending.delete(identity.memberId)) return ErrorCode.NONE
    const error = this.membership.validate(identity)
    if (!error) this.dismiss(this.membership.get(identity.memberId)!, turn)
    return error
  }

  /** Removes a member; should it wait for something after all, it is told to come again as a new one. */
  private dismiss(member: ClassicMember, turn: Turn): void {
    this.answerJoin(member, refusedJoin(ErrorCode.UNKNOWN_MEMBER_ID, ''), turn)
    this.refuseSync(member, ErrorCode.UNKNOWN_MEMBER_ID, turn)
    this.membership.remove(member.memberId)
  }

  private answerJoin(member: ClassicMember, response: JoinResponse, turn: Turn): void {
    if (!member.joinTicket) return
    turn.replies.push(reply(member.joinTicket, response))
    member.joinTicket = undefined
  }

  private refuseSync(member: ClassicMember, errorCode: ErrorCode, turn: Turn): void {
    if (!member.syncTicket) return
    turn.replies.push(reply(member.syncTicket, this.syncResponse(errorCode, NO_ASSIGNMENT)))
    member.syncTicket = undefined
    // As in Kafka: it stood still while the member waited, and may be long over by the clock.
    this.renewSession(member, turn)
  }

  private joinResponse(member: ClassicMember): JoinResponse {
    const leader = this.membership.leader ?? ''
    return {
      errorCode: ErrorCode.NONE,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader,
      skipAssignment: false,
      memberId: member.memberId,
      members: leader === member.memberId ? this.membership.joined(this.protocolName) : [],
    }
  }

  private syncResponse(errorCode: ErrorCode, assignment: Buffer): SyncResponse {
    if (errorCode !== ErrorCode.NONE) return { errorCode, protocolType: null, protocolName: null, assignment }
    return { errorCode, protocolType: this.protocolType, protocolName: this.protocolName, assignment }
  }

  private renewSession(member: ClassicMember, turn: Turn): void {
    member.expiresAt = turn.now + member.sessionTimeoutMs
    this.expectAt(member.expiresAt)
  }

  private expectAt(time: number): void {
    if (time < this.nextDeadline) this.nextDeadline = time
  }

  private recomputeDeadline(): void {
    this.nextDeadline = Math.min(this.joinDeadline, this.syncDeadline)
    for (const expiresAt of this.membership.pending.values()) this.expectAt(expiresAt)
    for (const member of this.membership.all()) if (!isExcused(member)) this.expectAt(member.expiresAt)
  }
}
