import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import { ATTRIBUTES_AT, BASE_SEQUENCE_AT, CRC_AT, RecordBatch } from '../records/batch.ts'
import { crc32c } from '../records/crc32c.ts'
import { encodeMessage } from '../records/legacy.ts'
import { decodeRecords } from '../records/lookup.ts'
import { batchOf, START_MS } from '../replication/testing/replica-host.ts'
import { produce } from './produce.ts'
import { DataPlane } from './testing/data-plane.ts'

const UNKNOWN_ID = 'abcdefghijklmnopqrstuw'

async function planeWith(
  topics: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<DataPlane> {
  const plane = await DataPlane.start()
  for (const [topic, config] of Object.entries(topics)) await plane.host.createTopic(topic, { config })
  return plane
}

/** A batch with some header bytes changed and its checksum right again. */
function tampered(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  change(batch)
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)) >>> 0, CRC_AT)
  return batch
}

function idempotent(
  sequence: number,
  options: { epoch?: number; producerId?: bigint; count?: number } = {},
): Buffer {
  const { epoch = 0, producerId = 9n, count = 1 } = options
  const values = Array.from({ length: count }, (_, i) => `${sequence + i}`)
  return batchOf(values, { producerId, producerEpoch: epoch, baseSequence: sequence })
}

describe('a produce', () => {
  test('is answered with the offset of its first record (T051)', async () => {
    const plane = await planeWith({ t: {} })
    expect(await plane.produce('t', batchOf(['a', 'b', 'c']))).toMatchObject({
      index: 0,
      errorCode: 0,
      baseOffset: 0n,
      logAppendTimeMs: -1n,
      logStartOffset: 0n,
      recordErrors: [],
      errorMessage: null,
    })
    expect(await plane.produce('t', batchOf(['d']))).toMatchObject({ errorCode: 0, baseOffset: 3n })
  })

  test.each([0, 1, 2, 3, 7, 8, 9, 12])('is answered in version %i', async version => {
    const plane = await planeWith({ t: {} })
    const records = version < 3 ? legacyMessage('hello', version < 2 ? 0 : 1) : batchOf(['hello'])
    expect(await plane.produce('t', records, { version })).toMatchObject({ errorCode: 0, baseOffset: 0n })
    const { records: stored } = await plane.fetchOne('t')
    const decoded = decodeRecords(new RecordBatch(stored!))
    expect(decoded.error === 0 && decoded.value.map(record => `${record.value}`)).toEqual(['hello'])
  })

  test('goes by topic id from version 13 on, and echoes an id that is unknown (T027)', async () => {
    const plane = await planeWith({})
    const topicId = await plane.host.createTopic('t')
    const body = (id: string) => ({
      transactionalId: null,
      acks: 1,
      timeoutMs: 1_000,
      topicData: [{ name: '', topicId: id, partitionData: [{ index: 0, records: batchOf(['a']) }] }],
    })
    const ask = (id: string) =>
      plane.ask({
        handler: produce,
        request: ProduceRequest,
        response: ProduceResponse,
        version: 13,
        body: body(id),
      })
    expect((await ask(topicId))!.responses).toMatchObject([
      { topicId, partitionResponses: [{ errorCode: 0 }] },
    ])
    for (const id of [UNKNOWN_ID, ZERO_UUID]) {
      expect((await ask(id))!.responses).toMatchObject([
        { topicId: id, partitionResponses: [{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, baseOffset: -1n }] },
      ])
    }
    await plane.host.deleteTopic('t')
    await plane.host.createTopic('t')
    expect((await ask(topicId))!.responses).toMatchObject([
      { topicId, partitionResponses: [{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID }] },
    ])
  })

  test('of several partitions is answered for each, and each keeps its own order', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { partitions: 2 })
    const part = (index: number, value: string) => ({ index, records: batchOf([value]) })
    const answer = await plane.ask({
      handler: produce,
      request: ProduceRequest,
      response: ProduceResponse,
      version: 9,
      body: {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1_000,
        topicData: [
          {
            name: 't',
            topicId: ZERO_UUID,
            partitionData: [part(1, 'a'), part(0, 'b'), part(1, 'c'), part(7, 'd')],
          },
          { name: 'none', topicId: ZERO_UUID, partitionData: [part(0, 'e')] },
        ],
      },
    })
    const outcomes = answer!.responses.map(topic =>
      topic.partitionResponses.map(({ index, errorCode, baseOffset }) => [index, errorCode, baseOffset]),
    )
    expect(outcomes).toEqual([
      [
        [1, 0, 0n],
        [0, 0, 0n],
        [1, 0, 1n],
        [7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1n],
      ],
      [[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1n]],
    ])
  })

  test('takes its place in the log before the one after it, though neither is awaited', async () => {
    const plane = await planeWith({ t: {} })
    const answers = ['a', 'b', 'c', 'd'].map(value => plane.produce('t', batchOf([value])))
    expect((await Promise.all(answers)).map(answer => answer!.baseOffset)).toEqual([0n, 1n, 2n, 3n])
  })

  test('gets its leader epoch from the broker, whatever the client wrote there (T057)', async () => {
    const plane = await planeWith({ t: {} })
    await plane.host.changePartition('t', 0, { leaderEpoch: 5 })
    await plane.produce('t', batchOf(['a'], { partitionLeaderEpoch: 77 }))
    const { records } = await plane.fetchOne('t')
    const batch = new RecordBatch(records!)
    expect(batch.partitionLeaderEpoch).toBe(5)
    expect(batch.isChecksumValid()).toBe(true)
  })

  test('to a LogAppendTime topic is stamped in its header with a checksum that holds (T063)', async () => {
    const plane = await planeWith({ t: { 'message.timestamp.type': 'LogAppendTime' } })
    plane.host.clock.advance(500)
    const now = BigInt(START_MS + 500)
    expect(await plane.produce('t', batchOf(['a', 'b']))).toMatchObject({ logAppendTimeMs: now })
    const batch = new RecordBatch((await plane.fetchOne('t')).records!)
    expect(batch.timestampType).toBe('LogAppendTime')
    expect(batch.maxTimestamp).toBe(now)
    expect(batch.isChecksumValid()).toBe(true)
  })

  test('to a topic with a codec is kept in that codec, and says so in its attributes (T065)', async () => {
    const plane = await planeWith({
      t: { 'compression.type': 'gzip' },
      u: { 'compression.type': 'uncompressed' },
    })
    await plane.produce('t', batchOf(['a']))
    await plane.produce('u', batchOf(['a'], { compression: 'gzip' }))
    const batches = [await plane.fetchOne('t'), await plane.fetchOne('u')].map(
      f => new RecordBatch(f.records!),
    )
    expect(batches.map(batch => batch.compression)).toEqual(['gzip', 'none'])
    for (const batch of batches) {
      const decoded = decodeRecords(batch)
      expect(decoded.error === 0 && decoded.value.map(record => `${record.value}`)).toEqual(['a'])
    }
  })
})

describe('a produce is refused', () => {
  const crc = batchOf(['a'])
  crc[CRC_AT] = crc[CRC_AT]! ^ 1
  const tooMany = tampered(batchOf(['a']), batch => batch.writeInt32BE(7, 57))
  const control = tampered(batchOf(['a'], { producerId: 1n, producerEpoch: 0, baseSequence: 0 }), batch =>
    batch.writeInt16BE(0x20, ATTRIBUTES_AT),
  )
  const { INVALID_RECORD, CORRUPT_MESSAGE, INVALID_TOPIC_EXCEPTION, UNSUPPORTED_COMPRESSION_TYPE } = ErrorCode
  const refusals: [string, string, Buffer | null, object, ErrorCode][] = [
    [
      'with acks other than -1, 0 and 1 (T060)',
      't',
      batchOf(['a']),
      { acks: 2 },
      ErrorCode.INVALID_REQUIRED_ACKS,
    ],
    ['with acks of -2 (T060)', 't', batchOf(['a']), { acks: -2 }, ErrorCode.INVALID_REQUIRED_ACKS],
    ['for an unknown topic first', 'x', batchOf(['a']), { acks: 2 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ['for a negative partition', 't', batchOf(['a']), { index: -1 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ['without a record set', 't', null, {}, INVALID_RECORD],
    ['with an empty record set', 't', Buffer.alloc(0), {}, INVALID_RECORD],
    ['cut off in the header', 't', batchOf(['a']).subarray(0, 40), {}, INVALID_RECORD],
    ['with two batches', 't', Buffer.concat([batchOf(['a']), batchOf(['b'])]), {}, INVALID_RECORD],
    ['with a wrong checksum (T062)', 't', crc, {}, CORRUPT_MESSAGE],
    ['with a count that is not true', 't', tooMany, {}, INVALID_RECORD],
    ['with a control batch (T061)', 't', control, {}, INVALID_RECORD],
    ['to __consumer_offsets', '__consumer_offsets', batchOf(['a']), {}, INVALID_TOPIC_EXCEPTION],
    ['to __transaction_state', '__transaction_state', batchOf(['a']), {}, INVALID_TOPIC_EXCEPTION],
    ['to __share_group_state', '__share_group_state', batchOf(['a']), {}, INVALID_TOPIC_EXCEPTION],
    [
      'with zstd before v7 (T065)',
      't',
      batchOf(['a'], { compression: 'zstd' }),
      { version: 6 },
      UNSUPPORTED_COMPRESSION_TYPE,
    ],
    [
      'larger than max.message.bytes (T058)',
      'small',
      batchOf(['x'.repeat(200)]),
      {},
      ErrorCode.MESSAGE_TOO_LARGE,
    ],
  ]
  test.each(refusals)('%s', async (...[, topic, records, options, errorCode]) => {
    const plane = await planeWith({
      t: {},
      small: { 'max.message.bytes': '200' },
      __consumer_offsets: {},
      __transaction_state: {},
      __share_group_state: {},
    })
    expect(await plane.produce(topic, records, options)).toMatchObject({
      errorCode,
      baseOffset: -1n,
      logAppendTimeMs: -1n,
      currentLeader: { leaderId: -1, leaderEpoch: -1 },
    })
    if (plane.host.image.topicByName(topic)) expect(plane.host.partition(topic).logEndOffset).toBe(0n)
  })

  test('and is told no start of a log that it never came to', async () => {
    const plane = await planeWith({ t: {}, small: { 'max.message.bytes': '200' } })
    const large = batchOf(['x'.repeat(200)])
    for (const [topic, records] of [['t', crc] as const, ['small', large] as const]) {
      expect(await plane.produce(topic, records)).toMatchObject({ logStartOffset: -1n })
    }
  })

  test('without a key for a compacted topic, and the records are named (T059)', async () => {
    const plane = await planeWith({ t: { 'cleanup.policy': 'compact' } })
    const { records } = { records: [1, 2].map(() => ({ timestamp: 1n, key: null, value: Buffer.from('v') })) }
    const refused = await plane.produce('t', batchOf([], { records }))
    expect(refused).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, logStartOffset: 0n })
    expect(refused!.recordErrors.map(error => error.batchIndex)).toEqual([0, 1])
    expect(refused!.recordErrors[0]!.batchIndexErrorMessage).toContain('key')
    expect(refused!.errorMessage).toBeTruthy()
  })

  test('where this broker does not lead, and the leader is named from version 10 on (T085)', async () => {
    const plane = await planeWith({ t: {} })
    await plane.host.changePartition('t', 0, { leader: 2, leaderEpoch: 4, replicas: [1, 2], isr: [1, 2] })
    expect(await plane.produce('t', batchOf(['a']), { version: 10 })).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: 2, leaderEpoch: 4 },
    })
    expect(await plane.produce('t', batchOf(['a']), { version: 9 })).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: -1, leaderEpoch: -1 },
    })
  })

  test('with acks=all where the in-sync replicas are too few (T060)', async () => {
    const plane = await DataPlane.start()
    const state = { replicas: [1, 2, 3], isr: [1] }
    await plane.host.createTopic('t', { state, config: { 'min.insync.replicas': '2' } })
    expect(await plane.produce('t', batchOf(['a']))).toMatchObject({
      errorCode: ErrorCode.NOT_ENOUGH_REPLICAS,
    })
    expect(await plane.produce('t', batchOf(['a']), { acks: 1 })).toMatchObject({
      errorCode: 0,
      baseOffset: 0n,
    })
  })

  test('and never for min.insync.replicas that a topic has not got replicas for', async () => {
    const plane = await planeWith({ t: { 'min.insync.replicas': '2' } })
    expect(await plane.produce('t', batchOf(['a']))).toMatchObject({ errorCode: 0 })
  })
})

describe('a transactional batch', () => {
  const transactional = () =>
    batchOf(['a'], { producerId: 1n, producerEpoch: 0, baseSequence: 0, isTransactional: true })

  test('without a transactional id is not authorised, as in Kafka', async () => {
    const plane = await planeWith({ t: {} })
    expect(await plane.produce('t', transactional())).toMatchObject({
      errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    })
    expect(plane.host.partition('t').logEndOffset).toBe(0n)
  })

  test('of an id that no coordinator knows is refused', async () => {
    const plane = await planeWith({ t: {} })
    expect(await plane.produce('t', transactional(), { transactionalId: 'x' })).toMatchObject({
      errorCode: ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    })
    expect(plane.host.partition('t').logEndOffset).toBe(0n)
  })

  test('is not what a transactional id alone makes: the batch says what it is', async () => {
    const plane = await planeWith({ t: {} })
    expect(await plane.produce('t', batchOf(['a']), { transactionalId: 'x' })).toMatchObject({ errorCode: 0 })
  })
})

describe('acks=0', () => {
  test('is not answered (T013)', async () => {
    const plane = await planeWith({ t: {} })
    expect(await plane.produce('t', batchOf(['a']), { acks: 0 })).toBeNull()
    expect(plane.host.partition('t').logEndOffset).toBe(1n)
    expect(plane.disconnects).toEqual([])
  })

  test('shows an error by ending the connection', async () => {
    const plane = await planeWith({})
    expect(await plane.produce('none', batchOf(['a']), { acks: 0 })).toBeNull()
    expect(plane.disconnects).toEqual(['UNKNOWN_TOPIC_OR_PARTITION for none-0 with acks=0'])
  })
})

describe('acks=all', () => {
  test('waits until the in-sync replicas have the batch', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    let answered: unknown
    void plane.produce('t', batchOf(['a', 'b'])).then(answer => {
      answered = answer
    })
    await settled()
    expect(answered).toBeUndefined()
    plane.host.partition('t').recordFollowerFetch(2, 1n)
    await settled()
    expect(answered).toBeUndefined()
    plane.host.partition('t').recordFollowerFetch(2, 2n)
    await settled()
    expect(answered).toMatchObject({ errorCode: 0, baseOffset: 0n })
  })

  test('goes on waiting where the leader stays and only its epoch moves', async () => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    const answer = plane.produce('t', batchOf(['a']))
    await settled()
    await plane.host.changePartition('t', 0, { leaderEpoch: 1, isr: [1] })
    expect(await answer).toMatchObject({ errorCode: 0, baseOffset: 0n })
  })

  const endings: [string, (plane: DataPlane) => void | Promise<void>, ErrorCode][] = [
    ['time is over', ({ host }) => host.clock.advance(1_000), ErrorCode.REQUEST_TIMED_OUT],
    [
      'leadership has moved (T064)',
      ({ host }) => host.changePartition('t', 0, { leader: 2, leaderEpoch: 1 }),
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ],
    ['the topic is deleted', ({ host }) => host.deleteTopic('t'), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ['the broker stops', ({ host }) => host.replicas.close(), ErrorCode.REQUEST_TIMED_OUT],
  ]
  test.each(endings)('is told when %s', async (_, end, errorCode) => {
    const plane = await DataPlane.start()
    await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    const answer = plane.produce('t', batchOf(['a']))
    await settled()
    await end(plane)
    expect(await answer).toMatchObject({ errorCode, baseOffset: -1n })
    expect(plane.host.replicas.purgatory.size).toBe(0)
  })
})

describe('an idempotent producer', () => {
  test('gets the original offset for each of its last five batches, unwritten (T051, T052)', async () => {
    const plane = await planeWith({ t: {} })
    for (let sequence = 0; sequence < 7; sequence++) await plane.produce('t', idempotent(sequence))
    for (const sequence of [2, 3, 4, 5, 6]) {
      expect(await plane.produce('t', idempotent(sequence))).toMatchObject({
        errorCode: 0,
        baseOffset: BigInt(sequence),
      })
    }
    expect(await plane.produce('t', idempotent(1))).toMatchObject({
      errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    })
    expect(plane.host.partition('t').logEndOffset).toBe(7n)
  })

  test('has its duplicates recognised after a restart (T052)', async () => {
    const plane = await planeWith({ t: {} })
    for (const sequence of [0, 1, 2]) await plane.produce('t', idempotent(sequence))
    await plane.host.restart()
    expect(await plane.produce('t', idempotent(1))).toMatchObject({ errorCode: 0, baseOffset: 1n })
    expect(await plane.produce('t', idempotent(3))).toMatchObject({ errorCode: 0, baseOffset: 3n })
  })

  test('is refused after a gap, and goes on where it stopped (T053)', async () => {
    const plane = await planeWith({ t: {} })
    await plane.produce('t', idempotent(0))
    expect(await plane.produce('t', idempotent(2))).toMatchObject({
      errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      logStartOffset: 0n,
    })
    expect(plane.host.partition('t').logEndOffset).toBe(1n)
    expect(await plane.produce('t', idempotent(1))).toMatchObject({ errorCode: 0, baseOffset: 1n })
  })

  test('goes from the largest sequence to 0 (T054)', async () => {
    const plane = await planeWith({ t: {} })
    const last = tampered(idempotent(0, { count: 3 }), batch =>
      batch.writeInt32BE(0x7ffffffe, BASE_SEQUENCE_AT),
    )
    expect(await plane.produce('t', last)).toMatchObject({ errorCode: 0 })
    expect(await plane.produce('t', idempotent(1))).toMatchObject({ errorCode: 0, baseOffset: 3n })
  })

  test('that nobody knows any more may go on with any sequence (T055)', async () => {
    const plane = await planeWith({ t: {} })
    expect(await plane.produce('t', idempotent(41))).toMatchObject({ errorCode: 0 })
    expect(await plane.produce('t', idempotent(43))).toMatchObject({
      errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    })
  })

  test('is fenced by a newer epoch of itself with INVALID_PRODUCER_EPOCH (T056)', async () => {
    const plane = await planeWith({ t: {} })
    await plane.produce('t', idempotent(0, { epoch: 3 }))
    expect(await plane.produce('t', idempotent(1, { epoch: 2 }))).toMatchObject({
      errorCode: ErrorCode.INVALID_PRODUCER_EPOCH,
    })
  })

  test('begins anew with a topic that was deleted and recreated (T028)', async () => {
    const plane = await planeWith({ t: {} })
    await plane.produce('t', idempotent(0))
    await plane.host.deleteTopic('t')
    await plane.host.createTopic('t')
    expect(await plane.produce('t', idempotent(12))).toMatchObject({ errorCode: 0, baseOffset: 0n })
  })
})

/** One message of format 0 or 1. */
function legacyMessage(value: string, magic: 0 | 1): Buffer {
  return encodeMessage({
    offset: 0n,
    magic,
    compression: 'none',
    timestampType: 'CreateTime',
    timestamp: magic === 0 ? -1n : BigInt(START_MS),
    key: null,
    value: Buffer.from(value),
  })
}
