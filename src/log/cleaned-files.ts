/**
 * The files of a compacted segment while they are written, under names that a start after a crash removes.
 * They are synced as they grow, so that no large write-back stands in the way of what is appended elsewhere.
 */
import type { DiskFile } from '../platform/platform.ts'
import type { CleaningReply } from './cleaning-task.ts'
import { CLEANED_SUFFIX } from './compaction-swap.ts'
import type { Log } from './log.ts'
import { fileName } from './producer-snapshot.ts'
import { Segment } from './segment.ts'
import { encodeEntries } from './transaction-index.ts'

const SYNC_BYTES = 16_777_216

/** One file that is only added to. */
interface Growing {
  readonly file: DiskFile
  sizeBytes: number
  syncedBytes: number
}

export class CleanedFiles {
  private readonly log: Log
  private readonly baseOffset: bigint
  private readonly createdMs: number
  private readonly open = new Map<string, Growing>()
  private sealed: Segment | undefined

  constructor(log: Log, options: { readonly baseOffset: bigint; readonly createdMs: number }) {
    this.log = log
    this.baseOffset = options.baseOffset
    this.createdMs = options.createdMs
  }

  get sizeBytes(): number {
    return this.sealed?.sizeBytes ?? 0
  }

  async create(): Promise<void> {
    await this.remove()
    for (const kind of ['.log', '.index', '.timeindex']) await this.make(kind)
  }

  async add({ records, offsets, times, aborted = [] }: CleaningReply): Promise<void> {
    await this.append('.log', records)
    await this.append('.index', offsets)
    await this.append('.timeindex', times)
    if (aborted.length > 0) await this.append('.txnindex', encodeEntries(aborted))
  }

  /** Everything is on the disk; the segment is for the log to take. */
  async finish(): Promise<Segment> {
    const { environment, location, config } = this.log
    const { disk, files, indexes } = environment
    const sizeBytes = this.open.get('.log')!.sizeBytes
    for (const growing of this.open.values()) await this.sync(growing)
    await this.close()
    // Were one of the names lost, a start could take the others for the end of a swap.
    await disk.syncDirectory(location.path)
    this.sealed = new Segment(
      { disk, files, indexes, location },
      {
        baseOffset: this.baseOffset,
        sizeBytes,
        createdMs: this.createdMs,
        isNew: false,
        suffix: CLEANED_SUFFIX,
        isWritable: false,
        rollJitterMs: 0,
        indexIntervalBytes: config.indexIntervalBytes,
      },
    )
    return this.sealed
  }

  /** What was written is not wanted. The disk may be full or gone: then the next start removes it. */
  async discard(): Promise<void> {
    try {
      await this.close()
      await this.remove()
    } catch {
      // A start after this removes them.
    }
  }

  private async append(kind: string, bytes: Uint8Array | undefined): Promise<void> {
    if (bytes === undefined || bytes.byteLength === 0) return
    const growing = this.open.get(kind) ?? (await this.make(kind))
    await growing.file.write([bytes], growing.sizeBytes)
    growing.sizeBytes += bytes.byteLength
    if (growing.sizeBytes - growing.syncedBytes >= SYNC_BYTES) await this.sync(growing)
  }

  private async sync(growing: Growing): Promise<void> {
    await this.log.environment.syncs.run(() => growing.file.sync())
    growing.syncedBytes = growing.sizeBytes
  }

  private async make(kind: string): Promise<Growing> {
    const file = await this.log.environment.disk.open(this.path(kind), 'write')
    const growing = { file, sizeBytes: 0, syncedBytes: 0 }
    this.open.set(kind, growing)
    return growing
  }

  private async close(): Promise<void> {
    const files = [...this.open.values()]
    this.open.clear()
    for (const { file } of files) await file.close()
  }

  private async remove(): Promise<void> {
    const { disk } = this.log.environment
    const paths = ['.log', '.index', '.timeindex', '.txnindex'].map(kind => this.path(kind))
    const status = await Promise.all(paths.map(path => disk.status(path)))
    if (!status.some(it => it !== undefined)) return
    // They may have had the names of a swap: a power failure is not to leave some of those, and not the rest.
    await disk.syncDirectory(this.log.location.path)
    for (const path of paths) await disk.remove(path)
  }

  private path(kind: string): string {
    return `${this.log.location.path}/${fileName(this.baseOffset, kind)}${CLEANED_SUFFIX}`
  }
}
