import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  type CompressionType,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PARTITION_LEADER_EPOCH_AT,
  RECORD_COUNT_AT,
  RecordBatch,
} from './batch.ts'
import {
  assembleBatch,
  type BatchOptions,
  buildBatch,
  buildEndTransactionMarker,
  type NewRecord,
} from './builder.ts'
import { compress } from './compression.ts'
import { encodeMessage, type NewMessage } from './legacy.ts'
import { decodeRecords } from './lookup.ts'
import {
  type ProduceRefusal,
  type ProduceRules,
  type ValidatedBatch,
  validateProduced,
} from './validation.ts'

const now = 1_700_000_000_000n
const HOUR = 3_600_000n
const defaults: ProduceRules = {
  topicPartition: 'events-0',
  produceVersion: 9,
  now,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: 0x7fff_ffff_ffff_ffffn,
  timestampAfterMaxMs: HOUR,
  compressionType: 'producer',
  maxMessageBytes: 1_048_588,
  segmentBytes: 1_073_741_824,
  isCompacted: false,
}
const codecs: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

function record(i: number, timestamp = now + BigInt(i)): NewRecord {
  const headers = i % 2 === 0 ? [] : [{ key: 'trace', value: Buffer.from([i]) }]
  return { timestamp, key: Buffer.from(`key-${i}`), value: Buffer.from(`value-${i}`), headers }
}

const records = (count: number): NewRecord[] => Array.from({ length: count }, (_, i) => record(i))

function batchOf(options: Partial<BatchOptions> = {}): Buffer {
  return buildBatch({ records: records(3), ...options })
}

/** A batch with something changed, and the checksum right again. */
function changed(change: (buffer: Buffer) => void, options: Partial<BatchOptions> = {}): Buffer {
  const buffer = batchOf(options)
  change(buffer)
  new RecordBatch(buffer).updateChecksum()
  return buffer
}

function accepted(buffer: Buffer, rules: Partial<ProduceRules> = {}): ValidatedBatch {
  const result = validateProduced(buffer, { ...defaults, ...rules })
  if (result.error) throw new Error(`${result.error} ${result.message}`)
  expect(result.value.batch.isChecksumValid()).toBe(true)
  return result.value
}

function refused(buffer: Buffer, rules: Partial<ProduceRules> = {}): ProduceRefusal {
  const result = validateProduced(buffer, { ...defaults, ...rules })
  if (!result.error) throw new Error('was accepted')
  expect(result.message).toBeTruthy()
  return result
}

function decoded(batch: RecordBatch) {
  const result = decodeRecords(batch)
  if (result.error) throw new Error(result.message)
  return result.value
}

describe('a batch that needs nothing', () => {
  test.each(codecs)('is the very buffer that came: %s', compression => {
    const buffer = batchOf({ compression })
    const copy = Buffer.from(buffer)
    const validated = accepted(buffer)
    expect(validated).toMatchObject({ recordCount: 3, maxTimestamp: now + 2n, logAppendTimeMs: -1n })
    expect(validated.isRebuilt).toBe(false)
    expect(validated.batch.buffer).toBe(buffer)
    expect(buffer.equals(copy)).toBe(true)
  })

  test('keeps its producer id, epoch, sequence and transactional flag', () => {
    const options = { producerId: 7n, producerEpoch: 2, baseSequence: 40, isTransactional: true }
    expect(accepted(batchOf(options)).batch).toMatchObject(options)
  })

  test('T057: its leader epoch is ignored, is overwritten, and is not under the checksum', () => {
    const buffer = batchOf()
    buffer.writeInt32BE(0, PARTITION_LEADER_EPOCH_AT)
    const { batch } = accepted(buffer)
    batch.assignOffset(500n, 9)
    expect(batch).toMatchObject({ partitionLeaderEpoch: 9, baseOffset: 500n, lastOffset: 502n })
    expect(batch.isChecksumValid()).toBe(true)
  })

  test('may be followed by a part of another, which is ignored', () => {
    const buffer = batchOf()
    const { batch } = accepted(Buffer.concat([buffer, buffer.subarray(0, 30)]))
    expect(batch.sizeInBytes).toBe(buffer.length)
  })
})

describe('the shape of a produced set', () => {
  test('none, or a part of a batch, is INVALID_RECORD', () => {
    for (const buffer of [Buffer.alloc(0), batchOf().subarray(0, 40)]) {
      expect(refused(buffer).error).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('two batches are INVALID_RECORD', () => {
    expect(refused(Buffer.concat([batchOf(), batchOf()])).error).toBe(ErrorCode.INVALID_RECORD)
  })

  test('sizes that cannot be are CORRUPT_MESSAGE', () => {
    for (const size of [-1, 0, 13, 48]) {
      const buffer = batchOf()
      buffer.writeInt32BE(size, LENGTH_AT)
      expect(refused(buffer).error, `size ${size}`).toBe(ErrorCode.CORRUPT_MESSAGE)
    }
  })

  test('an unknown format is CORRUPT_MESSAGE, an old one INVALID_RECORD', () => {
    const buffer = batchOf()
    buffer[MAGIC_AT] = 3
    expect(refused(buffer).error).toBe(ErrorCode.CORRUPT_MESSAGE)
    buffer[MAGIC_AT] = 1
    expect(refused(buffer, { produceVersion: 3 }).error).toBe(ErrorCode.INVALID_RECORD)
  })

  test('T065: zstd before Produce v7 is UNSUPPORTED_COMPRESSION_TYPE', () => {
    const buffer = batchOf({ compression: 'zstd' })
    for (const produceVersion of [2, 3, 6]) {
      const { error } = refused(buffer, { produceVersion })
      expect(error).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    }
    accepted(buffer, { produceVersion: 7 })
  })
})

describe('the header', () => {
  test('T062: a wrong checksum is CORRUPT_MESSAGE, wherever the change is behind it', () => {
    const original = batchOf()
    for (let at = CRC_AT; at < original.length; at++) {
      const buffer = Buffer.from(original)
      buffer[at]! ^= 0x10
      expect(refused(buffer).error, `at ${at}`).toBe(ErrorCode.CORRUPT_MESSAGE)
    }
  })

  const changes: readonly [string, (buffer: Buffer) => void][] = [
    ['a base offset other than 0', buffer => buffer.writeBigInt64BE(5n, BASE_OFFSET_AT)],
    ['a negative last offset delta', buffer => buffer.writeInt32BE(-1, LAST_OFFSET_DELTA_AT)],
    ['no records', buffer => buffer.writeInt32BE(0, RECORD_COUNT_AT)],
    ['a negative count', buffer => buffer.writeInt32BE(-3, RECORD_COUNT_AT)],
    ['more records than offsets', buffer => buffer.writeInt32BE(4, RECORD_COUNT_AT)],
    ['more offsets than records', buffer => buffer.writeInt32BE(3, LAST_OFFSET_DELTA_AT)],
    [
      'one more of both than there are',
      buffer => {
        buffer.writeInt32BE(3, LAST_OFFSET_DELTA_AT)
        buffer.writeInt32BE(4, RECORD_COUNT_AT)
      },
    ],
    [
      'one fewer of both than there are',
      buffer => {
        buffer.writeInt32BE(1, LAST_OFFSET_DELTA_AT)
        buffer.writeInt32BE(2, RECORD_COUNT_AT)
      },
    ],
  ]
  test.each(changes)('%s is INVALID_RECORD', (_name, change) => {
    for (const compression of codecs) {
      expect(refused(changed(change, { compression })).error, compression).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('a producer id without a sequence is INVALID_RECORD', () => {
    const buffer = batchOf({ producerId: 7n, producerEpoch: 0, baseSequence: 0 })
    buffer.writeInt32BE(-1, BASE_SEQUENCE_AT)
    new RecordBatch(buffer).updateChecksum()
    expect(refused(buffer).error).toBe(ErrorCode.INVALID_RECORD)
  })

  test('T061: a control batch from a client is INVALID_RECORD', () => {
    const marker = buildEndTransactionMarker({
      type: 'COMMIT',
      coordinatorEpoch: 0,
      timestamp: now,
      producerId: 7n,
      producerEpoch: 0,
    })
    expect(refused(marker).error).toBe(ErrorCode.INVALID_RECORD)
  })

  test('an unknown compression type is UNSUPPORTED_COMPRESSION_TYPE', () => {
    for (const type of [5, 6, 7]) {
      const buffer = changed(buffer => buffer.writeInt16BE(type, 21))
      expect(refused(buffer).error).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    }
  })

  test('T058: the bound on size is that of the batch as it came, compressed', () => {
    const value = Buffer.alloc(100_000, 'abc')
    const buffer = batchOf({ records: [{ ...record(0), value }], compression: 'gzip' })
    accepted(buffer, { maxMessageBytes: buffer.length })
    const { error } = refused(buffer, { maxMessageBytes: buffer.length - 1 })
    expect(error).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    const { error: segmentError } = refused(buffer, { segmentBytes: buffer.length - 1 })
    expect(segmentError).toBe(ErrorCode.RECORD_LIST_TOO_LARGE)
  })
})

describe('the records', () => {
  const malformed: readonly [string, string][] = [
    ['a size beyond the batch', '7e0000000000'],
    ['a size of zero', '00'],
    ['a negative size', '01'],
    ['a varint without end', 'ffffffffffff'],
    ['a timestamp without end', '1c00ffffffffffffffffffffffff'],
    ['a key longer than the record', '0c00000040000000'],
    ['a value longer than the record', '0c000000017e0000'],
    ['a negative count of headers', '0c000000010101'],
    ['more headers than can be', '0c00000001017e'],
    ['a header with a null key', '10000000010102' + '0101'],
    ['bytes left inside the record', '0e00000001010000'],
  ]
  test.each(malformed)('%s is INVALID_RECORD', (_name, hex) => {
    for (const compression of codecs) {
      const buffer = assembleBatch(
        { compression },
        {
          recordBytes: Buffer.from(hex, 'hex'),
          recordCount: 1,
          lastOffsetDelta: 0,
          baseTimestamp: now,
          maxTimestamp: now,
        },
      )
      expect(refused(buffer).error, compression).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('compressed data that cannot be decoded is INVALID_RECORD', () => {
    for (const compression of codecs.slice(1)) {
      const buffer = batchOf({ compression })
      buffer.fill(0x5a, 65)
      new RecordBatch(buffer).updateChecksum()
      expect(refused(buffer).error, compression).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('compressed data beyond the bound is MESSAGE_TOO_LARGE', () => {
    const value = Buffer.alloc(500_000)
    for (const compression of codecs.slice(1)) {
      const buffer = batchOf({ records: [{ ...record(0), value }], compression })
      const { error } = refused(buffer, { maxDecompressedBytes: 400_000 })
      expect(error, compression).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    }
  })

  const misplaced = [record(0), { ...record(1), offsetDelta: 5 }, { ...record(2), offsetDelta: 2 }]
  test('wrong offset deltas are INVALID_RECORD', () => {
    // Kafka stores them as they are in a plain batch and fails with UNKNOWN_SERVER_ERROR on a compressed one.
    for (const compression of codecs) {
      const { error } = refused(batchOf({ records: misplaced, compression }))
      expect(error, compression).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('T059: a record without a key is INVALID_RECORD in a compacted topic, and named', () => {
    const keyless = [record(0), { ...record(1), key: null }, { ...record(2), key: null }]
    for (const compression of codecs) {
      const buffer = batchOf({ records: keyless, compression })
      const { error, recordErrors } = refused(buffer, { isCompacted: true })
      expect(error).toBe(ErrorCode.INVALID_RECORD)
      expect(recordErrors?.map(({ batchIndex }) => batchIndex)).toEqual([1, 2])
      accepted(buffer)
    }
    accepted(batchOf({ records: [{ ...record(0), key: Buffer.alloc(0) }] }), { isCompacted: true })
  })
})

describe('timestamps', () => {
  const at = (...timestamps: bigint[]) => batchOf({ records: timestamps.map((time, i) => record(i, time)) })

  test('out of the allowed range are INVALID_TIMESTAMP, to the millisecond, and named', () => {
    const rules = { timestampBeforeMaxMs: 1000n, timestampAfterMaxMs: 2000n }
    accepted(at(now - 1000n, now, now + 2000n), rules)
    const { error, recordErrors } = refused(at(now, now - 1001n, now, now + 2001n), rules)
    expect(error).toBe(ErrorCode.INVALID_TIMESTAMP)
    expect(recordErrors?.map(({ batchIndex }) => batchIndex)).toEqual([1, 3])
    accepted(at(now, -1n), rules)
    accepted(at(0n, now + 10_000_000n), { ...rules, timestampType: 'LogAppendTime' })
  })

  test('an hour ahead is the default bound, the past has none', () => {
    accepted(at(0n, now + HOUR))
    expect(refused(at(now, now + HOUR + 1n)).error).toBe(ErrorCode.INVALID_TIMESTAMP)
  })

  test('of any size are compared exactly', () => {
    for (const far of [2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n]) {
      expect(refused(at(now, far)).error).toBe(ErrorCode.INVALID_TIMESTAMP)
      expect(refused(at(far, now)).error).toBe(ErrorCode.INVALID_TIMESTAMP)
      const rules = { timestampAfterMaxMs: 2n ** 63n - 1n }
      expect(accepted(at(now, far), rules).maxTimestamp).toBe(far)
      expect(accepted(at(far, now), rules).maxTimestamp).toBe(far)
    }
  })

  test("the batch's maximum is made right where the producer had it wrong", () => {
    const buffer = changed(buffer => buffer.writeBigInt64BE(now + 77n, MAX_TIMESTAMP_AT))
    const { batch, maxTimestamp } = accepted(buffer)
    expect(maxTimestamp).toBe(now + 2n)
    expect(batch.maxTimestamp).toBe(now + 2n)
  })

  test('T063: LogAppendTime is set in the header only, with a new checksum', () => {
    const buffer = batchOf({ compression: 'gzip' })
    const before = Buffer.from(buffer)
    const validated = accepted(buffer, { timestampType: 'LogAppendTime', now: now + 50n })
    expect(validated).toMatchObject({ logAppendTimeMs: now + 50n, maxTimestamp: now + 50n, isRebuilt: false })
    expect(validated.batch.timestampType).toBe('LogAppendTime')
    expect(buffer.subarray(61).equals(before.subarray(61))).toBe(true)
    expect(decoded(validated.batch).map(({ timestamp }) => timestamp)).toEqual(new Array(3).fill(now + 50n))
  })

  test('a batch that claims LogAppendTime is refused in a LogAppendTime topic, else corrected', () => {
    const buffer = batchOf({ timestampType: 'LogAppendTime', logAppendTime: now })
    const { error } = refused(Buffer.from(buffer), { timestampType: 'LogAppendTime' })
    expect(error).toBe(ErrorCode.INVALID_TIMESTAMP)
    const { batch } = accepted(Buffer.from(buffer), { compressionType: 'gzip' })
    expect(decoded(batch).map(({ timestamp }) => timestamp)).toEqual(new Array(3).fill(now))
    expect(accepted(buffer).batch.timestampType).toBe('CreateTime')
  })
})

describe('compression.type', () => {
  test.each(codecs)('%s is what the log gets, whatever came', target => {
    for (const compression of codecs) {
      const options = {
        compression,
        producerId: 7n,
        producerEpoch: 2,
        baseSequence: 40,
        isTransactional: true,
      }
      const buffer = batchOf(options)
      const original = decoded(new RecordBatch(Buffer.from(buffer)))
      const { batch, isRebuilt } = accepted(buffer, { compressionType: target })
      expect(isRebuilt).toBe(compression !== target)
      expect(batch).toMatchObject({ ...options, compression: target, maxTimestamp: now + 2n })
      expect(decoded(batch)).toEqual(original)
    }
  })

  test('the new size is held against the bound too', () => {
    const value = Buffer.alloc(5000)
    const buffer = batchOf({ records: [{ ...record(0), value }], compression: 'gzip' })
    const { error } = refused(buffer, { compressionType: 'none', maxMessageBytes: 1000 })
    expect(error).toBe(ErrorCode.MESSAGE_TOO_LARGE)
  })

  test('with LogAppendTime the new batch has the append time', () => {
    const rules = { compressionType: 'lz4', timestampType: 'LogAppendTime', now: now + 9n } as const
    expect(accepted(batchOf(), rules)).toMatchObject({ maxTimestamp: now + 9n, logAppendTimeMs: now + 9n })
  })
})

test('depth header trusts what is inside an intact batch', () => {
  const misplaced = batchOf({
    records: [
      { ...record(0), offsetDelta: 0 },
      { ...record(1), key: null },
    ],
  })
  misplaced.fill(0xff, 61)
  new RecordBatch(misplaced).updateChecksum()
  accepted(Buffer.from(misplaced), { depth: 'header', isCompacted: true })
  expect(refused(misplaced).error).toBe(ErrorCode.INVALID_RECORD)
  misplaced[70]! ^= 1
  expect(refused(misplaced, { depth: 'header' }).error).toBe(ErrorCode.CORRUPT_MESSAGE)
})

describe('old formats', () => {
  const old = { produceVersion: 2 }
  const message = (changes: Partial<NewMessage> = {}): Buffer =>
    encodeMessage({
      offset: 0n,
      magic: 1,
      compression: 'none',
      timestampType: 'CreateTime',
      timestamp: now,
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      ...changes,
    })

  test('T062: a wrong checksum is CORRUPT_MESSAGE', () => {
    const original = message()
    for (let at = 18; at < original.length; at++) {
      const buffer = Buffer.from(original)
      buffer[at]! ^= 1
      expect(refused(buffer, old).error).toBe(ErrorCode.CORRUPT_MESSAGE)
    }
  })

  test('T062: a wrong checksum inside a compressed message is CORRUPT_MESSAGE', () => {
    const inner = message()
    inner[inner.length - 1]! ^= 1
    const wrapper = message({ compression: 'gzip', key: null, value: compress('gzip', inner) })
    expect(refused(wrapper, old).error).toBe(ErrorCode.CORRUPT_MESSAGE)
  })

  test('mixed formats, a compressed message among others or inside another are INVALID_RECORD', () => {
    const wrapper = message({ compression: 'gzip', key: null, value: compress('gzip', message()) })
    const twice = message({ compression: 'gzip', key: null, value: compress('gzip', wrapper) })
    const mixed = message({ compression: 'gzip', key: null, value: compress('gzip', message({ magic: 0 })) })
    accepted(wrapper, old)
    for (const set of [Buffer.concat([message(), message({ magic: 0 })]), twice, mixed]) {
      expect(refused(set, old).error).toBe(ErrorCode.INVALID_RECORD)
    }
    const empty = message({ compression: 'gzip', key: null, value: compress('gzip', Buffer.alloc(0)) })
    for (const set of [
      Buffer.concat([wrapper, wrapper]),
      empty,
      message({ compression: 'gzip', value: null }),
    ]) {
      expect(refused(set, old).error).toBe(ErrorCode.INVALID_RECORD)
    }
  })

  test('a compressed message of format 1 has the offset of the last inside it, or 0', () => {
    const value = compress('gzip', Buffer.concat([message(), message({ offset: 1n })]))
    for (const offset of [0n, 1n, 500n]) {
      expect(accepted(message({ compression: 'gzip', key: null, value, offset }), old).recordCount).toBe(2)
    }
    const later = compress('gzip', message({ offset: 7n }))
    const wrong = message({ compression: 'gzip', key: null, value: later, offset: 3n })
    expect(refused(wrong, old).error).toBe(ErrorCode.INVALID_RECORD)
  })

  test('keys and timestamps follow the same rules', () => {
    const keyless = Buffer.concat([message(), message({ key: null })])
    const { recordErrors } = refused(keyless, { ...old, isCompacted: true })
    expect(recordErrors?.map(({ batchIndex }) => batchIndex)).toEqual([1])
    const late = refused(message({ timestamp: now + HOUR + 1n }), old)
    expect(late.error).toBe(ErrorCode.INVALID_TIMESTAMP)
  })

  test('the topic may ask for another codec', () => {
    const { batch } = accepted(Buffer.concat([message(), message()]), { ...old, compressionType: 'zstd' })
    expect(batch).toMatchObject({ compression: 'zstd', recordCount: 2, producerId: -1n })
  })
})

describe('whatever bytes come', () => {
  /** The same numbers on every run. */
  function generator(seed: number): () => number {
    let state = seed
    return () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state >>> 4
    }
  }
  test.each(codecs)('there is a typed answer, and what is accepted can be read: %s', compression => {
    const next = generator(17)
    const original = batchOf({ records: records(20), compression })
    let acceptedCount = 0
    for (let round = 0; round < 1500; round++) {
      const buffer = Buffer.from(original)
      for (let n = next() % 3; n >= 0; n--) {
        const at = round % 2 === 0 ? 61 + (next() % (buffer.length - 61)) : next() % buffer.length
        buffer[at] = next() & 0xff
      }
      if (round % 3 !== 0 && buffer.readInt32BE(LENGTH_AT) === buffer.length - 12) {
        new RecordBatch(buffer).updateChecksum()
      }
      const produceVersion = round % 5 === 0 ? 2 : 9
      const rules = { ...defaults, produceVersion, maxDecompressedBytes: 1_000_000 }
      const result = validateProduced(buffer, rules)
      if (result.error) continue
      acceptedCount++
      expect(result.value.batch.isChecksumValid()).toBe(true)
      expect(decoded(result.value.batch)).toHaveLength(result.value.recordCount)
    }
    expect(acceptedCount).toBeGreaterThan(0)
  })

  test('old message sets too', () => {
    const next = generator(23)
    const set = (magic: 0 | 1) =>
      encodeMessage({
        offset: 0n,
        magic,
        compression: 'none',
        timestampType: 'CreateTime',
        timestamp: now,
        key: Buffer.from('key'),
        value: Buffer.from('value'),
      })
    for (let round = 0; round < 3000; round++) {
      const buffer = Buffer.concat([set((round & 1) as 0 | 1), set((round & 1) as 0 | 1)])
      for (let n = next() % 3; n >= 0; n--) buffer[next() % buffer.length] = next() & 0xff
      const size = buffer.readInt32BE(LENGTH_AT)
      if (round % 3 !== 0 && size > 14 && size < buffer.length - 12) {
        buffer.writeUInt32BE(crc32(buffer.subarray(16, 12 + size)), 12)
      }
      const result = validateProduced(buffer, { ...defaults, produceVersion: 2 })
      if (!result.error) expect(decoded(result.value.batch)).toHaveLength(result.value.recordCount)
    }
  })
})
