import {
  at,
  bool,
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

export const InitProducerIdRequest = message('InitProducerIdRequest', 22, '0-6', '2+', {
  transactionalId: nullable(string),
  transactionTimeoutMs: int32,
  producerId: at('3+', int64, -1n),
  producerEpoch: at('3+', int16, -1),
  enable2Pc: at('6+', bool, false),
  keepPreparedTxn: at('6+', bool, false),
})
export type InitProducerIdRequest = ValueOf<typeof InitProducerIdRequest.fields>

export const InitProducerIdResponse = message('InitProducerIdResponse', 22, '0-6', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  producerId: defaulted(int64, -1n),
  producerEpoch: int16,
  ongoingTxnProducerId: at('6+', int64, -1n),
  ongoingTxnProducerEpoch: at('6+', int16, -1),
})
export type InitProducerIdResponse = InputOf<typeof InitProducerIdResponse.fields>
