/**
 * From the classic protocol to that of consumer groups and back (KIP-848). A group is of one kind at a time:
 * a classic group of consumers becomes a consumer group when the first member comes that speaks the new
 * protocol, and a classic group again when the last such member has gone and others are left.
 */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
} from '../../protocol/records/consumer-protocol.ts'
import { MalformedMessage } from '../../protocol/wire.ts'
import { type CoordinatorRecord, type Reply, reply } from '../coordinator/shard.ts'
import type { ClusterImage } from '../metadata/image.ts'
import type { Assignment } from './assignor.ts'
import type { ClassicGroup } from './classic-group.ts'
import {
  type ClassicMember,
  type GroupSnapshot,
  type MemberSnapshot,
  metadataFor,
  NO_ASSIGNMENT,
  refusedJoin,
  selectProtocol,
} from './classic-member.ts'
import { GroupEdit, tombstones } from './consumer-edit.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { ascending, type ConsumerMember, heldSince, NOTHING_HELD, normalized } from './consumer-member.ts'
import { groupRecord } from './group-records.ts'
import { metadataHash } from './metadata-hash.ts'

export type MigrationPolicy = 'disabled' | 'upgrade' | 'downgrade' | 'bidirectional'

export interface MigrationOptions {
  /** `group.consumer.migration.policy` */
  readonly migrationPolicy: MigrationPolicy
  /** `group.consumer.max.size` */
  readonly maxSize: number
  /** `group.max.size` */
  readonly classicMaxSize: number
  /** The metadata of the cluster, as this broker knows it now. */
  readonly image: () => ClusterImage
}

// From classic to consumer ----------------------------------------------------------------------------------

/** The classic group as a consumer group with the same members, and what is to be written for that. */
export function upgraded(classic: ClassicGroup, options: MigrationOptions): Result<GroupEdit> {
  const { groupId, membership } = classic
  const refused = (why: string) =>
    refuse(
      ErrorCode.GROUP_ID_NOT_FOUND,
      `Cannot upgrade classic group ${groupId} to consumer group because ${why}.`,
    )
  if (options.migrationPolicy !== 'upgrade' && options.migrationPolicy !== 'bidirectional') {
    return refused('online upgrade is disabled')
  }
  if (classic.protocolType !== 'consumer') {
    return refused('the group does not use the consumer embedded protocol')
  }
  if (membership.size > options.maxSize) {
    return refused('the group size exceeds the consumer group maximum size')
  }
  try {
    const members = [...membership.all()].map(member => upgradedMember(member, classic, options.image()))
    if (members.includes(undefined)) {
      return refused(
        'an unsupported custom assignor is in use. Please refer to the documentation or switch to a default' +
          ' assignor before re-attempting the upgrade',
      )
    }
    return ok(upgradeEdit(classic, members as ConsumerMember[], options.image()))
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return refused('the embedded consumer protocol is malformed')
  }
}

/** The classic group becomes another: whoever waits is to come again. */
export function abandon({ membership }: ClassicGroup): Reply[] {
  const errorCode = ErrorCode.REBALANCE_IN_PROGRESS
  const refusedSync = { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT }
  return [...membership.all()].flatMap(({ memberId, joinTicket, syncTicket }) => [
    ...(joinTicket ? [reply(joinTicket, refusedJoin(errorCode, memberId))] : []),
    ...(syncTicket ? [reply(syncTicket, refusedSync)] : []),
  ])
}

function upgradeEdit(
  { groupId, generationId }: ClassicGroup,
  members: readonly ConsumerMember[],
  image: ClusterImage,
): GroupEdit {
  const edit = new GroupEdit(new ConsumerGroup(groupId), [groupRecord(groupId, null)])
  for (const { memberId, ...value } of members) edit.write({ kind: 'member', memberId, value })
  const hash = metadataHash(edit.group.subscribedTopics(), image)
  edit.write({ kind: 'epoch', value: { epoch: generationId, metadataHash: hash } })
  for (const { memberId, assigned } of members) {
    const value = new Map([...assigned].map(([topicId, held]) => [topicId, ascending(held.keys())]))
    edit.write({ kind: 'target', memberId, value })
  }
  edit.write({ kind: 'target epoch', value: { assignmentEpoch: generationId, timestampMs: 0 } })
  for (const { memberId, ...value } of members) edit.write({ kind: 'standing', memberId, value })
  return edit
}

/** Undefined where its assignor has said more than partitions: nobody could say that to it any more. */
function upgradedMember(
  member: ClassicMember,
  { generationId, protocolName }: ClassicGroup,
  image: ClusterImage,
): ConsumerMember | undefined {
  const subscription = decodeSubscription(metadataFor(member, protocolName)).value
  let assigned: Assignment = new Map()
  if (member.assignment.length > 0) {
    const assignment = decodeAssignment(member.assignment).value
    if (assignment.userData !== null && assignment.userData.length > 0) return undefined
    assigned = byTopicId(assignment.assignedPartitions, image)
  }
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    rackId: subscription.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: normalized(subscription.topics),
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
    memberEpoch: generationId,
    previousMemberEpoch: generationId,
    state: 'STABLE',
    assigned: heldSince(generationId, assigned),
    pendingRevocation: NOTHING_HELD,
  }
}

/** As the classic protocol says partitions, by names; those of topics that are gone are left out. */
export function byTopicId(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  image: ClusterImage,
): Assignment {
  const assignment = new Map<string, readonly number[]>()
  for (const { topic, partitions } of topics) {
    const topicId = image.topicByName(topic)?.id
    if (topicId !== undefined && partitions.length > 0) assignment.set(topicId, ascending(partitions))
  }
  return assignment
}

// From consumer to classic ----------------------------------------------------------------------------------

/** Whether the group is to be a classic one once those members have left. */
export function mayDowngrade(
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
  { migrationPolicy, classicMaxSize }: MigrationOptions,
): boolean {
  const left = group.size - leaving.size
  return (
    left > 0 &&
    left <= classicMaxSize &&
    (migrationPolicy === 'downgrade' || migrationPolicy === 'bidirectional') &&
    group.isClassicWithout(leaving)
  )
}

/** A member that brings the change on by joining with the classic protocol. */
export interface Joining {
  readonly memberId?: string
  /** Of the classic group; that of the consumer group's epoch unless told. */
  readonly generationId?: number
}

/** What makes the group a classic one, without those members. */
export function downgrade(
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
  { image, now, ...joining }: { readonly image: ClusterImage; readonly now: number } & Joining,
): CoordinatorRecord[] {
  const staying = [...group.members()].filter(({ memberId }) => !leaving.has(memberId))
  // Who leads is decided by who was there before.
  const last = ({ memberId }: ConsumerMember) => (memberId === joining.memberId ? 1 : 0)
  staying.sort((one, other) => last(one) - last(other))
  const protocolName =
    selectProtocol(staying.map(({ classic }) => ({ protocols: classic!.protocols }))) ?? null
  const snapshot: GroupSnapshot = {
    generationId: joining.generationId ?? group.epoch,
    protocolType: 'consumer',
    protocolName,
    leader: staying[0]?.memberId ?? null,
    stateTimestampMs: now,
    members: staying.map(member =>
      downgradedMember(member, group.target(member.memberId), protocolName, image),
    ),
  }
  return [...tombstones(group), groupRecord(group.groupId, snapshot)]
}

function downgradedMember(
  member: ConsumerMember,
  target: Assignment,
  protocolName: string | null,
  image: ClusterImage,
): MemberSnapshot {
  const { sessionTimeoutMs, protocols } = member.classic!
  const subscription = protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_ASSIGNMENT
  return {
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs,
    subscription,
    assignment: classicAssignment(target, subscription, image),
  }
}

/** Partitions as the classic protocol says them, in the version that the member has spoken itself. */
export function classicAssignment(assignment: Assignment, subscription: Buffer, image: ClusterImage): Buffer {
  const assignedPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topic = image.topicById(topicId)?.name
    return topic === undefined ? [] : [{ topic, partitions: [...partitions] }]
  })
  return encodeAssignment(versionOf(subscription), { assignedPartitions })
}

const NEWEST_ASSIGNMENT = 3

function versionOf(subscription: Buffer): number {
  const version = subscription.length < 2 ? 0 : subscription.readInt16BE(0)
  return Math.max(0, Math.min(version, NEWEST_ASSIGNMENT))
}
