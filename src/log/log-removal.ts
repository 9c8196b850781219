/**
 * Takes records away from a log: from its front (retention, DeleteRecords), off its end (truncation), and out
 * of its middle (compaction). Only one of these changes the list of segments at a time; appends go on
 * meanwhile, and those who read find the files under the one name or the other.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { type AppendQueue, isPassing, storageRefusal } from './append-queue.ts'
import { swapIn } from './compaction-swap.ts'
import { ifDamaged, unlessDamaged } from './damaged-segment.ts'
import { Slots } from './group-sync.ts'
import type { Log } from './log.ts'
import type { LogFlush } from './log-flush.ts'
import { clampOffset, leastOffset } from './offsets.ts'
import { rebuildProducers } from './producer-replay.ts'
import { expiredSegments } from './retention.ts'
import type { Segment } from './segment.ts'

/** What a log and its removal move together. */
export interface LogBounds {
  startOffset: bigint
  /** Log starts that somebody is about to write down: they are in force when that is done, and not before. */
  readonly nextStarts: Set<{ offset: bigint }>
  /** While the log is begun anew there, and the log start may go back. */
  anewAt: bigint | undefined
  endOffset: bigint
  watermark: bigint
}

export interface RemovalParts {
  readonly log: Log
  readonly bounds: LogBounds
  readonly queue: AppendQueue
  readonly durability: LogFlush
}

/** A compacted segment, whose files are complete, and those that it was made of. */
export interface Replacement {
  readonly cleaned: Segment
  readonly sources: readonly Segment[]
  /** Of the log when the cleaning began. */
  readonly truncations: number
}

/** What is left to do of a cut that nobody sees behind any more. */
interface Cut {
  readonly to: bigint
  readonly isAnew: boolean
  /** Out of the log, and still on the disk. */
  readonly dropped: Segment[]
}

/** The disk is full, and what depends on a checkpoint was not begun. */
class CheckpointFailed extends Error {
  readonly code = 'ENOSPC'

  constructor(log: string) {
    super(`ENOSPC: a checkpoint of ${log} could not be written`)
  }
}

export class LogRemoval {
  private readonly log: Log
  private readonly bounds: LogBounds
  private readonly queue: AppendQueue
  private readonly durability: LogFlush
  private readonly changes = new Slots(1)
  /** A want of handles or room came in between: it is done before anything else is. */
  private owed: Cut | undefined
  /** Out of the log, and on the disk until their time is over. None of the others is to get their names. */
  private readonly leaving = new Map<bigint, Segment>()
  truncations = 0
  replacements = 0
  renaming: Promise<void> | undefined

  constructor(parts: RemovalParts) {
    this.log = parts.log
    this.bounds = parts.bounds
    this.queue = parts.queue
    this.durability = parts.durability
  }

  // Removing from the front.

  async deleteRecordsTo(offset: bigint): Promise<Result<{ readonly logStartOffset: bigint }>> {
    const refusal = this.log.refusal()
    if (refusal) return refusal
    if (offset > this.bounds.watermark || offset < 0n) {
      return refuse(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `Records of ${this.log.name} can be deleted up to ${this.bounds.watermark}, not up to ${offset}.`,
      )
    }
    const moved = await this.moveLogStart(offset)
    if (moved === 'unsaved') {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log start of ${this.log.name} could not be written.`)
    }
    if (moved === 'too far') return refuse(ErrorCode.OFFSET_OUT_OF_RANGE)
    const obsolete = this.log.segments.filter(
      (_, i) => (this.log.segments[i + 1]?.baseOffset ?? offset + 1n) <= offset,
    )
    try {
      await this.dropSegments(obsolete)
    } catch (error) {
      // The records are gone; for want of handles or room their files follow later.
      if (!isPassing(error)) return storageRefusal(error as Error)
    }
    return ok({ logStartOffset: this.bounds.startOffset })
  }

  /**
   * Names that a power failure brings back cannot bring the records back that were in the files. Of an offset
   * that could not be written down nothing is left.
   */
  private async moveLogStart(offset: bigint): Promise<'moved' | 'unsaved' | 'too far'> {
    if (offset <= this.bounds.startOffset) return 'moved'
    const next = { offset }
    this.bounds.nextStarts.add(next)
    const isSaved = await this.saveLogStart()
    // The log may have been cut back in the meantime.
    const isThere = offset <= this.bounds.watermark
    if (isSaved && isThere) this.advanceLogStart(offset)
    this.bounds.nextStarts.delete(next)
    // A write may have told of it all the same.
    if (!isSaved || !isThere) await this.log.home.saveLogStarts()
    if (!isThere) return 'too far'
    return isSaved ? 'moved' : 'unsaved'
  }

  private async saveLogStart(): Promise<boolean> {
    for (;;) {
      const { home } = this.log
      const isSaved = await home.saveLogStarts()
      // It may have moved to another directory meanwhile.
      if (home === this.log.home) return isSaved
    }
  }

  private advanceLogStart(offset: bigint): void {
    if (offset <= this.bounds.startOffset) return
    this.bounds.startOffset = offset
    if (this.bounds.watermark < offset) this.bounds.watermark = offset
    this.log.epochs.truncateFromStart(offset)
    this.log.onLogStart?.()
  }

  /**
   * Deletes the segments that the topic's retention has done with; returns how many. The cleaner asks for it
   * as well, and may do so at the same time.
   */
  async applyRetention(): Promise<number> {
    if (!this.log.isOnline || this.owesCut) return 0
    const { segments: expired, end } = await expiredSegments(this.log)
    const active = expired.at(-1)
    if (active !== undefined && active === this.log.activeSegment) {
      await this.queue.alone(async () => {
        // It may have been looked at while all of it was cut off: the next one would take its very name.
        const isAsItWas =
          active === this.log.activeSegment && this.bounds.endOffset === end && end > active.baseOffset
        // One that is damaged takes no successor, and stays.
        if (this.log.isOnline && isAsItWas) await this.log.roll(end).catch(unlessDamaged)
      })
    }
    // What came since the active segment was looked at is young, and keeps all of it.
    const last = expired.at(-1)
    if (last !== undefined && this.endOf(last) !== end) expired.pop()
    const logStartOffset = expired.length > 0 ? this.endOf(expired.at(-1)!) : undefined
    if (logStartOffset === undefined) return 0
    const moved = await this.moveLogStart(logStartOffset)
    if (!this.log.isOnline || moved === 'too far') return 0
    if (moved === 'unsaved') return this.dropUnsaved(expired)
    await this.dropSegments(expired)
    return expired.length
  }

  /** Undefined for the active segment, which still grows. */
  private endOf(segment: Segment): bigint | undefined {
    return this.log.segments[this.log.segments.indexOf(segment) + 1]?.baseOffset
  }

  /** Out of sight at once; the files go when the delay has passed, and who reads from them goes on. */
  private async dropSegments(obsolete: readonly Segment[]): Promise<void> {
    await this.changes.run(async () => {
      for (const segment of obsolete) {
        const { segments } = this.log
        const at = segments.indexOf(segment)
        // The log may have been cut back since: what is at its end now stays, and so do its records.
        const next = segments[at + 1]
        if (at < 0 || next === undefined || next.baseOffset > this.bounds.startOffset) continue
        segments.splice(at, 1)
        this.durability.noteDropped(segment)
        try {
          await this.log.guard(() => this.setAside(segment))
        } catch (error) {
          // It is below the log start, and goes with the next round of retention.
          segments.splice(at, 0, segment)
          this.durability.noteWritten(segment, 0)
          throw error
        }
        this.removeLater(segment)
      }
    })
  }

  /**
   * On a disk that is full, room comes first. Where no checkpoint tells of the log start, the names of the
   * files do: it is in force when they are gone for good, one segment after the other, so that a power
   * failure neither leaves a hole nor takes it back. Returns how many went.
   */
  private dropUnsaved(expired: readonly Segment[]): Promise<number> {
    return this.changes.run(async () => {
      let dropped = 0
      for (const segment of expired) {
        const [first, next] = this.log.segments
        if (first !== segment || next === undefined || next.baseOffset > this.bounds.watermark) break
        await this.whileRenaming(() => this.dropFirst(next.baseOffset))
        dropped++
      }
      return dropped
    })
  }

  private async dropFirst(logStartOffset: bigint): Promise<void> {
    const { segments, environment, location } = this.log
    const segment = segments.shift()!
    this.durability.noteDropped(segment)
    try {
      await this.setAside(segment)
      await environment.disk.syncDirectory(location.path)
    } catch (error) {
      segments.unshift(segment)
      this.durability.noteWritten(segment, 0)
      throw error
    }
    this.advanceLogStart(logStartOffset)
    this.removeLater(segment)
  }

  private async setAside(segment: Segment): Promise<void> {
    await this.makeWay(segment)
    await segment.setAside()
    await this.log.snapshots.remove(offset => offset === segment.baseOffset)
  }

  /** Not while another one is on its way to these names, or back from them: that one may be all there is. */
  private removeLater(segment: Segment): void {
    this.leaving.set(segment.baseOffset, segment)
    this.log.environment.later(this.log.config.fileDeleteDelayMs, () =>
      this.changes.run(() => this.removeNow(segment)),
    )
  }

  private async removeNow(segment: Segment): Promise<void> {
    if (this.leaving.get(segment.baseOffset) !== segment) return
    await segment.remove()
    this.leaving.delete(segment.baseOffset)
  }

  /** Before a segment is set aside. */
  private async makeWay({ baseOffset }: Segment): Promise<void> {
    const earlier = this.leaving.get(baseOffset)
    if (earlier !== undefined) await this.removeNow(earlier)
  }

  /** Readers whose files were renamed under their hands wait for the end of it, and read again. */
  private async whileRenaming(rename: () => Promise<void>): Promise<void> {
    const renaming = this.log.guard(rename)
    const over = renaming
      .catch(() => {})
      .finally(() => {
        if (this.renaming === over) this.renaming = undefined
      })
    this.renaming = over
    await renaming
  }

  // Taking out of the middle.

  /** False where the segments are not what they were when the cleaning began; nothing happens then. */
  async replaceSegments(replacement: Replacement): Promise<boolean> {
    return this.changes.run(async () => {
      if (!this.isCurrent(replacement)) return false
      await this.whileRenaming(() => this.swap(replacement))
      return true
    })
  }

  private isCurrent({ sources, truncations }: Replacement): boolean {
    const { log } = this
    if (!log.isOnline || log.isLeaving || this.owesCut || truncations !== this.truncations) return false
    return sources.every(source => log.segments.includes(source))
  }

  private async swap({ cleaned, sources }: Replacement): Promise<void> {
    const { log, durability } = this
    const { environment, location, segments } = log
    const { disk } = environment
    const end = segments[segments.indexOf(sources.at(-1)!) + 1]!.baseOffset
    for (const source of sources) await this.makeWay(source)
    await swapIn({ disk, directory: location.path, cleaned, sources }, cause => {
      const message = `Compacted segments of ${log.name} could not be put in their place: ${cause.message}`
      log.home.goOffline(new Error(message, { cause }))
    })
    segments.splice(segments.indexOf(sources[0]!), sources.length, cleaned)
    this.replacements++
    // What the cache has is not compacted, and may hold batches that the transaction index knows no more.
    log.tail.dropBelow(end)
    for (const source of sources) {
      durability.noteDropped(source)
      this.removeLater(source)
    }
    await log.snapshots.remove(offset =>
      sources.some(source => source.baseOffset === offset && offset !== cleaned.baseOffset),
    )
    durability.noteRenamed()
  }

  // Cutting off the end.

  truncateTo(offset: bigint): Promise<void> {
    return this.cutting(async () => {
      if (offset >= this.bounds.endOffset) return
      await this.lowerRecoveryPoint(offset)
      if (offset < this.log.segments[0]!.baseOffset) await this.startAnew(offset)
      else {
        this.shorten(offset)
        await this.finish({ to: offset, isAnew: false, dropped: this.take(it => it.baseOffset > offset) })
      }
    })
  }

  get owesCut(): boolean {
    return this.owed !== undefined
  }

  /** What a want of handles or room has kept from its end. */
  finishCut(): Promise<void> {
    return this.cutting(async () => {})
  }

  /** Every step may be taken twice. From the end on: a crash leaves what a start takes for a whole log. */
  private async finish(cut: Cut): Promise<void> {
    this.owed = undefined
    try {
      await this.cutOff(cut)
    } catch (error) {
      this.owed = cut
      this.queue.reset(this.bounds.endOffset)
      this.log.home.noteUnflushed(this.log, false)
      throw error
    }
  }

  private async cutOff(cut: Cut): Promise<void> {
    for (let last = cut.dropped.at(-1); last !== undefined; last = cut.dropped.at(-1)) {
      await last.remove()
      cut.dropped.pop()
    }
    if (cut.isAnew) {
      await this.log.snapshots.remove(() => true)
      await this.log.activeSegment.create()
    } else {
      await this.log.activeSegment.makeWritable()
      await this.cutActive(cut.to)
    }
    await this.afterTruncation()
  }

  private take(isToGo: (segment: Segment) => boolean): Segment[] {
    const { segments } = this.log
    const taken = segments.filter(isToGo)
    segments.splice(0, segments.length, ...segments.filter(segment => !isToGo(segment)))
    for (const segment of taken) this.durability.noteDropped(segment)
    return taken
  }

  /**
   * Where compaction has taken what comes before the offset, the log's batches end earlier than the log, of
   * which the next start knows by the name of a segment that begins there. It is made first: where the
   * broker dies before the rest is cut off, recovery drops it again.
   */
  private async cutActive(offset: bigint): Promise<void> {
    const { log, durability } = this
    const cut = log.activeSegment
    const hasGap = cut.baseOffset < offset && (await endBelow(cut, offset)) < offset
    const next = hasGap ? log.newSegment(offset) : undefined
    if (next !== undefined) {
      await next.create()
      await log.environment.disk.syncDirectory(log.location.path)
    }
    await cut.truncateTo(offset)
    if (next === undefined) return
    durability.noteWritten(cut, 0)
    await cut.seal(false)
    cut.isWritable = false
    log.segments.push(next)
    durability.noteRolled()
  }

  truncateFullyAndStartAt(offset: bigint): Promise<void> {
    return this.cutting(async () => {
      await this.lowerRecoveryPoint(offset)
      await this.startAnew(offset)
    })
  }

  private cutting(cut: () => Promise<void>): Promise<void> {
    const whole = async () => {
      if (this.owed !== undefined) await this.finish(this.owed)
      await cut()
    }
    return this.alone(() => this.durability.cutting(() => this.log.guard(whole)))
  }

  /** Runs while nothing is written, and nothing taken away. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return this.queue.alone(() => this.changes.run(task))
  }

  /** All files are others now: whoever reads begins anew, and a compaction that is under way is void. */
  noteMoved(): void {
    this.replacements++
    this.truncations++
  }

  /** No change is under way any more. */
  settled(): Promise<void> {
    return this.changes.run(async () => {})
  }

  /** Before anything is cut: what is written there later is not to be trusted for what was there. */
  private async lowerRecoveryPoint(offset: bigint): Promise<void> {
    this.durability.noteTruncated(offset)
    if (!(await this.log.home.saveRecoveryPoints())) throw new CheckpointFailed(this.log.name)
  }

  private async startAnew(offset: bigint): Promise<void> {
    this.bounds.anewAt = offset
    const isSaved = await this.log.home.saveLogStarts()
    this.bounds.anewAt = undefined
    if (!isSaved) {
      await this.log.home.saveLogStarts()
      throw new CheckpointFailed(this.log.name)
    }
    this.shorten(offset)
    this.bounds.startOffset = offset
    this.bounds.endOffset = offset
    this.bounds.watermark = offset
    this.log.epochs.clear()
    const dropped = this.take(() => true)
    this.log.segments.push(this.log.newSegment(offset))
    await this.finish({ to: offset, isAnew: true, dropped })
  }

  /** From here on nobody sees what is about to go. */
  private shorten(offset: bigint): void {
    this.truncations++
    this.log.cutAt = leastOffset(this.log.cutAt ?? offset, offset)
    this.bounds.endOffset = offset
    this.log.cleanedTo = this.log.cleanedTo && leastOffset(this.log.cleanedTo, offset)
    this.bounds.startOffset = leastOffset(this.bounds.startOffset, offset)
    for (const next of this.bounds.nextStarts) next.offset = leastOffset(next.offset, offset)
    this.durability.noteTruncated(offset)
    this.bounds.watermark = clampOffset(this.bounds.watermark, this.bounds.startOffset, offset)
    this.log.tail.clear()
    this.log.epochs.truncateFromEnd(offset)
  }

  private async afterTruncation(): Promise<void> {
    await rebuildProducers(this.log.producers, {
      snapshots: this.log.snapshots,
      segments: this.log.segments,
      from: this.bounds.startOffset,
      to: this.bounds.endOffset,
      now: this.log.now(),
    })
    // Until now the last stable offset went by markers that are gone: a compaction that began so is void.
    this.truncations++
    this.log.producers.onHighWatermark(this.bounds.watermark)
    this.durability.noteWritten(this.log.activeSegment, 0)
    this.queue.reset(this.bounds.endOffset)
    // What comes next must not meet what was cut off here, were the power to fail.
    await this.durability.sync()
    await this.durability.saveEpochs()
  }
}

/** Where the batches of a segment end that lie below an offset; there, where the last of them has rotted. */
async function endBelow(segment: Segment, offset: bigint): Promise<bigint> {
  const place = await segment.repairing(() => segment.find(offset))
  const scanned = segment.repairing(async () => {
    const { position } = await segment.offsetIndex.lookup(offset - 1n)
    return segment.scanNextOffset(position, place?.position)
  })
  return scanned.catch(ifDamaged(offset))
}
