import { ErrorCode } from '../../protocol/errors.ts'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../protocol/messages/consumer-group-describe.ts'
import type { DescribedConsumer } from '../groups/group-descriptions.ts'
import { GROUP_OPERATIONS, NOT_ASKED } from './authorized-operations.ts'
import { servesConsumerGroups } from './consumer-group-heartbeat.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

type DescribedGroup = ConsumerGroupDescribeResponse['groups'][number]

const CLASSIC_MEMBER = 0
const CONSUMER_MEMBER = 1

export const consumerGroupDescribe = handler({
  request: ConsumerGroupDescribeRequest,
  response: ConsumerGroupDescribeResponse,
  refuse: (errorCode, { groupIds }) => ({ groups: groupIds.map(groupId => failed(groupId, errorCode)) }),

  async handle({ groupIds, includeAuthorizedOperations }, context) {
    if (!servesConsumerGroups(context)) {
      return { groups: groupIds.map(groupId => failed(groupId, ErrorCode.UNSUPPORTED_VERSION)) }
    }
    const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NOT_ASKED
    const groups = groupIds.map(async groupId => {
      const described = await describe(groupId, context)
      return described.errorCode ? described : { ...described, authorizedOperations }
    })
    return { groups: await Promise.all(groups) }
  },
})

async function describe(groupId: string, { groups }: Context): Promise<DescribedGroup> {
  const described = await groups.describeConsumerGroup(groupId)
  if (described.error) return failed(groupId, described.error, described.message)
  const { state, members, ...group } = described.value
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: state,
    ...group,
    members: members.map(describedMember),
  }
}

function describedMember({ isClassic, ...member }: DescribedConsumer): DescribedGroup['members'][number] {
  return {
    ...member,
    assignment: { topicPartitions: member.assignment },
    targetAssignment: { topicPartitions: member.targetAssignment },
    memberType: isClassic ? CLASSIC_MEMBER : CONSUMER_MEMBER,
  }
}

function failed(groupId: string, errorCode: ErrorCode, errorMessage: string | null = null): DescribedGroup {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  }
}
