/**
 * The transactional ids of one partition of `__transaction_state`. The state machine that the coordinator's
 * runtime runs; see `coordinator/shard.ts` for what that means. Verdicts that are to be carried out are given
 * to whoever asks for them by `nextPrepared`, once they are committed: new ones, and after a load those that
 * the log ended in the middle of.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import {
  type CoordinatorRecord,
  type Outcome,
  type ReplayedRecord,
  type Reply,
  reply,
  type StateMachine,
  type Ticket,
} from '../coordinator/shard.ts'
import type { TopicPartition } from './markers.ts'
import {
  completed,
  type Decision,
  type EndRequest,
  type FreshId,
  isPrepared,
  NEEDS_FRESH_ID,
  type NeedsFreshId,
  type ProducerIdAndEpoch,
  type Step,
  Transaction,
  type TransactionSnapshot,
  unused,
} from './transaction.ts'
import { readTransactionRecord, transactionRecord } from './transaction-records.ts'

export interface TransactionShardOptions {
  /** The level of the feature `transaction.version` now. */
  readonly featureVersion: () => number
  /** `transactional.id.expiration.ms` */
  readonly expirationMs: number
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly expirationCheckIntervalMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly timeoutCheckIntervalMs: number
}

export interface InitRequest {
  readonly transactionalId: string
  readonly timeoutMs: number
  readonly expected: ProducerIdAndEpoch | undefined
}

export interface AddRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: readonly TopicPartition[]
  readonly clientTransactionVersion: number
}

/** A verdict to carry out. Of an ongoing transaction: its time is up, and its abort needs a fresh id. */
export interface Prepared {
  readonly transactionalId: string
  readonly snapshot: TransactionSnapshot
}

/** Asked again with a fresh id where one is needed. */
export type Answer<T> = Result<T> | NeedsFreshId

export class TransactionShard implements StateMachine {
  readonly transactions = new Map<string, Transaction>()
  private readonly options: TransactionShardOptions
  private readonly ongoing = new Set<Transaction>()
  /** Verdicts that nobody has been told of yet. */
  private untold: Prepared[] = []
  private asking: Ticket<readonly Prepared[]> | undefined
  private nextTimeoutCheck = Infinity
  private nextExpirationCheck = Infinity

  constructor(options: TransactionShardOptions) {
    this.options = options
  }

  // Commands ------------------------------------------------------------------------------------------------

  initProducerId(
    { transactionalId, timeoutMs, expected }: InitRequest,
    freshId: FreshId,
    ticket: Ticket<Answer<ProducerIdAndEpoch>>,
    now: number,
  ): Outcome {
    const known = this.transactions.get(transactionalId)
    if (!known && freshId === undefined) return { replies: [reply(ticket, NEEDS_FRESH_ID)] }
    const transaction = known ?? new Transaction(transactionalId, unused(freshId ?? 0n, timeoutMs, now))
    const featureVersion = this.options.featureVersion()
    const decision = transaction.initProducerId({ timeoutMs, expected, featureVersion }, freshId, now)
    return this.outcome(transaction, decision, ticket, ({ state, producerId, producerEpoch }) =>
      // The transaction of the one before is aborted first.
      state === 'Empty' ? ok({ producerId, producerEpoch }) : refuse(ErrorCode.CONCURRENT_TRANSACTIONS),
    )
  }

  addPartitions(request: AddRequest, ticket: Ticket<Answer<void>>, now: number): Outcome {
    this.expectChecks(now)
    const transaction = this.transactions.get(request.transactionalId)
    if (!transaction) return unknownId(ticket)
    return this.outcome(transaction, transaction.addPartitions(request, now), ticket, () => ok())
  }

  /** A code for each partition, in order. */
  verify(request: Omit<AddRequest, 'clientTransactionVersion'>, ticket: Ticket<ErrorCode[]>): Outcome {
    const { transactionalId, partitions } = request
    const codes =
      this.transactions.get(transactionalId)?.verify(request, partitions) ??
      partitions.map(() => ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    return { replies: [reply(ticket, codes)] }
  }

  end(
    request: EndRequest & { readonly transactionalId: string },
    freshId: FreshId,
    ticket: Ticket<Answer<ProducerIdAndEpoch>>,
    now: number,
  ): Outcome {
    const transaction = this.transactions.get(request.transactionalId)
    if (!transaction) return unknownId(ticket)
    const decision = transaction.end(request, freshId, now)
    return this.outcome(transaction, decision, ticket, snapshot => {
      const { producerId, producerEpoch } = isPrepared(snapshot) ? completed(snapshot, now) : snapshot
      return ok({ producerId, producerEpoch })
    })
  }

  /** Every partition has the marker of this verdict; others that came later stay as they are. */
  complete(
    transactionalId: string,
    { producerId, producerEpoch }: ProducerIdAndEpoch,
    ticket: Ticket<void>,
    now: number,
  ): Outcome {
    const replies = [reply(ticket, undefined)]
    const transaction = this.transactions.get(transactionalId)
    const snapshot = transaction?.snapshot
    const isThis = snapshot?.producerId === producerId && snapshot.producerEpoch === producerEpoch
    if (!transaction || !isThis || !isPrepared(snapshot)) return { replies }
    return { records: [this.record(transactionalId, transaction.complete(now).next)], replies }
  }

  /** As at the next check of timeouts, for a transaction whose abort needs a fresh producer id. */
  timeOut(transactionalId: string, freshId: FreshId, ticket: Ticket<Answer<void>>, now: number): Outcome {
    const transaction = this.transactions.get(transactionalId)
    if (!transaction?.hasTimedOut(now)) return { replies: [reply(ticket, ok())] }
    const decision = transaction.fence(this.options.featureVersion(), freshId, now)
    return this.outcome(transaction, decision, ticket, () => ok())
  }

  /**
   * Answered with verdicts to carry out, at once or when there are some; `again` with all of them, as if
   * nobody had been told. There is one who asks.
   */
  nextPrepared(again: boolean, ticket: Ticket<readonly Prepared[]>): Outcome {
    this.asking = ticket
    this.untold = again ? this.prepared() : this.recorded(this.untold)
    return { replies: this.told() }
  }

  /** The verdict on an id that is to be carried out, if there is one. */
  preparedOf(transactionalId: string, ticket: Ticket<Prepared | undefined>): Outcome {
    const snapshot = this.transactions.get(transactionalId)?.snapshot
    const prepared = snapshot && isPrepared(snapshot) ? { transactionalId, snapshot } : undefined
    return { replies: [reply(ticket, prepared)] }
  }

  // Replay --------------------------------------------------------------------------------------------------

  replay(record: ReplayedRecord): void {
    const read = readTransactionRecord(record)
    // Written by a newer broker: left where it is.
    if (!read) return
    const { transactionalId, value } = read
    const known = this.transactions.get(transactionalId)
    if (!value || value.state === 'Dead') {
      this.transactions.delete(transactionalId)
      if (known) this.ongoing.delete(known)
      return
    }
    const transaction = known ?? new Transaction(transactionalId, value)
    transaction.replay(value)
    this.transactions.set(transactionalId, transaction)
    if (value.state === 'Ongoing') this.ongoing.add(transaction)
    else this.ongoing.delete(transaction)
  }

  /** Nothing in this topic belongs to a transaction; Kafka writes what it is asked to all the same. */
  replayMarker(): void {}

  loaded(now: number): void {
    this.untold = this.prepared()
    this.nextTimeoutCheck = now + this.options.timeoutCheckIntervalMs
    this.nextExpirationCheck = now + this.options.expirationCheckIntervalMs
  }

  // Time ----------------------------------------------------------------------------------------------------

  deadline(): number {
    return Math.min(
      this.ongoing.size > 0 ? this.nextTimeoutCheck : Infinity,
      this.transactions.size > 0 ? this.nextExpirationCheck : Infinity,
    )
  }

  expire(now: number): Outcome {
    if (this.nextExpirationCheck <= now) {
      this.nextExpirationCheck = now + this.options.expirationCheckIntervalMs
      return { records: this.forgetExpired(now), isSplittable: true }
    }
    this.nextTimeoutCheck = now + this.options.timeoutCheckIntervalMs
    const records: CoordinatorRecord[] = []
    for (const transaction of this.ongoing) {
      if (!transaction.hasTimedOut(now)) continue
      const decision = transaction.fence(this.options.featureVersion(), undefined, now)
      if (decision === NEEDS_FRESH_ID) this.untold.push(transaction)
      else if (!decision.error && decision.value) records.push(this.write(transaction, decision.value))
    }
    return { records, isSplittable: true, replies: this.told() }
  }

  /** Checks come every so often, also where the wall clock was set back. */
  private expectChecks(now: number): void {
    const { timeoutCheckIntervalMs, expirationCheckIntervalMs } = this.options
    this.nextTimeoutCheck = Math.min(this.nextTimeoutCheck, now + timeoutCheckIntervalMs)
    this.nextExpirationCheck = Math.min(this.nextExpirationCheck, now + expirationCheckIntervalMs)
  }

  private forgetExpired(now: number): CoordinatorRecord[] {
    const records: CoordinatorRecord[] = []
    for (const transaction of this.transactions.values()) {
      if (transaction.hasExpired(now, this.options.expirationMs)) {
        records.push(this.record(transaction.transactionalId, null))
      }
    }
    return records
  }

  // Small rules ---------------------------------------------------------------------------------------------

  private outcome<T>(
    transaction: Transaction,
    decision: Decision | NeedsFreshId,
    ticket: Ticket<Answer<T>>,
    answer: (snapshot: TransactionSnapshot) => Result<T>,
  ): Outcome {
    if (decision === NEEDS_FRESH_ID || decision.error) return { replies: [reply(ticket, decision)] }
    const step = decision.value
    if (!step) return { replies: [reply(ticket, answer(transaction.snapshot))] }
    const records = [this.write(transaction, step)]
    return { records, replies: [reply(ticket, answer(step.next)), ...this.told()] }
  }

  private write(transaction: Transaction, step: Step): CoordinatorRecord {
    transaction.note(step)
    const { transactionalId } = transaction
    if (isPrepared(step.next)) this.untold.push({ transactionalId, snapshot: step.next })
    return this.record(transactionalId, step.next)
  }

  /** The reply to who asks for verdicts, if there is someone and something. */
  private told(): Reply[] {
    const { asking, untold } = this
    if (!asking || untold.length === 0) return []
    this.asking = undefined
    this.untold = []
    return [reply(asking, untold)]
  }

  /** What has become of verdicts that waited to be told: those that could not be recorded are none. */
  private recorded(verdicts: readonly Prepared[]): Prepared[] {
    const ids = new Set(verdicts.map(({ transactionalId }) => transactionalId))
    return [...ids].flatMap(transactionalId => {
      const snapshot = this.transactions.get(transactionalId)?.snapshot
      const isLeft = snapshot && (isPrepared(snapshot) || snapshot.state === 'Ongoing')
      return isLeft ? [{ transactionalId, snapshot }] : []
    })
  }

  private prepared(): Prepared[] {
    const prepared: Prepared[] = []
    for (const { transactionalId, snapshot } of this.transactions.values()) {
      if (isPrepared(snapshot)) prepared.push({ transactionalId, snapshot })
    }
    return prepared
  }

  private record(transactionalId: string, value: TransactionSnapshot | null): CoordinatorRecord {
    return transactionRecord({ transactionalId, value }, this.options.featureVersion() > 0 ? 1 : 0)
  }
}

function unknownId<T>(ticket: Ticket<Answer<T>>): Outcome {
  return { replies: [reply(ticket, refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING))] }
}
