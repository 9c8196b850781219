import assert from 'node:assert'
import fc from 'fast-check'
import { test } from 'vitest'
import type { Result } from '../../protocol/errors.ts'
import type { Assignment } from './assignor.ts'
import type { ConsumerHeartbeat, ConsumerHeartbeatAnswer } from './consumer-heartbeat.ts'
import { ConsumerDriver, REBALANCE_MS } from './testing/consumer-driver.ts'

const HISTORIES = 250
const SESSION_MS = 45_000
const TOPICS = ['t', 'u'] as const

/** What a client does next; `who` picks one of five, `what` one of the ways to do it. */
interface Step {
  readonly act:
    | 'beat'
    | 'lose an answer'
    | 'enter'
    | 'leave'
    | 'go for a while'
    | 'die'
    | 'subscribe'
    | 'wait'
    | 'grow'
    | 'restart'
  readonly who: number
  readonly what: number
}

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(
    { weight: 12, arbitrary: fc.constant('beat' as const) },
    { weight: 5, arbitrary: fc.constant('enter' as const) },
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        'lose an answer',
        'leave',
        'go for a while',
        'die',
        'subscribe',
        'wait',
        'grow',
        'restart',
      ),
    },
  ),
  who: fc.nat({ max: 4 }),
  what: fc.nat({ max: 3 }),
})

/** A client as it sees itself: what it takes for its own, and what it was told to have. */
class Client {
  readonly instanceId: string | null
  memberId = ''
  memberEpoch = -1
  /** Those it works on. It gives up before it says so. */
  owned = new Set<string>()
  assigned = new Set<string>()
  heardAt = -Infinity
  subscription: readonly string[] = ['t']

  constructor(instanceId: string | null) {
    this.instanceId = instanceId
  }

  get isIn(): boolean {
    return this.memberEpoch > 0
  }

  /**
   * What it may still take for its own: nobody that has been away for longer does (its own clock says so).
   */
  holds(now: number): ReadonlySet<string> {
    return this.isIn && now < this.heardAt + SESSION_MS ? this.owned : new Set()
  }

  giveAllUp(): void {
    this.owned = new Set()
    this.assigned = new Set()
    this.memberEpoch = -1
  }

  /** Works off what it was told: first what it is to give up, then what it gets. */
  work(): void {
    for (const each of this.owned) if (!this.assigned.has(each)) this.owned.delete(each)
    for (const each of this.assigned) this.owned.add(each)
  }
}

/** Runs clients against a group and holds what comes of it against the rules. */
class History {
  readonly driver = new ConsumerDriver()
  readonly clients = [null, null, null, 'i', 'j'].map(instanceId => new Client(instanceId))
  private lastMember = 0
  private partitions = { t: 3, u: 2 }
  private lastEpoch = 0

  constructor() {
    this.driver.settings = { ...this.driver.settings, sessionTimeoutMs: SESSION_MS }
    for (const topic of TOPICS) this.driver.topic(topic, this.partitions[topic])
  }

  run({ act, who, what }: Step): void {
    const client = this.clients[who]!
    switch (act) {
      case 'beat':
        if (client.isIn) this.beat(client)
        break
      case 'lose an answer':
        if (client.isIn) this.say(client, this.wholeBeat(client))
        break
      case 'enter':
        if (!client.isIn) this.enter(client)
        break
      case 'leave':
        if (client.isIn) this.leave(client, -1)
        break
      case 'go for a while':
        if (client.isIn && client.instanceId !== null) this.leave(client, -2)
        break
      case 'die':
        client.giveAllUp()
        break
      case 'subscribe':
        client.subscription = [['t'], ['u'], ['t', 'u'], []][what]!
        if (client.isIn) this.beat(client)
        break
      case 'wait':
        this.driver.advance([0, 5_000, 20_000, SESSION_MS][what]!)
        break
      case 'grow': {
        const topic = TOPICS[what % 2]!
        this.partitions[topic] += 1
        if (this.partitions[topic] <= 6) this.driver.topic(topic, this.partitions[topic])
        break
      }
      case 'restart':
        this.restart()
    }
    this.check()
  }

  private enter(client: Client): void {
    this.lastMember += 1
    // A client that was fenced comes back under its id; one that was started anew has another.
    if (client.memberId === '' || this.lastMember % 2 === 0) client.memberId = `m${this.lastMember}`
    const answer = this.say(client, {
      memberEpoch: 0,
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: client.subscription,
      owned: new Map(),
    })
    this.hear(client, answer)
  }

  private beat(client: Client): void {
    client.work()
    this.hear(client, this.say(client, this.wholeBeat(client)))
  }

  private wholeBeat(client: Client): Partial<ConsumerHeartbeat> {
    return {
      memberEpoch: client.memberEpoch,
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: client.subscription,
      owned: this.assignment(client.owned),
    }
  }

  private leave(client: Client, memberEpoch: number): void {
    client.owned = new Set()
    this.say(client, { memberEpoch })
    client.giveAllUp()
  }

  private say(client: Client, said: Partial<ConsumerHeartbeat>): Result<ConsumerHeartbeatAnswer> {
    return this.driver.beat(client.memberId, { instanceId: client.instanceId, ...said })
  }

  private hear(client: Client, answer: Result<ConsumerHeartbeatAnswer>): void {
    if (answer.error) {
      client.giveAllUp()
      return
    }
    client.heardAt = this.driver.now
    client.memberEpoch = answer.value.memberEpoch
    const { assignment } = answer.value
    if (assignment) {
      client.assigned = this.names(assignment)
      client.work()
    }
  }

  private restart(): void {
    const before = this.snapshot()
    this.driver.restart()
    assert.deepStrictEqual(this.snapshot(), before)
  }

  /** All that is durable. */
  private snapshot(): unknown {
    if (!this.driver.exists) return undefined
    const { epoch, assignmentEpoch, metadataHash, ...group } = this.driver.consumerGroup
    const { consumerGroup } = this.driver
    return {
      epoch,
      assignmentEpoch,
      metadataHash,
      timestampMs: group.assignmentTimestampMs,
      members: [...consumerGroup.members()],
      targets: [...consumerGroup.targets()],
    }
  }

  check(): void {
    const owners = new Map<string, string>()
    for (const client of this.clients) {
      for (const each of client.holds(this.driver.now)) {
        assert(!owners.has(each), `${each} has two owners`)
        owners.set(each, client.memberId)
      }
    }
    if (!this.driver.exists) {
      this.lastEpoch = 0
      return
    }
    const group = this.driver.consumerGroup
    assert(group.epoch >= this.lastEpoch)
    this.lastEpoch = group.epoch
    assert(group.assignmentEpoch <= group.epoch)
    const subscribed = new Set([...group.members()].flatMap(member => group.topicsOf(member)))
    assert.deepEqual([...group.subscribedTopics()].sort(), [...subscribed].sort())
    const held = new Map<string, string>()
    for (const { memberId, memberEpoch, assigned, pendingRevocation } of group.members()) {
      assert(memberEpoch <= group.assignmentEpoch)
      for (const [topicId, partitions] of [...assigned, ...pendingRevocation]) {
        for (const [partition, epoch] of partitions) {
          const key = `${topicId} ${partition}`
          assert(!held.has(key), `${key} is held twice`)
          held.set(key, memberId)
          assert(epoch <= group.assignmentEpoch)
          assert.equal(group.holder(topicId, partition), memberId)
        }
      }
    }
  }

  /** Those that are in the group heartbeat until nothing changes: everything has its owner then. */
  settle(): void {
    this.driver.advance(SESSION_MS)
    for (const client of this.clients) {
      client.subscription = ['t', 'u']
      if (!client.isIn || this.driver.now >= client.heardAt + SESSION_MS) client.giveAllUp()
    }
    for (let round = 0; round < 8; round++) {
      for (const client of this.clients) {
        if (client.isIn) this.beat(client)
        else this.enter(client)
        this.check()
      }
    }
    assert.equal(this.driver.group.state, 'Stable')
    const owned = this.clients.flatMap(client => [...client.owned]).sort()
    const all = TOPICS.flatMap(topic => {
      const { partitions } = this.driver.image.topicByName(topic)!
      return partitions.map((_, partition) => `${topic}-${partition}`)
    })
    assert.deepEqual(owned, all.sort())
    this.restart()
  }

  private assignment(names: ReadonlySet<string>): Assignment {
    const assignment = new Map<string, number[]>()
    for (const name of [...names].sort()) {
      const [topic = '', partition = ''] = name.split('-')
      const topicId = this.driver.image.topicByName(topic)!.id
      assignment.set(topicId, [...(assignment.get(topicId) ?? []), Number(partition)])
    }
    return assignment
  }

  private names(assignment: Assignment): Set<string> {
    return new Set(
      [...assignment].flatMap(([topicId, partitions]) =>
        partitions.map(partition => `${this.driver.image.topicById(topicId)!.name}-${partition}`),
      ),
    )
  }
}

test('T152 whatever members do, a partition has one owner, epochs grow, and the log tells it all', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), steps => {
      const history = new History()
      for (const each of steps) history.run(each)
      history.settle()
    }),
    { numRuns: HISTORIES, seed: 848 },
  )
})
