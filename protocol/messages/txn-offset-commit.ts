import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** Offsets that become the group's when the transaction commits. v3 checks the member (KIP-447). */
export const TxnOffsetCommitRequest = message('TxnOffsetCommitRequest', 28, '0-6', '3+', {
  transactionalId: string,
  groupId: string,
  producerId: int64,
  producerEpoch: int16,
  generationIdOrMemberEpoch: at('3+', int32, -1),
  memberId: at('3+', string, ''),
  groupInstanceId: at('3+', nullable(string), null),
  topics: array({
    name: at('0-5', string),
    topicId: at('6+', uuid),
    partitions: array({
      partitionIndex: int32,
      committedOffset: int64,
      committedLeaderEpoch: at('2+', int32, -1),
      committedMetadata: nullable(string),
    }),
  }),
})
export type TxnOffsetCommitRequest = ValueOf<typeof TxnOffsetCommitRequest.fields>

export const TxnOffsetCommitResponse = message('TxnOffsetCommitResponse', 28, '0-6', '3+', {
  throttleTimeMs: defaulted(int32, 0),
  topics: array({
    name: at('0-5', string),
    topicId: at('6+', uuid),
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, and those of OffsetCommit, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, TRANSACTION_ABORTABLE,
       * TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
       */
      errorCode: int16,
    }),
  }),
})
export type TxnOffsetCommitResponse = InputOf<typeof TxnOffsetCommitResponse.fields>
