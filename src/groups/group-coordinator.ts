/**
 * The group coordinator of this broker, as handlers see it: finds the partition of `__consumer_offsets` that
 * a group lives on, and runs the command there. Answers carry Kafka's codes as values.
 */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { partitionFor } from '../coordinator/placement.ts'
import type { CoordinatorRuntime } from '../coordinator/runtime.ts'
import { type Outcome, reply, type Ticket, type TransactionMarker } from '../coordinator/shard.ts'
import { coordinatorError } from '../coordinator/transactional.ts'
import type { TransactionalWrite, Verified } from '../replication/verification.ts'
import type { Assignor } from './assignor.ts'
import {
  type JoinRequest,
  type JoinResponse,
  type MemberIdentity,
  NO_ASSIGNMENT,
  refusedJoin,
  type SyncRequest,
  type SyncResponse,
} from './classic-member.ts'
import {
  type ConsumerHeartbeat,
  type ConsumerHeartbeatAnswer,
  heartbeatProblem,
} from './consumer-heartbeat.ts'
import { fetchError } from './consumer-offsets.ts'
import {
  type ConsumerGroupDescription,
  describeClassicGroup,
  describeConsumerGroup,
  type GroupDescription,
  type GroupListing,
  listGroups,
} from './group-descriptions.ts'
import type { CommittedOffset } from './group-records.ts'
import type { CommitRequest, GroupShard } from './group-shard.ts'

export const OFFSETS_TOPIC = '__consumer_offsets'

export interface GroupCoordinatorOptions {
  readonly runtime: CoordinatorRuntime<GroupShard>
  /** Partitions that `__consumer_offsets` has, or will be made with. */
  readonly partitionCount: () => number
  /** Whether a partition of `__consumer_offsets` may take a write of a transaction. */
  readonly verify: (partition: number, write: TransactionalWrite) => Promise<Verified>
  /** `group.min.session.timeout.ms` */
  readonly minSessionTimeoutMs: number
  /** `group.max.session.timeout.ms` */
  readonly maxSessionTimeoutMs: number
  /** `group.consumer.assignors`, by name. */
  readonly assignors: ReadonlyMap<string, Assignor>
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export interface FetchOffsetsRequest {
  readonly topics: readonly TopicPartitions[] | null
  readonly requireStable: boolean
  /** Since v9 members of consumer groups say who they are. */
  readonly memberId?: string | null
  readonly memberEpoch?: number
}

/** A partition's committed offset; absent where nothing is committed. */
export interface FetchedOffset {
  readonly topic: string
  readonly partition: number
  readonly errorCode: ErrorCode
  readonly committed: CommittedOffset | undefined
}

export class GroupCoordinator {
  private readonly options: GroupCoordinatorOptions

  constructor(options: GroupCoordinatorOptions) {
    this.options = options
  }

  /** Kafka's rule: every client and tool finds the same partition for a group. */
  partitionFor(groupId: string): number {
    return partitionFor(groupId, this.options.partitionCount())
  }

  async join(groupId: string, request: JoinRequest): Promise<JoinResponse> {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.options
    const { memberId, sessionTimeoutMs } = request
    if (groupId === '') return refusedJoin(ErrorCode.INVALID_GROUP_ID, memberId)
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
      return refusedJoin(ErrorCode.INVALID_SESSION_TIMEOUT, memberId)
    }
    const joined = await this.run<JoinResponse>(groupId, (shard, ticket, now) =>
      shard.join(groupId, request, ticket, now),
    )
    return joined.error ? refusedJoin(joined.error, memberId) : joined.value
  }

  async sync(groupId: string, request: SyncRequest): Promise<SyncResponse> {
    const refusal = (errorCode: ErrorCode) => ({
      errorCode,
      protocolType: null,
      protocolName: null,
      assignment: NO_ASSIGNMENT,
    })
    if (groupId === '') return refusal(ErrorCode.INVALID_GROUP_ID)
    const synced = await this.run<SyncResponse>(groupId, (shard, ticket, now) =>
      shard.sync(groupId, request, ticket, now),
    )
    return synced.error ? refusal(synced.error) : synced.value
  }

  async heartbeat(
    groupId: string,
    request: MemberIdentity & { readonly generationId: number },
  ): Promise<ErrorCode> {
    if (groupId === '') return ErrorCode.INVALID_GROUP_ID
    const beaten = await this.run<ErrorCode>(groupId, (shard, ticket, now) =>
      shard.heartbeat(groupId, request, ticket, now),
    )
    // Members need not know that their coordinator loads: they are still in the group.
    if (beaten.error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return ErrorCode.NONE
    return beaten.error || beaten.value
  }

  /** A member of a consumer group (KIP-848) joins, stays, reports or leaves. */
  async consumerHeartbeat(
    groupId: string,
    request: ConsumerHeartbeat,
  ): Promise<Result<ConsumerHeartbeatAnswer>> {
    // What nobody may say is told of also while the coordinator loads.
    const problem = heartbeatProblem(groupId, request, this.options.assignors)
    if (problem) return problem
    const beaten = await this.run<Result<ConsumerHeartbeatAnswer>>(groupId, (shard, ticket, now) =>
      shard.consumerHeartbeat(groupId, request, ticket, now),
    )
    return beaten.error ? beaten : beaten.value
  }

  /** A code for each member, in order. */
  async leave(groupId: string, members: readonly MemberIdentity[]): Promise<Result<ErrorCode[]>> {
    if (groupId === '') return { error: ErrorCode.INVALID_GROUP_ID }
    return this.run(groupId, (shard, ticket, now) => shard.leave(groupId, members, ticket, now))
  }

  /** A code for each offset, in order. */
  async commitOffsets(request: CommitRequest): Promise<ErrorCode[]> {
    const committed = await this.run<ErrorCode[]>(request.groupId, (shard, ticket, now) =>
      shard.commit(request, ticket, now),
    )
    const { error } = committed
    return error ? request.offsets.map(() => error) : committed.value
  }

  /** Offsets that count once the producer's transaction commits. A code for each, in order. */
  async commitTransactionalOffsets(
    request: Omit<CommitRequest, 'producer' | 'retentionMs' | 'unknownGroupError'>,
    write: TransactionalWrite,
  ): Promise<ErrorCode[]> {
    const refused = (error: ErrorCode) => request.offsets.map(() => error)
    if (request.groupId === '') return refused(ErrorCode.INVALID_GROUP_ID)
    const verified = await this.options.verify(this.partitionFor(request.groupId), write)
    if (verified.error) return refused(coordinatorError(verified.error))
    const { producerId, producerEpoch } = write
    return this.commitOffsets({
      ...request,
      producer: { producerId, producerEpoch, verificationGuard: verified.value },
      retentionMs: undefined,
      unknownGroupError: ErrorCode.ILLEGAL_GENERATION,
    })
  }

  /**
   * A transaction has ended: a marker in a partition of `__consumer_offsets`, and what it makes of offsets.
   */
  async endTransaction(partition: number, marker: TransactionMarker): Promise<ErrorCode> {
    const ended = await this.options.runtime.run<void>(partition, (shard, ticket) =>
      shard.endTransaction(marker, ticket),
    )
    return ended.error
  }

  /** Offsets of the partitions that are named, or with null of all that have one. */
  async fetchOffsets(groupId: string, request: FetchOffsetsRequest): Promise<Result<FetchedOffset[]>> {
    const fetched = await this.read<Result<FetchedOffset[]>>(groupId, shard => {
      const group = shard.groups.get(groupId)
      const { memberId = null, memberEpoch = -1 } = request
      const error = group?.type === 'consumer' ? fetchError(group, memberId, memberEpoch) : ErrorCode.NONE
      return error ? { error } : ok(fetchOffsets(shard, groupId, request))
    })
    return fetched.error ? fetched : fetched.value
  }

  /** A code for each offset, in order, or why none was looked at. */
  async deleteOffsets(
    groupId: string,
    offsets: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<Result<ErrorCode[]>> {
    if (groupId === '') return { error: ErrorCode.INVALID_GROUP_ID }
    const deleted = await this.run<Result<ErrorCode[]>>(groupId, (shard, ticket) =>
      shard.deleteOffsets(groupId, offsets, ticket),
    )
    return deleted.error ? deleted : deleted.value
  }

  async deleteGroup(groupId: string): Promise<ErrorCode> {
    const deleted = await this.run<ErrorCode>(groupId, (shard, ticket) => shard.deleteGroup(groupId, ticket))
    return deleted.error || deleted.value
  }

  /** A classic group; the others count as not found. */
  async describe(groupId: string): Promise<Result<GroupDescription>> {
    const described = await this.read(groupId, shard => {
      const group = shard.groups.get(groupId)
      if (group?.type === 'classic') return ok(describeClassicGroup(group))
      const message = group ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`
      return refuse(ErrorCode.GROUP_ID_NOT_FOUND, message)
    })
    return described.error ? described : described.value
  }

  async describeConsumerGroup(groupId: string): Promise<Result<ConsumerGroupDescription>> {
    if (groupId === '') return refuse(ErrorCode.INVALID_GROUP_ID)
    const described = await this.read(groupId, shard => {
      const group = shard.groups.get(groupId)
      const { image, assignors } = shard.consumers.options
      if (group?.type === 'consumer') return ok(describeConsumerGroup(group, image(), assignors))
      const message = group ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`
      return refuse(ErrorCode.GROUP_ID_NOT_FOUND, message)
    })
    return described.error ? described : described.value
  }

  /** The groups of all shards of this broker; loading shards make it COORDINATOR_LOAD_IN_PROGRESS. */
  async list(): Promise<Result<GroupListing[]>> {
    const listed = await Promise.all(
      this.options.runtime.partitions().map(partition =>
        this.options.runtime.run<GroupListing[]>(partition, (shard, ticket) => ({
          replies: [reply(ticket, listGroups(shard.groups.values()))],
        })),
      ),
    )
    const groups: GroupListing[] = []
    for (const result of listed) {
      // A shard that moved away meanwhile is listed by its new broker.
      if (result.error === ErrorCode.NOT_COORDINATOR) continue
      if (result.error) return result
      groups.push(...result.value)
    }
    return ok(groups)
  }

  /** Topics are gone: so are the offsets committed for them. */
  async forgetTopics(topics: ReadonlySet<string>): Promise<void> {
    const { runtime } = this.options
    await Promise.all(
      runtime
        .partitions()
        .map(partition =>
          runtime.run<void>(partition, (shard, ticket) => shard.forgetTopics(topics, ticket)),
        ),
    )
  }

  private read<T>(groupId: string, look: (shard: GroupShard) => T): Promise<Result<T>> {
    return this.run<T>(groupId, (shard, ticket) => ({ replies: [reply(ticket, look(shard))] }))
  }

  private run<T>(
    groupId: string,
    command: (shard: GroupShard, ticket: Ticket<T>, now: number) => Outcome,
  ): Promise<Result<T>> {
    return this.options.runtime.run(this.partitionFor(groupId), command)
  }
}

function fetchOffsets(
  { offsets }: GroupShard,
  groupId: string,
  { topics, requireStable }: FetchOffsetsRequest,
): FetchedOffset[] {
  // Of all means of those that have something committed, whatever else is staged.
  const wanted = topics ?? committedPartitions(offsets.entries(groupId))
  const fetched: FetchedOffset[] = []
  for (const { topic, partitions } of wanted) {
    for (const partition of partitions) {
      const committed = offsets.get(groupId, topic, partition)
      const isUnstable = requireStable && offsets.hasStaged(groupId, topic, partition)
      if (isUnstable) {
        fetched.push({ topic, partition, errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT, committed: undefined })
      } else if (committed || topics) {
        fetched.push({ topic, partition, errorCode: ErrorCode.NONE, committed })
      }
    }
  }
  return fetched
}

function committedPartitions(
  entries: Iterable<{ readonly topic: string; readonly partition: number }>,
): TopicPartitions[] {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of entries) {
    const partitions = byTopic.get(topic)
    if (partitions) partitions.push(partition)
    else byTopic.set(topic, [partition])
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions: partitions.sort((a, b) => a - b) }))
}
