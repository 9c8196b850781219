import {
  array,
  bool,
  defaulted,
  float64,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const AlterClientQuotasRequest = message('AlterClientQuotasRequest', 49, '0-1', '1+', {
  entries: array({
    entity: array({
      entityType: string,
      entityName: nullable(string),
    }),
    ops: array({
      key: string,
      value: float64,
      remove: bool,
    }),
  }),
  validateOnly: bool,
})
export type AlterClientQuotasRequest = ValueOf<typeof AlterClientQuotasRequest.fields>

export const AlterClientQuotasResponse = message('AlterClientQuotasResponse', 49, '0-1', '1+', {
  throttleTimeMs: defaulted(int32, 0),
  entries: array({
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    entity: array({
      entityType: string,
      entityName: nullable(string),
    }),
  }),
})
export type AlterClientQuotasResponse = InputOf<typeof AlterClientQuotasResponse.fields>
