/**
 * The target assignment of a consumer group: who is to have what once everyone has given up what is not
 * theirs.
 */

import type { ClusterImage } from '../metadata/image.ts'
import type { Assignment, Assignor, MemberSpec } from './assignor.ts'
import type { GroupEdit } from './consumer-edit.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { areSameAssignments, NO_PARTITIONS } from './consumer-member.ts'

/** Computes the target for the group's epoch, and writes what it changes. */
export function assignTarget(edit: GroupEdit, assignor: Assignor, image: ClusterImage, now: number): void {
  const { group } = edit
  const members = memberSpecs(group, image)
  const target = assignor.assign({
    members,
    isHomogeneous: isHomogeneous(group),
    partitionCount: topicId => image.topicById(topicId)?.partitions.length ?? 0,
  })
  for (const memberId of members.keys()) {
    const assignment = withoutEmpty(target.get(memberId) ?? NO_PARTITIONS)
    const known = group.knownTarget(memberId)
    if (!known || !areSameAssignments(known, assignment)) {
      edit.write({ kind: 'target', memberId, value: assignment })
    }
  }
  edit.write({ kind: 'target epoch', value: { assignmentEpoch: group.epoch, timestampMs: now } })
}

/**
 * The assignor that most members ask for; the default where none does. Members may ask for those there are.
 * Between equals Kafka takes the one that the member who brings it on asks for, and alone; then `uniform`.
 */
export function preferredAssignor(
  group: ConsumerGroup,
  assignors: ReadonlyMap<string, Assignor>,
  memberId?: string,
): Assignor {
  const votes = new Map<string, number>()
  for (const { serverAssignor } of group.members()) {
    if (serverAssignor !== null) votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1)
  }
  const own = memberId === undefined ? null : group.member(memberId)?.serverAssignor
  const rank = (name: string) => (name === own && votes.get(name) === 1 ? 0 : 1)
  const [first] = [...votes.keys()].sort(
    (one, other) => votes.get(other)! - votes.get(one)! || rank(one) - rank(other) || (one > other ? -1 : 1),
  )
  const [byDefault] = assignors.values()
  // One that a member asked for may be gone since the broker was told of others.
  return (first === undefined ? undefined : assignors.get(first)) ?? byDefault!
}

/** Of the topics that exist. */
export function topicIdsOf(names: readonly string[], image: ClusterImage): Set<string> {
  const topicIds = new Set<string>()
  for (const name of names) {
    const topic = image.topicByName(name)
    if (topic) topicIds.add(topic.id)
  }
  return topicIds
}

function memberSpecs(group: ConsumerGroup, image: ClusterImage): Map<string, MemberSpec> {
  // Members mostly subscribe to the same.
  const known = new Map<string, ReadonlySet<string>>()
  const members = new Map<string, MemberSpec>()
  for (const member of inKafkasOrder([...group.members()], ({ memberId }) => memberId)) {
    const names = group.topicsOf(member)
    const key = names.join('\n')
    const subscribedTopicIds = known.get(key) ?? topicIdsOf(names, image)
    known.set(key, subscribedTopicIds)
    members.set(member.memberId, {
      groupInstanceId: member.instanceId,
      subscribedTopicIds,
      assignment: group.target(member.memberId),
    })
  }
  return members
}

/**
 * Where there is nothing between them it is this order that decides, and in Kafka that is the order of a Java
 * hash map: by a hash of the key, cut to the size of the map's table.
 */
function inKafkasOrder<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  let buckets = 16
  while (items.length > buckets * 0.75) buckets *= 2
  const bucketOf = (key: string) => {
    let hash = 0
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
    return (hash ^ (hash >>> 16)) & (buckets - 1)
  }
  return items
    .map(item => ({ item, bucket: bucketOf(keyOf(item)) }))
    .sort((one, other) => one.bucket - other.bucket)
    .map(({ item }) => item)
}

function isHomogeneous(group: ConsumerGroup): boolean {
  let first: string | undefined
  for (const member of group.members()) {
    const key = group.topicsOf(member).join('\n')
    first ??= key
    if (key !== first) return false
  }
  return true
}

function withoutEmpty(assignment: Assignment): Assignment {
  return new Map([...assignment].filter(([, partitions]) => partitions.length > 0))
}
