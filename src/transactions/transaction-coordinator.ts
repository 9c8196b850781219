/** The transactions of this broker, as API handlers and the partitions that are written to see them. */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { partitionFor } from '../coordinator/placement.ts'
import type { CoordinatorRuntime } from '../coordinator/runtime.ts'
import { type Outcome, reply, type Ticket } from '../coordinator/shard.ts'
import type { Clock } from '../platform/platform.ts'
import type { Completion } from './completion.ts'
import type { TopicPartition } from './markers.ts'
import type { ProducerIds } from './producer-ids.ts'
import {
  type FreshId,
  listPartitions,
  NEEDS_FRESH_ID,
  type ProducerIdAndEpoch,
  type Transaction,
  type TransactionState,
} from './transaction.ts'
import type { Answer, TransactionShard } from './transaction-shard.ts'

export const TRANSACTION_TOPIC = '__transaction_state'

/** The producer that asks, as it calls itself. */
export interface TransactionalProducer extends ProducerIdAndEpoch {
  readonly transactionalId: string
}

export interface InitProducerId {
  readonly transactionalId: string
  readonly timeoutMs: number
  /** What the producer had before, if it wants to go on (KIP-360). */
  readonly expected: ProducerIdAndEpoch | undefined
}

interface Partitions extends TransactionalProducer {
  readonly partitions: readonly TopicPartition[]
}

export interface AddPartitions extends Partitions {
  /** 2 where a broker adds for a client that gets a new epoch with each end, 0 otherwise. */
  readonly clientTransactionVersion: number
}

export interface VerifyOrAddPartitions extends Partitions {
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
  /** Whether an id is asked for; undefined for any. */
  readonly matches: ((transactionalId: string) => boolean) | undefined
}

export interface TransactionCoordinatorOptions {
  readonly runtime: CoordinatorRuntime<TransactionShard>
  readonly completion: Pick<Completion, 'settled'>
  readonly producerIds: Pick<ProducerIds, 'take'>
  readonly clock: Clock
  /** Partitions that `__transaction_state` has, or will be made with. */
  readonly partitionCount: () => number
  /** Where `__consumer_offsets` keeps a group. */
  readonly groupPartition: (groupId: string) => TopicPartition
  /** `transaction.max.timeout.ms` */
  readonly maxTimeoutMs: number
  /** `add.partitions.to.txn.retry.backoff.ms` */
  readonly addBackoffMs: number
  /** `add.partitions.to.txn.retry.backoff.max.ms` */
  readonly maxAddWaitMs: number
}

type Command<T> = (
  shard: TransactionShard,
  freshId: FreshId,
  ticket: Ticket<Answer<T>>,
  now: number,
) => Outcome

/** The clients whose transactions end without a new epoch, and those with one (KIP-890). */
const CLASSIC_CLIENT = 0
const EPOCH_BUMPING_CLIENT = 2

export class TransactionCoordinator {
  private readonly options: TransactionCoordinatorOptions

  constructor(options: TransactionCoordinatorOptions) {
    this.options = options
  }

  partitionFor(transactionalId: string): number {
    return partitionFor(transactionalId, this.options.partitionCount())
  }

  /** The id and the epoch that the producer is to use from now on; whoever had them before is fenced. */
  async initProducerId(request: InitProducerId): Promise<Result<ProducerIdAndEpoch>> {
    const { transactionalId, timeoutMs } = request
    if (transactionalId === '') return refuse(ErrorCode.INVALID_REQUEST)
    if (timeoutMs <= 0 || timeoutMs > this.options.maxTimeoutMs) {
      return refuse(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    }
    return this.decide(transactionalId, (shard, freshId, ticket: Ticket<Answer<ProducerIdAndEpoch>>, now) =>
      shard.initProducerId(request, freshId, ticket, now),
    )
  }

  /** All of the partitions take part, or none; a transaction begins where there is none. */
  async addPartitions(request: AddPartitions): Promise<ErrorCode> {
    const { transactionalId } = request
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST
    const added = await this.decide(transactionalId, (shard, _, ticket: Ticket<Answer<void>>, now) =>
      shard.addPartitions(request, ticket, now),
    )
    return added.error
  }

  /** AddOffsetsToTxn: the partition of `__consumer_offsets` that holds the group takes part. */
  addOffsets(request: TransactionalProducer & { readonly groupId: string }): Promise<ErrorCode> {
    const partitions = [this.options.groupPartition(request.groupId)]
    return this.addPartitions({ ...request, partitions, clientTransactionVersion: CLASSIC_CLIENT })
  }

  /**
   * Asked before something of a transaction is written: a code for each partition, in order. NONE,
   * TRANSACTION_ABORTABLE (not in the transaction), INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED,
   * CONCURRENT_TRANSACTIONS (the one before has not ended, after a short wait), or a coordinator's codes.
   */
  async verifyOrAddPartitions(request: VerifyOrAddPartitions): Promise<readonly ErrorCode[]> {
    const { partitions } = request
    const code = request.isVerifyOnly ? undefined : await this.addWhenEnded(request)
    return code === undefined ? this.verify(request) : partitions.map(() => code)
  }

  /** Resolves when the verdict is durable; the markers follow. With the id and epoch to go on with. */
  async endTransaction(request: EndTransaction): Promise<Result<ProducerIdAndEpoch>> {
    const { transactionalId } = request
    if (transactionalId === '') return refuse(ErrorCode.INVALID_REQUEST)
    return this.decide(transactionalId, (shard, freshId, ticket: Ticket<Answer<ProducerIdAndEpoch>>, now) =>
      shard.end(request, freshId, ticket, now),
    )
  }

  /** Aborts a transaction whose time is up. */
  timeOut(transactionalId: string): Promise<Result<void>> {
    return this.decide(transactionalId, (shard, freshId, ticket: Ticket<Answer<void>>, now) =>
      shard.timeOut(transactionalId, freshId, ticket, now),
    )
  }

  /** TRANSACTIONAL_ID_NOT_FOUND where it was never used, or is forgotten. */
  async describe(transactionalId: string): Promise<Result<TransactionDescription>> {
    if (transactionalId === '') return refuse(ErrorCode.INVALID_REQUEST)
    const { runtime } = this.options
    const found = await runtime.run<TransactionDescription | undefined>(
      this.partitionFor(transactionalId),
      (shard, ticket) => {
        const transaction = shard.transactions.get(transactionalId)
        return { replies: [reply(ticket, transaction && describe(transaction))] }
      },
    )
    if (found.error) return found
    return found.value ? ok(found.value) : refuse(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND)
  }

  /** Of all partitions that this broker coordinates. */
  async list(filters: TransactionFilters): Promise<Result<TransactionListing[]>> {
    const { runtime } = this.options
    const listed = await Promise.all(
      runtime.partitions().map(partition =>
        runtime.run<TransactionListing[]>(partition, (shard, ticket, now) => {
          const wanted = [...shard.transactions.values()].filter(each => isWanted(each, filters, now))
          return { replies: [reply(ticket, wanted.map(listing))] }
        }),
      ),
    )
    const transactions: TransactionListing[] = []
    for (const result of listed) {
      // A shard that moved away meanwhile is listed by its new broker.
      if (result.error === ErrorCode.NOT_COORDINATOR) continue
      if (result.error) return result
      transactions.push(...result.value)
    }
    return ok(transactions)
  }

  /** The epoch of a verdict is over only when it is carried out; a moment is given to that. */
  private async addWhenEnded(request: Partitions): Promise<ErrorCode> {
    const { clock, completion, addBackoffMs, maxAddWaitMs } = this.options
    const deadline = clock.elapsed() + maxAddWaitMs
    const addition = { ...request, clientTransactionVersion: EPOCH_BUMPING_CLIENT }
    for (;;) {
      const code = await this.addPartitions(addition)
      const leftMs = deadline - clock.elapsed()
      if (code !== ErrorCode.CONCURRENT_TRANSACTIONS || leftMs <= 0) return code
      await completion.settled(request.transactionalId, Math.min(addBackoffMs, leftMs))
    }
  }

  private async verify(request: Partitions): Promise<readonly ErrorCode[]> {
    const { transactionalId, partitions } = request
    if (transactionalId === '') return partitions.map(() => ErrorCode.INVALID_REQUEST)
    const verified = await this.options.runtime.run<ErrorCode[]>(
      this.partitionFor(transactionalId),
      (shard, ticket) => shard.verify(request, ticket),
    )
    const { error } = verified
    return error ? partitions.map(() => error) : verified.value
  }

  /** Takes a fresh producer id only where the decision needs one. */
  private async decide<T>(transactionalId: string, command: Command<T>): Promise<Result<T>> {
    let freshId: FreshId
    for (;;) {
      const decided = await this.options.runtime.run<Answer<T>>(
        this.partitionFor(transactionalId),
        (shard, ticket, now) => command(shard, freshId, ticket, now),
      )
      if (decided.error) return decided
      if (decided.value !== NEEDS_FRESH_ID) return decided.value
      const taken = await this.options.producerIds.take()
      if (taken.error) return taken
      freshId = taken.value
    }
  }
}

function describe({ snapshot }: Transaction): TransactionDescription {
  const { state, producerId, producerEpoch, timeoutMs, startTimestampMs, partitions } = snapshot
  return {
    state,
    producerId,
    producerEpoch,
    timeoutMs,
    startTimestampMs,
    partitions: listPartitions(partitions),
  }
}

function listing({ transactionalId, snapshot }: Transaction): TransactionListing {
  const { producerId, state } = snapshot
  return { transactionalId, producerId, state }
}

function isWanted(
  { transactionalId, snapshot }: Transaction,
  { states, producerIds, durationMs, matches }: TransactionFilters,
  now: number,
): boolean {
  if (producerIds.length > 0 && !producerIds.includes(snapshot.producerId)) return false
  if (states.length > 0 && !states.includes(snapshot.state)) return false
  if (durationMs >= 0 && now - snapshot.startTimestampMs <= durationMs) return false
  return !matches || matches(transactionalId)
}
