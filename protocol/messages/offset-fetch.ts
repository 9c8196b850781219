import {
  array,
  at,
  bool,
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

/** Committed offsets, from v8 on of several groups at once (KIP-709). */
export const OffsetFetchRequest = message('OffsetFetchRequest', 9, '0-10', '6+', {
  groupId: at('0-7', string),
  /** Null (from v2 on): all that the group has committed. */
  topics: at(
    '0-7',
    nullable(
      '2-7',
      array({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
  ),
  groups: at(
    '8+',
    array({
      groupId: string,
      /** From v9 on, of a member of a consumer group (KIP-848), with its epoch. */
      memberId: at('9+', nullable(string), null),
      memberEpoch: at('9+', int32, -1),
      /** Null: all that the group has committed. */
      topics: nullable(
        array({
          name: at('8-9', string),
          topicId: at('10+', uuid),
          partitionIndexes: array(int32),
        }),
      ),
    }),
  ),
  /** Answer UNSTABLE_OFFSET_COMMIT while a transaction has offsets pending (KIP-447). */
  requireStable: at('7+', bool, false),
})
export type OffsetFetchRequest = ValueOf<typeof OffsetFetchRequest.fields>

export const OffsetFetchResponse = message('OffsetFetchResponse', 9, '0-10', '6+', {
  throttleTimeMs: at('3+', int32, 0),
  topics: at(
    '0-7',
    array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        /** -1 where nothing is committed; that is not an error. */
        committedOffset: int64,
        committedLeaderEpoch: at('5-7', int32, -1),
        metadata: nullable(string),
        /**
         * NONE, UNKNOWN_TOPIC_OR_PARTITION, TOPIC_AUTHORIZATION_FAILED, UNSTABLE_OFFSET_COMMIT; in v0 and v1
         * also the errors of the group.
         */
        errorCode: int16,
      }),
    }),
  ),
  /**
   * NONE, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE,
   * GROUP_AUTHORIZATION_FAILED.
   */
  errorCode: at('2-7', int16, 0),
  groups: at(
    '8+',
    array({
      groupId: string,
      topics: array({
        name: at('8-9', string),
        topicId: at('10+', uuid),
        partitions: array({
          partitionIndex: int32,
          /** -1 where nothing is committed. */
          committedOffset: int64,
          committedLeaderEpoch: defaulted(int32, -1),
          metadata: nullable(string),
          errorCode: int16,
        }),
      }),
      /** As above, and UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH (v9). */
      errorCode: defaulted(int16, 0),
    }),
  ),
})
export type OffsetFetchResponse = InputOf<typeof OffsetFetchResponse.fields>
