import { defaulted, type InputOf, int16, int32, int64, message, string, type ValueOf } from '../schema.ts'

/** Adds the group's partition of __consumer_offsets to the transaction. */
export const AddOffsetsToTxnRequest = message('AddOffsetsToTxnRequest', 25, '0-4', '3+', {
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  groupId: string,
})
export type AddOffsetsToTxnRequest = ValueOf<typeof AddOffsetsToTxnRequest.fields>

export const AddOffsetsToTxnResponse = message('AddOffsetsToTxnResponse', 25, '0-4', '3+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, INVALID_TXN_STATE,
   * CONCURRENT_TRANSACTIONS, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE,
   * TRANSACTION_ABORTABLE, GROUP_AUTHORIZATION_FAILED, TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
})
export type AddOffsetsToTxnResponse = InputOf<typeof AddOffsetsToTxnResponse.fields>
