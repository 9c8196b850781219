/**
 * Open handles of segment files, bounded for all logs together. A handle that is in use is pinned and never
 * closed; the others go when the bound asks for it, least recently used first. So ten thousand idle
 * partitions hold none, and no reader is ever given another file's bytes.
 */
import type { Disk, DiskFile } from '../platform/platform.ts'

/** A file that the pool can open; the object is its identity, since paths change. */
export interface PoolMember {
  readonly path: string
  /** Appended to; otherwise it is only read. */
  readonly isWritable: boolean
}

export class PinnedFile {
  readonly file: DiskFile
  private readonly unpin: () => void
  private isReleased = false

  constructor(file: DiskFile, unpin: () => void) {
    this.file = file
    this.unpin = unpin
  }

  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.unpin()
  }
}

interface Handle {
  readonly opening: Promise<DiskFile>
  file: DiskFile | undefined
  pins: number
  isForgotten: boolean
}

export class FilePool {
  private readonly disk: Disk
  private readonly maxOpen: number
  /** In the order of their last use. */
  private readonly handles = new Map<PoolMember, Handle>()
  private readonly closing = new Set<Promise<void>>()
  private isClosed = false

  constructor(disk: Disk, maxOpen: number) {
    this.disk = disk
    this.maxOpen = maxOpen
  }

  get openCount(): number {
    return this.handles.size
  }

  async acquire(member: PoolMember): Promise<PinnedFile> {
    let handle = this.handles.get(member)
    if (handle === undefined) {
      handle = {
        opening: this.disk.open(member.path, member.isWritable ? 'write' : 'read'),
        file: undefined,
        pins: 0,
        isForgotten: false,
      }
    }
    this.handles.delete(member)
    this.handles.set(member, handle)
    handle.pins++
    this.evict()
    try {
      handle.file ??= await handle.opening
    } catch (error) {
      if (this.handles.get(member) === handle) this.handles.delete(member)
      throw error
    }
    const pinned = handle
    return new PinnedFile(handle.file, () => this.unpin(pinned))
  }

  /** Closes the member's handle once nobody uses it: its file is being removed, or its log closed. */
  async forget(member: PoolMember): Promise<void> {
    const handle = this.handles.get(member)
    if (handle === undefined) return
    this.handles.delete(member)
    handle.isForgotten = true
    if (handle.pins === 0) await this.closeHandle(handle)
  }

  /**
   * Gives up every handle, those of logs too that could not be opened or closed, and resolves when they are
   * closed. Who still reads keeps his until he is done.
   */
  async close(): Promise<void> {
    this.isClosed = true
    for (const member of [...this.handles.keys()]) void this.forget(member)
    await Promise.all(this.closing)
  }

  private unpin(handle: Handle): void {
    handle.pins--
    if (handle.pins > 0) return
    if (handle.isForgotten) void this.closeHandle(handle)
    else this.evict()
  }

  private evict(): void {
    const maxOpen = this.isClosed ? 0 : this.maxOpen
    if (this.handles.size <= maxOpen) return
    for (const [member, handle] of this.handles) {
      if (this.handles.size <= maxOpen) return
      if (handle.pins === 0) void this.forget(member)
    }
  }

  private closeHandle(handle: Handle): Promise<void> {
    // What was written is with the operating system already; a failure to close loses nothing that was
    // promised.
    const closed = handle.opening.then(file => file.close()).catch(() => {})
    this.closing.add(closed)
    return closed.finally(() => this.closing.delete(closed))
  }
}
