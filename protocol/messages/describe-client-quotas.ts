import {
  array,
  bool,
  defaulted,
  float64,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const DescribeClientQuotasRequest = message('DescribeClientQuotasRequest', 48, '0-1', '1+', {
  components: array({
    /** 'user', 'client-id' or 'ip'. */
    entityType: string,
    /** 0 this name, 1 the default, 2 any. */
    matchType: int8,
    match: nullable(string),
  }),
  /** Only entities without other components. */
  strict: bool,
})
export type DescribeClientQuotasRequest = ValueOf<typeof DescribeClientQuotasRequest.fields>

export const DescribeClientQuotasResponse = message('DescribeClientQuotasResponse', 48, '0-1', '1+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  entries: nullable(
    array({
      entity: array({
        entityType: string,
        /** Null: the default of its type. */
        entityName: nullable(string),
      }),
      values: array({
        key: string,
        value: float64,
      }),
    }),
  ),
})
export type DescribeClientQuotasResponse = InputOf<typeof DescribeClientQuotasResponse.fields>
