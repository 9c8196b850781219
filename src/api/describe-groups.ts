import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from '../../protocol/messages/describe-groups.ts'
import { GROUP_OPERATIONS, NOT_ASKED } from './authorized-operations.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

/** Since then a group that does not exist is an error (KIP-1043); before, it is described as Dead. */
const FIRST_WITH_GROUP_ID_NOT_FOUND = 6

type DescribedGroup = DescribeGroupsResponse['groups'][number]

export const describeGroups = handler({
  request: DescribeGroupsRequest,
  response: DescribeGroupsResponse,
  refuse: (errorCode, { groups }) => ({ groups: groups.map(groupId => failed(groupId, errorCode)) }),

  async handle(request, context) {
    const operations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : NOT_ASKED
    const groups = request.groups.map(async groupId => {
      const described = await describe(groupId, context)
      return described.errorCode ? described : { ...described, authorizedOperations: operations }
    })
    return { groups: await Promise.all(groups) }
  },
})

async function describe(groupId: string, { apiVersion, groups }: Context): Promise<DescribedGroup> {
  const described = await groups.describe(groupId)
  if (described.error === ErrorCode.GROUP_ID_NOT_FOUND)
    return notFound(groupId, described.message, apiVersion)
  if (described.error) return failed(groupId, described.error)
  const group = described.value
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocolName,
    members: group.members.map(({ metadata, assignment, ...member }) => ({
      ...member,
      memberMetadata: metadata,
      memberAssignment: assignment,
    })),
  }
}

function notFound(groupId: string, message: string | undefined, apiVersion: number): DescribedGroup {
  const isError = apiVersion >= FIRST_WITH_GROUP_ID_NOT_FOUND
  const errorCode = isError ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE
  return { ...failed(groupId, errorCode), groupState: 'Dead', errorMessage: (isError && message) || null }
}

function failed(groupId: string, errorCode: ErrorCode): DescribedGroup {
  return { errorCode, groupId, groupState: '', protocolType: '', protocolData: '', members: [] }
}
