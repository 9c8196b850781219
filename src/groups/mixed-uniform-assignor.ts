/**
 * Kafka's `uniform` for groups whose members subscribe to different topics. Partitions that nobody has go to
 * those of their topic's subscribers that have least; then partitions move from those that have most to those
 * that have least, topic by topic, for as long as that evens something out.
 */

import type { Assignment, GroupSpec } from './assignor.ts'

const MOST_ROUNDS = 16
const NOBODY = -1

interface Topic {
  readonly topicId: string
  /** The member, by its position in the group, that has each partition. */
  readonly owners: Int32Array
  /** By their positions in the group, ascending. */
  readonly subscribers: number[]
}

export function assignMixed(spec: GroupSpec): ReadonlyMap<string, Assignment> {
  const loads = new Int32Array(spec.members.size)
  const topics = topicsOf(spec)
  for (const [position, { subscribedTopicIds, assignment }] of [...spec.members.values()].entries()) {
    for (const [topicId, partitions] of assignment) {
      if (!subscribedTopicIds.has(topicId)) continue
      loads[position]! += partitions.length
      for (const partition of partitions) topics.get(topicId)!.owners[partition] = position
    }
  }
  const ordered = [...topics.values()].sort(byPartitionsToSpare)
  for (const topic of ordered) dealOut(topic, loads)
  evenOut(
    ordered.filter(({ subscribers }) => subscribers.length > 1),
    loads,
  )
  return assignmentsOf(spec, topics.values())
}

function topicsOf(spec: GroupSpec): Map<string, Topic> {
  const topics = new Map<string, Topic>()
  for (const [position, { subscribedTopicIds }] of [...spec.members.values()].entries()) {
    for (const topicId of subscribedTopicIds) {
      const topic = topics.get(topicId)
      if (topic) {
        topic.subscribers.push(position)
      } else {
        const owners = new Int32Array(spec.partitionCount(topicId)).fill(NOBODY)
        topics.set(topicId, { topicId, owners, subscribers: [position] })
      }
    }
  }
  return topics
}

/** Topics with the most partitions for each subscriber first: others can make up for what those do. */
function byPartitionsToSpare(one: Topic, other: Topic): number {
  return (
    other.owners.length / other.subscribers.length - one.owners.length / one.subscribers.length ||
    one.subscribers.length - other.subscribers.length ||
    compareIds(one.topicId, other.topicId)
  )
}

/** Kafka's order of ids: as two signed numbers of 64 bits. */
function compareIds(one: string, other: string): number {
  const [oneBytes, otherBytes] = [Buffer.from(one, 'base64url'), Buffer.from(other, 'base64url')]
  for (const at of [0, 8]) {
    const difference = oneBytes.readBigInt64BE(at) - otherBytes.readBigInt64BE(at)
    if (difference !== 0n) return difference < 0n ? -1 : 1
  }
  return 0
}

function dealOut({ owners, subscribers }: Topic, loads: Int32Array): void {
  const levels = new Levels(subscribers, loads)
  for (const [partition, owner] of owners.entries()) {
    if (owner !== NOBODY) continue
    const receiver = levels.nextLeast()
    owners[partition] = receiver
    loads[receiver]! += 1
  }
}

/** Until a whole round has changed nothing, or it has gone on for long. */
function evenOut(topics: readonly Topic[], loads: Int32Array): void {
  let unchanged = 0
  for (let step = 0; step < MOST_ROUNDS * topics.length && unchanged < topics.length; step++) {
    const moved = evenOutTopic(topics[step % topics.length]!, loads)
    unchanged = moved ? 1 : unchanged + 1
  }
}

/** Whether anything has moved. */
function evenOutTopic({ owners, subscribers }: Topic, loads: Int32Array): boolean {
  const levels = new Levels(subscribers, loads)
  if (levels.spread <= 1) return false
  const movable = partitionsByOwner(owners)
  let moved = false
  while (!levels.areEven()) {
    let giver = levels.nextMost()
    while (giver !== NOBODY && !movable.get(giver)?.length) {
      levels.passOver()
      giver = levels.nextMost()
    }
    if (giver === NOBODY) break
    const partition = movable.get(giver)!.pop()!
    const receiver = levels.nextLeast()
    if (levels.areEven()) break
    owners[partition] = receiver
    loads[giver]! -= 1
    loads[receiver]! += 1
    moved = true
  }
  return moved
}

function partitionsByOwner(owners: Int32Array): Map<number, number[]> {
  const byOwner = new Map<number, number[]>()
  for (const [partition, owner] of owners.entries()) {
    const partitions = byOwner.get(owner)
    if (partitions) partitions.push(partition)
    else byOwner.set(owner, [partition])
  }
  return byOwner
}

function assignmentsOf(spec: GroupSpec, topics: Iterable<Topic>): ReadonlyMap<string, Assignment> {
  const assignments = [...spec.members.keys()].map(
    memberId => [memberId, new Map<string, number[]>()] as const,
  )
  for (const { topicId, owners } of topics) {
    for (const [partition, owner] of owners.entries()) {
      const [, assignment] = assignments[owner]!
      const partitions = assignment.get(topicId)
      if (partitions) partitions.push(partition)
      else assignment.set(topicId, [partition])
    }
  }
  return new Map(assignments)
}

/**
 * The subscribers of a topic by how much they have, worked on from both ends: those that have least are
 * raised to a common level, each by one before any by two, while those that have most are brought down to
 * one. The middle, which neither has come to, stays as it is.
 */
class Levels {
  /** How far apart the ends were at first. */
  readonly spread: number
  private readonly loads: Int32Array
  private readonly members: number[]
  private readonly low = { level: 0, end: 0, next: 0 }
  private readonly high = { level: 0, start: 0, end: 0, next: 0 }

  constructor(subscribers: readonly number[], loads: Int32Array) {
    this.loads = loads
    this.members = [...subscribers].sort((one, other) => loads[one]! - loads[other]! || one - other)
    const count = this.members.length
    const least = this.loadAt(0)
    const most = this.loadAt(count - 1)
    this.spread = most - least
    this.low.level = least - 1
    this.high = { level: most + 1, start: count, end: count, next: count - 1 }
  }

  areEven(): boolean {
    return this.high.level - this.low.level <= 1
  }

  /** Who is to be given the next partition. */
  nextLeast(): number {
    const { low } = this
    if (low.next >= low.end) {
      low.level += 1
      while (low.end < this.members.length && this.loadAt(low.end) === low.level) low.end += 1
      low.next = 0
    }
    const member = this.members[low.next]!
    low.next += 1
    return member
  }

  /** Who is to give up a partition next, or NOBODY. */
  nextMost(): number {
    const { high } = this
    if (high.next < high.start) {
      const isNobodyLeft = high.end <= high.start && high.start > 0
      high.level = isNobodyLeft ? this.loadAt(high.start - 1) : high.level - 1
      while (high.start > 0 && this.loadAt(high.start - 1) === high.level) high.start -= 1
      high.next = high.end - 1
    }
    if (high.next < 0) return NOBODY
    const member = this.members[high.next]!
    high.next -= 1
    return member
  }

  /** The one just named has nothing to give up, and is not to be named again. */
  passOver(): void {
    const { high, members } = this
    const at = high.next + 1
    high.end -= 1
    const last = members[high.end]!
    members[high.end] = members[at]!
    members[at] = last
  }

  private loadAt(position: number): number {
    return this.loads[this.members[position]!]!
  }
}
