/** SASL PLAIN (RFC 4616): user name and password in the clear, for use over TLS or among tests. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { NO_TOKEN, OTHER_IDENTITY, type SaslExchange, type SaslFailure, type SaslStep } from './sasl.ts'

/** The password of a user; undefined where there is no such user. */
export type Passwords = (user: string) => string | undefined

const failed = (message: string): SaslFailure => ({ kind: 'failed', message })

const WRONG = failed('Authentication failed: Invalid username or password')

export class PlainExchange implements SaslExchange {
  private readonly passwords: Passwords

  constructor(passwords: Passwords) {
    this.passwords = passwords
  }

  /** One message: authorization identity, user and password, set apart by zero bytes. */
  step(token: Buffer): SaslStep {
    const [identity, user, password, ...rest] = token.toString('utf8').split('\0')
    const parts = password === undefined ? (user === undefined ? 1 : 2) : 3 + rest.length
    if (identity === undefined || user === undefined || password === undefined || rest.length > 0) {
      return failed(`Invalid SASL/PLAIN response: expected 3 tokens, got ${parts}`)
    }
    if (user === '') return failed('Authentication failed: username not specified')
    if (password === '') return failed('Authentication failed: password not specified')
    const expected = this.passwords(user)
    if (expected === undefined || !areEqual(password, expected)) return WRONG
    if (identity !== '' && identity !== user) return OTHER_IDENTITY
    return { kind: 'authenticated', token: NO_TOKEN, user }
  }
}

/** In a time that tells nothing of where they differ. */
function areEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
