/**
 * The way of appends to the disk. Offsets are assigned in order at once; batches that arrive in one turn, or
 * while a write is under way, go out together as one vectored write. Only when it has come back does
 * anything become visible. When it fails, all that was assigned from there on is refused, for it would have
 * left a hole.
 */
import assert from 'node:assert'
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { RecordBatch } from '../records/batch.ts'
import { DamagedSegment } from './damaged-segment.ts'
import type { AppendOptions, AppendResult } from './log.ts'
import type { DuplicateBatch, ProducerState } from './producer-state.ts'
import type { RollRequest, Segment } from './segment.ts'

/** Bounds one write; more waits for the next. */
const MAX_GROUP_BYTES = 16_777_216
const MAX_GROUP_APPENDS = 512

/** Batches that have their offsets and wait for the disk. */
export interface PendingAppend {
  readonly batches: Buffer
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly maxTimestamp: bigint
  readonly logAppendTimeMs: bigint
  readonly done: Promise<Result<AppendResult>>
  readonly settle: (result: Result<AppendResult>) => void
}

/** What the queue needs from its log. */
export interface AppendHost {
  readonly producers: ProducerState
  readonly logStartOffset: bigint
  readonly logEndOffset: bigint
  readonly activeSegment: Segment
  now(): number
  shouldRoll(segment: Segment, request: RollRequest): boolean
  /** Starts a new segment. Nothing is under way then. */
  roll(baseOffset: bigint): Promise<void>
  /** The appends are written: makes them visible, and settles each when it may be acknowledged. */
  written(segment: Segment, group: readonly PendingAppend[]): void
  /** Resolves when what is written may be acknowledged as far as an offset; to why not, where it may not. */
  makeDurable(lastOffset: bigint): Promise<Refusal | undefined>
  /** What to answer while nothing can be appended; undefined while it can. */
  refusal(): Refusal | undefined
  /** The disk can no longer be trusted. */
  failed(error: Error): void
  /** What a failed write had left is cut off, which is to be as durable as what was written before. */
  cutBack(segment: Segment): void
  /** What is on disk is not what was written there: this log takes nothing more. */
  damaged(error: DamagedSegment): void
}

export class AppendQueue {
  private readonly host: AppendHost
  private nextOffset: bigint
  private waiting: PendingAppend[] = []
  private writing: PendingAppend[] = []
  /** Written, and waiting for an fsync. */
  private readonly unsettled = new Set<PendingAppend>()
  private readonly tasks: { readonly after: bigint; readonly run: () => Promise<void> }[] = []
  private isRunning = false

  constructor(host: AppendHost, nextOffset: bigint) {
    this.host = host
    this.nextOffset = nextOffset
  }

  append(batches: Buffer, options: AppendOptions): Promise<Result<AppendResult>> {
    const refusal = this.host.refusal()
    if (refusal) return Promise.resolve(refusal)
    const checked = this.assign(batches, options)
    if ('error' in checked) return Promise.resolve(checked)
    if (!('settle' in checked)) return this.answerDuplicate(checked)
    this.waiting.push(checked)
    this.unsettled.add(checked)
    this.start()
    return checked.done
  }

  /** Runs alone: after the writes that were asked for before, and before those that come later. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.tasks.push({ after: this.nextOffset, run: () => task().then(resolve, reject) })
      this.start()
    })
  }

  /** The log has been cut back or begun anew. */
  reset(nextOffset: bigint): void {
    assert(this.writing.length === 0, 'a write is under way')
    this.refuseAll(refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER, 'The log was truncated.'))
    this.nextOffset = nextOffset
  }

  settle(append: PendingAppend, result: Result<AppendResult>): void {
    this.unsettled.delete(append)
    append.settle(result)
  }

  /** Something that ends there is still to be acknowledged, or refused. */
  hasUnsettledBelow(offset: bigint): boolean {
    for (const { lastOffset } of this.unsettled) return lastOffset < offset
    return false
  }

  /** Everything that is not written yet is refused. */
  refuseAll(refusal: Refusal): void {
    const refused = [...this.writing, ...this.waiting]
    this.writing = []
    this.waiting = []
    this.nextOffset = this.host.logEndOffset
    this.host.producers.abandon()
    for (const append of refused) this.settle(append, refusal)
  }

  /** All or none of the batches get their offsets. */
  private assign(batches: Buffer, options: AppendOptions): PendingAppend | Refusal | DuplicateBatch {
    const { producers } = this.host
    const now = this.host.now()
    let next = this.nextOffset
    let maxTimestamp = -1n
    let batch: RecordBatch | undefined
    for (let position = 0; position < batches.length; position += batch.sizeInBytes) {
      batch = new RecordBatch(batches, position)
      const outcome = producers.check(batch, options) ?? refusalOfOffset(batch, next, options)
      if (outcome !== undefined) {
        if (position > 0) this.reassign(now)
        return outcome
      }
      if (options.origin !== 'follower') batch.assignOffset(next, options.leaderEpoch)
      producers.assign(batch, now)
      if (batch.maxTimestamp > maxTimestamp) maxTimestamp = batch.maxTimestamp
      next = batch.nextOffset
    }
    assert(batch !== undefined, 'an append without batches')
    const baseOffset = new RecordBatch(batches, 0).baseOffset
    const logAppendTimeMs = batch.timestampType === 'LogAppendTime' ? maxTimestamp : -1n
    this.nextOffset = next
    const { promise: done, resolve: settle } = withResolvers<Result<AppendResult>>()
    return { batches, baseOffset, lastOffset: next - 1n, maxTimestamp, logAppendTimeMs, done, settle }
  }

  /**
   * A later batch of an append was refused: what its first ones had left with the producers is taken back.
   */
  private reassign(now: number): void {
    this.host.producers.abandon()
    for (const append of [...this.writing, ...this.waiting]) {
      forEachBatch(append.batches, batch => this.host.producers.assign(batch, now))
    }
  }

  private async answerDuplicate(duplicate: DuplicateBatch): Promise<Result<AppendResult>> {
    for (const append of this.unsettled) {
      if (append.baseOffset > duplicate.baseOffset || append.lastOffset < duplicate.lastOffset) continue
      const result = await append.done
      if (result.error) return result
    }
    const refusal = await this.host.makeDurable(duplicate.lastOffset)
    if (refusal) return refusal
    return ok({
      baseOffset: duplicate.baseOffset,
      lastOffset: duplicate.lastOffset,
      logAppendTimeMs: duplicate.timestamp,
      logStartOffset: this.host.logStartOffset,
      isDuplicate: true,
    })
  }

  private start(): void {
    if (this.isRunning) return
    this.isRunning = true
    void this.run()
  }

  private async run(): Promise<void> {
    // What else arrives before the promise jobs run joins the first write.
    await Promise.resolve()
    for (;;) {
      const next = this.waiting[0]
      const task = this.tasks[0]
      if (task !== undefined && (next === undefined || next.baseOffset >= task.after)) {
        this.tasks.shift()
        await task.run()
      } else if (next !== undefined) await this.writeGroup()
      else break
    }
    this.isRunning = false
  }

  private async writeGroup(): Promise<void> {
    const segment = this.host.activeSegment
    try {
      await segment.readyToAppend(this.host.logEndOffset)
      const count = this.countForOneWrite(segment)
      if (count === 0) {
        const first = this.waiting[0]
        if (first !== undefined) await this.host.roll(first.baseOffset)
        return
      }
      this.writing = this.waiting.slice(0, count)
      this.waiting = this.waiting.slice(count)
      await segment.withFile(file =>
        file.write(
          this.writing.map(append => append.batches),
          segment.sizeBytes,
        ),
      )
    } catch (error) {
      await this.fail(segment, error as Error)
      return
    }
    const group = this.writing
    this.writing = []
    try {
      this.host.written(segment, group)
    } catch (error) {
      // A bug: what is in memory and what is on disk may differ now. Nothing more is taken until a restart.
      for (const append of group) this.settle(append, storageRefusal(error as Error))
      this.host.failed(error as Error)
    }
  }

  /** How many of the waiting appends still belong into the segment; 0 when it has to be rolled first. */
  private countForOneWrite(segment: Segment): number {
    const now = this.host.now()
    let bytes = 0
    let count = 0
    for (const { batches, baseOffset, lastOffset, maxTimestamp } of this.waiting) {
      if (count > 0 && (segment.sizeBytes === 0 || count >= MAX_GROUP_APPENDS)) break
      if (count > 0 && bytes + batches.length > MAX_GROUP_BYTES) break
      const ahead = { bytes, count }
      const request = { sizeBytes: batches.length, baseOffset, lastOffset, maxTimestamp, now, ahead }
      if (this.host.shouldRoll(segment, request)) break
      bytes += batches.length
      count++
    }
    return count
  }

  /**
   * A full disk costs what was under way, and the file is cut back; so does a want of file handles, with
   * which nothing can have been written. Any other failure is the directory's end.
   */
  private async fail(segment: Segment, error: Error): Promise<void> {
    const refusal = storageRefusal(error)
    if (!isPassing(error)) {
      if (error instanceof DamagedSegment) this.host.damaged(error)
      else this.host.failed(error)
      this.refuseAll(refusal)
      return
    }
    this.refuseAll(refusal)
    if (isOutOfHandles(error)) return
    try {
      await segment.setSize(segment.sizeBytes)
      this.host.cutBack(segment)
    } catch (repairError) {
      this.host.failed(repairError as Error)
    }
  }
}

/** A full disk and a want of file handles end by themselves, and say nothing of what is stored. */
export function isPassing(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === 'ENOSPC' || code === 'EDQUOT' || isOutOfHandles(error)
}

/** Of the process or of the machine: as many connections as files can be the cause. */
export function isOutOfHandles(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === 'EMFILE' || code === 'ENFILE'
}

export function storageRefusal(error: Error): Refusal {
  return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `The log could not be written: ${error.message}`)
}

/** The batches of an append, one after the other. */
export function forEachBatch(batches: Buffer, visit: (batch: RecordBatch) => void): void {
  for (let position = 0; position < batches.length; ) {
    const batch = new RecordBatch(batches, position)
    visit(batch)
    position += batch.sizeInBytes
  }
}

function refusalOfOffset(batch: RecordBatch, next: bigint, options: AppendOptions): Refusal | undefined {
  if (options.origin !== 'follower' || batch.baseOffset >= next) return undefined
  return refuse(
    ErrorCode.OFFSET_OUT_OF_RANGE,
    `A batch at offset ${batch.baseOffset} came from the leader where ${next} was due.`,
  )
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}
