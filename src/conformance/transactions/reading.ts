/** Readers of partitions in which transactions are open, end, or lose their beginning. */
import { DeleteRecordsRequest, DeleteRecordsResponse } from '../../../protocol/messages/delete-records.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../../protocol/messages/offset-for-leader-epoch.ts'
import {
  conversation,
  LIST_OFFSETS,
  type TransactionConversation,
  type TransactionTalk,
  type TransactionVersion,
} from './transaction-talk.ts'

const DELETE_RECORDS = { request: DeleteRecordsRequest, response: DeleteRecordsResponse }
const EPOCH_END = { request: OffsetForLeaderEpochRequest, response: OffsetForLeaderEpochResponse }

const SCRIPTS: readonly (readonly [string, Script])[] = [
  ['a reader waits for the end of a transaction', waits],
  ['a reader waits for more than is stable', waitsForMore],
  ['records deleted under an open transaction', deletedUnderOpen],
  ['records deleted under an aborted transaction', deletedUnderAborted],
  ['offsets by time below and above what is stable', byTime],
]

export const READING: readonly TransactionConversation[] = [
  ...SCRIPTS.flatMap(([name, script]) =>
    ([1, 2] as const).map(version =>
      conversation(`${name}, version ${version}`, talk => script(talk, version)),
    ),
  ),
  conversation('offsets staged in each version', eachVersion),
]

type Script = (talk: TransactionTalk, version: TransactionVersion) => Promise<void>

async function begun(talk: TransactionTalk, version: TransactionVersion) {
  const [partition] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', version)
  if (version === 1) await talk.add(producer, [partition])
  await talk.produce(producer, partition, ['a', 'b'])
  return { producer, partition }
}

async function waits(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, partition } = await begun(talk, version)
  for (const isCommit of [true, false]) {
    const from = isCommit ? 0n : 3n
    const committed = await talk.poll(partition, { isolationLevel: 1, from })
    const uncommitted = await talk.poll(partition, { isolationLevel: 0, from })
    talk.note('answered', [committed.isAnswered(), uncommitted.isAnswered()])
    await uncommitted.tell()
    await talk.end(producer, isCommit)
    await committed.tell()
    if (!isCommit) return
    if (version === 1) await talk.add(producer, [partition])
    await talk.produce(producer, partition, ['c'])
  }
}

async function waitsForMore(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, partition } = await begun(talk, version)
  const parked = await talk.poll(partition, { isolationLevel: 1, minBytes: 250 })
  await talk.commits(producer)
  await talk.settled()
  talk.note('answered', parked.isAnswered())
  if (version === 1) await talk.add(producer, [partition])
  await talk.produce(producer, partition, ['c'.repeat(300)])
  await talk.settled()
  talk.note('answered', parked.isAnswered())
  await talk.aborts(producer)
  await parked.tell()
}

async function deleteRecords(talk: TransactionTalk, offset: bigint): Promise<void> {
  await talk.call('admin', DELETE_RECORDS, 2, {
    topics: [{ name: talk.id, partitions: [{ partitionIndex: 0, offset }] }],
    timeoutMs: 5_000,
  })
}

async function deletedUnderOpen(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, partition } = await begun(talk, version)
  await talk.produce(producer, partition, ['c'])
  await deleteRecords(talk, 2n)
  await talk.see(partition, { from: 2n })
  await talk.ends(partition)
  await talk.describeProducers([partition])
  await talk.produce(producer, partition, ['d'])
  await talk.aborts(producer)
  await talk.see(partition, { from: 2n })
}

async function deletedUnderAborted(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, partition } = await begun(talk, version)
  await talk.produce(producer, partition, ['c'])
  await talk.aborts(producer)
  await deleteRecords(talk, 1n)
  await talk.see(partition, { from: 1n })
  await deleteRecords(talk, -1n)
  await talk.see(partition, { from: 4n })
  await talk.describeProducers([partition])
}

async function byTime(talk: TransactionTalk, version: TransactionVersion): Promise<void> {
  const { producer, partition } = await begun(talk, version)
  await talk.commits(producer)
  if (version === 1) await talk.add(producer, [partition])
  await talk.wait(20)
  await talk.produce(producer, partition, ['c'])
  for (const isolationLevel of [0, 1]) {
    for (const timestamp of [-1n, -2n, -3n, 0n, BigInt(talk.now() + 1_000_000)]) {
      const answer = await talk.call('reader', LIST_OFFSETS, 7, {
        replicaId: -1,
        timeoutMs: 1_000,
        isolationLevel,
        topics: [{ name: talk.id, partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] }],
      })
      talk.transcript.pop()
      const { errorCode, offset, timestamp: found } = answer.topics[0]!.partitions[0]!
      talk.note(`offset by time, isolation ${isolationLevel}`, { errorCode, offset, isTimed: found >= 0n })
    }
  }
  await talk.call('reader', EPOCH_END, 4, {
    replicaId: -1,
    topics: [{ topic: talk.id, partitions: [{ partition: 0, currentLeaderEpoch: 0, leaderEpoch: 0 }] }],
  })
}

async function eachVersion(talk: TransactionTalk): Promise<void> {
  const [partition] = (await talk.topic(1)) as [string]
  for (const v of [0, 1, 2, 3, 4, 5]) {
    const version = v < 5 ? 1 : 2
    const producer = await talk.begin('a', version)
    if (version === 1) await talk.addOffsets(producer)
    await talk.stage(producer, { [partition]: 10 + v }, { v })
    await talk.commits(producer)
    await talk.offsets([partition])
  }
}
