import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import { RecordBatch, splitBatches } from '../records/batch.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import { readMessageSet } from '../records/legacy.ts'
import { batchOf, LOCAL_BROKER } from '../replication/testing/replica-host.ts'
import { DataPlane, type FetchedPartition } from './testing/data-plane.ts'

const UNKNOWN_ID = 'abcdefghijklmnopqrstuw'
const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const BATCH_BYTES = batchOf(['abc']).length

async function planeWith(topics: readonly string[], partitions = 1): Promise<DataPlane> {
  const plane = await DataPlane.start()
  for (const topic of topics) await plane.host.createTopic(topic, { partitions })
  return plane
}

/** Batches of three bytes of value each, one record a batch. */
async function fill(plane: DataPlane, topic: string, batches: number, index = 0): Promise<void> {
  for (let i = 0; i < batches; i++) await plane.produce(topic, batchOf(['abc']), { index })
}

const offsetsOf = ({ records }: FetchedPartition) =>
  [...splitBatches(records!)].map(batch => [Number(batch.baseOffset), Number(batch.lastOffset)])

/** A fetch under way: what it was answered, undefined while it waits. */
function pending<T>(answer: Promise<T>): { value: T | undefined } {
  const holder: { value: T | undefined } = { value: undefined }
  void answer.then(value => {
    holder.value = value
  })
  return holder
}

describe('a fetch', () => {
  test.each([4, 5, 7, 9, 11, 12])('is answered with the stored batches in version %i', async version => {
    const plane = await planeWith(['t'])
    await plane.produce('t', batchOf(['a', 'b']))
    const partition = await plane.fetchOne('t', {}, { version })
    expect(partition).toMatchObject({ errorCode: 0, highWatermark: 2n, lastStableOffset: 2n })
    expect(offsetsOf(partition)).toEqual([[0, 1]])
    expect(new RecordBatch(partition.records!).isChecksumValid()).toBe(true)
  })

  test.each([13, 15, 18])('goes by topic id in version %i', async version => {
    const plane = await planeWith([])
    const topicId = await plane.host.createTopic('t')
    await fill(plane, 't', 1)
    const answer = await plane.fetch([{ topicId }, { topicId: UNKNOWN_ID }], { version })
    expect(answer.responses).toMatchObject([
      { topicId, partitions: [{ errorCode: 0 }] },
      { topicId: UNKNOWN_ID, partitions: [{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID }] },
    ])
  })

  test.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [3, 1],
  ])('is answered in the old format in version %i: magic %i', async (version, magic) => {
    const plane = await planeWith(['t'])
    await plane.produce('t', batchOf(['a', 'b']))
    const { records } = await plane.fetchOne('t', { fetchOffset: 1n }, { version })
    const messages = readMessageSet(records!)
    expect(
      messages.error === 0 && messages.value.map(m => [m.magic, Number(m.offset), `${m.value}`]),
    ).toEqual([[magic, 1, 'b']])
  })

  test.each([0, 2])(
    'cuts a message that does not fit before version 3 (v%i), so that the client knows',
    async version => {
      const plane = await planeWith(['t'])
      await plane.produce('t', batchOf(['x'.repeat(100)]))
      const { records } = await plane.fetchOne('t', { partitionMaxBytes: 50 }, { version })
      expect(records!.length).toBe(50)
    },
  )

  test('of an old client is kept small while slow readers leave much lying, and loses nothing', async () => {
    const plane = await planeWith(['t'])
    for (let i = 0; i < 5; i++) await plane.produce('t', batchOf(['x'.repeat(30_000)]))
    const all = await plane.fetchOne('t', { partitionMaxBytes: 1_000_000 }, { version: 3 })
    expect(all.records!.length).toBeGreaterThan(150_000)
    plane.fetchMemory.isShort = true
    const some = await plane.fetchOne('t', { partitionMaxBytes: 1_000_000 }, { version: 3 })
    expect(some.records!.length).toBeGreaterThan(30_000)
    expect(some.records!.length).toBeLessThan(65_536)
    const next = await plane.fetchOne('t', { fetchOffset: 2n, partitionMaxBytes: 1_000_000 }, { version: 3 })
    expect(next.records!.length).toBe(some.records!.length)
  })

  test('begins with the whole batch that holds its offset (T068)', async () => {
    const plane = await planeWith(['t'])
    await plane.produce('t', batchOf(['a', 'b', 'c']))
    await plane.produce('t', batchOf(['d']))
    expect(offsetsOf(await plane.fetchOne('t', { fetchOffset: 1n }))).toEqual([
      [0, 2],
      [3, 3],
    ])
  })

  const edges: [string, bigint, ErrorCode][] = [
    ['below the log start is out of range', 1n, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['negative is out of range', -1n, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['at the log end is empty', 4n, ErrorCode.NONE],
    ['above the log end is out of range', 5n, ErrorCode.OFFSET_OUT_OF_RANGE],
  ]
  test.each(edges)('%s (T069, T080, T014)', async (_, fetchOffset, errorCode) => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 4)
    await plane.host.partition('t').deleteRecords(2n)
    const partition = await plane.fetchOne('t', { fetchOffset })
    const isFine = errorCode === ErrorCode.NONE
    expect(partition).toMatchObject({
      errorCode,
      highWatermark: isFine ? 4n : -1n,
      lastStableOffset: isFine ? 4n : -1n,
      logStartOffset: isFine ? 2n : -1n,
      preferredReadReplica: -1,
    })
    expect(partition.records).toEqual(Buffer.alloc(0))
  })

  test('between the high watermark and the log end is empty, not an error (T069, T070)', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    await plane.produce('t', batchOf(['a', 'b']), { acks: 1 })
    expect(await plane.fetchOne('t', { fetchOffset: 1n })).toMatchObject({ errorCode: 0, highWatermark: 0n })
    const debugging = await plane.fetchOne('t', { fetchOffset: 0n }, { replicaId: -2 })
    expect(offsetsOf(debugging)).toEqual([[0, 1]])
  })

  test('has the first batch though it is larger than every limit, and no other (T074)', async () => {
    const plane = await planeWith(['t', 'u'])
    await fill(plane, 't', 2)
    await fill(plane, 'u', 2)
    for (const limits of [{ maxBytes: 1 }, { maxBytes: 0 }, {}]) {
      const partitions = 'maxBytes' in limits ? [{}] : [{ partitionMaxBytes: 1 }]
      const answer = await plane.fetch(
        [
          { topic: 't', partitions },
          { topic: 'u', partitions },
        ],
        limits,
      )
      expect(answer.responses.map(topic => offsetsOf(topic.partitions[0]!))).toEqual([[[0, 0]], []])
    }
  })

  test('stays within its size limits, partition by partition', async () => {
    const plane = await planeWith(['t', 'u'])
    await fill(plane, 't', 5)
    await fill(plane, 'u', 5)
    const partitions = [{ partitionMaxBytes: 3 * BATCH_BYTES }]
    const answer = await plane.fetch(
      [
        { topic: 't', partitions },
        { topic: 'u', partitions },
      ],
      {
        maxBytes: 4 * BATCH_BYTES + 5,
      },
    )
    expect(answer.responses.map(topic => offsetsOf(topic.partitions[0]!).length)).toEqual([3, 1])
  })

  test('is bounded by fetch.max.bytes whatever it asks for', async () => {
    const plane = await DataPlane.start({ fetchMaxBytes: 2 * BATCH_BYTES })
    await plane.host.createTopic('t')
    await fill(plane, 't', 5)
    expect(offsetsOf(await plane.fetchOne('t'))).toHaveLength(2)
  })

  test('answers a partition that is named twice once (T079)', async () => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 2)
    const answer = await plane.fetch([
      { topic: 't', partitions: [{ fetchOffset: 2n }, { fetchOffset: 1n }] },
      { topic: 't', partitions: [{ fetchOffset: 0n }] },
    ])
    expect(answer.responses).toHaveLength(1)
    expect(answer.responses[0]!.partitions).toHaveLength(1)
    expect(offsetsOf(answer.responses[0]!.partitions[0]!)).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

  test('refuses zstd to clients before version 10 where the topic is kept in it (T065)', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { config: { 'compression.type': 'zstd' } })
    await fill(plane, 't', 1)
    for (const version of [3, 9]) {
      expect(await plane.fetchOne('t', {}, { version })).toMatchObject({
        errorCode: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
        records: Buffer.alloc(0),
      })
    }
    expect(await plane.fetchOne('t', {}, { version: 10 })).toMatchObject({ errorCode: 0 })
  })

  test('takes an empty rack for no rack (T082)', async () => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 1)
    const partition = await plane.fetchOne('t', {}, { version: 11, rackId: '' })
    expect(partition).toMatchObject({ errorCode: 0, preferredReadReplica: -1 })
  })

  test('has the answer of an unknown topic beside those of known ones', async () => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 1)
    const answer = await plane.fetch([{ topic: 'none' }, { topic: 't', partitions: [{}, { partition: 9 }] }])
    expect(answer.responses.map(({ partitions }) => partitions.map(p => p.errorCode))).toEqual([
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ])
  })
})

describe('leader epochs', () => {
  const claims: [number, ErrorCode][] = [
    [-1, ErrorCode.NONE],
    [4, ErrorCode.FENCED_LEADER_EPOCH],
    [5, ErrorCode.NONE],
    [6, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ]
  test.each(claims)(
    'a fetch that claims epoch %i of 5 gets error %i (T083)',
    async (currentLeaderEpoch, errorCode) => {
      const plane = await DataPlane.start()
      await plane.host.createTopic('t', { state: { leaderEpoch: 5 } })
      const isFenced = errorCode === ErrorCode.FENCED_LEADER_EPOCH
      const current = isFenced
        ? { leaderId: LOCAL_BROKER, leaderEpoch: 5 }
        : { leaderId: -1, leaderEpoch: -1 }
      const topicId = plane.host.image.topicByName('t')!.id
      const answer = await plane.fetch([{ topicId, partitions: [{ currentLeaderEpoch }] }], { version: 16 })
      expect(answer.responses[0]!.partitions[0]).toMatchObject({ errorCode, currentLeader: current })
    },
  )

  test('a reader that went another way is told where it parted (KIP-595)', async () => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 2)
    await plane.host.changePartition('t', 0, { leaderEpoch: 3 })
    await fill(plane, 't', 1)
    const read = (lastFetchedEpoch: number, fetchOffset: bigint) =>
      plane.fetchOne('t', { lastFetchedEpoch, fetchOffset })
    expect(await read(0, 2n)).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: -1, endOffset: -1n } })
    expect(await read(0, 3n)).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 0, endOffset: 2n } })
    expect(await read(2, 2n)).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 0, endOffset: 2n } })
    expect(await read(3, 3n)).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: -1, endOffset: -1n } })
    expect(await read(9, 3n)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE })
  })
})

describe('a fetch of a replica', () => {
  const strangers: [number, number, ErrorCode][] = [
    [7, -1, ErrorCode.NOT_LEADER_OR_FOLLOWER],
    [7, 0, ErrorCode.UNKNOWN_LEADER_EPOCH],
    [LOCAL_BROKER, -1, ErrorCode.NOT_LEADER_OR_FOLLOWER],
  ]
  test.each(strangers)(
    'from broker %i, that is none of this partition, with epoch %i',
    async (id, epoch, errorCode) => {
      const plane = await planeWith(['t'])
      const asked = await plane.fetchOne('t', { currentLeaderEpoch: epoch }, { replicaId: id })
      expect(asked).toMatchObject({ errorCode, highWatermark: -1n })
    },
  )

  test('moves the high watermark and reads above it', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    await plane.produce('t', batchOf(['a']), { acks: 1 })
    const first = await plane.fetchOne('t', { fetchOffset: 0n }, { replicaId: 2 })
    expect(offsetsOf(first)).toEqual([[0, 0]])
    expect(first.highWatermark).toBe(0n)
    expect((await plane.fetchOne('t', { fetchOffset: 1n }, { replicaId: 2 })).highWatermark).toBe(1n)
  })
})

describe('a long poll', () => {
  test('at the log end waits its time, then is empty (T069, T071)', async () => {
    const plane = await planeWith(['t'])
    const answer = pending(plane.fetchOne('t', {}, { maxWaitMs: 500 }))
    await plane.host.clock.run(499)
    expect(answer.value).toBeUndefined()
    await plane.host.clock.run(1)
    expect(answer.value).toMatchObject({ errorCode: 0, highWatermark: 0n, records: Buffer.alloc(0) })
    expect(plane.host.clock.pendingTimers).toBe(await timersAtRest())
  })

  test('is woken by the produce that gives it enough bytes, and by no earlier one (T071)', async () => {
    const plane = await planeWith(['t', 'u'])
    await fill(plane, 't', 1)
    const answer = pending(
      plane.fetch([{ topic: 't' }, { topic: 'u' }], { maxWaitMs: 500, minBytes: 3 * BATCH_BYTES }),
    )
    await settled()
    await fill(plane, 'u', 1)
    await settled()
    expect(answer.value).toBeUndefined()
    await fill(plane, 't', 1)
    await settled()
    const counts = answer.value!.responses.map(topic => offsetsOf(topic.partitions[0]!).length)
    expect(counts).toEqual([2, 1])
  })

  test('does not count what lies beyond the limit of a partition', async () => {
    const plane = await planeWith(['t', 'u'])
    const partitions = [{ partitionMaxBytes: BATCH_BYTES }]
    const answer = pending(
      plane.fetch(
        [
          { topic: 't', partitions },
          { topic: 'u', partitions },
        ],
        {
          maxWaitMs: 500,
          minBytes: 2 * BATCH_BYTES,
        },
      ),
    )
    await settled()
    await fill(plane, 't', 3)
    await settled()
    expect(answer.value).toBeUndefined()
    await fill(plane, 'u', 1)
    await settled()
    expect(answer.value).toBeDefined()
  })

  test('without partitions is answered at once, whatever it waits for (T072)', async () => {
    const plane = await planeWith([])
    const answer = await plane.fetch([], { maxWaitMs: 30_000, minBytes: 1_000 })
    expect(answer).toMatchObject({ errorCode: 0, responses: [] })
  })

  test('is answered at once where a partition is in error (T073)', async () => {
    const plane = await planeWith(['t', 'u'])
    await plane.host.changePartition('u', 0, { leader: 2, leaderEpoch: 1 })
    const topics = [{ topic: 't' }, { topic: 'u' }]
    const answer = await plane.fetch(topics, { maxWaitMs: 30_000 })
    expect(answer.responses[1]!.partitions[0]!.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })

  test('is not hurried by a topic that does not exist, beside one that does, as in Kafka', async () => {
    const plane = await planeWith(['t'])
    const answer = pending(plane.fetch([{ topic: 't' }, { topic: 'none' }], { maxWaitMs: 500 }))
    await plane.host.clock.run(499)
    expect(answer.value).toBeUndefined()
    await fill(plane, 't', 1)
    await settled()
    expect(answer.value!.responses.map(({ partitions }) => partitions[0]!.errorCode)).toEqual([
      0,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ])
  })

  const endings: [string, (plane: DataPlane) => void | Promise<void>, ErrorCode][] = [
    ['its topic is deleted', ({ host }) => host.deleteTopic('t'), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    [
      'its leader moves',
      ({ host }) => host.changePartition('t', 0, { leader: 2, leaderEpoch: 1 }),
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ],
    ['the broker stops', ({ host }) => host.replicas.close(), ErrorCode.NONE],
    [
      'records below are deleted',
      async ({ host }) => void (await host.partition('t').deleteRecords(1n)),
      ErrorCode.OFFSET_OUT_OF_RANGE,
    ],
  ]
  test.each(endings)('is answered when %s (T073, T081)', async (_, end, errorCode) => {
    const plane = await planeWith(['t', 'u'])
    await fill(plane, 't', 1)
    const topics = [{ topic: 't' }, { topic: 'u' }]
    const answer = pending(plane.fetch(topics, { maxWaitMs: 30_000, minBytes: 10_000 }))
    await settled()
    expect(answer.value).toBeUndefined()
    await end(plane)
    await settled()
    expect(answer.value!.responses[0]!.partitions[0]!.errorCode).toBe(errorCode)
    expect(plane.host.replicas.purgatory.size).toBe(0)
  })

  test('by topic id is told UNKNOWN_TOPIC_ID when its topic is deleted (T077)', async () => {
    const plane = await planeWith(['u'])
    const topicId = await plane.host.createTopic('t')
    const answer = pending(plane.fetch([{ topicId }], { version: 13, maxWaitMs: 30_000 }))
    await settled()
    await plane.host.deleteTopic('t')
    await settled()
    expect(answer.value!.responses).toMatchObject([
      { topicId, partitions: [{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID }] },
    ])
  })
})

describe('read_committed', () => {
  const producer = { producerId: 5n, producerEpoch: 0, isTransactional: true }
  const append = (plane: DataPlane, batch: Buffer) =>
    plane.host.partition('t').append(batch, { acks: -1, origin: 'coordinator' })
  const marker = (type: 'COMMIT' | 'ABORT') =>
    buildEndTransactionMarker({ type, coordinatorEpoch: 0, timestamp: 1n, producerId: 5n, producerEpoch: 0 })

  test('ends at the last stable offset; only it names aborted transactions (T096, T098)', async () => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 1)
    await append(plane, batchOf(['x'], { ...producer, baseSequence: 0 }))
    await fill(plane, 't', 1)
    const before = await plane.fetchOne('t', {}, { isolationLevel: 1 })
    expect(before).toMatchObject({ highWatermark: 3n, lastStableOffset: 1n, abortedTransactions: [] })
    expect(offsetsOf(before)).toEqual([[0, 0]])
    const dirty = await plane.fetchOne('t')
    expect(dirty).toMatchObject({ highWatermark: 3n, lastStableOffset: 1n, abortedTransactions: null })
    expect(offsetsOf(dirty)).toHaveLength(3)
    await append(plane, marker('ABORT'))
    const after = await plane.fetchOne('t', {}, { isolationLevel: 1 })
    expect(after).toMatchObject({
      lastStableOffset: 4n,
      abortedTransactions: [{ producerId: 5n, firstOffset: 1n }],
    })
    expect(offsetsOf(after)).toHaveLength(4)
  })

  test('counts stable bytes only, and is woken by the end of a transaction (T099)', async () => {
    const plane = await planeWith(['t'])
    await append(plane, batchOf(['x'], { ...producer, baseSequence: 0 }))
    const answer = pending(plane.fetchOne('t', {}, { isolationLevel: 1, maxWaitMs: 5_000 }))
    const dirty = pending(plane.fetchOne('t', { fetchOffset: 1n }, { maxWaitMs: 5_000 }))
    await settled()
    await fill(plane, 't', 1)
    await settled()
    expect(answer.value).toBeUndefined()
    expect(dirty.value).toBeDefined()
    await append(plane, marker('COMMIT'))
    await settled()
    expect(offsetsOf(answer.value!)).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ])
  })
})

describe('a fetch session', () => {
  test('waits for its partitions when a fetch names none, and tells what is new (T071, T076)', async () => {
    const plane = await planeWith(['t', 'u'])
    const { sessionId } = await plane.fetch([{ topic: 't' }, { topic: 'u' }], { sessionEpoch: 0 })
    expect(sessionId).toBeGreaterThan(0)
    const answer = pending(plane.fetch([], { sessionId, sessionEpoch: 1, maxWaitMs: 500 }))
    await plane.host.clock.run(400)
    expect(answer.value).toBeUndefined()
    await fill(plane, 'u', 1)
    await settled()
    expect(answer.value!.responses.map(({ topic }) => topic)).toEqual(['u'])
  })

  test('tells of a high watermark that has moved, with nothing new to read (T076)', async () => {
    const plane = await planeWith(['t'])
    await fill(plane, 't', 1)
    const { sessionId } = await plane.fetch([{ topic: 't', partitions: [{ fetchOffset: 1n }] }], {
      sessionEpoch: 0,
    })
    await fill(plane, 't', 1)
    const topics = [{ topic: 't', partitions: [{ fetchOffset: 2n }] }]
    const answer = await plane.fetch(topics, { sessionId, sessionEpoch: 1 })
    expect(answer.responses[0]!.partitions[0]).toMatchObject({ highWatermark: 2n, records: Buffer.alloc(0) })
    expect((await plane.fetch([], { sessionId, sessionEpoch: 2 })).responses).toEqual([])
  })

  test('answers by id, and a deleted topic with UNKNOWN_TOPIC_ID, recreated or not (T077)', async () => {
    const plane = await planeWith(['u'])
    const topicId = await plane.host.createTopic('t')
    const options = { version: 13, sessionEpoch: 0 }
    const { sessionId } = await plane.fetch([{ topicId }, { topicId: UNKNOWN_ID }], options)
    await plane.host.deleteTopic('t')
    await plane.host.createTopic('t')
    const answer = await plane.fetch([], { version: 13, sessionId, sessionEpoch: 1 })
    const unknown = [{ partitionIndex: 0, errorCode: ErrorCode.UNKNOWN_TOPIC_ID }]
    expect(answer.responses).toMatchObject([
      { topicId, partitions: unknown },
      { topicId: UNKNOWN_ID, partitions: unknown },
    ])
  })

  test('forgets a topic by an id that is zero or unknown without harm (T078)', async () => {
    const plane = await planeWith([])
    const topicId = await plane.host.createTopic('t')
    const { sessionId } = await plane.fetch([{ topicId }], { version: 13, sessionEpoch: 0 })
    const forgottenTopicsData = [ZERO_ID, UNKNOWN_ID].map(id => ({
      topic: '',
      topicId: id,
      partitions: [0, -1],
    }))
    const answer = await plane.fetch([], { version: 13, sessionId, sessionEpoch: 1, forgottenTopicsData })
    expect(answer).toMatchObject({ errorCode: 0, sessionId })
  })

  const wrong: [string, number, number, ErrorCode][] = [
    ['an unknown session', 99, 1, ErrorCode.FETCH_SESSION_ID_NOT_FOUND],
    ['a wrong epoch', 0, 5, ErrorCode.INVALID_FETCH_SESSION_EPOCH],
  ]
  test.each(wrong)('refuses %s with the whole answer (T075)', async (_, other, sessionEpoch, errorCode) => {
    const plane = await planeWith(['t'])
    const { sessionId } = await plane.fetch([{ topic: 't' }], { sessionEpoch: 0 })
    const answer = await plane.fetch([], { sessionId: other || sessionId, sessionEpoch, maxWaitMs: 500 })
    expect(answer).toMatchObject({ errorCode, sessionId: 0, responses: [] })
  })
})

test('a refused fetch has no null records at any version (T014)', async () => {
  const plane = await planeWith([])
  for (let version = 0; version <= 18; version++) {
    const topics = version < 13 ? [{ topic: 'none' }] : [{ topicId: UNKNOWN_ID }]
    const answer = await plane.fetch(topics, { version })
    const { records, abortedTransactions } = answer.responses[0]!.partitions[0]!
    expect(records).toEqual(Buffer.alloc(0))
    if (version >= 4) expect(abortedTransactions).toEqual([])
  }
})

/** Timers of a plane that has nothing to do: those of the logs. */
async function timersAtRest(): Promise<number> {
  return (await planeWith(['t'])).host.clock.pendingTimers
}
