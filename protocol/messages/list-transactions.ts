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
  stateFilters: array(string),
  producerIdFilters: array(int64),
  durationFilter: at('1+', int64, -1n),
  transactionalIdPattern: at('2+', nullable(string), null),
})
export type ListTransactionsRequest = ValueOf<typeof ListTransactionsRequest.fields>

export const ListTransactionsResponse = message('ListTransactionsResponse', 66, '0-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  unknownStateFilters: array(string),
  transactionStates: array({
    transactionalId: string,
    producerId: int64,
    transactionState: string,
  }),
})
export type ListTransactionsResponse = InputOf<typeof ListTransactionsResponse.fields>
