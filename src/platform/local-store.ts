/**
 * The metadata store of a broker that is its own cluster: an append-only file with one checksummed entry for
 * each commit, and now and then a snapshot of all records. They are plain files in the first log directory,
 * which Apache Kafka passes over when it starts there (a directory it would take for a damaged log).
 *
 * A commit is answered when its entry is on the disk, so only the last entry can ever be torn: it is dropped
 * when the file is loaded. Damage anywhere else is reported, never guessed at. A snapshot is complete before
 * it gets its name, and holds a version; entries up to that version are passed over, so that it does not
 * matter when the entries themselves are cleared away.
 */
import assert from 'node:assert'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile, MetadataStore } from './platform.ts'

export const LOG_FILE = 'klamm-metadata.log'
export const SNAPSHOT_FILE = 'klamm-metadata.snapshot'

const MAGIC = Buffer.from('klammmd')
const FORMAT = 1
const HEADER_BYTES = MAGIC.length + 1
/** Of an entry: its length behind this, and the checksum of that. */
const PREFIX_BYTES = 8
const VERSION_BYTES = 8
const COUNT_BYTES = 4
const SMALLEST_SNAPSHOT_BYTES = 1_048_576

export interface LocalStoreOptions {
  readonly disk: Disk
  readonly directory: string
  /** A snapshot is written when the entries outgrow this and twice the last snapshot. */
  readonly snapshotBytes?: number
}

type Changes = ReadonlyMap<string, Uint8Array | null>

interface Entry {
  readonly version: bigint
  readonly changes: Changes
  readonly end: number
}

export class LocalStore implements MetadataStore {
  private readonly disk: Disk
  private readonly directory: string
  private readonly snapshotBytes: number
  private readonly records = new Map<string, Uint8Array>()
  private version = 0n
  private file: DiskFile | undefined
  private end = 0
  private nextSnapshotAt: number
  /** Set when a write or a sync failed in a way that leaves the file's state unknown. */
  private broken: Error | undefined
  private isBusy = false

  constructor({ disk, directory, snapshotBytes = SMALLEST_SNAPSHOT_BYTES }: LocalStoreOptions) {
    this.disk = disk
    this.directory = directory
    this.snapshotBytes = snapshotBytes
    this.nextSnapshotAt = snapshotBytes
  }

  async load(): Promise<{ readonly version: bigint; readonly records: ReadonlyMap<string, Uint8Array> }> {
    assert(!this.file, 'the store is loaded once')
    await this.makeDirectory(this.directory)
    await this.disk.remove(`${this.path(SNAPSHOT_FILE)}.tmp`)
    await this.loadSnapshot()
    await this.loadLog()
    return { version: this.version, records: new Map(this.records) }
  }

  async commit(expectedVersion: bigint, changes: Changes): Promise<bigint> {
    assert(this.file && !this.isBusy, 'commits come one at a time, after load')
    if (this.broken) throw this.broken
    if (expectedVersion !== this.version) {
      throw new Error(
        `Metadata is at version ${this.version}, not ${expectedVersion}: another writer came first`,
      )
    }
    this.isBusy = true
    try {
      const entry = encodeEntry(this.version + 1n, changes)
      await this.append(this.file, entry)
      this.take({ version: this.version + 1n, changes, end: this.end + entry.length })
      if (this.end >= this.nextSnapshotAt) await this.trySnapshot()
      return this.version
    } finally {
      this.isBusy = false
    }
  }

  async close(): Promise<void> {
    await this.file?.close()
  }

  private path(name: string): string {
    return join(this.directory, name)
  }

  /** Makes the directory, and makes durable that it is there, up to the first parent that already was. */
  private async makeDirectory(path: string): Promise<void> {
    const parent = dirname(path)
    if (parent === path || (await this.disk.status(path))) return
    await this.makeDirectory(parent)
    await this.disk.makeDirectory(path)
    await this.disk.syncDirectory(parent)
  }

  private take({ version, changes, end }: Entry): void {
    for (const [key, value] of changes) {
      if (value === null) this.records.delete(key)
      else this.records.set(key, value)
    }
    this.version = version
    this.end = end
  }

  /**
   * A write that fails is undone; where that fails too, or the sync does, there is no telling what is stored.
   */
  private async append(file: DiskFile, entry: Buffer): Promise<void> {
    try {
      await file.write([entry], this.end)
    } catch (error) {
      try {
        await file.truncate(this.end)
      } catch (cause) {
        this.broken = new Error('The metadata file could be neither written nor cut back', { cause })
      }
      throw error
    }
    try {
      await file.sync()
    } catch (cause) {
      this.broken = new Error('The metadata file could not be synced', { cause })
      throw this.broken
    }
  }

  private async loadSnapshot(): Promise<void> {
    const path = this.path(SNAPSHOT_FILE)
    if (!(await this.disk.status(path))) return
    const bytes = await this.disk.readFile(path)
    checkHeader(bytes, path)
    const entry = entryAt(bytes, HEADER_BYTES)
    if (entry?.end !== bytes.length) throw damaged(path, HEADER_BYTES)
    this.take(entry)
    this.nextSnapshotAt = Math.max(this.snapshotBytes, 2 * bytes.length)
  }

  private async loadLog(): Promise<void> {
    const path = this.path(LOG_FILE)
    const isThere = (await this.disk.status(path)) !== undefined
    const bytes = isThere ? await this.disk.readFile(path) : Buffer.alloc(0)
    // Shorter than its header: the process ended while it made the file, and nothing was committed.
    const isBegun = bytes.length >= HEADER_BYTES && !isBlank(bytes, 0)
    this.end = HEADER_BYTES
    let lastAt = 0
    if (isBegun) {
      checkHeader(bytes, path)
      lastAt = this.loadEntries(bytes, path)
    }
    const file = await this.disk.open(path, 'write')
    this.file = file
    await file.truncate(isBegun ? this.end : 0)
    // A process before this one may have ended when a sync failed. Then what it wrote last can be read, and
    // yet the disk has not got it and would not get it: it is written again, before anything follows on it.
    const last = isBegun ? [bytes.subarray(lastAt, this.end)] : [MAGIC, Buffer.from([FORMAT])]
    await file.write(last, lastAt)
    await file.sync()
    await this.disk.syncDirectory(this.directory)
  }

  /** Returns where the last entry begins; 0 where there is none, which is where the header does. */
  private loadEntries(bytes: Buffer, path: string): number {
    let lastAt = 0
    while (this.end < bytes.length) {
      const entry = entryAt(bytes, this.end)
      if (!entry) {
        if (hasEntryBehind(bytes, this.end, this.version)) throw damaged(path, this.end)
        return lastAt
      }
      lastAt = this.end
      if (entry.version <= this.version) {
        this.end = entry.end
      } else if (entry.version === this.version + 1n) {
        this.take(entry)
      } else {
        throw damaged(path, this.end)
      }
    }
    return lastAt
  }

  /** Without a snapshot the log goes on growing and stays right: a failure is not one of the commit's. */
  private async trySnapshot(): Promise<void> {
    const path = this.path(SNAPSHOT_FILE)
    const entry = encodeEntry(this.version, this.records)
    this.nextSnapshotAt = Math.max(this.snapshotBytes, 2 * entry.length) + this.end
    try {
      const file = await this.disk.open(`${path}.tmp`, 'write')
      try {
        await file.truncate(0)
        await file.write([MAGIC, Buffer.from([FORMAT]), entry], 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.disk.rename(`${path}.tmp`, path)
      await this.disk.syncDirectory(this.directory)
    } catch {
      return
    }
    await this.clearLog()
    this.nextSnapshotAt = Math.max(this.snapshotBytes, 2 * entry.length)
  }

  private async clearLog(): Promise<void> {
    try {
      await this.file!.truncate(HEADER_BYTES)
      await this.file!.sync()
      this.end = HEADER_BYTES
    } catch (cause) {
      this.broken = new Error('The metadata file could not be cleared behind its snapshot', { cause })
    }
  }
}

/** Throws where a newer Klamm wrote the files in a directory, or they are not Klamm's. Changes nothing. */
export async function refuseOtherFormats(disk: Disk, directory: string): Promise<void> {
  for (const name of [SNAPSHOT_FILE, LOG_FILE]) {
    const path = join(directory, name)
    if (!(await disk.status(path))) continue
    const bytes = await disk.readFile(path)
    if (bytes.length >= HEADER_BYTES && !isBlank(bytes, 0)) checkHeader(bytes, path)
  }
}

function checkHeader(bytes: Buffer, path: string): void {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new Error(`${path} is not a metadata file of Klamm`)
  }
  const format = bytes[MAGIC.length]!
  if (format <= FORMAT) return
  throw new Error(
    `${path} was written by a newer Klamm (its format is ${format}, this one reads up to ${FORMAT}): ` +
      'start the newer one',
  )
}

function damaged(path: string, position: number): Error {
  return new Error(
    `${path} is damaged at byte ${position}, in a way that no crash explains. ` +
      'Restore it from a copy, or start with an empty directory.',
  )
}

function isBlank(bytes: Buffer, from: number): boolean {
  return bytes.subarray(from).every(byte => byte === 0)
}

/** Length, checksum; version, number of changes, each as key and value (-1 for a deletion). */
function encodeEntry(version: bigint, changes: Changes): Buffer {
  const keys = [...changes.keys()].map(key => Buffer.from(key))
  const values = [...changes.values()]
  let length = VERSION_BYTES + COUNT_BYTES
  for (const [index, key] of keys.entries()) length += 8 + key.length + (values[index]?.length ?? 0)
  const entry = Buffer.alloc(PREFIX_BYTES + length)
  entry.writeUInt32BE(length, 0)
  let position = entry.writeBigInt64BE(version, PREFIX_BYTES)
  position = entry.writeUInt32BE(keys.length, position)
  for (const [index, key] of keys.entries()) {
    const value = values[index] ?? null
    position = entry.writeUInt32BE(key.length, position)
    position += key.copy(entry, position)
    position = entry.writeInt32BE(value === null ? -1 : value.length, position)
    if (value !== null) entry.set(value, position)
    position += value?.length ?? 0
  }
  entry.writeUInt32BE(crc32(entry.subarray(PREFIX_BYTES)), 4)
  return entry
}

/** The entry at a position; undefined where there is none that is whole. */
function entryAt(bytes: Buffer, start: number): Entry | undefined {
  const end = wholeEntryEnd(bytes, start)
  if (end === undefined) return undefined
  const changes = new Map<string, Uint8Array | null>()
  let position = start + PREFIX_BYTES + VERSION_BYTES
  const count = bytes.readUInt32BE(position)
  position += COUNT_BYTES
  for (let i = 0; i < count; i++) {
    const keyEnd = position + 4 + bytes.readUInt32BE(position)
    const key = bytes.toString('utf8', position + 4, keyEnd)
    const length = bytes.readInt32BE(keyEnd)
    position = keyEnd + 4 + Math.max(length, 0)
    // Copied: records live on, the file's bytes do not.
    changes.set(key, length < 0 ? null : new Uint8Array(bytes.subarray(keyEnd + 4, position)))
  }
  assert(position === end, 'an entry with a valid checksum has the length that it says')
  return { version: versionAt(bytes, start), changes, end }
}

function versionAt(bytes: Buffer, start: number): bigint {
  return bytes.readBigInt64BE(start + PREFIX_BYTES)
}

function wholeEntryEnd(bytes: Buffer, start: number): number | undefined {
  const body = start + PREFIX_BYTES
  if (body + VERSION_BYTES + COUNT_BYTES > bytes.length) return undefined
  const end = body + bytes.readUInt32BE(start)
  if (end > bytes.length || end < body + VERSION_BYTES + COUNT_BYTES) return undefined
  return crc32(bytes.subarray(body, end)) === bytes.readUInt32BE(start + 4) ? end : undefined
}

/** Whether a later entry follows on what cannot be read: then that is damage, not the torn end of a crash. */
function hasEntryBehind(bytes: Buffer, from: number, version: bigint): boolean {
  const last = bytes.length - PREFIX_BYTES - VERSION_BYTES - COUNT_BYTES
  for (let start = from + 1; start <= last; start++) {
    const found = versionAt(bytes, start)
    const isNear = found > version + 1n && found <= version + BigInt(bytes.length)
    if (isNear && wholeEntryEnd(bytes, start) !== undefined) return true
  }
  return false
}
