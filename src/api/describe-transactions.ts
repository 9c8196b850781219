import { ErrorCode } from '../../protocol/errors.ts'
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from '../../protocol/messages/describe-transactions.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

type DescribedState = DescribeTransactionsResponse['transactionStates'][number]

export const describeTransactions = handler({
  request: DescribeTransactionsRequest,
  response: DescribeTransactionsResponse,
  refuse: (errorCode, { transactionalIds }) => ({
    transactionStates: transactionalIds.map(id => failed(id, errorCode)),
  }),

  async handle({ transactionalIds }, context) {
    return { transactionStates: await Promise.all(transactionalIds.map(id => describe(id, context))) }
  },
})

async function describe(transactionalId: string, { transactions }: Context): Promise<DescribedState> {
  const described = await transactions.describe(transactionalId)
  if (described.error) return failed(transactionalId, described.error)
  const { state, timeoutMs, startTimestampMs, producerId, producerEpoch, partitions } = described.value
  const topics = new Map<string, number[]>()
  for (const { topic, index } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), index])
  return {
    errorCode: ErrorCode.NONE,
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: BigInt(startTimestampMs),
    producerId,
    producerEpoch,
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  }
}

function failed(transactionalId: string, errorCode: ErrorCode): DescribedState {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0n,
    producerId: 0n,
    producerEpoch: 0,
    topics: [],
  }
}
