/**
 * A disk in memory, with the meaning of the real one: `storage=memory` and tests run the same code over it.
 * With `isCrashable` it also remembers what has been made durable, so that `crash` can lose or tear the rest.
 */
import { dirname, resolve, sep } from 'node:path'
import type { Clock, DirectoryEntry, DirectoryLock, Disk, DiskFile, FileStatus, Random } from '../platform.ts'
import { Directory, File, filesUnder, type NameChange, NameJournal, type Node } from './memory-nodes.ts'

export interface MemoryDiskOptions {
  readonly clock: Clock
  /** Writes beyond it fail with ENOSPC. */
  readonly capacityBytes?: number
  /** Tracks durability, at the cost of a second copy of each file. */
  readonly isCrashable?: boolean
}

/** A call that is about to be made, as a fault rule sees it. */
export interface DiskOperation {
  readonly name: string
  readonly path: string
}

/** What becomes of the writes and directory changes that no sync had made durable. */
export type Unsynced =
  /** The process died, the machine lives on. */
  | 'kept'
  /** Power failed before any of them reached the disk. */
  | 'lost'
  /** Power failed while they went out, and any of them may be there, in whole or in part. */
  | { readonly tornBy: Random }

const DEFAULT_CAPACITY_BYTES = 2 ** 50

export class MemoryDisk implements Disk {
  /** Runs before each call takes effect: it fails the call by throwing and delays it by a promise. */
  intercept: ((operation: DiskOperation) => void | Promise<void>) | undefined
  capacityBytes: number
  private readonly clock: Clock
  private readonly isCrashable: boolean
  private readonly root: Directory
  private readonly journal = new NameJournal()
  private readonly locks = new Map<string, object>()
  private usedBytes = 0
  private generation = 0

  constructor(options: MemoryDiskOptions) {
    this.clock = options.clock
    this.capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY_BYTES
    this.isCrashable = options.isCrashable ?? false
    this.root = new Directory(this.clock.now())
  }

  async open(path: string, mode: 'read' | 'write'): Promise<DiskFile> {
    await this.before('open', path)
    const node = mode === 'read' ? this.fileAt(path, 'open') : this.fileForWriting(path)
    node.handles++
    return new MemoryFile(this, node, { path, mode })
  }

  async readFile(path: string): Promise<Buffer> {
    await this.before('readFile', path)
    const { bytes } = this.fileAt(path, 'open')
    const target = Buffer.allocUnsafe(bytes.byteLength)
    bytes.read(target, 0)
    return target
  }

  async status(path: string): Promise<FileStatus | undefined> {
    await this.before('status', path)
    const node = this.nodeAt(path)
    if (!node) return undefined
    const isDirectory = node instanceof Directory
    return { isDirectory, sizeBytes: isDirectory ? 0 : node.bytes.byteLength, modifiedMs: node.modifiedMs }
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    await this.before('list', path)
    const entries = [...this.directoryAt(path, 'scandir').entries]
    return entries
      .map(([name, node]) => ({ name, isDirectory: node instanceof Directory }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async makeDirectory(path: string): Promise<void> {
    await this.before('makeDirectory', path)
    let directory = this.root
    for (const name of namesOf(path)) {
      let next = directory.entries.get(name)
      if (!next) {
        next = new Directory(this.clock.now())
        this.change([{ directory, name, node: next }])
      }
      if (!(next instanceof Directory)) throw diskError('EEXIST', 'mkdir', path)
      directory = next
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.before('rename', from)
    const node = this.nodeAt(from)
    if (!node) throw diskError('ENOENT', 'rename', from)
    const target = this.nodeAt(to)
    if (target === node) return
    if (resolve(to).startsWith(resolve(from) + sep)) throw diskError('EINVAL', 'rename', to)
    if (target) checkReplaceable(node, target, to)
    const { parent, name } = this.slotOf(to, 'rename')
    const source = this.slotOf(from, 'rename')
    if (target instanceof File) this.unlink(target)
    this.change([
      { directory: source.parent, name: source.name, node: undefined },
      { directory: parent, name, node },
    ])
  }

  async remove(path: string): Promise<void> {
    await this.before('remove', path)
    const node = this.nodeAt(path)
    if (!node) return
    const { parent, name } = this.slotOf(path, 'unlink')
    this.detach({ directory: parent, name, node })
  }

  /** First what is in it: a power failure may come in between. */
  private detach({ directory, name, node }: NameChange): void {
    if (node instanceof Directory) {
      for (const [childName, child] of [...node.entries]) {
        this.detach({ directory: node, name: childName, node: child })
      }
    } else if (node) this.unlink(node)
    this.change([{ directory, name, node: undefined }])
  }

  async syncDirectory(path: string): Promise<void> {
    await this.before('syncDirectory', path)
    const directory = this.directoryAt(path, 'open')
    this.journal.sync(directory)
  }

  async space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }> {
    await this.before('space', path)
    if (!this.nodeAt(path)) throw diskError('ENOENT', 'statfs', path)
    const usable = Math.max(0, this.capacityBytes - this.usedBytes)
    return { usableBytes: BigInt(usable), totalBytes: BigInt(this.capacityBytes) }
  }

  async lock(directory: string): Promise<DirectoryLock> {
    await this.before('lock', directory)
    this.directoryAt(directory, 'open')
    const key = resolve(directory)
    if (this.locks.has(key)) {
      throw Object.assign(new Error(`Another broker of this process uses ${directory}`), { code: 'ELOCKED' })
    }
    const holder = {}
    this.locks.set(key, holder)
    return {
      release: async () => {
        if (this.locks.get(key) === holder) this.locks.delete(key)
      },
    }
  }

  /**
   * Brings a directory of a disk in memory here with all that is in it, in place of what was there. Bytes are
   * shared until one of the two changes them.
   */
  graft(from: MemoryDisk, fromPath: string, toPath: string): void {
    const fork = from.directoryAt(fromPath, 'open').fork(this.isCrashable)
    const names = namesOf(toPath)
    const last = names.pop()
    if (last === undefined) throw diskError('EBUSY', 'rename', toPath)
    let directory = this.root
    for (const name of names) {
      const next = directory.entries.get(name) ?? new Directory(this.clock.now())
      if (!(next instanceof Directory)) throw diskError('ENOTDIR', 'rename', toPath)
      this.change([{ directory, name, node: next }])
      directory = next
    }
    this.change([{ directory, name: last, node: fork }])
    this.journal.syncAll()
    this.usedBytes = 0
    for (const { bytes } of filesUnder(this.root)) this.usedBytes += bytes.byteLength
  }

  /** Everything written so far becomes durable: the state that a test begins with. */
  syncAll(): void {
    this.journal.syncAll()
    for (const file of filesUnder(this.root)) file.sync()
  }

  /**
   * What a failed sync leaves: bytes that are not durable may be lost, without whoever reads them noticing.
   */
  loseUnsynced(path: string, random: Random): void {
    const node = this.nodeAt(path)
    if (node instanceof File) node.failSync(random)
  }

  /** Bits of a file turn over, on the disk itself. */
  rot(path: string, position: number, mask: number): void {
    this.fileAt(path, 'open').rot(position, mask)
  }

  /**
   * Ends the process that used the disk: open files are dead, locks free, and what was not durable is as
   * asked.
   */
  crash(unsynced: Unsynced): void {
    this.generation++
    this.locks.clear()
    if (unsynced !== 'kept') {
      if (!this.isCrashable) throw new Error('Only a disk made with isCrashable knows what was durable')
      const random = unsynced === 'lost' ? undefined : unsynced.tornBy
      this.journal.crash(random)
      this.root.revert(random)
    }
    this.usedBytes = 0
    for (const file of filesUnder(this.root)) {
      file.handles = 0
      file.links = 1
      this.usedBytes += file.bytes.byteLength
    }
  }

  /** For open files: rejects calls on one that was open when the disk crashed. */
  async enter(name: string, path: string, generation: number): Promise<void> {
    if (generation !== this.generation) throw diskError('EBADF', name, path)
    await this.before(name, path)
    if (generation !== this.generation) throw diskError('EBADF', name, path)
  }

  get currentGeneration(): number {
    return this.generation
  }

  write(file: File, chunks: readonly Uint8Array[], position: number): void {
    let at = position
    for (const chunk of chunks) {
      const room = this.capacityBytes - this.usedBytes + Math.max(0, file.bytes.byteLength - at)
      const fitting = chunk.byteLength <= room ? chunk : chunk.subarray(0, Math.max(0, room))
      const before = file.bytes.byteLength
      file.change({ position: at, bytes: fitting }, this.isCrashable)
      this.usedBytes += file.bytes.byteLength - before
      at += fitting.byteLength
      if (fitting !== chunk) throw diskError('ENOSPC', 'write', file.path)
    }
    file.modifiedMs = this.clock.now()
  }

  truncate(file: File, sizeBytes: number): void {
    this.usedBytes += sizeBytes - file.bytes.byteLength
    file.change({ sizeBytes }, this.isCrashable)
    file.modifiedMs = this.clock.now()
  }

  close(file: File): void {
    file.handles--
    this.free(file)
  }

  private change(step: readonly NameChange[]): void {
    for (const { directory, name, node } of step) directory.set(name, node, this.clock.now())
    if (this.isCrashable) this.journal.note(step)
  }

  private unlink(file: File): void {
    file.links = 0
    this.free(file)
  }

  /** As on a real disk, a removed file keeps its bytes while somebody has it open. */
  private free(file: File): void {
    if (file.links > 0 || file.handles > 0 || file.isFreed) return
    file.isFreed = true
    this.usedBytes -= file.bytes.byteLength
  }

  private async before(name: string, path: string): Promise<void> {
    await this.intercept?.({ name, path })
  }

  private nodeAt(path: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const name of namesOf(path)) node = node instanceof Directory ? node.entries.get(name) : undefined
    return node
  }

  private fileAt(path: string, call: string): File {
    const node = this.nodeAt(path)
    if (!node) throw diskError('ENOENT', call, path)
    if (node instanceof Directory) throw diskError('EISDIR', call, path)
    return node
  }

  private fileForWriting(path: string): File {
    if (this.nodeAt(path)) return this.fileAt(path, 'open')
    const { parent, name } = this.slotOf(path, 'open')
    const file = new File(path, this.clock.now())
    this.change([{ directory: parent, name, node: file }])
    return file
  }

  private directoryAt(path: string, call: string): Directory {
    const node = this.nodeAt(path)
    if (!node) throw diskError('ENOENT', call, path)
    if (!(node instanceof Directory)) throw diskError('ENOTDIR', call, path)
    return node
  }

  private slotOf(path: string, call: string): { parent: Directory; name: string } {
    const name = namesOf(path).at(-1)
    if (name === undefined) throw diskError('EBUSY', call, path)
    return { parent: this.directoryAt(dirname(resolve(path)), call), name }
  }
}

class MemoryFile implements DiskFile {
  private readonly disk: MemoryDisk
  private readonly file: File
  private readonly path: string
  private readonly mode: 'read' | 'write'
  private readonly generation: number
  private isOpen = true

  constructor(disk: MemoryDisk, file: File, { path, mode }: { path: string; mode: 'read' | 'write' }) {
    this.disk = disk
    this.file = file
    this.path = path
    this.mode = mode
    this.generation = disk.currentGeneration
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    await this.enter('read')
    return this.file.bytes.read(target, position)
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    await this.enter('write')
    if (this.mode === 'read') throw diskError('EBADF', 'write', this.path)
    this.disk.write(this.file, chunks, position)
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.enter('truncate')
    if (this.mode === 'read') throw diskError('EINVAL', 'truncate', this.path)
    this.disk.truncate(this.file, sizeBytes)
  }

  async sync(): Promise<void> {
    await this.enter('sync')
    this.file.sync()
  }

  async sizeBytes(): Promise<number> {
    await this.enter('sizeBytes')
    return this.file.bytes.byteLength
  }

  async close(): Promise<void> {
    await this.enter('close')
    this.isOpen = false
    this.disk.close(this.file)
  }

  private async enter(name: string): Promise<void> {
    if (!this.isOpen) throw diskError('EBADF', name, this.path)
    await this.disk.enter(name, this.path, this.generation)
  }
}

function checkReplaceable(node: Node, target: Node, path: string): void {
  if (node instanceof Directory && !(target instanceof Directory)) throw diskError('ENOTDIR', 'rename', path)
  if (!(target instanceof Directory)) return
  if (!(node instanceof Directory)) throw diskError('EISDIR', 'rename', path)
  if (target.entries.size > 0) throw diskError('ENOTEMPTY', 'rename', path)
}

/** Nothing in it that `resolve` would change. */
const PLAIN = /^\/?[^/.][^/]*(?:\/[^/.][^/]*)*$/

let workingDirectory = { path: '', names: [] as string[] }

function namesOf(path: string): string[] {
  if (sep === '/' && PLAIN.test(path)) {
    const names = path.split('/')
    return names[0] === '' ? names.slice(1) : [...namesOfWorkingDirectory(), ...names]
  }
  return resolve(path)
    .split(sep)
    .filter(name => name !== '')
}

function namesOfWorkingDirectory(): string[] {
  const path = process.cwd()
  if (path !== workingDirectory.path) {
    workingDirectory = { path, names: path.split('/').filter(name => name !== '') }
  }
  return workingDirectory.names
}

function diskError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path })
}
