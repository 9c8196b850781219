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
import { DamagedSegment } from './damaged-segment.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { type LogConfig, rollJitter } from './log-config.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'
import { LogFlush } from './log-flush.ts'
import { LogReader } from './log-reader.ts'
import { type LogBounds, LogRemoval, type Replacement } from './log-removal.ts'
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
import { clampOffset, greatestOffset } from './offsets.ts'
import { encodeSnapshot, type ProducerSnapshots } from './producer-snapshot.ts'
import { describeProducers, type ProducerState, type VerifiedProducer } from './producer-state.ts'
import { type RollRequest, Segment } from './segment.ts'
import type { LogLocation } from './segment-files.ts'
import { Tail } from './tail-cache.ts'
import type { AbortedEntry } from './transaction-index.ts'

export type * from './log-surface.ts'

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

export class Log implements LogSurface {
  readonly topicPartition: TopicPartition
  topicId: string | undefined
  config: LogConfig
  readonly environment: LogEnvironment
  /** This one and the next two, and what is in `segments`, change when the log moves (log-move.ts). */
  location: LogLocation
  home: LogHome
  snapshots: ProducerSnapshots
  readonly producers: ProducerState
  /** In order of their base offsets; the last one is appended to. */
  readonly segments: Segment[]
  readonly epochs: LeaderEpochs
  readonly tail: Tail
  readonly durability: LogFlush
  private readonly queue: AppendQueue
  private readonly reader: LogReader
  private readonly removal: LogRemoval
  private readonly bounds: LogBounds
  /** Compaction has been there up to here; undefined before its first time. */
  cleanedTo: bigint | undefined
  private isClosed = false
  private isDamaged = false
  onLogStart: (() => void) | undefined
  onDurable: (() => void) | undefined
  /** It is being copied to another directory: nobody is to compact it. */
  isMoving = false
  /** While it is copied: the lowest offset at which it was cut off, until the copy is cut there too. */
  cutAt: bigint | undefined
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
    const { logStartOffset: startOffset, logEndOffset: endOffset } = parts
    const watermark = clampOffset(parts.highWatermark, startOffset, endOffset)
    this.bounds = { startOffset, nextStarts: new Set(), anewAt: undefined, endOffset, watermark }
    this.producers.onHighWatermark(watermark)
    this.tail = new Tail(this.environment.tails)
    this.queue = new AppendQueue(this, endOffset)
    this.reader = new LogReader(this)
    this.durability = new LogFlush(this, parts.recoveryPoint, parts.wasClean)
    this.removal = new LogRemoval({
      log: this,
      bounds: this.bounds,
      queue: this.queue,
      durability: this.durability,
    })
    if (parts.recoveryPoint < endOffset) this.home.noteUnflushed(this, false)
  }

  get logStartOffset(): bigint {
    return this.bounds.startOffset
  }

  /** What the checkpoint is to tell: it is written down before it is in force. */
  get startToSave(): bigint {
    const { anewAt, nextStarts, startOffset } = this.bounds
    return anewAt ?? [...nextStarts].map(next => next.offset).reduce(greatestOffset, startOffset)
  }

  get logEndOffset(): bigint {
    return this.bounds.endOffset
  }

  get durableOffset(): bigint {
    return this.syncsEachAppend ? this.durability.syncedOffset : this.bounds.endOffset
  }

  private get syncsEachAppend(): boolean {
    return this.environment.durability === 'fsync' || this.config.flushMessages <= 1
  }

  get recoveryPoint(): bigint {
    return this.durability.recoveryPoint
  }

  get highWatermark(): bigint {
    return this.bounds.watermark
  }

  get lastStableOffset(): bigint {
    const unstable = this.producers.firstUnstableOffset
    return unstable === undefined
      ? this.bounds.watermark
      : clampOffset(unstable, this.bounds.startOffset, this.bounds.watermark)
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
    this.bounds.watermark = clampOffset(offset, this.bounds.startOffset, this.bounds.endOffset)
    this.home.noteHighWatermark()
    this.producers.onHighWatermark(this.bounds.watermark)
  }

  append(batches: Buffer, options: AppendOptions): Promise<Result<AppendResult>> {
    return this.removal.owesCut ? this.appendAfterCut(batches, options) : this.queue.append(batches, options)
  }

  private async appendAfterCut(batches: Buffer, options: AppendOptions): Promise<Result<AppendResult>> {
    const refusal = this.refusal()
    if (refusal) return refusal
    try {
      await this.removal.finishCut()
    } catch (error) {
      return storageRefusal(error as Error)
    }
    return this.append(batches, options)
  }

  /** Runs while nothing is written, and nothing taken away. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return this.removal.alone(task)
  }

  noteMoved(): void {
    this.removal.noteMoved()
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

  /** As the transaction indexes have them. */
  abortedEntries(from: bigint, to: bigint): Promise<AbortedEntry[]> {
    return this.reader.abortedEntries(from, to)
  }

  endOffsetForEpoch(leaderEpoch: number): EpochEndOffset {
    return this.epochs.endOffsetFor(leaderEpoch, this.bounds.endOffset)
  }

  epochForOffset(offset: bigint): number | undefined {
    return this.epochs.epochForOffset(offset)
  }

  /**
   * In memory at once; the file follows with the next flush, and until then recovery would find it in the
   * batches.
   */
  assignLeaderEpoch(leaderEpoch: number): Promise<void> {
    return this.queue.alone(async () => this.epochs.assign(leaderEpoch, this.bounds.endOffset))
  }

  activeProducers(): ActiveProducer[] {
    return describeProducers(this.producers)
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
    return segment.shouldRoll(request, rollConfig(this.config))
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
      this.bounds.endOffset = nextOffset
    }
    this.durability.noteWritten(segment, segment.sizeBytes - sizeBefore)
    this.home.noteUnflushed(this, false)
    if (segment.hasLongIndexTail) this.inBackground(segment.persistIndexes(false))
    if (this.mustSync()) void this.acknowledgeSynced(group)
    else for (const append of group) this.acknowledge(append)
  }

  private mustSync(): boolean {
    if (this.syncsEachAppend) return true
    return this.bounds.endOffset - this.durability.syncedOffset >= this.config.flushMessages
  }

  private async acknowledgeSynced(group: readonly PendingAppend[]): Promise<void> {
    let refusal: Refusal | undefined
    try {
      await this.durability.sync()
    } catch (error) {
      refusal = storageRefusal(error as Error)
      // It is in the log all the same, and nobody sees it before it is durable.
      this.home.noteUnflushed(this, true)
    }
    const { syncedOffset } = this.durability
    for (const append of group) {
      // Another sync may have covered it meanwhile.
      if (refusal === undefined || append.lastOffset < syncedOffset) this.acknowledge(append)
      else this.queue.settle(append, refusal)
    }
  }

  /** What a retry has to wait for whose first try was refused for want of a sync. */
  async makeDurable(lastOffset: bigint): Promise<Refusal | undefined> {
    if (lastOffset < this.durableOffset) return undefined
    try {
      await this.durability.sync()
    } catch (error) {
      return storageRefusal(error as Error)
    }
    return undefined
  }

  synced(): void {
    const { durableOffset } = this
    if (durableOffset <= this.bounds.watermark || this.queue.hasUnsettledBelow(durableOffset)) return
    this.onDurable?.()
  }

  private acknowledge(append: PendingAppend): void {
    const { baseOffset, lastOffset, logAppendTimeMs } = append
    const { logStartOffset } = this
    this.queue.settle(
      append,
      ok({ baseOffset, lastOffset, logAppendTimeMs, logStartOffset, isDuplicate: false }),
    )
  }

  failed(error: Error): void {
    this.home.goOffline(error)
  }

  cutBack(segment: Segment): void {
    this.durability.noteWritten(segment, 0)
    this.home.noteUnflushed(this, false)
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

  /** An index that leads to the wrong place is made anew, and looked into once more. */
  repairing<T>(segment: Segment, look: () => Promise<T>): Promise<T> {
    return segment.repairing(look, async (repair, { message: reason }) => {
      if (!(await this.alone(repair))) return
      this.environment.logger.warn('An index led astray and was made anew', { log: this.name, reason })
    })
  }

  /** The directory has failed, or the log is going away: nothing that waits will be written. */
  abandon(): void {
    this.isClosed = true
    this.queue.refuseAll(refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log of ${this.name} is offline.`))
  }

  async roll(baseOffset: bigint): Promise<void> {
    const last = this.activeSegment
    await last.readyToAppend(this.bounds.endOffset)
    await last.seal(false)
    await this.snapshots.take(baseOffset, encodeSnapshot(this.producers.producers()), { sync: false })
    const segment = this.newSegment(baseOffset)
    await segment.create()
    last.isWritable = false
    this.segments.push(segment)
    this.durability.noteRolled()
    this.home.noteUnflushed(this, true)
  }

  newSegment(baseOffset: bigint): Segment {
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

  // Taking records away; see `log-removal.ts`.

  deleteRecordsTo(offset: bigint): Promise<Result<{ readonly logStartOffset: bigint }>> {
    return this.removal.deleteRecordsTo(offset)
  }

  /** Deletes the segments that the topic's retention has done with; returns how many. */
  applyRetention(): Promise<number> {
    return this.removal.applyRetention()
  }

  truncateTo(offset: bigint): Promise<void> {
    return this.removal.truncateTo(offset)
  }

  truncateFullyAndStartAt(offset: bigint): Promise<void> {
    return this.removal.truncateFullyAndStartAt(offset)
  }

  /** How often something was cut off the log's end, or all of it begun anew. */
  get truncations(): number {
    return this.removal.truncations
  }

  get replacements(): number {
    return this.removal.replacements
  }

  /** False where the segments are not what they were when the cleaning began; nothing happens then. */
  replaceSegments(replacement: Replacement): Promise<boolean> {
    return this.removal.replaceSegments(replacement)
  }

  /** Resolves when no files are being renamed; undefined where none are. */
  get renaming(): Promise<void> | undefined {
    return this.removal.renaming
  }

  // Making durable.

  async flush(): Promise<void> {
    if (this.removal.owesCut) await this.removal.finishCut()
    await this.durability.flush()
  }

  /** Leaves the files as a start without recovery wants them. */
  async close(): Promise<void> {
    if (this.isClosed) return
    await this.queue.alone(async () => this.abandon())
    if (this.home.isOnline) {
      await this.flush()
      await this.guard(async () => {
        await this.activeSegment.seal(true)
        if (this.bounds.endOffset > this.segments[0]!.baseOffset) {
          await this.snapshots.take(this.bounds.endOffset, encodeSnapshot(this.producers.producers()), {
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
    // What has rotted is not lost by the disk's failing, and what is beside it is still there.
    if (error instanceof DamagedSegment) return
    if (isPassing(error) || (this.isLeaving && isMissing)) return
    this.home.goOffline(error)
  }

  /** What is in the files later than it might be; the next flush makes up for it. */
  private inBackground(task: Promise<void>): void {
    task.catch(error => this.diskFailed(error as Error))
  }
}

/** Nothing of the active segment can be compacted: it ends in time for the longest lag (KIP-354). */
function rollConfig(config: LogConfig): LogConfig {
  const { cleanupPolicy, maxCompactionLagMs, segmentMs } = config
  if (maxCompactionLagMs >= segmentMs || !cleanupPolicy.includes('compact')) return config
  return { ...config, segmentMs: maxCompactionLagMs }
}
