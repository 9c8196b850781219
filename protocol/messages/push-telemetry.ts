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
  /** The last push of a client that closes. */
  terminating: bool,
  compressionType: int8,
  /** OTLP MetricsData v1, compressed. */
  metrics: bytes,
})
export type PushTelemetryRequest = ValueOf<typeof PushTelemetryRequest.fields>

export const PushTelemetryResponse = message('PushTelemetryResponse', 72, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, UNKNOWN_SUBSCRIPTION_ID, UNSUPPORTED_COMPRESSION_TYPE, TELEMETRY_TOO_LARGE, INVALID_RECORD,
   * INVALID_REQUEST, THROTTLING_QUOTA_EXCEEDED.
   */
  errorCode: int16,
})
export type PushTelemetryResponse = InputOf<typeof PushTelemetryResponse.fields>
