import { ErrorCode, errorName } from '../../../protocol/errors.ts'
import type { Outcome, ReplayedRecord, Ticket } from '../../coordinator/shard.ts'
import {
  completed,
  NEEDS_FRESH_ID,
  type ProducerIdAndEpoch,
  type TransactionSnapshot,
} from '../transaction.ts'
import { type Answer, type Prepared, TransactionShard } from '../transaction-shard.ts'

export const EXPIRATION_MS = 100_000
export const EXPIRATION_CHECK_MS = 10_000
export const TIMEOUT_CHECK_MS = 1_000

type Command<T> = (
  shard: TransactionShard,
  freshId: bigint | undefined,
  ticket: Ticket<Answer<T>>,
  now: number,
) => Outcome

/** Drives a shard as the runtime and the coordinator do, with a list for a log. */
export class ShardDriver {
  now = 1_700_000_000_000
  featureVersion = 2
  shard = this.newShard()
  readonly log: ReplayedRecord[] = []
  /** Verdicts that were handed out, and what they were at that moment. */
  readonly prepared: Prepared[] = []
  nextId = 100n
  private replies = new Map<number, unknown>()
  private lastTicket = 0
  private asking = 0

  constructor() {
    this.shard.loaded(this.now)
    this.ask()
  }

  private newShard(): TransactionShard {
    return new TransactionShard({
      featureVersion: () => this.featureVersion,
      expirationMs: EXPIRATION_MS,
      expirationCheckIntervalMs: EXPIRATION_CHECK_MS,
      timeoutCheckIntervalMs: TIMEOUT_CHECK_MS,
    })
  }

  /** Runs a command, with a fresh id where it needs one. */
  decide<T>(command: Command<T>): { readonly error: ErrorCode; readonly value?: T } {
    const first = this.run<Answer<T>>((shard, ticket) => command(shard, undefined, ticket, this.now))
    if (first !== NEEDS_FRESH_ID) return first
    const freshId = this.nextId
    this.nextId += 1n
    const second = this.run<Answer<T>>((shard, ticket) => command(shard, freshId, ticket, this.now))
    if (second === NEEDS_FRESH_ID) throw new Error('the shard had a fresh id')
    return second
  }

  run<T>(command: (shard: TransactionShard, ticket: Ticket<T>) => Outcome): T {
    this.lastTicket += 1
    const id = this.lastTicket
    this.apply(command(this.shard, { id }))
    const reply = this.replies.get(id) as T
    this.replies.delete(id)
    return reply
  }

  begin(transactionalId: string, expected?: ProducerIdAndEpoch, timeoutMs = 60_000) {
    return this.decide<ProducerIdAndEpoch>((shard, freshId, ticket, now) =>
      shard.initProducerId({ transactionalId, timeoutMs, expected }, freshId, ticket, now),
    )
  }

  add(transactionalId: string, producer: ProducerIdAndEpoch, index: number, clientTransactionVersion = 2) {
    const partitions = [{ topic: 'orders', index }]
    return this.decide<void>((shard, _, ticket, now) =>
      shard.addPartitions(
        { transactionalId, ...producer, partitions, clientTransactionVersion },
        ticket,
        now,
      ),
    ).error
  }

  end(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    isCommit: boolean,
    clientTransactionVersion = 2,
  ) {
    return this.decide<ProducerIdAndEpoch>((shard, freshId, ticket, now) =>
      shard.end({ transactionalId, ...producer, isCommit, clientTransactionVersion }, freshId, ticket, now),
    )
  }

  /** Carries out what is prepared, all of it or of one id. */
  complete(transactionalId?: string): void {
    const all = this.prepared.splice(0)
    for (const verdict of all) {
      if (transactionalId !== undefined && verdict.transactionalId !== transactionalId) {
        this.prepared.push(verdict)
      } else this.completeOne(verdict)
    }
  }

  completeOne({ transactionalId, snapshot }: Prepared): void {
    this.run<void>((shard, ticket) => shard.complete(transactionalId, snapshot, ticket, this.now))
  }

  advance(ms: number): void {
    const end = this.now + ms
    while (this.shard.deadline() <= end) {
      this.now = Math.max(this.now, this.shard.deadline())
      this.apply(this.shard.expire(this.now))
    }
    this.now = end
  }

  /** The coordinator is gone, and another loads the log. */
  restart(): void {
    this.shard = this.newShard()
    this.prepared.length = 0
    for (const record of this.log) this.shard.replay(record)
    this.shard.loaded(this.now)
    this.ask()
  }

  state(transactionalId: string): TransactionSnapshot | undefined {
    return this.shard.transactions.get(transactionalId)?.snapshot
  }

  /** All ids and their snapshots, as far as the log keeps them. */
  states(): Map<string, TransactionSnapshot> {
    return new Map([...this.shard.transactions].map(([id, { snapshot }]) => [id, snapshot]))
  }

  private ask(): void {
    this.lastTicket += 1
    this.asking = this.lastTicket
    this.apply(this.shard.nextPrepared(false, { id: this.asking }))
  }

  private apply({ records = [], replies = [] }: Outcome): void {
    for (const record of records) {
      const replayed = { ...record, offset: BigInt(this.log.length), producerId: -1n, producerEpoch: -1 }
      this.log.push(replayed)
      this.shard.replay(replayed)
    }
    for (const { ticket, response } of replies) {
      if (ticket.id === this.asking) {
        this.prepared.push(...(response as readonly Prepared[]))
        this.ask()
      } else this.replies.set(ticket.id, response)
    }
  }
}

/** The marker's epoch, and what the producer goes on with. */
export function afterwards(snapshot: TransactionSnapshot, now: number): ProducerIdAndEpoch {
  const { producerId, producerEpoch } = completed(snapshot, now)
  return { producerId, producerEpoch }
}

export function errorOf({ error }: { readonly error: ErrorCode }): string {
  return error === ErrorCode.NONE ? 'NONE' : errorName(error)
}
