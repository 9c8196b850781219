import {
  array,
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

/**
 * Replaces all configs of a resource: what is not named returns to its default. IncrementalAlterConfigs takes
 * its place.
 */
export const AlterConfigsRequest = message('AlterConfigsRequest', 33, '0-2', '2+', {
  resources: array({
    /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
    resourceType: int8,
    resourceName: string,
    configs: array({
      name: string,
      value: nullable(string),
    }),
  }),
  validateOnly: bool,
})
export type AlterConfigsRequest = ValueOf<typeof AlterConfigsRequest.fields>

export const AlterConfigsResponse = message('AlterConfigsResponse', 33, '0-2', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  responses: array({
    /**
     * NONE, INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION,
     * POLICY_VIOLATION, TOPIC_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    resourceType: int8,
    resourceName: string,
  }),
})
export type AlterConfigsResponse = InputOf<typeof AlterConfigsResponse.fields>
