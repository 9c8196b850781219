import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  struct,
  uuid,
  type ValueOf,
} from '../schema.ts'

/**
 * The one request of the new group protocol (KIP-848): joins, stays, subscribes, reports and leaves. Fields
 * that have not changed since the last one are null or -1.
 */
export const ConsumerGroupHeartbeatRequest = message('ConsumerGroupHeartbeatRequest', 68, '0-1', '0+', {
  groupId: string,
  /** From v1 on made by the client, also the first time. */
  memberId: string,
  /** 0 joins, -1 leaves, -2 leaves for a while (static members); else the current epoch. */
  memberEpoch: int32,
  instanceId: defaulted(nullable(string), null),
  rackId: defaulted(nullable(string), null),
  /** How long the member may take to give partitions up. */
  rebalanceTimeoutMs: defaulted(int32, -1),
  subscribedTopicNames: defaulted(nullable(array(string)), null),
  /** RE2, evaluated by the broker (v1). */
  subscribedTopicRegex: at('1+', nullable(string), null),
  /** Null: the choice of the broker. */
  serverAssignor: defaulted(nullable(string), null),
  /** What the member owns. */
  topicPartitions: defaulted(
    nullable(
      array({
        topicId: uuid,
        partitions: array(int32),
      }),
    ),
    null,
  ),
})
export type ConsumerGroupHeartbeatRequest = ValueOf<typeof ConsumerGroupHeartbeatRequest.fields>

const TopicPartitions = {
  topicId: uuid,
  partitions: array(int32),
}

export const ConsumerGroupHeartbeatResponse = message('ConsumerGroupHeartbeatResponse', 68, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
   * COORDINATOR_LOAD_IN_PROGRESS, INVALID_REQUEST, GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID,
   * FENCED_MEMBER_EPOCH, UNSUPPORTED_ASSIGNOR, UNRELEASED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED,
   * INVALID_REGULAR_EXPRESSION (v1).
   */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  memberId: defaulted(nullable(string), null),
  memberEpoch: int32,
  heartbeatIntervalMs: int32,
  /** Null: unchanged. */
  assignment: defaulted(
    nullable(
      struct({
        topicPartitions: array(TopicPartitions),
      }),
    ),
    null,
  ),
})
export type ConsumerGroupHeartbeatResponse = InputOf<typeof ConsumerGroupHeartbeatResponse.fields>
