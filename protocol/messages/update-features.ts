import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const UpdateFeaturesRequest = message('UpdateFeaturesRequest', 57, '0-2', '0+', {
  timeoutMs: defaulted(int32, 60000),
  featureUpdates: array({
    feature: string,
    /** Below 1: remove the finalized feature. */
    maxVersionLevel: int16,
    allowDowngrade: at('0', bool),
    /** 1 upgrade, 2 safe downgrade, 3 unsafe downgrade. */
    upgradeType: at('1+', int8, 1),
  }),
  validateOnly: at('1+', bool, false),
})
export type UpdateFeaturesRequest = ValueOf<typeof UpdateFeaturesRequest.fields>

export const UpdateFeaturesResponse = message('UpdateFeaturesResponse', 57, '0-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED, FEATURE_UPDATE_FAILED, INVALID_UPDATE_VERSION,
   * INVALID_REQUEST.
   */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  results: at(
    '0-1',
    array({
      feature: string,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  ),
})
export type UpdateFeaturesResponse = InputOf<typeof UpdateFeaturesResponse.fields>
