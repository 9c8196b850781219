/**
 * A disk on which nothing can be changed: the engine's own readers tidy up where they read, which a look at
 * somebody's files must not. What would be written counts as written, and is not.
 */
import type { DirectoryEntry, DirectoryLock, Disk, DiskFile, FileStatus } from '../../platform/platform.ts'

export class ReadingDisk implements Disk {
  private readonly disk: Disk

  constructor(disk: Disk) {
    this.disk = disk
  }

  async open(path: string): Promise<DiskFile> {
    return new ReadingFile(await this.disk.open(path, 'read'))
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

  async makeDirectory(): Promise<void> {}

  async rename(): Promise<void> {}

  async remove(): Promise<void> {}

  async syncDirectory(): Promise<void> {}

  space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }> {
    return this.disk.space(path)
  }

  async lock(): Promise<DirectoryLock> {
    return { release: async () => {} }
  }
}

class ReadingFile implements DiskFile {
  private readonly file: DiskFile

  constructor(file: DiskFile) {
    this.file = file
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.file.read(target, position)
  }

  async write(): Promise<void> {}

  async truncate(): Promise<void> {}

  async sync(): Promise<void> {}

  sizeBytes(): Promise<number> {
    return this.file.sizeBytes()
  }

  close(): Promise<void> {
    return this.file.close()
  }
}
