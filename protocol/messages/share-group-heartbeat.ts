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
  memberEpoch: int32,
  rackId: defaulted(nullable(string), null),
  subscribedTopicNames: defaulted(nullable(array(string)), null),
})
export type ShareGroupHeartbeatRequest = ValueOf<typeof ShareGroupHeartbeatRequest.fields>

const TopicPartitions = {
  topicId: uuid,
  partitions: array(int32),
}

export const ShareGroupHeartbeatResponse = message('ShareGroupHeartbeatResponse', 76, '1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  memberId: defaulted(nullable(string), null),
  memberEpoch: int32,
  heartbeatIntervalMs: int32,
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
