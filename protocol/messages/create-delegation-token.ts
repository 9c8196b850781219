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

export const CreateDelegationTokenRequest = message('CreateDelegationTokenRequest', 38, '0-3', '2+', {
  /** Null: the requester is the owner (KIP-373). */
  ownerPrincipalType: at('3+', nullable(string)),
  ownerPrincipalName: at('3+', nullable(string)),
  renewers: array({
    principalType: string,
    principalName: string,
  }),
  /** -1 means delegation.token.max.lifetime.ms. */
  maxLifetimeMs: int64,
})
export type CreateDelegationTokenRequest = ValueOf<typeof CreateDelegationTokenRequest.fields>

export const CreateDelegationTokenResponse = message('CreateDelegationTokenResponse', 38, '0-3', '2+', {
  /**
   * NONE, DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, INVALID_PRINCIPAL_TYPE,
   * DELEGATION_TOKEN_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
  principalType: string,
  principalName: string,
  tokenRequesterPrincipalType: at('3+', string),
  tokenRequesterPrincipalName: at('3+', string),
  issueTimestampMs: int64,
  expiryTimestampMs: int64,
  maxTimestampMs: int64,
  tokenId: string,
  hmac: bytes,
  throttleTimeMs: defaulted(int32, 0),
})
export type CreateDelegationTokenResponse = InputOf<typeof CreateDelegationTokenResponse.fields>
