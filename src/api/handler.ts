/**
 * What an API's handler is: the definitions it speaks, how it refuses as a whole, and what it does.
 * `handler()` checks the types of one API; the table and the dispatcher see only the erased `Handler`.
 */
import type { ErrorCode } from '../../protocol/errors.ts'
import type { InputOf, Message, ValueOf } from '../../protocol/schema.ts'
import type { Context } from './context.ts'

/** A handler as the dispatcher sees it: requests and responses are whatever its definitions say. */
export interface Handler {
  readonly request: Message
  readonly response: Message
  /** The highest version served, where Kafka's definitions go further than its stable releases. */
  readonly highestVersion?: number
  /** True for Produce only: the next request of the connection may start before this one is answered. */
  readonly overlaps: boolean
  /** The whole response as one error, sent when `handle` throws. */
  refuse(errorCode: ErrorCode, request: object): object
  /**
   * The response to a version that is not served, encoded as version 0 on a connection that stays open
   * (ApiVersions only). Without it such a request closes the connection, as in Kafka.
   */
  refuseVersion?(context: Context): object
  /** Null means that nothing is sent (Produce with acks=0). */
  handle(request: object, context: Context): Handled<object>
}

export type Handled<Response> = Response | null | Promise<Response | null>

export interface HandlerOf<Request extends Message, Response extends Message> {
  readonly request: Request
  readonly response: Response
  readonly highestVersion?: number
  readonly overlaps?: boolean
  refuse(errorCode: ErrorCode, request: ValueOf<Request['fields']>): InputOf<Response['fields']>
  refuseVersion?(context: Context): InputOf<Response['fields']>
  handle(request: ValueOf<Request['fields']>, context: Context): Handled<InputOf<Response['fields']>>
}

/**
 * Checks a handler against its definitions, then forgets their types: dispatch decodes with the same ones.
 */
export function handler<Request extends Message, Response extends Message>(
  spec: HandlerOf<Request, Response>,
): Handler {
  return { overlaps: false, ...spec } as unknown as Handler
}
