/** Members of consumer groups that join, share, change their minds and leave. */
import { type ConsumerConversation, type ConsumerScript, consumerConversation } from './consumer-talk.ts'

const conversation = consumerConversation

export const CONSUMER_MEMBERSHIP: readonly ConsumerConversation[] = [
  ...[0, 1].map(v => conversation(`a consumer alone, v${v}`, script => alone(script, v))),
  conversation('two consumers share a topic', sharing),
  conversation('a third consumer comes and one leaves', third),
  conversation('partitions that are not given up hold others back', heldBack),
  conversation('a consumer reports in steps', steps),
  conversation('heartbeats that say the same again', repeated),
  conversation('a lost response of a heartbeat', lostResponse),
  conversation('epochs that are wrong', wrongEpochs),
  conversation('a consumer that begins anew under its id', anew),
  conversation('subscriptions that change', subscriptions),
  conversation('a subscription in another order is no change', sameSubscription),
  conversation('topics that come, grow and go', topics),
  conversation('a consumer of nothing', nothing),
  conversation('assignors that members ask for', assignors),
  conversation('range divides each topic on its own', range),
  conversation('uniform lets members keep what they have', uniform),
  conversation('members of different subscriptions', mixed),
  conversation('what a full group says', full, 'small'),
  conversation('an assignor that the broker does not have', noAssignor, 'small'),
  conversation('leaving again and by strangers', leaving),
  conversation('a rack that changes', racks),
  conversation('settings of a group', settings),
  ...[0, 1].map(v => conversation(`bad first heartbeats, v${v}`, script => badJoins(script, v))),
  conversation('bad later heartbeats', badBeats),
]

async function alone(script: ConsumerScript, v: number): Promise<void> {
  const topic = await script.topic('t')
  const member = script.member('a', { v, memberId: v === 0 ? '' : 'a' })
  await member.join([topic])
  await member.beat()
  await member.owns()
  await member.beat()
  await script.describe()
  await member.leave()
  await member.beat()
  await script.describe()
}

async function sharing(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  const b = script.member('b')
  await b.join([topic])
  await b.beat()
  await a!.beat()
  await a!.beat()
  await script.describe()
  await b.beat()
  await a!.owns()
  await b.beat()
  await b.owns()
  await a!.beat()
  await script.describe()
}

async function third(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 6)
  const [a, b] = await script.settled([topic], 'a', 'b')
  const c = script.member('c')
  await c.join([topic])
  await script.rest([a!, b!, c])
  await script.describe()
  await b!.leave()
  await a!.beat()
  await c.beat()
  await a!.owns()
  await c.owns()
  await script.describe()
}

async function heldBack(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const [a] = await script.settled([topic], 'a')
  const [b, c] = [script.member('b'), script.member('c')]
  await b.join([topic])
  await c.join([topic])
  await a!.beat()
  // Says that it still has both: nothing moves.
  await a!.beat({ topicPartitions: script.partitions([`${topic}-0`, `${topic}-1`]) })
  await b.beat()
  await c.beat()
  await script.describe()
  await b.leave()
  await a!.beat()
  await a!.owns()
  await c.beat()
  await script.describe()
}

async function steps(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a')
  await a.join([topic])
  await a.beat({ topicPartitions: script.partitions([`${topic}-0`]) })
  await a.beat({ topicPartitions: script.partitions([`${topic}-0`, `${topic}-1`, `${topic}-3`]) })
  await script.member('b').join([topic])
  await a.beat({ topicPartitions: script.partitions([`${topic}-0`, `${topic}-1`, `${topic}-2`]) })
  await a.beat({ topicPartitions: script.partitions([`${topic}-1`]) })
  await a.beat({ topicPartitions: [] })
  await a.beat({ topicPartitions: script.partitions([`${topic}-2`, `${topic}-3`]) })
  await script.describe()
}

async function repeated(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  await a!.full([topic])
  await a!.owns()
  await a!.full([topic], { topicPartitions: [] })
  await a!.beat({ topicPartitions: [] })
  await a!.beat({ subscribedTopicNames: [topic], rebalanceTimeoutMs: 60_000 })
  await a!.beat({ rebalanceTimeoutMs: 30_000 })
  await script.describe()
}

/** The member has moved on, and does not know. */
async function lostResponse(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  const b = script.member('b')
  await b.join([topic])
  const before = a!.memberEpoch
  await a!.beat()
  await a!.owns()
  await a!.beat({ memberEpoch: before })
  await a!.beat({ memberEpoch: before, topicPartitions: a!.told })
  await a!.beat({ memberEpoch: before, topicPartitions: [] })
  const all = [0, 1, 2, 3].map(index => `${topic}-${index}`)
  await a!.beat({ memberEpoch: before, topicPartitions: script.partitions(all) })
  await a!.beat({ memberEpoch: before - 1, topicPartitions: a!.told })
  await script.describe()
}

async function wrongEpochs(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  const { memberEpoch } = a!
  await a!.beat({ memberEpoch: memberEpoch + 1 })
  await a!.beat({ memberEpoch: memberEpoch - 1 })
  await a!.beat({ memberEpoch: -3 })
  await script.beat('x', { memberEpoch: memberEpoch })
  await script.beat('a', { groupId: `${script.talk.groupId} of nobody`, memberEpoch: 1 })
  await script.beat('a', { groupId: `${script.talk.groupId} of nobody`, memberEpoch: -1 })
  await a!.beat()
}

async function anew(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a, b] = await script.settled([topic], 'a', 'b')
  await a!.join([topic])
  await a!.beat()
  await b!.beat()
  await a!.join([topic])
  await script.describe()
  const other = await script.topic('other', 1)
  await a!.join([other])
  await b!.beat()
  await script.describe()
}

async function subscriptions(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 2), await script.topic('other', 2)]
  const [a] = await script.settled([one], 'a')
  await a!.beat({ subscribedTopicNames: [one, other] })
  await a!.owns()
  await a!.beat({ subscribedTopicNames: [other] })
  await a!.owns()
  await a!.beat({ subscribedTopicNames: [other, script.nameOf('nowhere')] })
  await a!.beat({ subscribedTopicNames: [] })
  await a!.owns()
  await script.describe()
  await a!.beat({ subscribedTopicNames: [one] })
  await script.describe()
}

async function sameSubscription(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 1), await script.topic('other', 1)]
  const [a] = await script.settled([one, other], 'a')
  await a!.beat({ subscribedTopicNames: [other, one] })
  await a!.beat({ subscribedTopicNames: [other, one, one] })
  await a!.beat({ subscribedTopicNames: [one, other], rebalanceTimeoutMs: 1_000 })
  await script.describe()
}

async function topics(script: ConsumerScript): Promise<void> {
  const one = await script.topic('one', 1)
  const [a] = await script.settled([one, script.nameOf('later')], 'a')
  await script.topic('later', 2)
  await script.topic('unrelated', 2)
  await a!.beat()
  await a!.owns()
  await script.grow(one, 3)
  await a!.beat()
  await a!.owns()
  await script.describe()
  await script.removeTopic(one)
  await a!.beat()
  await a!.owns()
  await script.describe()
}

async function nothing(script: ConsumerScript): Promise<void> {
  const a = script.member('a')
  await a.join([])
  await a.beat()
  await script.describe()
  const b = script.member('b')
  await b.join([script.nameOf('nowhere')])
  await b.beat()
  await a.beat()
  await script.describe()
}

async function assignors(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 3)
  const a = script.member('a')
  await a.join([topic], { serverAssignor: 'range' })
  await script.rest([a])
  await script.describe()
  const [b, c] = [script.member('b'), script.member('c')]
  await b.join([topic], { serverAssignor: 'uniform' })
  await c.join([topic], { serverAssignor: 'uniform' })
  await script.rest([a, b, c])
  await script.describe()
  await c.beat({ serverAssignor: 'range' })
  await script.rest([a, b, c])
  await script.describe()
  await c.beat({ serverAssignor: 'nonsense' })
  await c.beat({ serverAssignor: '' })
}

async function range(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 3), await script.topic('other', 3)]
  const [a, b] = [script.member('a'), script.member('b')]
  await a.join([one, other], { serverAssignor: 'range' })
  await b.join([one, other], { serverAssignor: 'range' })
  await script.rest([a, b])
  await script.describe()
  const c = script.member('c')
  await c.join([other], { serverAssignor: 'range' })
  await script.rest([a, b, c])
  await script.describe()
}

async function uniform(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 8)
  const [a, b, c] = await script.settled([topic], 'a', 'b', 'c')
  await script.describe()
  await b!.leave()
  await script.rest([a!, c!])
  await script.describe()
  const d = script.member('d')
  await d.join([topic])
  await script.rest([a!, c!, d])
  await script.describe()
}

async function mixed(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 4), await script.topic('other', 3)]
  const [a, b, c] = [script.member('a'), script.member('b'), script.member('c')]
  await a.join([one])
  await b.join([one, other])
  await c.join([other])
  await script.rest([a, b, c])
  await script.describe()
  await c.beat({ subscribedTopicNames: [one, other] })
  await script.rest([a, b, c])
  await script.describe()
}

async function full(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  await script.settled([topic], 'a', 'b')
  const c = script.member('c')
  await c.join([topic])
  await script.member('a').leave()
  await c.join([topic])
  await c.beat()
  await script.describe()
}

async function noAssignor(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a')
  await a.join([topic], { serverAssignor: 'uniform' })
  await a.join([topic], { serverAssignor: 'Range' })
  await a.join([topic])
  await script.describe()
}

async function leaving(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a, b] = await script.settled([topic], 'a', 'b')
  await script.beat('x', { memberEpoch: -1 })
  await a!.leave()
  await a!.leave()
  await b!.leave(-2)
  await b!.leave(-1, { topicPartitions: [], subscribedTopicNames: [] })
  await script.describe()
}

async function racks(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a')
  await a.join([topic], { rackId: 'r1' })
  await a.owns()
  await a.beat({ rackId: 'r2' })
  await script.describe()
  await a.beat({ rackId: '' })
}

async function settings(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  await script.configure({ 'consumer.heartbeat.interval.ms': '700', 'consumer.session.timeout.ms': '1500' })
  await a!.beat()
  await script.talk.wait(1_000)
  await a!.beat()
  await script.talk.wait(1_700)
  await a!.beat()
  await script.configure({ 'consumer.heartbeat.interval.ms': '1' })
  await script.configure({ 'consumer.session.timeout.ms': '100000' })
  await script.configure({ 'consumer.heartbeat.interval.ms': '1500' })
  await script.configure({ 'consumer.assignment.interval.ms': '20000' })
  await script.configure({ 'consumer.nonsense': '1' })
}

async function badJoins(script: ConsumerScript, v: number): Promise<void> {
  const topic = await script.topic('t')
  const good = {
    v,
    memberId: v === 0 ? '' : 'a',
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: [topic],
    topicPartitions: [],
  }
  const bad = [
    { groupId: '' },
    { groupId: '  ' },
    { memberId: '' },
    { memberId: 'some' },
    { memberId: '  ' },
    { rebalanceTimeoutMs: -1 },
    { rebalanceTimeoutMs: 0 },
    { topicPartitions: null },
    { topicPartitions: script.partitions([`${topic}-0`]) },
    { subscribedTopicNames: null },
    { instanceId: '' },
    { rackId: '' },
    { serverAssignor: 'nonsense' },
    { serverAssignor: '' },
    { subscribedTopicNames: [''] },
    { memberEpoch: -2 },
    { memberEpoch: -3 },
  ]
  for (const [i, wrong] of bad.entries()) {
    const groupId = `${script.talk.groupId} ${i}`
    const answer = await script.beat('a', { ...good, groupId, ...wrong })
    if (!answer.errorCode) await script.describe([groupId])
  }
}

async function badBeats(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  await a!.beat({ instanceId: '' })
  await a!.beat({ instanceId: 'i' })
  await a!.beat({ rackId: '' })
  await a!.beat({ rebalanceTimeoutMs: 0 })
  await a!.beat({ rebalanceTimeoutMs: -2 })
  await a!.beat({ subscribedTopicRegex: '' })
  await a!.beat({ memberId: '' })
  await a!.beat({ topicPartitions: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [0] }] })
  await a!.beat({ topicPartitions: script.partitions([`${topic}-9`]) })
  await a!.beat({ topicPartitions: [...a!.told, ...a!.told] })
  await script.describe()
}
