/** What the files beside the segments say: indexes, producers, epochs, checkpoints, and whose data it is. */
import { basename } from 'node:path'
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LEADER_EPOCH_CHECKPOINT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  PARTITION_METADATA,
  parseEpochs,
  parseMetaProperties,
  parseOffsets,
  parsePartitionMetadata,
  RECOVERY_POINT_CHECKPOINT,
} from '../../log/checkpoint.ts'
import { offsetEntries } from '../../log/offset-index.ts'
import { decodeSnapshot } from '../../log/producer-snapshot.ts'
import { lastSequenceOf } from '../../log/producer-state.ts'
import { timeEntries } from '../../log/time-index.ts'
import { decodeEntries } from '../../log/transaction-index.ts'
import type { FactsWriter } from './facts-writer.ts'
import { entriesOf } from './index-entries.ts'

/** Whether a file is one that can be shown, by its name. */
export function isDumped(path: string): boolean {
  return rendererOf(path) !== undefined
}

export function dumpFile(path: string, bytes: Buffer, writer: FactsWriter): void {
  rendererOf(path)?.(bytes, writer, baseOffsetOf(path))
}

type Renderer = (bytes: Buffer, writer: FactsWriter, baseOffset: bigint) => void

const CHECKPOINTS = [
  RECOVERY_POINT_CHECKPOINT,
  LOG_START_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  CLEANER_CHECKPOINT,
]

function rendererOf(path: string): Renderer | undefined {
  const name = basename(path)
  if (CHECKPOINTS.includes(name)) return dumpOffsets
  if (name === LEADER_EPOCH_CHECKPOINT) return dumpEpochs
  if (name === PARTITION_METADATA) return dumpPartitionMetadata
  if (name === META_PROPERTIES) return dumpMeta
  return BY_ENDING.get(/^\d{20}(\.[a-z]+)/.exec(name)?.[1] ?? '')
}

const BY_ENDING: ReadonlyMap<string, Renderer> = new Map<string, Renderer>([
  ['.index', dumpOffsetIndex],
  ['.timeindex', dumpTimeIndex],
  ['.txnindex', dumpTransactionIndex],
  ['.snapshot', dumpSnapshot],
])

function baseOffsetOf(path: string): bigint {
  return BigInt(/^\d{20}/.exec(basename(path))?.[0] ?? 0)
}

function dumpOffsetIndex(bytes: Buffer, writer: FactsWriter, baseOffset: bigint): void {
  for (const { offset, position } of offsetEntries(entriesOf(bytes, 8).bytes, baseOffset)) {
    writer.write({ type: 'index', offset, position })
  }
}

function dumpTimeIndex(bytes: Buffer, writer: FactsWriter, baseOffset: bigint): void {
  for (const { timestamp, offset } of timeEntries(entriesOf(bytes, 12).bytes, baseOffset)) {
    writer.write({ type: 'timeindex', timestamp, offset })
  }
}

function dumpTransactionIndex(bytes: Buffer, writer: FactsWriter): void {
  for (const entry of decodeEntries(bytes)) writer.write({ type: 'txnindex', ...entry })
}

function dumpSnapshot(bytes: Buffer, writer: FactsWriter): void {
  const entries = decodeSnapshot(bytes, 0)
  if (entries === undefined) writer.write({ type: 'damage', problem: 'it is no intact snapshot' })
  for (const entry of entries ?? []) {
    const last = entry.batches.at(-1)
    writer.write({
      type: 'producer',
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnFirstOffset: entry.currentTxnFirstOffset,
      lastTimestamp: entry.lastTimestamp,
      ...(last && {
        firstSequence: last.lastSequence - last.offsetDelta,
        lastSequence: lastSequenceOf(entry),
        lastOffset: last.lastOffset,
        offsetDelta: last.offsetDelta,
        timestamp: last.timestamp,
      }),
    })
  }
}

function dumpOffsets(bytes: Buffer, writer: FactsWriter): void {
  const offsets = parseOffsets(bytes.toString())
  if (offsets === undefined) writer.write({ type: 'damage', problem: 'it is no checkpoint' })
  for (const [partition, offset] of offsets ?? []) writer.write({ type: 'checkpoint', partition, offset })
}

function dumpEpochs(bytes: Buffer, writer: FactsWriter): void {
  const epochs = parseEpochs(bytes.toString())
  if (epochs === undefined) writer.write({ type: 'damage', problem: 'it is no checkpoint' })
  for (const { epoch, startOffset } of epochs ?? [])
    writer.write({ type: 'leader-epoch', epoch, startOffset })
}

function dumpPartitionMetadata(bytes: Buffer, writer: FactsWriter): void {
  const topicId = parsePartitionMetadata(bytes.toString())
  if (topicId === undefined) writer.write({ type: 'damage', problem: 'it has no topic id' })
  else writer.write({ type: 'partition', topicId })
}

function dumpMeta(bytes: Buffer, writer: FactsWriter): void {
  const meta = parseMetaProperties(bytes.toString())
  if (typeof meta === 'string') writer.write({ type: 'damage', problem: meta })
  else writer.write({ type: 'meta', ...meta })
}
