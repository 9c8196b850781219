import { defaulted, type InputOf, int16, int32, int64, message, string, type ValueOf } from '../schema.ts'

export const AddOffsetsToTxnRequest = message('AddOffsetsToTxnRequest', 25, '0-4', '3+', {
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  groupId: string,
})
export type AddOffsetsToTxnRequest = ValueOf<typeof AddOffsetsToTxnRequest.fields>

export const AddOffsetsToTxnResponse = message('AddOffsetsToTxnResponse', 25, '0-4', '3+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
})
export type AddOffsetsToTxnResponse = InputOf<typeof AddOffsetsToTxnResponse.fields>
