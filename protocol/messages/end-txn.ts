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

export const EndTxnRequest = message('EndTxnRequest', 26, '0-5', '3+', {
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  committed: bool,
})
export type EndTxnRequest = ValueOf<typeof EndTxnRequest.fields>

export const EndTxnResponse = message('EndTxnResponse', 26, '0-5', '3+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  producerId: at('5+', int64, -1n),
  producerEpoch: at('5+', int16, -1),
})
export type EndTxnResponse = InputOf<typeof EndTxnResponse.fields>
