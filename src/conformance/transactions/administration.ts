/** Groups, offsets and lists, while transactions are open. */
import { DELETE_GROUPS, DELETE_OFFSETS } from '../groups/group-talk.ts'
import { setByPrefix } from '../groups/records.ts'
import {
  conversation,
  LIST_TRANSACTIONS,
  type Producer,
  type TransactionConversation,
  type TransactionTalk,
} from './transaction-talk.ts'

export const ADMINISTRATION: readonly TransactionConversation[] = [
  conversation('a group is deleted while offsets are staged', groupDeleted),
  conversation('offsets are deleted while others are staged', offsetsDeleted),
  conversation('offsets staged by two producers', twoStage),
  conversation('a member stages in each state of its group', eachState),
  conversation('a member that only stages offsets', onlyStages),
  conversation('records of staged offsets', records),
  conversation('transactions as listed', listed),
  conversation('a producer asks for its next epoch', nextEpoch),
  conversation('a produce by topic id', byTopicId),
]

async function staging(talk: TransactionTalk, offsets: Record<string, number>): Promise<Producer> {
  const producer = await talk.begin('a', 1)
  await talk.addOffsets(producer)
  await talk.stage(producer, offsets)
  return producer
}

async function groupDeleted(talk: TransactionTalk): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  await talk.commit('b', { [second]: 1 })
  const producer = await staging(talk, { [first]: 5 })
  await talk.call('admin', DELETE_GROUPS, 2, { groupsNames: [talk.groupId] })
  await talk.describe()
  await talk.offsets([first, second], { requireStable: true })
  await talk.commits(producer)
  await talk.offsets([first, second], { requireStable: true })
  await talk.describe()
}

async function offsetsDeleted(talk: TransactionTalk): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  await talk.commit('b', { [first]: 1 })
  const producer = await staging(talk, { [first]: 5, [second]: 6 })
  const partitions = [{ partitionIndex: 0 }]
  await talk.call('admin', DELETE_OFFSETS, 0, {
    groupId: talk.groupId,
    topics: [{ name: talk.id, partitions }],
  })
  await talk.offsets([first, second])
  await talk.offsets([first, second], { requireStable: true })
  await talk.commits(producer)
  await talk.offsets([first, second], { requireStable: true })
}

async function twoStage(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const a = await staging(talk, { [first]: 5 })
  const b = await talk.begin('b', 1, { transactionalId: `${talk.id}-b` })
  await talk.addOffsets(b)
  await talk.stage(b, { [first]: 6 })
  await talk.commits(b)
  await talk.offsets([first])
  await talk.offsets([first], { requireStable: true })
  await talk.commits(a)
  await talk.offsets([first], { requireStable: true })
}

async function eachState(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('p', 1)
  await talk.addOffsets(producer)
  const member = await talk.enter('a', { syncs: false })
  const { memberId, generationId } = member
  const identity = { memberId, generationIdOrMemberEpoch: generationId }
  await talk.stage(producer, { [first]: 1 }, identity)
  await talk.sync(member, { to: { [memberId]: 'mine' } })
  await talk.stage(producer, { [first]: 2 }, identity)
  const parked = await talk.joining('b', { v: 3 })
  await talk.stage(producer, { [first]: 3 }, identity)
  await talk.stage(producer, { [first]: 4 })
  await talk.heartbeat(member)
  await talk.leave('a', [{ memberId }])
  await talk.stage(producer, { [first]: 5 }, identity)
  await parked.answer()
  await talk.commits(producer)
  await talk.offsets([first])
}

async function onlyStages(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('p', 1)
  await talk.addOffsets(producer)
  const member = await talk.enter('a', { sessionTimeoutMs: 1_000 })
  const { memberId, generationId } = member
  const identity = { memberId, generationIdOrMemberEpoch: generationId }
  await talk.wait(600)
  await talk.stage(producer, { [first]: 1 }, identity)
  await talk.wait(800)
  await talk.stage(producer, { [first]: 2 }, identity)
  await talk.heartbeat(member)
}

async function records(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await staging(talk, { [first]: 5 })
  await talk.commits(producer)
  await setByPrefix(talk)
}

async function listed(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const a = await talk.begin('a', 1, { transactionalId: `${talk.id}-a` })
  const b = await talk.begin('b', 2, { transactionalId: `${talk.id}-b` })
  await talk.begin('c', 2, { transactionalId: `${talk.id}-c` })
  await talk.add(a, [first])
  await talk.produce(b, first, ['b'])
  await talk.commits(b)
  const producerIdFilters = [a.producerId, b.producerId]
  for (const stateFilters of [[], ['Ongoing'], ['CompleteCommit', 'Ongoing'], ['Nonsense', 'Ongoing']]) {
    await talk.call('admin', LIST_TRANSACTIONS, 1, { stateFilters, producerIdFilters })
  }
  await talk.wait(100)
  for (const durationFilter of [0n, 50n, 100_000n]) {
    await talk.call('admin', LIST_TRANSACTIONS, 1, { stateFilters: [], producerIdFilters, durationFilter })
  }
  for (const transactionalIdPattern of ['.*-a', 'a', '', '[', `${talk.id}-[bc]`]) {
    await talk.call('admin', LIST_TRANSACTIONS, 2, {
      stateFilters: [],
      producerIdFilters,
      transactionalIdPattern,
    })
  }
  await talk.describeTransactions([`${talk.id}-a`, `${talk.id}-b`, `${talk.id}-c`, 'nobody'])
}

async function nextEpoch(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  const { producerId, producerEpoch } = producer
  await talk.init('a', { v: 4, producerId, producerEpoch })
  await talk.completed()
  const bumped = await talk.init('a', { v: 4, producerId, producerEpoch })
  await talk.init('a', { v: 4, producerId, producerEpoch })
  await talk.init('a', { v: 4, producerId, producerEpoch: producerEpoch - 1 })
  await talk.init('a', { v: 4, producerId, producerEpoch: bumped.producerEpoch + 5 })
  await talk.init('a', { v: 4, producerId: producerId + 1_000_000n, producerEpoch })
  await talk.init('a', { v: 4, producerId, producerEpoch: -1 })
  await talk.init('a', { v: 4, producerId: -1n, producerEpoch: 3 })
  await talk.init('a', { v: 3, producerId, producerEpoch: producerEpoch - 1 })
  await talk.see(first)
}

async function byTopicId(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 2)
  await talk.produce(producer, first, ['a'], { v: 13 })
  await talk.commits(producer)
  await talk.see(first)
}
