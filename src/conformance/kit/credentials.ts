/** Says who we are on a connection: SASL with PLAIN or SCRAM, as any client does. */
import { createHash, createHmac, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { ErrorCode, errorName } from '../../../protocol/errors.ts'
import {
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
} from '../../../protocol/messages/sasl-authenticate.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from '../../../protocol/messages/sasl-handshake.ts'
import type { Random } from '../../platform/platform.ts'
import type { WireClient } from '../wire-client.ts'

export const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export interface Credentials {
  readonly user: string
  readonly password: string
  readonly mechanism: (typeof MECHANISMS)[number]
  readonly random: Random
}

export function greetingOf(credentials: Credentials): (client: WireClient) => Promise<void> {
  const { user, password, mechanism } = credentials
  return async client => {
    const { errorCode, mechanisms } = await client.call({
      request: SaslHandshakeRequest,
      response: SaslHandshakeResponse,
      version: 1,
      body: { mechanism },
    })
    if (errorCode === ErrorCode.UNSUPPORTED_SASL_MECHANISM) {
      throw new Error(
        `${mechanism} is not among its mechanisms: choose --mechanism of ${mechanisms.join(', ')}.`,
      )
    }
    if (errorCode !== ErrorCode.NONE)
      throw new Error(`SASL is refused with ${errorName(errorCode)}: is --user needed here?`)
    if (mechanism === 'PLAIN') await authenticate(client, `\0${user}\0${password}`, credentials)
    else await scram(client, credentials)
  }
}

async function authenticate(client: WireClient, token: string, { user }: Credentials): Promise<string> {
  const { errorCode, errorMessage, authBytes } = await client.call({
    request: SaslAuthenticateRequest,
    response: SaslAuthenticateResponse,
    version: 1,
    body: { authBytes: Buffer.from(token) },
  })
  if (errorCode !== ErrorCode.NONE) {
    throw new Error(`${user} is not let in (${errorMessage ?? errorName(errorCode)}): correct --user.`)
  }
  return Buffer.from(authBytes).toString()
}

const derive = promisify(pbkdf2)

/** RFC 5802, without channel binding. */
async function scram(client: WireClient, credentials: Credentials): Promise<void> {
  const { user, password, mechanism, random } = credentials
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const first = `n=${name},r=${random.bytes(18).toString('base64url')}`
  const reply = await authenticate(client, `n,,${first}`, credentials)
  const {
    r: nonce = '',
    s: salt = '',
    i: iterations = '0',
  } = Object.fromEntries(reply.split(',').map(part => [part[0], part.slice(2)]))
  const bytes = hash === 'sha256' ? 32 : 64
  const key = await derive(password, Buffer.from(salt, 'base64'), Number(iterations), bytes, hash)
  const clientKey = createHmac(hash, key).update('Client Key').digest()
  const stored = createHash(hash).update(clientKey).digest()
  const last = `c=biws,r=${nonce}`
  const signature = createHmac(hash, stored).update(`${first},${reply},${last}`).digest()
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
  await authenticate(client, `${last},p=${proof.toString('base64')}`, credentials)
}
