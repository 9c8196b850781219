/**
 * Reads the metadata log of a stopped Apache Kafka (KRaft, the directory `__cluster_metadata-0`): the newest
 * snapshot, then the segments behind it, record by record in the order in which Kafka takes them up. Nothing
 * in there is changed.
 *
 * Only the last batch can be torn by a crash, and is then left out, as Kafka does. Damage anywhere else, a
 * gap, or a record that is not known is reported with its place and never guessed at.
 */

import { metadataRecords } from '../../protocol/records/cluster-metadata.ts'
import { ControlRecordType, controlRecordType } from '../../protocol/records/control.ts'
import { decodeMetadataRecord, type MetadataRecord } from '../../protocol/records/framing.ts'
import { MalformedMessage } from '../../protocol/wire.ts'
import type { Disk, DiskFile } from '../platform/platform.ts'
import { type BatchProblem, inspectBatch, type RecordBatch } from '../records/batch.ts'
import { decodeRecords } from '../records/lookup.ts'

export const METADATA_LOG_DIRECTORY = '__cluster_metadata-0'

/** This is no whole metadata log: one line that names the file, and what can be done. */
export class UnreadableMetadata extends Error {
  override readonly name = 'UnreadableMetadata'
}

export interface MetadataLogEnd {
  /** The offset behind the last record. */
  readonly endOffset: bigint
  /** What a crash left of a last batch; 0 after a clean stop. */
  readonly tornBytes: number
}

export type RecordListener = (record: MetadataRecord) => void

export async function readMetadataLog(
  disk: Disk,
  directory: string,
  onRecord: RecordListener,
): Promise<MetadataLogEnd> {
  const names = (await disk.list(directory)).filter(entry => !entry.isDirectory).map(entry => entry.name)
  const snapshot = newestSnapshot(names)
  const segments = names
    .filter(name => /^\d{20}\.log$/.test(name))
    .sort()
    .map(name => ({ path: `${directory}/${name}`, baseOffset: BigInt(name.slice(0, 20)) }))
  const startOffset = snapshot?.endOffset ?? 0n
  const first = segments.findLastIndex(segment => segment.baseOffset <= startOffset)
  if (first < 0) throw missingBeginning(directory, segments[0]?.baseOffset, snapshot?.name)
  if (snapshot) await readSnapshot(disk, `${directory}/${snapshot.name}`, onRecord)
  return readSegments(disk, segments.slice(first), { startOffset, onRecord })
}

interface SnapshotFile {
  readonly name: string
  /** The first offset that is not in it. */
  readonly endOffset: bigint
}

/** By its last epoch among those of the same end. Unfinished ones have another ending to their names. */
function newestSnapshot(names: readonly string[]): SnapshotFile | undefined {
  const name = names
    .filter(it => /^\d{20}-\d{10}\.checkpoint$/.test(it))
    .sort()
    .at(-1)
  return name === undefined ? undefined : { name, endOffset: BigInt(name.slice(0, 20)) }
}

function missingBeginning(
  directory: string,
  begin: bigint | undefined,
  snapshot: string | undefined,
): UnreadableMetadata {
  const what = begin === undefined ? 'has no segment' : `begins at offset ${begin}`
  const covered =
    snapshot === undefined ? 'there is no snapshot' : `the newest snapshot, ${snapshot}, ends before`
  return new UnreadableMetadata(
    `The metadata log ${directory} ${what}, and ${covered}: a part is missing. Restore the directory ` +
      'from a copy, or take another node of the cluster.',
  )
}

/** Written whole before it got its name: an end that is missing is damage. */
async function readSnapshot(disk: Disk, path: string, onRecord: RecordListener): Promise<void> {
  let isFinished = false
  const scan = await scanBatches(disk, path, batch => {
    isFinished = batch.isControl && endsSnapshot(batch)
    if (!batch.isControl) passRecords(batch, { path, from: 0n, onRecord })
  })
  if (!scan.problem && isFinished) return
  const why = scan.problem?.message ?? 'its last batch is missing'
  throw new UnreadableMetadata(
    `The metadata snapshot ${path} is damaged at byte ${scan.position} (${why}). Restore it from a copy, ` +
      'or take another node of the cluster.',
  )
}

function endsSnapshot(batch: RecordBatch): boolean {
  const records = decodeRecords(batch)
  const key = records.error ? undefined : records.value.at(-1)?.key
  return key != null && key.length >= 4 && controlRecordType(key) === ControlRecordType.SNAPSHOT_FOOTER
}

interface Segment {
  readonly path: string
  readonly baseOffset: bigint
}

async function readSegments(
  disk: Disk,
  segments: readonly Segment[],
  { startOffset, onRecord }: { readonly startOffset: bigint; readonly onRecord: RecordListener },
): Promise<MetadataLogEnd> {
  let endOffset = segments[0]!.baseOffset
  let tornBytes = 0
  for (const { path, baseOffset } of segments) {
    if (tornBytes > 0 || baseOffset !== endOffset) {
      throw damaged(path, 0, `it begins at offset ${baseOffset}, and what is before it ends at ${endOffset}`)
    }
    const scan = await scanBatches(disk, path, (batch, position) => {
      if (batch.baseOffset !== endOffset) {
        throw damaged(path, position, `offset ${batch.baseOffset} follows on ${endOffset - 1n}`)
      }
      endOffset = batch.nextOffset
      if (!batch.isControl) passRecords(batch, { path, from: startOffset, onRecord })
    })
    if (scan.problem) tornBytes = await tornEnd(disk, path, { scan, endOffset })
  }
  return { endOffset: endOffset > startOffset ? endOffset : startOffset, tornBytes }
}

/** How much of a batch a crash left there. If more batches follow, no crash did that. */
async function tornEnd(
  disk: Disk,
  path: string,
  { scan, endOffset }: { readonly scan: Scan; readonly endOffset: bigint },
): Promise<number> {
  const bytes = (await disk.readFile(path)).subarray(scan.position)
  for (let at = 1; at + 8 <= bytes.length; at++) {
    const offset = bytes.readBigInt64BE(at)
    if (offset < endOffset || offset > endOffset + BigInt(bytes.length)) continue
    if (!('problem' in inspectBatch(bytes, at, { checksum: true }))) {
      throw damaged(path, scan.position, scan.problem!.message)
    }
  }
  return bytes.length
}

function damaged(path: string, position: number, why: string): UnreadableMetadata {
  return new UnreadableMetadata(
    `The metadata log is damaged: ${path}, at byte ${position} (${why}). Restore it from a copy, ` +
      'or take another node of the cluster.',
  )
}

function passRecords(
  batch: RecordBatch,
  {
    path,
    from,
    onRecord,
  }: { readonly path: string; readonly from: bigint; readonly onRecord: RecordListener },
): void {
  const records = decodeRecords(batch)
  if (records.error) throw damaged(path, 0, `the batch at offset ${batch.baseOffset}: ${records.message}`)
  for (const { offset, value } of records.value) {
    if (offset < from || value === null) continue
    onRecord(recordOf(value, offset, path))
  }
}

function recordOf(value: Buffer, offset: bigint, path: string): MetadataRecord {
  try {
    return decodeMetadataRecord(metadataRecords, value)
  } catch (cause) {
    if (!(cause instanceof MalformedMessage)) throw cause
    throw new UnreadableMetadata(
      `${path} has a metadata record at offset ${offset} that this version of Klamm does not know ` +
        `(${cause.message}): a later Kafka wrote it. Take a later Klamm.`,
      { cause },
    )
  }
}

interface Scan {
  /** Behind the last whole batch. */
  readonly position: number
  readonly problem?: BatchProblem
}

const WINDOW_BYTES = 1_048_576

/** Goes through a file of batches in pieces of bounded size. */
async function scanBatches(
  disk: Disk,
  path: string,
  onBatch: (batch: RecordBatch, position: number) => void,
): Promise<Scan> {
  const file = await disk.open(path, 'read')
  try {
    const sizeBytes = await file.sizeBytes()
    let position = 0
    let windowBytes = WINDOW_BYTES
    while (position < sizeBytes) {
      const window = await readWindow(file, position, Math.min(windowBytes, sizeBytes - position))
      const { end, problem } = batchesIn(window, (batch, at) => onBatch(batch, position + at))
      const isCutHere = problem?.problem === 'incomplete' && position + window.length < sizeBytes
      position += end
      if (problem && !isCutHere) return { position, problem }
      windowBytes = end > 0 ? WINDOW_BYTES : windowBytes * 2
    }
    return { position }
  } finally {
    await file.close()
  }
}

async function readWindow(file: DiskFile, position: number, length: number): Promise<Buffer> {
  const window = Buffer.allocUnsafe(length)
  return window.subarray(0, await file.read(window, position))
}

function batchesIn(
  window: Buffer,
  onBatch: (batch: RecordBatch, at: number) => void,
): { readonly end: number; readonly problem?: BatchProblem } {
  let at = 0
  while (at < window.length) {
    const found = inspectBatch(window, at, { checksum: true })
    if ('problem' in found) return { end: at, problem: found }
    onBatch(found, at)
    at += found.sizeInBytes
  }
  return { end: at }
}
