/** The transactions of this broker, as API handlers and the partitions that are written to see them. */
import { ErrorCode, type Result, refuse } from '../../protocol/errors.ts'
import type { TopicPartition } from './markers.ts'
import type { TransactionState } from './transaction.ts'

export const TRANSACTION_TOPIC = '__transaction_state'

/** The producer that asks, as it calls itself. */
export interface TransactionalProducer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface InitProducerId {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** What the producer had before, if it wants to go on (KIP-360). */
  readonly expected: ProducerIdAndEpoch | undefined
}

export interface AddPartitions extends TransactionalProducer {
  readonly partitions: readonly TopicPartition[]
}

export interface VerifyOrAddPartitions extends AddPartitions {
  /**
   * Asks only whether the partitions are in the ongoing transaction (clients of version 1). Otherwise those
   * that are missing are added, and a transaction begins where there is none (version 2, KIP-890).
   */
  readonly isVerifyOnly: boolean
}

export interface EndTransaction extends TransactionalProducer {
  readonly isCommit: boolean
  /** 2 for clients that get a new epoch with each end (EndTxn v5), 0 otherwise. */
  readonly clientTransactionVersion: number
}

export interface TransactionDescription extends ProducerIdAndEpoch {
  readonly state: TransactionState
  readonly timeoutMs: number
  /** -1 where none was begun. */
  readonly startTimestampMs: number
  readonly partitions: readonly TopicPartition[]
}

export interface TransactionListing {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly state: TransactionState
}

export interface TransactionFilters {
  /** Empty for any. */
  readonly states: readonly string[]
  /** Empty for any. */
  readonly producerIds: readonly bigint[]
  /** Only transactions that have run longer; below zero for any. */
  readonly durationMs: number
  /** Ids that match from end to end; undefined for any. */
  readonly pattern: RegExp | undefined
}

export class TransactionCoordinator {
  /** Kafka's rule: every client and tool finds the same partition for a transactional id. */
  partitionFor(_transactionalId: string): number {
    return 0
  }

  /** The id and the epoch that the producer is to use from now on; whoever had them before is fenced. */
  initProducerId(_request: InitProducerId): Promise<Result<ProducerIdAndEpoch>> {
    return Promise.resolve(refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE))
  }

  /** AddPartitionsToTxn of clients. */
  addPartitions(_request: AddPartitions): Promise<ErrorCode> {
    return Promise.resolve(ErrorCode.COORDINATOR_NOT_AVAILABLE)
  }

  /** AddOffsetsToTxn: the partition of `__consumer_offsets` that holds the group takes part. */
  addOffsets(_request: TransactionalProducer & { readonly groupId: string }): Promise<ErrorCode> {
    return Promise.resolve(ErrorCode.COORDINATOR_NOT_AVAILABLE)
  }

  /**
   * Asked before something of a transaction is written: a code for each partition, in order. NONE,
   * TRANSACTION_ABORTABLE (not in the transaction), INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
   * CONCURRENT_TRANSACTIONS (the one before has not ended, after a short wait), or a coordinator's codes.
   */
  verifyOrAddPartitions({ partitions }: VerifyOrAddPartitions): Promise<readonly ErrorCode[]> {
    return Promise.resolve(partitions.map(() => ErrorCode.COORDINATOR_NOT_AVAILABLE))
  }

  /** Resolves when the verdict is durable; the markers follow. With the id and epoch to go on with. */
  endTransaction(_request: EndTransaction): Promise<Result<ProducerIdAndEpoch>> {
    return Promise.resolve(refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE))
  }

  describe(_transactionalId: string): Promise<Result<TransactionDescription>> {
    return Promise.resolve(refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE))
  }

  /** Of all partitions that this broker coordinates. */
  list(_filters: TransactionFilters): Promise<Result<TransactionListing[]>> {
    return Promise.resolve(refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE))
  }
}
