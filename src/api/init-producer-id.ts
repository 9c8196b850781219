import { ErrorCode, type Result } from '../../protocol/errors.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import type { ProducerIdAndEpoch } from '../transactions/transaction.ts'
import type { Context } from './context.ts'
import { fencedError } from './fenced-error.ts'
import { handler } from './handler.ts'

/** KIP-588: since then clients know PRODUCER_FENCED. */
const FIRST_WITH_FENCED = 4

export const initProducerId = handler({
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  // v6 (two-phase commit, KIP-939) is not stable in any Kafka yet.
  highestVersion: 5,
  refuse: refused,

  async handle(request, context) {
    const { producerId, producerEpoch } = request
    if ((producerId === -1n) !== (producerEpoch === -1)) return refused(ErrorCode.INVALID_REQUEST)
    const begun = await begin(request, context)
    if (begun.error) return refused(fencedError(begun.error, context.apiVersion, FIRST_WITH_FENCED))
    const { value } = begun
    return {
      errorCode: ErrorCode.NONE,
      producerId: value.producerId,
      producerEpoch: value.producerEpoch,
    }
  },
})

/** Without a transactional id, only an id for idempotence is asked for. */
async function begin(
  request: InitProducerIdRequest,
  { producerIds, transactions }: Context,
): Promise<Result<ProducerIdAndEpoch>> {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request
  if (transactionalId !== null) {
    const expected = producerId === -1n ? undefined : { producerId, producerEpoch }
    return transactions.initProducerId({ transactionalId, timeoutMs: transactionTimeoutMs, expected })
  }
  const taken = await producerIds.take()
  return taken.error ? taken : { error: ErrorCode.NONE, value: { producerId: taken.value, producerEpoch: 0 } }
}

function refused(errorCode: ErrorCode): InitProducerIdResponse {
  return { errorCode, producerId: -1n, producerEpoch: -1 }
}
