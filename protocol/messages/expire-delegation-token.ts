import { bytes, defaulted, type InputOf, int16, int32, int64, message, type ValueOf } from '../schema.ts'

export const ExpireDelegationTokenRequest = message('ExpireDelegationTokenRequest', 40, '0-2', '2+', {
  hmac: bytes,
  /** Below zero: at once. */
  expiryTimePeriodMs: int64,
})
export type ExpireDelegationTokenRequest = ValueOf<typeof ExpireDelegationTokenRequest.fields>

export const ExpireDelegationTokenResponse = message('ExpireDelegationTokenResponse', 40, '0-2', '2+', {
  /**
   * NONE, DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, DELEGATION_TOKEN_NOT_FOUND,
   * DELEGATION_TOKEN_OWNER_MISMATCH, DELEGATION_TOKEN_EXPIRED.
   */
  errorCode: int16,
  expiryTimestampMs: int64,
  throttleTimeMs: defaulted(int32, 0),
})
export type ExpireDelegationTokenResponse = InputOf<typeof ExpireDelegationTokenResponse.fields>
