/**
 * What a coordinator's state machine is to the runtime that owns its log. A machine is pure: no clock, no
 * I/O, no promises. A command is checked against its state and gives an outcome: records to append and
 * replies to send. Only `replay` changes durable state, at run time and at load alike, so the state is always
 * the fold of the log; what dies with the coordinator anyway (sessions, members waiting to join) may change
 * in a command.
 */

/** A record to append. A null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

/** A record of the log as it is replayed. The producer fields are -1 outside transactions. */
export interface ReplayedRecord extends CoordinatorRecord {
  readonly offset: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** The end of a producer's transaction in this partition. */
export interface TransactionMarker {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
  /** Not in the log: from 2 on the epoch is above that of the transaction (KIP-890). */
  readonly transactionVersion?: number
}

/** Who writes records that count once the transaction commits. */
export interface TransactionalWriter {
  readonly producerId: bigint
  readonly producerEpoch: number
  /**
   * What the log gave out before the transaction's coordinator was asked; undefined where nobody has to ask.
   */
  readonly verificationGuard?: number | undefined
}

/**
 * Names a caller that waits for a reply. Commands get one, and answer it in their own outcome or, if they
 * parked it (a member that waits for its group), in that of a later command or expiry.
 */
export interface Ticket<in Response> {
  readonly id: number
  /** Only for the compiler: ties the ticket to what may answer it. */
  readonly answers?: (response: Response) => void
}

export interface Reply {
  readonly ticket: Ticket<never>
  readonly response: unknown
}

/** Pairs a ticket with its answer, checked by the compiler. */
export function reply<Response>(ticket: Ticket<Response>, response: Response): Reply {
  return { ticket, response }
}

export interface Outcome {
  /** Appended in order in one batch: all or none. */
  readonly records?: readonly CoordinatorRecord[]
  /** Each record stands for itself: too many for one batch go out in several. */
  readonly isSplittable?: boolean
  /**
   * Set when the records belong to a producer's transaction: they count once its commit marker is replayed.
   * Like a marker they are refused, and everyone who is answered with them, where the log would not take
   * them.
   */
  readonly producer?: TransactionalWriter
  /** Written after the records. */
  readonly marker?: TransactionMarker
  /** Sent once all that the machine had seen by then is committed. */
  readonly replies?: readonly Reply[]
}

export interface StateMachine {
  replay(record: ReplayedRecord): void
  replayMarker(marker: TransactionMarker): void
  /** The log has been replayed; commands follow. Sessions begin anew from `now` (ms since the epoch). */
  loaded(now: number): void
  /** The time at which `expire` has something to do; Infinity for never. Read after each command. */
  deadline(): number
  /** Does what is due at `now`. Called until `deadline()` lies in the future. */
  expire(now: number): Outcome
  /** The wall clock was set forward, or back: what is waited for may stay as far away as it was. */
  wallStepped?(byMs: number): void
}

export const BATCH_HEADER_BYTES = 61

/** An upper bound of what the records take in a batch. */
export function recordsBytes(records: readonly CoordinatorRecord[]): number {
  const perRecordBytes = 32
  let bytes = BATCH_HEADER_BYTES
  for (const { key, value } of records) bytes += perRecordBytes + key.length + (value?.length ?? 0)
  return bytes
}
