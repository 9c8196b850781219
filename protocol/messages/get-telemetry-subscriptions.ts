import {
  array,
  bool,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const GetTelemetrySubscriptionsRequest = message('GetTelemetrySubscriptionsRequest', 71, '0', '0+', {
  clientInstanceId: uuid,
})
export type GetTelemetrySubscriptionsRequest = ValueOf<typeof GetTelemetrySubscriptionsRequest.fields>

export const GetTelemetrySubscriptionsResponse = message('GetTelemetrySubscriptionsResponse', 71, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  clientInstanceId: uuid,
  subscriptionId: int32,
  acceptedCompressionTypes: array(int8),
  pushIntervalMs: int32,
  telemetryMaxBytes: int32,
  deltaTemporality: bool,
  requestedMetrics: array(string),
})
export type GetTelemetrySubscriptionsResponse = InputOf<typeof GetTelemetrySubscriptionsResponse.fields>
