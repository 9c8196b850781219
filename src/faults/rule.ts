/**
 * What a fault rule is: which requests it is about, how often, and what becomes of them. Rules are plain
 * data, so that a test, a file, a command line and an HTTP request can all give the same ones; `parse.ts`
 * checks them.
 */

/**
 * Which requests a rule is about: those that have all that is named. Texts may have `*` for any characters.
 */
export interface FaultMatch {
  /** Of APIs: `Produce`, or `['Produce', 'Fetch']`. Without one, all that the effect can happen to. */
  readonly api?: string | readonly string[]
  /** Of the request: `9`, `'3-8'`, `'9+'`. */
  readonly version?: number | string
  readonly topic?: string
  /** With a topic or without. An error then strikes these partitions alone; the others are served. */
  readonly partition?: number | readonly number[]
  /** The client id. */
  readonly client?: string
  /** The group id. */
  readonly group?: string
  readonly transactionalId?: string
  /** Where the client came in, by its name in `listeners`. */
  readonly listener?: string
  /** Who the client has proved to be: `alice`, or `User:alice`. */
  readonly user?: string
  /** Of the requests that match, only these: `3`, or `[1, 2, 5]`, counted from 1. */
  readonly nth?: number | readonly number[]
  /** The rule is over when it has fired so often. */
  readonly times?: number
  /** Of a request that matches, from 0 to 1. The same seed gives the same choices. */
  readonly probability?: number
}

/**
 * What happens. Several things may be named together: `{ error: 'REQUEST_TIMED_OUT', when: 'after', delayMs:
 * 50 }`.
 */
export interface FaultEffect {
  /** An error code, by name or number, instead of the answer. */
  readonly error?: string | number
  /** How long the request takes longer; a range is a choice each time. */
  readonly delayMs?: number | readonly [from: number, to: number]
  /** The connection is cut instead of an answer. */
  readonly drop?: boolean
  /** No answer ever comes, on this connection; it stays open. */
  readonly silence?: boolean
  /** So many bytes of the response are sent (`true`: half of them), then the connection is cut. */
  readonly truncate?: boolean | number
  /**
   * `records`: one bit of the records, so that their checksum is wrong. `body`: one byte behind the header.
   * `correlationId`: the answer to a request that nobody sent. `size`: a frame of two gigabytes is announced.
   */
  readonly corrupt?: 'records' | 'body' | 'correlationId' | 'size'
  /**
   * As a quota does (KIP-219): the response tells this time, and the connection is not read from for as long.
   */
  readonly throttleMs?: number
  /** Metadata tells what there was when the rule was added: topics, partitions, leaders, their epochs. */
  readonly staleMetadata?: boolean
  /**
   * Requests to a coordinator are answered NOT_COORDINATOR, and FindCoordinator COORDINATOR_NOT_AVAILABLE.
   */
  readonly coordinatorMoved?: boolean
  /**
   * For `error`, `drop`, `silence` and `delayMs`: `before`, the default, the request is not served (or not
   * yet); `after` it was served, and only the answer is lost, replaced or late.
   */
  readonly when?: 'before' | 'after'
}

/** A rule as a file or an HTTP request gives it. `effect` may be the name of an error code. */
export interface FaultDefinition extends FaultMatch {
  readonly effect: FaultEffect | string
}

/** One time that a rule fired. */
export interface Firing {
  /** Of the rule, from 1 on. */
  readonly rule: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly api: string
  readonly apiVersion: number
  readonly client: string | null
  readonly connection: string
  readonly correlationId: number
  /** The partitions that were struck, where the rule is about some: `orders-0`. */
  readonly partitions: readonly string[]
  /** The effect in words: `error NOT_LEADER_OR_FOLLOWER`. */
  readonly effect: string
}

/** A rule in force, and what came of it. */
export interface FaultRule {
  /** From 1 on, in the order in which they were added. */
  readonly id: number
  readonly match: FaultMatch
  readonly effect: FaultEffect
  /** How many requests it was about, whether it fired or not. */
  readonly matched: number
  /** How often it fired. */
  readonly count: number
  /** The latest times that it fired. */
  readonly fired: readonly Firing[]
  /** Takes the rule back. Harmless when repeated. */
  remove(): void
}

/** A rule that cannot work. The message says what to write instead. */
export class InvalidFault extends Error {
  override readonly name = 'InvalidFault'
}
