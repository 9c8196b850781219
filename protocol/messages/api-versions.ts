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

export const ApiVersionsRequest = message('ApiVersionsRequest', 18, '0-5', '3+', {
  clientSoftwareName: at('3+', string),
  clientSoftwareVersion: at('3+', string),
  clusterId: at('5+', nullable(string), null),
  nodeId: at('5+', int32, -1),
})
export type ApiVersionsRequest = ValueOf<typeof ApiVersionsRequest.fields>

export const ApiVersionsResponse = message('ApiVersionsResponse', 18, '0-5', '3+', {
  errorCode: int16,
  apiKeys: array({
    apiKey: int16,
    minVersion: int16,
    maxVersion: int16,
  }),
  throttleTimeMs: at('1+', int32, 0),
  supportedFeatures: tagged(
    0,
    '3+',
    array({
      name: string,
      minVersion: int16,
      maxVersion: int16,
    }),
  ),
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
