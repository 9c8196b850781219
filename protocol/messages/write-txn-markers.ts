import {
  array,
  at,
  bool,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

export const WriteTxnMarkersRequest = message('WriteTxnMarkersRequest', 27, '0-2', '1+', {
  markers: array({
    producerId: int64,
    producerEpoch: int16,
    transactionResult: bool,
    topics: array({
      name: string,
      partitionIndexes: array(int32),
    }),
    coordinatorEpoch: int32,
    transactionVersion: at('2+', int8, 0),
  }),
})
export type WriteTxnMarkersRequest = ValueOf<typeof WriteTxnMarkersRequest.fields>

export const WriteTxnMarkersResponse = message('WriteTxnMarkersResponse', 27, '0-2', '1+', {
  markers: array({
    producerId: int64,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  }),
})
export type WriteTxnMarkersResponse = InputOf<typeof WriteTxnMarkersResponse.fields>
