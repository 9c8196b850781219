// Takes a group of one broker through a walk. Answers are values in which ids of topics have become names.

import { errorName } from '../../protocol/errors.ts'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../protocol/messages/consumer-group-describe.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../protocol/messages/consumer-group-heartbeat.ts'
import { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from '../../protocol/messages/offset-fetch.ts'
import { WireClient } from '../../src/conformance/wire-client.ts'
import { nodePlatform } from '../../src/platform/node.ts'
import { type Beat, instanceOf, type Move, type Name, type OffsetMove } from './walk.ts'

const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

export class Walker {
  private readonly client: WireClient
  private readonly topicNames: ReadonlyMap<string, string>
  private readonly told = new Map<Name, readonly TopicPartitions[]>()
  private readonly groupId: string

  constructor({ client, topicNames }: Connection, groupId: string) {
    this.client = client
    this.topicNames = topicNames
    this.groupId = groupId
  }

  /** What the broker answers, and what the group is afterwards. */
  async take(move: Move): Promise<{ readonly answer: Answer; readonly group: unknown }> {
    const answer = await (move.kind === 'beat'
      ? this.beat(move)
      : move.kind === 'commit'
        ? this.commit(move)
        : this.fetch(move))
    return { answer, group: await this.described() }
  }

  private async beat({ who, epoch, has, topics, assignor, rebalanceTimeoutMs }: Beat): Promise<Answer> {
    const topicPartitions = has === null ? null : has === 'nothing' ? [] : (this.told.get(who) ?? null)
    const answer = await this.client.call({
      request: ConsumerGroupHeartbeatRequest,
      response: ConsumerGroupHeartbeatResponse,
      version: 1,
      body: {
        groupId: this.groupId,
        memberId: who,
        memberEpoch: epoch,
        instanceId: instanceOf(who),
        rebalanceTimeoutMs,
        subscribedTopicNames: topics,
        subscribedTopicRegex: null,
        serverAssignor: assignor,
        topicPartitions,
      },
    })
    const { errorCode, errorMessage, memberId, memberEpoch, heartbeatIntervalMs, assignment } = answer
    if (assignment) this.told.set(who, assignment.topicPartitions)
    if (errorCode === 0 && epoch < 0) this.told.delete(who)
    const given = assignment && this.partitions(assignment.topicPartitions)
    const error = errorName(errorCode as never)
    return { error, errorMessage, memberId, memberEpoch, heartbeatIntervalMs, given }
  }

  private async commit({ who, epoch }: OffsetMove): Promise<Answer> {
    const partitions = [0, 1].map(partitionIndex => ({
      partitionIndex,
      committedOffset: 1n,
      committedMetadata: '',
    }))
    const { topics } = await this.client.call({
      request: OffsetCommitRequest,
      response: OffsetCommitResponse,
      version: 9,
      body: {
        groupId: this.groupId,
        memberId: who,
        groupInstanceId: instanceOf(who),
        generationIdOrMemberEpoch: epoch,
        topics: [{ name: 't', topicId: ZERO_ID, partitions }],
      },
    })
    return { error: topics[0]!.partitions.map(each => errorName(each.errorCode as never)).join(' ') }
  }

  private async fetch({ who, epoch }: OffsetMove): Promise<Answer> {
    const { groups } = await this.client.call({
      request: OffsetFetchRequest,
      response: OffsetFetchResponse,
      version: 9,
      body: {
        groups: [
          {
            groupId: this.groupId,
            memberId: who,
            memberEpoch: epoch,
            topics: [{ name: 't', topicId: ZERO_ID, partitionIndexes: [0] }],
          },
        ],
        topics: null,
        groupId: '',
        requireStable: false,
      },
    })
    const { errorCode, topics } = groups[0]!
    const offset = topics[0]?.partitions[0]?.committedOffset
    return { error: errorName(errorCode as never), offset: offset === undefined ? undefined : Number(offset) }
  }

  private async described(): Promise<unknown> {
    const { groups } = await this.client.call({
      request: ConsumerGroupDescribeRequest,
      response: ConsumerGroupDescribeResponse,
      version: 1,
      body: { groupIds: [this.groupId], includeAuthorizedOperations: false },
    })
    const { members, authorizedOperations: _, ...group } = groups[0]!
    const inOrder = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    return {
      ...group,
      members: inOrder.map(({ assignment, targetAssignment, ...member }) => ({
        ...member,
        has: this.partitions(assignment.topicPartitions),
        shallHave: this.partitions(targetAssignment.topicPartitions),
      })),
    }
  }

  private partitions(given: readonly TopicPartitions[]): Record<string, readonly number[]> {
    const entries = given.map(({ topicId, partitions }): [string, readonly number[]] => [
      this.topicNames.get(topicId) ?? topicId,
      [...partitions].sort((a, b) => a - b),
    ])
    return Object.fromEntries(entries)
  }
}

export interface Answer {
  readonly error: string
  readonly memberEpoch?: number
  readonly [what: string]: unknown
}

export interface Connection {
  readonly client: WireClient
  readonly topicNames: ReadonlyMap<string, string>
}

/** To a broker that has these topics. */
export async function connectTo(port: number, topics: readonly string[]): Promise<Connection> {
  const network = nodePlatform().network
  const client = await WireClient.connect(network, { host: '127.0.0.1', port, clientId: 'walker' })
  const metadata = await client.call({
    request: MetadataRequest,
    response: MetadataResponse,
    version: 12,
    body: {
      topics: topics.map(name => ({ name, topicId: ZERO_ID })),
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
      includeClusterAuthorizedOperations: false,
    },
  })
  return { client, topicNames: new Map(metadata.topics.map(({ topicId, name }) => [topicId, name ?? ''])) }
}
