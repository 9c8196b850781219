/** What goes well, said by clients of either version of transactions. */
import {
  conversation,
  type TransactionConversation,
  type TransactionTalk,
  type TransactionVersion,
} from './transaction-talk.ts'

type Script = (talk: TransactionTalk, version: TransactionVersion) => Promise<void>

const SCRIPTS: readonly (readonly [string, Script])[] = [
  ['a commit', commit],
  ['an abort', abort],
  ['an abort between two commits', abortBetween],
  ['several batches in one partition', severalBatches],
  ['one transaction after the other', oneAfterTheOther],
  ['records outside of transactions around one', plainAround],
  ['two producers in turns', twoProducers],
  ['an open transaction', open],
  ['aborted ranges', abortedRanges],
  ['a reader in the middle of aborted ranges', middle],
  ['aborted records above what is stable', aboveStable],
  ['offsets that are committed', offsetsCommitted],
  ['offsets that are aborted', offsetsAborted],
  ['offsets alone', offsetsAlone],
  ['offsets of two groups', twoGroups],
  ['offsets staged twice', stagedTwice],
  ['offsets staged and committed in between', stagedAndCommitted],
  ['a successor of a producer that has ended', successor],
  ['a transaction over two topics', twoTopics],
  ['producers as described', described],
  ['a duplicate in a transaction', duplicate],
  ['an abort of nothing', abortOfNothing],
  ['a commit of nothing', commitOfNothing],
]

export const BOTH_VERSIONS: readonly TransactionConversation[] = SCRIPTS.flatMap(([name, script]) =>
  ([1, 2] as const).map(version =>
    conversation(`${name}, version ${version}`, talk => script(talk, version)),
  ),
)

async function commit(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first, second])
  await talk.produce(producer, first, ['a', 'b'])
  await talk.produce(producer, second, ['c'])
  await talk.describeTransactions()
  await talk.commits(producer)
  await talk.see(first)
  await talk.see(second)
  await talk.describeTransactions()
}

async function abort(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first, second])
  await talk.produce(producer, first, ['a', 'b'])
  await talk.produce(producer, second, ['c'])
  await talk.aborts(producer)
  await talk.see(first)
  await talk.see(second)
  await talk.ends(first)
  await talk.describeTransactions()
}

async function abortBetween(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  for (const [value, isCommit] of [
    ['one', true],
    ['two', false],
    ['three', true],
  ] as const) {
    if (version === 1) await talk.add(producer, [first])
    await talk.produce(producer, first, [value])
    await talk.end(producer, isCommit)
  }
  await talk.see(first)
  await talk.see(first, { from: 2n })
  await talk.see(first, { from: 4n })
}

async function severalBatches(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  for (const value of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await talk.produce(producer, first, [value])
  await talk.see(first)
  await talk.commits(producer)
  await talk.see(first, { from: 3n })
}

async function oneAfterTheOther(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', version)
  for (let i = 0; i < 4; i++) {
    const partition = i % 2 === 0 ? first : second
    if (version === 1) await talk.add(producer, [partition])
    await talk.produce(producer, partition, [`${i}`])
    await talk.commits(producer)
  }
  await talk.see(first)
  await talk.see(second)
  await talk.describeTransactions()
}

async function plainAround(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const plain = await talk.begin('b', version, { transactionalId: `${talk.id}-plain` })
  plain.producerId = -1n
  plain.producerEpoch = -1
  const options = { isTransactional: false, transactionalId: null, sequence: -1 }
  await talk.produce(plain, first, ['before'], options)
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['within'])
  await talk.produce(plain, first, ['meanwhile'], options)
  await talk.see(first)
  await talk.ends(first)
  await talk.aborts(producer)
  await talk.produce(plain, first, ['after'], options)
  await talk.see(first)
}

async function twoProducers(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const a = await talk.begin('a', version)
  const b = await talk.begin('b', version, { transactionalId: `${talk.id}-b` })
  if (version === 1) await talk.add(a, [first])
  if (version === 1) await talk.add(b, [first])
  await talk.produce(a, first, ['a1'])
  await talk.produce(b, first, ['b1'])
  await talk.produce(a, first, ['a2'])
  await talk.commits(b)
  await talk.see(first)
  await talk.ends(first)
  await talk.aborts(a)
  await talk.see(first)
  await talk.see(first, { from: 3n })
}

async function open(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  await talk.commits(producer)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['b'])
  await talk.see(first)
  await talk.see(first, { from: 2n })
  await talk.see(first, { from: 3n })
  await talk.ends(first)
  await talk.describeTransactions()
}

async function abortedRanges(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const a = await talk.begin('a', version)
  const b = await talk.begin('b', version, { transactionalId: `${talk.id}-b` })
  const c = await talk.begin('c', version, { transactionalId: `${talk.id}-c` })
  if (version === 1) for (const each of [a, b, c]) await talk.add(each, [first])
  await talk.produce(a, first, ['a1'])
  await talk.produce(b, first, ['b1'])
  await talk.produce(c, first, ['c1'])
  await talk.produce(b, first, ['b2'])
  await talk.aborts(b)
  await talk.produce(a, first, ['a2'])
  await talk.aborts(a)
  await talk.produce(c, first, ['c2'])
  await talk.see(first)
  await talk.aborts(c)
  for (let from = 0n; from < 9n; from++) await talk.see(first, { from })
}

async function middle(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  const long = 'x'.repeat(3_000)
  for (const isCommit of [false, true, false]) {
    if (version === 1) await talk.add(producer, [first])
    for (let i = 0; i < 3; i++) await talk.produce(producer, first, [`${i}${long}`])
    await talk.end(producer, isCommit)
  }
  for (let from = 0n; from < 12n; from += 3n) await talk.see(first, { from, maxBytes: 4_000 })
}

async function aboveStable(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const a = await talk.begin('a', version)
  const b = await talk.begin('b', version, { transactionalId: `${talk.id}-b` })
  if (version === 1) await talk.add(a, [first])
  await talk.produce(a, first, ['stable'])
  await talk.commits(a)
  if (version === 1) for (const each of [a, b]) await talk.add(each, [first])
  await talk.produce(a, first, ['open'])
  await talk.produce(b, first, ['aborted'])
  await talk.aborts(b)
  await talk.see(first)
  await talk.see(first, { from: 2n })
  await talk.commits(a)
  await talk.see(first, { maxBytes: 1 })
}

async function offsetsCommitted(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 5, [second]: 6 })
  await talk.offsets([first, second])
  await talk.offsets([first, second], { requireStable: true })
  await talk.offsets(null, { requireStable: true })
  await talk.offsets(null)
  await talk.describeTransactions()
  await talk.commits(producer)
  await talk.offsets([first, second], { requireStable: true })
  await talk.see(first)
}

async function offsetsAborted(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  await talk.commit('b', { [first]: 1 })
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 5, [second]: 6 })
  await talk.offsets([first, second], { requireStable: true })
  await talk.offsets(null, { requireStable: true })
  await talk.aborts(producer)
  await talk.offsets([first, second], { requireStable: true })
  await talk.describe()
}

async function offsetsAlone(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.describe()
  await talk.stage(producer, { [first]: 5 }, { metadata: null })
  await talk.describe()
  await talk.commits(producer)
  await talk.offsets(null)
  await talk.describe()
}

async function twoGroups(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const other = `${talk.groupId} other`
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.addOffsets(producer)
  if (version === 1) await talk.addOffsets(producer, other)
  await talk.stage(producer, { [first]: 5 })
  await talk.stage(producer, { [first]: 6 }, { groupId: other })
  await talk.commits(producer)
  await talk.offsets(null)
  await talk.offsets(null, { groupId: other })
}

async function stagedTwice(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 5 })
  await talk.stage(producer, { [first]: 4 })
  await talk.commits(producer)
  await talk.offsets(null)
}

async function stagedAndCommitted(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.addOffsets(producer)
  await talk.commit('b', { [second]: 1 })
  await talk.stage(producer, { [first]: 5, [second]: 6 })
  await talk.commit('b', { [first]: 9 })
  await talk.offsets(null)
  await talk.commits(producer)
  await talk.offsets(null)
}

async function successor(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  await talk.commits(producer)
  const next = await talk.begin('b', version)
  if (version === 1) await talk.add(next, [first])
  await talk.produce(next, first, ['b'])
  await talk.commits(next)
  await talk.see(first)
  await talk.describeTransactions()
}

async function twoTopics(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const [second] = (await talk.topic(1, '-2')) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  if (version === 1) await talk.add(producer, [second])
  await talk.produce(producer, second, ['b'])
  await talk.describeTransactions()
  await talk.commits(producer)
  await talk.see(first)
  await talk.see(second)
}

async function described(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  await talk.describeProducers([first])
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a', 'b'])
  await talk.describeProducers([first])
  await talk.produce(producer, first, ['c'])
  await talk.describeProducers([first])
  await talk.commits(producer)
  await talk.describeProducers([first])
  await talk.describeProducers([`${talk.id}-7`, 'no-such-topic-0'])
}

async function duplicate(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  await talk.produce(producer, first, ['a'], { sequence: 0 })
  await talk.produce(producer, first, ['late'], { sequence: 4 })
  await talk.produce(producer, first, ['b'], { sequence: 1 })
  await talk.commits(producer)
  await talk.produce(producer, first, ['a'], { sequence: 0 })
  await talk.see(first)
}

async function abortOfNothing(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const producer = await talk.begin('a', version)
  await talk.aborts(producer)
  await talk.describeTransactions()
  await talk.aborts(producer)
}

async function commitOfNothing(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const producer = await talk.begin('a', version)
  await talk.commits(producer)
  await talk.describeTransactions()
}
