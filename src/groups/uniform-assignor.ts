/**
 * Kafka's `uniform`: members have equally many partitions, as far as their subscriptions allow it, and keep
 * as many of those that they have as that leaves room for. This file is for groups whose members all
 * subscribe to the same topics, where the shares can be told beforehand; for others see
 * `mixed-uniform-assignor.ts`.
 */

import assert from 'node:assert/strict'
import type { Assignment, Assignor, GroupSpec } from './assignor.ts'
import { assignMixed } from './mixed-uniform-assignor.ts'

export const uniformAssignor: Assignor = {
  name: 'uniform',
  assign: spec => (spec.isHomogeneous ? assignAlike(spec) : assignMixed(spec)),
}

interface Loose {
  readonly topicId: string
  readonly partition: number
}

interface Vacancy {
  readonly assignment: Map<string, number[]>
  readonly count: number
}

function assignAlike(spec: GroupSpec): ReadonlyMap<string, Assignment> {
  const topicIds = spec.members.values().next().value?.subscribedTopicIds
  if (!topicIds || topicIds.size === 0) return new Map()
  const loose = unassigned(spec, topicIds)
  const { assignments, vacancies } = keepShares(spec, topicIds, loose)
  let next = 0
  for (const { assignment, count } of vacancies) {
    for (const { topicId, partition } of loose.slice(next, next + count)) {
      const partitions = assignment.get(topicId)
      if (partitions) partitions.push(partition)
      else assignment.set(topicId, [partition])
    }
    next += count
    for (const partitions of assignment.values()) partitions.sort((one, other) => one - other)
  }
  assert(next >= loose.length, 'every partition has a member')
  return assignments
}

/** Those that no member has, by topic. */
function unassigned(spec: GroupSpec, topicIds: ReadonlySet<string>): Loose[] {
  const taken = new Map([...topicIds].map(topicId => [topicId, new Uint8Array(spec.partitionCount(topicId))]))
  for (const { assignment } of spec.members.values()) {
    for (const [topicId, partitions] of assignment) {
      const flags = taken.get(topicId)
      if (flags) for (const partition of partitions) flags[partition] = 1
    }
  }
  const loose: Loose[] = []
  for (const [topicId, flags] of taken) {
    for (const [partition, isTaken] of flags.entries()) if (!isTaken) loose.push({ topicId, partition })
  }
  return loose
}

/**
 * What members keep of what they have, up to their share; the rest becomes loose. The first members get the
 * shares that are larger by one, save that one that does not fill the smaller share anyhow leaves the larger
 * to a member behind it, as long as there are more of those than larger shares.
 */
function keepShares(
  spec: GroupSpec,
  topicIds: ReadonlySet<string>,
  loose: Loose[],
): { assignments: Map<string, Map<string, number[]>>; vacancies: Vacancy[] } {
  let total = 0
  for (const topicId of topicIds) total += spec.partitionCount(topicId)
  const share = Math.floor(total / spec.members.size)
  let larger = total % spec.members.size
  let behind = spec.members.size
  const assignments = new Map<string, Map<string, number[]>>()
  const vacancies: Vacancy[] = []
  for (const [memberId, member] of spec.members) {
    let takesLarger = larger > 0
    const kept = keep(member.assignment, topicIds, takesLarger ? share + 1 : share)
    loose.push(...kept.revoked)
    assignments.set(memberId, kept.assignment)
    let count = kept.room
    if (count > 0 && takesLarger && behind > larger) {
      count -= 1
      takesLarger = false
    }
    if (count > 0) vacancies.push({ assignment: kept.assignment, count })
    if (takesLarger) larger -= 1
    behind -= 1
  }
  return { assignments, vacancies }
}

function keep(
  held: Assignment,
  topicIds: ReadonlySet<string>,
  share: number,
): { assignment: Map<string, number[]>; revoked: Loose[]; room: number } {
  const assignment = new Map<string, number[]>()
  const revoked: Loose[] = []
  let room = share
  for (const [topicId, partitions] of held) {
    if (!topicIds.has(topicId)) continue
    const kept = partitions.slice(0, room)
    if (kept.length > 0) assignment.set(topicId, kept)
    for (const partition of partitions.slice(kept.length)) revoked.push({ topicId, partition })
    room -= kept.length
  }
  return { assignment, revoked, room }
}
