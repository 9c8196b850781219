/**
 * `.txnindex`: the transactions that were aborted by a marker in this segment, in the order of the markers.
 * Version (int16), producer id, first and last offset of the transaction, and the last stable offset when
 * the marker was written (int64 each). Entries are few; the file exists only where there is one.
 */
import assert from 'node:assert'
import type { Disk, DiskFile } from '../platform/platform.ts'

const ENTRY_BYTES = 34
const VERSION = 0

export interface AbortedEntry {
  readonly producerId: bigint
  readonly firstOffset: bigint
  /** Of the marker. */
  readonly lastOffset: bigint
  readonly lastStableOffset: bigint
}

export class TransactionIndex {
  private readonly disk: Disk
  private readonly path: () => string
  private loaded: AbortedEntry[] | undefined
  private persisted = 0
  private isSynced = true
  private exists = false
  /** The file was made, and the directory not synced since. */
  isNewFile = false

  /** `isNew`: nothing is on disk yet. Otherwise the file is read at the first need. */
  constructor(disk: Disk, path: () => string, isNew: boolean) {
    this.disk = disk
    this.path = path
    if (isNew) this.loaded = []
  }

  /** The file must have been loaded; the entry is in memory at once and in the file after `persist`. */
  add(entry: AbortedEntry): void {
    assert(this.loaded !== undefined, 'the transaction index is not loaded')
    this.loaded.push(entry)
  }

  async entries(): Promise<readonly AbortedEntry[]> {
    if (this.loaded === undefined) {
      const status = await this.disk.status(this.path())
      this.exists = status !== undefined
      const bytes = status === undefined ? Buffer.alloc(0) : await this.disk.readFile(this.path())
      // A torn last entry belongs to a marker that recovery meets again.
      // What a power failure kept from the disk may read as zeros.
      const entries = decodeEntries(bytes)
      const end = entries.findIndex(entry => entry.firstOffset >= entry.lastOffset)
      this.loaded ??= end < 0 ? entries : entries.slice(0, end)
      this.persisted = this.loaded.length
    }
    return this.loaded
  }

  /**
   * Entries whose transactions overlap [from, to). Complete when an entry shows that nothing was open from
   * `to` on when it was written; otherwise the next segment has to be asked too.
   */
  async overlapping(from: bigint, to: bigint): Promise<{ found: AbortedEntry[]; isComplete: boolean }> {
    const entries = await this.entries()
    const end = entries.findIndex(entry => entry.lastStableOffset >= to)
    const considered = end < 0 ? entries : entries.slice(0, end + 1)
    return {
      found: considered.filter(entry => entry.lastOffset >= from && entry.firstOffset < to),
      isComplete: end >= 0,
    }
  }

  async truncateToOffset(offset: bigint): Promise<void> {
    const entries = await this.entries()
    const kept = entries.filter(entry => entry.lastOffset < offset)
    if (kept.length === entries.length) return
    if (this.persisted > kept.length) {
      this.isSynced = false
      await this.withFile(file => file.truncate(kept.length * ENTRY_BYTES))
      this.persisted = kept.length
    }
    this.loaded = kept
  }

  /** Who wrote it died, and may not have synced it. */
  distrust(): void {
    if (this.exists) this.isSynced = false
  }

  async persist(sync: boolean): Promise<void> {
    const first = this.persisted
    const added = this.loaded?.slice(first) ?? []
    if (added.length === 0 && (this.isSynced || !sync)) return
    this.isNewFile ||= first === 0
    await this.withFile(async file => {
      if (added.length > 0) await file.write([encodeEntries(added)], first * ENTRY_BYTES)
      if (sync) await file.sync()
    })
    this.exists = true
    this.persisted = first + added.length
    this.isSynced = sync
  }

  private async withFile(use: (file: DiskFile) => Promise<void>): Promise<void> {
    const file = await this.disk.open(this.path(), 'write')
    try {
      await use(file)
    } finally {
      await file.close()
    }
  }
}

export function encodeEntries(entries: readonly AbortedEntry[]): Buffer {
  const bytes = Buffer.alloc(entries.length * ENTRY_BYTES)
  entries.forEach((entry, i) => {
    const at = i * ENTRY_BYTES
    bytes.writeInt16BE(VERSION, at)
    bytes.writeBigInt64BE(entry.producerId, at + 2)
    bytes.writeBigInt64BE(entry.firstOffset, at + 10)
    bytes.writeBigInt64BE(entry.lastOffset, at + 18)
    bytes.writeBigInt64BE(entry.lastStableOffset, at + 26)
  })
  return bytes
}

export function decodeEntries(bytes: Buffer): AbortedEntry[] {
  const entries: AbortedEntry[] = []
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    entries.push({
      producerId: bytes.readBigInt64BE(at + 2),
      firstOffset: bytes.readBigInt64BE(at + 10),
      lastOffset: bytes.readBigInt64BE(at + 18),
      lastStableOffset: bytes.readBigInt64BE(at + 26),
    })
  }
  return entries
}
