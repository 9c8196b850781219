/**
 * How one connection of a SASL listener proves who it is, and again before its time is over (KIP-368). Until
 * it has, only what belongs to that is served, strictly in order: ApiVersions, SaslHandshake, then tokens.
 *
 *   begun → asked         ApiVersions was answered
 *   begun, asked, authenticated → exchanging    SaslHandshake has chosen a mechanism
 *   exchanging → authenticated | failed
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { Clock } from '../platform/platform.ts'
import { NO_TOKEN, type SaslExchange } from './sasl.ts'

export interface AuthenticationOptions {
  /** What begins an exchange, by the mechanisms that the listener has. */
  readonly mechanisms: ReadonlyMap<string, () => SaslExchange>
  /** `connections.max.reauth.ms` for a mechanism; 0: once is for ever. */
  readonly maxReauthMs: (mechanism: string) => number
  readonly clock: Clock
}

export interface Objection {
  readonly reason: string
  /** ILLEGAL_SASL_STATE is answered before the connection ends. */
  readonly isTold: boolean
}

export interface HandshakeAnswer {
  readonly errorCode: ErrorCode
  readonly mechanisms: readonly string[]
  /** The connection ends after the answer, for this reason. */
  readonly closing?: string
}

export interface TokenAnswer {
  readonly errorCode: ErrorCode
  readonly errorMessage: string
  readonly token: Buffer
  readonly sessionLifetimeMs: bigint
  /** The connection ends after the answer, for this reason. */
  readonly closing?: string
}

const API_VERSIONS = 18
const SASL_HANDSHAKE = 17
const SASL_AUTHENTICATE = 36
/** A client that authenticates more often is told that it need not. */
const MIN_REAUTH_INTERVAL_MS = 1_000

type State = 'begun' | 'asked' | 'exchanging' | 'authenticated' | 'failed'

export class Authentication {
  private readonly options: AuthenticationOptions
  private state: State = 'begun'
  private mechanism = ''
  private exchange: SaslExchange | undefined
  private hasRawTokens = false
  private user: string | undefined
  /** On the clock's monotonic time. */
  private lastRenewedMs = Number.NEGATIVE_INFINITY
  private expiresAtMs = Number.POSITIVE_INFINITY

  constructor(options: AuthenticationOptions) {
    this.options = options
  }

  /** `User:alice` once it has proved to be; undefined before. */
  get principal(): string | undefined {
    return this.user === undefined ? undefined : `User:${this.user}`
  }

  /** What is not done yet has to be done before anything else is looked at. */
  get isUnderWay(): boolean {
    return this.state !== 'authenticated'
  }

  /** The next frame is a bare token, as after SaslHandshake v0. */
  get takesRawToken(): boolean {
    return this.state === 'exchanging' && this.hasRawTokens
  }

  /**
   * Why a request must not be served now, and the connection ends; undefined where it may be. Amid an
   * exchange the client is told first, in the response of what it has asked for.
   */
  objection(apiKey: number): Objection | undefined {
    switch (this.state) {
      case 'begun':
        if (apiKey === API_VERSIONS || apiKey === SASL_HANDSHAKE) return undefined
        return { reason: 'it has not authenticated', isTold: false }
      case 'asked':
        if (apiKey === SASL_HANDSHAKE) return undefined
        return { reason: 'SaslHandshake has to come next', isTold: false }
      case 'exchanging':
        if (apiKey === SASL_AUTHENTICATE) return undefined
        return { reason: 'SaslAuthenticate has to come next', isTold: true }
      case 'failed':
        return { reason: 'it has failed to authenticate', isTold: false }
      case 'authenticated':
        if (this.options.clock.elapsed() < this.expiresAtMs || this.mayBeginAgain(apiKey)) return undefined
        return {
          reason: 'it has not authenticated again in time (connections.max.reauth.ms)',
          isTold: false,
        }
    }
  }

  /** The client knows now which versions are served. */
  noteVersionsTold(): void {
    if (this.state === 'begun') this.state = 'asked'
  }

  handshake(mechanism: string, version: number): HandshakeAnswer {
    const mechanisms = [...this.options.mechanisms.keys()]
    if (this.state === 'authenticated' && !this.mayBeginAgain(SASL_HANDSHAKE)) {
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    }
    const begin = this.options.mechanisms.get(mechanism)
    if (!begin) {
      this.state = 'failed'
      const closing = `it asked for the SASL mechanism ${mechanism}, and ${mechanisms.join(', ')} are enabled`
      return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms, closing }
    }
    const hasChanged = this.user !== undefined && mechanism !== this.mechanism
    this.state = hasChanged ? 'failed' : 'exchanging'
    this.mechanism = mechanism
    this.exchange = begin()
    this.hasRawTokens = version === 0
    if (this.user !== undefined) this.lastRenewedMs = this.options.clock.elapsed()
    return { errorCode: ErrorCode.NONE, mechanisms }
  }

  /** One token of the client's. */
  authenticate(token: Buffer): TokenAnswer {
    const { exchange } = this
    if (this.state !== 'exchanging' || !exchange) return NOTHING_TO_PROVE
    const step = exchange.step(token)
    if (step.kind === 'challenge') return accepted(step.token, 0)
    this.exchange = undefined
    if (step.kind === 'failed') return this.failed(step.message)
    if (this.user !== undefined && this.user !== step.user) {
      const change = `from User.${this.user}: User.${step.user}`
      return this.failed(`Cannot change principals during re-authentication ${change}`)
    }
    this.user = step.user
    this.state = 'authenticated'
    const lifetimeMs = Math.max(this.options.maxReauthMs(this.mechanism), 0)
    this.expiresAtMs = this.options.clock.elapsed() + (lifetimeMs || Number.POSITIVE_INFINITY)
    return accepted(step.token, lifetimeMs)
  }

  private failed(told?: string): TokenAnswer {
    const what = this.user === undefined ? 'authentication' : 're-authentication'
    const why = `due to invalid credentials with SASL mechanism ${this.mechanism}`
    const message = told ?? `Authentication failed during ${what} ${why}`
    this.state = 'failed'
    return { ...refusal(ErrorCode.SASL_AUTHENTICATION_FAILED, message), closing: message }
  }

  private mayBeginAgain(apiKey: number): boolean {
    if (apiKey !== SASL_HANDSHAKE || this.options.maxReauthMs(this.mechanism) <= 0) return false
    return this.options.clock.elapsed() - this.lastRenewedMs >= MIN_REAUTH_INTERVAL_MS
  }
}

function accepted(token: Buffer, lifetimeMs: number): TokenAnswer {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    token,
    sessionLifetimeMs: BigInt(lifetimeMs),
  }
}

function refusal(errorCode: ErrorCode, errorMessage: string): TokenAnswer {
  return { errorCode, errorMessage, token: NO_TOKEN, sessionLifetimeMs: 0n }
}

/** The answer to a token that nobody has asked for, also where there is no SASL at all. */
export const NOTHING_TO_PROVE: TokenAnswer = refusal(
  ErrorCode.ILLEGAL_SASL_STATE,
  'SaslAuthenticate request received after successful authentication',
)
