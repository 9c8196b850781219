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
      /** Null: the default of its type. */
      entityName: nullable(string),
    }),
    ops: array({
      /**
       * producer_byte_rate, consumer_byte_rate, request_percentage, controller_mutation_rate,
       * connection_creation_rate.
       */
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
    /** NONE, INVALID_REQUEST, UNSUPPORTED_VERSION, NOT_CONTROLLER, CLUSTER_AUTHORIZATION_FAILED. */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    entity: array({
      entityType: string,
      entityName: nullable(string),
    }),
  }),
})
export type AlterClientQuotasResponse = InputOf<typeof AlterClientQuotasResponse.fields>
