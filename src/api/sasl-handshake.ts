/**
 * SaslHandshake: which mechanism the tokens that follow are of; once authenticated, the way to do it anew.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from '../../protocol/messages/sasl-handshake.ts'
import { handler } from './handler.ts'

export const saslHandshake = handler({
  request: SaslHandshakeRequest,
  response: SaslHandshakeResponse,
  refuse: errorCode => ({ errorCode, mechanisms: [] }),

  handle({ mechanism }, { session, apiVersion }) {
    const answer = session.authentication?.handshake(mechanism, apiVersion)
    if (!answer) return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    if (answer.closing !== undefined) session.disconnect(answer.closing)
    return { errorCode: answer.errorCode, mechanisms: [...answer.mechanisms] }
  },
})
