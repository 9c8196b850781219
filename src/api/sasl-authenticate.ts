/**
 * SaslAuthenticate: one token of the mechanism that SaslHandshake v1 has chosen. Who fails is told why, after
 * a delay that makes guessing slow, and is disconnected.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import {
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
} from '../../protocol/messages/sasl-authenticate.ts'
import type { TokenAnswer } from '../security/authentication.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

const EMPTY = Buffer.alloc(0)
const AFTER_SUCCESS = 'SaslAuthenticate request received after successful authentication'

export const saslAuthenticate = handler({
  request: SaslAuthenticateRequest,
  response: SaslAuthenticateResponse,
  refuse: errorCode => ({ errorCode, authBytes: EMPTY }),

  async handle({ authBytes }, context) {
    const answer = await takeToken(Buffer.from(authBytes), context)
    if (!answer) {
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage: AFTER_SUCCESS, authBytes: EMPTY }
    }
    const { errorCode, errorMessage, token, sessionLifetimeMs } = answer
    return { errorCode, errorMessage, authBytes: token, sessionLifetimeMs }
  },
})

/** Undefined on a listener without SASL. A failure comes late, and ends the connection. */
export async function takeToken(
  token: Buffer,
  { session, config, clock }: Pick<Context, 'session' | 'config' | 'clock'>,
): Promise<TokenAnswer | undefined> {
  const { authentication } = session
  const answer = authentication?.authenticate(token)
  if (!authentication || !answer) return undefined
  session.principal = authentication.principal ?? session.principal
  const { closing } = answer
  if (closing === undefined) return answer
  const delayMs = config.number('connection.failed.authentication.delay.ms')
  if (delayMs > 0) await new Promise<void>(resolve => clock.after(delayMs, resolve))
  session.disconnect(closing)
  return answer
}
