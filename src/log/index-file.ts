/**
 * The entries of one index file: fixed size, appended in order, searched by halves. New entries wait in a
 * small tail until the file is written (when the tail grows, on roll, flush and close); what is in the file
 * is read back whole when a look-up needs it and given up again under the bound of the index cache, so that
 * ten thousand idle segments cost nothing and a long one can be appended to without its index in memory.
 */
import assert from 'node:assert'
import type { Disk, DiskFile } from '../platform/platform.ts'
import { DamagedSegment } from './damaged-segment.ts'

/** Tail entries beyond this many bytes are worth a write of their own. */
const TAIL_BYTES = 8_192
/** Shared by all that have nothing to write. */
const EMPTY = Buffer.alloc(0)
const WRITTEN: Promise<void> = Promise.resolve()

/** Bounds the loaded contents of all index files together; least recently used ones go first. */
export class IndexCache {
  private readonly loaded = new Map<IndexFile, number>()
  private bytes = 0
  private readonly maxBytes: number

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get sizeBytes(): number {
    return this.bytes
  }

  /** Called on each use with the file's present size; the one in use is never the victim. */
  touch(file: IndexFile, bytes: number): void {
    this.remove(file)
    this.loaded.set(file, bytes)
    this.bytes += bytes
    for (const victim of this.loaded.keys()) {
      if (this.bytes <= this.maxBytes || victim === file) break
      victim.unload()
    }
  }

  remove(file: IndexFile): void {
    this.bytes -= this.loaded.get(file) ?? 0
    this.loaded.delete(file)
  }
}

export interface IndexFileOptions {
  readonly disk: Disk
  readonly cache: IndexCache
  /** A function, since directories and files are renamed under way. */
  readonly path: () => string
  readonly entryBytes: number
}

export class IndexFile {
  private readonly disk: Disk
  private readonly cache: IndexCache
  private readonly path: () => string
  private readonly entryBytes: number
  private total = 0
  private persisted = 0
  /** Counts changes of the file. */
  private revision = 0
  private tail: Buffer = EMPTY
  private contents: Buffer | undefined
  private writing = WRITTEN
  private exists = false
  private isSynced = true
  /** What is written next takes the place of the whole file. */
  private isAnew = false

  constructor(options: IndexFileOptions) {
    this.disk = options.disk
    this.cache = options.cache
    this.path = options.path
    this.entryBytes = options.entryBytes
  }

  get count(): number {
    return this.total
  }

  get sizeBytes(): number {
    return this.total * this.entryBytes
  }

  get hasLongTail(): boolean {
    return (this.total - this.persisted) * this.entryBytes >= TAIL_BYTES
  }

  /** Takes over the file as it stands; false where it is missing or not a whole number of entries. */
  async open(): Promise<boolean> {
    const status = await this.disk.status(this.path())
    this.total = this.persisted = Math.floor((status?.sizeBytes ?? 0) / this.entryBytes)
    this.exists = status !== undefined
    this.isAnew = false
    if (status === undefined) return false
    if (status.sizeBytes % this.entryBytes === 0) return true
    await this.withFile(file => file.truncate(this.total * this.entryBytes))
    return false
  }

  /** Room for one more entry, to be filled in at once. */
  addEntry(): { buffer: Buffer; at: number } {
    const at = (this.total - this.persisted) * this.entryBytes
    if (at + this.entryBytes > this.tail.length) {
      const larger = Buffer.alloc(Math.max(this.entryBytes * 4, this.tail.length * 2))
      this.tail.copy(larger)
      this.tail = larger
    }
    this.total++
    return { buffer: this.tail, at }
  }

  /**
   * Calls back when `entry` is usable for all entries, and only until that returns: what is loaded may be
   * given up, and the tail moved, whenever anything else runs.
   */
  async withEntries<T>(use: () => T): Promise<T> {
    await this.writing
    while (this.persisted > 0 && this.contents === undefined) {
      const { revision } = this
      const contents = await this.readEntries(0, this.persisted)
      // Read again what has been written or cut meanwhile.
      if (revision === this.revision) this.contents ??= this.whole(contents)
    }
    if (this.contents !== undefined) this.cache.touch(this, this.contents.length)
    return use()
  }

  /** One entry, wherever it is; cheaper than loading all for the last one. */
  async readEntry(index: number): Promise<{ buffer: Buffer; at: number }> {
    await this.writing
    assert(index >= 0 && index < this.total)
    if (index < this.persisted && this.contents === undefined) {
      return { buffer: this.whole(await this.readEntries(index, index + 1)), at: 0 }
    }
    const { buffer, at } = this.entry(index)
    return { buffer: Buffer.from(buffer.subarray(at, at + this.entryBytes)), at: 0 }
  }

  entry(index: number): { buffer: Buffer; at: number } {
    if (index >= this.persisted) return { buffer: this.tail, at: (index - this.persisted) * this.entryBytes }
    assert(this.contents !== undefined, 'the index is not loaded')
    return { buffer: this.contents, at: index * this.entryBytes }
  }

  /** The last entry for which `isBelow` holds, given that it holds for all before that one; -1 for none. */
  lastWhere(isBelow: (buffer: Buffer, at: number) => boolean): number {
    let low = 0
    let high = this.total
    while (low < high) {
      const middle = (low + high) >>> 1
      const { buffer, at } = this.entry(middle)
      if (isBelow(buffer, at)) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Writes what is not in the file yet; with `sync`, makes the file durable. */
  persist(sync: boolean): Promise<void> {
    const done = this.writing.then(() => this.writeTail(sync))
    this.writing = done.catch(() => {})
    return done
  }

  async truncate(count: number): Promise<void> {
    await this.writing
    if (count >= this.total) return
    if (count < this.persisted) {
      await this.withFile(file => file.truncate(count * this.entryBytes))
      this.persisted = count
      this.revision++
      this.isSynced = false
      this.unload()
    }
    this.total = count
  }

  /**
   * Other entries take the place of all. The file stays until they are written: were it written in its place
   * and the power failed, what is there could pass for an index, and nobody looks twice at a segment that
   * was synced long ago.
   */
  beginAnew(entries: Buffer): Promise<void> {
    const begun = this.writing.then(() => {
      this.total = entries.length / this.entryBytes
      this.persisted = 0
      this.tail = entries
      this.isAnew = true
      this.revision++
      this.unload()
    })
    this.writing = begun
    return begun
  }

  /** Who wrote it died, and may not have synced it. */
  distrust(): void {
    this.isSynced = false
  }

  unload(): void {
    this.contents = undefined
    this.cache.remove(this)
  }

  private async writeTail(sync: boolean): Promise<void> {
    const first = this.persisted
    const count = this.total - first
    const { isAnew } = this
    if (count === 0 && this.exists && !isAnew && (this.isSynced || !sync)) return
    // A copy: entries may be appended, and the tail moved, while the write is under way.
    const bytes = Buffer.from(this.tail.subarray(0, count * this.entryBytes))
    if (isAnew) await this.replaceFile(bytes)
    else {
      await this.withFile(async file => {
        if (count > 0) await file.write([bytes], first * this.entryBytes)
        if (sync) await file.sync()
      })
    }
    this.exists = true
    this.isAnew = false
    this.isSynced = isAnew || sync || (count === 0 && this.isSynced)
    this.tail.copyWithin(0, count * this.entryBytes, (this.total - first) * this.entryBytes)
    this.persisted = first + count
    this.revision++
    if (this.total === this.persisted) this.tail = EMPTY
    if (count > 0) this.unload()
  }

  /** A start removes what a crash leaves of it. */
  private async replaceFile(bytes: Buffer): Promise<void> {
    const path = this.path()
    const file = await this.disk.open(`${path}.tmp`, 'write')
    try {
      await file.truncate(0)
      await file.write([bytes], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.disk.rename(`${path}.tmp`, path)
  }

  /** Undefined where the file does not reach so far. */
  private async readEntries(from: number, to: number): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafeSlow((to - from) * this.entryBytes)
    let read = 0
    const readInto = async (file: DiskFile) => {
      read = await file.read(bytes, from * this.entryBytes)
    }
    await this.withFile(readInto, 'read')
    return read === bytes.length ? bytes : undefined
  }

  private whole(entries: Buffer | undefined): Buffer {
    if (entries !== undefined) return entries
    throw new DamagedSegment(`${this.path()} is shorter than it was`)
  }

  private async withFile(
    use: (file: DiskFile) => Promise<void>,
    mode: 'read' | 'write' = 'write',
  ): Promise<void> {
    const file = await this.disk.open(this.path(), mode)
    try {
      await use(file)
    } finally {
      await file.close()
    }
  }
}
