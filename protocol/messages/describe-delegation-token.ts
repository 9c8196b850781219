import {
  array,
  at,
  bytes,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const DescribeDelegationTokenRequest = message('DescribeDelegationTokenRequest', 41, '0-3', '2+', {
  /** Null: all that the requester may see. */
  owners: nullable(
    array({
      principalType: string,
      principalName: string,
    }),
  ),
})
export type DescribeDelegationTokenRequest = ValueOf<typeof DescribeDelegationTokenRequest.fields>

export const DescribeDelegationTokenResponse = message('DescribeDelegationTokenResponse', 41, '0-3', '2+', {
  /** NONE, DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED. */
  errorCode: int16,
  tokens: array({
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: at('3+', string),
    tokenRequesterPrincipalName: at('3+', string),
    issueTimestamp: int64,
    expiryTimestamp: int64,
    maxTimestamp: int64,
    tokenId: string,
    hmac: bytes,
    renewers: array({
      principalType: string,
      principalName: string,
    }),
  }),
  throttleTimeMs: defaulted(int32, 0),
})
export type DescribeDelegationTokenResponse = InputOf<typeof DescribeDelegationTokenResponse.fields>
