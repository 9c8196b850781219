/**
 * Files of the real machine, by asynchronous calls only: a slow disk must not stop the event loop. Callbacks
 * rather than `fs/promises`, whose file handles cost twice as much a call.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { lockDirectory } from './node-lock.ts'
import type { DirectoryEntry, DirectoryLock, Disk, DiskFile, FileStatus } from './platform.ts'

const SMALL_FILE_BYTES = 1_024

/** A device can be read for ever. */
async function refuseEndless(descriptor: number, path: string): Promise<void> {
  const found = await call<fs.Stats>(done => fs.fstat(descriptor, done))
  if (!found.isCharacterDevice()) return
  throw Object.assign(new Error(`EFTYPE: a device is no file, read '${path}'`), { code: 'EFTYPE', path })
}

export class NodeDisk implements Disk {
  async open(path: string, mode: 'read' | 'write'): Promise<DiskFile> {
    const flags = mode === 'read' ? fs.constants.O_RDONLY : fs.constants.O_RDWR | fs.constants.O_CREAT
    const descriptor = await call<number>(done => fs.open(path, flags, 0o666, done))
    return new NodeFile(descriptor, path)
  }

  /** In one read where the file is small, as most that are read whole are. */
  async readFile(path: string): Promise<Buffer> {
    const descriptor = await call<number>(done => fs.open(path, fs.constants.O_RDONLY, done))
    try {
      const first = Buffer.allocUnsafe(SMALL_FILE_BYTES)
      const count = await call<number>(done => fs.read(descriptor, first, 0, first.length, null, done))
      if (count < first.length) return first.subarray(0, count)
      await refuseEndless(descriptor, path)
      const rest = await call<Buffer>(done => fs.readFile(descriptor, done))
      return Buffer.concat([first, rest])
    } finally {
      await call<void>(done => fs.close(descriptor, done))
    }
  }

  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const found = await call<fs.Stats>(done => fs.stat(path, done))
      const isDirectory = found.isDirectory()
      return { isDirectory, sizeBytes: isDirectory ? 0 : found.size, modifiedMs: found.mtimeMs }
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
      throw error
    }
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const entries = await call<fs.Dirent[]>(done => fs.readdir(path, { withFileTypes: true }, done))
    const listed: DirectoryEntry[] = []
    for (const entry of entries) {
      const { name } = entry
      // A link to a directory counts as one: operators spread partitions over disks that way.
      const isDirectory = entry.isSymbolicLink()
        ? ((await this.status(`${path}/${name}`))?.isDirectory ?? false)
        : entry.isDirectory()
      listed.push({ name, isDirectory })
    }
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Node's own way through missing parents never ends where a file system answers ENOENT for good. */
  async makeDirectory(path: string): Promise<void> {
    try {
      await fs.promises.mkdir(path)
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && (await this.status(path))?.isDirectory) return
      const parent = dirname(path)
      if (codeOf(error) !== 'ENOENT' || (await this.status(parent))?.isDirectory) throw error
      await this.makeDirectory(parent)
      await this.makeDirectory(path)
    }
  }

  rename(from: string, to: string): Promise<void> {
    return fs.promises.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return fs.promises.rm(path, { recursive: true, force: true })
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot sync a directory: there, the file system's own journal has to do.
    if (process.platform === 'win32') return
    const descriptor = await call<number>(done => fs.open(path, fs.constants.O_RDONLY, done))
    try {
      await inSyncSlot(done => fs.fsync(descriptor, done))
    } finally {
      await call<void>(done => fs.close(descriptor, done))
    }
  }

  async space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }> {
    const found = await fs.promises.statfs(path, { bigint: true })
    return { usableBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize }
  }

  lock(directory: string): Promise<DirectoryLock> {
    return lockDirectory(directory)
  }
}

class NodeFile implements DiskFile {
  private readonly descriptor: number
  private readonly path: string
  private isOpen = true

  constructor(descriptor: number, path: string) {
    this.descriptor = descriptor
    this.path = path
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.mustBeOpen('read')
    let done = 0
    while (done < target.byteLength) {
      const rest = target.byteLength - done
      const count = await call<number>(finish =>
        fs.read(this.descriptor, target, done, rest, position + done, finish),
      )
      if (count === 0) break
      done += count
    }
    return done
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    this.mustBeOpen('write')
    let rest = chunks.filter(chunk => chunk.byteLength > 0)
    let at = position
    while (rest.length > 0) {
      const written = await this.writeSome(rest, at)
      if (written === 0) throw fileError('EIO', 'write', this.path)
      at += written
      rest = withoutFirst(rest, written)
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.mustBeOpen('ftruncate')
    await call<void>(done => fs.ftruncate(this.descriptor, sizeBytes, done))
  }

  async sync(): Promise<void> {
    this.mustBeOpen('fdatasync')
    await inSyncSlot(done => fs.fdatasync(this.descriptor, done))
  }

  async sizeBytes(): Promise<number> {
    this.mustBeOpen('fstat')
    return (await call<fs.Stats>(done => fs.fstat(this.descriptor, done))).size
  }

  async close(): Promise<void> {
    this.mustBeOpen('close')
    this.isOpen = false
    await call<void>(done => fs.close(this.descriptor, done))
  }

  private writeSome(chunks: Uint8Array[], position: number): Promise<number> {
    const first = chunks[0]!
    if (chunks.length > 1) return call<number>(done => fs.writev(this.descriptor, chunks, position, done))
    return call<number>(done => fs.write(this.descriptor, first, 0, first.byteLength, position, done))
  }

  /** A closed descriptor's number is soon another file's: a late call must never reach that one. */
  private mustBeOpen(operation: string): void {
    if (!this.isOpen) throw fileError('EBADF', operation, this.path)
  }
}

/** What is left of the chunks after their first `count` bytes. */
function withoutFirst(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skipped = 0
  let index = 0
  while (index < chunks.length && skipped + chunks[index]!.byteLength <= count) {
    skipped += chunks[index]!.byteLength
    index++
  }
  const rest = chunks.slice(index)
  if (skipped < count) rest[0] = rest[0]!.subarray(count - skipped)
  return rest
}

type Done<Value> = (error: NodeJS.ErrnoException | null, value?: Value) => void

function call<Value>(start: (done: Done<Value>) => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error)
      else resolve(value as Value)
    })
  })
}

/**
 * Two of the four threads that Node's file calls share may be stuck in a sync; the rest are for reads and
 * writes. The limit is the process's, since the threads are.
 */
const SYNCS_AT_ONCE = 2
const waitingForSlot: (() => void)[] = []
let syncsRunning = 0

async function inSyncSlot(start: (done: Done<void>) => void): Promise<void> {
  if (syncsRunning >= SYNCS_AT_ONCE) await new Promise<void>(resolve => waitingForSlot.push(resolve))
  else syncsRunning++
  try {
    await call<void>(start)
  } finally {
    const next = waitingForSlot.shift()
    if (next) next()
    else syncsRunning--
  }
}

function fileError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code, syscall: operation, path })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
