/**
 * Kafka's `range`: each topic on its own is cut into as many runs of consecutive partitions as it has
 * subscribers, the first runs longer by one where it does not come out even. The same member has the same run
 * of every topic with as many partitions, which joins need; nothing is done for members to keep theirs.
 */

import type { Assignment, Assignor, GroupSpec, MemberSpec } from './assignor.ts'

export const rangeAssignor: Assignor = { name: 'range', assign: assignRanges }

function assignRanges(spec: GroupSpec): ReadonlyMap<string, Assignment> {
  const members = [...spec.members].sort(byStanding)
  const subscribers = new Map<string, number>()
  for (const [, { subscribedTopicIds }] of members) {
    for (const topicId of subscribedTopicIds) subscribers.set(topicId, (subscribers.get(topicId) ?? 0) + 1)
  }
  const served = new Map<string, number>()
  return new Map(
    members.map(([memberId, { subscribedTopicIds }]) => {
      const assignment = new Map<string, readonly number[]>()
      for (const topicId of subscribedTopicIds) {
        const position = served.get(topicId) ?? 0
        served.set(topicId, position + 1)
        const run = runOf(position, subscribers.get(topicId)!, spec.partitionCount(topicId))
        if (run.length > 0) assignment.set(topicId, run)
      }
      return [memberId, assignment]
    }),
  )
}

/** The partitions of the subscriber at a position of so many. */
function runOf(position: number, subscribers: number, partitionCount: number): number[] {
  const least = Math.floor(partitionCount / subscribers)
  const longer = partitionCount % subscribers
  const start = position * least + Math.min(position, longer)
  return Array.from({ length: least + (position < longer ? 1 : 0) }, (_, i) => start + i)
}

/** Static members first, by the name of their instance, which outlives their ids; then the others by id. */
function byStanding([oneId, one]: [string, MemberSpec], [otherId, other]: [string, MemberSpec]): number {
  if (one.groupInstanceId !== null && other.groupInstanceId !== null) {
    return one.groupInstanceId < other.groupInstanceId ? -1 : 1
  }
  if (one.groupInstanceId !== null) return -1
  if (other.groupInstanceId !== null) return 1
  return oneId < otherId ? -1 : 1
}
