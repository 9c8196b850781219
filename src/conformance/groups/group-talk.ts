/** What members, administrators and committers of offsets say, in as few words as a script needs. */
import { CreateTopicsRequest, CreateTopicsResponse } from '../../../protocol/messages/create-topics.ts'
import { DeleteGroupsRequest, DeleteGroupsResponse } from '../../../protocol/messages/delete-groups.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../../protocol/messages/delete-topics.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from '../../../protocol/messages/describe-groups.ts'
import { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import {
  FindCoordinatorRequest,
  FindCoordinatorResponse,
} from '../../../protocol/messages/find-coordinator.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../../protocol/messages/heartbeat.ts'
import { JoinGroupRequest, JoinGroupResponse } from '../../../protocol/messages/join-group.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from '../../../protocol/messages/leave-group.ts'
import { ListGroupsRequest, ListGroupsResponse } from '../../../protocol/messages/list-groups.ts'
import { MetadataRequest, MetadataResponse } from '../../../protocol/messages/metadata.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../../protocol/messages/offset-commit.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from '../../../protocol/messages/offset-delete.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from '../../../protocol/messages/offset-fetch.ts'
import { SyncGroupRequest, SyncGroupResponse } from '../../../protocol/messages/sync-group.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { type Parked, type Side, Talk } from '../talk.ts'

export const JOIN = { request: JoinGroupRequest, response: JoinGroupResponse }
export const SYNC = { request: SyncGroupRequest, response: SyncGroupResponse }
export const HEARTBEAT = { request: HeartbeatRequest, response: HeartbeatResponse }
export const LEAVE = { request: LeaveGroupRequest, response: LeaveGroupResponse }
export const COMMIT = { request: OffsetCommitRequest, response: OffsetCommitResponse }
export const OFFSETS = { request: OffsetFetchRequest, response: OffsetFetchResponse }
export const DELETE_OFFSETS = { request: OffsetDeleteRequest, response: OffsetDeleteResponse }
export const DESCRIBE = { request: DescribeGroupsRequest, response: DescribeGroupsResponse }
export const LIST = { request: ListGroupsRequest, response: ListGroupsResponse }
export const DELETE_GROUPS = { request: DeleteGroupsRequest, response: DeleteGroupsResponse }
export const FIND = { request: FindCoordinatorRequest, response: FindCoordinatorResponse }
export const CREATE_TOPICS = { request: CreateTopicsRequest, response: CreateTopicsResponse }
export const DELETE_TOPICS = { request: DeleteTopicsRequest, response: DeleteTopicsResponse }
export const METADATA = { request: MetadataRequest, response: MetadataResponse }
export const FETCH = { request: FetchRequest, response: FetchResponse }

/** How the broker of a conversation is set up. */
export type Setting = 'plain' | 'crowded'

export const SETTINGS: Readonly<Record<Setting, Readonly<Record<string, string>>>> = {
  plain: {
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'offsets.topic.num.partitions': '1',
  },
  crowded: {
    'group.initial.rebalance.delay.ms': '1000',
    'group.min.session.timeout.ms': '500',
    'group.max.size': '2',
    'offsets.topic.num.partitions': '1',
  },
}

export interface Conversation {
  readonly name: string
  readonly setting: Setting
  hold(talk: GroupTalk): Promise<void>
}

export function conversation(
  name: string,
  hold: (talk: GroupTalk) => Promise<void>,
  setting: Setting = 'plain',
): Conversation {
  return { name, hold, setting }
}

type JoinAnswer = ValueOf<typeof JoinGroupResponse.fields>
type SyncAnswer = ValueOf<typeof SyncGroupResponse.fields>
type JoinBody = InputOf<typeof JoinGroupRequest.fields>
type SyncBody = InputOf<typeof SyncGroupRequest.fields>
type Versioned<T> = Partial<T> & { readonly v?: number }

/** A member as the script knows it. */
export interface Member {
  readonly who: string
  readonly memberId: string
  readonly generationId: number
  readonly groupInstanceId: string | null
}

export class GroupTalk extends Talk {
  readonly groupId: string

  constructor(side: Side, groupId: string) {
    super(side)
    this.groupId = groupId
    this.name(side.host, 'HOST')
  }

  join(who: string, body: Versioned<JoinBody> = {}): Promise<JoinAnswer> {
    return this.call(who, JOIN, body.v ?? 9, this.joinBody(body))
  }

  joining(who: string, body: Versioned<JoinBody> = {}): Promise<Parked<JoinAnswer>> {
    return this.park(who, JOIN, body.v ?? 9, this.joinBody(body))
  }

  private joinBody({ v: _, ...body }: Versioned<JoinBody>): JoinBody {
    return {
      groupId: this.groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('meta') }],
      ...body,
    }
  }

  sync(
    member: Member,
    body: Versioned<SyncBody> & { to?: Record<string, string> } = {},
  ): Promise<SyncAnswer> {
    return this.call(member.who, SYNC, body.v ?? 5, this.syncBody(member, body))
  }

  syncing(member: Member, body: Versioned<SyncBody> & { to?: Record<string, string> } = {}) {
    return this.park(member.who, SYNC, body.v ?? 5, this.syncBody(member, body))
  }

  private syncBody(
    { memberId, generationId, groupInstanceId }: Member,
    { v: _, to = {}, ...body }: Versioned<SyncBody> & { to?: Record<string, string> },
  ): SyncBody {
    const assignments = Object.entries(to).map(([id, text]) => ({
      memberId: id,
      assignment: Buffer.from(text),
    }))
    return {
      groupId: this.groupId,
      generationId,
      memberId,
      groupInstanceId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments,
      ...body,
    }
  }

  async heartbeat(
    { who, memberId, generationId, groupInstanceId }: Member,
    { v = 4, ...body }: Versioned<InputOf<typeof HeartbeatRequest.fields>> = {},
  ): Promise<number> {
    const { groupId } = this
    const beat = { groupId, memberId, generationId, groupInstanceId, ...body }
    return (await this.call(who, HEARTBEAT, v, beat)).errorCode
  }

  leave(
    who: string,
    members: readonly { readonly memberId: string; readonly groupInstanceId?: string | null }[],
    { v = 5, groupId = this.groupId }: { v?: number; groupId?: string } = {},
  ) {
    const memberId = members[0]?.memberId ?? ''
    const several = members.map(each => ({ groupInstanceId: null, reason: null, ...each }))
    return this.call(who, LEAVE, v, { groupId, memberId, members: several })
  }

  describe(groups: readonly string[] = [this.groupId], { v = 6, includeAuthorizedOperations = false } = {}) {
    return this.call('admin', DESCRIBE, v, { groups: [...groups], includeAuthorizedOperations })
  }

  /** Commits one offset for each `topic-partition`. */
  commit(
    who: string,
    offsets: Readonly<Record<string, number>>,
    { v = 9, metadata = 'm' as string | null, ...body }: CommitOptions = {},
  ) {
    return this.call(who, COMMIT, v, {
      groupId: this.groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      topics: byTopic(Object.keys(offsets)).map(([name, partitions]) => ({
        name,
        topicId: ZERO_UUID,
        partitions: partitions.map(partitionIndex => ({
          partitionIndex,
          committedOffset: BigInt(offsets[`${name}-${partitionIndex}`]!),
          committedLeaderEpoch: 3,
          committedMetadata: metadata,
        })),
      })),
      ...body,
    })
  }

  /** Fetches the offsets of `topic-partition`s, or of all with null. */
  offsets(
    partitions: readonly string[] | null,
    { v = 9, groupId = this.groupId, requireStable = false, ...member }: OffsetsOptions = {},
  ) {
    const topics =
      partitions &&
      byTopic(partitions).map(([name, partitionIndexes]) => ({ name, topicId: ZERO_UUID, partitionIndexes }))
    return this.call('admin', OFFSETS, v, {
      groupId,
      topics,
      groups: [{ groupId, topics, memberId: null, memberEpoch: -1, ...member }],
      requireStable,
    })
  }

  /** A member on its own: joined and, unless told otherwise, synced. */
  async enter(who: string, body: Versioned<JoinBody> & { syncs?: boolean } = {}): Promise<Member> {
    const { syncs = true, ...joining } = body
    let answer = await this.join(who, joining)
    if (answer.errorCode === 79) answer = await this.join(who, { ...joining, memberId: answer.memberId })
    const member = memberOf(who, answer, body.groupInstanceId ?? null)
    if (!syncs) return member
    const protocolName = answer.protocolName
    const protocolType = answer.protocolType ?? body.protocolType ?? 'consumer'
    await this.sync(member, { to: { [member.memberId]: `to ${who}` }, protocolName, protocolType })
    return member
  }

  /** Two members of a stable group: the first leads. */
  async pair(first = 'a', second = 'b', body: Versioned<JoinBody> = {}): Promise<[Member, Member]> {
    const leader = await this.enter(first, body)
    return this.admit(leader, second, body)
  }

  /** One more joins a member on its own; both sync. */
  async admit(leader: Member, who: string, body: Versioned<JoinBody> = {}): Promise<[Member, Member]> {
    const { groupInstanceId } = leader
    const told = await this.join(who, body)
    const memberId = told.memberId
    const parked = await this.joining(who, { ...body, memberId })
    const again = await this.join(leader.who, { ...body, memberId: leader.memberId, groupInstanceId })
    const joined = memberOf(who, await parked.answer(), body.groupInstanceId ?? null)
    const leads = memberOf(leader.who, again, groupInstanceId)
    const waits = await this.syncing(joined)
    await this.sync(leads, { to: { [leads.memberId]: `to ${leads.who}`, [joined.memberId]: `to ${who}` } })
    await waits.answer()
    return [leads, joined]
  }

  async createTopic(name: string, numPartitions = 2): Promise<string> {
    const created = await this.call('admin', CREATE_TOPICS, 7, {
      topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 10_000,
      validateOnly: false,
    })
    const topicId = created.topics[0]!.topicId
    this.transcript.pop()
    this.name(topicId, `id of ${name}`)
    for (;;) {
      const known = await this.call('admin', METADATA, 12, {
        topics: [{ name, topicId: ZERO_UUID }],
        allowAutoTopicCreation: false,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      })
      this.transcript.pop()
      if (known.topics[0]?.partitions.length === numPartitions) return topicId
      await this.wait(100)
    }
  }
}

interface CommitOptions extends Partial<InputOf<typeof OffsetCommitRequest.fields>> {
  readonly v?: number
  readonly metadata?: string | null
}

interface OffsetsOptions {
  readonly v?: number
  readonly groupId?: string
  readonly requireStable?: boolean
  readonly memberId?: string | null
  readonly memberEpoch?: number
}

export function memberOf(who: string, answer: JoinAnswer, groupInstanceId: string | null = null): Member {
  const { memberId, generationId } = answer
  return { who, memberId, generationId, groupInstanceId }
}

/** `topic-partition` texts by topic. */
export function byTopic(partitions: readonly string[]): [string, number[]][] {
  const found = new Map<string, number[]>()
  for (const text of partitions) {
    const at = text.lastIndexOf('-')
    const negative = text[at - 1] === '-' ? 1 : 0
    const topic = text.slice(0, at - negative)
    const index = Number(text.slice(at + 1 - negative))
    found.set(topic, [...(found.get(topic) ?? []), index])
  }
  return [...found]
}

/** The subscription of a consumer, version 0. */
export function subscription(topics: readonly string[], userDataBytes = 0): Buffer {
  const names = topics.map(topic => {
    const bytes = Buffer.alloc(2 + topic.length)
    bytes.writeInt16BE(topic.length, 0)
    bytes.write(topic, 2)
    return bytes
  })
  const head = Buffer.alloc(6)
  head.writeInt32BE(topics.length, 2)
  const size = Buffer.alloc(4)
  size.writeInt32BE(userDataBytes === 0 ? -1 : userDataBytes, 0)
  return Buffer.concat([head, ...names, size, Buffer.alloc(userDataBytes, 'u')])
}
