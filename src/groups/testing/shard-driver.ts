import assert from 'node:assert'
import { ErrorCode } from '../../../protocol/errors.ts'
import {
  type Outcome,
  type ReplayedRecord,
  recordsBytes,
  type Ticket,
  type TransactionMarker,
} from '../../coordinator/shard.ts'
import { ClusterImage } from '../../metadata/image.ts'
import { assignorsNamed } from '../assignors.ts'
import type { ClassicGroup } from '../classic-group.ts'
import type { JoinRequest, JoinResponse, SyncResponse } from '../classic-member.ts'
import type { ConsumerGroupSettings } from '../consumer-groups.ts'
import type { MigrationPolicy } from '../group-migration.ts'
import { type CommitRequest, GroupShard, type OffsetToCommit } from '../group-shard.ts'

export const MINUTE = 60_000
export const RETENTION_MS = 60 * MINUTE
const CHECK_MS = 10 * MINUTE

type Logged = ReplayedRecord | TransactionMarker

/** Drives a shard as the runtime does, with a list for a log. */
export class ShardDriver {
  now = 1_700_000_000_000
  /** Of groups; of those that are loaded from then on. */
  maxSize = 1_000
  maxBatchBytes = 1_000_000
  migrationPolicy: MigrationPolicy = 'bidirectional'
  /** What the shard knows of the cluster. */
  image = ClusterImage.empty()
  settings: ConsumerGroupSettings = {
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 5_000,
    assignmentIntervalMs: 0,
  }
  shard = this.newShard()
  readonly log: Logged[] = []
  private replies = new Map<number, unknown>()
  private lastTicket = 0
  private lastMember = 0

  constructor() {
    this.shard.loaded(this.now)
  }

  private newShard(): GroupShard {
    const newMemberId = (prefix: string) => {
      this.lastMember += 1
      return `${prefix}-${this.lastMember}`
    }
    return new GroupShard({
      initialRebalanceDelayMs: 0,
      maxSize: this.maxSize,
      newMemberId,
      offsetsRetentionMs: RETENTION_MS,
      retentionCheckIntervalMs: CHECK_MS,
      offsetMetadataMaxBytes: 100,
      maxBatchBytes: () => this.maxBatchBytes,
      consumer: {
        maxSize: this.maxSize,
        classicMaxSize: this.maxSize,
        migrationPolicy: this.migrationPolicy,
        assignors: assignorsNamed(['uniform', 'range']),
        regexRefreshMs: 10 * MINUTE,
        newTopicsVersion: () => this.image.version,
        image: () => this.image,
        settingsOf: () => this.settings,
        newUuid: () => newMemberId('member'),
      },
    })
  }

  /** Runs a command; what is replied to its ticket can be asked for later too. */
  run<T>(command: (shard: GroupShard, ticket: Ticket<T>, now: number) => Outcome): () => T | undefined {
    this.lastTicket += 1
    const { lastTicket } = this
    this.apply(command(this.shard, { id: lastTicket }, this.now))
    return () => this.replies.get(lastTicket) as T | undefined
  }

  private apply({ records = [], producer, marker, replies = [], isSplittable }: Outcome): void {
    // Nothing of it happens, nobody is told anything else.
    if (!isSplittable && recordsBytes(records) > this.maxBatchBytes) return
    const by = producer ?? { producerId: -1n, producerEpoch: -1 }
    for (const record of records) this.append({ ...record, ...by, offset: BigInt(this.log.length) })
    if (marker) this.append(marker)
    for (const { ticket, response } of replies) this.replies.set(ticket.id, response)
  }

  private append(logged: Logged): void {
    this.log.push(logged)
    this.replay(logged)
  }

  private replay(logged: Logged): void {
    if ('key' in logged) this.shard.replay(logged)
    else this.shard.replayMarker(logged)
  }

  advance(ms: number): void {
    const end = this.now + ms
    while (this.shard.deadline() <= end) {
      this.now = Math.max(this.now, this.shard.deadline())
      this.apply(this.shard.expire(this.now))
    }
    this.now = end
  }

  /** The wall clock is set. */
  stepWall(ms: number): void {
    this.now += ms
    this.shard.wallStepped(ms)
  }

  /** The coordinator is gone, and another loads the log. */
  restart(): void {
    this.shard = this.newShard()
    this.replies = new Map()
    for (const logged of this.log) this.replay(logged)
    this.shard.loaded(this.now)
  }

  commit(
    groupId: string,
    offset: Partial<OffsetToCommit>,
    request: Partial<CommitRequest> = {},
  ): ErrorCode[] {
    const one: OffsetToCommit = {
      topic: 't',
      topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
      partition: 0,
      offset: 1n,
      leaderEpoch: -1,
      metadata: '',
      commitTimestampMs: undefined,
      ...offset,
    }
    const whole: CommitRequest = {
      groupId,
      member: { memberId: '', groupInstanceId: null },
      generationId: -1,
      offsets: [one],
      retentionMs: undefined,
      producer: undefined,
      unknownGroupError: ErrorCode.GROUP_ID_NOT_FOUND,
      ...request,
    }
    return this.run<ErrorCode[]>((shard, ticket, now) => shard.commit(whole, ticket, now))()!
  }

  /** What is committed, as text: `topic-partition offset`. */
  committed(groupId: string): string[] {
    const { offsets } = this.shard
    return [...offsets.entries(groupId)].map(
      ({ topic, partition, value }) => `${topic}-${partition} ${value.offset}`,
    )
  }

  /** A member on its own in a stable group of consumers that subscribes to these topics. */
  enter(groupId: string, topics: readonly string[], request: Partial<JoinRequest> = {}): string {
    const joined = this.run<JoinResponse>((shard, ticket, now) =>
      shard.join(groupId, { ...joinRequest(topics), ...request }, ticket, now),
    )()!
    const { memberId, generationId } = joined
    this.run<SyncResponse>((shard, ticket, now) => {
      const request = {
        memberId,
        groupInstanceId: null,
        generationId,
        protocolType: null,
        protocolName: null,
      }
      return shard.sync(groupId, { ...request, assignments: new Map() }, ticket, now)
    })
    return memberId
  }

  classic(groupId: string): ClassicGroup {
    const group = this.shard.groups.get(groupId)
    assert(group?.type === 'classic')
    return group
  }

  leave(groupId: string, memberId: string): void {
    this.run<ErrorCode[]>((shard, ticket, now) =>
      shard.leave(groupId, [{ memberId, groupInstanceId: null }], ticket, now),
    )
  }

  heartbeat(groupId: string, memberId: string): ErrorCode {
    const { generationId } = this.classic(groupId)
    return this.run<ErrorCode>((shard, ticket, now) =>
      shard.heartbeat(groupId, { memberId, groupInstanceId: null, generationId }, ticket, now),
    )()!
  }
}

/** Of a new member that subscribes to these topics. */
export function joinRequest(topics: readonly string[]): JoinRequest {
  return {
    memberId: '',
    groupInstanceId: null,
    clientId: 'm',
    clientHost: '/127.0.0.1',
    rebalanceTimeoutMs: MINUTE,
    sessionTimeoutMs: MINUTE,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscriptionTo(topics) }],
    requiresKnownMemberId: false,
    supportsSkippingAssignment: true,
  }
}

/** A consumer's subscription, version 0. */
function subscriptionTo(topics: readonly string[]): Buffer {
  const parts = [Buffer.from([0, 0, 0, 0, 0, topics.length])]
  for (const topic of topics) parts.push(Buffer.from([0, topic.length]), Buffer.from(topic))
  return Buffer.concat([...parts, Buffer.from([255, 255, 255, 255])])
}
