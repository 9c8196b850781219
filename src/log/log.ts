/**
 * One partition's log: segments of record batches on disk, and what follows from them (producer state,
 * leader epochs, aborted transactions). It knows nothing of leadership or replicas; the high watermark is
 * told to it.
 *
 * Assigned is not written: an append takes its offsets at once, but the log end offset, the indexes, the
 * producer state and the tail cache move only when the write has come back.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import type { RecordBatch } from '../records/batch.ts'
import { AppendQueue, forEachBatch, isPassing, type PendingAppend, storageRefusal } from './append-queue.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'
import { LogFlush } from './log-flush.ts'
import { LogReader } from './log-reader.ts'
import type {
  AbortedTransaction,
  ActiveProducer,
  AppendOptions,
  AppendResult,
  EpochEndOffset,
  LogSurface,
  ReadOptions,
  ReadResult,
  TimestampOffset,
  TopicPartition,
} from './log-surface.ts'
import { clampOffset, greatestOffset, leastOffset } from './offsets.ts'
import { rebuildProducers } from './producer-replay.ts'
import { encodeSnapshot, type ProducerSnapshots } from './producer-snapshot.ts'
import { describeProducers, type ProducerState, type VerifiedProducer } from './producer-state.ts'
import { expiredSegments } from './retention.ts'
import { DamagedSegment, type LogLocation, type RollRequest, rollJitter, Segment } from './segment.ts'
import { Tail } from './tail-cache.ts'

export type {
  AbortedTransaction,
  ActiveProducer,
  AppendOptions,
  AppendResult,
  EpochEndOffset,
  LogSurface,
  ReadOptions,
  ReadResult,
  TimestampOffset,
  TopicPartition,
} from './log-surface.ts'

/** A log as it was found on disk or made new; see `recovery.ts`. */
export interface LogParts {
  readonly topicPartition: TopicPartition
  readonly topicId: string | undefined
  readonly config: LogConfig
  readonly environment: LogEnvironment
  readonly home: LogHome
  readonly location: LogLocation
  /** In order of their base offsets, at least one. */
  readonly segments: Segment[]
  readonly producers: ProducerState
  readonly snapshots: ProducerSnapshots
  readonly epochs: LeaderEpochs
  readonly logStartOffset: bigint
  readonly logEndOffset: bigint
  readonly recoveryPoint: bigint
  readonly highWatermark: bigint
  /** It was closed cleanly: its name and those in it are durable. */
  readonly wasClean: boolean
}

/** The disk is full, and what depends on a checkpoint was not begun. */
class CheckpointFailed extends Error {
  readonly code = 'ENOSPC'

  constructor(log: string) {
    super(`ENOSPC: a checkpoint of ${log} could not be written`)
  }
}

export class Log implements LogSurface {
  readonly topicPartition: TopicPartition
  topicId: string | undefined
  config: LogConfig
  readonly environment: LogEnvironment
  readonly location: LogLocation
  readonly home: LogHome
  readonly producers: ProducerState
  /** In order of their base offsets; the last one is appended to. */
  readonly segments: Segment[]
  readonly epochs: LeaderEpochs
  readonly tail: Tail
  readonly snapshots: ProducerSnapshots
  private readonly queue: AppendQueue
  private readonly reader: LogReader
  private readonly durability: LogFlush
  private startOffset: bigint
  private endOffset: bigint
  /** The log start offset that the checkpoint is to tell: it is written down before it is in force. */
  startToSave: bigint
  private watermark: bigint
  private isClosed = false
  private isDamaged = false
  /** Its directory is being renamed: that a file is not where it was says nothing of the disk. */
  isLeaving = false

  constructor(parts: LogParts) {
    this.topicPartition = parts.topicPartition
    this.topicId = parts.topicId
    this.config = parts.config
    this.environment = parts.environment
    this.home = parts.home
    this.location = parts.location
    this.segments = parts.segments
    this.producers = parts.producers
    this.snapshots = parts.snapshots
    this.epochs = parts.epochs
    this.startOffset = parts.logStartOffset
    this.startToSave = this.startOffset
    this.endOffset = parts.logEndOffset
    this.watermark = clampOffset(parts.highWatermark, this.startOffset, this.endOffset)
    this.producers.onHighWatermark(this.watermark)
    this.tail = new Tail(this.environment.tails)
    this.queue = new AppendQueue(this, this.endOffset)
    this.reader = new LogReader(this)
    this.durability = new LogFlush(this, parts.recoveryPoint, parts.wasClean)
    if (parts.recoveryPoint < this.endOffset) this.home.noteUnflushed(this, false)
  }

  get logStartOffset(): bigint {
    return this.startOffset
  }

  get logEndOffset(): bigint {
    return this.endOffset
  }

  get durableOffset(): bigint {
    return this.syncsEachAppend ? this.durability.syncedOffset : this.endOffset
  }

  private get syncsEachAppend(): boolean {
    return this.environment.durability === 'fsync' || this.config.flushMessages <= 1
  }

  get recoveryPoint(): bigint {
    return this.durability.recoveryPoint
  }

  get highWatermark(): bigint {
    return this.watermark
  }

  get lastStableOffset(): bigint {
    const unstable = this.producers.firstUnstableOffset
    return unstable === undefined ? this.watermark : clampOffset(unstable, this.startOffset, this.watermark)
  }

  get sizeBytes(): number {
    let total = 0
    for (const segment of this.segments) total += segment.sizeBytes
    return total
  }

  get isOnline(): boolean {
    return !this.isClosed && !this.isDamaged && this.home.isOnline
  }

  get activeSegment(): Segment {
    return this.segments[this.segments.length - 1]!
  }

  get name(): string {
    return `${this.topicPartition.topic}-${this.topicPartition.partition}`
  }

  get latestEpoch(): number | undefined {
    return this.epochs.latest?.epoch
  }

  now(): number {
    return this.environment.clock.now()
  }

  updateHighWatermark(offset: bigint): void {
    this.watermark = clampOffset(offset, this.startOffset, this.endOffset)
    this.home.noteHighWatermark()
    this.producers.onHighWatermark(this.watermark)
  }

  append(batches: Buffer, options: AppendOptions): Promise<Result<AppendResult>> {
    return this.queue.append(batches, options)
  }

  read(offset: bigint, options: ReadOptions): Result<ReadResult> | Promise<Result<ReadResult>> {
    return this.reader.read(offset, options)
  }

  offsetForTimestamp(timestamp: bigint): Promise<TimestampOffset | undefined> {
    return this.reader.offsetForTimestamp(timestamp)
  }

  offsetOfMaxTimestamp(): Promise<TimestampOffset | undefined> {
    return this.reader.offsetOfMaxTimestamp()
  }

  abortedTransactions(from: bigint, to: bigint): Promise<AbortedTransaction[]> {
    return this.reader.abortedTransactions(from, to)
  }

  endOffsetForEpoch(leaderEpoch: number): EpochEndOffset {
    return this.epochs.endOffsetFor(leaderEpoch, this.endOffset)
  }

  epochForOffset(offset: bigint): number | undefined {
    return this.epochs.epochForOffset(offset)
  }

  /**
   * In memory at once; the file follows with the next flush, and until then recovery would find it in the
   * batches.
   */
  assignLeaderEpoch(leaderEpoch: number): Promise<void> {
    return this.queue.alone(async () => this.epochs.assign(leaderEpoch, this.endOffset))
  }

  activeProducers(): ActiveProducer[] {
    return describeProducers(this.producers)
  }

  producer(producerId: bigint): ReturnType<ProducerState['find']> {
    return this.producers.find(producerId)
  }

  startVerification(producer: VerifiedProducer): Result<number> {
    return this.refusal() ?? this.producers.startVerification(producer, this.now())
  }

  expireProducers(expirationMs: number): number {
    return this.producers.expire(this.now(), expirationMs)
  }

  // What the append queue asks of its log.

  refusal(): Refusal | undefined {
    if (this.isOnline) return undefined
    const reason = this.isDamaged ? 'damaged' : this.isClosed ? 'closed' : 'in a directory that is offline'
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${this.name} is ${reason}.`)
  }

  shouldRoll(segment: Segment, request: RollRequest): boolean {
    return segment.shouldRoll(request, this.config)
  }

  written(segment: Segment, group: readonly PendingAppend[]): void {
    const now = this.now()
    const sizeBefore = segment.sizeBytes
    const { indexIntervalBytes } = this.config
    const commit = (batch: RecordBatch) => {
      segment.noteAppended(batch, indexIntervalBytes)
      this.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset)
      const completed = this.producers.commit(batch, now)
      if (!completed?.isAborted) return
      const lastStableOffset = this.producers.lastStableOffsetAfter(completed)
      segment.transactionIndex.add({ ...completed, lastStableOffset })
    }
    for (const append of group) {
      forEachBatch(append.batches, commit)
      const nextOffset = append.lastOffset + 1n
      this.tail.add({ baseOffset: append.baseOffset, nextOffset, bytes: append.batches })
      this.endOffset = nextOffset
    }
    this.durability.noteWritten(segment, segment.sizeBytes - sizeBefore)
    this.home.noteUnflushed(this, false)
    if (segment.hasLongIndexTail) this.inBackground(segment.persistIndexes(false))
    if (this.mustSync()) void this.acknowledgeSynced(group)
    else for (const append of group) this.acknowledge(append)
  }

  private mustSync(): boolean {
    if (this.syncsEachAppend) return true
    return this.endOffset - this.durability.syncedOffset >= this.config.flushMessages
  }

  private async acknowledgeSynced(group: readonly PendingAppend[]): Promise<void> {
    try {
      await this.durability.sync()
    } catch (error) {
      for (const append of group) this.queue.settle(append, storageRefusal(error as Error))
      return
    }
    for (const append of group) this.acknowledge(append)
  }

  private acknowledge(append: PendingAppend): void {
    const { baseOffset, lastOffset, logAppendTimeMs } = append
    const { startOffset: logStartOffset } = this
    this.queue.settle(
      append,
      ok({ baseOffset, lastOffset, logAppendTimeMs, logStartOffset, isDuplicate: false }),
    )
  }

  failed(error: Error): void {
    this.home.goOffline(error)
  }

  damaged(error: DamagedSegment): void {
    this.isDamaged = true
    this.environment.logger.error('A log is damaged and takes nothing more', { log: this.name, error })
  }

  /** What a failed read means: damage refuses this read, a failing disk ends the directory. */
  readFailed(error: Error): Refusal {
    const { code } = error as { code?: string }
    // Codes that begin so are those of Node's own errors: a bug, of which the disk is innocent.
    if (!(error instanceof DamagedSegment) && (code === undefined || code.startsWith('ERR_'))) throw error
    if (!this.isLeaving) this.environment.logger.error('A log could not be read', { log: this.name, error })
    if (code !== undefined) this.diskFailed(error)
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${this.name} could not be read.`)
  }

  async repairIndexes(segment: Segment, reason: DamagedSegment): Promise<void> {
    const { logger } = this.environment
    logger.warn('An index leads astray and is made anew', { log: this.name, reason: reason.message })
    const isRepaired = await this.queue.alone(() => segment.repairIndexes())
    if (!isRepaired) throw reason
  }

  /** The directory has failed, or the log is going away: nothing that waits will be written. */
  abandon(): void {
    this.isClosed = true
    this.queue.refuseAll(refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${this.name} is offline.`))
  }

  async roll(baseOffset: bigint): Promise<void> {
    const last = this.activeSegment
    await last.readyToAppend(this.endOffset)
    await last.seal(false)
    await this.snapshots.take(baseOffset, encodeSnapshot(this.producers.producers()), { sync: false })
    const segment = this.newSegment(baseOffset)
    await segment.create()
    last.isWritable = false
    this.segments.push(segment)
    this.durability.noteRolled()
    this.home.noteUnflushed(this, true)
  }

  private newSegment(baseOffset: bigint): Segment {
    const { disk, files, indexes, random } = this.environment
    return new Segment(
      { disk, files, indexes, location: this.location },
      {
        baseOffset,
        sizeBytes: 0,
        createdMs: this.now(),
        isNew: true,
        isWritable: true,
        rollJitterMs: rollJitter(this.config, random),
        indexIntervalBytes: this.config.indexIntervalBytes,
      },
    )
  }

  // Removing from the front.

  async deleteRecordsTo(offset: bigint): Promise<Result<{ readonly logStartOffset: bigint }>> {
    const refusal = this.refusal()
    if (refusal) return refusal
    if (offset > this.watermark || offset < 0n) {
      return refuse(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `Records of ${this.name} can be deleted up to ${this.watermark}, not up to ${offset}.`,
      )
    }
    if (!(await this.saveLogStart(offset))) {
      return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log start of ${this.name} could not be written.`)
    }
    // The log may have been cut back in the meantime.
    if (offset > this.watermark) return refuse(ErrorCode.OFFSET_OUT_OF_RANGE)
    this.advanceLogStart(offset)
    const obsolete = this.segments.filter(
      (_, i) => (this.segments[i + 1]?.baseOffset ?? offset + 1n) <= offset,
    )
    try {
      await this.dropSegments(obsolete, { isStartSaved: true })
    } catch (error) {
      return storageRefusal(error as Error)
    }
    return ok({ logStartOffset: this.startOffset })
  }

  /** Names that a power failure brings back cannot bring the records back that were in the files. */
  private async saveLogStart(offset: bigint): Promise<boolean> {
    if (offset <= this.startOffset) return true
    this.startToSave = greatestOffset(this.startToSave, offset)
    return this.home.saveLogStarts()
  }

  private advanceLogStart(offset: bigint): void {
    if (offset <= this.startOffset) return
    this.startOffset = offset
    if (this.watermark < offset) this.watermark = offset
    this.epochs.truncateFromStart(offset)
  }

  /** Deletes the segments that the topic's retention has done with; returns how many. */
  async applyRetention(): Promise<number> {
    if (!this.isOnline) return 0
    const { segments: expired, end } = await expiredSegments(this)
    if (expired.includes(this.activeSegment)) {
      await this.queue.alone(async () => {
        if (this.isOnline && this.endOffset === end) await this.roll(end)
      })
    }
    // What came since the active segment was looked at is young, and keeps all of it.
    const last = expired.at(-1)
    if (last !== undefined && this.endOf(last) !== end) expired.pop()
    const logStartOffset = expired.length > 0 ? this.endOf(expired.at(-1)!) : undefined
    if (logStartOffset === undefined) return 0
    // On a disk that is full, room comes first.
    const isStartSaved = await this.saveLogStart(logStartOffset)
    if (!this.isOnline || logStartOffset > this.watermark) return 0
    this.advanceLogStart(logStartOffset)
    await this.dropSegments(expired, { isStartSaved })
    return expired.length
  }

  /** Undefined for the active segment, which still grows. */
  private endOf(segment: Segment): bigint | undefined {
    return this.segments[this.segments.indexOf(segment) + 1]?.baseOffset
  }

  /**
   * Out of sight at once; the files go when the delay has passed, and who reads from them goes on. Where no
   * checkpoint tells of it, one name after the other is made durable, so that no power failure leaves a hole.
   */
  private async dropSegments(
    obsolete: readonly Segment[],
    { isStartSaved }: { readonly isStartSaved: boolean },
  ): Promise<void> {
    for (const segment of obsolete) {
      const at = this.segments.indexOf(segment)
      if (at < 0) continue
      this.segments.splice(at, 1)
      this.durability.noteDropped(segment)
      await this.guard(async () => {
        await segment.setAside()
        await this.snapshots.remove(offset => offset === segment.baseOffset)
        if (!isStartSaved) await this.environment.disk.syncDirectory(this.location.path)
      })
      this.environment.later(this.config.fileDeleteDelayMs, () => segment.remove())
    }
  }

  // Cutting off the end.

  truncateTo(offset: bigint): Promise<void> {
    return this.queue.alone(() =>
      this.guard(async () => {
        if (offset >= this.endOffset) return
        await this.lowerRecoveryPoint(offset)
        if (offset < this.segments[0]!.baseOffset) {
          await this.startAnew(offset)
          return
        }
        this.shorten(offset)
        while (this.activeSegment.baseOffset > offset) {
          const dropped = this.segments.pop()!
          this.durability.noteDropped(dropped)
          await dropped.remove()
        }
        await this.activeSegment.makeWritable()
        await this.activeSegment.truncateTo(offset)
        await this.afterTruncation()
      }),
    )
  }

  truncateFullyAndStartAt(offset: bigint): Promise<void> {
    return this.queue.alone(() =>
      this.guard(async () => {
        await this.lowerRecoveryPoint(offset)
        await this.startAnew(offset)
      }),
    )
  }

  /** Before anything is cut: what is written there later is not to be trusted for what was there. */
  private async lowerRecoveryPoint(offset: bigint): Promise<void> {
    this.durability.noteTruncated(offset)
    if (!(await this.home.saveRecoveryPoints())) throw new CheckpointFailed(this.name)
  }

  private async startAnew(offset: bigint): Promise<void> {
    this.startToSave = offset
    if (!(await this.home.saveLogStarts())) throw new CheckpointFailed(this.name)
    this.shorten(offset)
    this.startOffset = offset
    this.endOffset = offset
    this.watermark = offset
    this.epochs.clear()
    for (const dropped of this.segments.splice(0)) {
      this.durability.noteDropped(dropped)
      await dropped.remove()
    }
    await this.snapshots.remove(() => true)
    const segment = this.newSegment(offset)
    await segment.create()
    this.segments.push(segment)
    await this.afterTruncation()
  }

  /** From here on nobody sees what is about to go. */
  private shorten(offset: bigint): void {
    this.endOffset = offset
    this.startOffset = leastOffset(this.startOffset, offset)
    this.startToSave = leastOffset(this.startToSave, offset)
    this.durability.noteTruncated(offset)
    this.watermark = clampOffset(this.watermark, this.startOffset, offset)
    this.tail.clear()
    this.epochs.truncateFromEnd(offset)
  }

  private async afterTruncation(): Promise<void> {
    await rebuildProducers(this.producers, {
      snapshots: this.snapshots,
      segments: this.segments,
      from: this.startOffset,
      to: this.endOffset,
      now: this.now(),
    })
    this.durability.noteWritten(this.activeSegment, 0)
    this.queue.reset(this.endOffset)
    await this.durability.saveEpochs()
  }

  // Making durable.

  flush(): Promise<void> {
    return this.durability.flush()
  }

  /** Leaves the files as a start without recovery wants them. */
  async close(): Promise<void> {
    if (this.isClosed) return
    await this.queue.alone(async () => this.abandon())
    if (this.home.isOnline) {
      await this.flush()
      await this.guard(async () => {
        await this.activeSegment.seal(true)
        if (this.endOffset > this.segments[0]!.baseOffset) {
          await this.snapshots.take(this.endOffset, encodeSnapshot(this.producers.producers()), {
            sync: true,
          })
        }
      })
    }
    await this.closeFiles()
  }

  /** Writes under way come to their end, then the log takes nothing more. */
  async abandonForDeletion(): Promise<void> {
    await this.queue.alone(async () => {
      this.isLeaving = true
      this.abandon()
    })
    await this.closeFiles()
  }

  private async closeFiles(): Promise<void> {
    this.tail.clear()
    for (const segment of this.segments) await segment.close()
  }

  /**
   * A full disk or a want of file handles fails the task alone; any other failure of the disk is the
   * directory's end.
   */
  async guard<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } catch (error) {
      this.diskFailed(error as Error)
      throw error
    }
  }

  diskFailed(error: Error): void {
    const isMissing = (error as { code?: string }).code === 'ENOENT'
    if (isPassing(error) || (this.isLeaving && isMissing)) return
    this.home.goOffline(error)
  }

  /** What is in the files later than it might be; the next flush makes up for it. */
  private inBackground(task: Promise<void>): void {
    task.catch(error => this.diskFailed(error as Error))
  }
}
