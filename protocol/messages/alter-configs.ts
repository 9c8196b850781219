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

export const AlterConfigsRequest = message('AlterConfigsRequest', 33, '0-2', '2+', {
  resources: array({
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
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    resourceType: int8,
    resourceName: string,
  }),
})
export type AlterConfigsResponse = InputOf<typeof AlterConfigsResponse.fields>
