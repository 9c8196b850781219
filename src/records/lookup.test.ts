import { describe, expect, test } from 'vitest'
import { COMPRESSION_TYPES, decrementSequence, incrementSequence, RecordBatch } from './batch.ts'
import { type BatchOptions, buildBatch } from './builder.ts'
import { findByTimestamp, findMaxTimestamp } from './lookup.ts'

const key = Buffer.from('k')

function batchAt(timestamps: readonly bigint[], options: Partial<BatchOptions> = {}): RecordBatch {
  const records = timestamps.map(timestamp => ({ timestamp, key, value: null }))
  return new RecordBatch(buildBatch({ records, baseOffset: 100n, ...options }))
}

describe('T087: a look-up by timestamp finds the record, not the batch', () => {
  test.each(COMPRESSION_TYPES)('%s', compression => {
    // Out of order, as several threads of a producer give them.
    const batch = batchAt([50n, 20n, 70n, 60n, 70n], { compression })
    const find = (timestamp: bigint, from?: bigint) => findByTimestamp(batch, timestamp, from)
    expect(find(0n)).toEqual({ error: 0, value: { offset: 100n, timestamp: 50n } })
    expect(find(51n)).toEqual({ error: 0, value: { offset: 102n, timestamp: 70n } })
    expect(find(51n, 103n)).toEqual({ error: 0, value: { offset: 103n, timestamp: 60n } })
    expect(find(71n)).toEqual({ error: 0, value: undefined })
    expect(findMaxTimestamp(batch)).toEqual({ error: 0, value: { offset: 102n, timestamp: 70n } })
  })

  test('with LogAppendTime all records have the time of the header', () => {
    const batch = batchAt([50n, 20n], { timestampType: 'LogAppendTime', logAppendTime: 90n })
    expect(findByTimestamp(batch, 80n)).toEqual({ error: 0, value: { offset: 100n, timestamp: 90n } })
    expect(findMaxTimestamp(batch)).toEqual({ error: 0, value: { offset: 100n, timestamp: 90n } })
  })

  test('records without a time are not found', () => {
    const batch = batchAt([-1n, -1n])
    expect(findByTimestamp(batch, 0n)).toEqual({ error: 0, value: undefined })
    expect(findMaxTimestamp(batch)).toEqual({ error: 0, value: undefined })
  })

  test('a batch that cannot be read is a refusal', () => {
    const batch = batchAt([50n, 60n], { compression: 'gzip' })
    batch.buffer.fill(0, 61)
    expect(findByTimestamp(batch, 0n).error).not.toBe(0)
  })
})

test('T054: sequences wrap from the greatest int32 to 0, both ways', () => {
  expect(incrementSequence(0x7fff_ffff, 1)).toBe(0)
  expect(incrementSequence(0x7fff_fffe, 5)).toBe(3)
  expect(decrementSequence(3, 5)).toBe(0x7fff_fffe)
  expect(decrementSequence(0, 1)).toBe(0x7fff_ffff)
  expect(decrementSequence(9, 4)).toBe(5)
})
