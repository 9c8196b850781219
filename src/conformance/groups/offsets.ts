/** Committing, fetching and deleting offsets. */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import {
  COMMIT,
  type Conversation,
  conversation,
  DELETE_GROUPS,
  DELETE_OFFSETS,
  type GroupTalk,
  type Member,
  memberOf,
  OFFSETS,
  subscription,
} from './group-talk.ts'

const COMMIT_VERSIONS = [2, 3, 4, 5, 6, 7, 8, 9]
const FETCH_VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAABQ'

export const OFFSET_CONVERSATIONS: readonly Conversation[] = [
  ...COMMIT_VERSIONS.map(v =>
    conversation(`a consumer without a group commits, v${v}`, talk => simple(talk, v)),
  ),
  conversation('offsets by topic id', byId),
  conversation('commits of what does not exist', missing),
  conversation('commits with odd values', oddValues),
  conversation('commits without a group id', noGroupId),
  conversation('commits to a group that does not exist', unknownGroup),
  conversation('commits in each state', inEachState),
  conversation('commits by the wrong member', wrongMember),
  conversation('the order of errors', errorOrder),
  conversation('a commit too large for a batch', tooLarge),
  conversation('offsets that nobody committed', nothingCommitted),
  conversation('offsets of several groups', severalGroups),
  conversation('offsets fetched by a member', fetchedByMember),
  conversation('deleting offsets', deleting),
  conversation('deleting offsets of a live group', deletingLive),
]

const topicOf = (talk: GroupTalk) => talk.groupId.replace(/\W/g, '-')

async function fetchEverywhere(talk: GroupTalk, partitions: readonly string[]): Promise<void> {
  for (const v of FETCH_VERSIONS) {
    await talk.offsets(partitions, { v })
    if (v >= 2) await talk.offsets(null, { v })
  }
}

async function simple(talk: GroupTalk, v: number): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  await talk.commit('a', { [`${topic}-0`]: 10, [`${topic}-1`]: 11 }, { v })
  await fetchEverywhere(talk, [`${topic}-1`, `${topic}-0`])
  await talk.commit('a', { [`${topic}-0`]: 12 }, { v, metadata: null })
  await talk.offsets([`${topic}-0`])
  await talk.describe()
}

async function byId(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  const topicId = await talk.createTopic(topic)
  const topics = [
    { id: topicId, partition: 1 },
    { id: topicId, partition: 7 },
    { id: NO_TOPIC_ID, partition: 0 },
    { id: ZERO_UUID, partition: 0 },
  ]
  await talk.call('a', COMMIT, 10, {
    groupId: talk.groupId,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: topics.map(({ id, partition }) => ({
      name: '',
      topicId: id,
      partitions: [
        { partitionIndex: partition, committedOffset: 5n, committedLeaderEpoch: 2, committedMetadata: 'x' },
      ],
    })),
  })
  const asked = topics.map(({ id, partition }) => ({ topicId: id, name: '', partitionIndexes: [partition] }))
  for (const wanted of [asked, null]) {
    await talk.call('a', OFFSETS, 10, {
      groupId: '',
      topics: [],
      groups: [{ groupId: talk.groupId, memberId: null, memberEpoch: -1, topics: wanted }],
      requireStable: false,
    })
  }
}

async function missing(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  for (const v of [2, 9]) {
    await talk.commit('a', { 'no-such-topic-0': 1 }, { v })
    await talk.describe()
    await talk.commit('a', { [`${topic}-2`]: 1, [`${topic}--1`]: 1, [`${topic}-0`]: 1, 'nope-0': 2 }, { v })
    await talk.commit('a', {}, { v })
  }
  await talk.offsets([`${topic}-2`, `${topic}-0`, `${topic}--1`, 'nope-0', 'nope-1'])
  await talk.offsets(null)
  await talk.offsets([])
}

async function oddValues(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  await talk.commit('a', { [`${topic}-0`]: -1 })
  await talk.commit('a', { [`${topic}-0`]: -5 })
  await talk.offsets([`${topic}-0`])
  await talk.commit('a', { [`${topic}-0`]: 1 }, { metadata: 'x'.repeat(4096) })
  await talk.commit('a', { [`${topic}-1`]: 1, [`${topic}-0`]: 2 }, { metadata: 'x'.repeat(4097) })
  // Characters or bytes?
  await talk.commit('a', { [`${topic}-1`]: 1 }, { metadata: 'ü'.repeat(4096) })
  await talk.commit('a', { [`${topic}-1`]: 2 }, { metadata: '' })
  await talk.commit('a', { [`${topic}-0`]: 3, [`${topic}-1`]: 3 }, { metadata: 'ü' })
  await talk.offsets(null)
  const twice = {
    partitionIndex: 0,
    committedLeaderEpoch: -1,
    committedMetadata: 'twice',
  }
  await talk.commit(
    'a',
    {},
    {
      topics: [
        {
          name: topic,
          topicId: ZERO_UUID,
          partitions: [
            { ...twice, committedOffset: 1n },
            { ...twice, committedOffset: 2n },
          ],
        },
        { name: topic, topicId: ZERO_UUID, partitions: [{ ...twice, committedOffset: 3n }] },
      ],
    },
  )
  await talk.offsets([`${topic}-0`])
  for (const v of [2, 3, 4]) {
    await talk.commit('a', { [`${topic}-0`]: 7 }, { v, retentionTimeMs: 100_000n })
    await talk.commit('a', { [`${topic}-0`]: 8 }, { v, retentionTimeMs: -1n })
    await talk.commit('a', { [`${topic}-0`]: 9 }, { v, retentionTimeMs: 0n })
  }
  await talk.offsets(null)
}

async function noGroupId(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  for (const v of COMMIT_VERSIONS) {
    await talk.commit('a', { [`${topic}-0`]: 1 }, { v, groupId: '' })
    await talk.commit(
      'a',
      { [`${topic}-0`]: 1 },
      { v, groupId: '', memberId: 'x', generationIdOrMemberEpoch: 1 },
    )
  }
  for (const v of FETCH_VERSIONS) await talk.offsets([`${topic}-0`], { v, groupId: '' })
  await talk.offsets(null, { groupId: '' })
  await talk.call('admin', DELETE_GROUPS, 2, { groupsNames: [''] })
  await talk.describe([''])
}

async function unknownGroup(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  for (const v of COMMIT_VERSIONS) {
    for (const memberId of ['', 'nobody']) {
      await talk.commit('a', { [`${topic}-0`]: 1 }, { v, memberId, generationIdOrMemberEpoch: 0 })
      await talk.commit('a', { [`${topic}-0`]: 1 }, { v, memberId, generationIdOrMemberEpoch: 3 })
    }
  }
  await talk.describe()
  await talk.commit('a', { [`${topic}-0`]: 1 }, { memberId: 'nobody' })
  await talk.commit('a', { [`${topic}-0`]: 1 }, { groupInstanceId: 'i' })
  await talk.describe()
}

/** What is said in the name of a member, and what without one. */
async function commitEveryWay(talk: GroupTalk, topic: string, member: Member): Promise<void> {
  const { memberId, generationId } = member
  for (const v of [2, 7, 9]) {
    const at = { [`${topic}-0`]: v }
    await talk.commit('c', at, { v })
    await talk.commit('c', at, { v, memberId, generationIdOrMemberEpoch: generationId })
    await talk.commit('c', at, { v, memberId, generationIdOrMemberEpoch: generationId + 1 })
    await talk.commit('c', at, { v, memberId, generationIdOrMemberEpoch: -1 })
    await talk.commit('c', at, { v, memberId: '', generationIdOrMemberEpoch: generationId })
    await talk.commit('c', at, { v, memberId: 'nobody', generationIdOrMemberEpoch: generationId })
    await talk.commit('c', at, { v, memberId: 'nobody', generationIdOrMemberEpoch: -1 })
  }
  await talk.commit('c', { [`${topic}-0`]: 1 }, { groupInstanceId: 'i' })
}

async function inEachState(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  const member = await talk.enter('a', { syncs: false })
  talk.note('state', 'Completing')
  await commitEveryWay(talk, topic, member)
  await talk.sync(member)
  talk.note('state', 'Stable')
  await commitEveryWay(talk, topic, member)
  const parked = await talk.joining('b', { v: 3 })
  talk.note('state', 'Preparing')
  await commitEveryWay(talk, topic, member)
  await talk.leave('a', [member])
  const other = memberOf('b', await parked.answer())
  await talk.leave('b', [other])
  talk.note('state', 'Empty')
  await commitEveryWay(talk, topic, other)
  await talk.offsets(null)
}

async function wrongMember(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  const member = await talk.enter('a', { groupInstanceId: 'i1' })
  const at = { [`${topic}-0`]: 1 }
  const by = { memberId: member.memberId, generationIdOrMemberEpoch: member.generationId }
  await talk.commit('a', at, by)
  await talk.commit('a', at, { ...by, groupInstanceId: 'i1' })
  await talk.commit('a', at, { ...by, groupInstanceId: 'i2' })
  await talk.commit('a', at, { ...by, memberId: 'nobody', groupInstanceId: 'i1' })
  await talk.commit('a', at, { ...by, memberId: '', groupInstanceId: 'i1' })
  await talk.commit('a', at, { groupInstanceId: 'i1' })
  await talk.commit('a', at, { memberId: member.memberId, groupInstanceId: 'i1' })
}

async function errorOrder(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  const member = await talk.enter('a')
  const wrong = { memberId: 'nobody', generationIdOrMemberEpoch: member.generationId }
  await talk.commit('a', { 'nope-0': 1 }, wrong)
  await talk.commit('a', { 'nope-0': 1, [`${topic}-0`]: 1, [`${topic}-9`]: 1 }, wrong)
  await talk.commit('a', { 'nope-0': 1, [`${topic}-0`]: 1 }, { ...wrong, groupId: '' })
  await talk.commit('a', { [`${topic}-0`]: 1, 'nope-0': 2 }, { ...wrong, metadata: 'x'.repeat(5000) })
  await talk.commit(
    'a',
    { [`${topic}-0`]: 1, [`${topic}-8`]: 1 },
    { memberId: member.memberId, generationIdOrMemberEpoch: member.generationId, metadata: 'x'.repeat(5000) },
  )
}

async function tooLarge(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic, 300)
  const offsets = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${topic}-${i}`, i]))
  const answer = await talk.commit('a', offsets, { metadata: 'x'.repeat(4000) })
  talk.transcript.pop()
  const codes = new Set(answer.topics.flatMap(({ partitions }) => partitions.map(each => each.errorCode)))
  talk.note('codes', [...codes])
  await talk.offsets(null)
  await talk.describe()
  // Members whose metadata fill a record.
  const protocols = [{ name: 'range', metadata: subscription([topic], 1_100_000) }]
  const joined = await talk.join('a', { v: 3, protocols })
  talk.transcript.pop()
  const member = memberOf('a', joined)
  talk.note('joined', joined.errorCode)
  await talk.sync(member, { to: { [member.memberId]: 'x' } })
  await talk.heartbeat(member)
  await talk.sync(member, { to: { [member.memberId]: 'x' } })
}

async function nothingCommitted(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  await fetchEverywhere(talk, [`${topic}-0`, `${topic}-1`, `${topic}-5`, 'nope-0'])
  await talk.enter('a')
  await talk.offsets([`${topic}-0`], { requireStable: true })
  await talk.offsets(null, { requireStable: true })
  await talk.offsets([], { v: 1 })
}

async function severalGroups(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  await talk.commit('a', { [`${topic}-0`]: 1 })
  await talk.commit('a', { [`${topic}-1`]: 2 }, { groupId: `${talk.groupId} 2` })
  const topics = [{ name: topic, topicId: ZERO_UUID, partitionIndexes: [0, 1] }]
  for (const v of [8, 9]) {
    await talk.call('a', OFFSETS, v, {
      groupId: '',
      topics: null,
      groups: [
        { groupId: talk.groupId, topics },
        { groupId: `${talk.groupId} 2`, topics: null },
        { groupId: `${talk.groupId} 3`, topics },
        { groupId: '', topics },
        { groupId: talk.groupId, topics: [] },
      ],
      requireStable: false,
    })
  }
  await talk.call('a', OFFSETS, 9, { groupId: '', topics: null, groups: [], requireStable: false })
}

async function fetchedByMember(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  const member = await talk.enter('a')
  await talk.commit(
    'a',
    { [`${topic}-0`]: 1 },
    {
      memberId: member.memberId,
      generationIdOrMemberEpoch: member.generationId,
    },
  )
  const { memberId } = member
  for (const partitions of [[`${topic}-0`], null]) {
    await talk.offsets(partitions, { memberId, memberEpoch: member.generationId })
    await talk.offsets(partitions, { memberId, memberEpoch: 7 })
    await talk.offsets(partitions, { memberId: 'nobody', memberEpoch: 1 })
    await talk.offsets(partitions, { memberId: '', memberEpoch: -1 })
    await talk.offsets(partitions, { groupId: 'no such group', memberId: 'nobody', memberEpoch: 1 })
  }
}

function deleteOffsets(
  talk: GroupTalk,
  partitions: Readonly<Record<string, number[]>>,
  groupId = talk.groupId,
) {
  return talk.call('admin', DELETE_OFFSETS, 0, {
    groupId,
    topics: Object.entries(partitions).map(([name, indexes]) => ({
      name,
      partitions: indexes.map(partitionIndex => ({ partitionIndex })),
    })),
  })
}

async function deleting(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  await deleteOffsets(talk, { [topic]: [0] })
  await deleteOffsets(talk, { [topic]: [0] }, '')
  await deleteOffsets(talk, { nope: [0] })
  await deleteOffsets(talk, {}, '')
  await talk.commit('a', { [`${topic}-0`]: 1, [`${topic}-1`]: 2 })
  await deleteOffsets(talk, { [topic]: [1, 5], nope: [0, 1] })
  await talk.offsets(null)
  await deleteOffsets(talk, { [topic]: [1] })
  await deleteOffsets(talk, {})
  await deleteOffsets(talk, { [topic]: [] })
  await deleteOffsets(talk, { [topic]: [0] })
  await talk.offsets(null)
  await talk.describe()
  const member = await talk.enter('a', { protocolType: 'connect' })
  await talk.leave('a', [member])
  await deleteOffsets(talk, { [topic]: [0] })
}

async function deletingLive(talk: GroupTalk): Promise<void> {
  const topic = topicOf(talk)
  await talk.createTopic(topic)
  await talk.createTopic(`${topic}-2`)
  await talk.commit('a', { [`${topic}-0`]: 1, [`${topic}-2-0`]: 2 })
  const protocols = [{ name: 'range', metadata: subscription([topic]) }]
  const member = await talk.enter('a', { protocols, syncs: false })
  talk.note('state', 'Completing')
  await deleteOffsets(talk, { [topic]: [0, 7], [`${topic}-2`]: [0], nope: [0] })
  await talk.sync(member)
  talk.note('state', 'Stable')
  await deleteOffsets(talk, { [topic]: [0, 7], [`${topic}-2`]: [0], nope: [0] })
  await talk.offsets(null)
  await talk.commit(
    'a',
    { [`${topic}-2-1`]: 2 },
    {
      memberId: member.memberId,
      generationIdOrMemberEpoch: member.generationId,
    },
  )
  const parked = await talk.joining('b', { v: 3, protocols })
  talk.note('state', 'Preparing')
  await deleteOffsets(talk, { [topic]: [0, 7], [`${topic}-2`]: [0, 1], nope: [0] })
  await talk.offsets(null)
  await talk.leave('a', [member])
  await parked.answer()
  const groupId = `${talk.groupId} connect`
  await talk.commit('w', { [`${topic}-0`]: 1 }, { groupId })
  await talk.enter('w', { groupId, protocolType: 'connect', syncs: false })
  await deleteOffsets(talk, { [topic]: [0], nope: [0] }, groupId)
  // A consumer that speaks in a way of its own.
  const odd = `${talk.groupId} odd`
  await talk.commit('o', { [`${topic}-0`]: 1 }, { groupId: odd })
  const other = await talk.enter('o', { groupId: odd, syncs: false })
  await talk.sync(other, { groupId: odd })
  await deleteOffsets(talk, { [topic]: [0], nope: [0] }, odd)
}
