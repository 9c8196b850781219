/** What members of consumer groups (KIP-848), and those who look after them, say in few words. */
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../../protocol/messages/consumer-group-describe.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../../protocol/messages/consumer-group-heartbeat.ts'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from '../../../protocol/messages/create-partitions.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../../protocol/messages/incremental-alter-configs.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { byTopic, type Conversation, DELETE_TOPICS, type GroupTalk, METADATA } from './group-talk.ts'

export const BEAT = { request: ConsumerGroupHeartbeatRequest, response: ConsumerGroupHeartbeatResponse }
const DESCRIBE = { request: ConsumerGroupDescribeRequest, response: ConsumerGroupDescribeResponse }
const GROW = { request: CreatePartitionsRequest, response: CreatePartitionsResponse }
const ALTER = { request: IncrementalAlterConfigsRequest, response: IncrementalAlterConfigsResponse }
const GROUP_RESOURCE = 32
const SET = 0
/** Kafka's coordinator hears of new topics and settings later than whoever asks for metadata. */
const HEARD_MS = 700

const QUICK = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '500',
  'group.consumer.min.session.timeout.ms': '500',
  'group.consumer.session.timeout.ms': '30000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '2000',
  // Assignments come at once then.
  'group.consumer.assignment.interval.ms': '0',
  'offsets.topic.num.partitions': '1',
}

/** How the broker of a conversation is set up. */
export const CONSUMER_SETTINGS = {
  consumer: QUICK,
  small: { ...QUICK, 'group.consumer.max.size': '2', 'group.consumer.assignors': 'range' },
  'upgrade-only': { ...QUICK, 'group.consumer.migration.policy': 'upgrade' },
  'downgrade-only': { ...QUICK, 'group.consumer.migration.policy': 'downgrade' },
  'no-migration': { ...QUICK, 'group.consumer.migration.policy': 'disabled' },
  patient: { ...QUICK, 'group.consumer.assignment.interval.ms': '2000' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

export type ConsumerSetting = keyof typeof CONSUMER_SETTINGS

export interface ConsumerConversation extends Omit<Conversation, 'setting' | 'hold'> {
  readonly setting: ConsumerSetting
  hold(talk: GroupTalk): Promise<void>
}

export function consumerConversation(
  name: string,
  hold: (script: ConsumerScript) => Promise<void>,
  setting: ConsumerSetting = 'consumer',
): ConsumerConversation {
  return { name, setting, hold: talk => hold(new ConsumerScript(talk)) }
}

type BeatBody = Partial<InputOf<typeof ConsumerGroupHeartbeatRequest.fields>>
type BeatAnswer = ValueOf<typeof ConsumerGroupHeartbeatResponse.fields>
type Versioned<T> = T & { readonly v?: number }

/** One conversation's topics and members. */
export class ConsumerScript {
  readonly talk: GroupTalk
  private readonly ids = new Map<string, string>()

  constructor(talk: GroupTalk) {
    this.talk = talk
  }

  /** A topic of this conversation's own: what it is called on the broker. */
  async topic(name: string, partitions = 4): Promise<string> {
    const whole = this.nameOf(name)
    this.ids.set(whole, await this.talk.createTopic(whole, partitions))
    await this.talk.wait(HEARD_MS)
    return whole
  }

  nameOf(name: string): string {
    return `${this.talk.groupId.replace(/\W+/g, '-')}-${name}`
  }

  async grow(topic: string, count: number): Promise<void> {
    const topics = [{ name: topic, count, assignments: null }]
    await this.talk.call('admin', GROW, 3, { topics, timeoutMs: 10_000, validateOnly: false })
    this.talk.transcript.pop()
    await this.known(topic, count)
  }

  async removeTopic(topic: string): Promise<void> {
    const body = {
      topics: [{ name: topic, topicId: this.ids.get(topic)! }],
      topicNames: [],
      timeoutMs: 10_000,
    }
    await this.talk.call('admin', DELETE_TOPICS, 5, { ...body, topicNames: [topic], topics: [] })
    this.talk.transcript.pop()
    await this.known(topic, 0)
  }

  private async known(name: string, count: number): Promise<void> {
    for (;;) {
      const topic = await this.metadataOf(name)
      await this.talk.wait(HEARD_MS)
      if (topic?.partitions.length === count) return
    }
  }

  /** Of a topic that is not this conversation's. */
  async nameId(name: string): Promise<void> {
    const topic = await this.metadataOf(name)
    this.talk.name(topic!.topicId, `id of ${name}`)
  }

  private async metadataOf(name: string) {
    const answer = await this.talk.call('admin', METADATA, 12, {
      topics: [{ name, topicId: ZERO_UUID }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })
    this.talk.transcript.pop()
    return answer.topics[0]
  }

  async configure(configs: Readonly<Record<string, string>>, group = this.talk.groupId): Promise<void> {
    const entries = Object.entries(configs)
    const resource = {
      resourceType: GROUP_RESOURCE,
      resourceName: group,
      configs: entries.map(([name, value]) => ({ name, configOperation: SET, value })),
    }
    await this.talk.call('admin', ALTER, 1, { resources: [resource], validateOnly: false })
    await this.talk.wait(HEARD_MS)
  }

  /** A heartbeat as it is, of whoever it may be. */
  async beat(who: string, { v = 1, ...body }: Versioned<BeatBody>): Promise<BeatAnswer> {
    const answer = await this.talk.call(who, BEAT, v, {
      groupId: this.talk.groupId,
      memberId: who,
      memberEpoch: 0,
      ...body,
    })
    const { memberId } = answer
    // Ids that Kafka makes have a form of their own; what was put down is put down again with a name.
    if (memberId !== null && memberId !== who && body.memberId === '') {
      this.talk.name(memberId, `made for ${who}`)
      this.talk.note(this.talk.transcript.pop()!.said, answer)
    }
    return answer
  }

  /** `topic-partition` texts as the request has them. */
  partitions(texts: readonly string[]): { topicId: string; partitions: number[] }[] {
    return byTopic(texts).map(([topic, partitions]) => ({ topicId: this.ids.get(topic)!, partitions }))
  }

  describe(
    groups: readonly string[] = [this.talk.groupId],
    { v = 1, includeAuthorizedOperations = false } = {},
  ) {
    return this.talk.call('admin', DESCRIBE, v, { groupIds: [...groups], includeAuthorizedOperations })
  }

  member(
    who: string,
    options: Partial<Pick<Consumer, 'memberId' | 'instanceId' | 'groupId' | 'v'>> = {},
  ): Consumer {
    return new Consumer(this, who, options)
  }

  /** Members that have joined one after the other and have come to rest. */
  async settled(topics: readonly string[], ...names: string[]): Promise<Consumer[]> {
    const members: Consumer[] = []
    for (const who of names) {
      const member = this.member(who)
      await member.join(topics)
      members.push(member)
    }
    await this.rest(members)
    return members
  }

  /** All report what they are told until nothing changes any more. */
  async rest(members: readonly Consumer[]): Promise<void> {
    for (let round = 0, quiet = 0; quiet < 2 && round < 10; round++) {
      let changes = 0
      for (const member of members) changes += (await member.follow()) ? 1 : 0
      quiet = changes === 0 ? quiet + 1 : 0
    }
  }
}

/** A member that does what it is told, when the script says so. */
export class Consumer {
  readonly who: string
  memberId: string
  memberEpoch = 0
  readonly instanceId: string | null
  readonly groupId: string
  readonly v: number
  /** What it was told to own, as the wire has it. */
  told: { topicId: string; partitions: number[] }[] = []
  private readonly script: ConsumerScript

  constructor(
    script: ConsumerScript,
    who: string,
    options: Partial<Pick<Consumer, 'memberId' | 'instanceId' | 'groupId' | 'v'>>,
  ) {
    this.script = script
    this.who = who
    this.memberId = options.memberId ?? who
    this.instanceId = options.instanceId ?? null
    this.groupId = options.groupId ?? script.talk.groupId
    this.v = options.v ?? 1
  }

  /** The first heartbeat, with all that it has to say. */
  join(topics: readonly string[] | null, body: BeatBody = {}): Promise<BeatAnswer> {
    this.memberEpoch = 0
    return this.beat({ ...this.whole(topics), topicPartitions: [], ...body })
  }

  /** A heartbeat that says everything, as clients send it after an error or a lost response. */
  full(topics: readonly string[] | null, body: BeatBody = {}): Promise<BeatAnswer> {
    return this.beat({ ...this.whole(topics), topicPartitions: this.told, ...body })
  }

  private whole(topics: readonly string[] | null): BeatBody {
    const { instanceId } = this
    return { instanceId, rebalanceTimeoutMs: 60_000, subscribedTopicNames: topics && [...topics] }
  }

  async beat(body: BeatBody = {}): Promise<BeatAnswer> {
    const { memberId, memberEpoch, groupId, instanceId, v } = this
    const answer = await this.script.beat(this.who, {
      v,
      groupId,
      memberId,
      memberEpoch,
      instanceId,
      ...body,
    })
    if (answer.errorCode) return answer
    this.memberId = answer.memberId ?? this.memberId
    this.memberEpoch = answer.memberEpoch
    if (answer.assignment) this.told = answer.assignment.topicPartitions as typeof this.told
    return answer
  }

  /** Reports that it owns exactly what it was told to. */
  owns(body: BeatBody = {}): Promise<BeatAnswer> {
    return this.beat({ topicPartitions: this.told, ...body })
  }

  /** A heartbeat and, if it brings news, the report of having done so. */
  async follow(): Promise<boolean> {
    const before = this.memberEpoch
    const answer = await this.beat()
    if (answer.assignment) await this.owns()
    return answer.assignment !== null || this.memberEpoch !== before
  }

  leave(memberEpoch = -1, body: BeatBody = {}): Promise<BeatAnswer> {
    return this.beat({ memberEpoch, ...body })
  }
}
