/** Offsets that groups commit, fetch and delete. */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { CONVERSATIONS } from '../groups/conversations.ts'
import { COMMIT, DELETE_OFFSETS, GroupTalk, OFFSETS } from '../groups/group-talk.ts'
import { type Case, casesWith, type Heading } from '../kit/case.ts'
import { conversationNamed } from './conversation-named.ts'

const scripted = casesWith((side, id) => new GroupTalk(side, id))

/** The name of a conversation, the sentence, its source, and what else there is to say. */
type Row = readonly [string, string, string, Partial<Heading>?]

const RECORDED_BEFORE: readonly Row[] = [
  ...[2, 3, 4, 5, 6, 7, 8, 9].map(
    v =>
      [
        `a consumer without a group commits, v${v}`,
        `Offsets that a lone consumer commits are fetched in every version (v${v})`,
        'T138',
      ] as const,
  ),
  ['offsets by topic id', 'Offsets are committed and fetched by topic id', 'T142'],
  [
    'commits of what does not exist',
    'Commits for partitions that do not exist are refused one by one',
    'T134',
  ],
  [
    'commits with odd values',
    'OffsetCommit takes negative offsets, repeats, and 4096 characters of metadata',
    'T137',
  ],
  [
    'commits to a group that does not exist',
    'Only who claims no generation may commit to a group that does not exist',
    'T136',
  ],
  ['commits in each state', 'Who may commit, in each state of the group', 'T135'],
  ['commits by the wrong member', 'A static member commits under its own instance only', 'T132'],
  ['the order of errors', 'OffsetCommit tells unknown topics first, then the wrong member', 'T134'],
  [
    'offsets that nobody committed',
    'OffsetFetch answers each partition that nobody committed with -1',
    'T140',
  ],
  ['offsets of several groups', 'OffsetFetch takes several groups', 'T141'],
  ['offsets fetched by a member', 'OffsetFetch by a member checks it in consumer groups only', 'KIP-848'],
  ['deleting offsets', 'OffsetDelete takes what there is', 'T047'],
  [
    'deleting offsets of a live group',
    'OffsetDelete leaves what a live group subscribes to',
    'T047',
    // The subscriptions have the name of the topic in them.
    { varies: ['metadata'] },
  ],
]

const COMMIT_VERSIONS = [2, 3, 4, 5, 6, 7, 8, 9]
const FETCH_VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9]

export const OFFSET_CASES: readonly Case[] = [
  ...RECORDED_BEFORE.map(([script, name, source, more]) =>
    scripted(
      { area: 'offsets', name, source, limitMs: 30_000, ...more },
      conversationNamed(CONVERSATIONS, script).hold,
    ),
  ),
  ...COMMIT_VERSIONS.map(v =>
    scripted(
      { area: 'offsets', name: `A member commits for its generation only (v${v})`, source: 'T135' },
      talk => byGeneration(talk, v),
    ),
  ),
  ...FETCH_VERSIONS.map(v =>
    scripted(
      {
        area: 'offsets',
        name: `Metadata and leader epoch come back with the offset (v${v})`,
        source: 'T138',
      },
      talk => roundTrip(talk, v),
    ),
  ),
  ...FETCH_VERSIONS.map(v =>
    scripted(
      {
        area: 'offsets',
        name: `OffsetFetch of a group that nobody knows is no error (v${v})`,
        source: 'T141',
      },
      talk => unknownGroup(talk, v),
    ),
  ),
  ...COMMIT_VERSIONS.map(v =>
    scripted(
      {
        area: 'offsets',
        name: `Metadata beyond its limit is OFFSET_METADATA_TOO_LARGE (v${v})`,
        source: 'T134',
      },
      talk => tooMuch(talk, v),
    ),
  ),
  scripted(
    { area: 'offsets', name: 'OffsetFetch of all topics leaves out what was deleted', source: 'T028' },
    deletedOffsets,
  ),
  scripted(
    { area: 'offsets', name: 'A group is there as long as it has offsets', source: 'T136' },
    simpleGroup,
  ),
  scripted(
    {
      area: 'offsets',
      name: 'OffsetFetch names each partition once, however often it was asked for',
      source: 'T141',
    },
    askedTwice,
  ),
  scripted(
    { area: 'offsets', name: 'OffsetCommit by the id of a topic that is not there', source: 'T142' },
    unknownTopicId,
  ),
]

async function topicOf(talk: GroupTalk, partitions = 2): Promise<string> {
  const name = talk.groupId.replace(/\W/g, '-')
  await talk.createTopic(name, partitions)
  return name
}

async function byGeneration(talk: GroupTalk, v: number): Promise<void> {
  const topic = await topicOf(talk)
  const { memberId, generationId } = await talk.enter('a')
  const offsets = { [`${topic}-0`]: 1 }
  for (const generation of [generationId, generationId + 1, generationId - 1, -1]) {
    await talk.commit('a', offsets, { v, memberId, generationIdOrMemberEpoch: generation })
  }
  await talk.commit('a', offsets, { v, memberId: 'nobody', generationIdOrMemberEpoch: generationId })
  await talk.commit('a', offsets, { v })
  await talk.offsets([`${topic}-0`])
}

async function roundTrip(talk: GroupTalk, v: number): Promise<void> {
  const topic = await topicOf(talk)
  await talk.commit('a', { [`${topic}-0`]: 41 }, { metadata: 'as it was' })
  await talk.commit('a', { [`${topic}-1`]: 42 }, { metadata: null })
  await talk.offsets([`${topic}-0`, `${topic}-1`], { v })
  if (v >= 2) await talk.offsets(null, { v })
  await talk.commit('a', { [`${topic}-0`]: 7 }, { metadata: '' })
  await talk.offsets([`${topic}-0`], { v })
}

async function unknownGroup(talk: GroupTalk, v: number): Promise<void> {
  const topic = await topicOf(talk)
  await talk.offsets([`${topic}-0`, `${topic}-9`, `${topic}-none-0`], { v })
  if (v >= 2) await talk.offsets(null, { v })
  await talk.offsets([], { v })
}

async function tooMuch(talk: GroupTalk, v: number): Promise<void> {
  const topic = await topicOf(talk)
  await talk.commit('a', { [`${topic}-0`]: 1 }, { v, metadata: 'x'.repeat(5_000) })
  await talk.commit('a', { [`${topic}-0`]: 1, [`${topic}-1`]: 2 }, { v, metadata: 'x' })
  await talk.offsets([`${topic}-0`, `${topic}-1`])
}

async function deletedOffsets(talk: GroupTalk): Promise<void> {
  const topic = await topicOf(talk)
  await talk.commit('a', { [`${topic}-0`]: 1, [`${topic}-1`]: 2 })
  await talk.call('a', DELETE_OFFSETS, 0, {
    groupId: talk.groupId,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
  })
  await talk.offsets(null)
  await talk.offsets([`${topic}-0`, `${topic}-1`])
}

async function simpleGroup(talk: GroupTalk): Promise<void> {
  const topic = await topicOf(talk)
  await talk.describe()
  await talk.commit('a', { [`${topic}-0`]: 1 })
  await talk.describe()
  await talk.call('a', DELETE_OFFSETS, 0, {
    groupId: talk.groupId,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
  })
  await talk.describe()
}

async function askedTwice(talk: GroupTalk): Promise<void> {
  const topic = await topicOf(talk)
  await talk.commit('a', { [`${topic}-0`]: 1 })
  for (const v of [5, 9]) await talk.offsets([`${topic}-0`, `${topic}-0`, `${topic}-1`], { v })
}

async function unknownTopicId(talk: GroupTalk): Promise<void> {
  const topic = talk.groupId.replace(/\W/g, '-')
  const topicId = await talk.createTopic(topic)
  const partitions = [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: 'm' }]
  for (const id of [topicId, ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAABQ']) {
    await talk.call('a', COMMIT, 10, {
      groupId: talk.groupId,
      memberId: '',
      topics: [{ name: '', topicId: id, partitions }],
    })
  }
  const topics = [topicId, ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAABQ'].map(id => ({
    name: '',
    topicId: id,
    partitionIndexes: [0],
  }))
  await talk.call('a', OFFSETS, 10, {
    groupId: '',
    topics: [],
    groups: [{ groupId: talk.groupId, memberId: null, memberEpoch: -1, topics }],
    requireStable: false,
  })
}
