/** Joining, rebalancing and leaving, in every version and in every wrong way. */
import { type Conversation, conversation, type GroupTalk, memberOf, SYNC } from './group-talk.ts'

const VERSIONS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const OLD_AND_NEW = [0, 5, 9]
const NOBODY = { who: 'nobody', memberId: 'nobody', generationId: 0, groupInstanceId: null }

export const MEMBERSHIP: readonly Conversation[] = [
  ...VERSIONS.map(v => conversation(`a member's life, JoinGroup v${v}`, talk => life(talk, v))),
  ...OLD_AND_NEW.map(v => conversation(`joins that are refused, v${v}`, talk => refusedJoins(talk, v))),
  conversation('joins that an existing group refuses', refusedByMembers),
  conversation('syncs that are refused', refusedSyncs),
  conversation('syncs of a stable group', stableSyncs),
  conversation('a leader that forgets members and names strangers', strangeAssignments),
  conversation('a leader that assigns nobody', noAssignments),
  conversation('heartbeats that are refused', refusedHeartbeats),
  ...[0, 1, 2, 3, 4, 5].map(v => conversation(`leaving in vain, v${v}`, talk => leavingInVain(talk, v))),
  conversation('several members leave at once', leavingTogether),
  conversation('a second member joins, and leaves again', secondMember),
  conversation('members join again without need', joiningAgain),
  conversation('a member changes what it offers', changedOffer),
  conversation('the protocol that most prefer is chosen', votes),
  conversation('a member that shares no protocol', noSharedProtocol),
  conversation('a follower syncs before its leader', followerFirst),
  conversation('a rebalance begins while a follower waits for its assignment', interruptedSync),
  conversation('a member sends the same request on two connections', twice),
  conversation('groups of another kind than consumers', otherKind),
]

async function life(talk: GroupTalk, v: number): Promise<void> {
  const member = await talk.enter('a', { v, syncs: false })
  await talk.heartbeat(member, { v: Math.min(v, 4) })
  await talk.sync(member, { v: Math.min(v, 5), to: { [member.memberId]: 'all' } })
  await talk.heartbeat(member, { v: Math.min(v, 4) })
  await talk.describe()
  await talk.leave('a', [member], { v: Math.min(v, 5) })
  await talk.heartbeat(member, { v: Math.min(v, 4) })
  await talk.describe()
  await talk.enter('a', { v })
  await talk.describe()
}

async function refusedJoins(talk: GroupTalk, v: number): Promise<void> {
  await talk.join('a', { v, groupId: '' })
  await talk.join('a', { v, groupId: '', memberId: 'nobody', sessionTimeoutMs: 1 })
  await talk.join('a', { v, sessionTimeoutMs: 499 })
  await talk.join('a', { v, sessionTimeoutMs: 1_800_001 })
  await talk.join('a', { v, sessionTimeoutMs: -1 })
  await talk.join('a', { v, memberId: 'nobody' })
  await talk.join('a', { v, protocols: [] })
  await talk.join('a', { v, protocolType: '' })
  await talk.join('a', { v, memberId: 'nobody', protocols: [] })
  await talk.describe()
  if (v >= 5) {
    await talk.join('a', { v, memberId: 'nobody', groupInstanceId: 'i' })
    await talk.join('a', { v, groupInstanceId: '' })
  }
}

async function refusedByMembers(talk: GroupTalk): Promise<void> {
  for (const state of ['Completing', 'Stable', 'Preparing', 'Empty']) {
    talk.note('state', state)
    const groupId = `${talk.groupId} ${state}`
    const member = await talk.enter('a', { groupId, syncs: false })
    if (state !== 'Completing') await talk.sync(member, { groupId, to: { [member.memberId]: 'all' } })
    const parked = state === 'Preparing' ? await talk.joining('b', { v: 3, groupId }) : undefined
    if (state === 'Empty') await talk.leave('a', [member], { groupId })
    for (const v of OLD_AND_NEW) {
      await talk.join('c', { v, groupId, memberId: 'nobody' })
      await talk.join('c', { v, groupId, protocolType: 'connect' })
      await talk.join('c', { v, groupId, protocols: [] })
      if (state === 'Empty') continue
      await talk.join('c', { v, groupId, protocols: [{ name: 'other', metadata: Buffer.from('x') }] })
      await talk.join('c', { v, groupId, memberId: member.memberId, protocolType: 'connect' })
    }
    await talk.join('c', { v: 5, groupId, memberId: member.memberId, groupInstanceId: 'i' })
    await talk.join('c', { v: 5, groupId, memberId: 'nobody', groupInstanceId: 'i' })
    await talk.describe([groupId])
    if (state === 'Preparing') await talk.leave('a', [member], { groupId })
    if (parked) await parked.answer()
  }
}

async function refusedSyncs(talk: GroupTalk): Promise<void> {
  for (const v of [0, 3, 5]) {
    await talk.sync(NOBODY, { v })
    await talk.sync(NOBODY, { v, groupId: '' })
    await talk.sync({ ...NOBODY, memberId: '' }, { v })
  }
  const member = await talk.enter('a', { syncs: false })
  for (const phase of ['Completing', 'Stable']) {
    talk.note('state', phase)
    for (const v of [0, 3, 5]) {
      await talk.sync({ ...NOBODY, generationId: member.generationId }, { v })
      await talk.sync({ ...member, generationId: member.generationId - 1 }, { v })
      await talk.sync({ ...member, generationId: member.generationId + 1 }, { v })
      await talk.sync({ ...member, generationId: -1 }, { v })
      await talk.sync({ ...member, memberId: '' }, { v })
    }
    await talk.sync({ ...member, groupInstanceId: 'i' })
    await talk.sync(member, { protocolType: 'connect' })
    await talk.sync(member, { protocolName: 'other' })
    if (phase === 'Completing') await talk.sync(member, { to: { [member.memberId]: 'all' } })
  }
  await talk.sync(member, { protocolType: null, protocolName: null })
  const parked = await talk.joining('b', { v: 3 })
  await talk.sync(member)
  await talk.leave('a', [member])
  await parked.answer()
}

async function stableSyncs(talk: GroupTalk): Promise<void> {
  const [leader, follower] = await talk.pair()
  await talk.sync(follower)
  await talk.sync(leader)
  await talk.sync(follower, { to: { [leader.memberId]: 'mine', [follower.memberId]: 'mine' } })
  await talk.sync(leader, { to: { [leader.memberId]: 'other', [follower.memberId]: 'other' } })
  await talk.sync(follower)
  await talk.describe()
}

async function strangeAssignments(talk: GroupTalk): Promise<void> {
  const leader = await talk.enter('a')
  const parked = await talk.joining('b', { v: 3 })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  const follower = memberOf('b', await parked.answer())
  await talk.sync(again, { to: { stranger: 'x', [again.memberId]: 'y' } })
  await talk.sync(follower, { to: { [follower.memberId]: 'z' } })
  await talk.describe()
}

async function noAssignments(talk: GroupTalk): Promise<void> {
  const member = await talk.enter('a', { syncs: false })
  await talk.sync(member)
  await talk.describe()
  await talk.sync(member)
}

async function refusedHeartbeats(talk: GroupTalk): Promise<void> {
  for (const v of [0, 3, 4]) {
    await talk.heartbeat(NOBODY, { v })
    await talk.heartbeat(NOBODY, { v, groupId: '' })
  }
  const member = await talk.enter('a', { syncs: false })
  let parked: Awaited<ReturnType<GroupTalk['joining']>> | undefined
  for (const phase of ['Completing', 'Stable', 'Preparing']) {
    talk.note('state', phase)
    await talk.heartbeat(member)
    await talk.heartbeat(NOBODY)
    await talk.heartbeat({ ...member, memberId: '' })
    await talk.heartbeat({ ...member, generationId: 0 })
    await talk.heartbeat({ ...member, generationId: 2 })
    await talk.heartbeat({ ...member, generationId: -1 })
    await talk.heartbeat({ ...member, groupInstanceId: 'i' })
    if (phase === 'Completing') await talk.sync(member)
    if (phase === 'Stable') parked = await talk.joining('b', { v: 3 })
  }
  await talk.leave('a', [member])
  await parked?.answer()
}

async function leavingInVain(talk: GroupTalk, v: number): Promise<void> {
  await talk.leave('a', [{ memberId: 'nobody' }], { v })
  await talk.leave('a', [{ memberId: '' }], { v })
  await talk.leave('a', [{ memberId: 'nobody' }], { v, groupId: '' })
  await talk.leave('a', [], { v })
  if (v >= 3) await talk.leave('a', [{ memberId: 'nobody' }, { memberId: '', groupInstanceId: 'i' }], { v })
  const member = await talk.enter('a')
  await talk.leave('a', [{ memberId: 'nobody' }], { v })
  await talk.leave('a', [{ memberId: '' }], { v })
  if (v >= 3) {
    await talk.leave('a', [], { v })
    await talk.leave('a', [{ memberId: 'nobody', groupInstanceId: 'i' }, { memberId: 'nobody' }], { v })
    await talk.leave('a', [{ memberId: member.memberId, groupInstanceId: 'i' }], { v })
  }
  await talk.describe()
  await talk.leave('a', [member], { v })
  await talk.leave('a', [member], { v })
  await talk.describe()
}

async function leavingTogether(talk: GroupTalk): Promise<void> {
  const [leader, follower] = await talk.pair()
  const [again, third] = await talkThird(talk, leader, follower)
  await talk.leave('admin', [third, third, { memberId: 'nobody' }, again])
  await talk.heartbeat(follower)
  await talk.heartbeat(again)
  await talk.describe()
}

/** A third member joins the two; the leader's new self and the third. */
async function talkThird(
  talk: GroupTalk,
  leader: { memberId: string },
  follower: { memberId: string },
): Promise<[ReturnType<typeof memberOf>, ReturnType<typeof memberOf>]> {
  const joining = await talk.joining('c', { v: 3 })
  const second = await talk.joining('b', { memberId: follower.memberId })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  await second.answer()
  const third = memberOf('c', await joining.answer())
  await talk.sync(again, { to: { [third.memberId]: 'c', [again.memberId]: 'a', [follower.memberId]: 'b' } })
  return [again, third]
}

async function secondMember(talk: GroupTalk): Promise<void> {
  const first = await talk.enter('a')
  const told = await talk.join('b')
  const parked = await talk.joining('b', { memberId: told.memberId })
  await talk.heartbeat(first)
  await talk.describe()
  const again = memberOf('a', await talk.join('a', { memberId: first.memberId }))
  const second = memberOf('b', await parked.answer())
  await talk.describe()
  await talk.heartbeat(first)
  await talk.heartbeat(again)
  await talk.sync(again, { to: { [again.memberId]: '1', [second.memberId]: '2' } })
  await talk.sync(second)
  await talk.heartbeat(second)
  await talk.describe()
  await talk.leave('b', [second])
  await talk.heartbeat(again)
  await talk.describe()
  const alone = memberOf('a', await talk.join('a', { memberId: first.memberId }))
  await talk.sync(alone, { to: { [alone.memberId]: 'all' } })
  await talk.describe()
}

async function joiningAgain(talk: GroupTalk): Promise<void> {
  for (const v of [3, 9]) {
    const [leader, follower] = await talk.pair('a', 'b', {})
    await talk.join('b', { v, memberId: follower.memberId })
    await talk.heartbeat(leader)
    const parked = await talk.joining('a', { v, memberId: leader.memberId })
    talk.note('the leader is answered at once', parked.isAnswered())
    await talk.heartbeat(follower)
    await talk.join('b', { v, memberId: follower.memberId })
    const again = memberOf('a', await parked.answer())
    talk.note('state', 'Completing')
    await talk.join('b', { v, memberId: follower.memberId })
    await talk.join('a', { v, memberId: leader.memberId })
    await talk.heartbeat(again)
    await talk.leave('a', [follower, again])
  }
}

async function changedOffer(talk: GroupTalk): Promise<void> {
  const [leader, follower] = await talk.pair()
  const changed = [{ name: 'range', metadata: Buffer.from('new!') }]
  const parked = await talk.joining('b', { memberId: follower.memberId, protocols: changed })
  talk.note('answered at once', parked.isAnswered())
  await talk.heartbeat(leader)
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  await parked.answer()
  // Once more in CompletingRebalance.
  const more = await talk.joining('b', { memberId: follower.memberId })
  talk.note('answered at once', more.isAnswered())
  await talk.sync(again)
  await talk.join('a', { memberId: leader.memberId })
  await more.answer()
  await talk.describe()
}

async function votes(talk: GroupTalk): Promise<void> {
  const offer = (...names: string[]) => names.map(name => ({ name, metadata: Buffer.from(`${name}!`) }))
  const first = await talk.enter('a', { protocols: offer('x', 'y', 'z') })
  const second = await talk.joining('b', { v: 3, protocols: offer('w', 'z', 'y') })
  const third = await talk.joining('c', { v: 3, protocols: offer('z', 'y') })
  await talk.describe()
  const again = memberOf(
    'a',
    await talk.join('a', { memberId: first.memberId, protocols: offer('x', 'y', 'z') }),
  )
  await second.answer()
  await third.answer()
  await talk.sync(again, { protocolName: 'y' })
  await talk.sync(again, { protocolName: 'z' })
  await talk.describe()
}

async function noSharedProtocol(talk: GroupTalk): Promise<void> {
  const member = await talk.enter('a', {
    protocols: [
      { name: 'x', metadata: Buffer.from('1') },
      { name: 'y', metadata: Buffer.from('2') },
    ],
  })
  const parked = await talk.joining('b', { v: 3, protocols: [{ name: 'y', metadata: Buffer.from('3') }] })
  await talk.join('c', { v: 3, protocols: [{ name: 'x', metadata: Buffer.from('4') }] })
  // The only one alone on its protocol may even change to another.
  await talk.join('a', { memberId: member.memberId, protocols: [{ name: 'z', metadata: Buffer.from('5') }] })
  await talk.leave('a', [member])
  await parked.answer()
}

async function followerFirst(talk: GroupTalk): Promise<void> {
  const leader = await talk.enter('a')
  const parked = await talk.joining('b', { v: 3 })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  const follower = memberOf('b', await parked.answer())
  const waits = await talk.syncing(follower)
  talk.note('the follower is answered', waits.isAnswered())
  await talk.heartbeat({ ...follower, who: 'b2' })
  await talk.sync(again, { to: { [follower.memberId]: 'yours' } })
  await waits.answer()
}

async function interruptedSync(talk: GroupTalk): Promise<void> {
  const leader = await talk.enter('a')
  const parked = await talk.joining('b', { v: 3 })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  const follower = memberOf('b', await parked.answer())
  const waits = await talk.syncing(follower)
  const third = await talk.joining('c', { v: 3 })
  talk.note('the follower is answered', waits.isAnswered())
  await waits.answer()
  await talk.sync(again, { to: { [follower.memberId]: 'yours' } })
  await talk.heartbeat(again)
  const second = await talk.joining('b', { memberId: follower.memberId })
  await talk.join('a', { memberId: leader.memberId })
  await second.answer()
  await third.answer()
  await talk.describe()
}

/** Kafka never answers the first; Klamm says that it is over, so that nothing hangs on its connection. */
async function twice(talk: GroupTalk): Promise<void> {
  const leader = await talk.enter('a')
  const told = await talk.join('b')
  await talk.joining('b', { memberId: told.memberId })
  talk.transcript.pop()
  const other = await talk.joining('b2', { memberId: told.memberId })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  const follower = memberOf('b3', await other.answer())
  await talk.syncing(follower)
  talk.transcript.pop()
  const second = await talk.syncing({ ...follower, who: 'b2' })
  await talk.sync(again, { to: { [follower.memberId]: 'yours' } })
  await second.answer()
}

async function otherKind(talk: GroupTalk): Promise<void> {
  const protocols = [{ name: 'compatible', metadata: Buffer.from([0, 1, 2, 255]) }]
  const member = await talk.enter('worker', { protocolType: 'connect', protocols })
  await talk.describe()
  await talk.join('c', { v: 3 })
  await talk.call('worker', SYNC, 5, {
    groupId: talk.groupId,
    generationId: member.generationId,
    memberId: member.memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocolName: 'compatible',
    assignments: [],
  })
  await talk.leave('worker', [member])
  await talk.describe()
  await talk.enter('a')
  await talk.describe()
}
