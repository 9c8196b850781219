import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../protocol/messages/list-offsets.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import { batchOf, fetchTarget } from '../replication/testing/replica-host.ts'
import { listOffsets } from './list-offsets.ts'
import { DataPlane } from './testing/data-plane.ts'

const LATEST = -1n
const EARLIEST = -2n
const MAX_TIMESTAMP = -3n

interface Query {
  readonly timestamp: bigint
  readonly partitionIndex?: number
  readonly currentLeaderEpoch?: number
  readonly maxNumOffsets?: number
}

async function ask(
  plane: DataPlane,
  queries: readonly Query[],
  options: { version?: number; isolationLevel?: number; replicaId?: number; topic?: string } = {},
) {
  const { version = 11, isolationLevel = 0, replicaId = -1, topic = 't' } = options
  const answer = await plane.ask({
    handler: listOffsets,
    request: ListOffsetsRequest,
    response: ListOffsetsResponse,
    version,
    body: {
      replicaId,
      isolationLevel,
      timeoutMs: 1_000,
      topics: [{ name: topic, partitions: queries.map(query => ({ partitionIndex: 0, ...query })) }],
    },
  })
  return answer!.topics[0]!.partitions
}

async function lookUp(plane: DataPlane, timestamp: bigint, options: Parameters<typeof ask>[2] = {}) {
  const [partition] = await ask(plane, [{ timestamp }], options)
  const { errorCode, offset, timestamp: time, leaderEpoch } = partition!
  return errorCode === ErrorCode.NONE ? [offset, time, leaderEpoch] : errorCode
}

/** Offsets 0 to 5 at times 100, 101, 102 (epoch 0), 200, 150, 50 (epoch 2). */
async function filledPlane(): Promise<DataPlane> {
  const plane = await DataPlane.start()
  await plane.host.createTopic('t', { config: { 'message.timestamp.before.max.ms': '9223372036854775807' } })
  await plane.produce('t', batchOf(['a', 'b', 'c'], { from: 100, compression: 'gzip' }))
  await plane.host.changePartition('t', 0, { leaderEpoch: 2 })
  const records = [200n, 150n, 50n].map(timestamp => ({ timestamp, key: null, value: null }))
  await plane.produce('t', batchOf([], { records }))
  return plane
}

describe('the offset', () => {
  const cases: [string, bigint, [bigint, bigint, number]][] = [
    ['of the end is the next one to be written (T090)', LATEST, [6n, -1n, 2]],
    ['of the beginning has the epoch of its record (T092)', EARLIEST, [0n, -1n, 0]],
    ['of the greatest timestamp comes with that timestamp (T091)', MAX_TIMESTAMP, [3n, 200n, 2]],
    ['of the local beginning is the beginning (T091)', -4n, [0n, -1n, 0]],
    ['of the tiered end is none (T091, T093)', -5n, [-1n, -1n, -1]],
    ['of what is to be tiered is none (T091, T093)', -6n, [-1n, -1n, -1]],
    ['of time 0 is the first record (T086)', 0n, [0n, 100n, 0]],
    ['of a time is that of a record, inside a compressed batch too (T086, T087)', 101n, [1n, 101n, 0]],
    ['of a time that no record has is that of the next later one (T086, T092)', 103n, [3n, 200n, 2]],
    ['of a time after all records is none (T086, T093)', 201n, [-1n, -1n, -1]],
  ]
  test.each(cases)('%s', async (_, timestamp, expected) => {
    expect(await lookUp(await filledPlane(), timestamp)).toEqual(expected)
  })

  const empty: [bigint, [bigint, bigint, number]][] = [
    [LATEST, [6n, -1n, 2]],
    [EARLIEST, [6n, -1n, 2]],
    [MAX_TIMESTAMP, [-1n, -1n, -1]],
    [0n, [-1n, -1n, -1]],
    [150n, [-1n, -1n, -1]],
  ]
  test.each(empty)(
    '%i of a log that was emptied is known, or none (T088, T090)',
    async (timestamp, expected) => {
      const plane = await filledPlane()
      await plane.host.partition('t').deleteRecords(-1n)
      expect(await lookUp(plane, timestamp)).toEqual(expected)
    },
  )

  test('of an empty log (T088)', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t')
    expect(await lookUp(plane, LATEST)).toEqual([0n, -1n, 0])
    expect(await lookUp(plane, EARLIEST)).toEqual([0n, -1n, 0])
    expect(await lookUp(plane, MAX_TIMESTAMP)).toEqual([-1n, -1n, -1])
    expect(await lookUp(plane, 7n)).toEqual([-1n, -1n, -1])
  })

  test('of records that were deleted is not found again (T088)', async () => {
    const plane = await filledPlane()
    await plane.host.partition('t').deleteRecords(2n)
    expect(await lookUp(plane, 0n)).toEqual([2n, 102n, 0])
    expect(await lookUp(plane, EARLIEST)).toEqual([2n, -1n, 0])
  })

  test('after a marker ends behind it (T090)', async () => {
    const plane = await filledPlane()
    await openTransaction(plane)
    await endTransaction(plane)
    expect(await lookUp(plane, LATEST)).toEqual([8n, -1n, 2])
    expect(await lookUp(plane, LATEST, { isolationLevel: 1 })).toEqual([8n, -1n, 2])
  })
})

const openTransaction = (plane: DataPlane) =>
  plane.host
    .partition('t')
    .append(
      batchOf(['x'], { from: 300, producerId: 5n, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
      { acks: -1, origin: 'coordinator' },
    )

const endTransaction = (plane: DataPlane) =>
  plane.host.partition('t').append(
    buildEndTransactionMarker({
      type: 'COMMIT',
      coordinatorEpoch: 0,
      timestamp: 301n,
      producerId: 5n,
      producerEpoch: 0,
    }),
    { acks: -1, origin: 'coordinator' },
  )

describe('a look-up whose files cannot be read', () => {
  const failing = (plane: DataPlane) => {
    plane.host.disk.intercept = ({ name, path }) => {
      if (name === 'read' && path.includes('/t-0/')) {
        throw Object.assign(new Error('EIO: made to fail'), { code: 'EIO' })
      }
    }
  }

  test.each([150n, MAX_TIMESTAMP])('for %d is a storage error of its partition alone', async timestamp => {
    const plane = await filledPlane()
    await plane.host.restart()
    failing(plane)
    const partitions = [{ timestamp }, { timestamp: LATEST, partitionIndex: 7 }]
    const answers = await ask(plane, partitions)
    expect(answers.map(answer => answer.errorCode)).toEqual([
      ErrorCode.KAFKA_STORAGE_ERROR,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ])
  })

  test('because its topic was deleted meanwhile says so', async () => {
    const plane = await filledPlane()
    await plane.host.restart()
    let letGo = () => {}
    const deleted = new Promise<void>(resolve => {
      letGo = resolve
    })
    plane.host.disk.intercept = ({ name, path }) => {
      return name === 'open' && path.includes('/t-0/') ? deleted : undefined
    }
    const answer = lookUp(plane, 150n)
    await plane.host.deleteTopic('t')
    letGo()
    expect(await answer).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    plane.host.disk.intercept = undefined
    await plane.host.createTopic('u')
    expect(plane.host.partition('u').log.isOnline).toBe(true)
  })

  test('is one for a reader of committed records too, who keeps no file open', async () => {
    const plane = await filledPlane()
    await plane.host.restart()
    plane.host.disk.intercept = ({ name, path }) => {
      if (name === 'status' && path.endsWith('.txnindex')) {
        throw Object.assign(new Error('EIO: made to fail'), { code: 'EIO' })
      }
    }
    const bounds = { replicaId: -1, isolation: 'committed', maxBytes: 1_000, minOneBatch: true } as const
    const outcome = await plane.host.partition('t').read(fetchTarget('t'), bounds)
    expect(outcome).toMatchObject({ error: ErrorCode.KAFKA_STORAGE_ERROR, records: { byteLength: 0 } })
  })
})

describe('what a reader may not see is no answer', () => {
  test('read_committed ends at the last stable offset (T089)', async () => {
    const plane = await filledPlane()
    await openTransaction(plane)
    expect(await lookUp(plane, LATEST, { isolationLevel: 1 })).toEqual([6n, -1n, 2])
    expect(await lookUp(plane, LATEST)).toEqual([7n, -1n, 2])
    expect(await lookUp(plane, 250n, { isolationLevel: 1 })).toEqual([-1n, -1n, -1])
    expect(await lookUp(plane, 250n)).toEqual([6n, 300n, 2])
    expect(await lookUp(plane, MAX_TIMESTAMP, { isolationLevel: 1 })).toEqual([-1n, -1n, -1])
    expect(await lookUp(plane, EARLIEST, { isolationLevel: 1 })).toEqual([0n, -1n, 0])
  })

  test('consumers end at the high watermark, replicas and debugging tools at the log end', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    await plane.produce('t', batchOf(['a']), { acks: 1 })
    expect(await lookUp(plane, LATEST)).toEqual([0n, -1n, 0])
    expect(await lookUp(plane, 0n)).toEqual([-1n, -1n, -1])
    for (const replicaId of [2, -2]) expect(await lookUp(plane, LATEST, { replicaId })).toEqual([1n, -1n, 0])
  })
})

test('a new leader that may lag behind what consumers have seen tells no end (KIP-207, T070)', async () => {
  const plane = await DataPlane.start()
  await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
  await plane.produce('t', batchOf(['a', 'b']), { acks: 1 })
  await plane.host.changePartition('t', 0, { leaderEpoch: 1 })
  for (const timestamp of [LATEST, 0n, MAX_TIMESTAMP]) {
    expect(await lookUp(plane, timestamp)).toBe(ErrorCode.OFFSET_NOT_AVAILABLE)
  }
  expect(await lookUp(plane, LATEST, { version: 4 })).toBe(ErrorCode.LEADER_NOT_AVAILABLE)
  expect(await lookUp(plane, EARLIEST)).toEqual([0n, -1n, 0])
  expect(await lookUp(plane, LATEST, { replicaId: 2 })).toEqual([2n, -1n, 1])
  plane.host.partition('t').recordFollowerFetch(2, 2n)
  expect(await lookUp(plane, LATEST)).toEqual([2n, -1n, 1])
})

describe('is refused', () => {
  test.each([
    [MAX_TIMESTAMP, 6],
    [-4n, 7],
    [-5n, 8],
    [-6n, 10],
    [-7n, 11],
  ])('timestamp %i in version %i (T091)', async (timestamp, version) => {
    expect(await lookUp(await filledPlane(), timestamp, { version })).toBe(ErrorCode.UNSUPPORTED_VERSION)
  })

  test('a partition that is named twice, once (like Kafka)', async () => {
    const plane = await filledPlane()
    const answers = await ask(plane, [{ timestamp: LATEST }, { timestamp: EARLIEST }])
    expect(answers).toMatchObject([{ partitionIndex: 0, errorCode: ErrorCode.INVALID_REQUEST, offset: -1n }])
  })

  test('a topic or partition that is unknown', async () => {
    const plane = await filledPlane()
    expect(await lookUp(plane, LATEST, { topic: 'none' })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const [other] = await ask(plane, [{ partitionIndex: 3, timestamp: LATEST }])
    expect(other).toMatchObject({ partitionIndex: 3, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION })
  })

  test.each([
    [1, ErrorCode.FENCED_LEADER_EPOCH],
    [2, ErrorCode.NONE],
    [3, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ])('epoch %i of 2 with error %i (T083)', async (currentLeaderEpoch, errorCode) => {
    const [answer] = await ask(await filledPlane(), [{ timestamp: LATEST, currentLeaderEpoch }])
    expect(answer!.errorCode).toBe(errorCode)
  })
})

test('version 0 answers with a list, the newest offset first', async () => {
  const plane = await filledPlane()
  const old = async (timestamp: bigint, maxNumOffsets: number) => {
    const [answer] = await ask(plane, [{ timestamp, maxNumOffsets }], { version: 0 })
    return answer!.oldStyleOffsets.map(Number)
  }
  expect(await old(LATEST, 1)).toEqual([6])
  expect(await old(LATEST, 5)).toEqual([6, 0])
  expect(await old(EARLIEST, 5)).toEqual([0])
  expect(await old(LATEST, 0)).toEqual([])
})

test.each([1, 2, 4, 5, 6, 10])('version %i answers with one offset', async version => {
  const [answer] = await ask(await filledPlane(), [{ timestamp: EARLIEST }], { version })
  expect(answer).toMatchObject({ errorCode: 0, offset: 0n, leaderEpoch: version < 4 ? -1 : 0 })
})
