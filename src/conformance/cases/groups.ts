/** Classic groups: membership, static members, their administration, and where their coordinator is. */
import { CONVERSATIONS } from '../groups/conversations.ts'
import { DELETE_GROUPS, FIND, GroupTalk, LIST, memberOf } from '../groups/group-talk.ts'
import { type Area, type Case, casesWith, type Heading } from '../kit/case.ts'
import { conversationNamed } from './conversation-named.ts'

const scripted = casesWith((side, id) => new GroupTalk(side, id))

/** The name of a conversation, the sentence, its source, and what else there is to say. */
type Row = readonly [string, string, string, Partial<Heading>?]

/** Holds up many groups one after the other, each of which waits for its first members. */
const MANY_GROUPS = { limitMs: 60_000 }
const TIMED = { alone: true }

const versions = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const MEMBERSHIP: readonly Row[] = [
  ...versions(0, 9).map(
    (v): Row => [
      `a member's life, JoinGroup v${v}`,
      `A member joins, syncs, leaves and comes back (v${v})`,
      'T124',
    ],
  ),
  [
    'joins that an existing group refuses',
    'A group refuses joins of another kind, protocol or id, whatever its state',
    'T126',
    MANY_GROUPS,
  ],
  ['syncs that are refused', 'SyncGroup of a wrong member, generation, protocol or group is refused', 'T123'],
  [
    'syncs of a stable group',
    'SyncGroup to a stable group repeats its assignment and changes nothing',
    'T123',
  ],
  [
    'a leader that forgets members and names strangers',
    'A leader may leave out members and name strangers',
    'T123',
  ],
  ['a leader that assigns nobody', 'Members that are assigned nothing get no bytes', 'T122'],
  [
    'heartbeats that are refused',
    'Heartbeat tells a rebalance, and refuses strangers and wrong generations',
    'T125',
  ],
  ...versions(0, 5).map(
    (v): Row => [
      `leaving in vain, v${v}`,
      `LeaveGroup refuses whom nobody knows, and a member leaves once (v${v})`,
      'T133',
    ],
  ),
  ['several members leave at once', 'LeaveGroup takes several members and answers each', 'T133'],
  [
    'a second member joins, and leaves again',
    'The generation grows with each rebalance, whoever joins or leaves',
    'T124',
  ],
  [
    'members join again without need',
    'A follower that joins again without need changes nothing, a leader rebalances',
    'T124',
    MANY_GROUPS,
  ],
  ['a member changes what it offers', 'A member that changes what it offers brings on a rebalance', 'KIP-62'],
  [
    'the protocol that most prefer is chosen',
    'The protocol that most members prefer is chosen among those that all have',
    'T126',
  ],
  ['a member that shares no protocol', 'A member that shares no protocol is refused', 'T126'],
  ['a follower syncs before its leader', 'A follower that syncs first waits for its leader', 'T123'],
  [
    'a rebalance begins while a follower waits for its assignment',
    'A rebalance ends the wait for an assignment',
    'T123',
  ],
  [
    'groups of another kind than consumers',
    'Groups of another kind than consumers are kept apart',
    'KIP-62',
    MANY_GROUPS,
  ],
  [
    'a member that does not come to the rebalance',
    'A member that does not come to the rebalance is left behind in time',
    'T127',
    TIMED,
  ],
  ['a member that never syncs', 'A member that never syncs is left behind in time', 'T127', TIMED],
  [
    'a leader that never syncs while its follower waits',
    'A leader that never syncs ends the wait of its follower',
    'T127',
    TIMED,
  ],
  [
    'an id that was given out is given back',
    'A member id that was given out can be given back, and used once',
    'T121',
    MANY_GROUPS,
  ],
  [
    'an id that was given out holds up the rebalance',
    'A member id that was given out holds up the rebalance',
    'T121',
  ],
]

const STATIC: readonly Row[] = [
  ...versions(5, 9).map(
    (v): Row => [
      `a static follower comes back, v${v}`,
      `A static follower comes back to its assignment (v${v})`,
      'T131',
    ],
  ),
  ...[5, 8, 9].map(
    (v): Row => [
      `a static leader comes back, v${v}`,
      `A static leader comes back and still leads (v${v})`,
      'T131',
    ],
  ),
  [
    'a static member comes back with another offer',
    'A static member that comes back with another offer brings on a rebalance',
    'T131',
  ],
  [
    'a static member comes back during a rebalance',
    'A static member that comes back during a rebalance takes part in it',
    'T131',
  ],
  [
    'a static member comes back while it waits',
    'A static member that comes back ends the wait of its former self',
    'T132',
  ],
  [
    'a static member joins with its own id',
    'A static member has to join with its own id and instance',
    'T132',
  ],
  ['an instance that is fenced', 'A former self of a static member is FENCED_INSTANCE_ID everywhere', 'T132'],
  ['static members leave', 'Static members leave by their instance', 'T133'],
]

const ADMINISTRATION: readonly Row[] = [
  ...versions(0, 6).map(
    (v): Row => [
      `describing groups, v${v}`,
      `DescribeGroups tells of groups in each state (v${v})`,
      'T145',
      MANY_GROUPS,
    ],
  ),
  ...versions(0, 5).map(
    (v): Row => [
      `listing groups, v${v}`,
      `ListGroups tells of groups by state and type (v${v})`,
      'T146',
      MANY_GROUPS,
    ],
  ),
  ...versions(0, 2).map(
    (v): Row => [
      `deleting groups, v${v}`,
      `DeleteGroups takes empty groups only (v${v})`,
      'T047',
      MANY_GROUPS,
    ],
  ),
]

const COORDINATORS: readonly Row[] = versions(0, 6).map(
  (v): Row => [`finding coordinators, v${v}`, `FindCoordinator answers each key (v${v})`, 'T143'],
)

function recordedBefore(area: Area, rows: readonly Row[]): readonly Case[] {
  return rows.map(([script, name, source, more]) =>
    scripted({ area, name, source, ...more }, conversationNamed(CONVERSATIONS, script).hold),
  )
}

const JOIN_VERSIONS = versions(0, 9)

export const GROUP_CASES: readonly Case[] = [
  ...recordedBefore('groups', MEMBERSHIP),
  ...recordedBefore('static-members', STATIC),
  ...recordedBefore('groups', ADMINISTRATION),
  ...recordedBefore('coordinators', COORDINATORS),
  ...JOIN_VERSIONS.map(v =>
    scripted(
      {
        area: 'groups',
        name: `JoinGroup refuses sessions, groups and members that cannot be (v${v})`,
        source: 'T129',
      },
      talk => refusedJoins(talk, v),
    ),
  ),
  ...[4, 5, 9].map(v =>
    scripted(
      {
        area: 'groups',
        name: `A first JoinGroup is given an id and MEMBER_ID_REQUIRED (v${v})`,
        source: 'T121',
      },
      talk => idGiven(talk, v),
    ),
  ),
  ...[0, 3].map(v =>
    scripted({ area: 'groups', name: `A first JoinGroup joins at once (v${v})`, source: 'T121' }, talk =>
      joinsAtOnce(talk, v),
    ),
  ),
  ...versions(0, 4).map(v =>
    scripted(
      { area: 'groups', name: `Heartbeat keeps a member in its group (v${v})`, source: 'KIP-62' },
      talk => heartbeats(talk, v),
    ),
  ),
  ...versions(0, 5).map(v =>
    scripted(
      { area: 'groups', name: `SyncGroup hands each member its assignment (v${v})`, source: 'T123' },
      talk => handsOut(talk, v),
    ),
  ),
  scripted(
    { area: 'groups', name: 'A member that leaves is forgotten and its group rebalances', source: 'T124' },
    leaves,
  ),
  scripted(
    { area: 'groups', name: 'The reason to join or leave is taken and not told', source: 'KIP-800' },
    reasons,
  ),
  scripted(
    { area: 'groups', name: 'DescribeGroups of a group that nobody knows says so', source: 'T145' },
    unknownGroups,
  ),
  scripted(
    {
      area: 'groups',
      name: 'DescribeGroups tells the operations that are allowed, if asked to',
      source: 'T176',
    },
    authorizedOperations,
  ),
  scripted(
    { area: 'groups', name: 'Three members that join and leave at once stay known', source: 'T125' },
    threeMembers,
  ),
  scripted(
    { area: 'groups', name: 'ListGroups filters by states and types that nobody has', source: 'T146' },
    oddFilters,
  ),
  scripted(
    { area: 'static-members', name: 'A static member joins without an id being given out', source: 'T121' },
    staticJoin,
  ),
  scripted(
    {
      area: 'static-members',
      name: 'A static leader that comes back is told to skip its assignment',
      source: 'KIP-814',
    },
    skipsAssignment,
  ),
  ...versions(0, 6).map(v =>
    scripted(
      {
        area: 'coordinators',
        name: `FindCoordinator refuses kinds of keys that there are not (v${v})`,
        source: 'T143',
      },
      talk => oddKinds(talk, v),
    ),
  ),
]

const NOBODY = { who: 'nobody', memberId: 'nobody', generationId: 0, groupInstanceId: null }

/** With sessions that no broker allows, whatever its settings. */
async function refusedJoins(talk: GroupTalk, v: number): Promise<void> {
  await talk.join('a', { v, groupId: '' })
  await talk.join('a', { v, sessionTimeoutMs: 1 })
  await talk.join('a', { v, sessionTimeoutMs: -1 })
  await talk.join('a', { v, sessionTimeoutMs: 2_147_483_647 })
  await talk.join('a', { v, memberId: 'nobody' })
  await talk.join('a', { v, protocols: [] })
  await talk.join('a', { v, protocolType: '' })
  if (v >= 5) await talk.join('a', { v, memberId: 'nobody', groupInstanceId: 'i' })
  await talk.describe()
}

async function idGiven(talk: GroupTalk, v: number): Promise<void> {
  const first = await talk.join('a', { v })
  const second = await talk.join('a', { v })
  talk.note('two ids', { areDifferent: first.memberId !== second.memberId })
  await talk.describe()
  await talk.join('a', { v, memberId: first.memberId })
  await talk.leave('a', [{ memberId: second.memberId }])
}

async function joinsAtOnce(talk: GroupTalk, v: number): Promise<void> {
  const member = memberOf('a', await talk.join('a', { v }))
  await talk.heartbeat(member, { v: 0 })
  await talk.leave('a', [member], { v: 0 })
}

async function heartbeats(talk: GroupTalk, v: number): Promise<void> {
  await talk.heartbeat(NOBODY, { v })
  const member = await talk.enter('a')
  await talk.heartbeat(member, { v })
  await talk.heartbeat({ ...member, generationId: member.generationId + 1 }, { v })
  await talk.heartbeat({ ...member, memberId: 'nobody' }, { v })
  await talk.heartbeat(member, { v, groupId: '' })
  if (v >= 3) await talk.heartbeat(member, { v, groupInstanceId: 'nobody' })
  await talk.leave('a', [member])
  await talk.heartbeat(member, { v })
}

async function handsOut(talk: GroupTalk, v: number): Promise<void> {
  const [leader, follower] = await talk.pair()
  const to = { [leader.memberId]: 'mine', [follower.memberId]: 'yours' }
  const third = await talk.joining('c', { v: 3 })
  const second = await talk.joining('b', { memberId: follower.memberId })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  const members = [memberOf('b', await second.answer()), memberOf('c', await third.answer())]
  const waiting = []
  for (const member of members) waiting.push(await talk.syncing(member, { v }))
  talk.note(
    'answered before the leader',
    waiting.map(each => each.isAnswered()),
  )
  await talk.sync(again, { v, to: { ...to, [members[1]!.memberId]: 'theirs' } })
  for (const each of waiting) await each.answer()
}

async function leaves(talk: GroupTalk): Promise<void> {
  const [leader, follower] = await talk.pair()
  await talk.leave('b', [follower])
  await talk.heartbeat(follower)
  await talk.sync(follower)
  await talk.join('b', { memberId: follower.memberId })
  await talk.heartbeat(leader)
  await talk.describe()
}

async function reasons(talk: GroupTalk): Promise<void> {
  const told = await talk.join('a', { v: 8, reason: 'because' })
  const member = memberOf(
    'a',
    await talk.join('a', { v: 8, memberId: told.memberId, reason: 'x'.repeat(400) }),
  )
  await talk.sync(member)
  await talk.describe()
  await talk.leave('a', [{ memberId: member.memberId }], { v: 5 })
}

async function unknownGroups(talk: GroupTalk): Promise<void> {
  for (const v of versions(0, 6)) await talk.describe([talk.groupId, '', talk.groupId], { v })
}

async function authorizedOperations(talk: GroupTalk): Promise<void> {
  const member = await talk.enter('a')
  for (const v of [3, 4, 5, 6]) {
    await talk.describe([talk.groupId, `${talk.groupId} unknown`], { v, includeAuthorizedOperations: true })
    await talk.describe([talk.groupId], { v, includeAuthorizedOperations: false })
  }
  await talk.leave('a', [member])
}

async function threeMembers(talk: GroupTalk): Promise<void> {
  const first = await talk.enter('a')
  const second = await talk.joining('b', { v: 3 })
  const third = await talk.joining('c', { v: 3 })
  const leader = memberOf('a', await talk.join('a', { memberId: first.memberId }))
  const b = memberOf('b', await second.answer())
  const c = memberOf('c', await third.answer())
  await talk.leave('c', [c])
  await talk.heartbeat(leader)
  await talk.heartbeat(b)
  const waits = await talk.joining('b', { memberId: b.memberId })
  const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
  const follower = memberOf('b', await waits.answer())
  const synced = await talk.syncing(follower)
  await talk.sync(again, { to: { [follower.memberId]: 'b' } })
  await synced.answer()
  await talk.heartbeat(again)
  await talk.heartbeat(follower)
  await talk.describe()
}

async function oddFilters(talk: GroupTalk): Promise<void> {
  for (const [statesFilter, typesFilter] of [
    [['nonsense'], []],
    [['Dead'], []],
    [[''], []],
    [[], ['nonsense']],
    [[], ['']],
    [['Stable'], ['share', 'nonsense']],
  ] as const) {
    await talk.call('admin', LIST, 5, { statesFilter: [...statesFilter], typesFilter: [...typesFilter] })
  }
  await talk.call('admin', DELETE_GROUPS, 2, { groupsNames: [] })
}

async function staticJoin(talk: GroupTalk): Promise<void> {
  for (const v of [5, 7, 9]) {
    const groupId = `${talk.groupId} ${v}`
    const member = memberOf('a', await talk.join('a', { v, groupId, groupInstanceId: 'i' }), 'i')
    await talk.sync(member, { groupId })
    await talk.describe([groupId])
    await talk.leave('a', [member], { groupId })
  }
}

async function skipsAssignment(talk: GroupTalk): Promise<void> {
  const member = await talk.enter('a', { groupInstanceId: 'i' })
  for (const v of [8, 9]) {
    const back = memberOf('a', await talk.join('a', { v, groupInstanceId: 'i' }), 'i')
    await talk.sync(back, { to: { [back.memberId]: `v${v}` } })
  }
  await talk.heartbeat(member)
  await talk.describe()
}

async function oddKinds(talk: GroupTalk, v: number): Promise<void> {
  const coordinatorKeys = [talk.groupId]
  for (const keyType of v < 1 ? [0] : [0, 1, 2, 3, 99, -1]) {
    await talk.call('admin', FIND, v, { key: talk.groupId, keyType, coordinatorKeys })
  }
}
