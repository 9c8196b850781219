/** What faults see of a request, and what they make of its answer: the same in a broker and in a proxy. */
import type { EncodedMessage } from '../../protocol/wire.ts'
import type { TopicNames } from '../trace/topic-fields.ts'

/** One request, as it comes by. */
export interface FaultCall {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly connectionId: string
  /** Unknown to a proxy. */
  readonly listener?: string | undefined
  /** `User:alice`. */
  readonly principal?: string | undefined
  /** Decoded. */
  readonly request: object
}

/** A response as handlers make it; null where none is to be sent. */
export type Proceeded = object | null | Promise<object | null>
/** Serves a request, or the part of it that is left. */
export type Proceed = (request: object) => Proceeded

/** What is to be sent, and what becomes of the connection. */
export interface FaultAnswer {
  readonly response: object | null
  /** Changes the bytes of the response. */
  readonly damage?: ((frame: EncodedMessage) => Promise<EncodedMessage>) | undefined
  /**
   * `close`: behind the response; `cut`: at once, instead of a response; `hang`: nothing is answered any
   * more.
   */
  readonly ending?: 'close' | 'cut' | 'hang' | undefined
  /** So long the connection is not read from, once the response is sent. */
  readonly muteMs?: number | undefined
}

/** A topic as Metadata tells it. */
export interface ToldTopic {
  readonly id: string
  readonly partitions: readonly { readonly leaderId: number; readonly leaderEpoch: number }[]
}

/** What faults know of the cluster behind. */
export interface ClusterView {
  readonly nameOf: TopicNames
  /** By name, at this moment. */
  topics(): ReadonlyMap<string, ToldTopic>
}

/** Calls `next` when the value is there: at once, if it is there already. */
export function after<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
