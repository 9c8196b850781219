/** Members that fall silent, vanish or come late. */
import { type Conversation, conversation, type GroupTalk, memberOf } from './group-talk.ts'

const SHORT = { sessionTimeoutMs: 1_000 }

export const TIME: readonly Conversation[] = [
  conversation('a silent member is expelled', silent),
  conversation('one of two members falls silent', oneSilent),
  conversation('a member that does not come to the rebalance', latecomer),
  conversation('a member that never syncs', neverSyncs),
  conversation('a leader that never syncs while its follower waits', leaderNeverSyncs),
  conversation('an id that was given out and never used', unusedId),
  conversation('an id that was given out is given back', returnedId),
  conversation('an id that was given out holds up the rebalance', pendingHoldsUp),
  conversation('a member vanishes while it waits to join', vanishes),
  conversation('sessions of members that wait', waitingSessions),
  conversation('the first members of a group wait for more', initialDelay, 'crowded'),
  conversation('the wait for more members is extended', extendedDelay, 'crowded'),
  conversation('a member that leaves during the wait', leavesDuringDelay, 'crowded'),
  conversation('a group that is full', full, 'crowded'),
  conversation('a full group in a rebalance', fullInRebalance, 'crowded'),
]

async function silent(talk: GroupTalk): Promise<void> {
  const member = await talk.enter('a', SHORT)
  await talk.wait(600)
  await talk.heartbeat(member)
  await talk.wait(600)
  await talk.heartbeat(member)
  await talk.wait(1_300)
  await talk.heartbeat(member)
  await talk.describe()
  await talk.join('a', { ...SHORT, memberId: member.memberId })
}

async function oneSilent(talk: GroupTalk): Promise<void> {
  const [leader, follower] = await talk.pair('a', 'b', SHORT)
  await talk.wait(600)
  await talk.heartbeat(follower)
  await talk.wait(700)
  await talk.heartbeat(follower)
  await talk.heartbeat(leader)
  await talk.describe()
  await talk.join('b', { ...SHORT, memberId: follower.memberId })
}

async function latecomer(talk: GroupTalk): Promise<void> {
  const rebalanceTimeoutMs = 1_000
  const leader = await talk.enter('a', { rebalanceTimeoutMs })
  const parked = await talk.joining('b', { v: 3, rebalanceTimeoutMs })
  await talk.wait(600)
  talk.note('answered', parked.isAnswered())
  await talk.wait(700)
  talk.note('answered', parked.isAnswered())
  await parked.answer()
  await talk.heartbeat(leader)
  await talk.describe()
}

async function neverSyncs(talk: GroupTalk): Promise<void> {
  const member = await talk.enter('a', { rebalanceTimeoutMs: 1_000, syncs: false })
  await talk.wait(600)
  await talk.heartbeat(member)
  await talk.wait(700)
  await talk.heartbeat(member)
  await talk.describe()
}

async function leaderNeverSyncs(talk: GroupTalk): Promise<void> {
  const rebalanceTimeoutMs = 1_000
  const leader = await talk.enter('a', { rebalanceTimeoutMs })
  const parked = await talk.joining('b', { v: 3, rebalanceTimeoutMs })
  await talk.join('a', { memberId: leader.memberId, rebalanceTimeoutMs })
  const follower = memberOf('b', await parked.answer())
  const waits = await talk.syncing(follower)
  await talk.wait(1_300)
  talk.note('answered', waits.isAnswered())
  await waits.answer()
  await talk.heartbeat(leader)
  await talk.heartbeat(follower)
  await talk.describe()
}

async function unusedId(talk: GroupTalk): Promise<void> {
  const told = await talk.join('a', SHORT)
  await talk.describe()
  await talk.wait(1_300)
  await talk.join('a', { ...SHORT, memberId: told.memberId })
  await talk.describe()
}

async function returnedId(talk: GroupTalk): Promise<void> {
  const first = await talk.join('a')
  await talk.heartbeat({ who: 'a', memberId: first.memberId, generationId: 0, groupInstanceId: null })
  await talk.heartbeat({ who: 'a', memberId: first.memberId, generationId: -1, groupInstanceId: null })
  await talk.sync({ who: 'a', memberId: first.memberId, generationId: 0, groupInstanceId: null })
  await talk.leave('a', [first])
  await talk.leave('a', [first])
  await talk.join('a', { memberId: first.memberId })
  await talk.describe()
  const second = await talk.join('a')
  await talk.leave('a', [second], { v: 0 })
  const third = await talk.join('a')
  await talk.join('b', { v: 5, memberId: third.memberId, groupInstanceId: 'i' })
  await talk.join('b', { v: 3, memberId: third.memberId })
  await talk.describe()
}

async function pendingHoldsUp(talk: GroupTalk): Promise<void> {
  const leader = await talk.enter('a')
  const told = await talk.join('b')
  await talk.heartbeat(leader)
  await talk.describe()
  const third = await talk.joining('c', { v: 3 })
  const again = await talk.joining('a', { memberId: leader.memberId })
  talk.note('answered', [third.isAnswered(), again.isAnswered()])
  await talk.leave('b', [told])
  await talk.wait(100)
  talk.note('answered', [third.isAnswered(), again.isAnswered()])
  const next = await talk.join('b')
  await talk.wait(100)
  talk.note('answered', [third.isAnswered(), again.isAnswered()])
  if (!third.isAnswered()) await talk.join('b', { memberId: next.memberId })
  await third.answer()
  await again.answer()
  await talk.describe()
}

async function vanishes(talk: GroupTalk): Promise<void> {
  const leader = await talk.enter('a', { ...SHORT, rebalanceTimeoutMs: 3_000 })
  await talk.joining('b', { ...SHORT, v: 3, rebalanceTimeoutMs: 3_000 })
  await talk.hangUp('b')
  await talk.describe()
  const again = await talk.joining('a', { ...SHORT, memberId: leader.memberId, rebalanceTimeoutMs: 3_000 })
  talk.note('answered', again.isAnswered())
  const member = memberOf('a', await again.answer())
  await talk.sync(member)
  await talk.wait(700)
  await talk.heartbeat(member)
  await talk.wait(600)
  await talk.describe()
  await talk.heartbeat(member)
}

async function waitingSessions(talk: GroupTalk): Promise<void> {
  const long = { ...SHORT, rebalanceTimeoutMs: 4_000 }
  const leader = await talk.enter('a', long)
  const told = await talk.join('b', long)
  const parked = await talk.joining('b', { ...long, memberId: told.memberId })
  await talk.wait(700)
  await talk.heartbeat(leader)
  await talk.wait(700)
  await talk.heartbeat(leader)
  talk.note('answered', parked.isAnswered())
  const again = memberOf('a', await talk.join('a', { ...long, memberId: leader.memberId }))
  const follower = memberOf('b', await parked.answer())
  const waits = await talk.syncing(follower)
  await talk.wait(700)
  await talk.heartbeat(again)
  await talk.wait(700)
  talk.note('answered', waits.isAnswered())
  await talk.heartbeat(again)
  await talk.sync(again)
  await waits.answer()
  await talk.heartbeat(follower)
}

async function initialDelay(talk: GroupTalk): Promise<void> {
  const first = await talk.joining('a', { v: 3 })
  await talk.wait(600)
  await talk.describe()
  talk.note('answered', first.isAnswered())
  await talk.wait(700)
  talk.note('answered', first.isAnswered())
  const member = memberOf('a', await first.answer())
  await talk.sync(member)
  // A group that is not new waits for nobody.
  const second = await talk.joining('b', { v: 3 })
  const again = await talk.joining('a', { memberId: member.memberId })
  talk.note('answered', [again.isAnswered(), second.isAnswered()])
  await talk.leave('admin', [memberOf('a', await again.answer()), memberOf('b', await second.answer())])
  await talk.describe()
  const anew = await talk.joining('a', { v: 3 })
  talk.note('answered', anew.isAnswered())
  await talk.wait(1_300)
  await anew.answer()
}

async function extendedDelay(talk: GroupTalk): Promise<void> {
  const rebalanceTimeoutMs = 1_800
  const first = await talk.joining('a', { v: 3, rebalanceTimeoutMs })
  await talk.wait(400)
  const second = await talk.joining('b', { v: 3, rebalanceTimeoutMs })
  await talk.wait(700)
  talk.note('answered', [first.isAnswered(), second.isAnswered()])
  await talk.wait(900)
  talk.note('answered', [first.isAnswered(), second.isAnswered()])
  await first.answer()
  await second.answer()
}

async function leavesDuringDelay(talk: GroupTalk): Promise<void> {
  const told = await talk.join('a')
  const first = await talk.joining('a', { memberId: told.memberId })
  await talk.leave('admin', [told])
  await talk.wait(100)
  talk.note('answered', first.isAnswered())
  await talk.wait(1_300)
  await first.answer()
  await talk.describe()
  const second = await talk.joining('b', { v: 3 })
  talk.note('answered', second.isAnswered())
  await talk.wait(1_300)
  await second.answer()
  await talk.describe()
}

async function full(talk: GroupTalk): Promise<void> {
  const first = await talk.joining('a', { v: 3 })
  const second = await talk.joining('b', { v: 3 })
  await talk.join('c', { v: 3 })
  await talk.join('c')
  await talk.join('c', { groupInstanceId: 'i' })
  await talk.wait(2_300)
  const leader = memberOf('a', await first.answer())
  const follower = memberOf('b', await second.answer())
  await talk.join('c')
  await talk.sync(leader)
  await talk.join('c', { v: 3 })
  await talk.join('c')
  await talk.join('c', { groupInstanceId: 'i' })
  await talk.join('c', { memberId: 'nobody' })
  await talk.join('b', { memberId: follower.memberId })
  await talk.leave('b', [follower])
  const told = await talk.join('c')
  const other = await talk.join('d')
  const third = await talk.joining('c', { memberId: told.memberId })
  const fourth = await talk.joining('d', { memberId: other.memberId })
  const again = await talk.joining('a', { memberId: leader.memberId })
  const answered = () => [third.isAnswered(), fourth.isAnswered(), again.isAnswered()]
  talk.note('answered', answered())
  await talk.describe()
  await talk.leave('admin', [leader])
  await talk.wait(100)
  talk.note('answered', answered())
  await talk.describe()
}

async function fullInRebalance(talk: GroupTalk): Promise<void> {
  // More ids are given out than there is room for.
  const tolds = [await talk.join('a'), await talk.join('b'), await talk.join('c')]
  const first = await talk.joining('a', { memberId: tolds[0]!.memberId })
  const second = await talk.joining('b', { memberId: tolds[1]!.memberId })
  await talk.join('c', { memberId: tolds[2]!.memberId })
  await talk.join('c', { memberId: tolds[2]!.memberId })
  await talk.wait(2_300)
  await first.answer()
  await second.answer()
  await talk.describe()
}
