/**
 * The consumer groups (KIP-848) of one shard: runs what members ask for and what time brings against their
 * groups, and says what is to be written. Durable state changes by replay alone; deadlines are soft.
 */

import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { type CoordinatorRecord, type Outcome, reply, type Ticket } from '../coordinator/shard.ts'
import type { Assignment, Assignor } from './assignor.ts'
import type { ClassicGroup } from './classic-group.ts'
import { GroupEdit } from './consumer-edit.ts'
import { ConsumerGroup } from './consumer-group.ts'
import {
  type ConsumerHeartbeat,
  type ConsumerHeartbeatAnswer,
  isFull,
  memberOf,
  profileAfter,
  refusalOfStatic,
  standingOf,
  unknownMember,
} from './consumer-heartbeat.ts'
import {
  AWAY_EPOCH,
  areEqualLists,
  assignmentOf,
  type ConsumerMember,
  hasSameProfile,
  hasSameStanding,
  heldSince,
  holdsSame,
  JOINING_EPOCH,
  type MemberProfile,
  NOTHING_HELD,
} from './consumer-member.ts'
import {
  forgetRegexOf,
  noteRegex,
  type RegexOptions,
  regexesAreDue,
  resolveGroupRegexes,
} from './consumer-regexes.ts'
import { type Expired, GroupTimers, type Wait } from './consumer-timers.ts'
import {
  abandon,
  downgrade,
  type Joining,
  type MigrationOptions,
  mayDowngrade,
  upgraded,
} from './group-migration.ts'
import { groupRecord } from './group-records.ts'
import { metadataHash } from './metadata-hash.ts'
import { reconcile } from './reconciliation.ts'
import { assignTarget, preferredAssignor, topicIdsOf } from './target-assignment.ts'

export type Group = ClassicGroup | ConsumerGroup

export interface ConsumerGroupSettings {
  /** `consumer.session.timeout.ms` */
  readonly sessionTimeoutMs: number
  /** `consumer.heartbeat.interval.ms` */
  readonly heartbeatIntervalMs: number
  /** `consumer.assignment.interval.ms` */
  readonly assignmentIntervalMs: number
}

export interface ConsumerGroupOptions extends RegexOptions, MigrationOptions {
  /** By name, the default first; at least one. */
  readonly assignors: ReadonlyMap<string, Assignor>
  /** Of a group, with what is set for it. */
  readonly settingsOf: (groupId: string) => ConsumerGroupSettings
  /** A fresh id in Kafka's 22-character form, for members that do not make their own. */
  readonly newUuid: () => string
}

/** What members say changes: of a subscription, whether a new assignment is due for it. */
interface Noted {
  readonly hasSubscriptionChanged: boolean
  readonly needsEpoch: boolean
}

export class ConsumerGroups {
  readonly options: ConsumerGroupOptions
  private readonly groups: ReadonlyMap<string, Group>
  private readonly fits: (records: readonly CoordinatorRecord[]) => boolean
  private readonly timers = new Map<string, GroupTimers>()
  /** Groups that become classic ones with the records that were given out, and then rebalance. */
  private readonly rebalancing = new Set<string>()
  private earliest = Infinity

  /** `fits`: whether what is to be written at once fits into a batch. */
  constructor(
    options: ConsumerGroupOptions,
    groups: ReadonlyMap<string, Group>,
    fits: (records: readonly CoordinatorRecord[]) => boolean,
  ) {
    this.options = options
    this.groups = groups
    this.fits = fits
  }

  // Commands ------------------------------------------------------------------------------------------------

  heartbeat(
    groupId: string,
    request: ConsumerHeartbeat,
    ticket: Ticket<Result<ConsumerHeartbeatAnswer>>,
    now: number,
  ): Outcome {
    if (request.memberEpoch < JOINING_EPOCH) return this.leave(groupId, request, ticket, now)
    const edit = this.entered(groupId, request)
    if (edit.error) return { replies: [reply(ticket, edit)] }
    const answer = this.beat(edit.value, this.identified(request), now)
    // Of a heartbeat that is refused nothing is left.
    if (answer.error) return { replies: [reply(ticket, answer)] }
    const former = this.groups.get(groupId)
    const abandoned = former?.type === 'classic' ? abandon(former) : []
    if (former?.type === 'classic') this.restartGroup(edit.value.group, now)
    return { records: edit.value.records, replies: [...abandoned, reply(ticket, answer)] }
  }

  private identified(request: ConsumerHeartbeat): ConsumerHeartbeat {
    return request.memberId === '' ? { ...request, memberId: this.options.newUuid() } : request
  }

  /**
   * The group that a heartbeat means. Where a member joins, there is a new one if there was none or an empty
   * classic one; others of those become consumer groups with all who are in.
   */
  private entered(groupId: string, { memberEpoch }: ConsumerHeartbeat): Result<GroupEdit> {
    const group = this.groups.get(groupId)
    if (group?.type === 'consumer') return ok(new GroupEdit(group))
    if (memberEpoch !== JOINING_EPOCH) {
      const message = group
        ? `Group ${groupId} is not a consumer group.`
        : `Consumer group ${groupId} not found.`
      return refuse(ErrorCode.GROUP_ID_NOT_FOUND, message)
    }
    // An earlier group of that name may have left some: nobody is waited for with those.
    this.timers.delete(groupId)
    if (!group) return ok(new GroupEdit(new ConsumerGroup(groupId)))
    if (group.state === 'Empty') {
      return ok(new GroupEdit(new ConsumerGroup(groupId), [groupRecord(groupId, null)]))
    }
    return upgraded(group, this.options)
  }

  private beat(edit: GroupEdit, request: ConsumerHeartbeat, now: number): Result<ConsumerHeartbeatAnswer> {
    const { groupId } = edit
    const refusal = this.refusalWhereFull(edit.group, request.memberId)
    if (refusal) return refusal
    const found = memberOf(edit, request)
    if (found.error) return found
    const member = found.value
    const { memberId } = member
    const noted = this.noteProfile(edit, member, profileAfter(member, request), now)
    if (noted.error) return noted
    this.advanceEpoch(edit, noted.value.needsEpoch)
    this.advanceTarget(edit, memberId, now)
    const reconciled = this.reconcile(edit, memberId, { ...noted.value, owned: request.owned }, now)
    if (reconciled.error) return reconciled
    const { assigned, memberEpoch } = reconciled.value
    const settings = this.options.settingsOf(groupId)
    // It may have spoken the classic protocol, and was waited for with what that asks.
    for (const wait of ['join', 'sync'] as const) this.timersOf(groupId).cancel(memberId, wait)
    this.startWait(groupId, memberId, 'session', { at: now + settings.sessionTimeoutMs, epoch: memberEpoch })
    const isTold =
      request.memberEpoch === JOINING_EPOCH || isFull(request) || !holdsSame(member.assigned, assigned)
    return ok({
      memberId,
      memberEpoch,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      assignment: isTold ? assignmentOf(assigned) : null,
    })
  }

  /** A member leaves for good, or a static one for a while. */
  private leave(
    groupId: string,
    request: ConsumerHeartbeat,
    ticket: Ticket<Result<ConsumerHeartbeatAnswer>>,
    now: number,
  ): Outcome {
    const { memberId, memberEpoch, instanceId } = request
    const group = this.groups.get(groupId)
    const refused = (refusal: Refusal) => ({ replies: [reply(ticket, refusal)] })
    if (group?.type !== 'consumer') {
      const message = group ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`
      return refused(refuse(ErrorCode.GROUP_ID_NOT_FOUND, message))
    }
    if (instanceId !== null) {
      const refusal = refusalOfStatic(group.staticMember(instanceId), memberId, instanceId)
      if (refusal) return refused(refusal)
    } else if (!group.member(memberId)) {
      return refused(unknownMember(memberId, groupId))
    }
    const answer = ok({ memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null })
    if (memberEpoch === AWAY_EPOCH) {
      const edit = new GroupEdit(group)
      const member = group.member(memberId)!
      // Who comes back has had the partitions for as long as it likes: as far as they are its own.
      const assigned = heldSince(JOINING_EPOCH, assignmentOf(member.assigned))
      const away = { ...member, memberEpoch: AWAY_EPOCH, assigned, pendingRevocation: NOTHING_HELD }
      edit.write({ kind: 'standing', memberId, value: standingOf(away) })
      this.timersOf(groupId).cancel(memberId, 'revocation')
      return { records: edit.records, replies: [reply(ticket, answer)] }
    }
    return { records: this.removal(group, new Set([memberId]), now), replies: [reply(ticket, answer)] }
  }

  /** What takes members out of their group. Without them it may be a classic one. */
  removal(group: ConsumerGroup, memberIds: ReadonlySet<string>, now: number): CoordinatorRecord[] {
    if (mayDowngrade(group, memberIds, this.options)) {
      const records = this.downgrade(group, memberIds, { now, rebalances: true })
      if (this.fits(records)) return records
      // A group of so many stays what it is.
      this.rebalancing.delete(group.groupId)
    }
    const edit = new GroupEdit(group)
    for (const memberId of memberIds) {
      const member = edit.group.member(memberId)!
      edit.removeMember(memberId)
      forgetRegexOf(edit, member)
      this.timersOf(group.groupId).forget(memberId)
    }
    this.bump(edit)
    return edit.records
  }

  /** `rebalances`: the members of the classic group are to join again. */
  downgrade(
    group: ConsumerGroup,
    leaving: ReadonlySet<string>,
    { now, rebalances, ...joining }: { readonly now: number; readonly rebalances: boolean } & Joining,
  ): CoordinatorRecord[] {
    if (rebalances) this.rebalancing.add(group.groupId)
    return downgrade(group, leaving, { image: this.options.image(), now, ...joining })
  }

  /** Whether the group has just become a classic one whose members are to join again. */
  takeRebalancing(groupId: string): boolean {
    return this.rebalancing.delete(groupId)
  }

  // The way of a heartbeat ----------------------------------------------------------------------------------

  refusalWhereFull(group: ConsumerGroup, memberId: string): Refusal | undefined {
    const { maxSize } = this.options
    if (group.size < maxSize || (memberId !== '' && group.member(memberId))) return undefined
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The consumer group has reached its maximum capacity of ${maxSize} members.`,
    )
  }

  /** Writes what the member says of itself, where it says something new. */
  noteProfile(edit: GroupEdit, member: ConsumerMember, profile: MemberProfile, now: number): Result<Noted> {
    const { memberId } = member
    const isNew = !hasSameProfile(member, profile) || !edit.group.member(memberId)
    if (isNew) edit.write({ kind: 'member', memberId, value: profile })
    const hasNewNames = !areEqualLists(member.subscribedTopicNames, profile.subscribedTopicNames)
    const regex = noteRegex(edit, member, profile)
    if (regex.error) return regex
    const timers = this.timersOf(edit.groupId)
    if (regexesAreDue(edit.group, this.options, now)) {
      timers.regexDueAt = now
      this.noteDeadline(now)
    }
    return ok({
      hasSubscriptionChanged: hasNewNames || regex.value.hasChanged,
      needsEpoch: hasNewNames || regex.value.isResolved,
    })
  }

  /** Brings the group's epoch up to what its members subscribe to. */
  advanceEpoch(edit: GroupEdit, isNeeded: boolean): void {
    const { group } = edit
    const image = this.options.image()
    const timers = this.timersOf(edit.groupId)
    if (!isNeeded && timers.image === image) return
    timers.image = image
    if (isNeeded || metadataHash(group.subscribedTopics(), image) !== group.metadataHash) this.bump(edit)
    if (group.hasPartitionMetadata) edit.write({ kind: 'partition metadata', value: null })
  }

  /** Brings the target assignment up to the group's epoch, unless there was another a moment ago. */
  advanceTarget(edit: GroupEdit, memberId: string, now: number): void {
    const { group, groupId } = edit
    const { assignors, image, settingsOf } = this.options
    if (group.epoch <= group.assignmentEpoch) return
    const { assignmentIntervalMs } = settingsOf(groupId)
    const sinceMs = now - group.assignmentTimestampMs
    // A clock that was set back since does not keep anyone waiting.
    if (group.assignmentTimestampMs > 0 && sinceMs >= 0 && sinceMs < assignmentIntervalMs) return
    assignTarget(edit, preferredAssignor(group, assignors, memberId), image(), now)
  }

  private bump(edit: GroupEdit): void {
    const { group } = edit
    const hash = metadataHash(group.subscribedTopics(), this.options.image())
    edit.write({ kind: 'epoch', value: { epoch: group.epoch + 1, metadataHash: hash } })
  }

  /** Takes the member as far towards its target as it can go. */
  reconcile(
    edit: GroupEdit,
    memberId: string,
    said: { readonly owned: Assignment | null; readonly hasSubscriptionChanged: boolean },
    now: number,
  ): Result<ConsumerMember> {
    const { group, groupId } = edit
    const member = group.member(memberId)!
    const standing = reconcile(member, {
      ...said,
      target: group.target(memberId),
      targetEpoch: group.assignmentEpoch,
      subscribedTopicIds: topicIdsOf(group.topicsOf(member), this.options.image()),
      isHeld: (topicId, partition) => group.holder(topicId, partition) !== undefined,
    })
    if (!standing) {
      const message = 'The consumer group member is in a unknown state. The member must abandon all its'
      return refuse(ErrorCode.FENCED_MEMBER_EPOCH, `${message} partitions and rejoin.`)
    }
    if (hasSameStanding(member, standing)) return ok(member)
    edit.write({ kind: 'standing', memberId, value: standing })
    const next = group.member(memberId)!
    if (!next.classic) {
      const { state, memberEpoch, rebalanceTimeoutMs } = next
      if (state === 'UNREVOKED_PARTITIONS') {
        this.startWait(groupId, memberId, 'revocation', { at: now + rebalanceTimeoutMs, epoch: memberEpoch })
      } else this.timersOf(groupId).cancel(memberId, 'revocation')
    }
    return ok(next)
  }

  // Time ----------------------------------------------------------------------------------------------------

  /** When `expire` may have something to do, ms since the epoch; Infinity for never. */
  deadline(): number {
    return this.earliest
  }

  /** Does one thing that is due; undefined when there is none. */
  expire(now: number): Outcome | undefined {
    let earliest = Infinity
    for (const [groupId, timers] of this.timers) {
      const group = this.groups.get(groupId)
      if (group?.type !== 'consumer') {
        // It was deleted, has become another, or never came to be.
        this.timers.delete(groupId)
        continue
      }
      while (timers.deadline() <= now) {
        const records = this.expireIn(group, timers, now)
        if (records) return { records }
      }
      earliest = Math.min(earliest, timers.deadline())
    }
    this.earliest = earliest
    return undefined
  }

  private expireIn(group: ConsumerGroup, timers: GroupTimers, now: number): CoordinatorRecord[] | undefined {
    if (timers.regexDueAt <= now) {
      timers.regexDueAt = Infinity
      return resolveGroupRegexes(group, this.options.image(), now)
    }
    const expired = timers.takeExpired(now)
    return expired && this.isOver(group, expired)
      ? this.removal(group, new Set([expired.memberId]), now)
      : undefined
  }

  /** A member that has moved on meanwhile has done what it was waited for. */
  private isOver(group: ConsumerGroup, { memberId, wait, epoch }: Expired): boolean {
    const member = group.member(memberId)
    if (!member) return false
    if (wait !== 'revocation') return true
    return member.state === 'UNREVOKED_PARTITIONS' && member.memberEpoch <= epoch
  }

  /** The log has been replayed: everyone has all the time again. */
  restart(now: number): void {
    for (const group of this.groups.values()) if (group.type === 'consumer') this.restartGroup(group, now)
  }

  private restartGroup(group: ConsumerGroup, now: number): void {
    const { groupId } = group
    const { sessionTimeoutMs } = this.options.settingsOf(groupId)
    for (const { memberId, memberEpoch: epoch, classic, state, rebalanceTimeoutMs } of group.members()) {
      const at = now + (classic?.sessionTimeoutMs ?? sessionTimeoutMs)
      this.startWait(groupId, memberId, 'session', { at, epoch })
      if (state === 'UNREVOKED_PARTITIONS') {
        this.startWait(groupId, memberId, 'revocation', { at: now + rebalanceTimeoutMs, epoch })
      }
    }
  }

  startWait(
    groupId: string,
    memberId: string,
    wait: Wait,
    deadline: { readonly at: number; readonly epoch: number },
  ): void {
    this.timersOf(groupId).start(memberId, wait, deadline)
    this.noteDeadline(deadline.at)
  }

  timersOf(groupId: string): GroupTimers {
    const timers = this.timers.get(groupId) ?? new GroupTimers()
    this.timers.set(groupId, timers)
    return timers
  }

  moveDeadlines(byMs: number): void {
    this.earliest += byMs
    for (const timers of this.timers.values()) timers.moveDeadlines(byMs)
  }

  private noteDeadline(at: number): void {
    this.earliest = Math.min(this.earliest, at)
  }
}
