/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677) without channel binding: the password never crosses
 * the wire, and the server keeps only what proofs can be checked with.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import type { ScramCredential } from '../metadata/image.ts'
import { OTHER_IDENTITY, type SaslExchange, type SaslStep, type ScramMechanism } from './sasl.ts'

/** Kafka's number of each mechanism in its APIs and records. */
export const SCRAM_TYPES: ReadonlyMap<number, ScramMechanism> = new Map([
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
])

export const MIN_SCRAM_ITERATIONS = 4_096
export const MAX_SCRAM_ITERATIONS = 16_384

export function makeCredential(
  mechanism: ScramMechanism,
  password: string,
  salt: Buffer,
  iterations = MIN_SCRAM_ITERATIONS,
): ScramCredential {
  const hash = hashOf(mechanism)
  const length = createHash(hash).digest().length
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, length, hash)
  return credentialOf(mechanism, { salted, salt, iterations })
}

/** From the salted password, which is all that a client tells who sets one. */
export function credentialOf(
  mechanism: ScramMechanism,
  parts: { readonly salted: Buffer; readonly salt: Buffer; readonly iterations: number },
): ScramCredential {
  const { salted, salt, iterations } = parts
  const hash = hashOf(mechanism)
  const storedKey = createHash(hash)
    .update(hmac(hash, salted, 'Client Key'))
    .digest()
  return { salt, iterations, storedKey, serverKey: hmac(hash, salted, 'Server Key') }
}

export interface ScramOptions {
  readonly mechanism: ScramMechanism
  /** Undefined where the user has none of this mechanism. */
  readonly credential: (user: string) => ScramCredential | undefined
  /** Unpredictable, of printable characters without a comma. */
  readonly nonce: string
}

export class ScramExchange implements SaslExchange {
  private readonly options: ScramOptions
  private readonly hash: string
  /** What the second message is checked against; undefined before the first and after the second. */
  private begun: Begun | undefined

  constructor(options: ScramOptions) {
    this.options = options
    this.hash = hashOf(options.mechanism)
  }

  step(token: Buffer): SaslStep {
    const { begun } = this
    this.begun = undefined
    return begun ? this.finish(begun, token.toString('utf8')) : this.begin(token.toString('utf8'))
  }

  private begin(message: string): SaslStep {
    const first = parseFirst(message)
    const credential = first && this.options.credential(first.user)
    if (!first || !credential || credential.iterations < MIN_SCRAM_ITERATIONS) return { kind: 'failed' }
    if (first.identity !== '' && first.identity !== first.user) return OTHER_IDENTITY
    const nonce = first.nonce + this.options.nonce
    const reply = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    this.begun = { ...first, credential, nonce, reply }
    return { kind: 'challenge', token: Buffer.from(reply) }
  }

  private finish(begun: Begun, message: string): SaslStep {
    const { credential } = begun
    const last = parseLast(message)
    const binding = Buffer.from(begun.binding).toString('base64')
    if (!last || last.nonce !== begun.nonce || last.binding !== binding) return { kind: 'failed' }
    const signed = `${begun.bare},${begun.reply},${last.withoutProof}`
    const signature = hmac(this.hash, credential.storedKey, signed)
    if (last.proof.length !== signature.length) return { kind: 'failed' }
    const clientKey = Buffer.from(last.proof.map((byte, i) => byte ^ signature[i]!))
    const proven = createHash(this.hash).update(clientKey).digest()
    if (!timingSafeEqual(proven, credential.storedKey)) return { kind: 'failed' }
    const proof = hmac(this.hash, credential.serverKey, signed).toString('base64')
    return { kind: 'authenticated', token: Buffer.from(`v=${proof}`), user: begun.user }
  }
}

interface FirstMessage {
  readonly identity: string
  readonly user: string
  readonly nonce: string
  /** The message without its first part. */
  readonly bare: string
  /** That first part, which the second message repeats. */
  readonly binding: string
}

interface Begun extends FirstMessage {
  readonly credential: ScramCredential
  readonly reply: string
}

/** Extensions follow the nonce; none is known, and optional ones are ignored. */
function parseFirst(message: string): FirstMessage | undefined {
  const match = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,[A-Za-z]=[^,]*)*)$/.exec(message)
  if (!match) return undefined
  const [, binding, identity = '', bare, name, nonce] = match
  const user = unescapeName(name!)
  const acting = unescapeName(identity)
  if (user === undefined || acting === undefined) return undefined
  return { identity: acting, user, nonce: nonce!, bare: bare!, binding: binding! }
}

function parseLast(message: string) {
  const match = /^(c=([^,]+),r=([^,]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(message)
  if (!match) return undefined
  const [, withoutProof, binding, nonce, proof] = match
  return { withoutProof, binding, nonce, proof: Buffer.from(proof!, 'base64') }
}

/** Commas and equals signs are written as `=2C` and `=3D`; any other `=` is an error. */
function unescapeName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function hashOf(mechanism: ScramMechanism): string {
  return mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
}

function hmac(hash: string, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}
