import {
  array,
  bool,
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

export const ShareGroupDescribeRequest = message('ShareGroupDescribeRequest', 77, '1', '0+', {
  groupIds: array(string),
  includeAuthorizedOperations: bool,
})
export type ShareGroupDescribeRequest = ValueOf<typeof ShareGroupDescribeRequest.fields>

const TopicPartitions = {
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
}

const Assignment = {
  topicPartitions: array(TopicPartitions),
}

export const ShareGroupDescribeResponse = message('ShareGroupDescribeResponse', 77, '1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  groups: array({
    /**
     * NONE, GROUP_ID_NOT_FOUND, INVALID_GROUP_ID, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
     * COORDINATOR_LOAD_IN_PROGRESS, GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    groupId: string,
    /** Empty, Stable or Dead. */
    groupState: string,
    groupEpoch: int32,
    assignmentEpoch: int32,
    assignorName: string,
    members: array({
      memberId: string,
      rackId: defaulted(nullable(string), null),
      memberEpoch: int32,
      clientId: string,
      clientHost: string,
      subscribedTopicNames: array(string),
      assignment: struct(Assignment),
    }),
    authorizedOperations: defaulted(int32, -2147483648),
  }),
})
export type ShareGroupDescribeResponse = InputOf<typeof ShareGroupDescribeResponse.fields>
