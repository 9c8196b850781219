/** What must not work, and what becomes of it. */
import { DELETE_TOPICS } from '../groups/group-talk.ts'
import {
  conversation,
  type Producer,
  type TransactionConversation,
  type TransactionTalk,
  type TransactionVersion,
} from './transaction-talk.ts'

type Script = (talk: TransactionTalk, version: TransactionVersion) => Promise<void>

const SCRIPTS: readonly (readonly [string, Script])[] = [
  ['a zombie after a new InitProducerId', zombie],
  ['a zombie of an open transaction', zombieOfOpen],
  ['a zombie stages offsets', zombieStages],
  ['a produce outside the transaction', outside],
  ['a produce to a partition that was not added', notAdded],
  ['a produce before anything was added', nothingAdded],
  ['a produce without transactional id', withoutId],
  ['a produce with the transactional id of another', idOfAnother],
  ['a plain record of a producer with an open transaction', plainInside],
  ['a batch of the future', future],
  ['a first batch that is not the first', notFirst],
  ['EndTxn twice with the same verdict', sameVerdict],
  ['EndTxn twice with the opposite verdict', oppositeVerdict],
  ['EndTxn of a stale epoch', staleEnd],
  ['EndTxn of an epoch that is yet to come', futureEnd],
  ['EndTxn of an unknown id', unknownEnd],
  ['offsets of a stale generation', staleGeneration],
  ['offsets of an unknown member', unknownMember],
  ['offsets of a fenced instance', fencedInstance],
  ['offsets without AddOffsetsToTxn', notAddedOffsets],
  ['offsets of a group that does not exist', unknownGroup],
  ['offsets for what does not exist', missingPartitions],
  ['offsets with too much metadata', tooMuchMetadata],
  ['offsets without a group id', noGroupId],
  ['a topic deleted in the middle', topicDeleted],
  ['a time-out', timedOut],
  ['a late write after an abort', lateWrite],
]

export const BAD_INPUT: readonly TransactionConversation[] = [
  ...SCRIPTS.flatMap(([name, script]) =>
    ([1, 2] as const).map(version =>
      conversation(`${name}, version ${version}`, talk => script(talk, version)),
    ),
  ),
  conversation('time-outs that are not allowed', timeouts),
  conversation('AddPartitionsToTxn of what does not exist', addMissing),
  conversation('AddPartitionsToTxn by whom nobody knows', addUnknown),
  conversation('old versions of what is not allowed', oldVersions),
]

/** A transaction that is open in the first of two partitions. */
async function opened(
  talk: TransactionTalk,
  version: TransactionVersion,
): Promise<{ producer: Producer; first: string; second: string }> {
  await talk.topic()
  return again(talk, version)
}

async function zombie(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  await talk.commits(producer)
  const next = await talk.begin('b', version)
  await talk.produce(producer, first, ['zombie'])
  await talk.produce(producer, second, ['zombie'])
  if (version === 1) await talk.add(producer, [first])
  if (version === 1) await talk.addOffsets(producer)
  await talk.end(producer, true)
  if (version === 1) await talk.add(next, [first])
  await talk.produce(next, first, ['b'])
  await talk.produce(producer, first, ['zombie'])
  await talk.commits(next)
  await talk.see(first)
  await talk.see(second)
}

async function zombieOfOpen(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  await talk.init('b', { v: version === 1 ? 4 : 5 })
  await talk.completed()
  const next = await talk.begin('b', version)
  await talk.produce(producer, first, ['zombie'])
  await talk.end(producer, true)
  await talk.see(first)
  if (version === 1) await talk.add(next, [first])
  await talk.produce(next, first, ['b'])
  await talk.commits(next)
  await talk.see(first)
  await talk.describeProducers([first])
}

async function zombieStages(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 1 })
  await talk.init('b', { v: version === 1 ? 4 : 5 })
  await talk.completed()
  await talk.begin('b', version)
  await talk.stage(producer, { [first]: 2 })
  await talk.offsets([first], { requireStable: true })
}

async function outside(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  await talk.commits(producer)
  const old = { ...producer, sequences: new Map(producer.sequences) }
  if (version === 2) old.producerEpoch -= 1
  await talk.produce(old, first, ['late'], { sequence: 1 })
  await talk.see(first)
}

async function notAdded(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  for (const v of version === 1 ? [9, 10, 11] : [12]) await talk.produce(producer, second, ['b'], { v })
  await talk.commits(producer)
  await talk.see(first)
  await talk.see(second)
}

async function nothingAdded(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  for (const v of version === 1 ? [9, 10, 11] : [12]) await talk.produce(producer, first, ['a'], { v })
  await talk.see(first)
  await talk.describeTransactions()
}

async function withoutId(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  await talk.produce(producer, first, ['b'], { transactionalId: null })
  await talk.commits(producer)
  await talk.see(first)
}

async function idOfAnother(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  const other = await talk.begin('b', version, { transactionalId: `${talk.id}-b` })
  await talk.produce(producer, first, ['b'], { transactionalId: other.transactionalId })
  await talk.produce(producer, second, ['c'], { transactionalId: other.transactionalId })
  await talk.produce(producer, second, ['d'], { transactionalId: 'nobody' })
  await talk.commits(producer)
  await talk.see(first)
  await talk.see(second)
}

async function plainInside(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  await talk.produce(producer, first, ['plain'], { isTransactional: false })
  await talk.produce(producer, first, ['plain'], { isTransactional: false, transactionalId: null })
  await talk.commits(producer)
  await talk.see(first)
}

async function future(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  const producerEpoch = producer.producerEpoch + 1
  await talk.produce(producer, first, ['b'], { producerEpoch, sequence: 0 })
  await talk.produce(producer, second, ['c'], { producerEpoch, sequence: 0 })
  await talk.commits(producer)
  await talk.see(first)
  await talk.see(second)
}

async function notFirst(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  if (version === 1) await talk.add(producer, [second])
  await talk.produce(producer, second, ['b'], { sequence: 3 })
  await talk.produce(producer, second, ['c'], { sequence: 0 })
  await talk.commits(producer)
  await talk.see(first)
  await talk.see(second)
}

async function sameVerdict(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  await talk.topic()
  for (const isCommit of [true, false]) {
    const { producer, first } = await again(talk, version)
    const asked = { producerId: producer.producerId, producerEpoch: producer.producerEpoch }
    await talk.end(producer, isCommit)
    await talk.end(producer, isCommit, asked)
    await talk.see(first)
  }
}

/** The topic is there already. */
async function again(talk: TransactionTalk, version: TransactionVersion) {
  const first = `${talk.id}-0`
  const second = `${talk.id}-1`
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  return { producer, first, second }
}

async function oppositeVerdict(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  const asked = { producerId: producer.producerId, producerEpoch: producer.producerEpoch }
  await talk.end(producer, true)
  await talk.end(producer, false, asked)
  await talk.see(first)
  await talk.describeTransactions()
  const next = await again(talk, version)
  const askedNext = { producerId: next.producer.producerId, producerEpoch: next.producer.producerEpoch }
  await talk.end(next.producer, false)
  await talk.end(next.producer, true, askedNext)
  await talk.see(first)
  await talk.describeTransactions()
}

async function staleEnd(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer } = await opened(talk, version)
  await talk.commits(producer)
  const { producer: next, first } = await again(talk, version)
  const producerEpoch = next.producerEpoch - 1
  await talk.end(next, true, { producerEpoch })
  await talk.end(next, false, { producerEpoch: producerEpoch - 1 })
  await talk.see(first)
  await talk.commits(next)
  await talk.see(first)
}

async function futureEnd(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  const { producerEpoch } = producer
  await talk.end(producer, true, { producerEpoch: producerEpoch + 1 })
  await talk.end(producer, true, { producerId: producer.producerId + 1_000_000n })
  await talk.end(producer, true, { producerEpoch })
  await talk.see(first)
}

async function unknownEnd(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const producer = await talk.begin('a', version)
  await talk.end(producer, true, { transactionalId: 'nobody' })
  await talk.end(producer, true, { transactionalId: '' })
  await talk.describeTransactions(['nobody', ''])
}

async function staleGeneration(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  const member = await talk.enter('m')
  const { memberId, generationId } = member
  if (version === 1) await talk.addOffsets(producer)
  for (const generation of [generationId, generationId - 1, generationId + 1, -1]) {
    await talk.stage(
      producer,
      { [first]: 10 + generation },
      { memberId, generationIdOrMemberEpoch: generation },
    )
  }
  await talk.stage(producer, { [first]: 7 })
  await talk.commits(producer)
  await talk.offsets([first])
}

async function unknownMember(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  const { generationId } = await talk.enter('m')
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(
    producer,
    { [first]: 1 },
    { memberId: 'stranger', generationIdOrMemberEpoch: generationId },
  )
  await talk.stage(producer, { [first]: 2 }, { memberId: '', generationIdOrMemberEpoch: generationId })
  await talk.stage(producer, { [first]: 3 }, { memberId: 'stranger' })
  await talk.commits(producer)
  await talk.offsets([first])
}

async function fencedInstance(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  const { memberId, generationId } = await talk.enter('m', { groupInstanceId: 'i' })
  if (version === 1) await talk.addOffsets(producer)
  const generation = { generationIdOrMemberEpoch: generationId }
  await talk.stage(producer, { [first]: 1 }, { memberId, groupInstanceId: 'i', ...generation })
  await talk.stage(producer, { [first]: 2 }, { memberId: 'other', groupInstanceId: 'i', ...generation })
  await talk.stage(producer, { [first]: 3 }, { memberId, groupInstanceId: 'j', ...generation })
  await talk.commits(producer)
  await talk.offsets([first])
}

async function notAddedOffsets(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  for (const v of version === 1 ? [0, 1, 2, 3, 4] : [5]) await talk.stage(producer, { [first]: 1 }, { v })
  await talk.offsets([first], { requireStable: true })
  await talk.commits(producer)
  await talk.offsets([first], { requireStable: true })
}

async function unknownGroup(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 1 }, { memberId: 'm', generationIdOrMemberEpoch: 3 })
  await talk.describe()
  await talk.stage(producer, { [first]: 2 })
  await talk.describe()
  await talk.aborts(producer)
  await talk.describe()
  await talk.offsets(null)
}

async function missingPartitions(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 1, [`${talk.id}-9`]: 2, 'no-such-topic-0': 3 })
  await talk.stage(producer, { 'no-such-topic-0': 3 })
  await talk.commits(producer)
  await talk.offsets(null)
}

async function tooMuchMetadata(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 1, [second]: 2 }, { metadata: 'x'.repeat(4_097) })
  await talk.stage(producer, { [first]: 1, [second]: 2 }, { metadata: 'x'.repeat(10) })
  await talk.commits(producer)
  await talk.offsets(null)
}

async function noGroupId(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  await talk.addOffsets(producer, '')
  await talk.stage(producer, { [first]: 1 }, { groupId: '' })
  await talk.aborts(producer)
}

async function topicDeleted(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first } = await opened(talk, version)
  const [doomed] = (await talk.topic(1, '-doomed')) as [string]
  if (version === 1) await talk.add(producer, [doomed])
  await talk.produce(producer, doomed, ['b'])
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [doomed]: 1, [first]: 2 })
  const topicNames = [`${talk.id}-doomed`]
  await talk.call('admin', DELETE_TOPICS, 5, { topics: [], topicNames, timeoutMs: 5_000 })
  await talk.wait(300)
  await talk.produce(producer, doomed, ['c'])
  await talk.produce(producer, first, ['d'])
  await talk.commits(producer)
  await talk.wait(300)
  await talk.see(first)
  await talk.offsets(null)
  await talk.describeTransactions()
}

async function timedOut(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version, { timeoutMs: 600 })
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  await talk.wait(300)
  await talk.see(first)
  await talk.wait(1_200)
  await talk.see(first)
  await talk.describeTransactions()
  await talk.produce(producer, first, ['b'])
  await talk.end(producer, true)
  await talk.see(first)
  const next = await talk.begin('a', version)
  if (version === 1) await talk.add(next, [first])
  await talk.produce(next, first, ['c'])
  await talk.commits(next)
  await talk.see(first)
}

/** The write of a transaction that was aborted meanwhile, of the same epoch where there is one. */
async function lateWrite(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, first, second } = await opened(talk, version)
  const { producerEpoch } = producer
  if (version === 1) await talk.add(producer, [second])
  await talk.aborts(producer)
  await talk.produce(producer, second, ['late'], { producerEpoch, sequence: 0 })
  await talk.produce(producer, first, ['late'], { producerEpoch, sequence: 1 })
  await talk.see(first)
  await talk.see(second)
}

async function timeouts(talk: TransactionTalk): Promise<void> {
  for (const timeoutMs of [0, -1, 900_001, 2_147_483_647, 900_000, 1]) {
    for (const v of [0, 4, 5]) await talk.init('a', { v, timeoutMs, transactionalId: `${talk.id}-${v}` })
  }
  await talk.init('a', { transactionalId: '' })
  await talk.init('a', { transactionalId: null, timeoutMs: -5 })
}

async function addMissing(talk: TransactionTalk): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first, `${talk.id}-9`])
  await talk.add(producer, ['no-such-topic-0', second])
  await talk.describeTransactions()
  await talk.add(producer, [first])
  await talk.add(producer, [first, second])
  await talk.describeTransactions()
  await talk.add(producer, [])
  await talk.aborts(producer)
  await talk.see(first)
}

async function addUnknown(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  for (const v of [0, 1, 2, 3]) {
    await talk.add(producer, [first], { v, transactionalId: 'nobody' })
    await talk.add(producer, [first], { v, transactionalId: '' })
    await talk.add(producer, [first], { v, producerId: producer.producerId + 1_000_000n })
    await talk.add(producer, [first], { v, producerEpoch: producer.producerEpoch + 1 })
    await talk.add(producer, [first], { v, producerEpoch: producer.producerEpoch - 1 })
    await talk.addOffsets(producer, talk.groupId, { v, producerEpoch: producer.producerEpoch - 1 })
    await talk.addOffsets(producer, talk.groupId, { v, transactionalId: 'nobody' })
  }
}

async function oldVersions(talk: TransactionTalk): Promise<void> {
  const { producer, first } = await opened(talk, 1)
  const staleEpoch = { producerEpoch: producer.producerEpoch - 1 }
  for (const v of [0, 1, 2, 3, 4]) await talk.end(producer, true, { v, ...staleEpoch })
  for (const v of [3, 4, 5, 6, 7, 8]) await talk.produce(producer, first, [`v${v}`], { v })
  for (const v of [3, 7]) await talk.produce(producer, `${talk.id}-1`, [`v${v}`], { v })
  await talk.end(producer, true, { v: 0 })
  await talk.see(first)
}
