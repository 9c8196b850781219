/**
 * Writes the ends of transactions into the partitions that took part, until each of them has it. A partition
 * that is no more counts as done; one that cannot take the marker now is tried again, later and later.
 */
import { ErrorCode, errorName } from '../../protocol/errors.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'
import { Pauses } from './pauses.ts'

/** A partition that takes part in a transaction. */
export interface TopicPartition {
  readonly topic: string
  readonly index: number
}

/** What a control batch says of a producer's transaction. */
export interface Marker {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
  /** That of the client; 2 and above bump the epoch with each end (KIP-890). */
  readonly transactionVersion: number
}

/**
 * Puts a marker into partitions. Where a cluster has several brokers, this is what sends WriteTxnMarkers to
 * them.
 */
export interface MarkerWriter {
  /**
   * Resolves when each partition has answered: a code for each, by `partitionName`. NONE once the marker is
   * committed (for `__consumer_offsets`: and replayed by the group's coordinator).
   */
  write(marker: Marker, partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, ErrorCode>>
}

/** Names a partition in maps. */
export function partitionName({ topic, index }: TopicPartition): string {
  return `${topic}-${index}`
}

export interface MarkersOptions {
  readonly writer: MarkerWriter
  readonly clock: Clock
  readonly logger: Pick<Logger, 'warn'>
  /** Whether the cluster has the partition. */
  readonly takesMarker: (partition: TopicPartition) => boolean
}

const FIRST_BACKOFF_MS = 20
const LONGEST_BACKOFF_MS = 1_000

export class Markers {
  private readonly options: MarkersOptions
  private readonly pauses: Pauses
  private isClosed = false

  constructor(options: MarkersOptions) {
    this.options = options
    this.pauses = new Pauses(options.clock)
  }

  /**
   * True when every partition that exists has the marker; false where that is no longer this coordinator's
   * business.
   */
  async write(marker: Marker, partitions: readonly TopicPartition[]): Promise<boolean> {
    let left = partitions
    for (let backoffMs = FIRST_BACKOFF_MS; !this.isClosed; backoffMs *= 2) {
      left = left.filter(this.options.takesMarker)
      if (left.length === 0) return true
      const codes = await this.options.writer.write(marker, left)
      const outcomes = left.map(partition => ({ partition, code: codes.get(partitionName(partition)) }))
      if (outcomes.some(({ code }) => code === ErrorCode.TRANSACTION_COORDINATOR_FENCED)) return false
      left = outcomes.filter(({ code }) => this.isLeft(code, marker)).map(({ partition }) => partition)
      if (left.length === 0) return true
      await this.pauses.wait(Math.min(backoffMs, LONGEST_BACKOFF_MS))
    }
    return false
  }

  /** Nothing is tried again; the coordinator that comes next begins with what is left. */
  close(): void {
    this.isClosed = true
    this.pauses.close()
  }

  private isLeft(code: ErrorCode | undefined, { producerId, producerEpoch }: Marker): boolean {
    if (code === ErrorCode.NONE) return false
    const name = errorName(code ?? ErrorCode.UNKNOWN_SERVER_ERROR)
    this.options.logger.warn('A transaction marker was not written', {
      producerId,
      producerEpoch,
      code: name,
    })
    // The partition has seen a later end of this producer's: there is nothing left of the transaction.
    return code !== ErrorCode.INVALID_PRODUCER_EPOCH
  }
}
