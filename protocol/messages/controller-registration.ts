import {
  array,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** A controller makes itself known to the active one. */
export const ControllerRegistrationRequest = message('ControllerRegistrationRequest', 70, '0', '0+', {
  controllerId: int32,
  incarnationId: uuid,
  zkMigrationReady: bool,
  listeners: array({
    name: string,
    host: string,
    port: uint16,
    securityProtocol: int16,
  }),
  features: array({
    name: string,
    minSupportedVersion: int16,
    maxSupportedVersion: int16,
  }),
})
export type ControllerRegistrationRequest = ValueOf<typeof ControllerRegistrationRequest.fields>

export const ControllerRegistrationResponse = message('ControllerRegistrationResponse', 70, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
})
export type ControllerRegistrationResponse = InputOf<typeof ControllerRegistrationResponse.fields>
