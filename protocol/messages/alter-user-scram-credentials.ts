import {
  array,
  bytes,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const AlterUserScramCredentialsRequest = message('AlterUserScramCredentialsRequest', 51, '0', '0+', {
  deletions: array({
    name: string,
    mechanism: int8,
  }),
  upsertions: array({
    name: string,
    mechanism: int8,
    iterations: int32,
    salt: bytes,
    saltedPassword: bytes,
  }),
})
export type AlterUserScramCredentialsRequest = ValueOf<typeof AlterUserScramCredentialsRequest.fields>

export const AlterUserScramCredentialsResponse = message('AlterUserScramCredentialsResponse', 51, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    user: string,
    /**
     * NONE, RESOURCE_NOT_FOUND, DUPLICATE_RESOURCE, UNSUPPORTED_SASL_MECHANISM, UNACCEPTABLE_CREDENTIAL,
     * NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
  }),
})
export type AlterUserScramCredentialsResponse = InputOf<typeof AlterUserScramCredentialsResponse.fields>
