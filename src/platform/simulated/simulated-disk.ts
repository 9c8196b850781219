/**
 * A machine's disk as one process sees it: the memory disk below, with the faults that are in force. Calls
 * take their time by the simulated clock; they fail with EIO, ENOSPC and the like, a failed write leaving
 * a part of it behind and a failed sync losing bytes that were not durable. Once the process is over, its
 * calls never come back: what they did to the disk before stays.
 */
import type { Clock, DirectoryEntry, DirectoryLock, Disk, DiskFile, FileStatus, Random } from '../platform.ts'
import type { MemoryDisk } from './memory-disk.ts'

export type DiskCall = Exclude<keyof Disk, 'lock'> | keyof DiskFile | 'lock'

/** Without a code it only slows calls down. */
export interface FaultRule {
  /** Any, unless told. */
  readonly calls?: readonly DiskCall[]
  /** Every path that begins so. */
  readonly under?: string
  /** And ends so. */
  readonly suffix?: string
  readonly code?: 'EIO' | 'ENOSPC' | 'EMFILE' | 'EROFS'
  readonly delayMs?: number
  /** Not each call, but one in so many. */
  readonly oneIn?: number
  /** After so many the rule is used up. */
  readonly times?: number
}

/** The faults of a machine, which outlive its processes. */
export class DiskFaults {
  /** Most calls take up to this long, some no time at all. */
  jitterMs = 1
  /** What happened, for whoever tells the story of a run. */
  onFault: ((call: string, path: string, code: string) => void) | undefined
  private readonly random: Random
  private readonly rules = new Map<FaultRule, number>()

  constructor(random: Random) {
    this.random = random
  }

  add(rule: FaultRule): void {
    this.rules.set(rule, rule.times ?? Number.POSITIVE_INFINITY)
  }

  remove(rule: FaultRule): void {
    this.rules.delete(rule)
  }

  clear(): void {
    this.rules.clear()
  }

  draw(call: DiskCall, path: string): { readonly delayMs: number; readonly code: string | undefined } {
    const dice = this.random.below(16)
    let delayMs = dice < 6 ? 0 : (dice * this.jitterMs) / 16
    let code: string | undefined
    for (const [rule, left] of this.rules) {
      if (rule.calls && !rule.calls.includes(call)) continue
      if (rule.under !== undefined && !path.startsWith(rule.under)) continue
      if (rule.suffix !== undefined && !path.endsWith(rule.suffix)) continue
      if (rule.oneIn !== undefined && this.random.below(rule.oneIn) > 0) continue
      delayMs += rule.delayMs ?? 0
      code ??= rule.code
      if (left <= 1) this.rules.delete(rule)
      else this.rules.set(rule, left - 1)
    }
    if (code !== undefined) this.onFault?.(call, path, code)
    return { delayMs, code }
  }

  /** How much of a failed write there is. */
  part(bytes: number): number {
    return this.random.below(bytes + 1)
  }
}

export interface SimulatedDiskOptions {
  readonly memory: MemoryDisk
  readonly clock: Clock
  readonly random: Random
  readonly faults: DiskFaults
}

export class SimulatedDisk implements Disk {
  private readonly memory: MemoryDisk
  private readonly clock: Clock
  private readonly random: Random
  private readonly faults: DiskFaults
  private isOver = false

  constructor(options: SimulatedDiskOptions) {
    this.memory = options.memory
    this.clock = options.clock
    this.random = options.random
    this.faults = options.faults
  }

  /** The process has died. */
  end(): void {
    this.isOver = true
  }

  async open(path: string, mode: 'read' | 'write'): Promise<DiskFile> {
    const file = await this.call('open', path, () => this.memory.open(path, mode))
    return new SimulatedFile(this, file, path)
  }

  readFile(path: string): Promise<Buffer> {
    return this.call('readFile', path, () => this.memory.readFile(path))
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.call('status', path, () => this.memory.status(path))
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.call('list', path, () => this.memory.list(path))
  }

  makeDirectory(path: string): Promise<void> {
    return this.call('makeDirectory', path, () => this.memory.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.call('rename', from, () => this.memory.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.call('remove', path, () => this.memory.remove(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.call('syncDirectory', path, () => this.memory.syncDirectory(path))
  }

  space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }> {
    return this.call('space', path, () => this.memory.space(path))
  }

  lock(directory: string): Promise<DirectoryLock> {
    return this.call('lock', directory, () => this.memory.lock(directory))
  }

  /** `failing` says what a call that fails has done all the same. */
  async call<T>(
    name: DiskCall,
    path: string,
    act: () => Promise<T>,
    failing?: () => Promise<void>,
  ): Promise<T> {
    if (this.isOver) return never()
    const { delayMs, code } = this.faults.draw(name, path)
    if (delayMs > 0) await new Promise<void>(resolve => this.clock.after(delayMs, resolve))
    if (this.isOver) return never()
    try {
      if (code !== undefined) {
        await failing?.()
        throw Object.assign(new Error(`${code}: ${name} '${path}'`), { code, syscall: name, path })
      }
      return await act()
    } finally {
      if (this.isOver) await never()
    }
  }

  async failWrite(file: DiskFile, chunks: readonly Uint8Array[], position: number): Promise<void> {
    const bytes = Buffer.concat(chunks)
    await file.write([bytes.subarray(0, this.faults.part(bytes.length))], position)
  }

  async failSync(path: string): Promise<void> {
    this.memory.loseUnsynced(path, this.random)
  }
}

class SimulatedFile implements DiskFile {
  private readonly disk: SimulatedDisk
  private readonly file: DiskFile
  private readonly path: string

  constructor(disk: SimulatedDisk, file: DiskFile, path: string) {
    this.disk = disk
    this.file = file
    this.path = path
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.disk.call('read', this.path, () => this.file.read(target, position))
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.disk.call(
      'write',
      this.path,
      () => this.file.write(chunks, position),
      () => this.disk.failWrite(this.file, chunks, position),
    )
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.disk.call('truncate', this.path, () => this.file.truncate(sizeBytes))
  }

  sync(): Promise<void> {
    return this.disk.call(
      'sync',
      this.path,
      () => this.file.sync(),
      () => this.disk.failSync(this.path),
    )
  }

  sizeBytes(): Promise<number> {
    return this.disk.call('sizeBytes', this.path, () => this.file.sizeBytes())
  }

  close(): Promise<void> {
    return this.disk.call('close', this.path, () => this.file.close())
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}
