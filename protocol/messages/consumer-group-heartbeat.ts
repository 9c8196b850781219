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

export const ConsumerGroupHeartbeatRequest = message('ConsumerGroupHeartbeatRequest', 68, '0-1', '0+', {
  groupId: string,
  memberId: string,
  memberEpoch: int32,
  instanceId: defaulted(nullable(string), null),
  rackId: defaulted(nullable(string), null),
  rebalanceTimeoutMs: defaulted(int32, -1),
  subscribedTopicNames: defaulted(nullable(array(string)), null),
  subscribedTopicRegex: at('1+', nullable(string), null),
  serverAssignor: defaulted(nullable(string), null),
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
export type ConsumerGroupHeartbeatResponse = InputOf<typeof ConsumerGroupHeartbeatResponse.fields>
