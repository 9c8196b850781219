/** Records out of topics without a client library: as many as a test waits for, or all that there are. */
import { ErrorCode } from '../../protocol/errors.ts'
import type { TopicImage } from '../metadata/image.ts'
import type { Timer } from '../platform/platform.ts'
import { releaseAll } from '../replication/delayed-fetch.ts'
import type { FetchOutcome, Partition } from '../replication/partition.ts'
import type { Waiter } from '../replication/purgatory.ts'
import {
  checkName,
  checkPartition,
  type DataContext,
  type DataSource,
  existingTopic,
  type StoredRecord,
  said,
  topicNamed,
  topicNames,
} from './data.ts'
import { type Isolation, PartitionReader } from './partition-reader.ts'
import { Refused } from './refused.ts'

export interface ConsumeOptions {
  /** Returns when there are as many records; 1 unless told. */
  readonly count?: number
  /** Where to begin: `earliest` unless told; `latest` waits for what comes from now on; or an offset. */
  readonly from?: 'earliest' | 'latest' | bigint | number
  /** Of one partition alone; of all unless told. */
  readonly partition?: number
  /**
   * `read_committed` sees nothing of transactions that are open or were aborted. As in Kafka, not the
   * default.
   */
  readonly isolation?: Isolation
  /** How long to wait, in real ms; 5000 unless told. */
  readonly timeout?: number
}

interface Plan {
  readonly topic: string
  readonly count: number
  readonly from: 'earliest' | 'latest' | bigint
  readonly partition: number | undefined
  readonly isolation: Isolation
  readonly timeoutMs: number
}

const DEFAULT_TIMEOUT_MS = 5_000
/** How often it looks for a topic that is not there yet, or a broker that restarts. */
const LOOK_AGAIN_MS = 5
/** A wait for records ends now and then, so that partitions that came meanwhile are seen. */
const WAIT_MS = 200
const FETCH_MAX_BYTES = 50 * 1024 * 1024
/** Codes that say that partition or broker are on their way elsewhere. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.KAFKA_STORAGE_ERROR,
])

/**
 * The first records, by partition and offset, as soon as there are as many as asked for. Waits for a topic
 * that is not there yet; it is not made. In time or not at all: the rejection says what was there.
 */
export async function consume(
  source: DataSource,
  topic: string,
  options: ConsumeOptions | number = {},
): Promise<StoredRecord[]> {
  const plan = planOf(topic, typeof options === 'number' ? { count: options } : (options ?? {}))
  const deadline = source.clock.elapsed() + plan.timeoutMs
  const reading = new Reading(source, plan)
  for (;;) {
    const remainingMs = deadline - source.clock.elapsed()
    await reading.read(Math.max(0, remainingMs))
    if (reading.found.length >= plan.count) return reading.taken()
    if (remainingMs <= 0) throw reading.outOfTime()
  }
}

/** All records of a topic, by partition and offset. */
export async function contents(
  source: DataSource,
  topic: string,
  { isolation = 'read_uncommitted' }: { readonly isolation?: Isolation } = {},
): Promise<StoredRecord[]> {
  existingTopic(source.context(), topic)
  const plan = planOf(topic, { isolation })
  const reading = new Reading(source, { ...plan, count: Number.MAX_SAFE_INTEGER, timeoutMs: 0 })
  let before: bigint
  do {
    before = reading.position
    await reading.read(0)
  } while (reading.position > before)
  if (reading.lastFailure) throw new Refused('refused', reading.lastFailure)
  return reading.taken()
}

/** What one look at a partition gave, and where the next begins. */
interface Taken {
  readonly reader: PartitionReader
  readonly records: readonly StoredRecord[]
  readonly position: bigint
}

class Reading {
  readonly found: StoredRecord[] = []
  private readonly source: DataSource
  private readonly plan: Plan
  private readonly readers = new Map<number, PartitionReader>()
  /** Of which the readers are; another topic of the name begins anew. */
  private topicId: string | undefined
  /** Why the last look did not see all partitions. */
  lastFailure: string | undefined

  constructor(source: DataSource, plan: Plan) {
    this.source = source
    this.plan = plan
  }

  /** The sum of all positions: it grows as long as something is read. */
  get position(): bigint {
    let sum = 0n
    for (const { position } of this.readers.values()) sum += position
    return sum
  }

  /** By partition and offset, no more than were asked for. */
  taken(): StoredRecord[] {
    const ordered = this.found.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1))
    return ordered.slice(0, this.plan.count)
  }

  /** Reads what there is; where that is nothing, waits for something, no longer than told. */
  async read(waitMs: number): Promise<void> {
    this.lastFailure = undefined
    const context = this.tryContext()
    const topic = context && topicNamed(context, this.plan.topic)
    if (!context || !topic) return this.pause(waitMs)
    this.follow(context, topic)
    const readers = [...this.readers.values()].filter(({ partition, position }) => {
      const hosted = context.replicas.partition(this.plan.topic, partition)
      // An offset that is not written yet is waited for.
      return hosted.error !== ErrorCode.NONE || position <= hosted.value.highWatermark
    })
    if (readers.length === 0) return this.pause(waitMs)
    const before = this.position
    const taken = await this.take(context, readers, Math.min(waitMs, WAIT_MS))
    for (const { reader, records, position } of taken) {
      this.found.push(...records)
      reader.position = position
    }
    // A broker that is about to go lets nobody wait.
    if (this.position === before) await this.pause(waitMs)
  }

  outOfTime(): Refused {
    const { topic, count, timeoutMs, partition, from, isolation } = this.plan
    const where = partition === undefined ? topic : `${topic}-${partition}`
    const begin = from === 'earliest' ? '' : ` from ${from} on`
    const what = `${this.found.length} of ${count} records of ${where}${begin} came within ${timeoutMs} ms`
    return new Refused('timeout', `${what} (${isolation}); ${this.present()}`)
  }

  /** What there is, for whoever wonders why that is too little. */
  private present(): string {
    const context = this.tryContext()
    if (!context) return 'the broker does not run: restart() starts it again'
    const image = topicNamed(context, this.plan.topic)
    if (!image) return `there is no topic ${this.plan.topic}; topics: ${topicNames(context)}`
    const lines = image.partitions.map((_, index) => {
      const hosted = context.replicas.partition(image.name, index)
      return `${image.name}-${index} ${hosted.error ? said(hosted.error) : extentOf(hosted.value)}`
    })
    const shown = lines.slice(0, 20).join(', ')
    const rest = lines.length > 20 ? ` and ${lines.length - 20} more` : ''
    return `there are ${shown}${rest}${this.lastFailure ? `; last: ${this.lastFailure}` : ''}`
  }

  private tryContext(): DataContext | undefined {
    try {
      return this.source.context()
    } catch (error) {
      // It is asked for again until the time is over; who asks for no time gets the reason at once, and so
      // does who waits for a broker that never comes back.
      if (this.source.isClosed?.() || (this.plan.timeoutMs === 0 && this.readers.size === 0)) throw error
      return undefined
    }
  }

  /** Readers for the partitions that there are now. */
  private follow(context: DataContext, topic: TopicImage): void {
    const { partition: only, from } = this.plan
    if (only !== undefined) checkPartition(topic, only)
    if (this.topicId !== topic.id) {
      this.readers.clear()
      this.found.length = 0
    }
    const isFirst = this.topicId === undefined
    this.topicId = topic.id
    for (const index of topic.partitions.keys()) {
      if (this.readers.has(index) || (only !== undefined && only !== index)) continue
      const hosted = context.replicas.partition(topic.name, index)
      if (hosted.error) {
        this.lastFailure = `${topic.name}-${index}: ${said(hosted.error)}`
        continue
      }
      // What a topic that came later has is all from now on.
      const start = from === 'latest' && !isFirst ? 'earliest' : from
      const position = positionOf(hosted.value, start)
      const maxDecompressedBytes = context.config.number('klamm.max.decompressed.bytes')
      this.readers.set(
        index,
        new PartitionReader({ topic: topic.name, partition: index, position, maxDecompressedBytes }),
      )
    }
  }

  /** What there is for the readers; nothing where the broker is gone meanwhile. */
  private async take(
    context: DataContext,
    readers: readonly PartitionReader[],
    waitMs: number,
  ): Promise<readonly Taken[]> {
    const gone = this.whenGone(context)
    try {
      const taken = this.fetch(context, readers, waitMs).then(outcomes => this.decoded(readers, outcomes))
      return (await Promise.race([taken, gone.promise])) ?? []
    } finally {
      gone.cancel()
    }
  }

  private async decoded(
    readers: readonly PartitionReader[],
    outcomes: readonly FetchOutcome[],
  ): Promise<readonly Taken[]> {
    const passing = outcomes.findIndex(({ error }) => PASSING.has(error))
    if (passing >= 0) {
      releaseAll(outcomes)
      const why = said(outcomes[passing]!.error)
      this.lastFailure = `${this.plan.topic}-${readers[passing]!.partition}: ${why}`
      return []
    }
    return Promise.all(
      outcomes.map(async (outcome, at) => ({ reader: readers[at]!, ...(await readers[at]!.take(outcome)) })),
    )
  }

  /**
   * Waits in the broker as any consumer does, and on real time as no broker with a clock set by hand does.
   */
  private async fetch(
    { replicas }: DataContext,
    readers: readonly PartitionReader[],
    waitMs: number,
  ): Promise<readonly FetchOutcome[]> {
    const waiter: Waiter = { isGone: waitMs <= 0, onGone: undefined }
    const timer = this.source.clock.after(waitMs, () => {
      waiter.isGone = true
      waiter.onGone?.()
    })
    try {
      return await replicas.fetch({
        replicaId: -1,
        isolation: this.plan.isolation === 'read_committed' ? 'committed' : 'high-watermark',
        maxWaitMs: waitMs,
        minBytes: waitMs > 0 ? 1 : 0,
        maxBytes: FETCH_MAX_BYTES,
        targets: readers.map(({ target }) => target),
        waiter,
      })
    } finally {
      timer.cancel()
    }
  }

  /** A broker that is no more need not answer what it was asked. */
  private whenGone(context: DataContext): {
    readonly promise: Promise<undefined>
    readonly cancel: () => void
  } {
    let timer: Timer
    const promise = new Promise<undefined>(resolve => {
      const look = () => {
        timer = this.source.clock.after(LOOK_AGAIN_MS, () => {
          if (this.isServedBy(context)) look()
          else resolve(undefined)
        })
      }
      look()
    })
    return { promise, cancel: () => timer.cancel() }
  }

  private isServedBy(context: DataContext): boolean {
    try {
      return this.source.context() === context
    } catch {
      return false
    }
  }

  private pause(waitMs: number): Promise<void> {
    return new Promise(resolve => {
      this.source.clock.after(Math.min(waitMs, LOOK_AGAIN_MS), resolve)
    })
  }
}

function planOf(topic: string, options: ConsumeOptions): Plan {
  checkName(topic)
  const { count = 1, from = 'earliest', partition, isolation = 'read_uncommitted' } = options
  const { timeout: timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const wrong = (what: string) => new Refused('invalid', what)
  if (!Number.isSafeInteger(count) || count < 1)
    throw wrong(`count: ${count} is no number of records, from 1 on`)
  if (!(timeoutMs >= 0)) throw wrong(`timeout: ${timeoutMs} is no time in ms`)
  if (isolation !== 'read_committed' && isolation !== 'read_uncommitted') {
    throw wrong(`isolation: ${isolation} is neither read_committed nor read_uncommitted`)
  }
  if (from === 'earliest' || from === 'latest') return { topic, count, from, partition, isolation, timeoutMs }
  const isOffset = typeof from === 'bigint' ? from >= 0n : Number.isSafeInteger(from) && from >= 0
  if (!isOffset) throw wrong(`from: ${from} is neither earliest nor latest nor an offset`)
  return { topic, count, from: BigInt(from), partition, isolation, timeoutMs }
}

function positionOf(partition: Partition, from: Plan['from']): bigint {
  if (from === 'earliest') return partition.logStartOffset
  if (from === 'latest') return partition.highWatermark
  if (from >= partition.logStartOffset) return from
  throw new Refused('invalid', `from: offset ${from} of ${partition.name} is gone; it ${extentOf(partition)}`)
}

function extentOf({ logStartOffset, highWatermark }: Partition): string {
  if (logStartOffset === highWatermark) return `(empty, next offset ${highWatermark})`
  return `(offsets ${logStartOffset} to ${highWatermark - 1n})`
}
