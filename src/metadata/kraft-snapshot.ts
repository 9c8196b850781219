/**
 * Writes a metadata log of Apache Kafka that is all snapshot, with an empty segment behind it: Kafka goes on
 * behind the newest snapshot, wherever that ends, and needs nothing of what came before.
 */
import { encode } from '../../protocol/codec.ts'
import {
  ControlRecordType,
  encodeControlKey,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
} from '../../protocol/records/control.ts'
import { joined } from '../../protocol/wire.ts'
import type { Disk, DiskFile } from '../platform/platform.ts'
import { buildBatch } from '../records/builder.ts'

export interface SnapshotId {
  /** The first offset that is not in it: where Kafka's log goes on. */
  readonly endOffset: bigint
  /** The controller's epoch in which the last of them was written. */
  readonly epoch: number
}

export interface NewSnapshot {
  readonly id: SnapshotId
  readonly records: Iterable<Buffer>
  /** In ms. */
  readonly now: number
}

/** Kafka reads a batch whole, and refuses one beyond 8 MiB. */
const BATCH_RECORDS = 1_000
const BATCH_BYTES = 524_288

export function snapshotName({ endOffset, epoch }: SnapshotId): string {
  return `${String(endOffset).padStart(20, '0')}-${String(epoch).padStart(10, '0')}.checkpoint`
}

/** The snapshot is whole and durable before it gets its name; Kafka removes what has the other one. */
export async function writeMetadataLog(disk: Disk, directory: string, snapshot: NewSnapshot): Promise<void> {
  const path = `${directory}/${snapshotName(snapshot.id)}`
  const temporary = `${path}.part`
  const file = await disk.open(temporary, 'write')
  try {
    await file.truncate(0)
    await writeBatches(file, snapshot)
    await file.sync()
  } finally {
    await file.close()
  }
  const segment = await disk.open(
    `${directory}/${String(snapshot.id.endOffset).padStart(20, '0')}.log`,
    'write',
  )
  await segment.close()
  await disk.rename(temporary, path)
  await disk.syncDirectory(directory)
}

async function writeBatches(file: DiskFile, { id, records, now }: NewSnapshot): Promise<void> {
  const timestamp = BigInt(now)
  let position = 0
  let offset = 0n
  const put = async (entries: readonly Entry[], isControl: boolean) => {
    const batch = buildBatch({
      baseOffset: offset,
      partitionLeaderEpoch: id.epoch,
      isControl,
      records: entries.map(entry => ({ timestamp, ...entry })),
    })
    await file.write([batch], position)
    position += batch.length
    offset += BigInt(entries.length)
  }
  const header = { version: 0, lastContainedLogTimestamp: timestamp }
  const headerValue = joined(encode(SnapshotHeaderRecord, 0, header))
  await put([{ key: encodeControlKey(ControlRecordType.SNAPSHOT_HEADER), value: headerValue }], true)
  for (const values of grouped(records)) {
    await put(
      values.map(value => ({ key: null, value })),
      false,
    )
  }
  const footerValue = joined(encode(SnapshotFooterRecord, 0, { version: 0 }))
  await put([{ key: encodeControlKey(ControlRecordType.SNAPSHOT_FOOTER), value: footerValue }], true)
}

interface Entry {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
}

function* grouped(records: Iterable<Buffer>): Generator<Buffer[]> {
  let group: Buffer[] = []
  let bytes = 0
  for (const record of records) {
    if (group.length === BATCH_RECORDS || (group.length > 0 && bytes + record.length > BATCH_BYTES)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(record)
    bytes += record.length
  }
  if (group.length > 0) yield group
}
