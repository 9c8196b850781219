import { ErrorCode } from '../../protocol/errors.ts'
import {
  ListTransactionsRequest,
  ListTransactionsResponse,
} from '../../protocol/messages/list-transactions.ts'
import { compileRe2 } from '../metadata/re2.ts'
import { TRANSACTION_STATES } from '../transactions/transaction.ts'
import { handler } from './handler.ts'

const KNOWN_STATES: readonly string[] = TRANSACTION_STATES

export const listTransactions = handler({
  request: ListTransactionsRequest,
  response: ListTransactionsResponse,
  refuse: refused,

  async handle(request, { transactions }) {
    const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request
    const matches = transactionalIdPattern ? compileRe2(transactionalIdPattern) : undefined
    if (transactionalIdPattern && !matches) return refused(ErrorCode.INVALID_REGULAR_EXPRESSION)
    const listed = await transactions.list({
      states: stateFilters,
      producerIds: producerIdFilters,
      durationMs: Number(durationFilter),
      matches,
    })
    if (listed.error) return refused(listed.error)
    return {
      errorCode: ErrorCode.NONE,
      unknownStateFilters: [...new Set(stateFilters)].filter(state => !KNOWN_STATES.includes(state)),
      transactionStates: listed.value.map(({ transactionalId, producerId, state }) => ({
        transactionalId,
        producerId,
        transactionState: state,
      })),
    }
  },
})

function refused(errorCode: ErrorCode): ListTransactionsResponse {
  return { errorCode, unknownStateFilters: [], transactionStates: [] }
}
