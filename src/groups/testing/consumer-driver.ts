import assert from 'node:assert'
import { errorName, type Result } from '../../../protocol/errors.ts'
import type { PartitionImage } from '../../metadata/image.ts'
import type { Assignment } from '../assignor.ts'
import type { ConsumerGroup } from '../consumer-group.ts'
import {
  type ConsumerHeartbeat,
  type ConsumerHeartbeatAnswer,
  heartbeatProblem,
} from '../consumer-heartbeat.ts'
import { assignmentOf } from '../consumer-member.ts'
import { ShardDriver } from './shard-driver.ts'

export const REBALANCE_MS = 60_000

const PARTITION: PartitionImage = {
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
  replicas: [1],
  isr: [1],
  directories: [],
  elr: [],
  lastKnownElr: [],
}

/** Partitions of topics as text, such as `t: 0 1, u: 2`. */
export type PartitionText = string

/** Members of one consumer group as tests speak of them: partitions by the names of their topics. */
export class ConsumerDriver extends ShardDriver {
  readonly groupId = 'g'
  private lastTopic = 0

  /** Makes the topic, or gives it more partitions. */
  topic(name: string, partitions: number): void {
    this.lastTopic += 1
    const id = this.image.topicByName(name)?.id ?? `${name}${this.lastTopic}`.padEnd(22, 'A')
    const topic = { name, id, partitions: Array.from({ length: partitions }, () => PARTITION) }
    this.image = this.image.with(this.image.version + 1n, { topics: [[name, topic]] })
  }

  removeTopic(name: string): void {
    this.image = this.image.with(this.image.version + 1n, { topics: [[name, undefined]] })
  }

  /** A heartbeat as it is. */
  beat(memberId: string, said: Partial<ConsumerHeartbeat> = {}): Result<ConsumerHeartbeatAnswer> {
    const request: ConsumerHeartbeat = {
      memberId,
      memberEpoch: this.group.member(memberId)?.memberEpoch ?? 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      owned: null,
      clientId: 'c',
      clientHost: '/127.0.0.1',
      requiresMemberId: true,
      ...said,
    }
    const problem = heartbeatProblem(this.groupId, request, this.shard.consumers.options.assignors)
    if (problem) return problem
    return this.run<Result<ConsumerHeartbeatAnswer>>((shard, ticket, now) =>
      shard.consumerHeartbeat(this.groupId, request, ticket, now),
    )()!
  }

  /** A first heartbeat. */
  enters(memberId: string, topics: readonly string[], said: Partial<ConsumerHeartbeat> = {}): string {
    const first = { memberEpoch: 0, rebalanceTimeoutMs: REBALANCE_MS, owned: new Map() }
    return this.told(this.beat(memberId, { ...first, subscribedTopicNames: topics, ...said }))
  }

  /** A heartbeat of a member that has exactly this; without, of one that says nothing of it. */
  beats(memberId: string, owned?: PartitionText, said: Partial<ConsumerHeartbeat> = {}): string {
    return this.told(
      this.beat(memberId, { ...(owned !== undefined && { owned: this.assignment(owned) }), ...said }),
    )
  }

  leaves(memberId: string, said: Partial<ConsumerHeartbeat> = {}): string {
    return this.told(this.beat(memberId, { memberEpoch: -1, ...said }))
  }

  /** `epoch 2, t: 0 1` or `epoch 2` or the name of an error. */
  private told(answer: Result<ConsumerHeartbeatAnswer>): string {
    if (answer.error) return errorName(answer.error)
    const { memberEpoch, assignment } = answer.value
    return assignment ? `epoch ${memberEpoch}, ${this.text(assignment)}` : `epoch ${memberEpoch}`
  }

  /** What the coordinator holds for the member's own. */
  has(memberId: string): PartitionText {
    return this.text(assignmentOf(this.group.member(memberId)!.assigned))
  }

  /** Whether the group exists; `group` is an empty one where it does not. */
  get exists(): boolean {
    return this.shard.groups.has(this.groupId)
  }

  get group(): Pick<ConsumerGroup, 'member' | 'state' | 'epoch' | 'assignmentEpoch' | 'members' | 'size'> {
    const group = this.shard.groups.get(this.groupId)
    return group?.type === 'consumer'
      ? group
      : { ...NO_GROUP, member: () => undefined, members: NO_GROUP.members }
  }

  get consumerGroup(): ConsumerGroup {
    const group = this.shard.groups.get(this.groupId)
    assert(group?.type === 'consumer')
    return group
  }

  assignment(text: PartitionText): Assignment {
    if (text === '') return new Map()
    return new Map(
      text.split(', ').map(part => {
        const [topic = '', partitions = ''] = part.split(': ')
        return [this.image.topicByName(topic)!.id, partitions.split(' ').map(Number)]
      }),
    )
  }

  text(assignment: Assignment): PartitionText {
    return [...assignment]
      .filter(([, partitions]) => partitions.length > 0)
      .map(([topicId, partitions]) => `${this.image.topicById(topicId)?.name}: ${partitions.join(' ')}`)
      .sort()
      .join(', ')
  }
}

const NO_GROUP = {
  state: 'Dead' as const,
  epoch: 0,
  assignmentEpoch: 0,
  size: 0,
  members: () => [][Symbol.iterator](),
}
