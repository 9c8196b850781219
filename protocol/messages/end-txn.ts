import {
  at,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

/**
 * Commits or aborts. From v5 on (KIP-890) each transaction ends with a new epoch, which the response carries.
 */
export const EndTxnRequest = message('EndTxnRequest', 26, '0-5', '3+', {
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  committed: bool,
})
export type EndTxnRequest = ValueOf<typeof EndTxnRequest.fields>

export const EndTxnResponse = message('EndTxnResponse', 26, '0-5', '3+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, INVALID_TXN_STATE,
   * CONCURRENT_TRANSACTIONS, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE,
   * TRANSACTION_ABORTABLE, TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
  producerId: at('5+', int64, -1n),
  producerEpoch: at('5+', int16, -1),
})
export type EndTxnResponse = InputOf<typeof EndTxnResponse.fields>
