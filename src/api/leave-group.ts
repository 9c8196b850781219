import { ErrorCode } from '../../protocol/errors.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from '../../protocol/messages/leave-group.ts'
import { handler } from './handler.ts'

/** Before, a request named one member, and the response had room for one code only (KIP-345). */
const FIRST_WITH_MEMBERS = 3

export const leaveGroup = handler({
  request: LeaveGroupRequest,
  response: LeaveGroupResponse,
  refuse: errorCode => ({ errorCode, members: [] }),

  async handle(request, { apiVersion, groups }) {
    const isSingle = apiVersion < FIRST_WITH_MEMBERS
    const members = isSingle ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members
    const left = await groups.leave(request.groupId, members)
    if (left.error) return { errorCode: left.error, members: [] }
    if (isSingle) return { errorCode: left.value[0] ?? ErrorCode.NONE, members: [] }
    return {
      errorCode: ErrorCode.NONE,
      members: members.map(({ memberId, groupInstanceId }, i) => ({
        memberId,
        groupInstanceId,
        errorCode: left.value[i] ?? ErrorCode.UNKNOWN_MEMBER_ID,
      })),
    }
  },
})
