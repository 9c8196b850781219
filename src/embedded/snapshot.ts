/**
 * Everything that a broker holds, at one moment: records, topics, groups, transactions, configs, users. Made
 * by `klamm.snapshot()`; any number of brokers may begin from one, and none sees what another writes.
 */
import type { Disk } from '../platform/platform.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { crc32c } from '../records/crc32c.ts'
import { copyTree, pathsUnder, writeFile } from './log-directories.ts'
import { UsageError } from './usage-error.ts'
import { KLAMM_VERSION } from './version.ts'

/** What the bytes begin with; a file that does not is no snapshot. */
const MAGIC = Buffer.from('klamm-snapshot\n')
const SIZE_BYTES = 4
const CHECKSUM_BYTES = 4

export interface SnapshotFacts {
  /** The version of Klamm that made it: no other takes it. */
  readonly klammVersion: string
  /** Whose data it is. */
  readonly clusterId: string
  readonly nodeId: number
  /** The broker's time at that moment, in ms since 1970. */
  readonly timestamp: number
  /** How many log directories it is about. */
  readonly directories: number
}

/** A file or, without a size, a directory. */
interface Entry {
  readonly path: string
  readonly size?: number
}

export class Snapshot implements SnapshotFacts {
  readonly klammVersion: string
  readonly clusterId: string
  readonly nodeId: number
  readonly timestamp: number
  readonly directories: number
  private readonly disk: MemoryDisk

  /** The disk holds each log directory under its number: `/0`, `/1` ... */
  constructor(facts: SnapshotFacts, disk: MemoryDisk) {
    this.klammVersion = facts.klammVersion
    this.clusterId = facts.clusterId
    this.nodeId = facts.nodeId
    this.timestamp = facts.timestamp
    this.directories = facts.directories
    this.disk = disk
  }

  /** For a file, say: `Snapshot.fromBytes` reads it, also in another process. */
  async toBytes(): Promise<Buffer> {
    const entries: Entry[] = []
    const contents: Buffer[] = []
    for (let index = 0; index < this.directories; index++) {
      for (const path of await pathsUnder(this.disk, `/${index}`)) {
        const status = await this.disk.status(path)
        if (status?.isDirectory) entries.push({ path })
        else {
          const content = await this.disk.readFile(path)
          entries.push({ path, size: content.length })
          contents.push(content)
        }
      }
    }
    const { klammVersion, clusterId, nodeId, timestamp, directories } = this
    const head = { klammVersion, clusterId, nodeId, timestamp, directories, entries }
    const text = Buffer.from(JSON.stringify(head))
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeUInt32BE(text.length)
    const body = Buffer.concat([MAGIC, size, text, ...contents])
    const checksum = Buffer.alloc(CHECKSUM_BYTES)
    checksum.writeUInt32BE(crc32c(body) >>> 0)
    return Buffer.concat([body, checksum])
  }

  /** Rejects where the bytes are no snapshot, are damaged, or come from another version of Klamm. */
  static async fromBytes(bytes: Uint8Array): Promise<Snapshot> {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError('These are no bytes: give the Uint8Array or Buffer that snapshot.toBytes() made')
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const bodyEnd = buffer.length - CHECKSUM_BYTES
    const textFrom = MAGIC.length + SIZE_BYTES
    if (!buffer.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw new UsageError('These bytes are no snapshot: give those that snapshot.toBytes() made')
    }
    if (bodyEnd < textFrom || crc32c(buffer.subarray(0, bodyEnd)) >>> 0 !== buffer.readUInt32BE(bodyEnd)) {
      throw new UsageError('The snapshot is damaged, or not all of it is there: make it anew with snapshot()')
    }
    const textEnd = textFrom + buffer.readUInt32BE(MAGIC.length)
    const { entries, ...facts } = JSON.parse(buffer.toString('utf8', textFrom, textEnd)) as SnapshotFacts & {
      entries: Entry[]
    }
    checkVersion(facts)
    const disk = new MemoryDisk({ clock: new ManualClock(facts.timestamp) })
    let position = textEnd
    for (const { path, size } of entries) {
      if (size === undefined) await disk.makeDirectory(path)
      else {
        await writeFile(disk, path, buffer.subarray(position, position + size))
        position += size
      }
    }
    return new Snapshot(facts, disk)
  }

  /** Brings what it holds to a disk in memory, which shares its bytes until one of them changes. */
  graftTo(disk: MemoryDisk, logDirs: readonly string[]): void {
    for (const [index, path] of logDirs.entries()) disk.graft(this.disk, `/${index}`, path)
  }

  /** Brings what it holds to directories that are empty. */
  async copyTo(disk: Disk, logDirs: readonly string[]): Promise<void> {
    for (const [index, path] of logDirs.entries()) await copyTree(this.disk, `/${index}`, disk, path)
  }
}

/** Throws where this Klamm cannot take it. */
export function checkVersion({ klammVersion }: Pick<SnapshotFacts, 'klammVersion'>): void {
  if (klammVersion === KLAMM_VERSION) return
  throw new UsageError(
    `The snapshot was made by Klamm ${klammVersion}, and this is Klamm ${KLAMM_VERSION}: ` +
      'make it anew with this one',
  )
}
