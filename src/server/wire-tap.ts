/**
 * Where the bytes of connections can be seen, by whoever wants to: requests as they came, and responses as
 * they go out. The trace fills it in; without one, or while it is off, a connection does not notice.
 */
import type { EncodedMessage } from '../../protocol/wire.ts'
import type { Session } from '../api/context.ts'

export interface WireTap {
  /** Asked for each request. */
  readonly isOn: boolean
  /** A request's frame, without its size, before anything of it is served. Whoever keeps it copies it. */
  request(from: Session, frame: Uint8Array): TappedExchange
}

/** Exactly one of the two is called, once. */
export interface TappedExchange {
  /** Returns what is to be sent: the same bytes, seen on their way. */
  answered(message: EncodedMessage): EncodedMessage
  /** Nothing is sent: there is no response, or nobody left to send it to. */
  unanswered(why: 'no response' | 'lost'): void
}
