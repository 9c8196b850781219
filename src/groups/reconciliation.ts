/**
 * How one member comes from what it has to what the target assignment gives it (KIP-848), each at its own pace:
 *
 *   STABLE                → UNREVOKED_PARTITIONS   it has partitions that it is to give up; its epoch waits for that
 *   UNREVOKED_PARTITIONS  → any                    it no longer reports any of those; it goes one epoch on
 *   any                   → UNRELEASED_PARTITIONS  it is at the target's epoch; some of its partitions still are others'
 *   any                   → STABLE                 it is at the target's epoch and has all of it
 *
 * A function of the member, what it reports and what others hold; it writes nothing.
 */

import type { Assignment } from './assignor.ts'
import {
  type ConsumerMember,
  type HeldPartitions,
  holds,
  type MemberStanding,
  type MemberState,
  NOTHING_HELD,
} from './consumer-member.ts'

export interface Goal {
  readonly targetEpoch: number
  readonly target: Assignment
  /** What the member subscribes to now, of topics that exist. */
  readonly subscribedTopicIds: ReadonlySet<string>
  /** The member has just changed that; the target may know nothing of it yet. */
  readonly hasSubscriptionChanged: boolean
  /** What the member says that it has; null where it says nothing. */
  readonly owned: Assignment | null
  /** Whether somebody has the partition, or was told to give it up and has not said that it did. */
  isHeld(topicId: string, partition: number): boolean
}

/** Where the member stands from now on; itself where nothing changes. Undefined where it must join anew. */
export function reconcile(member: ConsumerMember, goal: Goal): MemberStanding | undefined {
  switch (member.state) {
    case 'STABLE':
      if (member.memberEpoch !== goal.targetEpoch) return next(member, goal)
      return goal.hasSubscriptionChanged ? withoutUnsubscribed(member, goal) : member
    case 'UNREVOKED_PARTITIONS':
      if (!mayHave(goal.owned, member.pendingRevocation)) return next(member, goal)
      return goal.hasSubscriptionChanged ? withoutUnsubscribed(member, goal) : member
    case 'UNRELEASED_PARTITIONS':
      return next(member, goal)
    case 'UNKNOWN':
      return goal.owned?.size === 0 ? next({ ...member, memberEpoch: goal.targetEpoch }, goal) : undefined
  }
}

/** One step towards the target: what it may not keep must go before it gets anything. */
function next(member: ConsumerMember, goal: Goal): MemberStanding {
  const { targetEpoch } = goal
  const { kept, surplus } = split(member.assigned, (topicId, partition) =>
    isInTarget(topicId, partition, goal),
  )
  if (surplus.size > 0 && mayHave(goal.owned, surplus)) {
    return moved(member, 'UNREVOKED_PARTITIONS', member.memberEpoch, kept, surplus)
  }
  const { free, isWaiting } = missing(member, kept, goal)
  const assigned = free.length > 0 ? withPartitions(kept, free, targetEpoch) : kept
  return moved(member, isWaiting ? 'UNRELEASED_PARTITIONS' : 'STABLE', targetEpoch, assigned, NOTHING_HELD)
}

/**
 * The member no longer wants topics that it has partitions of. The target will follow, but what is not wanted is
 * given up at once.
 */
function withoutUnsubscribed(member: ConsumerMember, goal: Goal): MemberStanding {
  const { kept, surplus } = split(member.assigned, topicId => goal.subscribedTopicIds.has(topicId))
  if (surplus.size === 0) return member
  const pending = joined(member.pendingRevocation, surplus)
  return mayHave(goal.owned, pending)
    ? moved(member, 'UNREVOKED_PARTITIONS', member.memberEpoch, kept, pending)
    : moved(member, member.state, member.memberEpoch, kept, member.pendingRevocation)
}

function moved(
  member: ConsumerMember,
  state: MemberState,
  memberEpoch: number,
  ...[assigned, pendingRevocation]: readonly [HeldPartitions, HeldPartitions]
): MemberStanding {
  return { memberEpoch, previousMemberEpoch: member.memberEpoch, state, assigned, pendingRevocation }
}

function isInTarget(topicId: string, partition: number, { target, subscribedTopicIds }: Goal): boolean {
  return subscribedTopicIds.has(topicId) && (target.get(topicId)?.includes(partition) ?? false)
}

/** What the target gives the member besides: what of it is free, and whether there is more, which others have. */
function missing(member: ConsumerMember, kept: HeldPartitions, goal: Goal) {
  const free: (readonly [topicId: string, partition: number])[] = []
  let isWaiting = false
  for (const [topicId, partitions] of goal.target) {
    if (!goal.subscribedTopicIds.has(topicId)) continue
    for (const partition of partitions) {
      if (holds(kept, topicId, partition)) continue
      // What it was itself to give up is its own again.
      const isOthers = goal.isHeld(topicId, partition) && !holds(member.pendingRevocation, topicId, partition)
      if (isOthers) isWaiting = true
      else free.push([topicId, partition])
    }
  }
  return { free, isWaiting }
}

/** Whether the member has some of these, for all that it says. */
function mayHave(owned: Assignment | null, held: HeldPartitions): boolean {
  if (owned === null) return true
  for (const [topicId, partitions] of owned) {
    for (const partition of partitions) if (holds(held, topicId, partition)) return true
  }
  return false
}

function split(
  held: HeldPartitions,
  isKept: (topicId: string, partition: number) => boolean,
): { readonly kept: HeldPartitions; readonly surplus: HeldPartitions } {
  const kept = new Map<string, Map<number, number>>()
  const surplus = new Map<string, Map<number, number>>()
  for (const [topicId, partitions] of held) {
    for (const [partition, epoch] of partitions) {
      put(isKept(topicId, partition) ? kept : surplus, topicId, partition, epoch)
    }
  }
  return { kept, surplus }
}

function joined(one: HeldPartitions, other: HeldPartitions): HeldPartitions {
  return new Map([
    ...one,
    ...[...other].map(
      ([topicId, added]) => [topicId, new Map([...(one.get(topicId) ?? []), ...added])] as const,
    ),
  ])
}

function withPartitions(
  held: HeldPartitions,
  added: readonly (readonly [topicId: string, partition: number])[],
  epoch: number,
): HeldPartitions {
  const all = new Map([...held].map(([topicId, partitions]) => [topicId, new Map(partitions)]))
  for (const [topicId, partition] of added) put(all, topicId, partition, epoch)
  return all
}

function put(
  to: Map<string, Map<number, number>>,
  topicId: string,
  ...[partition, epoch]: readonly [number, number]
): void {
  const partitions = to.get(topicId)
  if (partitions) partitions.set(partition, epoch)
  else to.set(topicId, new Map([[partition, epoch]]))
}
