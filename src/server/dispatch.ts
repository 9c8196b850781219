/**
 * From a request's frame to its response: finds the handler, decodes, calls it and encodes. Whatever is
 * wrong with a request ends here as a value, and a bug in a handler, which shows as an exception, is
 * answered, logged and counted.
 */
import { read } from '../../protocol/codec.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { decodeRequestHeader, encodeResponseFrame, type RequestHeader } from '../../protocol/header.ts'
import {
  type EncodedMessage,
  MAX_REQUEST_ELEMENTS,
  MalformedMessage,
  OversizedMessage,
  Reader,
} from '../../protocol/wire.ts'
import { type BrokerContext, type Context, contextOf, type Session } from '../api/context.ts'
import type { Handled } from '../api/handler.ts'
import { takeToken } from '../api/sasl-authenticate.ts'
import type { ApiTable, ServedApi } from '../api/table.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'

/** A request that can be served: its header is read, its body is not. */
export interface AcceptedRequest {
  readonly kind: 'request'
  readonly header: RequestHeader & { readonly bodyPosition: number }
  readonly api: ServedApi
  readonly frame: Buffer
  /** False where the version is not served and only that can be answered. */
  readonly isVersionServed: boolean
}

/** A bare token of SASL, as it follows SaslHandshake v0. */
export interface AcceptedToken {
  readonly kind: 'token'
  readonly token: Buffer
}

/** The connection has to be closed, for this reason; one `topic` of complaint is logged at a limited rate. */
export interface Rejection {
  readonly kind: 'rejection'
  readonly topic: string
  readonly reason: string
}

/** A response that is not all there is to do: only who intercepts asks for it. */
export interface Directive {
  readonly kind: 'directive'
  readonly message: EncodedMessage | null
  /**
   * `close`: behind the response; `cut`: at once, instead of it; `hang`: this request and those behind it are
   * never answered.
   */
  readonly ending?: 'close' | 'cut' | 'hang' | undefined
  /** So long nothing more is read, once the response is sent (as throttling does since KIP-219). */
  readonly muteMs?: number | undefined
}

/** A response to send; null where there is none to send (Produce with acks=0). */
export type Outcome = EncodedMessage | null | Rejection | Directive

interface ApiCall {
  readonly api: ServedApi
  readonly apiVersion: number
  readonly session: Session
  readonly request: object
}

/** One request, as who intercepts it sees it. */
export interface InterceptedCall {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly connectionId: string
  readonly listener: string
  readonly principal: string
  readonly request: object
}

/** What is to be answered instead of what the handler says. */
export interface Intercepted extends Pick<Directive, 'ending' | 'muteMs'> {
  readonly response: object | null
  /** Changes the bytes of the response. */
  readonly damage?: ((frame: EncodedMessage) => Promise<EncodedMessage>) | undefined
}

/** May delay, replace or observe what handlers do. */
export interface Interceptor {
  /** Asked for each request; while it is false there is no more to it. */
  readonly isActive: boolean
  /** `proceed` calls the handler, with the request or a part of it. */
  intercept(
    call: InterceptedCall,
    proceed: (request: object) => Handled<object>,
  ): Intercepted | Promise<Intercepted>
}

export interface DispatcherOptions {
  readonly apis: ApiTable
  readonly broker: BrokerContext
  readonly logger: Logger
  readonly interceptor?: Interceptor | undefined
}

export class Dispatcher {
  private readonly apis: ApiTable
  /** Undefined while it is held. */
  private broker: BrokerContext | undefined
  private heldBroker: BrokerContext | undefined
  private readonly logger: Logger
  private readonly interceptor: Interceptor | undefined
  private bugs = 0
  private underWay = new UnderWay()
  private readonly onServing = new Set<() => void>()

  constructor(options: DispatcherOptions) {
    this.apis = options.apis
    this.broker = options.broker
    this.logger = options.logger
    this.interceptor = options.interceptor
  }

  /** Handlers that have thrown since the start. */
  get handlerFailures(): number {
    return this.bugs
  }

  /** Nothing is to be begun: the data is about to be exchanged. */
  get isHeld(): boolean {
    return this.broker === undefined
  }

  hold(): void {
    this.heldBroker = this.broker
    this.broker = undefined
  }

  /** Goes on with this data. */
  serve(broker: BrokerContext): void {
    this.broker = broker
    // What had not ended by now works on data that is gone, and may never end.
    if (broker !== this.heldBroker) this.underWay = new UnderWay()
    this.heldBroker = undefined
    const waiting = [...this.onServing]
    this.onServing.clear()
    for (const resume of waiting) resume()
  }

  /** Calls back, once, when it serves again. */
  whenServing(resume: () => void): void {
    this.onServing.add(resume)
  }

  /** Resolves with true when all that was begun has ended, with false where that takes longer. */
  settled(clock: Clock, withinMs: number): Promise<boolean> {
    const { underWay } = this
    if (underWay.count === 0) return Promise.resolve(true)
    return new Promise(resolve => {
      const timer = clock.after(withinMs, () => resolve(false))
      underWay.onNone = () => {
        timer.cancel()
        resolve(true)
      }
    })
  }

  /** Reads a frame's header and looks up who serves it. */
  accept(frame: Buffer, session: Session): AcceptedRequest | AcceptedToken | Rejection {
    if (session.authentication?.takesRawToken) return { kind: 'token', token: frame }
    let header: ReturnType<typeof decodeRequestHeader>
    try {
      header = decodeRequestHeader(frame)
    } catch (error) {
      return this.malformed('its header', error)
    }
    const { apiKey, apiVersion } = header
    const objection = session.authentication?.objection(apiKey)
    if (objection && !objection.isTold) return reject('authentication', objection.reason)
    const api = this.apis.get(apiKey)
    if (!api) return reject('unknown-api', `it asked for API ${apiKey}, which this broker does not serve`)
    const isVersionServed = apiVersion >= api.minVersion && apiVersion <= api.maxVersion
    if (!isVersionServed && !api.handler.refuseVersion) {
      const range = `${api.minVersion} to ${api.maxVersion}`
      return reject('unserved-version', `it asked for ${api.name} v${apiVersion}, and ${range} are served`)
    }
    return { kind: 'request', header, api, frame, isVersionServed }
  }

  /**
   * Does what the request asks for. Up to the handler's first `await` everything happens before this returns.
   */
  run(accepted: AcceptedRequest | AcceptedToken, session: Session): Outcome | Promise<Outcome> {
    const { broker } = this
    if (!broker) return new Promise(resolve => this.whenServing(() => resolve(this.run(accepted, session))))
    if (accepted.kind === 'token') return this.answerToken(accepted.token, { ...broker, session })
    const { api, header, frame } = accepted
    session.clientId = header.clientId
    if (!accepted.isVersionServed) {
      return this.refuseVersion(accepted, contextOf(broker, session, header.apiVersion))
    }
    let request: object
    try {
      const reader = new Reader(frame, header.bodyPosition, MAX_REQUEST_ELEMENTS)
      request = read(api.handler.request, header.apiVersion, reader)
    } catch (error) {
      return this.malformed(`${api.name} v${header.apiVersion}`, error)
    }
    const objection = session.authentication?.objection(header.apiKey)
    if (objection) {
      session.disconnect(objection.reason)
      const refusal = api.handler.refuse(ErrorCode.ILLEGAL_SASL_STATE, request)
      return encodeFrame(api, header.apiVersion, header.correlationId, refusal)
    }
    const call: ApiCall = { api, apiVersion: header.apiVersion, session, request }
    if (this.interceptor?.isActive) return this.runIntercepted(call, header)
    let handled: Handled<object>
    try {
      handled = this.proceed(call)
    } catch (error) {
      return this.answerBug(call, header, error)
    }
    if (!(handled instanceof Promise)) return this.answer(call, header, handled)
    return handled.then(
      response => this.answer(call, header, response),
      error => this.answerBug(call, header, error),
    )
  }

  /** Whoever stood in between may have held the call up, and the data may be another by now. */
  private proceed(call: ApiCall): Handled<object> {
    const { broker } = this
    if (!broker) {
      return new Promise((resolve, reject) => {
        this.whenServing(() => Promise.resolve(this.proceed(call)).then(resolve, reject))
      })
    }
    const { api, apiVersion, session, request } = call
    const handled = api.handler.handle(request, contextOf(broker, session, apiVersion))
    if (handled instanceof Promise) {
      const { underWay } = this
      underWay.count++
      handled.then(underWay.ended, underWay.ended)
    }
    return handled
  }

  private async runIntercepted(call: ApiCall, header: RequestHeader): Promise<Outcome> {
    const { session, request } = call
    const { connectionId, listener, principal } = session
    let message: Outcome
    let answer: Intercepted
    try {
      const seen = { ...header, connectionId, listener, principal, request }
      answer = await this.interceptor!.intercept(seen, part => this.proceed({ ...call, request: part }))
      message = this.answer(call, header, answer.response)
      if (message === null || 'kind' in message) return directive(message, answer)
      return directive(answer.damage ? await answer.damage(message) : message, answer)
    } catch (error) {
      return this.answerBug(call, header, error)
    }
  }

  /** Who fails gets no answer, as in Kafka: there is no place for an error in a bare token. */
  private async answerToken(
    token: Buffer,
    context: BrokerContext & { readonly session: Session },
  ): Promise<Outcome> {
    const answer = await takeToken(token, context)
    if (answer.errorCode) return null
    const size = Buffer.alloc(4)
    size.writeInt32BE(answer.token.length)
    return { byteLength: size.length + answer.token.length, chunks: [size, answer.token] }
  }

  private malformed(what: string, error: unknown): Rejection {
    if (error instanceof MalformedMessage)
      return reject('malformed', `${what} cannot be read: ${error.message}`)
    this.bugs++
    this.logger.error(`A bug: reading ${what} failed`, { error })
    return reject('bug', `reading ${what} failed`)
  }

  private answer(call: ApiCall, header: RequestHeader, response: object | null): Outcome {
    if (response === null) return null
    try {
      return encodeFrame(call.api, header.apiVersion, header.correlationId, response)
    } catch (error) {
      releaseRanges(response)
      if (error instanceof OversizedMessage) return this.refuseOversized(call, header, error)
      return this.answerBug(call, header, error)
    }
  }

  /** The newest client asks first in the newest version; in version 0 it learns which to ask in (KIP-511). */
  private refuseVersion({ api, header }: AcceptedRequest, context: Context): Outcome {
    const response = api.handler.refuseVersion?.(context) ?? {}
    return encodeFrame(api, 0, header.correlationId, response)
  }

  /** It was asked for more than one response can say. */
  private refuseOversized({ api, request, session }: ApiCall, header: RequestHeader, why: Error): Outcome {
    const what = `${api.name} v${header.apiVersion}`
    const { connectionId: connection, clientId } = session
    this.logger.warn(`The answer to ${what} would be ${why.message}`, { connection, clientId })
    try {
      const refusal = api.handler.refuse(ErrorCode.INVALID_REQUEST, request)
      return encodeFrame(api, header.apiVersion, header.correlationId, refusal)
    } catch {
      return reject('oversized', `the answer to its ${what} is too large`)
    }
  }

  private answerBug(call: ApiCall, header: RequestHeader, error: unknown): Outcome {
    const { api, request, session } = call
    this.bugs++
    const what = `${api.name} v${header.apiVersion}`
    this.logger.error(`A bug: handling ${what} failed`, {
      connection: session.connectionId,
      clientId: header.clientId,
      request,
      error,
    })
    const closing = reject('bug', `handling its ${what} failed`)
    if (wantsNoResponse(request) && api.handler.overlaps) return closing
    try {
      const refusal = api.handler.refuse(ErrorCode.UNKNOWN_SERVER_ERROR, request)
      return encodeFrame(api, header.apiVersion, header.correlationId, refusal)
    } catch (second) {
      this.logger.error(`A bug: refusing ${what} failed`, { error: second })
      return closing
    }
  }
}

/** Handlers that have begun on the same data, and not ended. */
class UnderWay {
  count = 0
  onNone: (() => void) | undefined

  readonly ended = (): void => {
    this.count--
    if (this.count === 0) this.onNone?.()
  }
}

export function reject(topic: string, reason: string): Rejection {
  return { kind: 'rejection', topic, reason }
}

function directive(message: Outcome, { ending, muteMs }: Intercepted): Outcome {
  if (message !== null && 'kind' in message) return message
  return ending || muteMs ? { kind: 'directive', message, ending, muteMs } : message
}

export function isDirective(outcome: Outcome): outcome is Directive {
  return outcome !== null && 'kind' in outcome && outcome.kind === 'directive'
}

export function isRejection(outcome: Outcome | AcceptedRequest | AcceptedToken): outcome is Rejection {
  return outcome !== null && 'kind' in outcome && outcome.kind === 'rejection'
}

function encodeFrame(
  api: ServedApi,
  version: number,
  correlationId: number,
  response: object,
): EncodedMessage {
  return encodeResponseFrame(api.handler.response, version, correlationId, response as never)
}

/** What a response that could not be encoded holds on to. */
function releaseRanges(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  if ('release' in value && typeof value.release === 'function') value.release()
  else for (const part of Object.values(value)) releaseRanges(part)
}

/** Only Produce has such a field. */
function wantsNoResponse(request: object): boolean {
  return 'acks' in request && request.acks === 0
}
