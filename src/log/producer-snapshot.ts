/**
 * `<offset>.snapshot`: the producer state as it was before the record at that offset, so that a start has
 * only the log behind it to read. Version (int16), CRC-32C of all that follows it, entries.
 */

import { decode, encode } from '../../protocol/codec.ts'
import { ProducerSnapshot } from '../../protocol/records/producer-snapshot.ts'
import { MalformedMessage } from '../../protocol/wire.ts'
import type { Disk } from '../platform/platform.ts'
import { NO_SEQUENCE } from '../records/batch.ts'
import { crc32c } from '../records/crc32c.ts'
import type { ProducerEntry } from './producer-state.ts'
import { lastSequenceOf } from './producer-state.ts'

const VERSION = 1
const CRC_AT = 2
const ENTRIES_AT = 6

export function encodeSnapshot(producers: Iterable<ProducerEntry>): Buffer {
  const producerEntries = []
  for (const entry of producers) {
    const last = entry.batches.at(-1)
    producerEntries.push({
      producerId: entry.producerId,
      epoch: entry.epoch,
      lastSequence: lastSequenceOf(entry),
      lastOffset: last?.lastOffset ?? -1n,
      offsetDelta: last?.offsetDelta ?? 0,
      timestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnFirstOffset: entry.currentTxnFirstOffset,
    })
  }
  const body = encode(ProducerSnapshot, VERSION, { crc: 0, producerEntries })
  const version = Buffer.alloc(CRC_AT)
  version.writeInt16BE(VERSION)
  const bytes = Buffer.concat([version, ...(body.chunks as Uint8Array[])])
  bytes.writeUInt32BE(crc32c(bytes.subarray(ENTRIES_AT)), CRC_AT)
  return bytes
}

/** Undefined for bytes that are not an intact snapshot. */
export function decodeSnapshot(bytes: Buffer, now: number): ProducerEntry[] | undefined {
  if (bytes.length < ENTRIES_AT || bytes.readInt16BE(0) !== VERSION) return undefined
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes.subarray(ENTRIES_AT))) return undefined
  try {
    const { producerEntries } = decode(ProducerSnapshot, VERSION, bytes.subarray(CRC_AT))
    return producerEntries.map(entry => ({
      producerId: entry.producerId,
      epoch: entry.epoch,
      coordinatorEpoch: entry.coordinatorEpoch,
      lastTimestamp: entry.timestamp,
      currentTxnFirstOffset: entry.currentTxnFirstOffset,
      // Their time of rest is not known: they live on for a full term from the start.
      lastSeenMs: now,
      batches: entry.lastSequence === NO_SEQUENCE ? [] : [seenBatch(entry)],
    }))
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

function seenBatch(entry: ProducerSnapshot['producerEntries'][number]): ProducerEntry['batches'][number] {
  return {
    lastSequence: entry.lastSequence,
    lastOffset: entry.lastOffset,
    offsetDelta: entry.offsetDelta,
    timestamp: entry.timestamp,
  }
}

/** The snapshots of one log, by offset. Their files are written whole, synced and renamed. */
export class ProducerSnapshots {
  private readonly disk: Disk
  private readonly directory: () => string
  /** Rising. */
  private offsets: bigint[]

  constructor(disk: Disk, directory: () => string, offsets: readonly bigint[]) {
    this.disk = disk
    this.directory = directory
    this.offsets = offsets.toSorted((a, b) => (a < b ? -1 : 1))
  }

  list(): readonly bigint[] {
    return this.offsets
  }

  get latest(): bigint | undefined {
    return this.offsets.at(-1)
  }

  /** Does nothing where there is one at the offset or a later one already. */
  async take(offset: bigint, bytes: Buffer, options: { readonly sync: boolean }): Promise<void> {
    if (this.latest !== undefined && this.latest >= offset) return
    const path = this.path(offset)
    const file = await this.disk.open(`${path}.tmp`, 'write')
    try {
      await file.truncate(0)
      await file.write([bytes], 0)
      if (options.sync) await file.sync()
    } finally {
      await file.close()
    }
    await this.disk.rename(`${path}.tmp`, path)
    this.offsets.push(offset)
  }

  /** One inside a segment; the one before it, unless it is at a segment's base, has served. */
  async replaceLatest(offset: bigint, bytes: Buffer, bases: ReadonlySet<bigint>): Promise<void> {
    const { latest } = this
    await this.take(offset, bytes, { sync: true })
    if (latest === undefined || bases.has(latest) || this.latest !== offset) return
    await this.remove(at => at === latest)
  }

  /** Undefined for one that is damaged, which is removed. */
  async read(offset: bigint, now: number): Promise<ProducerEntry[] | undefined> {
    const entries = decodeSnapshot(await this.disk.readFile(this.path(offset)), now)
    if (entries === undefined) await this.remove(at => at === offset)
    return entries
  }

  async remove(isObsolete: (offset: bigint) => boolean): Promise<void> {
    const obsolete = this.offsets.filter(isObsolete)
    this.offsets = this.offsets.filter(offset => !obsolete.includes(offset))
    for (const offset of obsolete) await this.disk.remove(this.path(offset))
  }

  /** What was taken and removed is so for good. */
  sync(): Promise<void> {
    return this.disk.syncDirectory(this.directory())
  }

  private path(offset: bigint): string {
    return `${this.directory()}/${fileName(offset, '.snapshot')}`
  }
}

/** Twenty digits and a suffix: how all files of a log are named. */
export function fileName(offset: bigint, suffix: string): string {
  return `${offset.toString().padStart(20, '0')}${suffix}`
}
