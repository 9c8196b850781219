import { ErrorCode } from '../../protocol/errors.ts'
import { EndTxnRequest, EndTxnResponse } from '../../protocol/messages/end-txn.ts'
import { fencedError } from './fenced-error.ts'
import { handler } from './handler.ts'

/** KIP-588: since then clients know PRODUCER_FENCED. */
const FIRST_WITH_FENCED = 2
/** KIP-890: since then each end brings a new epoch. */
const FIRST_WITH_EPOCH = 5

export const endTxn = handler({
  request: EndTxnRequest,
  response: EndTxnResponse,
  refuse: errorCode => ({ errorCode }),

  async handle(request, { transactions, apiVersion }) {
    const ended = await transactions.endTransaction({
      transactionalId: request.transactionalId,
      producerId: request.producerId,
      producerEpoch: request.producerEpoch,
      isCommit: request.committed,
      clientTransactionVersion: apiVersion >= FIRST_WITH_EPOCH ? 2 : 0,
    })
    if (ended.error) return { errorCode: fencedError(ended.error, apiVersion, FIRST_WITH_FENCED) }
    const { producerId, producerEpoch } = ended.value
    return { errorCode: ErrorCode.NONE, producerId, producerEpoch }
  },
})
