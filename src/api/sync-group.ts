import { SyncGroupRequest, SyncGroupResponse } from '../../protocol/messages/sync-group.ts'
import { EMPTY_BYTES } from '../../protocol/wire.ts'
import { handler } from './handler.ts'

export const syncGroup = handler({
  request: SyncGroupRequest,
  response: SyncGroupResponse,
  refuse: errorCode => ({ errorCode, assignment: EMPTY_BYTES }),

  handle({ groupId, assignments, ...request }, { groups }) {
    const byMember = assignments.map(
      // The group keeps them longer than the frame that they came in.
      ({ memberId, assignment }) => [memberId, Buffer.from(assignment)] as const,
    )
    return groups.sync(groupId, { ...request, assignments: new Map(byMember) })
  },
})
