/**
 * The durable state of one consumer group (KIP-848): the fold of its records, changed by `replay` alone.
 *
 *   Empty        nobody is in it
 *   Assigning    the group's epoch is above that of its target assignment: the next is to be computed
 *   Reconciling  a member has not come to what the target assignment gives it
 *   Stable       all have
 *   Dead         the group was deleted
 *
 * Invariants: epochs only grow; a partition is held by at most one member, be it only until that member has
 * given it up.
 */

import type { Assignment } from './assignor.ts'
import {
  type ConsumerMember,
  type HeldPartitions,
  type MemberProfile,
  type MemberStanding,
  NO_PARTITIONS,
  NO_STANDING,
  newMember,
} from './consumer-member.ts'
import type { ConsumerRecord, ResolvedRegex } from './consumer-records.ts'
import { Overlay, type Table } from './overlay.ts'

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable' | 'Dead'

/** Of a group that nobody has joined: a member's epoch of 0 says that it joins. */
const FIRST_EPOCH = 1

interface Tables {
  readonly members: Table<ConsumerMember>
  readonly targets: Table<Assignment>
  readonly regexes: Table<ResolvedRegex>
  readonly holders: Table<string>
  readonly instances: Table<string>
  /** Members by regular expression. */
  readonly patterns: Table<number>
  /** Members by topic that they name. */
  readonly topics: Table<number>
}

export class ConsumerGroup {
  readonly type = 'consumer'
  readonly groupId: string
  epoch = FIRST_EPOCH
  /** Of the topics subscribed to when the epoch was last bumped. */
  metadataHash = 0n
  /** The group's epoch for which the target assignment was computed. */
  assignmentEpoch = FIRST_EPOCH
  /** When it was, in ms since the epoch; 0 where none was. */
  assignmentTimestampMs = 0
  /** What Kafka 4.0 wrote where there is a hash now: it goes when the group is next written. */
  hasPartitionMetadata = false
  isDead = false
  private readonly tables: Tables

  constructor(groupId: string, tables: Tables = emptyTables()) {
    this.groupId = groupId
    this.tables = tables
  }

  /** The group as it is, to be changed without changing it. */
  draft(): ConsumerGroup {
    const { members, targets, regexes, holders, instances, patterns, topics } = this.tables
    const draft = new ConsumerGroup(this.groupId, {
      members: new Overlay(members),
      targets: new Overlay(targets),
      regexes: new Overlay(regexes),
      holders: new Overlay(holders),
      instances: new Overlay(instances),
      patterns: new Overlay(patterns),
      topics: new Overlay(topics),
    })
    draft.epoch = this.epoch
    draft.metadataHash = this.metadataHash
    draft.assignmentEpoch = this.assignmentEpoch
    draft.assignmentTimestampMs = this.assignmentTimestampMs
    draft.hasPartitionMetadata = this.hasPartitionMetadata
    return draft
  }

  // What there is -------------------------------------------------------------------------------------------

  get size(): number {
    return this.tables.members.size
  }

  /** In the order in which they came. */
  members(): IterableIterator<ConsumerMember> {
    return this.tables.members.values()
  }

  member(memberId: string): ConsumerMember | undefined {
    return this.tables.members.get(memberId)
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const memberId = this.tables.instances.get(instanceId)
    return memberId === undefined ? undefined : this.tables.members.get(memberId)
  }

  /** What the target assignment gives the member. */
  target(memberId: string): Assignment {
    return this.knownTarget(memberId) ?? NO_PARTITIONS
  }

  /** Undefined where no target assignment has been computed with the member. */
  knownTarget(memberId: string): Assignment | undefined {
    return this.tables.targets.get(memberId)
  }

  targets(): IterableIterator<[string, Assignment]> {
    return this.tables.targets.entries()
  }

  regexes(): IterableIterator<[string, ResolvedRegex]> {
    return this.tables.regexes.entries()
  }

  regex(pattern: string): ResolvedRegex | undefined {
    return this.tables.regexes.get(pattern)
  }

  /** The member that has the partition, be it only until it has given it up. */
  holder(topicId: string, partition: number): string | undefined {
    return this.tables.holders.get(holderKey(topicId, partition))
  }

  get state(): ConsumerGroupState {
    if (this.isDead) return 'Dead'
    if (this.size === 0) return 'Empty'
    if (this.epoch > this.assignmentEpoch) return 'Assigning'
    for (const member of this.members()) if (!this.isReconciled(member)) return 'Reconciling'
    return 'Stable'
  }

  isReconciled({ state, memberEpoch }: MemberStanding): boolean {
    return state === 'STABLE' && memberEpoch === this.assignmentEpoch
  }

  /** How many members have this regular expression in their subscription. */
  countRegex(pattern: string): number {
    return this.tables.patterns.get(pattern) ?? 0
  }

  /** The regular expressions that members have in their subscriptions. */
  patterns(): IterableIterator<string> {
    return this.tables.patterns.keys()
  }

  get patternCount(): number {
    return this.tables.patterns.size
  }

  /** Names, also of topics that do not exist; those that a member's regular expression stands for too. */
  topicsOf({ subscribedTopicNames, subscribedTopicRegex }: MemberProfile): readonly string[] {
    const resolved = subscribedTopicRegex ? this.regex(subscribedTopicRegex)?.topics : undefined
    if (!resolved || resolved.length === 0) return subscribedTopicNames
    if (subscribedTopicNames.length === 0) return resolved
    return [...new Set([...subscribedTopicNames, ...resolved])].sort()
  }

  /** What all members together subscribe to. */
  subscribedTopics(): Set<string> {
    const topics = new Set(this.tables.topics.keys())
    for (const pattern of this.patterns())
      for (const topic of this.regex(pattern)?.topics ?? []) topics.add(topic)
    return topics
  }

  /** All members speak the classic protocol, or all but those. */
  isClassicWithout(leaving: ReadonlySet<string> = new Set()): boolean {
    for (const member of this.members()) if (!member.classic && !leaving.has(member.memberId)) return false
    return true
  }

  // Replay --------------------------------------------------------------------------------------------------

  /** A record of this group; that the group itself is gone is told by `markDead`. */
  replay(record: ConsumerRecord): void {
    switch (record.kind) {
      case 'epoch':
        this.epoch = record.value?.epoch ?? FIRST_EPOCH
        this.metadataHash = record.value?.metadataHash ?? 0n
        return
      case 'partition metadata':
        this.hasPartitionMetadata = record.value !== null
        return
      case 'member':
        if (record.value) this.putProfile(record.memberId, record.value)
        else this.removeMember(record.memberId)
        return
      case 'target epoch':
        this.assignmentEpoch = record.value?.assignmentEpoch ?? FIRST_EPOCH
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0
        return
      case 'target':
        putOrDelete(this.tables.targets, record.memberId, record.value)
        return
      case 'standing':
        this.putStanding(record.memberId, record.value)
        return
      case 'regex':
        putOrDelete(this.tables.regexes, record.regex, record.value)
        return
    }
  }

  markDead(): void {
    this.isDead = true
  }

  private putProfile(memberId: string, profile: MemberProfile): void {
    const { members, instances } = this.tables
    // Compaction may leave the record of where a member stands alone for a while, before this one.
    const member = members.get(memberId) ?? newMember(memberId)
    this.countSubscription(member, -1)
    this.countSubscription(profile, 1)
    members.set(memberId, { ...member, ...profile })
    if (profile.instanceId !== null) instances.set(profile.instanceId, memberId)
  }

  private removeMember(memberId: string): void {
    const { members, instances } = this.tables
    const member = members.get(memberId)
    if (!member) return
    this.release(memberId, member)
    this.countSubscription(member, -1)
    members.delete(memberId)
    const { instanceId } = member
    if (instanceId !== null && instances.get(instanceId) === memberId) instances.delete(instanceId)
  }

  /** Kept by counts: to look at all members for each that comes or goes takes long in large groups. */
  private countSubscription(profile: MemberProfile, change: number): void {
    const { patterns, topics } = this.tables
    if (profile.subscribedTopicRegex) count(patterns, profile.subscribedTopicRegex, change)
    for (const topic of profile.subscribedTopicNames) count(topics, topic, change)
  }

  private putStanding(memberId: string, standing: MemberStanding | null): void {
    const { members } = this.tables
    const member = members.get(memberId) ?? (standing ? newMember(memberId) : undefined)
    if (!member) return
    const next = { ...member, ...(standing ?? NO_STANDING) }
    this.release(memberId, member)
    this.hold(memberId, next.assigned)
    this.hold(memberId, next.pendingRevocation)
    members.set(memberId, next)
  }

  private hold(memberId: string, held: HeldPartitions): void {
    for (const [topicId, partitions] of held) {
      for (const partition of partitions.keys())
        this.tables.holders.set(holderKey(topicId, partition), memberId)
    }
  }

  private release(memberId: string, { assigned, pendingRevocation }: MemberStanding): void {
    const { holders } = this.tables
    for (const held of [assigned, pendingRevocation]) {
      for (const [topicId, partitions] of held) {
        for (const partition of partitions.keys()) {
          const key = holderKey(topicId, partition)
          if (holders.get(key) === memberId) holders.delete(key)
        }
      }
    }
  }
}

function emptyTables(): Tables {
  return {
    members: new Map(),
    targets: new Map(),
    regexes: new Map(),
    holders: new Map(),
    instances: new Map(),
    patterns: new Map(),
    topics: new Map(),
  }
}

function holderKey(topicId: string, partition: number): string {
  return `${topicId}:${partition}`
}

function count(table: Table<number>, key: string, change: number): void {
  const sum = (table.get(key) ?? 0) + change
  if (sum > 0) table.set(key, sum)
  else table.delete(key)
}

function putOrDelete<Value>(table: Table<Value>, key: string, value: Value | null): void {
  if (value === null) table.delete(key)
  else table.set(key, value)
}
