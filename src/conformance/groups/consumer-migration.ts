/** Groups that change protocol while members of both are in them, or while nobody is. */
import { encodeSubscription } from '../../../protocol/records/consumer-protocol.ts'
import { type ConsumerConversation, type ConsumerScript, consumerConversation } from './consumer-talk.ts'
import { type Member, memberOf } from './group-talk.ts'

const conversation = consumerConversation

export const CONSUMER_MIGRATION: readonly ConsumerConversation[] = [
  conversation('an empty classic group becomes a consumer group', emptyClassic),
  conversation('an empty consumer group becomes a classic group', emptyConsumer),
  conversation('a classic group of one is upgraded', upgrade),
  conversation('a classic member joins a consumer group', classicJoins),
  conversation('the last consumer leaves a mixed group', downgrade),
  conversation('a classic member leaves a mixed group', classicLeaves),
  conversation('a group in a rebalance is upgraded', upgradeInRebalance),
  conversation('a group that is not of consumers is not upgraded', otherType),
  conversation('classic members whose metadata is not readable', unreadable),
  conversation('what classic members may not say in a mixed group', badClassic),
  conversation('offsets in a mixed group', offsets),
  conversation('static members change protocol', statics),
  ...(['no-migration', 'upgrade-only', 'downgrade-only'] as const).map(setting =>
    conversation(`changing protocol, ${setting}`, policies, setting),
  ),
]

/** What a classic consumer says of itself in JoinGroup. */
function subscription(topics: readonly string[], owned: Readonly<Record<string, number[]>> = {}) {
  const ownedPartitions = Object.entries(owned).map(([topic, partitions]) => ({ topic, partitions }))
  const metadata = encodeSubscription(1, { topics: [...topics], ownedPartitions })
  return { protocols: [{ name: 'range', metadata }] }
}

/** A classic group of one stable member, which has all of the topic. */
async function classic(script: ConsumerScript, topics: readonly string[], who = 'c'): Promise<Member> {
  const { talk } = script
  const told = await talk.join(who, subscription(topics))
  const joined = memberOf(who, await talk.join(who, { ...subscription(topics), memberId: told.memberId }))
  await talk.sync(joined, { assignments: [{ memberId: joined.memberId, assignment: assignmentOf(topics) }] })
  return joined
}

/** Version 0: the first two partitions of each topic. */
function assignmentOf(topics: readonly string[]): Buffer {
  const parts = topics.map(topic => {
    const name = Buffer.from(topic)
    const head = Buffer.alloc(2)
    head.writeInt16BE(name.length)
    return Buffer.concat([head, name, Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1])])
  })
  return Buffer.concat([
    Buffer.from([0, 0, 0, 0, 0, topics.length]),
    ...parts,
    Buffer.from([255, 255, 255, 255]),
  ])
}

async function emptyClassic(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  await talk.commit('admin', { [`${topic}-0`]: 4 })
  const member = await classic(script, [topic])
  await talk.leave('c', [member])
  await talk.describe()
  const a = script.member('a')
  await a.join([topic])
  await a.owns()
  await script.describe()
  await talk.describe()
  await talk.offsets(null)
}

async function emptyConsumer(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  await talk.commit('a', { [`${topic}-0`]: 4 }, { memberId: 'a', generationIdOrMemberEpoch: a!.memberEpoch })
  await a!.leave()
  await classic(script, [topic])
  await talk.describe()
  await script.describe()
  await talk.offsets(null)
}

async function upgrade(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  const a = script.member('a')
  await a.join([topic])
  await script.describe()
  await talk.heartbeat(c)
  const again = memberOf(
    'c',
    await talk.join('c', { ...subscription([topic], { [topic]: [0] }), memberId: c.memberId }),
  )
  await talk.sync(again)
  await a.beat()
  await a.owns()
  await talk.heartbeat(again)
  await script.describe()
  await talk.describe()
}

async function classicJoins(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  const told = await talk.join('c', subscription([topic]))
  const joined = memberOf('c', await talk.join('c', { ...subscription([topic]), memberId: told.memberId }))
  await talk.sync(joined)
  await a!.beat()
  await a!.owns()
  await talk.heartbeat(joined)
  const again = memberOf('c', await talk.join('c', { ...subscription([topic]), memberId: joined.memberId }))
  await talk.sync(again)
  await talk.heartbeat(again)
  await script.describe()
}

async function downgrade(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  const a = script.member('a')
  await a.join([topic])
  await talk.heartbeat(c)
  await a.leave()
  await talk.describe()
  await script.describe()
  await talk.heartbeat(c)
  const again = memberOf('c', await talk.join('c', { ...subscription([topic]), memberId: c.memberId }))
  await talk.sync(again, { assignments: [{ memberId: again.memberId, assignment: assignmentOf([topic]) }] })
  await talk.describe()
}

async function classicLeaves(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  const a = script.member('a')
  await a.join([topic])
  await talk.leave('c', [{ memberId: 'x' }, c])
  await a.beat()
  await a.owns()
  await script.describe()
  await talk.leave('c', [{ memberId: 'a' }])
  await talk.leave('c', [c])
}

async function upgradeInRebalance(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  const told = await talk.join('d', subscription([topic]))
  const parked = await talk.joining('d', { ...subscription([topic]), memberId: told.memberId })
  const a = script.member('a')
  await a.join([topic])
  await talk.settled()
  talk.note('answered', parked.isAnswered())
  const answer = await parked.answer()
  await talk.heartbeat(c)
  const d = memberOf('d', await talk.join('d', { ...subscription([topic]), memberId: answer.memberId }))
  await talk.sync(d)
}

async function otherType(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const member = await talk.enter('w', { protocolType: 'connect', syncs: false })
  const a = script.member('a')
  await a.join([topic])
  await talk.leave('w', [member])
  await a.join([topic])
  await script.describe()
}

async function unreadable(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  await talk.enter('c')
  const a = script.member('a')
  await a.join([topic])
  await talk.describe()
}

async function badClassic(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  await script.settled([topic], 'a')
  await talk.join('d', { ...subscription([topic]), protocolType: 'connect' })
  await talk.join('d', { protocols: [{ name: 'range', metadata: Buffer.from('x') }] })
  await talk.join('d', {
    protocols: [{ name: 'own', metadata: subscription([topic]).protocols[0]!.metadata }],
  })
  await talk.join('d', { ...subscription([topic]), memberId: 'x' })
  await talk.join('d', { ...subscription([topic]), memberId: 'a' })
  await talk.heartbeat({ ...c, generationId: c.generationId + 10 })
  await talk.heartbeat({ ...c, memberId: 'a' })
  await talk.heartbeat({ ...c, memberId: 'x' })
  await talk.sync({ ...c, generationId: c.generationId + 10 })
  await talk.sync({ ...c, memberId: 'a' })
  await script.beat('c', { memberId: c.memberId, memberEpoch: 1 })
  await script.describe()
}

async function offsets(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  const a = script.member('a')
  await a.join([topic])
  const commit = (memberId: string, generationIdOrMemberEpoch: number) =>
    talk.commit('c', { [`${topic}-0`]: 1 }, { memberId, generationIdOrMemberEpoch })
  await commit(c.memberId, c.generationId)
  await commit(c.memberId, c.generationId + 1)
  await commit(c.memberId, c.generationId - 1)
  await commit('a', a.memberEpoch)
  await commit('', -1)
  await talk.offsets(null)
}

async function statics(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const groupInstanceId = 'i'
  const joined = memberOf('c', await talk.join('c', { ...subscription([topic]), groupInstanceId }), 'i')
  await talk.sync(joined, { assignments: [{ memberId: joined.memberId, assignment: assignmentOf([topic]) }] })
  const a = script.member('a', { instanceId: 'i', memberId: 'a1' })
  await a.join([topic])
  await script.describe()
  await talk.heartbeat(joined)
  await a.leave(-2)
  const again = memberOf('c', await talk.join('c', { ...subscription([topic]), groupInstanceId }), 'i')
  await talk.sync(again)
  await script.describe()
  await talk.describe()
}

async function policies(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const c = await classic(script, [topic])
  const a = script.member('a')
  await a.join([topic])
  await talk.heartbeat(c)
  await talk.leave('c', [c])
  await a.join([topic])
  const told = await talk.join('d', subscription([topic]))
  await talk.join('d', { ...subscription([topic]), memberId: told.memberId })
  await a.leave()
  await script.describe()
  await talk.describe()
}
