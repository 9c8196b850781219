import { bytes, defaulted, type InputOf, int16, int32, int64, message, type ValueOf } from '../schema.ts'

export const RenewDelegationTokenRequest = message('RenewDelegationTokenRequest', 39, '0-2', '2+', {
  hmac: bytes,
  renewPeriodMs: int64,
})
export type RenewDelegationTokenRequest = ValueOf<typeof RenewDelegationTokenRequest.fields>

export const RenewDelegationTokenResponse = message('RenewDelegationTokenResponse', 39, '0-2', '2+', {
  errorCode: int16,
  expiryTimestampMs: int64,
  throttleTimeMs: defaulted(int32, 0),
})
export type RenewDelegationTokenResponse = InputOf<typeof RenewDelegationTokenResponse.fields>
