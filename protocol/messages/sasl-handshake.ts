import { array, type InputOf, int16, message, string, type ValueOf } from '../schema.ts'

/** With v0 raw SASL tokens follow on the connection, with v1 SaslAuthenticate requests. */
export const SaslHandshakeRequest = message('SaslHandshakeRequest', 17, '0-1', 'none', {
  mechanism: string,
})
export type SaslHandshakeRequest = ValueOf<typeof SaslHandshakeRequest.fields>

export const SaslHandshakeResponse = message('SaslHandshakeResponse', 17, '0-1', 'none', {
  /** NONE, UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE. */
  errorCode: int16,
  /** What this listener has, also without an error. */
  mechanisms: array(string),
})
export type SaslHandshakeResponse = InputOf<typeof SaslHandshakeResponse.fields>
