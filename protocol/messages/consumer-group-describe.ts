import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  struct,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const ConsumerGroupDescribeRequest = message('ConsumerGroupDescribeRequest', 69, '0-1', '0+', {
  groupIds: array(string),
  includeAuthorizedOperations: bool,
})
export type ConsumerGroupDescribeRequest = ValueOf<typeof ConsumerGroupDescribeRequest.fields>

const TopicPartitions = {
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
}

const Assignment = {
  topicPartitions: array(TopicPartitions),
}

export const ConsumerGroupDescribeResponse = message('ConsumerGroupDescribeResponse', 69, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  groups: array({
    /**
     * NONE, GROUP_ID_NOT_FOUND, INVALID_GROUP_ID, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
     * COORDINATOR_LOAD_IN_PROGRESS, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    groupId: string,
    /** Empty, Assigning, Reconciling, Stable or Dead. */
    groupState: string,
    groupEpoch: int32,
    assignmentEpoch: int32,
    assignorName: string,
    members: array({
      memberId: string,
      instanceId: defaulted(nullable(string), null),
      rackId: defaulted(nullable(string), null),
      memberEpoch: int32,
      clientId: string,
      clientHost: string,
      subscribedTopicNames: array(string),
      subscribedTopicRegex: defaulted(nullable(string), null),
      /** What the member has now. */
      assignment: struct(Assignment),
      /** What it shall have. */
      targetAssignment: struct(Assignment),
      /** -1 unknown, 0 classic protocol, 1 consumer protocol (v1). */
      memberType: at('1+', int8, -1),
    }),
    authorizedOperations: defaulted(int32, -2147483648),
  }),
})
export type ConsumerGroupDescribeResponse = InputOf<typeof ConsumerGroupDescribeResponse.fields>
