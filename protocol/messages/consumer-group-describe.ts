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
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    groupId: string,
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
      assignment: struct(Assignment),
      targetAssignment: struct(Assignment),
      memberType: at('1+', int8, -1),
    }),
    authorizedOperations: defaulted(int32, -2147483648),
  }),
})
export type ConsumerGroupDescribeResponse = InputOf<typeof ConsumerGroupDescribeResponse.fields>
