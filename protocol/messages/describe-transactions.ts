import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

export const DescribeTransactionsRequest = message('DescribeTransactionsRequest', 65, '0', '0+', {
  transactionalIds: array(string),
})
export type DescribeTransactionsRequest = ValueOf<typeof DescribeTransactionsRequest.fields>

export const DescribeTransactionsResponse = message('DescribeTransactionsResponse', 65, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  transactionStates: array({
    /**
     * NONE, TRANSACTIONAL_ID_NOT_FOUND, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS,
     * TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_REQUEST.
     */
    errorCode: int16,
    transactionalId: string,
    /**
     * Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, PrepareEpochFence or Dead.
     */
    transactionState: string,
    transactionTimeoutMs: int32,
    transactionStartTimeMs: int64,
    producerId: int64,
    producerEpoch: int16,
    topics: array({
      topic: string,
      partitions: array(int32),
    }),
  }),
})
export type DescribeTransactionsResponse = InputOf<typeof DescribeTransactionsResponse.fields>
