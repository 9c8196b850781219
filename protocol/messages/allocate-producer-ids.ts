import { defaulted, type InputOf, int16, int32, int64, message, type ValueOf } from '../schema.ts'

/** A broker gets a block of producer ids from the controller. */
export const AllocateProducerIdsRequest = message('AllocateProducerIdsRequest', 67, '0', '0+', {
  brokerId: int32,
  brokerEpoch: defaulted(int64, -1n),
})
export type AllocateProducerIdsRequest = ValueOf<typeof AllocateProducerIdsRequest.fields>

export const AllocateProducerIdsResponse = message('AllocateProducerIdsResponse', 67, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  producerIdStart: int64,
  producerIdLen: int32,
})
export type AllocateProducerIdsResponse = InputOf<typeof AllocateProducerIdsResponse.fields>
