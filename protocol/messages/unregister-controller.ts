import { defaulted, type InputOf, int16, int32, message, nullable, string, type ValueOf } from '../schema.ts'

export const UnregisterControllerRequest = message('UnregisterControllerRequest', 94, '0', '0+', {
  controllerId: int32,
})
export type UnregisterControllerRequest = ValueOf<typeof UnregisterControllerRequest.fields>

export const UnregisterControllerResponse = message('UnregisterControllerResponse', 94, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
})
export type UnregisterControllerResponse = InputOf<typeof UnregisterControllerResponse.fields>
