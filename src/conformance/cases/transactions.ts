/**
 * Transactions, in both versions (KIP-98, KIP-890): what goes well, what is refused, markers, and what
 * readers see meanwhile.
 */
import { DELETE_TOPICS, FIND } from '../groups/group-talk.ts'
import { type Case, casesWith } from '../kit/case.ts'
import { CONVERSATIONS } from '../transactions/conversations.ts'
import {
  ADD,
  LIST_TRANSACTIONS,
  TransactionTalk,
  type TransactionVersion,
} from '../transactions/transaction-talk.ts'
import { conversationNamed } from './conversation-named.ts'

const scripted = casesWith((side, id) => new TransactionTalk(side, id))

/** What is said by clients of either version: the name of its conversation, the sentence, its source. */
const OF_BOTH_VERSIONS: readonly (readonly [string, string, string])[] = [
  ['a commit', 'Committed records are seen by all, with a marker behind them in each partition', 'KIP-98'],
  ['an abort', 'Aborted records are seen by readers of uncommitted records only', 'KIP-98'],
  ['an abort between two commits', 'An abort between two commits leaves both of them visible', 'KIP-98'],
  ['several batches in one partition', 'A transaction of several batches ends with one marker', 'T100'],
  ['one transaction after the other', 'A producer begins the next transaction at once', 'T113'],
  [
    'records outside of transactions around one',
    'Plain records around an open transaction wait for its end',
    'T098',
  ],
  ['two producers in turns', 'Transactions of two producers in one partition end on their own', 'T098'],
  ['an open transaction', 'An open transaction holds the last stable offset at its first record', 'T098'],
  [
    'aborted ranges',
    'Aborted transactions are told in the order of their markers, from before the offset too',
    'T097',
  ],
  [
    'a reader in the middle of aborted ranges',
    'A reader in the middle is told of the aborted transactions there',
    'T097',
  ],
  [
    'aborted records above what is stable',
    'What was aborted above the last stable offset is not told yet',
    'T098',
  ],
  ['offsets that are committed', 'Staged offsets are visible once their transaction has committed', 'T115'],
  ['offsets that are aborted', 'Staged offsets are gone once their transaction has aborted', 'T115'],
  ['offsets alone', 'A transaction may be of offsets alone, of a group that nobody knew', 'T117'],
  ['offsets of two groups', 'A transaction may stage offsets of two groups', 'KIP-98'],
  ['offsets staged twice', 'Of offsets that are staged twice the later ones are committed', 'T115'],
  [
    'offsets staged and committed in between',
    'Staged offsets replace those that were committed meanwhile',
    'T116',
  ],
  [
    'a successor of a producer that has ended',
    'A successor takes over a transactional id that is at rest',
    'T105',
  ],
  ['a transaction over two topics', 'A transaction may span topics', 'KIP-98'],
  [
    'producers as described',
    'DescribeProducers tells the last sequence, and of the open transaction its start',
    'T119',
  ],
  ['a duplicate in a transaction', 'A duplicate in a transaction is acknowledged and not appended', 'T052'],
  ['an abort of nothing', 'An abort of nothing is answered', 'T111'],
  ['a commit of nothing', 'A commit of nothing is answered', 'T111'],
  [
    'a zombie after a new InitProducerId',
    'A producer whose successor is at work can do nothing more',
    'T056',
  ],
  [
    'a zombie of an open transaction',
    'A new InitProducerId aborts the open transaction and fences its producer',
    'T104',
  ],
  ['a zombie stages offsets', 'A fenced producer stages no offsets', 'T114'],
  ['a produce outside the transaction', 'A record of a transaction that has ended is refused', 'T113'],
  ['a produce to a partition that was not added', 'A produce to a partition outside the transaction', 'T109'],
  ['a produce before anything was added', 'A produce before anything was added to a transaction', 'T109'],
  ['a produce without transactional id', 'A transactional batch without a transactional id', 'T109'],
  ['a produce with the transactional id of another', 'A batch under the transactional id of another', 'T109'],
  [
    'a plain record of a producer with an open transaction',
    'A plain batch of a producer with an open transaction is refused',
    'T061',
  ],
  ['a batch of the future', 'A batch of an epoch that is yet to come', 'T056'],
  [
    'a first batch that is not the first',
    'The first batch in a partition has to have the sequence 0',
    'T053',
  ],
  [
    'EndTxn twice with the same verdict',
    'EndTxn again with the same verdict succeeds and writes no second marker',
    'T110',
  ],
  [
    'EndTxn twice with the opposite verdict',
    'EndTxn again with the opposite verdict is INVALID_TXN_STATE',
    'T110',
  ],
  ['EndTxn of a stale epoch', 'EndTxn of a stale epoch does not end the transaction', 'T113'],
  [
    'EndTxn of an epoch that is yet to come',
    'EndTxn of an epoch or id that nobody was given is refused',
    'T113',
  ],
  ['EndTxn of an unknown id', 'EndTxn of a transactional id that nobody knows is refused', 'KIP-98'],
  ['offsets of a stale generation', 'Offsets are staged for the present generation of a group only', 'T114'],
  ['offsets of an unknown member', 'Offsets are staged for members of the group only', 'T114'],
  ['offsets of a fenced instance', 'Offsets of a fenced instance are not staged', 'T114'],
  ['offsets without AddOffsetsToTxn', 'Offsets of a group that was not added to the transaction', 'KIP-890'],
  ['offsets of a group that does not exist', 'Offsets for a group that does not exist', 'T114'],
  [
    'offsets for what does not exist',
    'Offsets for partitions that do not exist are refused one by one',
    'T114',
  ],
  ['offsets with too much metadata', 'Offsets with too much metadata are refused', 'T134'],
  ['offsets without a group id', 'Offsets without a group id are refused', 'KIP-98'],
  ['a topic deleted in the middle', 'A topic that is deleted in the middle does not hold up the end', 'T101'],
  ['a late write after an abort', 'A late write of an aborted transaction', 'T113'],
  [
    'a reader waits for more than is stable',
    'Only stable bytes count for a waiting reader of committed records',
    'T099',
  ],
  ['records deleted under an open transaction', 'DeleteRecords may cut an open transaction', 'T046'],
  ['records deleted under an aborted transaction', 'DeleteRecords may cut an aborted transaction', 'T046'],
  ['offsets by time below and above what is stable', 'ListOffsets goes by the isolation level', 'T089'],
]

const OF_ONE: readonly (readonly [string, string, string, string?])[] = [
  [
    'time-outs that are not allowed',
    'InitProducerId takes time-outs from 1 ms to transaction.max.timeout.ms',
    'T102',
  ],
  ['AddPartitionsToTxn of what does not exist', 'AddPartitionsToTxn adds all partitions or none', 'T108'],
  [
    'AddPartitionsToTxn by whom nobody knows',
    'AddPartitionsToTxn and AddOffsetsToTxn know their producer',
    'T108',
  ],
  [
    'old versions of what is not allowed',
    'Old versions of EndTxn and Produce tell the errors of their time',
    'T109',
  ],
  [
    'markers for producers that nobody knows',
    'A marker for a producer that nobody knows is written',
    'KIP-98',
  ],
  [
    'markers of version 2',
    'A marker of version 2 has to have a later epoch than its transaction',
    'KIP-1228',
  ],
  ['markers twice', 'A marker twice is written twice', 'KIP-98'],
  ['a marker ends a hanging transaction', 'A marker ends a hanging transaction in its partition', 'KIP-664'],
  ['several markers in one request', 'One request may bring markers to several partitions', 'KIP-98'],
  ['a group is deleted while offsets are staged', 'DeleteGroups of a group with staged offsets', 'T115'],
  ['offsets are deleted while others are staged', 'OffsetDelete of a partition with staged offsets', 'T115'],
  ['offsets staged by two producers', 'Two producers stage offsets of one partition', 'T115'],
  [
    'a member stages in each state of its group',
    'A member stages offsets in each state of its group',
    'T114',
  ],
  [
    'a producer asks for its next epoch',
    'InitProducerId with id and epoch gives the next epoch, or fences',
    'T105',
    // By the epoch that an abort leaves behind, which came with transactions of version 2.
    '4.0',
  ],
  ['a produce by topic id', 'A transaction may produce by topic id', 'KIP-516'],
  ['offsets staged in each version', 'TxnOffsetCommit stages offsets in each of its versions', 'KIP-98'],
]

const VERSIONS = [1, 2] as const

const RECORDED_BEFORE: readonly Case[] = [
  ...OF_BOTH_VERSIONS.flatMap(([script, name, source]) =>
    VERSIONS.map(version =>
      scripted(
        { area: 'transactions', name: `${name} (version ${version})`, source },
        conversationNamed(CONVERSATIONS, `${script}, version ${version}`).hold,
      ),
    ),
  ),
  ...OF_ONE.map(([script, name, source, since]) =>
    scripted(
      { area: 'transactions', name, source, ...(since !== undefined && { since }) },
      conversationNamed(CONVERSATIONS, script).hold,
    ),
  ),
]

const INIT_VERSIONS = [0, 1, 2, 3, 4, 5]

export const TRANSACTION_CASES: readonly Case[] = [
  ...RECORDED_BEFORE,
  ...INIT_VERSIONS.map(v =>
    scripted(
      {
        area: 'transactions',
        name: `InitProducerId without a transactional id gives a fresh id (v${v})`,
        source: 'T106',
      },
      talk => freshIds(talk, v),
    ),
  ),
  ...INIT_VERSIONS.map(v =>
    scripted(
      {
        area: 'transactions',
        name: `InitProducerId again under a transactional id gives the next epoch (v${v})`,
        source: 'T105',
      },
      talk => nextEpochs(talk, v),
    ),
  ),
  scripted(
    { area: 'transactions', name: 'InitProducerId with half an identity is INVALID_REQUEST', source: 'T105' },
    halfAnIdentity,
  ),
  ...[0, 1, 2, 3].map(v =>
    scripted(
      { area: 'transactions', name: `AddPartitionsToTxn may be repeated (v${v})`, source: 'T108' },
      talk => addedAgain(talk, v),
    ),
  ),
  ...[0, 1, 2, 3, 4].map(v =>
    scripted(
      {
        area: 'transactions',
        name: `AddOffsetsToTxn and EndTxn in version ${v} commit offsets`,
        source: 'KIP-98',
      },
      talk => offsetsInVersion(talk, v),
    ),
  ),
  scripted(
    {
      area: 'transactions',
      name: 'AddPartitionsToTxn of brokers only verifies where it is asked to',
      source: 'T109',
    },
    verifies,
  ),
  ...[0, 1, 2].map(v =>
    scripted(
      {
        area: 'transactions',
        name: `ListTransactions filters by state and producer (v${v})`,
        source: 'KIP-664',
      },
      talk => listed(talk, v),
    ),
  ),
  scripted(
    {
      area: 'transactions',
      name: 'DescribeTransactions tells of each id that was asked for',
      source: 'KIP-664',
    },
    describedStates,
  ),
  scripted(
    { area: 'transactions', name: 'DescribeProducers of what does not exist', source: 'KIP-664' },
    describedNothing,
  ),
  ...VERSIONS.map(version =>
    scripted(
      {
        area: 'transactions',
        name: `A transaction open in one partition holds up no other (version ${version})`,
        source: 'T120',
      },
      talk => otherPartition(talk, version),
    ),
  ),
  ...VERSIONS.map(version =>
    scripted(
      {
        area: 'transactions',
        name: `A topic made anew takes a producer's first sequence (version ${version})`,
        source: 'T028',
      },
      talk => madeAnew(talk, version),
    ),
  ),
  ...VERSIONS.map(version =>
    scripted(
      {
        area: 'transactions',
        name: `The end of a transaction wakes waiting readers (version ${version})`,
        source: 'T099',
      },
      talk => wakesReaders(talk, version),
    ),
  ),
  scripted(
    { area: 'transactions', name: 'The coordinator of transactions is found by key', source: 'T143' },
    coordinatorFound,
  ),
]

async function freshIds(talk: TransactionTalk, v: number): Promise<void> {
  const first = await talk.init('a', { v, transactionalId: null })
  const second = await talk.init('a', { v, transactionalId: null })
  const isFresh = first.producerId >= 0n && second.producerId >= 0n && first.producerId !== second.producerId
  talk.note('two ids', { isFresh })
}

async function nextEpochs(talk: TransactionTalk, v: number): Promise<void> {
  await talk.init('a', { v })
  await talk.init('a', { v })
  await talk.init('b', { v })
}

async function halfAnIdentity(talk: TransactionTalk): Promise<void> {
  const { producerId } = await talk.init('a', { v: 4 })
  for (const v of [3, 4, 5]) {
    await talk.init('a', { v, producerId, producerEpoch: -1 })
    await talk.init('a', { v, producerId: -1n, producerEpoch: 0 })
    await talk.init('a', { v, transactionalId: null, producerId, producerEpoch: -1 })
  }
}

async function addedAgain(talk: TransactionTalk, v: number): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first], { v })
  await talk.add(producer, [first, second], { v })
  await talk.add(producer, [first], { v })
  await talk.describeTransactions()
  await talk.produce(producer, second, ['x'])
  await talk.commits(producer)
  await talk.see(second)
}

async function offsetsInVersion(talk: TransactionTalk, v: number): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  await talk.addOffsets(producer, talk.groupId, { v: Math.min(v, 3) })
  await talk.stage(producer, { [first]: 5 }, { v: Math.min(v, 3) })
  await talk.offsets([first], { requireStable: true })
  await talk.end(producer, true, { v: Math.min(v, 4) })
  await talk.offsets([first], { requireStable: true })
}

async function verifies(talk: TransactionTalk): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const { transactionalId, producerId, producerEpoch, ...producer } = await talk.begin('a', 1)
  await talk.add({ transactionalId, producerId, producerEpoch, ...producer }, [first])
  for (const [name, verifyOnly] of [
    [first, true],
    [second, true],
    [second, false],
  ] as const) {
    const partition = Number(name.slice(name.lastIndexOf('-') + 1))
    const topics = [{ name: talk.id, partitions: [partition] }]
    await talk.call('broker', ADD, 4, {
      transactions: [{ transactionalId, producerId, producerEpoch, verifyOnly, topics }],
      v3AndBelowTransactionalId: '',
      v3AndBelowProducerId: -1n,
      v3AndBelowProducerEpoch: -1,
      v3AndBelowTopics: [],
    })
  }
  await talk.describeTransactions()
}

async function listed(talk: TransactionTalk, v: number): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const a = await talk.begin('a', 1, { transactionalId: `${talk.id}-a` })
  const b = await talk.begin('b', 1, { transactionalId: `${talk.id}-b` })
  await talk.add(a, [first])
  await talk.add(b, [first])
  await talk.produce(b, first, ['b'])
  await talk.commits(b)
  const producerIdFilters = [a.producerId, b.producerId]
  for (const stateFilters of [[], ['Ongoing'], ['CompleteCommit', 'Ongoing'], ['Nonsense', 'Ongoing']]) {
    await talk.call('admin', LIST_TRANSACTIONS, v, { stateFilters, producerIdFilters })
  }
  if (v >= 1) {
    const durationFilter = 1_000_000n
    await talk.call('admin', LIST_TRANSACTIONS, v, { stateFilters: [], producerIdFilters, durationFilter })
  }
  if (v < 2) return
  for (const transactionalIdPattern of [`${talk.id}-[ab]`, `${talk.id}-b`, `${talk.id}`, '[']) {
    await talk.call('admin', LIST_TRANSACTIONS, v, {
      stateFilters: [],
      producerIdFilters,
      transactionalIdPattern,
    })
  }
}

async function describedStates(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  await talk.begin('a', 1, { transactionalId: `${talk.id}-empty` })
  const open = await talk.begin('a', 1, { transactionalId: `${talk.id}-open` })
  await talk.add(open, [first])
  const done = await talk.begin('a', 1, { transactionalId: `${talk.id}-done` })
  await talk.add(done, [first])
  await talk.commits(done)
  const ids = ['empty', 'open', 'done', 'nobody'].map(name => `${talk.id}-${name}`)
  await talk.describeTransactions([...ids, ''])
  await talk.aborts(open)
  await talk.describeTransactions(ids)
  await talk.describeTransactions([])
}

async function describedNothing(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  await talk.describeProducers([first, `${talk.id}-9`, `${talk.id}-nowhere-0`])
  await talk.describeProducers([])
}

async function otherPartition(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const open = await talk.begin('a', version)
  const other = await talk.begin('b', version, { transactionalId: `${talk.id}-b` })
  if (version === 1) await talk.add(open, [first])
  await talk.produce(open, first, ['open'])
  if (version === 1) await talk.add(other, [second])
  await talk.produce(other, second, ['done'])
  await talk.commits(other)
  await talk.see(second)
  await talk.ends(second)
  await talk.ends(first)
  await talk.aborts(open)
}

async function madeAnew(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [first])
  await talk.produce(producer, first, ['a', 'b'])
  await talk.commits(producer)
  await talk.call('admin', DELETE_TOPICS, 5, { topics: [], topicNames: [talk.id], timeoutMs: 10_000 })
  await talk.wait(300)
  await talk.topic(1)
  const next = await talk.begin('a', version)
  if (version === 1) await talk.add(next, [first])
  await talk.produce(next, first, ['c'])
  await talk.commits(next)
  await talk.see(first)
}

async function wakesReaders(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const [partition] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  for (const isCommit of [true, false]) {
    if (version === 1) await talk.add(producer, [partition])
    await talk.produce(producer, partition, ['a'])
    const from = isCommit ? 0n : 2n
    const committed = await talk.poll(partition, { isolationLevel: 1, from })
    const uncommitted = await talk.poll(partition, { isolationLevel: 0, from })
    await uncommitted.tell()
    talk.note('the reader of committed records is answered', committed.isAnswered())
    await talk.end(producer, isCommit)
    // The marker of an abort is nothing to a reader's records, but it moves what is stable.
    await committed.tell()
  }
}

async function coordinatorFound(talk: TransactionTalk): Promise<void> {
  for (const v of [1, 2, 3]) {
    await talk.call('a', FIND, v, { key: talk.id, keyType: 1, coordinatorKeys: [] })
  }
  for (const v of [4, 5, 6]) {
    await talk.call('a', FIND, v, { key: '', keyType: 1, coordinatorKeys: [talk.id, `${talk.id}-b`] })
  }
}
