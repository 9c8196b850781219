// What the members of one group say to a broker, and what it answers, as lines that are the same for all brokers: ids by
// the names that a scene gives them. Names that begin with s are of static members, and all of one instance.

import { errorName } from '../../protocol/errors.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../protocol/messages/consumer-group-heartbeat.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from '../../protocol/messages/describe-groups.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { JoinGroupRequest, JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from '../../protocol/messages/leave-group.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { SyncGroupRequest, SyncGroupResponse } from '../../protocol/messages/sync-group.ts'
import type { Fields } from '../../protocol/schema.ts'
import { type Call, WireClient } from '../../src/conformance/wire-client.ts'
import { nodePlatform } from '../../src/platform/node.ts'
import type { Broker } from '../harness/broker.ts'
import { eventually } from '../harness/processes.ts'

export const TOPIC = 'stays'
const INSTANCE = 'i'
const TIMEOUT_MS = 60_000
const WHAT = Buffer.from('what')
const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

interface JoinOptions {
  /** The name whose id it comes with; without, it has none. */
  readonly as?: string
  readonly protocols?: readonly string[]
  readonly version?: number
  /** What it says of itself by each protocol. */
  readonly metadata?: Buffer
}

export class Talk {
  /** Told at the end, when all ids have names. */
  private readonly notes: (() => string)[] = []
  private readonly broker: Broker
  private readonly groupId: string
  private readonly ids = new Map<string, string>()
  private readonly waiting: Promise<() => string>[] = []
  private client: WireClient | undefined
  private isAfterKill = false

  constructor(broker: Broker, groupId: string) {
    this.broker = broker
    this.groupId = groupId
  }

  // The classic protocol ------------------------------------------------------------------------------------

  /** A JoinGroup that is answered at once. */
  async joins(name: string, options: JoinOptions = {}): Promise<void> {
    this.note(this.joined(name, options, await this.call(this.joinCall(name, options))))
  }

  /** A JoinGroup that has to wait; resolves when the broker knows of it, which the group's description shows. */
  async waits(name: string, options: JoinOptions = {}): Promise<void> {
    const before = await this.described()
    await this.asks(name, options)
    await eventually(`${name} in the group`, async () => (await this.described()) !== before || undefined)
  }

  /** A JoinGroup that has to wait, and is on its way. */
  async asks(name: string, options: JoinOptions = {}): Promise<void> {
    const client = await connect(this.broker)
    const answer = client.call(this.joinCall(name, options)).then(
      response => this.joined(name, options, response),
      () => () => `${name} hears nothing`,
    )
    this.waiting.push(answer.finally(() => client.close()))
  }

  /** Whoever waits is answered, in the order in which they came. */
  async answered(): Promise<void> {
    for (const line of await Promise.all(this.waiting.splice(0))) this.note(line)
  }

  async syncs(name: string, generationId: number, parts: readonly string[] = []): Promise<void> {
    const assignments = parts.map(each => ({
      memberId: this.id(each),
      assignment: Buffer.from(`for ${each}`),
    }))
    const body = { ...this.member(name), protocolType: 'consumer', protocolName: 'range', assignments }
    const { errorCode, assignment } = await this.call({
      request: SyncGroupRequest,
      response: SyncGroupResponse,
      version: 5,
      body: { ...body, groupId: this.groupId, generationId },
    })
    const what = errorName(errorCode as never)
    this.note(() => `${name} syncs in ${generationId}: ${what} ${Buffer.from(assignment)}`.trim())
  }

  async beats(name: string, generationId: number): Promise<void> {
    const { errorCode } = await this.call({
      request: HeartbeatRequest,
      response: HeartbeatResponse,
      version: 4,
      body: { ...this.member(name), groupId: this.groupId, generationId },
    })
    this.note(() => `${name} beats in ${generationId}: ${errorName(errorCode as never)}`)
  }

  async commits(name: string, generation: number): Promise<void> {
    const partition = { committedOffset: 1n, committedMetadata: '', partitionIndex: 0 }
    const { topics } = await this.call({
      request: OffsetCommitRequest,
      response: OffsetCommitResponse,
      version: 9,
      body: {
        ...this.member(name),
        groupId: this.groupId,
        generationIdOrMemberEpoch: generation,
        topics: [{ name: TOPIC, topicId: ZERO_ID, partitions: [partition] }],
      },
    })
    this.note(
      () => `${name} commits in ${generation}: ${errorName(topics[0]!.partitions[0]!.errorCode as never)}`,
    )
  }

  async leaves(name: string): Promise<void> {
    const { members } = await this.call({
      request: LeaveGroupRequest,
      response: LeaveGroupResponse,
      version: 5,
      body: { groupId: this.groupId, memberId: '', members: [{ ...this.member(name), reason: null }] },
    })
    this.note(() => `${name} leaves: ${errorName(members[0]!.errorCode as never)}`)
  }

  // The consumer protocol -----------------------------------------------------------------------------------

  /** A ConsumerGroupHeartbeat; of one that joins (0) it says all there is to say. */
  async pulses(name: string, memberEpoch: number): Promise<void> {
    const joining = { rebalanceTimeoutMs: TIMEOUT_MS, subscribedTopicNames: [TOPIC], topicPartitions: [] }
    const {
      errorCode,
      memberEpoch: epoch,
      assignment,
    } = await this.call({
      request: ConsumerGroupHeartbeatRequest,
      response: ConsumerGroupHeartbeatResponse,
      version: 1,
      body: {
        groupId: this.groupId,
        memberId: name,
        memberEpoch,
        instanceId: instanceOf(name),
        subscribedTopicRegex: null,
        ...(memberEpoch === 0 ? joining : {}),
      },
    })
    const has = assignment?.topicPartitions.map(each => `has ${[...each.partitions].sort()}`) ?? ''
    const what = errorCode ? errorName(errorCode as never) : `epoch ${epoch} ${has}`.trim()
    this.note(() => `${name} pulses at ${memberEpoch}: ${what}`)
  }

  // -----------------------------------------------------------------------------------------------------------

  /** The broker is gone. */
  async afterKill(): Promise<void> {
    await this.answered()
    await this.client?.close()
    this.client = undefined
    this.isAfterKill = true
  }

  async close(): Promise<void> {
    await this.client?.close()
  }

  /** All that was said. */
  lines(): string[] {
    return this.notes.map(line => line())
  }

  private note(line: () => string): void {
    this.notes.push(this.isAfterKill ? () => `after the kill, ${line()}` : line)
  }

  private joined(name: string, { as }: JoinOptions, answer: JoinAnswer): () => string {
    const { errorCode, generationId, leader, skipAssignment, memberId, members } = answer
    if (memberId !== '' && ![...this.ids.values()].includes(memberId)) this.ids.set(name, memberId)
    const which = as === undefined ? 'joins' : `joins as ${as}`
    if (errorCode) {
      const place = generationId < 0 ? '' : ` in ${generationId}, led by `
      return () => `${name} ${which}: ${errorName(errorCode as never)}${place && place + this.nameOf(leader)}`
    }
    const skip = skipAssignment ? ', which stands' : ''
    return () => {
      const whom = members.map(each => this.nameOf(each.memberId)).sort()
      const place = `${this.nameOf(memberId)} in ${generationId}, led by ${this.nameOf(leader)}${skip}`
      return `${name} ${which}: ${place}, of ${whom}`
    }
  }

  private joinCall(name: string, { as, protocols = ['range'], version = 9, metadata = WHAT }: JoinOptions) {
    return {
      request: JoinGroupRequest,
      response: JoinGroupResponse,
      // Older members get no id to come back with, but join at once.
      version: instanceOf(name) === null ? 3 : version,
      body: {
        groupId: this.groupId,
        sessionTimeoutMs: TIMEOUT_MS,
        rebalanceTimeoutMs: TIMEOUT_MS,
        memberId: as === undefined ? '' : this.id(as),
        groupInstanceId: instanceOf(name),
        protocolType: 'consumer',
        protocols: protocols.map(each => ({ name: each, metadata })),
        reason: null,
      },
    }
  }

  private member(name: string): { readonly memberId: string; readonly groupInstanceId: string | null } {
    return { memberId: this.id(name), groupInstanceId: instanceOf(name) }
  }

  private id(name: string): string {
    return this.ids.get(name) ?? name
  }

  private nameOf(memberId: string): string {
    for (const [name, id] of this.ids) if (id === memberId) return name
    return memberId
  }

  private async described(): Promise<string> {
    const { groups } = await this.call({
      request: DescribeGroupsRequest,
      response: DescribeGroupsResponse,
      version: 5,
      body: { groups: [this.groupId], includeAuthorizedOperations: false },
    })
    const { groupState, members } = groups[0]!
    return `${groupState} ${members.map(each => each.memberId).sort()}`
  }

  private async call<Q extends Fields, R extends Fields>(call: Call<Q, R>) {
    this.client ??= await connect(this.broker)
    return this.client.call(call)
  }
}

interface JoinAnswer {
  readonly errorCode: number
  readonly generationId: number
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: readonly { readonly memberId: string }[]
}

function instanceOf(name: string): string | null {
  return name.startsWith('s') ? INSTANCE : null
}

function connect({ port }: Broker): Promise<WireClient> {
  return WireClient.connect(nodePlatform().network, { host: '127.0.0.1', port })
}

/** The coordinator takes commands. */
export async function whenAnswering(broker: Broker): Promise<void> {
  const client = await connect(broker)
  await eventually('the coordinator', async () => {
    const found = await client.call({
      request: FindCoordinatorRequest,
      response: FindCoordinatorResponse,
      version: 4,
      body: { key: '', keyType: 0, coordinatorKeys: ['any'] },
    })
    if (found.coordinators[0]!.errorCode !== 0) return undefined
    const { groups } = await client.call({
      request: DescribeGroupsRequest,
      response: DescribeGroupsResponse,
      version: 5,
      body: { groups: ['any'], includeAuthorizedOperations: false },
    })
    return groups[0]!.errorCode === 0 || undefined
  })
  await client.close()
}
