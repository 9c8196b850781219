/**
 * One partition as this broker has it: the unit of replication, also when there is one replica. It owns
 * leadership and its fencing, the high watermark (the least of what the in-sync replicas have), and the
 * requests that wait for it. Appends and reads are refused by anyone but the leader. The log below knows
 * nothing of this.
 *
 * Invariants: the high watermark never goes back while this broker leads; a waiting fetch is credited with
 * each readable byte exactly once; nothing waits at a partition that is closed.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { EMPTY_BYTES, type RecordsSource } from '../../protocol/wire.ts'
import type {
  AbortedTransaction,
  AppendOptions,
  AppendResult,
  EpochEndOffset,
  LogSurface,
  ReadResult,
} from '../log/log.ts'
import type { VerifiedProducer } from '../log/producer-state.ts'
import { releaseRecords } from './pinned-records.ts'
import type { FetchIsolation, FetchWait, Watch } from './purgatory.ts'

export const NO_OFFSET = -1n
export const NO_EPOCH = -1
export const NO_RECORDS: RecordsSource = { byteLength: 0, parts: [EMPTY_BYTES] }

/** What the cluster's image says of a partition. */
export interface PartitionState {
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/** Names a partition as a request does: by its topic's id, or where that is null by its topic's name. */
export interface PartitionName {
  readonly topic: string
  readonly topicId: string | null
  readonly index: number
}

/** One partition of a fetch request, or of a fetch session. */
export interface FetchTarget extends PartitionName {
  readonly currentLeaderEpoch: number
  readonly fetchOffset: bigint
  readonly lastFetchedEpoch: number
  readonly logStartOffset: bigint
  readonly maxBytes: number
}

/** What one partition answers to a fetch; an outcome with an error has -1 everywhere else, as Kafka's. */
export interface FetchOutcome {
  readonly error: ErrorCode
  /** Pinned: each deferred part is released exactly once, by whoever sends it or decides not to. */
  readonly records: RecordsSource
  /** Where the readable part ended for this reader when it looked. */
  readonly readableEnd: bigint
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  /** Null for readers that see undecided transactions. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  readonly divergingEpoch: EpochEndOffset | null
}

/** How a partition is read. */
export interface ReadBounds {
  readonly replicaId: number
  readonly isolation: FetchIsolation
  readonly maxBytes: number
  readonly minOneBatch: boolean
}

/** A produce that waits until the in-sync replicas have its batch. */
interface Acknowledgement {
  readonly offset: bigint
  settle(error: ErrorCode): void
}

interface Follower {
  logEndOffset: bigint
}

export class Partition {
  readonly topic: string
  readonly topicId: string
  readonly index: number
  /** `topic-index`, for people. */
  readonly name: string
  readonly log: LogSurface
  private readonly localBrokerId: number
  private state: PartitionState
  private minInsyncReplicas: number
  /** The error that everyone gets since the partition is gone from this broker; 0 while it is here. */
  private closedWith: ErrorCode = ErrorCode.NONE
  /** Where the log ended when this broker took office. */
  private epochStartOffset = 0n
  private readonly followers = new Map<number, Follower>()
  private readonly watches = new Set<Watch>()
  /** In order of offset. */
  private readonly acknowledgements: Acknowledgement[] = []
  /** Batches that are written and lie above the high watermark, in order. */
  private readonly unreplicated: { readonly nextOffset: bigint; readonly bytes: number }[] = []
  /** Below may be batches that no waiting fetch was credited with: once they are readable, all look again. */
  private uncreditedTo = 0n
  private readonly highWatermarkListeners = new Set<() => void>()

  constructor(options: {
    readonly topic: string
    readonly topicId: string
    readonly index: number
    readonly log: LogSurface
    readonly localBrokerId: number
    readonly state: PartitionState
    readonly minInsyncReplicas: number
  }) {
    this.topic = options.topic
    this.topicId = options.topicId
    this.index = options.index
    this.name = `${options.topic}-${options.index}`
    this.log = options.log
    this.localBrokerId = options.localBrokerId
    this.state = options.state
    this.minInsyncReplicas = options.minInsyncReplicas
    this.log.onLogStart = () => this.onLogStart()
    this.log.onDurable = () => {
      if (this.isLeader) this.advanceHighWatermark()
    }
  }

  get leader(): number {
    return this.state.leader
  }

  get leaderEpoch(): number {
    return this.state.leaderEpoch
  }

  get isLeader(): boolean {
    return this.state.leader === this.localBrokerId
  }

  /** Fetches that wait for more of this partition. */
  get waitingFetches(): number {
    return this.watches.size
  }

  get highWatermark(): bigint {
    return this.log.highWatermark
  }

  get lastStableOffset(): bigint {
    return this.log.lastStableOffset
  }

  /**
   * False in a new leader until its high watermark has passed what was there when it took office: the end
   * that it could tell may lie behind one that consumers have seen.
   */
  get knowsItsEnd(): boolean {
    return this.log.highWatermark >= this.epochStartOffset
  }

  get logStartOffset(): bigint {
    return this.log.logStartOffset
  }

  get logEndOffset(): bigint {
    return this.log.logEndOffset
  }

  /** Exclusive: what a reader may not see begins here. */
  readableEnd(isolation: FetchIsolation): bigint {
    if (isolation === 'committed') return this.log.lastStableOffset
    return isolation === 'log-end' ? this.log.logEndOffset : this.log.highWatermark
  }

  /** Takes up what a new image says. Resolves when the log knows a new leader's epoch. */
  async update(state: PartitionState): Promise<void> {
    const previous = this.state
    this.state = state
    for (const replica of this.followers.keys()) {
      if (!state.replicas.includes(replica)) this.followers.delete(replica)
    }
    if (state.leaderEpoch !== previous.leaderEpoch || state.leader !== previous.leader) {
      // What was appended stays where the leader does, and so do the produces that wait for it.
      if (this.isLeader) this.wake(() => true)
      else this.refuseWaiting(ErrorCode.NOT_LEADER_OR_FOLLOWER)
      if (this.isLeader) await this.takeOffice()
    }
    if (this.isLeader) this.advanceHighWatermark()
  }

  /** The epoch begins at the log end, so that followers and consumers can find where the last one stopped. */
  async takeOffice(): Promise<void> {
    this.followers.clear()
    this.epochStartOffset = this.log.logEndOffset
    this.uncreditedTo = this.epochStartOffset
    if (this.log.latestEpoch !== this.state.leaderEpoch) {
      await this.log.assignLeaderEpoch(this.state.leaderEpoch)
    }
    // What a former life left behind may wait for a sync, and nobody else would ask for one.
    if (this.log.durableOffset < this.log.logEndOffset) await this.log.flush().catch(() => {})
    this.advanceHighWatermark()
  }

  configure(minInsyncReplicas: number): void {
    this.minInsyncReplicas = minInsyncReplicas
  }

  /**
   * Appends validated batches as the leader. Their place in the log is settled before the first await;
   * resolves when they are written. For acks=-1 `replicated` comes after.
   */
  async append(
    batches: Buffer,
    options: Omit<AppendOptions, 'leaderEpoch'> & { readonly acks: number },
  ): Promise<Result<AppendResult>> {
    const refusal = this.appendRefusal(options.acks)
    if (refusal) return refusal
    const bytes = batches.length
    const { leaderEpoch } = this.state
    const { origin, verificationGuard, transactionVersion } = options
    const checked = { leaderEpoch, origin, verificationGuard, transactionVersion }
    const appended = await this.log.append(batches, checked)
    if (appended.error === 0 && !appended.value.isDuplicate) {
      this.unreplicated.push({ nextOffset: appended.value.lastOffset + 1n, bytes })
      this.onWritten(appended.value.lastOffset + 1n, bytes)
    } else if (appended.error === 0) this.advanceHighWatermark()
    // What lacked but a sync is in the log all the same.
    else if (appended.error === ErrorCode.KAFKA_STORAGE_ERROR) this.uncreditedTo = this.log.logEndOffset
    // The log of a partition that has left may fail for that reason alone, which is not its disk's.
    if (appended.error && this.closedWith !== ErrorCode.NONE) return refuse(this.closedWith)
    return appended
  }

  /** As the log's, by the leader alone. */
  startVerification(producer: VerifiedProducer): Result<number> {
    return this.refusal(NO_EPOCH) ?? this.log.startVerification(producer)
  }

  /** Kafka never asks for more in-sync replicas than the partition has (KAFKA-15581). */
  private get effectiveMinIsr(): number {
    return Math.min(this.minInsyncReplicas, this.state.replicas.length)
  }

  /** Why nothing can be appended with these acks, if so. */
  appendRefusal(acks: number): Refusal | undefined {
    return this.refusal(NO_EPOCH) ?? this.refusalOfAcks(acks)
  }

  private refusalOfAcks(acks: number): Refusal | undefined {
    const { isr } = this.state
    if (acks !== -1 || isr.length >= this.effectiveMinIsr) return undefined
    return refuse(
      ErrorCode.NOT_ENOUGH_REPLICAS,
      `The size of the current ISR ${isr.length} is insufficient to satisfy the min.isr requirement of ` +
        `${this.effectiveMinIsr} for partition ${this.name}, live replica(s) broker.id are : ` +
        `${isr.join(',')}`,
    )
  }

  /**
   * Calls back with 0 when all in-sync replicas have everything below an offset, with
   * NOT_ENOUGH_REPLICAS_AFTER_APPEND if they are too few by then, or with what ended this broker's
   * leadership. Returns what takes the wait back; undefined when it was called back at once.
   */
  whenReplicated(offset: bigint, settle: (error: ErrorCode) => void): (() => void) | undefined {
    const gone = this.refusal(NO_EPOCH)
    if (gone || this.highWatermark >= offset) {
      settle(gone ? gone.error : this.replicatedError())
      return undefined
    }
    const acknowledgement: Acknowledgement = { offset, settle }
    const { acknowledgements } = this
    let at = acknowledgements.length
    while (at > 0 && acknowledgements[at - 1]!.offset > offset) at--
    acknowledgements.splice(at, 0, acknowledgement)
    return () => {
      const index = acknowledgements.indexOf(acknowledgement)
      if (index >= 0) acknowledgements.splice(index, 1)
    }
  }

  private replicatedError(): ErrorCode {
    const enough = this.state.isr.length >= this.effectiveMinIsr
    return enough ? ErrorCode.NONE : ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
  }

  /** Calls back whenever the high watermark has moved, until the function returned is called. */
  onHighWatermark(callback: () => void): () => void {
    this.highWatermarkListeners.add(callback)
    return () => this.highWatermarkListeners.delete(callback)
  }

  /** A follower has fetched from an offset: it has everything below. */
  recordFollowerFetch(replicaId: number, fetchOffset: bigint): void {
    const follower = this.followers.get(replicaId)
    if (follower) follower.logEndOffset = fetchOffset
    else this.followers.set(replicaId, { logEndOffset: fetchOffset })
    this.advanceHighWatermark()
  }

  private hasFollower(replicaId: number): boolean {
    return replicaId !== this.localBrokerId && this.state.replicas.includes(replicaId)
  }

  private onWritten(nextOffset: bigint, bytes: number): void {
    for (const watch of this.watches) {
      if (watch.isolation === 'log-end') watch.credit(bytes, nextOffset)
    }
    this.advanceHighWatermark()
  }

  /** The high watermark follows the slowest in-sync replica, and wakes who waited for that. */
  private advanceHighWatermark(): void {
    const { log } = this
    const stableBefore = log.lastStableOffset
    const before = log.highWatermark
    const replicated = this.replicatedOffset()
    if (replicated > before) log.updateHighWatermark(replicated)
    const after = log.highWatermark
    const held = stableBefore < before
    const stable = log.lastStableOffset
    while (this.unreplicated.length > 0 && this.unreplicated[0]!.nextOffset <= after) {
      const { nextOffset, bytes } = this.unreplicated.shift()!
      for (const watch of this.watches) {
        if (watch.isolation === 'high-watermark') watch.credit(bytes, nextOffset)
        else if (watch.isolation === 'committed' && !held && nextOffset <= stable)
          watch.credit(bytes, nextOffset)
      }
    }
    // A transaction was decided, which makes older bytes readable: these fetches count anew.
    if (held && stable > stableBefore) this.wake(watch => watch.isolation === 'committed')
    if (after === before) return
    if (before < this.uncreditedTo) this.wake(() => true)
    this.acknowledge(after)
    for (const listener of this.highWatermarkListeners) listener()
  }

  private replicatedOffset(): bigint {
    let least = this.log.durableOffset
    for (const replica of this.state.isr) {
      if (replica === this.localBrokerId) continue
      const offset = this.followers.get(replica)?.logEndOffset ?? this.log.highWatermark
      if (offset < least) least = offset
    }
    return least
  }

  private acknowledge(highWatermark: bigint): void {
    const { acknowledgements } = this
    while (acknowledgements.length > 0 && acknowledgements[0]!.offset <= highWatermark) {
      acknowledgements.shift()!.settle(this.replicatedError())
    }
  }

  /**
   * One partition's part of a fetch. Synchronous at the end of the log and when the tail cache has what is
   * asked for.
   */
  read(target: FetchTarget, bounds: ReadBounds): FetchOutcome | Promise<FetchOutcome> {
    const refusal = this.refusal(target.currentLeaderEpoch)
    if (refusal) return fetchError(refusal.error)
    const { fetchOffset } = target
    if (bounds.replicaId >= 0 && !this.hasFollower(bounds.replicaId)) {
      // A replica that was added just now knows the epoch already; without one, nobody can say who is behind.
      const known = target.currentLeaderEpoch !== NO_EPOCH
      return fetchError(known ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER)
    }
    const diverging = target.lastFetchedEpoch === NO_EPOCH ? null : this.divergence(target)
    if (diverging === 'unknown') return fetchError(ErrorCode.OFFSET_OUT_OF_RANGE)
    if (diverging) return this.outcome(NO_RECORDS, bounds.isolation, diverging)
    const { log } = this
    if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
      return fetchError(ErrorCode.OFFSET_OUT_OF_RANGE)
    }
    if (bounds.replicaId >= 0) this.recordFollowerFetch(bounds.replicaId, fetchOffset)
    // What the answer says of the log is taken before reading, so that the records never lie behind it.
    const outcome = this.outcome(NO_RECORDS, bounds.isolation, null)
    const { replacements } = log
    const maxOffset = outcome.readableEnd
    if (fetchOffset >= maxOffset || (bounds.maxBytes <= 0 && !bounds.minOneBatch)) return outcome
    const read = log.read(fetchOffset, {
      maxBytes: bounds.maxBytes,
      maxOffset,
      minOneBatch: bounds.minOneBatch,
    })
    if (read instanceof Promise || bounds.isolation === 'committed') {
      // Compaction may take records away, and with them what is known of their transactions.
      const isStale = () => log.replacements !== replacements
      const finished = this.finishRead(read, fetchOffset, outcome, isStale)
      return finished.then(found => found ?? this.read(target, bounds))
    }
    return read.error ? fetchError(read.error) : { ...outcome, records: read.value.records }
  }

  /** Undefined where records and aborted transactions do not belong together. */
  private async finishRead(
    pending: Result<ReadResult> | Promise<Result<ReadResult>>,
    fetchOffset: bigint,
    outcome: FetchOutcome,
    isStale: () => boolean,
  ): Promise<FetchOutcome | undefined> {
    const read = await pending
    if (read.error) return fetchError(this.refusalAfter(read).error)
    const { records, upperBoundOffset } = read.value
    if (!outcome.abortedTransactions || records.byteLength === 0) return { ...outcome, records }
    try {
      const abortedTransactions = await this.log.abortedTransactions(fetchOffset, upperBoundOffset)
      if (!isStale()) return { ...outcome, records, abortedTransactions }
      releaseRecords(records)
      return undefined
    } catch (error) {
      releaseRecords(records)
      return fetchError(this.refusalAfter(this.log.readFailed(error as Error)).error)
    }
  }

  /** The partition may have gone while its log was read: that is why, then. */
  refusalAfter(refusal: Refusal): Refusal {
    return this.refusal(NO_EPOCH) ?? refusal
  }

  private outcome(
    records: RecordsSource,
    isolation: FetchIsolation,
    divergingEpoch: EpochEndOffset | null,
  ): FetchOutcome {
    const { log } = this
    return {
      error: ErrorCode.NONE,
      records,
      readableEnd: this.readableEnd(isolation),
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
      abortedTransactions: isolation === 'committed' ? [] : null,
      divergingEpoch,
    }
  }

  /** Where a reader's last epoch shows that it has records that this log never had (KIP-595). */
  private divergence(target: FetchTarget): EpochEndOffset | 'unknown' | null {
    const end = this.log.endOffsetForEpoch(target.lastFetchedEpoch)
    if (end.endOffset === NO_OFFSET || end.leaderEpoch === NO_EPOCH) return 'unknown'
    const diverges = end.leaderEpoch < target.lastFetchedEpoch || end.endOffset < target.fetchOffset
    return diverges ? end : null
  }

  /** A waiting fetch. False when there is news since it looked: it should look again instead. */
  watch(wait: FetchWait, isolation: FetchIsolation, target: FetchTarget, seen: FetchOutcome): boolean {
    if (this.closedWith !== ErrorCode.NONE || this.readableEnd(isolation) !== seen.readableEnd) return false
    if (target.fetchOffset < this.log.logStartOffset) return false
    wait.watch(this.watches, {
      isolation,
      fetchOffset: target.fetchOffset,
      seenOffset: seen.readableEnd,
      room: Math.max(0, target.maxBytes - seen.records.byteLength),
    })
    return true
  }

  private wake(concerned: (watch: Watch) => boolean): void {
    for (const watch of [...this.watches]) {
      if (concerned(watch)) watch.wait.complete()
    }
  }

  /** Where an epoch ended (KIP-101, KIP-320). */
  offsetForLeaderEpoch(currentLeaderEpoch: number, leaderEpoch: number): Result<EpochEndOffset> {
    return this.refusal(currentLeaderEpoch) ?? ok(this.log.endOffsetForEpoch(leaderEpoch))
  }

  /** DeleteRecords. An offset of -1 means the high watermark. */
  async deleteRecords(offset: bigint): Promise<Result<bigint>> {
    const refusal = this.refusal(NO_EPOCH)
    if (refusal) return refusal
    const { cleanupPolicy } = this.log.config
    if (cleanupPolicy.includes('compact') && !cleanupPolicy.includes('delete')) {
      return refuse(
        ErrorCode.POLICY_VIOLATION,
        `Records of partition ${this.name} can not be deleted due to the configured policy`,
      )
    }
    const upTo = offset === -1n ? this.highWatermark : offset
    if (upTo < 0n || upTo > this.highWatermark) return refuse(ErrorCode.OFFSET_OUT_OF_RANGE)
    const deleted = await this.log.deleteRecordsTo(upTo)
    return deleted.error ? deleted : ok(deleted.value.logStartOffset)
  }

  /** Records were deleted or have expired: who waits below gets to know. */
  private onLogStart(): void {
    const { logStartOffset } = this.log
    this.wake(watch => watch.fetchOffset < logStartOffset)
  }

  /** The log directory has failed. */
  onOffline(): void {
    this.refuseWaiting(ErrorCode.KAFKA_STORAGE_ERROR)
  }

  /**
   * Refuses who claims an epoch that is not the present one (KIP-320), and everyone where this broker does
   * not lead.
   */
  refusal(currentLeaderEpoch: number): Refusal | undefined {
    if (this.closedWith !== ErrorCode.NONE) return refuse(this.closedWith)
    const { leaderEpoch } = this.state
    if (currentLeaderEpoch !== NO_EPOCH && currentLeaderEpoch !== leaderEpoch) {
      const isOld = currentLeaderEpoch < leaderEpoch
      return refuse(isOld ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH)
    }
    if (!this.isLeader) return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    return this.log.isOnline ? undefined : refuse(ErrorCode.KAFKA_STORAGE_ERROR)
  }

  /** The partition leaves this broker: whoever waits gets `error`, and everyone who comes later. */
  close(error: Exclude<ErrorCode, 0>): void {
    this.closedWith = error
    this.refuseWaiting(error)
    this.highWatermarkListeners.clear()
  }

  /** Fetches look again and find out themselves; produces are told. */
  private refuseWaiting(error: ErrorCode): void {
    for (const { settle } of this.acknowledgements.splice(0)) settle(error)
    this.wake(() => true)
  }
}

export function fetchError(error: ErrorCode): FetchOutcome {
  return {
    error,
    records: NO_RECORDS,
    readableEnd: NO_OFFSET,
    highWatermark: NO_OFFSET,
    lastStableOffset: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    abortedTransactions: null,
    divergingEpoch: null,
  }
}
