/**
 * Writes the ends of transactions into the partitions that took part, until each of them has it. A partition
 * that is no more counts as done; one that cannot take the marker now is tried again, later and later.
 */
import type { ErrorCode } from '../../protocol/errors.ts'

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
