import { array, type InputOf, int16, message, string, type ValueOf } from '../schema.ts'

export const SaslHandshakeRequest = message('SaslHandshakeRequest', 17, '0-1', 'none', {
  mechanism: string,
})
export type SaslHandshakeRequest = ValueOf<typeof SaslHandshakeRequest.fields>

export const SaslHandshakeResponse = message('SaslHandshakeResponse', 17, '0-1', 'none', {
  errorCode: int16,
  mechanisms: array(string),
})
export type SaslHandshakeResponse = InputOf<typeof SaslHandshakeResponse.fields>
