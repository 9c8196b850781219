/**
 * One log on its way into another log directory, while it is written and read. A copy grows there under a
 * name of Kafka's that no start takes for a log; when it holds everything, its files take the place of the
 * log's own between two writes, and the old ones are deleted. Until then the log knows nothing of it, so that
 * a move can be given up at any time, or fail, at no cost.
 *
 * A crash leaves the copy under its name, and the next start goes on with it; or, between the renaming of the
 * new directory and that of the old one, two logs with the same batches, of which the start keeps the longer.
 */
import { BATCH_HEADER_BYTES, RecordBatch } from '../records/batch.ts'
import { formatEpochs, LEADER_EPOCH_CHECKPOINT, replaceFile } from './checkpoint.ts'
import { DamagedSegment } from './damaged-segment.ts'
import type { Log } from './log.ts'
import type { LogDirectory } from './log-directory.ts'
import type { LogLocation, Segment } from './segment.ts'

/** Read and written at once. A batch that is larger goes alone. */
const CHUNK_BYTES = 1_048_576
/** What is left to copy while writes wait. */
const SHORT_REST_BYTES = 4_194_304
const RETRY_MS = 1_000

/** What a move needs from its owner. */
export interface MoveServices {
  /** Resolves when so many more bytes may be copied; sooner when the move is given up. */
  throttle(bytes: number, move: LogMove): Promise<void>
  /** Sooner when the move is given up. */
  wait(ms: number, move: LogMove): Promise<void>
  /** Nobody works on the log's files any longer than a read takes. */
  clear(log: Log): Promise<void>
  /** The copy no longer stands by itself. */
  forget(copy: Log): void
}

/** `replaced`: the log lives in the new directory, and these are the old one and where its files are. */
export type MoveEnd =
  | { readonly state: 'given up' | 'failed' }
  | { readonly state: 'replaced'; readonly from: LogDirectory; readonly old: LogLocation }

export class LogMove {
  readonly log: Log
  readonly copy: Log
  readonly from: LogDirectory
  readonly to: LogDirectory
  private readonly services: MoveServices
  isOver = false
  private onOver: () => void = () => {}
  /** Resolves when it is given up: pauses end then. */
  readonly over: Promise<void>

  constructor(parts: {
    readonly log: Log
    readonly copy: Log
    readonly from: LogDirectory
    readonly to: LogDirectory
    readonly services: MoveServices
  }) {
    this.log = parts.log
    this.copy = parts.copy
    this.from = parts.from
    this.to = parts.to
    this.services = parts.services
    this.over = new Promise(resolve => {
      this.onOver = resolve
    })
  }

  /** It stops before its next step, unless that is the replacement. */
  giveUp(): void {
    this.isOver = true
    this.onOver()
  }

  async run(): Promise<MoveEnd> {
    for (;;) {
      try {
        const end = await this.attempt()
        if (end !== undefined) return end
      } catch (error) {
        const { log, to } = this
        if (this.isOver) return { state: 'given up' }
        log.environment.logger.warn('A move to another log directory was held up', {
          log: log.name,
          to: to.path,
          error,
        })
        const canGoOn = log.isOnline && this.copy.isOnline && !(error instanceof DamagedSegment)
        if (!canGoOn) return { state: 'failed' }
        // A full disk, for example: it goes on when there is room again.
        await this.services.wait(RETRY_MS, this)
      }
    }
  }

  /** Undefined when the log has run away from its copy, and it has to catch up again. */
  private async attempt(): Promise<MoveEnd | undefined> {
    await this.align()
    for (let copied = -1; copied !== 0; ) {
      if (this.isOver) return { state: 'given up' }
      copied = await this.copySome()
      if (copied > 0) await this.services.throttle(copied, this)
    }
    // Most of it is synced while writes go on.
    await this.copy.flush()
    if (this.isOver) return { state: 'given up' }
    this.log.isMoving = true
    try {
      await this.services.clear(this.log)
      return await this.log.alone(() => this.replace())
    } finally {
      this.log.isMoving = false
    }
  }

  /** The log may have lost what its copy has, by a power failure, or have been cut or begun anew. */
  private async align(): Promise<void> {
    const { log, copy } = this
    if (copy.logEndOffset > log.logEndOffset) await copy.truncateTo(log.logEndOffset)
    if (copy.logEndOffset < log.logStartOffset) await copy.truncateFullyAndStartAt(log.logStartOffset)
  }

  /** One chunk; returns its size, and 0 when there is nothing more. */
  private async copySome(): Promise<number> {
    const { log, copy } = this
    const offset = copy.logEndOffset
    const candidates = log.segments.filter(
      (_, i) => (log.segments[i + 1]?.baseOffset ?? offset + 1n) > offset,
    )
    for (const segment of candidates) {
      const batches = await this.readFrom(segment, offset)
      if (batches === undefined) continue
      const { baseOffset } = new RecordBatch(batches, 0)
      // The log start offset may lie inside a batch, which is copied whole.
      if (baseOffset < offset) await copy.truncateFullyAndStartAt(baseOffset)
      const appended = await copy.append(batches, { leaderEpoch: -1, origin: 'follower' })
      if (appended.error) throw new Error(appended.message)
      return batches.length
    }
    return 0
  }

  /** Whole batches, checked; undefined where the segment has none at or behind the offset. */
  private async readFrom(segment: Segment, offset: bigint): Promise<Buffer | undefined> {
    const end = segment.sizeBytes
    const first = await segment.find(offset)
    if (first === undefined || first.position >= end) return undefined
    const length = Math.min(Math.max(CHUNK_BYTES, first.sizeBytes), end - first.position)
    const bytes = await segment.withFile(async file => {
      const buffer = Buffer.allocUnsafeSlow(length)
      return buffer.subarray(0, await file.read(buffer, first.position))
    })
    const batches = bytes.subarray(0, wholeBatches(bytes, segment))
    if (batches.length > 0) return batches
    throw new DamagedSegment(`${segment.path} is shorter than it was`)
  }

  /** Nothing is written to the log meanwhile. */
  private async replace(): Promise<MoveEnd | undefined> {
    const { log, copy, from, to, services } = this
    await this.align()
    for (let rest = SHORT_REST_BYTES; rest > 0; ) {
      const copied = await this.copySome()
      if (copied === 0) break
      rest -= copied
      if (rest <= 0) return undefined
    }
    if (this.isOver || !from.isOnline) return { state: 'given up' }
    // Where compaction took the last batches, there is nothing to copy between them and the end.
    if (copy.logEndOffset < log.logEndOffset) await copy.roll(log.logEndOffset)
    services.forget(copy)
    copy.isLeaving = true
    await copy.close()
    const { disk } = log.environment
    const epochs = formatEpochs(log.epochs.list())
    await replaceFile(disk, copy.location.path, LEADER_EPOCH_CHECKPOINT, epochs)
    const path = `${to.path}/${log.name}`
    await disk.rename(copy.location.path, path)
    copy.location.path = path
    await to.sync()
    return { state: 'replaced', from, old: await this.takeOver() }
  }

  /** At once for whoever looks at the log; what is under way with the old files comes to its end. */
  private async takeOver(): Promise<LogLocation> {
    const { log, copy } = this
    const { location } = log
    const segments = log.segments.splice(0, log.segments.length, ...copy.segments)
    log.location = copy.location
    log.home = this.to
    log.snapshots = copy.snapshots
    log.durability.moveTo(this.to)
    log.noteMoved()
    this.from.logs.delete(log.name)
    this.to.futures.delete(log.name)
    this.to.logs.set(log.name, log)
    await log.durability.settled()
    for (const segment of segments) await segment.close()
    return location
  }
}

/** Up to where a buffer holds whole batches, each with the checksum of what is in it. */
function wholeBatches(bytes: Buffer, segment: Segment): number {
  let position = 0
  while (bytes.length - position >= BATCH_HEADER_BYTES) {
    const batch = new RecordBatch(bytes, position)
    if (position + batch.sizeInBytes > bytes.length) break
    if (!batch.isChecksumValid())
      throw new DamagedSegment(`${segment.path}: the batch at ${batch.baseOffset} is damaged`)
    position += batch.sizeInBytes
  }
  return position
}
