import {
  array,
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

export const ShareGroupHeartbeatRequest = message('ShareGroupHeartbeatRequest', 76, '1', '0+', {
  groupId: string,
  memberId: string,
  /** 0 joins, -1 leaves; else the current epoch. */
  memberEpoch: int32,
  rackId: defaulted(nullable(string), null),
  /** Null: unchanged. */
  subscribedTopicNames: defaulted(nullable(array(string)), null),
})
export type ShareGroupHeartbeatRequest = ValueOf<typeof ShareGroupHeartbeatRequest.fields>

const TopicPartitions = {
  topicId: uuid,
  partitions: array(int32),
}

export const ShareGroupHeartbeatResponse = message('ShareGroupHeartbeatResponse', 76, '1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
   * COORDINATOR_LOAD_IN_PROGRESS, INVALID_REQUEST, GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID,
   * FENCED_MEMBER_EPOCH, GROUP_MAX_SIZE_REACHED.
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
export type ShareGroupHeartbeatResponse = InputOf<typeof ShareGroupHeartbeatResponse.fields>
