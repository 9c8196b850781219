/**
 * The groups of one partition of `__consumer_offsets`: which there are, of what kind, and their offsets. The
 * state machine that the coordinator's runtime runs; see `coordinator/shard.ts` for what that means.
 */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import {
  type CoordinatorRecord,
  type Outcome,
  type ReplayedRecord,
  recordsBytes,
  reply,
  type StateMachine,
  type Ticket,
  type TransactionalWriter,
  type TransactionMarker,
} from '../coordinator/shard.ts'
import { ClassicGroup, type ClassicGroupOptions, type Turn } from './classic-group.ts'
import {
  type GroupSnapshot,
  type JoinRequest,
  type JoinResponse,
  type MemberIdentity,
  NO_ASSIGNMENT,
  refusedJoin,
  type SyncRequest,
  type SyncResponse,
} from './classic-member.ts'
import { ClassicMembers } from './consumer-classic.ts'
import { tombstones } from './consumer-edit.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { type ConsumerGroupOptions, ConsumerGroups, type Group } from './consumer-groups.ts'
import type { ConsumerHeartbeat, ConsumerHeartbeatAnswer } from './consumer-heartbeat.ts'
import { commitCheck } from './consumer-offsets.ts'
import { type ConsumerRecord, readConsumerRecord } from './consumer-records.ts'
import { type CommittedOffset, groupRecord, offsetRecord, readOffsetsRecord } from './group-records.ts'
import { expiredOffsets, subscribedTopics } from './offset-expiry.ts'
import { Offsets } from './offsets.ts'

export interface GroupShardOptions extends ClassicGroupOptions {
  /** `offsets.retention.minutes`, in ms */
  readonly offsetsRetentionMs: number
  /** `offsets.retention.check.interval.ms` */
  readonly retentionCheckIntervalMs: number
  /** `offset.metadata.max.bytes` */
  readonly offsetMetadataMaxBytes: number
  /** The largest batch that the log takes now. */
  readonly maxBatchBytes: () => number
  readonly consumer: ConsumerGroupOptions
}

export interface OffsetToCommit {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  /** OffsetCommit v1 only; otherwise the time of the commit. */
  readonly commitTimestampMs: number | undefined
}

export interface CommitRequest {
  readonly groupId: string
  readonly member: MemberIdentity
  readonly generationId: number
  readonly offsets: readonly OffsetToCommit[]
  /** Asked for by old clients: how long to keep, in ms. */
  readonly retentionMs: number | undefined
  /** Set for TxnOffsetCommit. */
  readonly producer: TransactionalWriter | undefined
  /** What to say where the group does not exist: it differs with the version of the request. */
  readonly unknownGroupError: Exclude<ErrorCode, 0>
}

export class GroupShard implements StateMachine {
  readonly groups = new Map<string, Group>()
  readonly consumers: ConsumerGroups
  private readonly classicMembers: ClassicMembers
  readonly offsets = new Offsets()
  private readonly options: GroupShardOptions
  /** When offsets are next looked through for old ones. */
  private nextExpiry = Infinity
  /** Never later than the first deadline of a group. */
  private groupDeadline = Infinity

  constructor(options: GroupShardOptions) {
    this.options = options
    const fits = (records: readonly CoordinatorRecord[]) => this.fits(records)
    this.consumers = new ConsumerGroups(options.consumer, this.groups, fits)
    this.classicMembers = new ClassicMembers(this.consumers)
  }

  // Commands ------------------------------------------------------------------------------------------------

  join(groupId: string, request: JoinRequest, ticket: Ticket<JoinResponse>, now: number): Outcome {
    const former = this.consumerGroup(groupId)
    if (former && former.size > 0) return this.classicMembers.join(former, request, ticket, now)
    let group = this.classicGroup(groupId)
    if (!group && request.memberId !== '') {
      return { replies: [reply(ticket, refusedJoin(ErrorCode.UNKNOWN_MEMBER_ID, request.memberId))] }
    }
    const isNew = !group
    group ??= this.createGroup(groupId, now)
    const turn = this.turn(groupId, now)
    group.join(request, ticket, turn)
    if (!isNew || turn.snapshot) return this.outcome(group, turn)
    // Kafka writes new groups down at once, so that an id given out means something to the next coordinator.
    this.groupDeadline = Math.min(this.groupDeadline, group.deadline())
    const record = groupRecord(groupId, {
      generationId: 0,
      protocolType: null,
      protocolName: null,
      leader: null,
      stateTimestampMs: now,
      members: [],
    })
    return { records: [...(former ? tombstones(former) : []), record], replies: turn.replies }
  }

  sync(groupId: string, request: SyncRequest, ticket: Ticket<SyncResponse>, now: number): Outcome {
    const consumers = this.consumerGroup(groupId)
    if (consumers) return this.classicMembers.sync(consumers, request, ticket, now)
    const group = this.classicGroup(groupId)
    if (!group) {
      const errorCode = ErrorCode.UNKNOWN_MEMBER_ID
      const response = { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT }
      return { replies: [reply(ticket, response)] }
    }
    const turn = this.turn(groupId, now)
    group.sync(request, ticket, turn)
    return this.outcome(group, turn)
  }

  heartbeat(
    groupId: string,
    request: MemberIdentity & { readonly generationId: number },
    ticket: Ticket<ErrorCode>,
    now: number,
  ): Outcome {
    const consumers = this.consumerGroup(groupId)
    if (consumers) return this.classicMembers.heartbeat(consumers, request, ticket, now)
    const turn = this.turn(groupId, now)
    const group = this.classicGroup(groupId)
    const errorCode = group?.heartbeat(request, request.generationId, turn) ?? ErrorCode.UNKNOWN_MEMBER_ID
    return { replies: [reply(ticket, errorCode)] }
  }

  leave(
    groupId: string,
    members: readonly MemberIdentity[],
    ticket: Ticket<ErrorCode[]>,
    now: number,
  ): Outcome {
    const consumers = this.consumerGroup(groupId)
    if (consumers) return this.classicMembers.leave(consumers, members, ticket, now)
    const group = this.classicGroup(groupId)
    if (!group)
      return {
        replies: [
          reply(
            ticket,
            members.map(() => ErrorCode.UNKNOWN_MEMBER_ID),
          ),
        ],
      }
    const turn = this.turn(groupId, now)
    const errorCodes = group.leave(members, turn)
    turn.replies.push(reply(ticket, errorCodes))
    return this.outcome(group, turn)
  }

  consumerHeartbeat(
    groupId: string,
    request: ConsumerHeartbeat,
    ticket: Ticket<Result<ConsumerHeartbeatAnswer>>,
    now: number,
  ): Outcome {
    return this.consumers.heartbeat(groupId, request, ticket, now)
  }

  /** Answers with a code for each offset, in order. */
  commit(request: CommitRequest, ticket: Ticket<ErrorCode[]>, now: number): Outcome {
    const check = this.validateCommit(request, now)
    const refused = check.error || this.refusedPartition(request.offsets, check.value)
    if (refused) {
      return {
        replies: [
          reply(
            ticket,
            request.offsets.map(() => refused),
          ),
        ],
      }
    }
    const records: CoordinatorRecord[] = []
    const errorCodes = request.offsets.map(offset => {
      if (this.isTooLarge(offset)) return ErrorCode.OFFSET_METADATA_TOO_LARGE
      const value = committed(offset, request.retentionMs, now)
      records.push(offsetRecord(request.groupId, offset.topic, offset.partition, value))
      return ErrorCode.NONE
    })
    const { producer } = request
    return { records, ...(producer ? { producer } : {}), replies: [reply(ticket, errorCodes)] }
  }

  /** Removes committed offsets on request; a code for each, in order. */
  deleteOffsets(
    groupId: string,
    offsets: readonly { readonly topic: string; readonly partition: number }[],
    ticket: Ticket<Result<ErrorCode[]>>,
  ): Outcome {
    const group = this.groups.get(groupId)
    if (!group || group.state === 'Dead')
      return { replies: [reply(ticket, refuse(ErrorCode.GROUP_ID_NOT_FOUND))] }
    const isActive = group.state !== 'Empty'
    if (isActive && group.type === 'classic' && group.protocolType !== 'consumer') {
      return { replies: [reply(ticket, refuse(ErrorCode.NON_EMPTY_GROUP))] }
    }
    const subscribed = isActive ? subscribedTopics(group) : undefined
    const records: CoordinatorRecord[] = []
    const errorCodes = offsets.map(({ topic, partition }) => {
      if (isActive && (!subscribed || subscribed.has(topic))) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
      if (this.offsets.get(groupId, topic, partition) || this.offsets.hasStaged(groupId, topic, partition))
        records.push(offsetRecord(groupId, topic, partition, null))
      return ErrorCode.NONE
    })
    return { records, replies: [reply(ticket, ok(errorCodes))] }
  }

  deleteGroup(groupId: string, ticket: Ticket<ErrorCode>): Outcome {
    const group = this.groups.get(groupId)
    if (!group || group.state === 'Dead') return { replies: [reply(ticket, ErrorCode.GROUP_ID_NOT_FOUND)] }
    if (group.state !== 'Empty') return { replies: [reply(ticket, ErrorCode.NON_EMPTY_GROUP)] }
    const records = [...this.removeOffsets(groupId), ...endOf(group)]
    return { records, replies: [reply(ticket, ErrorCode.NONE)] }
  }

  /** Topics are gone: so are the offsets that were committed for them. */
  forgetTopics(topics: ReadonlySet<string>, ticket: Ticket<void>): Outcome {
    const records: CoordinatorRecord[] = []
    for (const groupId of this.offsets.groups()) {
      for (const [topic, partitions] of this.offsets.partitions(groupId)) {
        if (!topics.has(topic)) continue
        for (const partition of partitions) records.push(offsetRecord(groupId, topic, partition, null))
      }
    }
    return { records, isSplittable: true, replies: [reply(ticket, undefined)] }
  }

  /** The producer's transaction has ended; its staged offsets become visible, or are forgotten. */
  endTransaction(marker: TransactionMarker, ticket: Ticket<void>): Outcome {
    return { marker, replies: [reply(ticket, undefined)] }
  }

  // Replay --------------------------------------------------------------------------------------------------

  replay(record: ReplayedRecord): void {
    const consumerRecord = readConsumerRecord(record)
    if (consumerRecord) {
      this.replayConsumer(consumerRecord)
      return
    }
    const read = readOffsetsRecord(record)
    switch (read.kind) {
      case 'offset':
        this.offsets.replay(read, read.value, record.offset, record.producerId)
        // Groups of consumers that manage themselves consist of nothing but offsets.
        if (read.value && !this.groups.has(read.group))
          this.createGroup(read.group, read.value.commitTimestampMs)
        return
      case 'group':
        this.replayGroup(read.group, read.value)
        return
      case 'unknown':
        // Written by a newer broker, or for a kind of group that is not served: left where it is.
        return
    }
  }

  private replayConsumer(record: ConsumerRecord): void {
    const { group: groupId } = record
    let group = this.groups.get(groupId)
    if (record.kind === 'epoch' && !record.value) {
      if (group?.type !== 'consumer') return
      this.groups.delete(groupId)
      group.markDead()
      return
    }
    if (group?.type !== 'consumer') {
      // Of what was removed before nothing is left, and a group with members must end before it is another.
      const isReplaceable = !group || (group.isIdle && group.protocolType === null)
      if (!record.value || !isReplaceable) return
      group = new ConsumerGroup(groupId)
      this.groups.set(groupId, group)
    }
    group.replay(record)
  }

  private replayGroup(groupId: string, snapshot: Parameters<typeof groupRecord>[1]): void {
    const known = this.groups.get(groupId)
    if (!snapshot) {
      if (known?.type !== 'classic') return
      this.groups.delete(groupId)
      if (known.isIdle) known.markDead()
      return
    }
    const group = known?.type === 'classic' ? known : this.createGroup(groupId, snapshot.stateTimestampMs)
    // The record of a group that was just made says nothing that the group does not know.
    if (snapshot.generationId === 0 && snapshot.members.length === 0 && !group.isIdle) return
    group.install(snapshot, snapshot.stateTimestampMs)
    if (this.consumers.takeRebalancing(groupId)) {
      group.prepareRebalance({ now: snapshot.stateTimestampMs, replies: [] })
    }
    this.groupDeadline = Math.min(this.groupDeadline, group.deadline())
  }

  replayMarker({ producerId, isCommit }: TransactionMarker): void {
    this.offsets.replayMarker(producerId, isCommit)
  }

  loaded(now: number): void {
    this.nextExpiry = now + this.options.retentionCheckIntervalMs
    for (const group of this.classicGroups()) {
      group.restartSessions({ now, replies: [] })
      this.groupDeadline = Math.min(this.groupDeadline, group.deadline())
    }
    this.consumers.restart(now)
  }

  // Time ----------------------------------------------------------------------------------------------------

  deadline(): number {
    return Math.min(this.nextExpiry, this.groupDeadline, this.consumers.deadline())
  }

  /** Does what is due, up to the first that has an outcome; the runtime asks again while there is more. */
  expire(now: number): Outcome {
    if (this.nextExpiry <= now) {
      this.nextExpiry = now + this.options.retentionCheckIntervalMs
      return { records: this.expireOffsets(now), isSplittable: true }
    }
    if (this.consumers.deadline() <= now) return this.consumers.expire(now) ?? {}
    let outcome: Outcome | undefined
    let earliest = Infinity
    for (const group of this.classicGroups()) {
      if (!outcome && group.deadline() <= now) {
        const turn = this.turn(group.groupId, now)
        group.expire(turn)
        // Mostly members have been heard of since: groups are not looked through for each that is due.
        if (turn.snapshot || turn.replies.length > 0) outcome = this.outcome(group, turn)
      }
      earliest = Math.min(earliest, group.deadline())
    }
    this.groupDeadline = earliest
    return outcome ?? {}
  }

  /** Members have as long as they were given, whatever the clock is set to; offsets are as old as it says. */
  wallStepped(byMs: number): void {
    this.nextExpiry += byMs
    this.groupDeadline += byMs
    for (const group of this.classicGroups()) group.moveDeadlines(byMs)
    this.consumers.moveDeadlines(byMs)
  }

  private expireOffsets(now: number): CoordinatorRecord[] {
    const records: CoordinatorRecord[] = []
    for (const [groupId, group] of this.groups) {
      const expired = expiredOffsets(group, this.offsets, {
        now,
        retentionMs: this.options.offsetsRetentionMs,
      })
      for (const { topic, partition } of expired.offsets)
        records.push(offsetRecord(groupId, topic, partition, null))
      const isIdle = group.state === 'Empty' && (group.type === 'consumer' || group.isIdle)
      if (expired.isAll && isIdle) records.push(...endOf(group))
    }
    return records
  }

  // Small rules ---------------------------------------------------------------------------------------------

  private classicGroup(groupId: string): ClassicGroup | undefined {
    const group = this.groups.get(groupId)
    return group?.type === 'classic' ? group : undefined
  }

  private consumerGroup(groupId: string): ConsumerGroup | undefined {
    const group = this.groups.get(groupId)
    return group?.type === 'consumer' ? group : undefined
  }

  private *classicGroups(): Generator<ClassicGroup> {
    for (const group of this.groups.values()) if (group.type === 'classic') yield group
  }

  private createGroup(groupId: string, now: number): ClassicGroup {
    const group = new ClassicGroup(groupId, this.options, now)
    this.groups.set(groupId, group)
    return group
  }

  private turn(groupId: string, now: number): Turn {
    const fits = (snapshot: GroupSnapshot) => this.fits([groupRecord(groupId, snapshot)])
    return { now, replies: [], fits }
  }

  private fits(records: readonly CoordinatorRecord[]): boolean {
    return recordsBytes(records) <= this.options.maxBatchBytes()
  }

  private outcome(group: ClassicGroup, { snapshot, replies }: Turn): Outcome {
    this.groupDeadline = Math.min(this.groupDeadline, group.deadline())
    return snapshot ? { records: [groupRecord(group.groupId, snapshot)], replies } : { replies }
  }

  /** One partition that may not be committed stands for all, as in Kafka. */
  private refusedPartition(
    offsets: readonly OffsetToCommit[],
    check: (topic: string, partition: number) => ErrorCode,
  ): ErrorCode {
    for (const offset of offsets) {
      const error = this.isTooLarge(offset) ? ErrorCode.NONE : check(offset.topic, offset.partition)
      if (error) return error
    }
    return ErrorCode.NONE
  }

  /** Kafka counts characters, whatever the option's name says. */
  private isTooLarge({ metadata }: OffsetToCommit): boolean {
    return metadata.length > this.options.offsetMetadataMaxBytes
  }

  private validateCommit(
    request: CommitRequest,
    now: number,
  ): Result<(topic: string, partition: number) => ErrorCode> {
    const { groupId, generationId, member, producer } = request
    const group = this.groups.get(groupId)
    // An administrator, or a consumer that manages itself, makes the group with its first commit.
    if (!group) return generationId < 0 ? ok(() => ErrorCode.NONE) : refuse(request.unknownGroupError)
    if (group.type === 'consumer') return this.validateConsumerCommit(group, request)
    const error = group.validateOffsetCommit(member, generationId, producer !== undefined)
    if (error) return refuse(error)
    // Of a transaction's commit Kafka does not say that its member lives.
    if (!producer) group.touch(member.memberId, { now, replies: [] })
    return ok(() => ErrorCode.NONE)
  }

  private validateConsumerCommit(
    group: ConsumerGroup,
    { generationId, member, producer, unknownGroupError }: CommitRequest,
  ): Result<(topic: string, partition: number) => ErrorCode> {
    const isTransactional = producer !== undefined
    const check = commitCheck(group, {
      memberId: member.memberId,
      memberEpoch: generationId,
      instanceId: member.groupInstanceId,
      isTransactional,
      knowsEpochs: unknownGroupError === ErrorCode.GROUP_ID_NOT_FOUND,
    })
    // Producers know nothing of epochs of members.
    const told = (error: ErrorCode) =>
      isTransactional && error === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : error
    if (check.error) return refuse(told(check.error) as typeof check.error)
    const { image } = this.options.consumer
    return ok((topic, partition) => told(check.value(image().topicByName(topic)?.id, partition)))
  }

  private *removeOffsets(groupId: string): Generator<CoordinatorRecord> {
    for (const [topic, partitions] of this.offsets.partitions(groupId)) {
      for (const partition of partitions) yield offsetRecord(groupId, topic, partition, null)
    }
  }
}

/** What removes an empty group. */
function endOf(group: Group): CoordinatorRecord[] {
  return group.type === 'consumer' ? tombstones(group) : [groupRecord(group.groupId, null)]
}

function committed(offset: OffsetToCommit, retentionMs: number | undefined, now: number): CommittedOffset {
  return {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestampMs: offset.commitTimestampMs ?? now,
    expireTimestampMs: retentionMs === undefined ? undefined : now + retentionMs,
    topicId: offset.topicId,
  }
}
