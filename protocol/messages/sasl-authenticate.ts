import {
  at,
  bytes,
  defaulted,
  type InputOf,
  int16,
  int64,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const SaslAuthenticateRequest = message('SaslAuthenticateRequest', 36, '0-2', '2+', {
  authBytes: bytes,
})
export type SaslAuthenticateRequest = ValueOf<typeof SaslAuthenticateRequest.fields>

export const SaslAuthenticateResponse = message('SaslAuthenticateResponse', 36, '0-2', '2+', {
  /** NONE, SASL_AUTHENTICATION_FAILED, ILLEGAL_SASL_STATE. */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  authBytes: bytes,
  /** When the client must have authenticated again (KIP-368); 0: never. */
  sessionLifetimeMs: at('1+', int64, 0n),
})
export type SaslAuthenticateResponse = InputOf<typeof SaslAuthenticateResponse.fields>
