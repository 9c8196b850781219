import { bytes, defaulted, type InputOf, int16, message, nullable, type ValueOf } from '../schema.ts'

/** A request of a client, forwarded by a broker to the controller with the principal that sent it. */
export const EnvelopeRequest = message('EnvelopeRequest', 58, '0', '0+', {
  requestData: bytes,
  requestPrincipal: nullable(bytes),
  clientHostAddress: bytes,
})
export type EnvelopeRequest = ValueOf<typeof EnvelopeRequest.fields>

export const EnvelopeResponse = message('EnvelopeResponse', 58, '0', '0+', {
  responseData: defaulted(nullable(bytes), null),
  errorCode: int16,
})
export type EnvelopeResponse = InputOf<typeof EnvelopeResponse.fields>
