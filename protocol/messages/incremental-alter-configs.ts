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
    resourceType: int8,
    resourceName: string,
    configs: array({
      name: string,
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
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    resourceType: int8,
    resourceName: string,
  }),
})
export type IncrementalAlterConfigsResponse = InputOf<typeof IncrementalAlterConfigsResponse.fields>
