import {
  bool,
  bytes,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const PushTelemetryRequest = message('PushTelemetryRequest', 72, '0', '0+', {
  clientInstanceId: uuid,
  subscriptionId: int32,
  terminating: bool,
  compressionType: int8,
  metrics: bytes,
})
export type PushTelemetryRequest = ValueOf<typeof PushTelemetryRequest.fields>

export const PushTelemetryResponse = message('PushTelemetryResponse', 72, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
})
export type PushTelemetryResponse = InputOf<typeof PushTelemetryResponse.fields>
