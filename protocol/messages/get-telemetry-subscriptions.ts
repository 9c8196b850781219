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

/** Which metrics the broker wants from the client (KIP-714). */
export const GetTelemetrySubscriptionsRequest = message('GetTelemetrySubscriptionsRequest', 71, '0', '0+', {
  /** Zero at first: the response gives one. */
  clientInstanceId: uuid,
})
export type GetTelemetrySubscriptionsRequest = ValueOf<typeof GetTelemetrySubscriptionsRequest.fields>

export const GetTelemetrySubscriptionsResponse = message('GetTelemetrySubscriptionsResponse', 71, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  clientInstanceId: uuid,
  subscriptionId: int32,
  /** 1 gzip, 2 snappy, 3 lz4, 4 zstd, best first. */
  acceptedCompressionTypes: array(int8),
  pushIntervalMs: int32,
  telemetryMaxBytes: int32,
  deltaTemporality: bool,
  /** Prefixes of names; one '*' for all, empty for none. */
  requestedMetrics: array(string),
})
export type GetTelemetrySubscriptionsResponse = InputOf<typeof GetTelemetrySubscriptionsResponse.fields>
