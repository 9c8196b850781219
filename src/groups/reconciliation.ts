/**
 * How one member comes from what it has to what the target assignment gives it (KIP-848), each at its own
 * pace:
 *
 *   STABLE                → UNREVOKED_PARTITIONS   it has what it is to give up; its epoch waits for that
 *   UNREVOKED_PARTITIONS  → any                    it no longer reports any of that, and takes its next step
 *   any                   → UNRELEASED_PARTITIONS  it is at the target's epoch; others still have some of it
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
  const { memberEpoch } = member
  const target = new Map([...goal.target].map(([topicId, partitions]) => [topicId, new Set(partitions)]))
  for (const topicId of target.keys()) if (!goal.subscribedTopicIds.has(topicId)) target.delete(topicId)
  const { kept, surplus } = split(member.assigned, (topicId, partition) =>
    target.get(topicId)?.has(partition),
  )
  if (surplus.size > 0 && mayHave(goal.owned, surplus)) {
    return moved(member, {
      state: 'UNREVOKED_PARTITIONS',
      memberEpoch,
      assigned: kept,
      pendingRevocation: surplus,
    })
  }
  const { assigned, isWaiting } = withFree(member, kept, target, goal)
  return moved(member, {
    state: isWaiting ? 'UNRELEASED_PARTITIONS' : 'STABLE',
    memberEpoch: goal.targetEpoch,
    assigned,
    pendingRevocation: NOTHING_HELD,
  })
}

/**
 * The member no longer wants topics that it has partitions of. The target will follow, but what is not
 * wanted is given up at once.
 */
function withoutUnsubscribed(member: ConsumerMember, goal: Goal): MemberStanding {
  const { memberEpoch, state } = member
  const { kept, surplus } = split(member.assigned, topicId => goal.subscribedTopicIds.has(topicId))
  if (surplus.size === 0) return member
  const pendingRevocation = joined(member.pendingRevocation, surplus)
  return mayHave(goal.owned, pendingRevocation)
    ? moved(member, { state: 'UNREVOKED_PARTITIONS', memberEpoch, assigned: kept, pendingRevocation })
    : moved(member, { state, memberEpoch, assigned: kept, pendingRevocation: member.pendingRevocation })
}

function moved(member: ConsumerMember, to: Omit<MemberStanding, 'previousMemberEpoch'>): MemberStanding {
  return { ...to, previousMemberEpoch: member.memberEpoch }
}

/**
 * With what the target gives the member besides, as far as it is free; and whether others have more of that.
 */
function withFree(
  member: ConsumerMember,
  kept: HeldPartitions,
  target: ReadonlyMap<string, ReadonlySet<number>>,
  goal: Goal,
): { readonly assigned: HeldPartitions; readonly isWaiting: boolean } {
  const assigned = new Map(kept)
  let isWaiting = false
  for (const [topicId, partitions] of target) {
    const held = new Map(kept.get(topicId))
    for (const partition of partitions) {
      if (held.has(partition)) continue
      // What it was itself to give up is its own again.
      const isOthers = goal.isHeld(topicId, partition) && !holds(member.pendingRevocation, topicId, partition)
      if (isOthers) isWaiting = true
      else held.set(partition, goal.targetEpoch)
    }
    if (held.size > 0) assigned.set(topicId, held)
  }
  return { assigned, isWaiting }
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
  isKept: (topicId: string, partition: number) => boolean | undefined,
): { readonly kept: HeldPartitions; readonly surplus: HeldPartitions } {
  const kept = new Map<string, ReadonlyMap<number, number>>()
  const surplus = new Map<string, ReadonlyMap<number, number>>()
  for (const [topicId, partitions] of held) {
    const entries = [...partitions]
    const stays = entries.filter(([partition]) => isKept(topicId, partition))
    const goes = entries.filter(([partition]) => !isKept(topicId, partition))
    if (stays.length > 0) kept.set(topicId, new Map(stays))
    if (goes.length > 0) surplus.set(topicId, new Map(goes))
  }
  return { kept, surplus }
}

function joined(one: HeldPartitions, other: HeldPartitions): HeldPartitions {
  const all = new Map(one)
  for (const [topicId, added] of other) all.set(topicId, new Map([...(one.get(topicId) ?? []), ...added]))
  return all
}
