/**
 * Runs state machines on the partitions of an internal topic. Of each shard (one partition, one machine) it
 * owns the life cycle below, the order of commands, the append of their records, and the moment at which
 * replies leave.
 *
 *   Loading → Active    the log has been replayed up to its end
 *   Loading → Loading   the log could not be read; tried again later
 *   Active  → Loading   an append failed, or a bug showed: the machine may hold what the log does not, and is
 *                       thrown away; at once, or a little later where that happens again and again
 *   Active  → Closing   the broker closes: what was begun is answered, nothing else is
 *   any     → Stopped   this broker no longer leads the partition
 *
 * Invariants: commands run one at a time and to their end; a record is replayed as soon as it is queued, in
 * offset order; a reply leaves only when the high watermark has passed every record that its machine had
 * seen.
 */

import assert from 'node:assert'
import { ErrorCode, errorName, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import type { ProducerLookup } from '../log/producer-state.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock, Timer } from '../platform/platform.ts'
import type { CompressionType } from '../records/batch.ts'
import { type BatchAttributes, buildBatch } from '../records/builder.ts'
import { replayBatches } from './loader.ts'
import {
  BATCH_HEADER_BYTES,
  type CoordinatorRecord,
  type Outcome,
  recordsBytes,
  type StateMachine,
  type Ticket,
  type TransactionalWriter,
  type TransactionMarker,
} from './shard.ts'
import {
  type BatchCheck,
  coordinatorError,
  refusalOf,
  type SealedBatch,
  sealMarker,
} from './transactional.ts'

/** The log of an internal topic as the runtime needs it; replication provides it. */
export interface PartitionLog {
  /**
   * Appends one batch as the leader. Offsets are assigned in the order of the calls. Resolves when written
   * (the high watermark may follow later), or with a refusal after which nothing of the batch is in the log.
   */
  append(batch: Buffer, check?: BatchCheck): Promise<Result<{ readonly lastOffset: bigint }>>
  readonly producers: ProducerLookup
  /** Whole batches from an offset on, some bytes at a time; empty at the end of the log. */
  read(offset: bigint): Promise<Result<Buffer>>
  readonly logStartOffset: bigint
  readonly logEndOffset: bigint
  readonly highWatermark: bigint
  /** Calls back whenever the high watermark has moved, until the function returned is called. */
  onHighWatermark(callback: () => void): () => void
}

export interface RuntimeOptions<Machine extends StateMachine> {
  readonly clock: Clock
  /** What replies wait by, and records for company; `clock` unless told. */
  readonly waitClock?: Clock
  readonly logger: Logger
  readonly newMachine: (partition: number) => Machine
  /**
   * How long a reply waits for its records to be committed, in ms (`offsets.commit.timeout.ms` and its like).
   */
  readonly commitTimeoutMs: number
  /** The largest batch that the topic takes now, in bytes. */
  readonly maxBatchBytes: () => number
  /** Commands of a shard that may wait for their commit at once; more are refused. */
  readonly maxWaiting?: number
  /** Of the batches that are written; what is read is whatever it is. */
  readonly compression?: CompressionType
  /**
   * How long records wait for others to share their batch, in ms. 0: each command has a batch of its own.
   * -1, the default: those that come while an append is in flight share the next.
   */
  readonly appendLingerMs?: number
  /** A shard takes commands: its log has been replayed, for the first time or once more. */
  readonly onLoaded?: (partition: number) => void
}

export type Command<Machine, Response> = (machine: Machine, ticket: Ticket<Response>, now: number) => Outcome

const LOAD_RETRY_MS = 1_000
/** The wall clock is slowed and hurried along all the time; what differs by more has been set. */
const WALL_STEP_MS = 1_000
/** No machine has as much to do at one moment: it says that it is due, and does nothing about it. */
const MAX_EXPIRIES = 1_000_000
const DEFAULT_MAX_WAITING = 100_000

/** The shards of one coordinator on this broker, by partition of its internal topic. */
export class CoordinatorRuntime<Machine extends StateMachine> {
  private readonly options: RuntimeOptions<Machine>
  private readonly shards = new Map<number, Shard<Machine>>()

  constructor(options: RuntimeOptions<Machine>) {
    this.options = options
  }

  /** This broker became leader of the partition: its log is replayed, then commands are taken. */
  start(partition: number, log: PartitionLog): void {
    const previous = this.shards.get(partition)
    this.stop(partition)
    this.shards.set(partition, new Shard(partition, log, this.options, previous?.appended))
  }

  /** This broker no longer leads the partition. Everyone who waits gets NOT_COORDINATOR. */
  stop(partition: number): void {
    this.shards.get(partition)?.stop()
    this.shards.delete(partition)
  }

  /** Parked callers get NOT_COORDINATOR at once, as do new ones; resolves when what was begun is answered. */
  async close(): Promise<void> {
    await Promise.all([...this.shards.values()].map(shard => shard.close()))
    this.shards.clear()
  }

  /** The partitions of which this broker has a shard, also those that still load. */
  partitions(): number[] {
    return [...this.shards.keys()]
  }

  /** Resolves when no started shard is loading any more. For tests and start-up. */
  async loaded(): Promise<void> {
    await Promise.all([...this.shards.values()].map(shard => shard.whenLoaded))
  }

  /**
   * Runs a command on a shard. Resolves with what answers its ticket, or with why it did not run or what
   * became of it: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE (not committed in
   * time; it may have happened), UNKNOWN_SERVER_ERROR (records too large for the topic).
   */
  run<Response>(partition: number, command: Command<Machine, Response>): Promise<Result<Response>> {
    const shard = this.shards.get(partition)
    if (!shard) return Promise.resolve(refuse(ErrorCode.NOT_COORDINATOR))
    return shard.run(command)
  }
}

interface Waiting {
  readonly resolve: (result: Result<unknown>) => void
  readonly response: unknown
  /** Sent when the high watermark is at least this. */
  readonly offset: bigint
  readonly expiresAt: number
}

class Shard<Machine extends StateMachine> {
  whenLoaded: Promise<void>
  /** Settles, without error, when the append in flight has come to its end. */
  appended: Promise<void>
  private readonly partition: number
  private readonly log: PartitionLog
  private readonly options: RuntimeOptions<Machine>
  private readonly waitClock: Clock
  private readonly forgetHighWatermark: () => void
  private onDrained: (() => void) | undefined
  private state: 'Loading' | 'Active' | 'Closing' | 'Stopped' = 'Loading'
  /** Set by `load`; commands come only when it is done. */
  private machine!: Machine
  /** The offset that the next record will have. */
  private nextOffset = 0n
  private lastTicket = 0
  private parked = new Map<number, (result: Result<unknown>) => void>()
  /** In the order of their offsets and of their deadlines. */
  private waiting: Waiting[] = []
  private queued: CoordinatorRecord[] = []
  private queuedBytes = BATCH_HEADER_BYTES
  private batches: SealedBatch[] = []
  /** The offset behind the last record of those batches. */
  private sealedOffset = 0n
  private lingerTimer: Timer | undefined
  private isAppending = false
  private reloadedAt = -Infinity
  /** What the wall clock shows beyond the time that has passed; another when it was set. */
  private wallLeadMs = 0
  private machineTimer: Timer | undefined
  private machineTimerAt = Infinity
  private commitTimer: Timer | undefined

  /** `appended`: what the log may still get from the shard before this one. */
  constructor(
    partition: number,
    log: PartitionLog,
    options: RuntimeOptions<Machine>,
    appended: Promise<void> = Promise.resolve(),
  ) {
    this.partition = partition
    this.appended = appended
    this.log = log
    this.options = options
    this.waitClock = options.waitClock ?? options.clock
    this.forgetHighWatermark = log.onHighWatermark(() => this.guard(() => this.release()))
    this.whenLoaded = this.load()
  }

  run<Response>(command: Command<Machine, Response>): Promise<Result<Response>> {
    if (this.state === 'Loading') return Promise.resolve(refuse(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS))
    if (this.state !== 'Active') return Promise.resolve(refuse(ErrorCode.NOT_COORDINATOR))
    if (this.waiting.length >= (this.options.maxWaiting ?? DEFAULT_MAX_WAITING)) {
      return Promise.resolve(refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE))
    }
    return new Promise(resolve => {
      this.lastTicket += 1
      const ticket: Ticket<Response> = { id: this.lastTicket }
      this.parked.set(ticket.id, resolve as (result: Result<unknown>) => void)
      try {
        const now = this.now()
        this.apply(command(this.machine, ticket, now), now)
        this.rearm()
      } catch (error) {
        // A bug: nobody knows what the machine is now, so it begins anew from its log.
        this.parked.delete(ticket.id)
        this.failStop(ErrorCode.UNKNOWN_SERVER_ERROR)
        throw error
      }
    })
  }

  stop(): void {
    if (this.state === 'Stopped') return
    this.state = 'Stopped'
    this.forgetHighWatermark()
    this.abandon(ErrorCode.NOT_COORDINATOR)
  }

  async close(): Promise<void> {
    if (this.state === 'Active') {
      this.state = 'Closing'
      this.machineTimer?.cancel()
      const parked = this.parked
      this.parked = new Map()
      for (const resolve of parked.values()) resolve(refuse(ErrorCode.NOT_COORDINATOR))
      this.endLinger()
      if (!this.isDrained()) await new Promise<void>(resolve => (this.onDrained = resolve))
    }
    this.stop()
  }

  private isDrained(): boolean {
    return this.waiting.length === 0 && !this.isAppending
  }

  private noteProgress(): void {
    if (this.isDrained()) this.onDrained?.()
  }

  private async load(): Promise<void> {
    const { partition } = this
    const { clock, logger } = this.options
    const started = this.waitClock.elapsed()
    try {
      // What an append in flight brings belongs to the state.
      await this.appended
      const machine = this.options.newMachine(partition)
      this.machine = machine
      const isWanted = () => this.machine === machine && !this.isStopped()
      const loaded = await replayBatches(this.log, machine, isWanted)
      if (!isWanted()) return
      if (!loaded.error) {
        this.nextOffset = loaded.value
        this.wallLeadMs = clock.now() - clock.elapsed()
        machine.loaded(clock.now())
        this.state = 'Active'
        this.rearm()
        const tookMs = Math.round(this.waitClock.elapsed() - started)
        logger.debug('Coordinator shard loaded', { partition, tookMs })
        this.options.onLoaded?.(partition)
        return
      }
      logger.error('Could not read a coordinator log', { partition, code: errorName(loaded.error) })
    } catch (error) {
      // A record that cannot be decoded: the shard must not serve a state that it does not understand.
      logger.error('Could not load a coordinator shard', { partition, error })
      this.state = this.isStopped() ? 'Stopped' : 'Loading'
    }
    this.retryLater()
  }

  private isStopped(): boolean {
    return this.state === 'Stopped'
  }

  /** At once, unless it was just done: a machine that fails at every start must not fill the processor. */
  private reload(): void {
    if (this.isStopped()) return
    this.state = 'Loading'
    const now = this.waitClock.elapsed()
    if (now - this.reloadedAt < LOAD_RETRY_MS) {
      this.retryLater()
      return
    }
    this.reloadedAt = now
    this.whenLoaded = this.load()
  }

  private retryLater(): void {
    if (this.isStopped()) return
    this.machineTimer?.cancel()
    this.machineTimer = this.waitClock.after(LOAD_RETRY_MS, () => {
      this.reloadedAt = this.waitClock.elapsed()
      this.whenLoaded = this.load()
    })
  }

  private apply(outcome: Outcome, now: number): void {
    const { records = [], producer, marker, isSplittable = false, replies = [] } = outcome
    // All or nothing is known before anything is replayed.
    if (!isSplittable && !this.fits(records)) {
      const refusal = refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'The records exceed max.message.bytes.')
      for (const { ticket } of replies) this.answer(ticket.id, refusal)
      return
    }
    const refusal = refusalOf(outcome, this.log.producers, this.batches)
    if (refusal) {
      for (const { ticket } of replies) this.answer(ticket.id, refusal)
      return
    }
    if (isSplittable) for (const record of records) this.applyPlain([record], now)
    else if (producer && records.length > 0) this.applyTransactional(records, producer, now)
    else if (records.length > 0) this.applyPlain(records, now)
    if (marker) this.applyMarker(marker, now)
    for (const { ticket, response } of replies) this.answerWhenCommitted(ticket.id, response)
    this.append(now)
  }

  /** Into one batch. What is too large as it is may be small enough compressed. */
  private fits(records: readonly CoordinatorRecord[]): boolean {
    const { compression = 'none' } = this.options
    const maxBytes = this.options.maxBatchBytes()
    if (recordsBytes(records) <= maxBytes) return true
    return (
      compression !== 'none' &&
      buildBatch({ records: timestamped(records, 0), compression }).length <= maxBytes
    )
  }

  private applyPlain(records: readonly CoordinatorRecord[], now: number): void {
    const bytes = recordsBytes(records) - BATCH_HEADER_BYTES
    if (this.queuedBytes + bytes > this.options.maxBatchBytes()) this.seal(now)
    for (const record of records) this.replay(record, -1n, -1)
    this.queued.push(...records)
    this.queuedBytes += bytes
  }

  private applyTransactional(
    records: readonly CoordinatorRecord[],
    producer: TransactionalWriter,
    now: number,
  ): void {
    this.seal(now)
    for (const record of records) this.replay(record, producer.producerId, producer.producerEpoch)
    const { verificationGuard, ...ids } = producer
    this.pushBatch(records, { ...ids, isTransactional: true }, now, { verificationGuard })
  }

  private applyMarker(marker: TransactionMarker, now: number): void {
    this.seal(now)
    this.machine.replayMarker(marker)
    this.nextOffset += 1n
    this.batches.push(sealMarker(marker, now))
    this.sealedOffset = this.nextOffset
  }

  private replay(record: CoordinatorRecord, producerId: bigint, producerEpoch: number): void {
    const { key, value } = record
    this.machine.replay({ key, value, offset: this.nextOffset, producerId, producerEpoch })
    this.nextOffset += 1n
  }

  /** Closes the batch that is being filled. */
  private seal(now: number): void {
    this.lingerTimer?.cancel()
    this.lingerTimer = undefined
    if (this.queued.length === 0) return
    this.pushBatch(this.queued, {}, now)
    this.queued = []
    this.queuedBytes = BATCH_HEADER_BYTES
  }

  private pushBatch(
    records: readonly CoordinatorRecord[],
    attributes: BatchAttributes,
    now: number,
    check: BatchCheck = {},
  ): void {
    const { compression = 'none' } = this.options
    // Kafka's coordinators count from 0 in each batch, though nobody looks.
    const options = { records: timestamped(records, now), compression, baseSequence: 0, ...attributes }
    this.batches.push({ bytes: buildBatch(options), check })
    this.sealedOffset = this.nextOffset
  }

  /** One append at a time: commands that come meanwhile share the next batch. */
  private append(now: number): void {
    const { appendLingerMs = -1 } = this.options
    if (appendLingerMs === 0) this.seal(now)
    if (appendLingerMs > 0 && this.state !== 'Closing') this.armLinger(appendLingerMs)
    if (this.isAppending) return
    if (appendLingerMs < 0 || this.state === 'Closing') this.seal(now)
    if (this.batches.length === 0) return
    const batches = this.batches
    const expectedLast = this.sealedOffset - 1n
    this.batches = []
    this.isAppending = true
    this.appended = this.appendAll(batches)
      .finally(() => {
        this.isAppending = false
      })
      .then(result => this.settle(result, expectedLast))
      .catch(error => this.onBug(error))
  }

  private settle(appended: Result<bigint>, expectedLast: bigint): void {
    if (this.state !== 'Active' && this.state !== 'Closing') return
    if (appended.error) {
      const { partition } = this
      const code = errorName(appended.error)
      this.options.logger.warn('A coordinator append failed', { partition, code })
      this.failStop(appended.error)
      return
    }
    assert.equal(appended.value, expectedLast, 'the log assigns the offsets that were replayed')
    this.release()
    this.append(this.options.clock.now())
    this.noteProgress()
  }

  private armLinger(lingerMs: number): void {
    if (this.queued.length === 0 || this.lingerTimer) return
    this.lingerTimer = this.waitClock.after(lingerMs, () => this.guard(() => this.endLinger()))
  }

  private endLinger(): void {
    const now = this.options.clock.now()
    this.seal(now)
    this.append(now)
  }

  /** Whatever a timer or the log calls: an error in it is a bug of this shard, and ends nothing else. */
  private guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.onBug(error)
    }
  }

  private onBug(error: unknown): void {
    const { partition } = this
    this.options.logger.error('A bug: a coordinator shard stopped', { partition, error })
    if (this.state === 'Active' || this.state === 'Closing') this.failStop(ErrorCode.UNKNOWN_SERVER_ERROR)
  }

  /**
   * Calls for all batches before waiting for the first, so that they go out as one write; settles when none
   * is in flight any more.
   */
  private async appendAll(batches: readonly SealedBatch[]): Promise<Result<bigint>> {
    const settled = await Promise.allSettled(
      batches.map(async ({ bytes, check }) => this.log.append(bytes, check)),
    )
    let last: bigint | undefined
    for (const each of settled) {
      if (each.status === 'rejected') throw each.reason
      if (each.value.error) return each.value
      last = each.value.value.lastOffset
    }
    assert(last !== undefined)
    return ok(last)
  }

  private failStop(error: Refusal['error']): void {
    this.abandon(clientError(error))
    if (this.state === 'Active') this.reload()
    else this.noteProgress()
  }

  /** Answers everyone with an error and forgets what was not appended. */
  private abandon(error: Refusal['error']): void {
    this.machineTimer?.cancel()
    this.machineTimerAt = Infinity
    this.commitTimer?.cancel()
    this.commitTimer = undefined
    this.lingerTimer?.cancel()
    this.lingerTimer = undefined
    this.queued = []
    this.queuedBytes = BATCH_HEADER_BYTES
    this.batches = []
    const waiting = this.waiting
    const parked = this.parked
    this.waiting = []
    this.parked = new Map()
    for (const { resolve } of waiting) resolve(refuse(error))
    for (const resolve of parked.values()) resolve(refuse(error))
  }

  private answer(ticketId: number, result: Result<unknown>): void {
    const resolve = this.parked.get(ticketId)
    this.parked.delete(ticketId)
    resolve?.(result)
  }

  private answerWhenCommitted(ticketId: number, response: unknown): void {
    const resolve = this.parked.get(ticketId)
    if (!resolve) return
    this.parked.delete(ticketId)
    const offset = this.nextOffset
    if (this.waiting.length === 0 && this.log.highWatermark >= offset) resolve(ok(response))
    else {
      const expiresAt = this.waitClock.elapsed() + this.options.commitTimeoutMs
      this.waiting.push({ resolve, response, offset, expiresAt })
      this.armCommitTimer()
    }
  }

  private release(): void {
    const highWatermark = this.log.highWatermark
    let released = 0
    for (const { offset, resolve, response } of this.waiting) {
      if (offset > highWatermark) break
      resolve(ok(response))
      released += 1
    }
    if (released === 0) return
    this.waiting = this.waiting.slice(released)
    this.armCommitTimer()
    this.noteProgress()
  }

  private armCommitTimer(): void {
    const first = this.waiting[0]
    if (!first) {
      this.commitTimer?.cancel()
      this.commitTimer = undefined
      return
    }
    if (this.commitTimer) return
    const delayMs = Math.max(0, first.expiresAt - this.waitClock.elapsed())
    this.commitTimer = this.waitClock.after(delayMs, () => {
      this.commitTimer = undefined
      const now = this.waitClock.elapsed()
      while (this.waiting[0] && this.waiting[0].expiresAt <= now) {
        this.waiting.shift()?.resolve(refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE))
      }
      this.armCommitTimer()
      this.noteProgress()
    })
  }

  /** The machine is told first when somebody has set the clock. */
  private now(): number {
    const { clock } = this.options
    const now = clock.now()
    const stepMs = Math.round(now - clock.elapsed() - this.wallLeadMs)
    if (Math.abs(stepMs) >= WALL_STEP_MS) {
      this.wallLeadMs += stepMs
      this.machine.wallStepped?.(stepMs)
    }
    return now
  }

  /** Keeps one timer at the machine's next deadline. */
  private rearm(): void {
    const deadline = this.machine.deadline()
    if (this.state !== 'Active' || deadline === this.machineTimerAt) return
    this.machineTimer?.cancel()
    this.machineTimerAt = deadline
    if (deadline === Infinity) return
    const delayMs = Math.max(0, deadline - this.options.clock.now())
    this.machineTimer = this.options.clock.after(delayMs, () => this.guard(() => this.expire()))
  }

  private expire(): void {
    if (this.state !== 'Active') return
    this.machineTimerAt = Infinity
    const now = this.now()
    for (let expiries = 0; this.machine.deadline() <= now; expiries++) {
      assert(expiries < MAX_EXPIRIES, 'what is due gets done')
      this.apply(this.machine.expire(now), now)
    }
    this.rearm()
  }
}

/** What a client of the coordinator is told about a failed append, as in Kafka. */
function clientError(error: Refusal['error']): Refusal['error'] {
  const known = coordinatorError(error)
  return known === error ? ErrorCode.UNKNOWN_SERVER_ERROR : known
}

function timestamped(records: readonly CoordinatorRecord[], now: number) {
  const timestamp = BigInt(now)
  return records.map(({ key, value }) => ({ timestamp, key, value }))
}
