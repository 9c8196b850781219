/** The shapes of consumer groups (KIP-848): a member, what it holds, and how such things are compared. */

import type { Assignment } from './assignor.ts'
import type { ProtocolMetadata } from './classic-member.ts'

/**
 *   STABLE                holds what its target says, or all of it that was free when it was last looked at
 *   UNREVOKED_PARTITIONS  was told to give partitions up, and has not said that it did
 *   UNRELEASED_PARTITIONS waits for partitions that others have not given up
 *   UNKNOWN               written by a newer coordinator
 */
export type MemberState = 'STABLE' | 'UNREVOKED_PARTITIONS' | 'UNRELEASED_PARTITIONS' | 'UNKNOWN'

/** By topic id, then by partition: the epoch at which it was given to the member (KIP-1251). */
export type HeldPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>

/** Epochs that are not epochs. */
export const JOINING_EPOCH = 0
export const LEAVING_EPOCH = -1
/** A static member that is away for a while. */
export const AWAY_EPOCH = -2

/** What a member that speaks the classic protocol has said besides (KIP-848's online migration). */
export interface ClassicSide {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly ProtocolMetadata[]
}

/** What a member has said about itself: the content of its metadata record. */
export interface MemberProfile {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** Sorted, each once. */
  readonly subscribedTopicNames: readonly string[]
  /** RE2; empty or null for none. */
  readonly subscribedTopicRegex: string | null
  readonly rebalanceTimeoutMs: number
  readonly serverAssignor: string | null
  /** Set for members that speak the classic protocol. */
  readonly classic: ClassicSide | undefined
}

/** Where a member stands: the content of its current assignment record. */
export interface MemberStanding {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: HeldPartitions
  readonly pendingRevocation: HeldPartitions
}

export interface ConsumerMember extends MemberProfile, MemberStanding {
  readonly memberId: string
}

export const NOTHING_HELD: HeldPartitions = new Map()
export const NO_PARTITIONS: Assignment = new Map()

/** A member of which nothing is known yet. */
export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    instanceId: null,
    rackId: null,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: [],
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: -1,
    serverAssignor: null,
    classic: undefined,
    ...NO_STANDING,
  }
}

export const NO_STANDING: MemberStanding = {
  memberEpoch: 0,
  previousMemberEpoch: -1,
  state: 'STABLE',
  assigned: NOTHING_HELD,
  pendingRevocation: NOTHING_HELD,
}

export function hasSameProfile(one: MemberProfile, other: MemberProfile): boolean {
  return (
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.subscribedTopicRegex === other.subscribedTopicRegex &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.serverAssignor === other.serverAssignor &&
    areEqualLists(one.subscribedTopicNames, other.subscribedTopicNames) &&
    isSameClassicSide(one.classic, other.classic)
  )
}

export function hasSameStanding(one: MemberStanding, other: MemberStanding): boolean {
  return (
    one.memberEpoch === other.memberEpoch &&
    one.previousMemberEpoch === other.previousMemberEpoch &&
    one.state === other.state &&
    holdsSame(one.assigned, other.assigned) &&
    holdsSame(one.pendingRevocation, other.pendingRevocation)
  )
}

/** With the same epochs, too. */
export function holdsSame(one: HeldPartitions, other: HeldPartitions): boolean {
  if (one === other) return true
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (!others || others.size !== partitions.size) return false
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false
  }
  return true
}

export function holds(held: HeldPartitions, topicId: string, partition: number): boolean {
  return held.get(topicId)?.has(partition) ?? false
}

/** The partitions without their epochs, ascending. */
export function assignmentOf(held: HeldPartitions): Assignment {
  return new Map([...held].map(([topicId, partitions]) => [topicId, ascending(partitions.keys())]))
}

/** All of an assignment, given at one epoch. */
export function heldSince(epoch: number, assignment: Assignment): HeldPartitions {
  return new Map(
    [...assignment].map(([topicId, partitions]) => [topicId, new Map(partitions.map(each => [each, epoch]))]),
  )
}

/** Whether each partition of the first is in the second. */
export function isHeld(assignment: Assignment, held: HeldPartitions): boolean {
  for (const [topicId, partitions] of assignment) {
    for (const partition of partitions) if (!holds(held, topicId, partition)) return false
  }
  return true
}

export function areSameAssignments(one: Assignment, other: Assignment): boolean {
  if (one === other) return true
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (!others || !areEqualLists(partitions, others)) return false
  }
  return true
}

export function ascending(numbers: Iterable<number>): number[] {
  return [...numbers].sort((a, b) => a - b)
}

/** Sorted, each once: as subscriptions are kept and compared. */
export function normalized(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}

export function areEqualLists<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((each, i) => each === other[i])
}

function isSameClassicSide(one: ClassicSide | undefined, other: ClassicSide | undefined): boolean {
  if (!one || !other) return one === other
  return (
    one.sessionTimeoutMs === other.sessionTimeoutMs &&
    one.protocols.length === other.protocols.length &&
    one.protocols.every(({ name, metadata }, i) => {
      const another = other.protocols[i]!
      return name === another.name && metadata.equals(another.metadata)
    })
  )
}
