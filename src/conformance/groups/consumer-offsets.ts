/** Offsets of consumer groups: committed and asked for by members at their epochs, and by others. */
import {
  type Consumer,
  type ConsumerConversation,
  type ConsumerScript,
  consumerConversation,
} from './consumer-talk.ts'
import { COMMIT, OFFSETS } from './group-talk.ts'

const conversation = consumerConversation

export const CONSUMER_OFFSETS: readonly ConsumerConversation[] = [
  ...[2, 5, 7, 8, 9].map(v => conversation(`committing by epoch, v${v}`, script => committing(script, v))),
  conversation('committing with topic ids', committingById),
  ...[7, 8, 9].map(v => conversation(`asking for offsets by epoch, v${v}`, script => asking(script, v))),
  conversation('asking for offsets with topic ids', askingById),
  conversation('committing after the epoch has moved on', movedOn),
  conversation('offsets of a static consumer', ofStatic),
  conversation('offsets from outside of a consumer group', fromOutside),
]

const by = ({ memberId, memberEpoch }: Consumer) => ({ memberId, generationIdOrMemberEpoch: memberEpoch })

async function committing(script: ConsumerScript, v: number): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  const { memberEpoch } = a!
  const commit = (offset: number, body: object = {}) =>
    talk.commit('a', { [`${topic}-0`]: offset }, { v, ...by(a!), ...body })
  await commit(1)
  await commit(2, { generationIdOrMemberEpoch: memberEpoch - 1 })
  await commit(3, { generationIdOrMemberEpoch: memberEpoch + 1 })
  await commit(4, { generationIdOrMemberEpoch: -1 })
  await commit(5, { generationIdOrMemberEpoch: 0 })
  await commit(6, { memberId: 'x' })
  await commit(7, { memberId: '' })
  await commit(8, { memberId: '', generationIdOrMemberEpoch: -1 })
  await commit(9, { groupId: `${talk.groupId} of nobody` })
  await commit(10, { groupId: '' })
  await talk.offsets(null)
  await a!.leave()
  await commit(11)
  await commit(12, { memberId: '', generationIdOrMemberEpoch: -1 })
  await talk.offsets(null)
}

async function committingById(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  const commit = (topicId: string, partitionIndex: number) =>
    talk.call('a', COMMIT, 10, {
      groupId: talk.groupId,
      groupInstanceId: null,
      ...by(a!),
      topics: [
        { name: '', topicId, partitions: [{ partitionIndex, committedOffset: 3n, committedMetadata: 'm' }] },
      ],
    })
  const { topicId } = script.partitions([`${topic}-0`])[0]!
  await commit(topicId, 0)
  await commit(topicId, 7)
  await commit('AAAAAAAAAAAAAAAAAAAAAA', 0)
  await commit('AAAAAAAAAAAAAAAAAAAAAQ', 0)
  await talk.offsets(null)
}

async function asking(script: ConsumerScript, v: number): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  const { memberId, memberEpoch } = a!
  await talk.commit('a', { [`${topic}-0`]: 1 }, by(a!))
  await talk.offsets([`${topic}-0`, `${topic}-1`], { v, memberId, memberEpoch })
  await talk.offsets(null, { v, memberId, memberEpoch })
  if (v < 9) return
  await talk.offsets([`${topic}-0`], { v, memberId, memberEpoch: memberEpoch - 1 })
  await talk.offsets([`${topic}-0`], { v, memberId, memberEpoch: memberEpoch + 1 })
  await talk.offsets([`${topic}-0`], { v, memberId, memberEpoch: -1 })
  await talk.offsets([`${topic}-0`], { v, memberId: 'x', memberEpoch })
  await talk.offsets([`${topic}-0`], { v, memberId: '', memberEpoch: -1 })
  await talk.offsets([`${topic}-0`], { v, memberId: null, memberEpoch })
  await talk.offsets([`${topic}-0`], { v, memberId: null, memberEpoch: -1 })
  await talk.offsets([`${topic}-0`], { v, memberId, memberEpoch, groupId: `${talk.groupId} of nobody` })
}

async function askingById(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  const { memberId, memberEpoch } = a!
  await talk.commit('a', { [`${topic}-0`]: 1 }, by(a!))
  const { topicId } = script.partitions([`${topic}-0`])[0]!
  const ask = (topics: { name: string; topicId: string; partitionIndexes: number[] }[] | null) =>
    talk.call('a', OFFSETS, 10, {
      groupId: '',
      topics: null,
      groups: [{ groupId: talk.groupId, memberId, memberEpoch, topics }],
      requireStable: true,
    })
  await ask([{ name: '', topicId, partitionIndexes: [0, 1, 7] }])
  await ask([{ name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionIndexes: [0] }])
  await ask(null)
}

/** A member may commit what it has had since before its epoch moved on (KIP-1251). */
async function movedOn(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const [a] = await script.settled([topic], 'a')
  const before = by(a!)
  const b = script.member('b')
  await b.join([topic])
  await a!.beat()
  await a!.owns()
  await b.beat()
  await b.owns()
  await a!.beat()
  const partitions = [0, 1].map(index => `${topic}-${index}`)
  for (const [offset, partition] of partitions.entries())
    await talk.commit('a', { [partition]: offset }, before)
  await talk.commit('a', Object.fromEntries(partitions.map(each => [each, 5])), by(a!))
  const early = { ...by(b), generationIdOrMemberEpoch: b.memberEpoch - 1 }
  for (const partition of partitions) await talk.commit('b', { [partition]: 6 }, early)
  await talk.offsets(null)
  await talk.offsets([...partitions], { memberId: 'a', memberEpoch: before.generationIdOrMemberEpoch })
}

async function ofStatic(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  const a = script.member('a', { instanceId: 'i', memberId: 'a1' })
  await a.join([topic])
  await a.owns()
  await talk.commit('a', { [`${topic}-0`]: 1 }, { ...by(a), groupInstanceId: 'i' })
  await talk.commit('a', { [`${topic}-0`]: 2 }, { ...by(a), groupInstanceId: 'j' })
  await talk.commit('a', { [`${topic}-0`]: 3 }, by(a))
  await a.leave(-2)
  await talk.commit('a', { [`${topic}-0`]: 4 }, { ...by(a), groupInstanceId: 'i' })
  await talk.commit('a', { [`${topic}-0`]: 5 }, { ...by(a), generationIdOrMemberEpoch: -2 })
  const again = script.member('a', { instanceId: 'i', memberId: 'a2' })
  await again.join([topic])
  await talk.commit('a', { [`${topic}-0`]: 6 }, { ...by(a), groupInstanceId: 'i' })
  await talk.commit('a', { [`${topic}-0`]: 7 }, { ...by(again), groupInstanceId: 'i' })
  await talk.offsets(null)
}

async function fromOutside(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const { talk } = script
  await talk.commit('admin', { [`${topic}-0`]: 1 })
  await script.describe()
  const [a] = await script.settled([topic], 'a')
  await talk.offsets(null)
  await talk.commit('admin', { [`${topic}-0`]: 2 })
  await talk.commit('admin', { [`${topic}-1`]: 2 }, { memberId: 'a' })
  await a!.leave()
  await talk.commit('admin', { [`${topic}-0`]: 3 })
  await talk.commit('admin', { [`${topic}-0`]: 4 }, { memberId: 'x', generationIdOrMemberEpoch: 3 })
  await talk.offsets(null)
}
