/** Replicas that move between log directories, and what clients see of a directory that fails. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  AlterReplicaLogDirsRequest,
  AlterReplicaLogDirsResponse,
} from '../../protocol/messages/alter-replica-log-dirs.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from '../../protocol/messages/describe-log-dirs.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { ManualClock, settled } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { startBroker } from './testing/memory-broker.ts'
import { createTopics, metadataOf, newTopic, produceTo } from './testing/wire-broker.ts'

const TWO = { 'log.dirs': '/one,/two' }

async function started(): Promise<WireClient> {
  const disk = new MemoryDisk({ clock: new ManualClock() })
  const { connect } = await startBroker(disk, TWO)
  const client = await connect()
  await createTopics(client, [newTopic('t', { numPartitions: 2 })])
  return client
}

type Moves = readonly { path: string; topics: readonly { name: string; partitions: readonly number[] }[] }[]

async function alter(client: WireClient, dirs: Moves, version = 2) {
  const { results } = await client.call({
    request: AlterReplicaLogDirsRequest,
    response: AlterReplicaLogDirsResponse,
    version,
    body: { dirs: dirs as never },
  })
  return results.map(({ topicName, partitions }) => [
    topicName,
    partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
  ])
}

async function directories(client: WireClient) {
  const { results } = await client.call({
    request: DescribeLogDirsRequest,
    response: DescribeLogDirsResponse,
    version: 4,
    body: { topics: null },
  })
  return results.map(({ logDir, errorCode, topics }) => ({
    logDir,
    errorCode,
    partitions: topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex)),
  }))
}

test.each([0, 1, 2])('a replica moves, and DescribeLogDirs shows where it is (v%i)', async version => {
  const client = await started()
  await produceTo(client, 't')
  const before = await directories(client)
  const to = before.find(({ partitions }) => !partitions.includes(0))!.logDir
  expect(await alter(client, [{ path: to, topics: [{ name: 't', partitions: [0] }] }], version)).toEqual([
    ['t', [[0, ErrorCode.NONE]]],
  ])
  await settled()
  const after = await directories(client)
  expect(after.find(({ logDir }) => logDir === to)!.partitions.toSorted()).toEqual([0, 1])
  expect((await produceTo(client, 't')).baseOffset).toBe(1n)
})

test('what cannot move is refused as Kafka refuses it, topic by topic', async () => {
  const client = await started()
  const moves = [
    { path: '/three', topics: [{ name: 't', partitions: [0] }] },
    { path: '/one', topics: [{ name: 't', partitions: [9] }] },
    { path: '/two', topics: [{ name: 'unknown', partitions: [0] }] },
    { path: '/two/', topics: [{ name: 't', partitions: [1] }] },
  ]
  expect(await alter(client, moves)).toEqual([
    [
      't',
      [
        [0, ErrorCode.LOG_DIR_NOT_FOUND],
        [9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        [1, ErrorCode.LOG_DIR_NOT_FOUND],
      ],
    ],
    ['unknown', [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]]],
  ])
})

describe('a log directory that fails', () => {
  test('leaves its partitions without a leader, and takes no others (T024)', async () => {
    const disk = new MemoryDisk({ clock: new ManualClock() })
    const client = await (await startBroker(disk, TWO)).connect()
    await createTopics(client, ['kept'])
    await createTopics(client, ['lost'])
    disk.intercept = ({ name, path }) => {
      if (name === 'write' && path.startsWith('/two/')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    const storageError = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, baseOffset: -1n }
    expect(await produceTo(client, 'lost')).toMatchObject(storageError)
    expect(await produceTo(client, 'lost')).toMatchObject({ ...storageError, logStartOffset: -1n })
    expect(await produceTo(client, 'kept')).toMatchObject({ errorCode: ErrorCode.NONE })

    const [lost, kept] = (await metadataOf(client, ['lost', 'kept'])).topics.map(topic => topic.partitions[0])
    const gone = { leaderId: -1, replicaNodes: [1], isrNodes: [], offlineReplicas: [1] }
    expect(lost).toMatchObject({ errorCode: ErrorCode.LEADER_NOT_AVAILABLE, ...gone })
    expect(kept).toMatchObject({ errorCode: ErrorCode.NONE, leaderId: 1, isrNodes: [1], offlineReplicas: [] })
    expect(await directories(client)).toEqual([
      { logDir: '/one', errorCode: ErrorCode.NONE, partitions: [0] },
      { logDir: '/two', errorCode: ErrorCode.KAFKA_STORAGE_ERROR, partitions: [] },
    ])
    const moves = ['lost', 'kept'].map(name => ({ path: '/two', topics: [{ name, partitions: [0] }] }))
    expect(await alter(client, moves)).toEqual(
      ['lost', 'kept'].map(name => [name, [[0, ErrorCode.KAFKA_STORAGE_ERROR]]]),
    )
  })
})
