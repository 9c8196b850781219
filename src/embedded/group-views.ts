/** What tests ask of consumer groups: whether one has settled, and how far it is behind. */
import { ErrorCode, type Result } from '../../protocol/errors.ts'
import { decodeAssignment, decodeSubscription } from '../../protocol/records/consumer-protocol.ts'
import type { TopicPartitions } from '../groups/group-coordinator.ts'
import type { DescribedConsumer, GroupDescription } from '../groups/group-descriptions.ts'
import { type DataContext, type DataSource, said } from './data.ts'
import { listed, Refused } from './refused.ts'

export interface GroupMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** The topics that it asks for, by name or because they match. */
  readonly subscription: readonly string[]
  readonly assignment: readonly TopicPartitions[]
}

export interface GroupView {
  readonly groupId: string
  /**
   * As Kafka names it: Stable, Empty, PreparingRebalance, CompletingRebalance, Assigning, Reconciling, Dead.
   */
  readonly state: string
  /** `classic`, or `consumer` where members speak KIP-848. */
  readonly type: string
  readonly members: readonly GroupMember[]
}

export interface WaitForGroupOptions {
  /** As many members, neither more nor fewer; at least one unless told. */
  readonly members?: number
  /** How long to wait, in real ms; 10000 unless told. */
  readonly timeout?: number
}

export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** The offset that the group would go on from. */
  readonly committed: bigint
  /** The offset of the next record to come, as a consumer sees it. */
  readonly end: bigint
  readonly lag: number
}

export interface GroupLag {
  readonly groupId: string
  /** Of all partitions together. */
  readonly total: number
  /** Of those that the group has committed an offset for. */
  readonly partitions: readonly PartitionLag[]
}

const DEFAULT_TIMEOUT_MS = 10_000
const LOOK_AGAIN_MS = 5
/** As long as an assignment that leaves partitions to nobody has to stay to be meant so. */
const SETTLED_MS = 500

/** Resolves when the group is stable: all members have joined and have their partitions. */
export async function waitForGroupStable(
  source: DataSource,
  groupId: string,
  options: WaitForGroupOptions = {},
): Promise<GroupView> {
  if (typeof options !== 'object') {
    throw new Refused('invalid', `waitForGroupStable: ${options} will not do; give { members: 2 }, say`)
  }
  const { members, timeout = DEFAULT_TIMEOUT_MS } = options
  if (members !== undefined && !(Number.isInteger(members) && members > 0)) {
    throw new Refused('invalid', `members: ${members} is no number of members, from 1 on`)
  }
  if (!(timeout >= 0)) throw new Refused('invalid', `timeout: ${timeout} is no time in ms`)
  const deadline = source.clock.elapsed() + timeout
  let settling = { assignment: '', since: 0 }
  for (;;) {
    const group = await findGroup(source, groupId)
    const count = group?.members.length ?? 0
    const now = source.clock.elapsed()
    if (group?.state === 'Stable' && (members === undefined ? count > 0 : count === members)) {
      if (isWhole(source, group)) return group
      const assignment = JSON.stringify(group.members)
      if (assignment !== settling.assignment) settling = { assignment, since: now }
      if (now - settling.since >= SETTLED_MS) return group
    }
    if (source.clock.elapsed() >= deadline) {
      const wanted = members === undefined ? '' : ` with ${members} members`
      const what = `group ${groupId} was not stable${wanted} within ${timeout} ms`
      throw new Refused('timeout', `${what}; ${await described(source, group)}`)
    }
    await new Promise<void>(resolve => {
      source.clock.after(LOOK_AGAIN_MS, resolve)
    })
  }
}

/**
 * Each partition that somebody asks for is somebody's. With cooperative assignors it is not between the two
 * rebalances in which members first give partitions up, then take them.
 */
function isWhole(source: DataSource, { members }: GroupView): boolean {
  const taken = new Set(
    members.flatMap(({ assignment }) =>
      assignment.flatMap(({ topic, partitions }) => partitions.map(index => `${topic}-${index}`)),
    ),
  )
  const image = source.context().controller.image()
  const asked = new Set(members.flatMap(({ subscription }) => subscription))
  for (const topic of asked) {
    for (const index of image.topicByName(topic)?.partitions.keys() ?? []) {
      if (!taken.has(`${topic}-${index}`)) return false
    }
  }
  return true
}

/** How far the group's commits are behind what there is to read. */
export async function lag(source: DataSource, groupId: string): Promise<GroupLag> {
  const context = source.context()
  if (!(await findGroup(source, groupId))) {
    throw new Refused('missing', `there is no group ${groupId}; groups: ${await groupNames(context)}`)
  }
  const fetched = await context.groups.fetchOffsets(groupId, { topics: null, requireStable: false })
  if (fetched.error) throw refusal(groupId, fetched.error)
  const partitions = fetched.value.flatMap(({ topic, partition, committed }) => {
    const hosted = context.replicas.partition(topic, partition)
    if (hosted.error || !committed) return []
    const end = hosted.value.highWatermark
    const behind = end > committed.offset ? Number(end - committed.offset) : 0
    return [{ topic, partition, committed: committed.offset, end, lag: behind }]
  })
  partitions.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  return { groupId, total: partitions.reduce((sum, it) => sum + it.lag, 0), partitions }
}

/** All groups, as far as a list tells. */
export async function listGroups(source: DataSource): Promise<readonly Omit<GroupView, 'members'>[]> {
  const groups = given(await source.context().groups.list(), 'groups')
  return groups.map(({ groupId, state, type }) => ({ groupId, state, type }))
}

/** Undefined for a group that does not exist. */
export async function findGroup(source: DataSource, groupId: string): Promise<GroupView | undefined> {
  const { groups } = source.context()
  const listing = await groups.list()
  // The coordinator's log is still being read.
  if (listing.error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return undefined
  const found = given(listing, groupId).find(group => group.groupId === groupId)
  if (!found) return undefined
  const { state, type } = found
  if (type === 'consumer') {
    const description = await groups.describeConsumerGroup(groupId)
    const members = description.error ? [] : description.value.members.map(consumerOf)
    return { groupId, state, type, members }
  }
  const description = await groups.describe(groupId)
  const members = description.error ? [] : description.value.members.map(memberOf)
  return { groupId, state, type, members }
}

function consumerOf(member: DescribedConsumer): GroupMember {
  const { memberId, instanceId, clientId, clientHost, subscribedTopicNames, assignment } = member
  return {
    memberId,
    groupInstanceId: instanceId,
    clientId,
    clientHost,
    subscription: subscribedTopicNames,
    assignment: assignment.map(({ topicName, partitions }) => ({ topic: topicName, partitions })),
  }
}

function memberOf(member: GroupDescription['members'][number]): GroupMember {
  const { memberId, groupInstanceId, clientId, clientHost, metadata, assignment } = member
  const subscription = topicsIn(metadata)
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    subscription,
    assignment: partitionsIn(assignment),
  }
}

function topicsIn(metadata: Buffer): readonly string[] {
  if (metadata.length === 0) return []
  try {
    return decodeSubscription(metadata).value.topics
  } catch {
    return []
  }
}

/** Of members that are no consumers, such as those of Kafka Connect, nobody knows how to read it. */
function partitionsIn(assignment: Buffer): readonly TopicPartitions[] {
  if (assignment.length === 0) return []
  try {
    return decodeAssignment(assignment).value.assignedPartitions
  } catch {
    return []
  }
}

async function described(source: DataSource, group: GroupView | undefined): Promise<string> {
  if (!group) return `there is no such group; groups: ${await groupNames(source.context())}`
  const names = listed(group.members.map(({ clientId, memberId }) => clientId || memberId))
  return `it is ${group.state}, with ${group.members.length} members: ${names}`
}

async function groupNames({ groups }: DataContext): Promise<string> {
  const all = await groups.list()
  return all.error ? said(all.error, all.message) : listed(all.value.map(({ groupId }) => groupId).sort())
}

function given<T>(result: Result<T>, what: string): T {
  if (result.error) throw refusal(what, result.error, result.message)
  return result.value
}

function refusal(what: string, error: ErrorCode, message?: string): Refused {
  return new Refused('refused', `${what}: ${said(error, message)}`)
}
