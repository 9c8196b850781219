/**
 * Where the data of a broker inside the process lies between its lives: a disk in memory, or directories of
 * the machine. An engine uses it while it lives; emptied, copied, filled and torn it is while none does.
 */
import { dirname, resolve } from 'node:path'
import { StartFailure } from '../broker.ts'
import type { Clock, Disk } from '../platform/platform.ts'
import { MemoryDisk, type Unsynced } from '../platform/simulated/memory-disk.ts'
import { MirroredDisk } from '../platform/simulated/mirrored-disk.ts'
import { copyTree, isLock, readDirectories } from './log-directories.ts'
import type { Snapshot } from './snapshot.ts'

export interface Storage {
  /** What the next engine stands on. */
  disk(): Promise<Disk>
  /** As new. */
  empty(): Promise<void>
  /** Throws a StartFailure where there is anything that could be lost. */
  mustBeEmpty(): Promise<void>
  /** As of one moment, each log directory under its number: `/0`, `/1` ... */
  copyTo(disk: MemoryDisk): Promise<void>
  /** In place of what was there. */
  fill(snapshot: Snapshot): Promise<void>
  /** The engine has died; what it had not made durable is as asked. */
  crash(unsynced: Unsynced): Promise<void>
  close(): void
}

export interface StorageOptions {
  readonly logDirs: readonly string[]
  /** The broker's own, at the time of the call: one that is set by hand may be another after a reset. */
  readonly clock: () => Clock
  /** Whether to keep account of what is durable. */
  readonly isCrashable: boolean
}

export class MemoryStorage implements Storage {
  private readonly options: StorageOptions
  private memory: MemoryDisk | undefined

  constructor(options: StorageOptions) {
    this.options = options
  }

  async disk(): Promise<MemoryDisk> {
    this.memory ??= await newMemory(this.options)
    return this.memory
  }

  async empty(): Promise<void> {
    this.memory = undefined
  }

  async mustBeEmpty(): Promise<void> {}

  /** At one instant: what is acknowledged is on the disk. */
  async copyTo(disk: MemoryDisk): Promise<void> {
    const memory = await this.disk()
    for (const [index, path] of this.options.logDirs.entries()) disk.graft(memory, path, `/${index}`)
  }

  async fill(snapshot: Snapshot): Promise<void> {
    this.memory = await newMemory(this.options)
    snapshot.graftTo(this.memory, this.options.logDirs)
  }

  async crash(unsynced: Unsynced): Promise<void> {
    this.memory?.crash(unsynced)
  }

  close(): void {
    this.memory = undefined
  }
}

export class DirectoryStorage implements Storage {
  private readonly machine: Disk
  private readonly options: StorageOptions
  /** Of the present life: what a power failure would leave. */
  private mirror: MemoryDisk | undefined

  constructor(machine: Disk, options: StorageOptions) {
    this.machine = machine
    this.options = options
  }

  async disk(): Promise<Disk> {
    if (!this.options.isCrashable) return this.machine
    const mirror = await newMemory(this.options)
    for (const path of this.options.logDirs) {
      if (await this.machine.status(path)) await copyTree(this.machine, path, mirror, path)
    }
    mirror.syncAll()
    this.mirror = mirror
    return new MirroredDisk(this.machine, mirror)
  }

  async empty(): Promise<void> {
    for (const path of this.options.logDirs) {
      await this.machine.makeDirectory(path)
      for (const { name } of await this.machine.list(path)) {
        if (!isLock(name)) await this.machine.remove(`${path}/${name}`)
      }
    }
  }

  async mustBeEmpty(): Promise<void> {
    for (const path of this.options.logDirs) {
      if (!(await this.machine.status(path)) || (await this.machine.list(path)).length === 0) continue
      throw new StartFailure(`storage: ${path} is not empty; give a fork a directory of its own`)
    }
  }

  copyTo(disk: MemoryDisk): Promise<void> {
    return readDirectories(this.machine, this.options.logDirs, disk)
  }

  async fill(snapshot: Snapshot): Promise<void> {
    await this.empty()
    await snapshot.copyTo(this.machine, this.options.logDirs)
  }

  async crash(unsynced: Unsynced): Promise<void> {
    const { mirror } = this
    if (unsynced === 'kept' || !mirror) return
    mirror.crash(unsynced)
    await this.empty()
    for (const path of this.options.logDirs) {
      if (await mirror.status(path)) await copyTree(mirror, path, this.machine, path)
    }
  }

  close(): void {
    this.mirror = undefined
  }
}

/** With the place for the log directories, as on a machine. */
async function newMemory({ logDirs, clock, isCrashable }: StorageOptions): Promise<MemoryDisk> {
  const disk = new MemoryDisk({ clock: clock(), isCrashable })
  for (const path of logDirs) await disk.makeDirectory(dirname(resolve(path)))
  if (isCrashable) disk.syncAll()
  return disk
}
