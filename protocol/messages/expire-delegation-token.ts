import { bytes, defaulted, type InputOf, int16, int32, int64, message, type ValueOf } from '../schema.ts'

export const ExpireDelegationTokenRequest = message('ExpireDelegationTokenRequest', 40, '0-2', '2+', {
  hmac: bytes,
  expiryTimePeriodMs: int64,
})
export type ExpireDelegationTokenRequest = ValueOf<typeof ExpireDelegationTokenRequest.fields>

export const ExpireDelegationTokenResponse = message('ExpireDelegationTokenResponse', 40, '0-2', '2+', {
  errorCode: int16,
  expiryTimestampMs: int64,
  throttleTimeMs: defaulted(int32, 0),
})
export type ExpireDelegationTokenResponse = InputOf<typeof ExpireDelegationTokenResponse.fields>
