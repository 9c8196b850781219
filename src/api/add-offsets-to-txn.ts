import {
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse,
} from '../../protocol/messages/add-offsets-to-txn.ts'
import { fencedError } from './fenced-error.ts'
import { handler } from './handler.ts'

/** KIP-588: since then clients know PRODUCER_FENCED. */
const FIRST_WITH_FENCED = 2

export const addOffsetsToTxn = handler({
  request: AddOffsetsToTxnRequest,
  response: AddOffsetsToTxnResponse,
  refuse: errorCode => ({ errorCode }),

  async handle(request, { transactions, apiVersion }) {
    return { errorCode: fencedError(await transactions.addOffsets(request), apiVersion, FIRST_WITH_FENCED) }
  },
})
