import { defaulted, type InputOf, int16, int32, message, nullable, string, type ValueOf } from '../schema.ts'

export const UnregisterBrokerRequest = message('UnregisterBrokerRequest', 64, '0', '0+', {
  brokerId: int32,
})
export type UnregisterBrokerRequest = ValueOf<typeof UnregisterBrokerRequest.fields>

export const UnregisterBrokerResponse = message('UnregisterBrokerResponse', 64, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /** NONE, BROKER_ID_NOT_REGISTERED, NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED, REQUEST_TIMED_OUT. */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
})
export type UnregisterBrokerResponse = InputOf<typeof UnregisterBrokerResponse.fields>
