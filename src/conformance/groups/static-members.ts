/** Members with an instance id of their own (KIP-345, KIP-814). */
import { type Conversation, conversation, type GroupTalk, type Member, memberOf } from './group-talk.ts'

export const STATIC_MEMBERS: readonly Conversation[] = [
  ...[5, 6, 7, 8, 9].map(v => conversation(`a static follower comes back, v${v}`, talk => follower(talk, v))),
  ...[5, 8, 9].map(v => conversation(`a static leader comes back, v${v}`, talk => leader(talk, v))),
  conversation('a static member comes back with another offer', changedOffer),
  conversation('a static member comes back during a rebalance', duringRebalance),
  conversation('a static member comes back while it waits', whileWaiting),
  conversation('a static member joins with its own id', ownId),
  conversation('an instance that is fenced', fenced),
  conversation('static members leave', leaving),
  conversation('a static member misses a rebalance', missesRebalance),
  conversation('only static members that all miss the rebalance', allMiss),
  conversation('a static member falls silent', silent),
]

const static_ = (groupInstanceId: string, v = 9) => ({ groupInstanceId, v })

/** A stable group of two static members; the first leads. */
async function pair(talk: GroupTalk, v = 9): Promise<[Member, Member]> {
  const first = await talk.enter('a', static_('i1', v))
  const parked = await talk.joining('b', static_('i2', v))
  const again = memberOf('a', await talk.join('a', { ...static_('i1', v), memberId: first.memberId }), 'i1')
  const second = memberOf('b', await parked.answer(), 'i2')
  const waits = await talk.syncing(second)
  await talk.sync(again, { to: { [again.memberId]: 'to a', [second.memberId]: 'to b' } })
  await waits.answer()
  return [again, second]
}

async function follower(talk: GroupTalk, v: number): Promise<void> {
  const [first, second] = await pair(talk, v)
  const back = memberOf('b', await talk.join('b', static_('i2', v)), 'i2')
  await talk.heartbeat(first)
  await talk.heartbeat(second)
  await talk.heartbeat(back)
  await talk.sync(back)
  await talk.describe()
}

async function leader(talk: GroupTalk, v: number): Promise<void> {
  const [first, second] = await pair(talk, v)
  const back = memberOf('a', await talk.join('a', static_('i1', v)), 'i1')
  await talk.heartbeat(first)
  await talk.heartbeat(second)
  await talk.heartbeat(back)
  await talk.sync(back, { to: { [back.memberId]: 'other', [second.memberId]: 'other' } })
  await talk.sync(second)
  await talk.describe()
  const parked = await talk.joining('a', { ...static_('i1', v), memberId: back.memberId })
  talk.note('answered', parked.isAnswered())
  await talk.heartbeat(second)
  await talk.join('b', { ...static_('i2', v), memberId: second.memberId })
  await parked.answer()
}

async function changedOffer(talk: GroupTalk): Promise<void> {
  const [first, second] = await pair(talk)
  // The same name with other metadata is no other choice.
  const changed = [{ name: 'range', metadata: Buffer.from('new!') }]
  const back = memberOf('b', await talk.join('b', { ...static_('i2'), protocols: changed }), 'i2')
  await talk.describe()
  await talk.heartbeat(first)
  const both = [{ name: 'other', metadata: Buffer.from('o') }, ...changed]
  const parked = await talk.joining('b', { ...static_('i2'), protocols: both })
  talk.note('answered', parked.isAnswered())
  await talk.heartbeat(first)
  await talk.heartbeat(back)
  await talk.heartbeat(second)
  await parked.answer()
  const narrow = [{ name: 'other', metadata: Buffer.from('o') }]
  await talk.join('b', { ...static_('i2'), protocols: narrow })
  await talk.describe()
}

async function duringRebalance(talk: GroupTalk): Promise<void> {
  const [first, second] = await pair(talk)
  const third = await talk.joining('c', static_('i3'))
  const back = await talk.joining('b', static_('i2'))
  talk.note('answered', back.isAnswered())
  await talk.heartbeat({ ...second, who: 'b2' })
  const again = memberOf('a', await talk.join('a', { ...static_('i1'), memberId: first.memberId }), 'i1')
  await third.answer()
  memberOf('b', await back.answer(), 'i2')
  talk.note('state', 'Completing')
  const anew = await talk.joining('b', static_('i2'))
  talk.note('answered', anew.isAnswered())
  await talk.heartbeat(again)
  await talk.sync(again)
  await talk.describe()
  await talk.leave('admin', [
    { memberId: '', groupInstanceId: 'i1' },
    { memberId: '', groupInstanceId: 'i3' },
  ])
  await anew.answer()
}

async function whileWaiting(talk: GroupTalk): Promise<void> {
  const first = await talk.enter('a', static_('i1'))
  const parked = await talk.joining('b', static_('i2'))
  const back = await talk.joining('b2', static_('i2'))
  talk.note('answered', [parked.isAnswered(), back.isAnswered()])
  await parked.answer()
  const again = memberOf('a', await talk.join('a', { ...static_('i1'), memberId: first.memberId }), 'i1')
  const second = memberOf('b', await back.answer(), 'i2')
  const waits = await talk.syncing(second)
  const anew = await talk.joining('b2', static_('i2'))
  talk.note('answered', [waits.isAnswered(), anew.isAnswered()])
  await waits.answer()
  await talk.heartbeat(again)
  await talk.join('a', { ...static_('i1'), memberId: first.memberId })
  await anew.answer()
}

async function ownId(talk: GroupTalk): Promise<void> {
  const [first, second] = await pair(talk)
  await talk.join('b', { ...static_('i2'), memberId: second.memberId })
  await talk.join('b', { ...static_('i1'), memberId: second.memberId })
  await talk.join('b', { ...static_('i9'), memberId: second.memberId })
  await talk.join('b', { memberId: second.memberId })
  await talk.join('b', { ...static_('i2'), memberId: 'nobody' })
  await talk.heartbeat(first)
  await talk.heartbeat({ ...second, groupInstanceId: null })
}

async function fenced(talk: GroupTalk): Promise<void> {
  const topic = `${talk.groupId.replace(/\W/g, '-')}`
  await talk.createTopic(topic)
  const [, second] = await pair(talk)
  await talk.join('b', static_('i2'))
  await talk.heartbeat(second)
  await talk.heartbeat({ ...second, groupInstanceId: null })
  await talk.sync(second)
  await talk.join('b', { ...static_('i2'), memberId: second.memberId })
  for (const v of [7, 8, 9]) {
    await talk.commit(
      'b',
      { [`${topic}-0`]: 1 },
      {
        v,
        memberId: second.memberId,
        groupInstanceId: 'i2',
        generationIdOrMemberEpoch: second.generationId,
      },
    )
  }
  await talk.leave('b', [second])
  await talk.leave('b', [{ memberId: second.memberId }])
}

async function leaving(talk: GroupTalk): Promise<void> {
  const [first, second] = await pair(talk)
  await talk.leave('admin', [
    { memberId: '', groupInstanceId: 'i9' },
    { memberId: 'nobody', groupInstanceId: 'i1' },
    { memberId: '', groupInstanceId: null },
  ])
  await talk.heartbeat(first)
  await talk.leave('admin', [
    { memberId: '', groupInstanceId: 'i2' },
    { memberId: '', groupInstanceId: 'i2' },
  ])
  await talk.heartbeat(second)
  await talk.heartbeat(first)
  await talk.describe()
  await talk.leave('admin', [{ memberId: first.memberId, groupInstanceId: 'i1' }], { v: 3 })
  await talk.describe()
}

async function missesRebalance(talk: GroupTalk): Promise<void> {
  const times = { sessionTimeoutMs: 5_000, rebalanceTimeoutMs: 1_000 }
  const first = await talk.enter('a', { ...static_('i1'), ...times })
  const parked = await talk.joining('b', { v: 3, ...times })
  await talk.wait(1_300)
  talk.note('answered', parked.isAnswered())
  const second = memberOf('b', await parked.answer())
  await talk.heartbeat(first)
  await talk.describe()
  await talk.sync(second, { to: { [second.memberId]: 'b', [first.memberId]: 'a' } })
  await talk.describe()
  const back = await talk.joining('a', { ...static_('i1'), ...times })
  talk.note('answered', back.isAnswered())
  await talk.describe()
}

async function allMiss(talk: GroupTalk): Promise<void> {
  const times = { sessionTimeoutMs: 3_000, rebalanceTimeoutMs: 1_000 }
  const first = await talk.enter('a', { ...static_('i1'), ...times })
  const told = await talk.join('b', times)
  await talk.joining('b', { ...times, memberId: told.memberId })
  await talk.leave('admin', [told])
  await talk.wait(1_300)
  await talk.describe()
  await talk.heartbeat(first)
  const again = await talk.join('a', { ...static_('i1'), ...times, memberId: first.memberId })
  await talk.sync(memberOf('a', again, 'i1'))
}

async function silent(talk: GroupTalk): Promise<void> {
  const first = await talk.enter('a', { ...static_('i1'), sessionTimeoutMs: 1_000 })
  await talk.wait(1_300)
  await talk.heartbeat(first)
  await talk.join('a', { ...static_('i1'), memberId: first.memberId })
  await talk.join('a', static_('i1'))
  await talk.describe()
}
