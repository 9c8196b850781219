/** The batches of a segment file, and the records in them, one after the other. */

import { offsetEntries } from '../../log/offset-index.ts'
import type { Disk } from '../../platform/platform.ts'
import type { RecordBatch } from '../../records/batch.ts'
import { type Message, readInnerMessages } from '../../records/legacy.ts'
import { type DecodedRecord, decodeRecords } from '../../records/lookup.ts'
import type { FactsWriter } from './facts-writer.ts'
import { type Contents, controlFacts, type Facts, factsOf } from './record-contents.ts'
import { type DamageItem, type SegmentItem, walkSegment } from './segment-walk.ts'

export interface DumpOptions {
  /** Records too, not only batches. */
  readonly isDeep: boolean
  /** Keys, values and headers of the records. */
  readonly hasData: boolean
  readonly contents: Contents
  /** Offsets that are of interest, both included. */
  readonly fromOffset: bigint
  readonly toOffset: bigint
  readonly maxDecompressedBytes: number
  /** How many records are wanted still, of all files; without depth, each batch counts for all of its own. */
  readonly budget: { records: number }
}

export interface DumpOutput {
  readonly writer: FactsWriter
  /** Awaited between batches, so that a reader that is slow costs no memory. */
  readonly ready: () => Promise<void>
}

export async function dumpSegment(
  disk: Disk,
  path: string,
  { writer, ready, ...options }: DumpOptions & DumpOutput,
): Promise<void> {
  const file = await disk.open(path, 'read')
  try {
    const to = await file.sizeBytes()
    const from = await startFor(disk, path, options.fromOffset)
    for await (const item of walkSegment(file, { from, to })) {
      if (options.budget.records <= 0 || firstOffsetOf(item) > options.toOffset) return
      if (lastOffsetOf(item) < options.fromOffset) continue
      dumpItem(item, writer, options)
      await ready()
    }
  } finally {
    await file.close()
  }
}

/** The index says where to begin, if it is there; and what it says is never behind the offset. */
async function startFor(disk: Disk, path: string, offset: bigint): Promise<number> {
  const match = /^(.*\/(\d{20}))\.log$/.exec(path)
  if (!match || !(await disk.status(`${match[1]}.index`))) return 0
  let position = 0
  for (const entry of offsetEntries(await disk.readFile(`${match[1]}.index`), BigInt(match[2]!))) {
    if (entry.offset >= offset) break
    if (entry.position > position) position = entry.position
  }
  return position
}

function firstOffsetOf(item: SegmentItem): bigint {
  if (item.kind === 'batch') return item.batch.baseOffset
  return item.kind === 'message' ? item.message.offset : -1n
}

/** Damage is always of interest. */
function lastOffsetOf(item: SegmentItem): bigint {
  if (item.kind === 'batch') return item.batch.lastOffset
  return item.kind === 'message' ? item.message.offset : 0x7fff_ffff_ffff_ffffn
}

function dumpItem(item: SegmentItem, writer: FactsWriter, options: DumpOptions): void {
  if (item.kind === 'damage') writer.write(damageFacts(item))
  else if (item.kind === 'message') dumpMessage(item.message, item.position, { ...options, writer })
  else {
    const { batch, position, isChecksumValid } = item
    writer.write(batchFacts(batch, position, isChecksumValid))
    if (!options.isDeep) options.budget.records -= batch.recordCount
    else dumpRecords(batch, writer, options)
  }
}

function damageFacts({ position, sizeBytes, reason }: DamageItem): Facts & { readonly type: string } {
  return { type: 'damage', position, size: sizeBytes, problem: reason }
}

export function batchFacts(
  batch: RecordBatch,
  position: number,
  isValid: boolean,
): Facts & { readonly type: string } {
  return {
    type: 'batch',
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    count: batch.recordCount,
    baseSequence: batch.baseSequence,
    lastSequence: batch.lastSequence,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    ...(batch.hasDeleteHorizon && { deleteHorizonMs: batch.deleteHorizonMs }),
    position,
    timestampType: batch.timestampType,
    maxTimestamp: batch.maxTimestamp,
    size: batch.sizeInBytes,
    magic: batch.magic,
    compression: batch.compression ?? 'unknown',
    crc: batch.crc,
    isValid,
  }
}

function dumpRecords(batch: RecordBatch, writer: FactsWriter, options: DumpOptions): void {
  const records = decodeRecords(batch, options.maxDecompressedBytes)
  if (records.error) {
    writer.write({ type: 'damage', baseOffset: batch.baseOffset, problem: records.message }, 1)
    return
  }
  for (const record of records.value) {
    if (record.offset < options.fromOffset || record.offset > options.toOffset) continue
    if (options.budget.records <= 0) return
    options.budget.records--
    writer.write({ ...recordFacts(record, batch), ...said(record, batch.isControl, options) }, 1)
  }
}

function recordFacts(record: DecodedRecord, batch: RecordBatch): Facts & { readonly type: string } {
  return {
    type: 'record',
    offset: record.offset,
    timestampType: batch.timestampType,
    timestamp: record.timestamp,
    keySize: record.key?.length ?? -1,
    valueSize: record.value?.length ?? -1,
    sequence: record.sequence,
    headerKeys: record.headers.map(header => header.key),
  }
}

/** What is understood is shown in words, and the rest as bytes where that was asked for. */
function said(record: DecodedRecord, isControl: boolean, options: DumpOptions): Facts {
  if (isControl) return controlFacts(record)
  const facts = factsOf(record, options.contents)
  if (facts && !('problem' in facts)) return facts
  if (!options.hasData) return { ...facts }
  const { key, value, headers } = record
  return { ...facts, key, value, ...(headers.length > 0 && { headers }) }
}

/** Of format 0 or 1, where a compressed message holds others. */
function dumpMessage(
  message: Message,
  position: number,
  { writer, ...options }: DumpOptions & { readonly writer: FactsWriter },
): void {
  writer.write({ type: 'message', ...messageFacts(message), position, isValid: message.isChecksumValid })
  if (!options.isDeep || message.compression === 'none') {
    options.budget.records--
    if (options.hasData) writer.write({ type: 'record', ...messageData(message) }, 1)
    return
  }
  const inner = readInnerMessages(message, options.maxDecompressedBytes)
  if (inner.error) writer.write({ type: 'damage', problem: inner.message }, 1)
  for (const each of inner.error ? [] : inner.value) {
    if (options.budget.records-- <= 0) return
    const data = options.hasData ? messageData(each) : {}
    writer.write({ type: 'record', ...messageFacts(each), ...data }, 1)
  }
}

function messageFacts(message: Message): Facts {
  const { offset, magic, timestampType, timestamp, compression, sizeInBytes: size, key, value } = message
  const sizes = { keySize: key?.length ?? -1, valueSize: value?.length ?? -1 }
  return { offset, ...sizes, timestampType, timestamp, size, magic, compression: compression ?? 'unknown' }
}

function messageData({ offset, key, value }: Message): Facts {
  return { offset, key, value }
}
