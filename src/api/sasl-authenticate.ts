/**
 * SaslAuthenticate: one token of the mechanism that SaslHandshake v1 has chosen. Who fails is told why, after
 * a delay that makes guessing slow, and is disconnected.
 */
import {
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
} from '../../protocol/messages/sasl-authenticate.ts'
import { NOTHING_TO_PROVE, type TokenAnswer } from '../security/authentication.ts'
import { NO_TOKEN } from '../security/sasl.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

export const saslAuthenticate = handler({
  request: SaslAuthenticateRequest,
  response: SaslAuthenticateResponse,
  refuse: errorCode => ({ errorCode, authBytes: NO_TOKEN }),

  async handle({ authBytes }, context) {
    const answer = await takeToken(Buffer.from(authBytes), context)
    const { errorCode, errorMessage, token, sessionLifetimeMs } = answer
    return { errorCode, errorMessage, authBytes: token, sessionLifetimeMs }
  },
})

/** A failure comes late, and ends the connection. */
export async function takeToken(
  token: Buffer,
  { session, config, waitClock }: Pick<Context, 'session' | 'config' | 'waitClock'>,
): Promise<TokenAnswer> {
  const { authentication } = session
  if (!authentication) return NOTHING_TO_PROVE
  const answer = authentication.authenticate(token)
  session.principal = authentication.principal ?? session.principal
  const { closing } = answer
  if (closing === undefined) return answer
  const delayMs = config.number('connection.failed.authentication.delay.ms')
  if (delayMs > 0) await new Promise<void>(resolve => waitClock.after(delayMs, resolve))
  session.disconnect(closing)
  return answer
}
