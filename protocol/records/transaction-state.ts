/**
 * The record in __transaction_state: what a coordinator knows of a transactional id.
 */
import {
  array,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  tagged,
  type ValueOf,
} from '../schema.ts'
import { type RecordTable, recordTable } from './framing.ts'

export const TransactionLogKey = message('TransactionLogKey', 0, '0', 'none', {
  transactionalId: string,
})
export type TransactionLogKey = ValueOf<typeof TransactionLogKey.fields>

export const TransactionLogValue = message('TransactionLogValue', 0, '0-1', '1+', {
  producerId: int64,
  previousProducerId: tagged(0, '1+', int64, -1n),
  nextProducerId: tagged(1, '1+', int64, -1n),
  producerEpoch: int16,
  nextProducerEpoch: tagged(3, '1+', int16, -1),
  transactionTimeoutMs: int32,
  /**
   * 0 Empty, 1 Ongoing, 2 PrepareCommit, 3 PrepareAbort, 4 CompleteCommit, 5 CompleteAbort, 6 Dead, 7
   * PrepareEpochFence.
   */
  transactionStatus: int8,
  transactionPartitions: nullable(
    array({
      topic: string,
      partitionIds: array(int32),
    }),
  ),
  transactionLastUpdateTimestampMs: int64,
  transactionStartTimestampMs: int64,
  clientTransactionVersion: tagged(2, '1+', int16),
})
export type TransactionLogValue = ValueOf<typeof TransactionLogValue.fields>

/** The record of __transaction_state. */
export const transactionRecords: RecordTable = recordTable([TransactionLogKey, TransactionLogValue])
