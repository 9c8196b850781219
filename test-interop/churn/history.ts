// What happened to one group in the course of a campaign: what its members said to the coordinator, as a proxy on the
// wire saw it (clients keep much of that to themselves), what they processed, and what was done to them. Times are of one
// clock, in ms. A history is judged by check.ts.

/** One request about the group and its answer; `code` is undefined where the connection went before the answer came. */
interface Exchange {
  readonly requestedAt: number
  /** When the answer passed, or the connection went. */
  readonly at: number
  /** The client id: one process. */
  readonly client: string
  /** Of the request; for a join also as it was given out in the answer. */
  readonly memberId: string
  readonly generation: number
  readonly code: number | undefined
  /** Of the consumer protocol (KIP-848), whose one request joins, leaves and stays; the generation is the member's epoch. */
  readonly consumer?: {
    /** What the member says to have, and is told to have; undefined: as before. */
    readonly has: readonly number[] | undefined
    readonly given: readonly number[] | undefined
    /** The order of all that passed, which times of one millisecond do not tell. */
    readonly asked: number
    readonly answered: number
  }
}

export interface Join extends Exchange {
  readonly kind: 'join'
}

export interface Sync extends Exchange {
  readonly kind: 'sync'
  readonly owned: readonly number[]
}

export interface Heartbeat extends Exchange {
  readonly kind: 'heartbeat'
}

export interface Leave extends Exchange {
  readonly kind: 'leave'
}

export interface Commit extends Exchange {
  readonly kind: 'commit'
  readonly offsets: readonly { readonly partition: number; readonly offset: number }[]
}

export type GroupExchange = Join | Sync | Heartbeat | Leave | Commit

/** A member has dealt with the records of a partition from one offset up to, not including, another. */
export interface Processed {
  readonly kind: 'processed'
  readonly at: number
  readonly client: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** What a member could not make sense of: a record with the wrong content, an error that ends it. */
export interface Complaint {
  readonly kind: 'complaint'
  readonly at: number
  readonly client: string
  readonly text: string
}

export interface ProcessChange {
  readonly kind: 'process'
  readonly at: number
  readonly client: string
  readonly change: 'started' | 'leaving' | 'killed' | 'paused' | 'resumed' | 'ended'
}

export interface BrokerChange {
  readonly kind: 'broker'
  readonly at: number
  /** It accepts connections when it is ready, and may then still load what it knows of groups before it answers. */
  readonly change: 'killed' | 'ready' | 'answers'
}

export type Happening = GroupExchange | Processed | Complaint | ProcessChange | BrokerChange

export interface Rules {
  readonly sessionTimeoutMs: number
  readonly partitions: number
  /** After which members of the consumer protocol may give up waiting for an answer. */
  readonly heartbeatMs?: number
}

/** Codes of answers that the rules are about. */
export const NONE = 0
export const UNKNOWN_MEMBER_ID = 25
export const REBALANCE_IN_PROGRESS = 27
export const MEMBER_ID_REQUIRED = 79
export const FENCED_MEMBER_EPOCH = 110
