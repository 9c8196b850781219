import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const ListTransactionsRequest = message('ListTransactionsRequest', 66, '0-2', '0+', {
  /** Empty: any. */
  stateFilters: array(string),
  /** Empty: any. */
  producerIdFilters: array(int64),
  /** Only transactions that have run longer, in ms; below zero: any. */
  durationFilter: at('1+', int64, -1n),
  /** RE2 (KIP-1152); null or empty: any. */
  transactionalIdPattern: at('2+', nullable(string), null),
})
export type ListTransactionsRequest = ValueOf<typeof ListTransactionsRequest.fields>

export const ListTransactionsResponse = message('ListTransactionsResponse', 66, '0-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /** NONE, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, INVALID_REGULAR_EXPRESSION (v2). */
  errorCode: int16,
  /** States that the broker does not know. */
  unknownStateFilters: array(string),
  transactionStates: array({
    transactionalId: string,
    producerId: int64,
    transactionState: string,
  }),
})
export type ListTransactionsResponse = InputOf<typeof ListTransactionsResponse.fields>
