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

export const IncrementalAlterConfigsRequest = message('IncrementalAlterConfigsRequest', 44, '0-1', '1+', {
  resources: array({
    /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
    resourceType: int8,
    resourceName: string,
    configs: array({
      name: string,
      /** 0 set, 1 delete, 2 append to a list, 3 subtract from a list. */
      configOperation: int8,
      value: nullable(string),
    }),
  }),
  validateOnly: bool,
})
export type IncrementalAlterConfigsRequest = ValueOf<typeof IncrementalAlterConfigsRequest.fields>

export const IncrementalAlterConfigsResponse = message('IncrementalAlterConfigsResponse', 44, '0-1', '1+', {
  throttleTimeMs: defaulted(int32, 0),
  responses: array({
    /** As in AlterConfigs. */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    resourceType: int8,
    resourceName: string,
  }),
})
export type IncrementalAlterConfigsResponse = InputOf<typeof IncrementalAlterConfigsResponse.fields>
