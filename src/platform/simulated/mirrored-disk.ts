/**
 * A disk of the machine of which a copy in memory keeps account: what has been made durable, and what a power
 * failure would leave. What the broker does, it does on the machine; then the copy follows.
 */
import type { DirectoryEntry, DirectoryLock, Disk, DiskFile, FileStatus } from '../platform.ts'
import type { MemoryDisk } from './memory-disk.ts'

export class MirroredDisk implements Disk {
  private readonly disk: Disk
  private readonly mirror: MemoryDisk

  /** The mirror has what is in the directories already. */
  constructor(disk: Disk, mirror: MemoryDisk) {
    this.disk = disk
    this.mirror = mirror
  }

  async open(path: string, mode: 'read' | 'write'): Promise<DiskFile> {
    const file = await this.disk.open(path, mode)
    return mode === 'read' ? file : new MirroredFile(file, await this.mirror.open(path, mode))
  }

  readFile(path: string): Promise<Buffer> {
    return this.disk.readFile(path)
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.disk.status(path)
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.disk.list(path)
  }

  async makeDirectory(path: string): Promise<void> {
    await this.disk.makeDirectory(path)
    await this.mirror.makeDirectory(path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.disk.rename(from, to)
    await this.mirror.rename(from, to)
  }

  async remove(path: string): Promise<void> {
    await this.disk.remove(path)
    await this.mirror.remove(path)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.disk.syncDirectory(path)
    if (await this.mirror.status(path)) await this.mirror.syncDirectory(path)
  }

  space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }> {
    return this.disk.space(path)
  }

  lock(directory: string): Promise<DirectoryLock> {
    return this.disk.lock(directory)
  }
}

class MirroredFile implements DiskFile {
  private readonly file: DiskFile
  private readonly copy: DiskFile

  constructor(file: DiskFile, copy: DiskFile) {
    this.file = file
    this.copy = copy
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.file.read(target, position)
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    await this.file.write(chunks, position)
    await this.copy.write(chunks, position)
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.file.truncate(sizeBytes)
    await this.copy.truncate(sizeBytes)
  }

  async sync(): Promise<void> {
    await this.file.sync()
    await this.copy.sync()
  }

  sizeBytes(): Promise<number> {
    return this.file.sizeBytes()
  }

  async close(): Promise<void> {
    await this.file.close()
    await this.copy.close()
  }
}
