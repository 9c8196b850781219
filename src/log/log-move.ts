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
import { DamagedSegment, unlessDamaged } from './damaged-segment.ts'
import type { Log } from './log.ts'
import type { LogDirectory } from './log-directory.ts'
import { leastOffset } from './offsets.ts'
import type { BatchPlace, Segment } from './segment.ts'
import type { LogLocation } from './segment-files.ts'

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
  /** It was begun in an earlier life of the broker, and what came to the log since is not known. */
  private isResumed: boolean
  /** Writes wait, and everything else that changes the log. */
  private hasLogAlone = false
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
    readonly isResumed: boolean
  }) {
    this.log = parts.log
    this.copy = parts.copy
    this.from = parts.from
    this.to = parts.to
    this.services = parts.services
    this.isResumed = parts.isResumed
    this.over = new Promise(resolve => {
      this.onOver = resolve
    })
  }

  /** It stops before its next step, unless that is the replacement. */
  giveUp(): void {
    this.isOver = true
    this.onOver()
  }

  /**
   * The log is not compacted meanwhile, as in Kafka: a tombstone that is dropped before it was copied would
   * bring back what it has deleted and the copy already has.
   */
  async run(): Promise<MoveEnd> {
    const { log, services } = this
    log.isMoving = true
    log.cutAt = undefined
    try {
      await services.clear(log)
      return await this.copyAndReplace()
    } finally {
      log.isMoving = false
    }
  }

  private async copyAndReplace(): Promise<MoveEnd> {
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
    if (this.isResumed && !(await this.isContinued().catch(falseIfDamaged))) {
      await this.copy.truncateFullyAndStartAt(this.log.logStartOffset)
    }
    this.isResumed = false
    for (let copied = -1; copied !== 0; ) {
      if (this.isOver) return { state: 'given up' }
      await this.align()
      copied = await this.copySome()
      if (copied > 0) await this.services.throttle(copied, this)
    }
    // Most of it is synced while writes go on.
    await this.copy.flush()
    if (this.isOver) return { state: 'given up' }
    return this.log.alone(async () => {
      this.hasLogAlone = true
      return this.replace().finally(() => {
        this.hasLogAlone = false
      })
    })
  }

  /** An index of the log that leads astray is made anew. */
  private find(segment: Segment, offset: bigint): Promise<BatchPlace | undefined> {
    const look = () => segment.find(offset)
    return this.hasLogAlone ? segment.repairing(look) : this.log.repairing(segment, look)
  }

  /**
   * Whether the log goes on from where the copy ends. It may have lost what the copy has by a power failure
   * and hold other batches there by now, or none; or have been compacted, tombstones and all.
   */
  private async isContinued(): Promise<boolean> {
    const { log, copy } = this
    if (log.config.cleanupPolicy.includes('compact') || log.cleanedTo !== undefined) return false
    // A checkpoint of an earlier topic of this name may have made it begin too late.
    if (copy.logStartOffset > log.logStartOffset) return false
    if (copy.logEndOffset > log.logEndOffset) await copy.truncateTo(await wholeBelow(copy, log.logEndOffset))
    const last = await lastBatch(copy)
    if (last === undefined) return true
    const segment = log.segments.findLast(it => it.baseOffset <= last.baseOffset)
    const place = segment && (await this.find(segment, last.baseOffset))
    if (segment === undefined || place === undefined) return false
    return (await segment.readBatch(place)).bytes().equals(last.bytes())
  }

  /** The log may have been cut or begun anew. */
  private async align(): Promise<void> {
    const { log, copy } = this
    while (log.cutAt !== undefined) {
      const { cutAt } = log
      log.cutAt = undefined
      if (copy.logEndOffset > cutAt) await copy.truncateTo(cutAt)
    }
    if (copy.logEndOffset < log.logStartOffset) await copy.truncateFullyAndStartAt(log.logStartOffset)
  }

  /** One chunk; returns its size, and 0 when there is nothing more. */
  private async copySome(): Promise<number> {
    const { log, copy } = this
    // While it is cut, its files hold more than it does.
    const { truncations, renaming, logEndOffset: end } = log
    if (renaming !== undefined) {
      // The log start is about to move.
      await renaming
      return 1
    }
    const offset = copy.logEndOffset
    const candidates = log.segments.filter(
      (_, i) => (log.segments[i + 1]?.baseOffset ?? offset + 1n) > offset,
    )
    for (const segment of candidates) {
      const batches = await this.readFrom(segment, offset, end)
      // What was read may be gone, and what follows it is not to be taken for the rest.
      if (log.truncations !== truncations) return 1
      if (batches === undefined) continue
      const { baseOffset } = new RecordBatch(batches, 0)
      // The log start offset may lie inside a batch, which is copied whole.
      const isFirst = copy.sizeBytes === 0
      if (baseOffset < offset && !isFirst)
        throw new DamagedSegment(`${segment.path} does not go on at ${offset}`)
      if (baseOffset < offset) await copy.truncateFullyAndStartAt(baseOffset)
      const appended = await copy.append(batches, { leaderEpoch: -1, origin: 'follower' })
      if (appended.error) throw new Error(appended.message)
      return batches.length
    }
    return 0
  }

  /** Whole batches, checked; undefined where the segment has none from the one offset to the other. */
  private async readFrom(segment: Segment, offset: bigint, to: bigint): Promise<Buffer | undefined> {
    const { sizeBytes } = segment
    const first = await this.find(segment, offset)
    if (first === undefined || first.position >= sizeBytes || first.baseOffset >= to) return undefined
    const length = Math.min(Math.max(CHUNK_BYTES, first.sizeBytes), sizeBytes - first.position)
    const bytes = await segment.withFile(async file => {
      const buffer = Buffer.allocUnsafeSlow(length)
      return buffer.subarray(0, await file.read(buffer, first.position))
    })
    const batches = bytes.subarray(0, wholeBatches(bytes, segment, to))
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
    if (copy.logStartOffset > log.logStartOffset) {
      throw new DamagedSegment(
        `The copy of ${log.name} begins at ${copy.logStartOffset}: records are missing`,
      )
    }
    await this.takeLogStart()
    await this.saveOffsets()
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

  /** What was deleted meanwhile is not to come back with the next start, from the new directory. */
  private async takeLogStart(): Promise<void> {
    const { copy, log } = this
    copy.updateHighWatermark(copy.logEndOffset)
    const deleted = await copy.deleteRecordsTo(leastOffset(log.startToSave, copy.logEndOffset))
    if (deleted.error) throw new Error(deleted.message)
  }

  /**
   * Before the old files can go: where the log was compacted, offsets are missing, and recovery would cut it
   * there if nothing told it so.
   */
  private async saveOffsets(): Promise<void> {
    const { copy, log, to } = this
    copy.cleanedTo = log.cleanedTo
    await copy.flush()
    if ((await to.saveCleaned()) && (await to.saveRecoveryPoints())) return
    throw new Error(`A checkpoint of ${to.path} could not be written`)
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

/** Of a copy that cannot be read nothing is known, and it is made anew. */
function falseIfDamaged(error: unknown): false {
  unlessDamaged(error)
  return false
}

/** The offset, or the start of the batch that has it in its middle: nothing of that one would be left. */
async function wholeBelow(log: Log, offset: bigint): Promise<bigint> {
  const segment = log.segments.findLast(it => it.baseOffset <= offset)
  const place = await segment?.find(offset)
  return leastOffset(offset, place?.baseOffset ?? offset)
}

async function lastBatch(log: Log): Promise<RecordBatch | undefined> {
  for (const segment of log.segments.toReversed()) {
    await segment.ready()
    const { position } = await segment.offsetIndex.lastEntry()
    let last: BatchPlace | undefined
    await segment.firstWhere({ from: position }, ({ baseOffset, sizeInBytes, partitionLeaderEpoch }, at) => {
      last = { position: at, sizeBytes: sizeInBytes, baseOffset, leaderEpoch: partitionLeaderEpoch }
      return false
    })
    if (last !== undefined) return segment.readBatch(last)
  }
  return undefined
}

/** Up to where a buffer holds whole batches below an offset, each with the checksum of what is in it. */
function wholeBatches(bytes: Buffer, segment: Segment, to: bigint): number {
  let position = 0
  while (bytes.length - position >= BATCH_HEADER_BYTES) {
    const batch = new RecordBatch(bytes, position)
    if (position + batch.sizeInBytes > bytes.length || batch.baseOffset >= to) break
    if (!batch.isChecksumValid())
      throw new DamagedSegment(`${segment.path}: the batch at ${batch.baseOffset} is damaged`)
    position += batch.sizeInBytes
  }
  return position
}
