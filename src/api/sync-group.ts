import { ErrorCode } from '../../protocol/errors.ts'
import { SyncGroupRequest, SyncGroupResponse } from '../../protocol/messages/sync-group.ts'
import { EMPTY_BYTES } from '../../protocol/wire.ts'
import { handler } from './handler.ts'

/** Since then members say which protocol they assign by, and must (KIP-559). */
const FIRST_WITH_PROTOCOL = 5

export const syncGroup = handler({
  request: SyncGroupRequest,
  response: SyncGroupResponse,
  refuse: errorCode => ({ errorCode, assignment: EMPTY_BYTES }),

  handle({ groupId, assignments, ...request }, { apiVersion, groups }) {
    const isSaid = request.protocolType !== null && request.protocolName !== null
    if (apiVersion >= FIRST_WITH_PROTOCOL && !isSaid) {
      return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment: EMPTY_BYTES }
    }
    const byMember = assignments.map(
      // The group keeps them longer than the frame that they came in.
      ({ memberId, assignment }) => [memberId, Buffer.from(assignment)] as const,
    )
    return groups.sync(groupId, { ...request, assignments: new Map(byMember) })
  },
})
