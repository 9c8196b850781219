import { ErrorCode } from '../../protocol/errors.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import { handler } from './handler.ts'

export const initProducerId = handler({
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  // v6 (two-phase commit, KIP-939) is not stable in any Kafka yet.
  highestVersion: 5,
  refuse: refused,

  async handle({ transactionalId, producerId, producerEpoch }, { producerIds }) {
    if ((producerId === -1n) !== (producerEpoch === -1)) return refused(ErrorCode.INVALID_REQUEST)
    if (transactionalId === '') return refused(ErrorCode.INVALID_REQUEST)
    // Transactions are not served yet: clients take this as final, and say so.
    if (transactionalId !== null) return refused(ErrorCode.UNSUPPORTED_VERSION)
    const taken = await producerIds.take()
    if (taken.error) return refused(taken.error)
    return { errorCode: ErrorCode.NONE, producerId: taken.value, producerEpoch: 0 }
  },
})

function refused(errorCode: ErrorCode): InitProducerIdResponse {
  return { errorCode, producerId: -1n, producerEpoch: -1 }
}
