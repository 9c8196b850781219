/** Every entry of the reference was built by Kafka's own classes; its JSON is what they read back. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { inspectBatch, LENGTH_AT, LOG_OVERHEAD_BYTES, MAGIC_AT, RecordBatch, splitBatches } from './batch.ts'
import { buildBatch, buildEndTransactionMarker } from './builder.ts'
import { decodeMessageSet, downConvert, readInnerMessages, readMessage } from './legacy.ts'
import { type DecodedRecord, decodeRecords, readControlMarker } from './lookup.ts'
import { validateProduced } from './validation.ts'

interface ReferenceRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly sequence?: number
  readonly headers?: readonly { readonly key: string; readonly value: string | null }[]
  readonly controlType?: string
  readonly coordinatorEpoch?: number
}

interface ReferenceBatch {
  readonly magic: number
  readonly valid: boolean
  readonly sizeInBytes: number
  readonly deleteHorizonMs?: number
  readonly records?: readonly ReferenceRecord[]
}

interface Entry {
  readonly name: string
  readonly json: {
    readonly sizeInBytes: number
    readonly validBytes: number
    readonly batches: ReferenceBatch[]
  }
  readonly bytes: Buffer
}

const lines = gunzipSync(readFileSync(join(import.meta.dirname, 'fixtures', 'records.jsonl.gz')))
const entries: readonly Entry[] = lines
  .toString()
  .trim()
  .split('\n')
  .map(line => {
    const { name, json, hex } = JSON.parse(line) as Omit<Entry, 'bytes'> & { readonly hex: string }
    return { name, json, bytes: Buffer.from(hex, 'hex') }
  })
const named = (name: string): Entry => {
  const found = entries.find(entry => entry.name === name)
  if (!found) throw new Error(`no entry ${name}`)
  return found
}
/** A copy, since validation edits in place. */
const bytesOf = (name: string): Buffer => Buffer.from(named(name).bytes)

const hex = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('hex')

function granted<T>(result: { readonly error: number; readonly message?: string; readonly value?: T }): T {
  if (result.error) throw new Error(`${result.error} ${result.message}`)
  return result.value as T
}

/** Comparing text is many times faster than comparing thousands of buffers structurally. */
function text(value: unknown): string {
  return JSON.stringify(value, (_key, field) => {
    if (typeof field === 'bigint') return String(field)
    return field?.type === 'Buffer' ? Buffer.from(field.data).toString('hex') : field
  })
}

/** What the reference says of a record, from ours. */
function described(record: DecodedRecord, magic: number): ReferenceRecord {
  return {
    offset: Number(record.offset),
    timestamp: Number(record.timestamp),
    key: hex(record.key),
    value: hex(record.value),
    ...(magic === 2 ? { sequence: record.sequence } : {}),
    ...(record.headers.length > 0
      ? { headers: record.headers.map(({ key, value }) => ({ key, value: hex(value) })) }
      : {}),
  }
}

function describeBatch(batch: RecordBatch): object {
  const isValid = batch.isChecksumValid()
  const marker = readControlMarker(batch)
  return {
    magic: batch.magic,
    baseOffset: Number(batch.baseOffset),
    lastOffset: Number(batch.lastOffset),
    sizeInBytes: batch.sizeInBytes,
    crc: batch.crc,
    valid: isValid,
    compression: batch.compression,
    timestampType: batch.timestampType,
    maxTimestamp: Number(batch.maxTimestamp),
    baseTimestamp: Number(batch.baseTimestamp),
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    producerId: Number(batch.producerId),
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    lastSequence: batch.lastSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    count: batch.recordCount,
    ...(batch.hasDeleteHorizon ? { deleteHorizonMs: Number(batch.deleteHorizonMs) } : {}),
    ...(isValid
      ? {
          records: granted(decodeRecords(batch)).map(record => ({
            ...described(record, 2),
            ...(marker ? { controlType: marker.type, coordinatorEpoch: marker.coordinatorEpoch } : {}),
          })),
        }
      : { note: 'CRC invalid: records not decoded' }),
  }
}

function describeMessage(bytes: Buffer): object {
  const message = granted(readMessage(bytes, 0))!
  const records = granted(decodeMessageSet(bytes)).map(record => described(record, message.magic))
  return {
    magic: message.magic,
    baseOffset: records[0]!.offset,
    lastOffset: Number(message.offset),
    sizeInBytes: message.sizeInBytes,
    crc: bytes.readUInt32BE(12),
    valid: message.isChecksumValid,
    compression: message.compression,
    timestampType: message.magic === 0 ? 'NoTimestampType' : message.timestampType,
    maxTimestamp: Number(message.timestamp),
    records,
  }
}

/** As a reader of the log walks: entry by entry, up to the first that is not whole. */
function describeAll(bytes: Buffer): object[] {
  const batches: object[] = []
  let position = 0
  while (bytes.length - position > MAGIC_AT) {
    const end = position + LOG_OVERHEAD_BYTES + bytes.readInt32BE(position + LENGTH_AT)
    if (end > bytes.length) break
    const isOld = bytes.readInt8(position + MAGIC_AT) < 2
    batches.push(
      isOld
        ? describeMessage(bytes.subarray(position, end))
        : describeBatch(new RecordBatch(bytes, position)),
    )
    position = end
  }
  return batches
}

/** Kafka names other control records too, which mean nothing to a partition's log. */
function withoutForeignControls(batches: readonly ReferenceBatch[]): object[] {
  return batches.map(batch => {
    if (!batch.records) return batch
    const records = batch.records.map(({ controlType, ...record }) =>
      controlType === 'COMMIT' || controlType === 'ABORT' ? { ...record, controlType } : record,
    )
    return { ...batch, records }
  })
}

test('there are 143 entries', () => expect(entries).toHaveLength(143))

test.each(entries.map(entry => [entry.name, entry] as const))(
  '%s reads as Kafka reads it',
  (_name, entry) => {
    expect(entry.bytes.length).toBe(entry.json.sizeInBytes)
    const expected = withoutForeignControls(entry.json.batches)
    // Kafka's reader tells a part of a batch by its header already.
    expect(describeAll(entry.bytes)).toEqual(expected)
  },
)

describe('batches of format 2 are built as Kafka builds them', () => {
  const buildable = entries.filter(
    ({ name, json }) =>
      name.startsWith('v2.') &&
      !/multibatch|compacted|badcrc|control/.test(name) &&
      json.batches.every(batch => batch.magic === 2),
  )
  test.each(buildable.map(entry => [entry.name, entry] as const))('%s', (_name, { bytes }) => {
    const batch = new RecordBatch(bytes)
    const decoded = granted(decodeRecords(batch))
    // Under LogAppendTime the records keep the times that their producer gave them.
    const header = Buffer.from(bytes)
    header.writeInt16BE(batch.attributes & ~0x08, 21)
    const written = granted(decodeRecords(new RecordBatch(header)))
    const attributes = {
      baseOffset: batch.baseOffset,
      timestampType: batch.timestampType,
      logAppendTime: batch.maxTimestamp,
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      partitionLeaderEpoch: batch.partitionLeaderEpoch,
      isTransactional: batch.isTransactional,
    }
    if (batch.compression === 'none') {
      expect(buildBatch({ records: written, ...attributes }).equals(bytes)).toBe(true)
    }
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const rebuilt = new RecordBatch(buildBatch({ records: written, ...attributes, compression }))
      expect(rebuilt.isChecksumValid()).toBe(true)
      expect(text(granted(decodeRecords(rebuilt)))).toBe(text(decoded))
    }
  })

  test.each(['commit', 'abort'])('%s markers', type => {
    for (const coordinatorEpoch of [0, 15, 0x7fff_ffff]) {
      const { bytes } = named(`v2.control.${type}.ce${coordinatorEpoch}`)
      const batch = new RecordBatch(bytes)
      const built = buildEndTransactionMarker({
        type: type === 'commit' ? 'COMMIT' : 'ABORT',
        coordinatorEpoch,
        timestamp: batch.maxTimestamp,
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseOffset: batch.baseOffset,
        partitionLeaderEpoch: batch.partitionLeaderEpoch,
      })
      expect(built.equals(bytes)).toBe(true)
    }
  })
})

describe('a log finds where the good batches end', () => {
  test('behind the last whole one', () => {
    const whole = [...splitBatches(named('v2.multibatch').bytes)]
    expect(whole).toHaveLength(5)
    expect([...splitBatches(named('v2.multibatch.truncated').bytes)]).toHaveLength(4)
    const cut = inspectBatch(named('v2.multibatch.truncated').bytes, whole[4]!.position)
    expect(cut).toMatchObject({ problem: 'incomplete' })
  })

  test('at a wrong checksum', () => {
    const { bytes } = named('v2.badcrc')
    expect(inspectBatch(bytes, 0)).toBeInstanceOf(RecordBatch)
    expect(inspectBatch(bytes, 0, { checksum: true })).toMatchObject({ problem: 'corrupt' })
  })

  test('at anything that is not a batch, whatever follows', () => {
    for (const junk of [Buffer.alloc(100), Buffer.alloc(100, 0xff), named('v1.none.create.4').bytes]) {
      expect(inspectBatch(junk, 0)).toMatchObject({ problem: 'corrupt' })
    }
    expect(inspectBatch(Buffer.alloc(5), 0)).toMatchObject({ problem: 'incomplete' })
  })
})

const now = 1_700_000_000_000n
const rules = {
  topicPartition: 'events-0',
  produceVersion: 2,
  now,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: 0x7fff_ffff_ffff_ffffn,
  timestampAfterMaxMs: 3_600_000n,
  compressionType: 'producer',
  maxMessageBytes: 1_048_588,
  segmentBytes: 1_073_741_824,
  isCompacted: false,
} as const
const oldCodecs = ['none', 'gzip', 'snappy', 'lz4'] as const
const counts = [1, 4, 1000] as const

describe('old message sets become what a new producer would have sent', () => {
  test.each(oldCodecs)('%s, format 1', codec => {
    for (const count of counts) {
      const { batch } = granted(validateProduced(bytesOf(`v1.${codec}.create.${count}`), rules))
      const twin = new RecordBatch(named(`v2.${codec}.create.${count}`).bytes)
      expect(batch.compression).toBe(codec)
      expect(text(granted(decodeRecords(batch)))).toBe(text(granted(decodeRecords(twin))))
      if (codec === 'none') expect(batch.bytes().equals(twin.bytes())).toBe(true)
    }
  })

  test.each(oldCodecs)('%s, format 0, whose records have no time', codec => {
    for (const count of counts) {
      const validated = granted(validateProduced(bytesOf(`v0.${codec}.notime.${count}`), rules))
      const twin = granted(decodeRecords(new RecordBatch(named(`v2.${codec}.create.${count}`).bytes)))
      const records = granted(decodeRecords(validated.batch))
      expect(text(records)).toBe(text(twin.map(record => ({ ...record, timestamp: -1n }))))
      expect(validated.maxTimestamp).toBe(-1n)
    }
  })

  test('with the append time of the topic', () => {
    const validated = granted(
      validateProduced(bytesOf('v0.gzip.notime.4'), { ...rules, timestampType: 'LogAppendTime' }),
    )
    expect(validated).toMatchObject({ logAppendTimeMs: now, maxTimestamp: now, isRebuilt: true })
    expect(granted(decodeRecords(validated.batch)).map(record => record.timestamp)).toEqual([
      now,
      now,
      now,
      now,
    ])
  })
})

describe('batches become what an old broker would have sent', () => {
  test('uncompressed: to the byte', () => {
    for (const count of counts) {
      for (const [type, twins] of [
        ['create', ['v0.none.notime', 'v1.none.create']],
        ['append', ['v0.none.notime', 'v1.none.append']],
      ] as const) {
        for (const magic of [0, 1] as const) {
          const converted = granted(downConvert(named(`v2.none.${type}.${count}`).bytes, magic, 0n))
          expect(converted.equals(named(`${twins[magic]}.${count}`).bytes)).toBe(true)
        }
      }
    }
  })

  test.each(oldCodecs)('%s: wrapper and inner messages are the same', codec => {
    for (const name of [...counts.map(count => `create.${count}`), 'baseOffset']) {
      for (const magic of [0, 1] as const) {
        const converted = granted(downConvert(named(`v2.${codec}.${name}`).bytes, magic, 0n))
        const twin = named(`v${magic}.${codec}.${magic === 0 ? name.replace('create', 'notime') : name}`)
        expect(text(granted(decodeMessageSet(converted)))).toBe(text(granted(decodeMessageSet(twin.bytes))))
        if (codec === 'none') continue
        const [ours, theirs] = [converted, twin.bytes].map(bytes => granted(readMessage(bytes, 0))!)
        const { value: _ours, sizeInBytes: _size, ...wrapper } = ours!
        expect(theirs).toMatchObject(wrapper)
        expect(text(granted(readInnerMessages(ours!)))).toBe(text(granted(readInnerMessages(theirs!))))
      }
    }
  })

  test('headers and control batches are left out, and records before the offset asked for', () => {
    const withHeaders = granted(downConvert(named('v2.none.headers.20').bytes, 1, 15n))
    const offsets = granted(decodeMessageSet(withHeaders)).map(record => record.offset)
    expect(offsets).toEqual(Array.from({ length: 15 }, (_, i) => BigInt(15 + i)))
    expect(granted(downConvert(named('v2.control.commit.ce0').bytes, 1, 0n))).toHaveLength(0)
  })

  test('T065: zstd is refused, since no old client knows it', () => {
    expect(downConvert(named('v2.zstd.create.4').bytes, 1, 0n).error).toBe(76)
  })
})
