import {
  array,
  at,
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

/**
 * Commits offsets of a group. v0 stored them in ZooKeeper; v9 serves the new group protocol (KIP-848), v10
 * topic ids.
 */
export const OffsetCommitRequest = message('OffsetCommitRequest', 8, '0-10', '8+', {
  groupId: string,
  /** -1 with an empty member id commits from outside of the group. */
  generationIdOrMemberEpoch: at('1+', int32, -1),
  memberId: at('1+', string),
  /** Set by static members only (KIP-345). */
  groupInstanceId: at('7+', nullable(string), null),
  /** -1 means the broker's offsets.retention.minutes. */
  retentionTimeMs: at('2-4', int64, -1n),
  topics: array({
    name: at('0-9', string),
    topicId: at('10+', uuid),
    partitions: array({
      partitionIndex: int32,
      committedOffset: int64,
      committedLeaderEpoch: at('6+', int32, -1),
      /** v1 only; -1 means now. */
      commitTimestamp: at('1', int64, -1n),
      committedMetadata: nullable(string),
    }),
  }),
})
export type OffsetCommitRequest = ValueOf<typeof OffsetCommitRequest.fields>

export const OffsetCommitResponse = message('OffsetCommitResponse', 8, '0-10', '8+', {
  throttleTimeMs: at('3+', int32, 0),
  topics: array({
    name: at('0-9', string),
    topicId: at('10+', uuid),
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, OFFSET_METADATA_TOO_LARGE, INVALID_GROUP_ID, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
       * COORDINATOR_LOAD_IN_PROGRESS, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS,
       * FENCED_INSTANCE_ID, GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH (v9), UNKNOWN_TOPIC_OR_PARTITION,
       * UNKNOWN_TOPIC_ID (v10), INVALID_COMMIT_OFFSET_SIZE, GROUP_AUTHORIZATION_FAILED,
       * TOPIC_AUTHORIZATION_FAILED.
       */
      errorCode: int16,
    }),
  }),
})
export type OffsetCommitResponse = InputOf<typeof OffsetCommitResponse.fields>
