import {
  array,
  at,
  bool,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  tagged,
  type ValueOf,
} from '../schema.ts'

/**
 * The first request of most clients. A version that the broker lacks is answered in v0 with
 * UNSUPPORTED_VERSION and the range of this API, so that the client can ask again (KIP-511).
 */
export const ApiVersionsRequest = message('ApiVersionsRequest', 18, '0-5', '3+', {
  /** Letters, digits, dots and dashes; else INVALID_REQUEST. */
  clientSoftwareName: at('3+', string),
  clientSoftwareVersion: at('3+', string),
  /** The cluster that the client means (KIP-1242); another answers REBOOTSTRAP_REQUIRED. */
  clusterId: at('5+', nullable(string), null),
  /** The node that it means; -1 for any. */
  nodeId: at('5+', int32, -1),
})
export type ApiVersionsRequest = ValueOf<typeof ApiVersionsRequest.fields>

/** Always has response header v0. */
export const ApiVersionsResponse = message('ApiVersionsResponse', 18, '0-5', '3+', {
  /** NONE, UNSUPPORTED_VERSION, INVALID_REQUEST; v5 REBOOTSTRAP_REQUIRED. */
  errorCode: int16,
  apiKeys: array({
    apiKey: int16,
    minVersion: int16,
    maxVersion: int16,
  }),
  throttleTimeMs: at('1+', int32, 0),
  /** Before v4 features with a least version of 0 are left out, since old clients refuse them. */
  supportedFeatures: tagged(
    0,
    '3+',
    array({
      name: string,
      minVersion: int16,
      maxVersion: int16,
    }),
  ),
  /** -1 when unknown; then `finalizedFeatures` says nothing. */
  finalizedFeaturesEpoch: tagged(1, '3+', int64, -1n),
  finalizedFeatures: tagged(
    2,
    '3+',
    array({
      name: string,
      maxVersionLevel: int16,
      minVersionLevel: int16,
    }),
  ),
  zkMigrationReady: tagged(3, '3+', bool),
})
export type ApiVersionsResponse = InputOf<typeof ApiVersionsResponse.fields>
