/** A partition as a coordinator uses it: its log, which only the coordinator on the leader writes. */
import { ErrorCode, ok, type Result } from '../../protocol/errors.ts'
import type { AppendCheck, ProducerLookup } from '../log/producer-state.ts'
import type { Partition } from './partition.ts'
import { readRecords } from './pinned-records.ts'

/** Kafka's default for each of its coordinators. */
const LOAD_BYTES = 5_242_880
const ACKS_ALL = -1
const CONSUMER = -1

export class CoordinatorLog {
  private readonly partition: Partition
  private readonly loadBytes: number

  /**
   * `loadBytes`: how much is brought into memory at a time while the log is replayed
   * (`offsets.load.buffer.size` and its like); more where one batch is larger.
   */
  constructor(partition: Partition, loadBytes = LOAD_BYTES) {
    this.partition = partition
    this.loadBytes = loadBytes
  }

  get logStartOffset(): bigint {
    return this.partition.logStartOffset
  }

  get logEndOffset(): bigint {
    return this.partition.logEndOffset
  }

  get highWatermark(): bigint {
    return this.partition.highWatermark
  }

  onHighWatermark(callback: () => void): () => void {
    return this.partition.onHighWatermark(callback)
  }

  /**
   * Appends one batch as the leader. Offsets are assigned in the order of the calls; resolves when written.
   */
  append(
    batch: Buffer,
    check?: Omit<AppendCheck, 'origin'>,
  ): Promise<Result<{ readonly lastOffset: bigint }>> {
    return this.partition.append(batch, {
      acks: ACKS_ALL,
      origin: 'coordinator',
      verificationGuard: check?.verificationGuard,
      transactionVersion: check?.transactionVersion,
    })
  }

  get producers(): ProducerLookup {
    return this.partition.log.producers
  }

  /** Whole batches from an offset on; empty at the end of the log. */
  async read(offset: bigint): Promise<Result<Buffer>> {
    const target = {
      topic: this.partition.topic,
      topicId: null,
      index: this.partition.index,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      logStartOffset: -1n,
      maxBytes: this.loadBytes,
    }
    const bounds = {
      replicaId: CONSUMER,
      isolation: 'log-end',
      maxBytes: this.loadBytes,
      minOneBatch: true,
    } as const
    const outcome = await this.partition.read(target, bounds)
    if (outcome.error !== ErrorCode.NONE) return { error: outcome.error }
    return ok(await readRecords(outcome.records))
  }
}
