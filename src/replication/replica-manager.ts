/**
 * All partitions that this broker has, by topic name and by topic id. It follows the cluster's image
 * (creates and deletes logs, hands on leadership), takes produced records through validation into
 * partitions, and reads many partitions for one fetch.
 */
import assert from 'node:assert'
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { EMPTY_BYTES } from '../../protocol/wire.ts'
import { Slots } from '../log/group-sync.ts'
import type { LogSurface, TopicPartition } from '../log/log.ts'
import type { LogManagerSurface } from '../log/log-manager-surface.ts'
import { ClusterImage, type TopicImage } from '../metadata/image.ts'
import type { TopicConfig, TopicConfigs } from '../metadata/topic-config.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock, Timer } from '../platform/platform.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import {
  type ProduceRefusal,
  type RecordError,
  type ValidationResult,
  validateProduced,
} from '../records/validation.ts'
import { delayedFetch, type FetchParameters } from './delayed-fetch.ts'
import {
  type FetchOutcome,
  NO_OFFSET,
  Partition,
  type PartitionName,
  type PartitionState,
} from './partition.ts'
import { type Parked, Purgatory } from './purgatory.ts'
import {
  produceRefusal,
  type TransactionalWrite,
  Verification,
  type VerificationOptions,
  type Verified,
} from './verification.ts'

export interface ReplicaManagerOptions {
  readonly localBrokerId: number
  readonly logs: LogManagerSurface
  readonly topicConfigs: Pick<TopicConfigs, 'of'>
  readonly clock: Clock
  /** What requests wait by; `clock` unless told. */
  readonly waitClock?: Clock
  readonly logger: Pick<Logger, 'warn' | 'error'>
  /** `fetch.max.bytes`: the most that one fetch answers, whatever it asks for. */
  readonly fetchMaxBytes: number
  /** `header` trusts the records inside an intact batch. */
  readonly validation?: 'records' | 'header'
  readonly maxDecompressedBytes?: number
  /** Of transactional writes. */
  readonly verification: VerificationOptions
}

export interface AppendTarget extends PartitionName {
  readonly records: Buffer | null
  /** Of a transactional batch: its first sequence. */
  readonly transactionalSequence?: number | undefined
}

export interface AppendParameters {
  readonly acks: number
  readonly timeoutMs: number
  readonly produceVersion: number
  readonly targets: readonly AppendTarget[]
  /** Who writes the transactional batches, if there are any. */
  readonly transaction?: TransactionalWrite | undefined
}

/** One partition's part of a produce response. */
export interface AppendOutcome {
  readonly error: ErrorCode
  /** For the response's error message; Kafka sets it for records that are at fault, and so do we. */
  readonly message: string | null
  readonly recordErrors: readonly RecordError[]
  readonly baseOffset: bigint
  readonly logAppendTimeMs: bigint
  readonly logStartOffset: bigint
}

/** The end of a producer's transaction. */
export interface MarkerToWrite {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
  /** From 2 on the epoch is above that of the transaction (KIP-890). */
  readonly transactionVersion: number
}

/** A partition of this broker, or why there is none that could be used. */
type Slot = Partition | Refusal

interface HostedTopic {
  readonly name: string
  readonly id: string
  image: TopicImage
  config: TopicConfig
  readonly slots: Slot[]
}

/** A partition whose log could not be opened or made, which is tried again now and then. */
interface MissingLog {
  readonly hosted: HostedTopic
  readonly index: number
  readonly isNew: boolean
}

const RETRY_MS = 2_000

/** Topics that only coordinators write. */
const INTERNAL_TOPICS = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])

export function isInternalTopic(topic: string): boolean {
  return INTERNAL_TOPICS.has(topic)
}

const NO_IMAGE = ClusterImage.empty()
/** Topics that are made at once. */
const CONCURRENT_TOPICS = 16

export class ReplicaManager {
  readonly purgatory: Purgatory
  /** For fetches that wait. */
  readonly waitClock: Clock
  private readonly options: ReplicaManagerOptions
  private readonly verification: Verification
  private readonly byName = new Map<string, HostedTopic>()
  private readonly byId = new Map<string, HostedTopic>()
  private followed = NO_IMAGE
  private readonly missing = new Set<MissingLog>()
  private retry: Timer | undefined
  private isClosed = false
  private readonly lateOpenings: (() => void)[] = []
  /** Images are taken up one after the other. */
  private applied: Promise<void> = Promise.resolve()

  constructor(options: ReplicaManagerOptions) {
    this.options = options
    this.waitClock = options.waitClock ?? options.clock
    this.purgatory = new Purgatory(this.waitClock)
    this.verification = new Verification(options.verification)
  }

  /** Takes up an image. Resolves when every partition that it adds can be written and read. */
  applyImage(image: ClusterImage): Promise<void> {
    const followed = this.applied.then(() => this.follow(image))
    // The next one is followed all the same; the failure is the caller's to tell.
    this.applied = followed.catch(() => {})
    return followed
  }

  /** By what has changed since the last image, so that one topic more costs the same among ten thousand. */
  private async follow(image: ClusterImage): Promise<void> {
    const earlier = this.followed
    const topics = [...image.topicChangesSince(earlier)]
    const gone = topics.flatMap(name => {
      const before = this.byName.get(name)
      return before === undefined || image.topicById(before.id) ? [] : [before]
    })
    await this.drop(gone)
    const slots = new Slots(CONCURRENT_TOPICS)
    await Promise.all(
      [...this.concerned(image, topics)].map(name => slots.run(() => this.takeUp(image, name))),
    )
    this.followed = image
  }

  /** The topics that have changed, and those whose settings have. */
  private concerned(image: ClusterImage, topics: readonly string[]): ReadonlySet<string> {
    const names = new Set(topics)
    for (const key of image.configChangesSince(this.followed)) {
      const [type, ...name] = key.split('/')
      if (type === 'topic') names.add(name.join('/'))
      // What the broker's own settings say holds for every topic that says nothing else.
      if (type === 'broker') for (const hosted of this.byName.keys()) names.add(hosted)
    }
    return names
  }

  private async takeUp(image: ClusterImage, name: string): Promise<void> {
    const topic = image.topicByName(name)
    if (topic === undefined) return
    const config = this.options.topicConfigs.of(image, name)
    const hosted = this.byId.get(topic.id)
    if (!hosted) await this.host(topic, config)
    else await this.refresh(hosted, topic, config)
  }

  private async host(topic: TopicImage, config: TopicConfig): Promise<void> {
    const hosted: HostedTopic = { name: topic.name, id: topic.id, image: topic, config, slots: [] }
    await this.addPartitions(hosted, topic)
    this.byName.set(topic.name, hosted)
    this.byId.set(topic.id, hosted)
  }

  private async refresh(hosted: HostedTopic, topic: TopicImage, config: TopicConfig): Promise<void> {
    if (config !== hosted.config) this.configure(hosted, config)
    if (topic === hosted.image) return
    hosted.image = topic
    for (const [index, slot] of hosted.slots.entries()) {
      const state = topic.partitions[index]
      if (state && slot instanceof Partition) await slot.update(state)
    }
    await this.addPartitions(hosted, topic)
  }

  private configure(hosted: HostedTopic, config: TopicConfig): void {
    hosted.config = config
    this.options.logs.updateConfig(hosted.name, hosted.slots.length, config)
    for (const slot of hosted.slots) {
      if (slot instanceof Partition) slot.configure(config.minInsyncReplicas)
    }
  }

  private async addPartitions(hosted: HostedTopic, topic: TopicImage): Promise<void> {
    const added = topic.partitions.slice(hosted.slots.length)
    const first = hosted.slots.length
    const slots = await Promise.all(added.map((state, at) => this.open(hosted, first + at, state)))
    hosted.slots.push(...slots)
  }

  private async open(hosted: HostedTopic, index: number, state: PartitionState): Promise<Slot> {
    const { localBrokerId, logger } = this.options
    if (!state.replicas.includes(localBrokerId)) return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    // What the first image has was there before this start.
    const isNew = this.followed !== NO_IMAGE
    const log = await this.openLog(hosted, { index, isNew })
    if (log.error) {
      logger.error('A log could not be created', { topic: hosted.name, partition: index, code: log.error })
      if (log.error === ErrorCode.KAFKA_STORAGE_ERROR) this.retryLater({ hosted, index, isNew })
      return log
    }
    return this.lead(hosted, index, { state, log: log.value })
  }

  private async lead(
    hosted: HostedTopic,
    index: number,
    { state, log }: { readonly state: PartitionState; readonly log: LogSurface },
  ): Promise<Partition> {
    const { localBrokerId } = this.options
    const { minInsyncReplicas } = hosted.config
    const { name: topic, id: topicId } = hosted
    const partition = new Partition({
      topic,
      topicId,
      index,
      log,
      localBrokerId,
      state,
      minInsyncReplicas,
    })
    if (partition.isLeader) await partition.takeOffice()
    return partition
  }

  /** A log of another topic of the same name gives way; its records stay, since nobody deleted it. */
  private async openLog(
    hosted: HostedTopic,
    { index, isNew }: { readonly index: number; readonly isNew: boolean },
  ): Promise<Result<LogSurface>> {
    const { logs, logger } = this.options
    const { name: topic, id: topicId, config } = hosted
    const present = logs.log(topic, index)
    if (present?.topicId !== undefined && present.topicId !== topicId) {
      const directory = await logs.setAsideLog(topic, index)
      logger.warn('Set aside the log of another topic of this name', { topic, partition: index, directory })
    }
    return logs.createLog({ topic, topicId, partition: index, config, isNew })
  }

  /** Calls back when partitions are there that could not be opened when their image was taken up. */
  onLateOpening(callback: () => void): void {
    this.lateOpenings.push(callback)
  }

  /** A disk that is full has room again one day. */
  private retryLater(missing: MissingLog): void {
    if (this.isClosed) return
    this.missing.add(missing)
    this.retry ??= this.waitClock.after(RETRY_MS, () => {
      this.retry = undefined
      this.applied = this.applied.then(() => this.openMissing()).catch(() => {})
    })
  }

  private async openMissing(): Promise<void> {
    for (const missing of [...this.missing]) {
      const { hosted, index } = missing
      this.missing.delete(missing)
      const state = hosted.image.partitions[index]
      if (this.byId.get(hosted.id) !== hosted || state === undefined) continue
      const log = await this.openLog(hosted, missing)
      if (log.error) {
        this.retryLater(missing)
        continue
      }
      hosted.slots[index] = await this.lead(hosted, index, { state, log: log.value })
      for (const callback of this.lateOpenings) callback()
    }
  }

  /** Nobody finds any of them any more before the first file is touched. */
  private async drop(topics: readonly HostedTopic[]): Promise<void> {
    for (const hosted of topics) {
      this.byId.delete(hosted.id)
      if (this.byName.get(hosted.name) === hosted) this.byName.delete(hosted.name)
      for (const slot of hosted.slots) {
        if (slot instanceof Partition) slot.close(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      }
    }
    const { logs } = this.options
    await Promise.all(
      topics.flatMap(({ name, slots }) => slots.map((_, index) => logs.deleteLog(name, index))),
    )
  }

  /** A log directory has failed: who waits for its partitions gets to know. */
  onDirectoryOffline(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const slot = this.byName.get(topic)?.slots[partition]
      if (slot instanceof Partition) slot.onOffline()
    }
  }

  /**
   * By id where one is given. UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER where this
   * broker has no replica, KAFKA_STORAGE_ERROR where its log could not be opened.
   */
  find(name: PartitionName): Result<Partition> {
    const hosted = this.topicOf(name)
    if (!hosted) return name.topicId === null ? UNKNOWN_PARTITION : UNKNOWN_ID
    const slot = hosted.slots[name.index]
    if (slot === undefined) return UNKNOWN_PARTITION
    return slot instanceof Partition ? ok(slot) : slot
  }

  partition(topic: string, index: number): Result<Partition> {
    return this.find({ topic, topicId: null, index })
  }

  /** It is here, but in a log directory that does not work. */
  isOffline(topicId: string, index: number): boolean {
    const slot = this.byId.get(topicId)?.slots[index]
    if (slot instanceof Partition) return !slot.log.isOnline
    return slot?.error === ErrorCode.KAFKA_STORAGE_ERROR
  }

  /** What the cluster's image says of a partition, whether this broker has it or not. */
  stateOf(name: PartitionName): PartitionState | undefined {
    return this.topicOf(name)?.image.partitions[name.index]
  }

  /** `compression.type` of a topic; undefined for one that is not known. */
  compressionOf(name: PartitionName): TopicConfig['compressionType'] | undefined {
    return this.topicOf(name)?.config.compressionType
  }

  private topicOf(name: PartitionName): HostedTopic | undefined {
    return name.topicId === null ? this.byName.get(name.topic) : this.byId.get(name.topicId)
  }

  *partitions(): Iterable<Partition> {
    for (const { slots } of this.byName.values()) {
      for (const slot of slots) if (slot instanceof Partition) yield slot
    }
  }

  /**
   * Appends what a client produced. Each partition's records are in its log's order of appends before this
   * returns; the promise resolves when the acks that were asked for are there, or the time is over.
   */
  append(parameters: AppendParameters): Promise<AppendOutcome[]> {
    const deadline = this.waitClock.elapsed() + parameters.timeoutMs
    const { targets, transaction } = parameters
    const verified = transaction && this.verify(targets, transaction)
    if (!verified) return Promise.all(targets.map(target => this.appendTo(target, parameters, deadline)))
    return Promise.all(
      targets.map((target, at) => this.appendVerified(target, verified[at]!, parameters, deadline)),
    )
  }

  /** Of the transactional targets one for one with all; undefined for those that are not. */
  private verify(
    targets: readonly AppendTarget[],
    write: TransactionalWrite,
  ): (Verified | Promise<Verified>)[] {
    const transactional = targets.filter(target => target.transactionalSequence !== undefined)
    const begun = this.verification.begin(
      write,
      transactional.map(target => ({
        partition: this.find(target),
        baseSequence: target.transactionalSequence!,
      })),
    )
    const byTarget = new Map(transactional.map((target, at) => [target, begun[at]]))
    return targets.map(target => byTarget.get(target) ?? NOT_ASKED)
  }

  /** What a coordinator has to know before it writes for a transaction to its own partition. */
  async verifyWrite(partition: PartitionName, write: TransactionalWrite): Promise<Verified> {
    return this.verification.begin(write, [{ partition: this.find(partition), baseSequence: -1 }])[0]!
  }

  private async appendVerified(
    target: AppendTarget,
    pending: Verified | Promise<Verified>,
    parameters: AppendParameters,
    deadline: number,
  ): Promise<AppendOutcome> {
    const verified = pending instanceof Promise ? await pending : pending
    if (verified.error) {
      const refusal = produceRefusal(verified)
      return { ...appendError(refusal), message: refusal.message ?? null }
    }
    return this.appendTo(target, parameters, deadline, verified.value)
  }

  /** No await before the log has taken the batch: its order among the connection's requests depends on it. */
  private async appendTo(
    target: AppendTarget,
    parameters: AppendParameters,
    deadline: number,
    verificationGuard?: number,
  ): Promise<AppendOutcome> {
    const { acks } = parameters
    const found = this.find(target)
    if (found.error) return appendError(found)
    if (acks !== -1 && acks !== 0 && acks !== 1) return appendError(refuse(ErrorCode.INVALID_REQUIRED_ACKS))
    const partition = found.value
    const { logStartOffset } = partition
    if (isInternalTopic(partition.topic)) return appendError(refuse(ErrorCode.INVALID_TOPIC_EXCEPTION))
    const refusal = partition.appendRefusal(acks)
    // Kafka has no log to ask where the disk does not work.
    const isLost = refusal?.error === ErrorCode.KAFKA_STORAGE_ERROR
    if (refusal) return appendError(refusal, isLost ? NO_OFFSET : logStartOffset)
    const validated = this.validate(partition, target.records, parameters.produceVersion)
    if (validated.error) {
      return appendError(validated, UNSEEN.has(validated.error) ? NO_OFFSET : logStartOffset)
    }
    const { batch, logAppendTimeMs } = validated.value
    const appended = await partition.append(batch.bytes(), { acks, origin: 'client', verificationGuard })
    if (appended.error) return appendError(appended, logStartOffset)
    const { baseOffset, lastOffset, isDuplicate } = appended.value
    if (acks === -1 && partition.highWatermark <= lastOffset) {
      const error = await this.replicated(partition, lastOffset + 1n, deadline)
      if (error !== ErrorCode.NONE) return appendError(refuse(error), appended.value.logStartOffset)
    }
    return {
      error: ErrorCode.NONE,
      message: null,
      recordErrors: [],
      baseOffset,
      // Of a duplicate Kafka tells the time of its records, whosever it is.
      logAppendTimeMs: isDuplicate ? appended.value.logAppendTimeMs : logAppendTimeMs,
      logStartOffset: appended.value.logStartOffset,
    }
  }

  private validate(partition: Partition, records: Buffer | null, produceVersion: number): ValidationResult {
    const hosted = this.byId.get(partition.topicId)
    assert(hosted, 'a partition is hosted by its topic')
    const { config } = hosted
    const { compressionType, compressionLevel } = config
    const { validation, maxDecompressedBytes } = this.options
    return validateProduced(records ?? EMPTY_BYTES, {
      topicPartition: partition.name,
      produceVersion,
      now: BigInt(this.options.clock.now()),
      timestampType: config.messageTimestampType,
      timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
      timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
      compressionType: compressionType === 'uncompressed' ? 'none' : compressionType,
      ...(compressionLevel === undefined ? {} : { compressionLevel }),
      maxMessageBytes: config.maxMessageBytes,
      segmentBytes: config.segmentBytes,
      isCompacted: config.cleanupPolicy.includes('compact'),
      ...(validation === undefined ? {} : { depth: validation }),
      ...(maxDecompressedBytes === undefined ? {} : { maxDecompressedBytes }),
    })
  }

  /**
   * Ends a producer's transaction in a partition: a control batch, by the coordinator of transactions. NONE
   * when the in-sync replicas have it. Markers of `__consumer_offsets` go through the coordinator of its
   * groups.
   */
  async writeMarker(marker: MarkerToWrite, partition: PartitionName, timeoutMs: number): Promise<ErrorCode> {
    const deadline = this.waitClock.elapsed() + timeoutMs
    const found = this.find(partition)
    if (found.error) return found.error
    const { transactionVersion } = marker
    const batch = buildEndTransactionMarker({
      type: marker.isCommit ? 'COMMIT' : 'ABORT',
      coordinatorEpoch: marker.coordinatorEpoch,
      timestamp: BigInt(this.options.clock.now()),
      producerId: marker.producerId,
      producerEpoch: marker.producerEpoch,
    })
    const appended = await found.value.append(batch, { acks: -1, origin: 'coordinator', transactionVersion })
    if (appended.error) return appended.error
    const { lastOffset } = appended.value
    if (found.value.highWatermark > lastOffset) return ErrorCode.NONE
    return this.replicated(found.value, lastOffset + 1n, deadline)
  }

  private replicated(partition: Partition, offset: bigint, deadline: number): Promise<ErrorCode> {
    return new Promise(resolve => {
      let parked: Parked | undefined
      const withdraw = partition.whenReplicated(offset, error => {
        parked?.leave()
        resolve(error)
      })
      if (!withdraw) return
      parked = this.purgatory.park(deadline - this.waitClock.elapsed(), () => {
        withdraw()
        resolve(ErrorCode.REQUEST_TIMED_OUT)
      })
    })
  }

  /** Outcomes one for one with the targets; their records are pinned until sent or released. */
  fetch(parameters: FetchParameters): Promise<readonly FetchOutcome[]> {
    const maxBytes = Math.min(parameters.maxBytes, this.options.fetchMaxBytes)
    const minBytes = Math.min(parameters.minBytes, maxBytes)
    return delayedFetch(this, { ...parameters, maxBytes, minBytes })
  }

  /** DeleteRecords; gives the partition's new low watermark. */
  async deleteRecords(topic: string, index: number, offset: bigint): Promise<Result<bigint>> {
    const found = this.partition(topic, index)
    if (found.error) return found
    if (isInternalTopic(topic)) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION)
    return found.value.deleteRecords(offset)
  }

  /** Every wait ends; produces and fetches answer with what there is. */
  close(): void {
    this.isClosed = true
    this.retry?.cancel()
    this.purgatory.close()
  }
}

const NOT_ASKED = ok(undefined)
const UNKNOWN_PARTITION = refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
const UNKNOWN_ID = refuse(ErrorCode.UNKNOWN_TOPIC_ID)
/** Batches that never get as far as the log, of which Kafka then tells no start. */
const UNSEEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
])

function appendError(refusal: ProduceRefusal, logStartOffset = NO_OFFSET): AppendOutcome {
  const recordErrors = refusal.recordErrors ?? []
  return {
    error: refusal.error,
    message: recordErrors.length > 0 ? (refusal.message ?? null) : null,
    recordErrors,
    baseOffset: NO_OFFSET,
    logAppendTimeMs: NO_OFFSET,
    logStartOffset,
  }
}
