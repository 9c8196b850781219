import { JoinGroupRequest, JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { refusedJoin } from '../groups/classic-member.ts'
import { handler } from './handler.ts'

/** New dynamic members are told their id first (KIP-394). */
const FIRST_WITH_MEMBER_ID_REQUIRED = 4
/** A leader that returns may be told that its assignment stands (KIP-814). */
const FIRST_WITH_SKIP_ASSIGNMENT = 9
/** Before, the client's null cannot be said, and an empty name stands for it. */
const FIRST_WITH_NULL_PROTOCOL_NAME = 7

export const joinGroup = handler({
  request: JoinGroupRequest,
  response: JoinGroupResponse,
  refuse: (errorCode, { memberId }) =>
    wireResponse(refusedJoin(errorCode, memberId), FIRST_WITH_NULL_PROTOCOL_NAME),

  async handle(request, { apiVersion, session, groups }) {
    const { memberId, groupInstanceId, sessionTimeoutMs, protocolType } = request
    const response = await groups.join(request.groupId, {
      memberId,
      groupInstanceId,
      clientId: session.clientId ?? '',
      clientHost: `/${session.clientAddress}`,
      // Before v1 the one time-out was for both (KIP-62).
      rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? sessionTimeoutMs : request.rebalanceTimeoutMs,
      sessionTimeoutMs,
      protocolType,
      // The group keeps them longer than the frame that they came in.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
      requiresKnownMemberId: apiVersion >= FIRST_WITH_MEMBER_ID_REQUIRED,
      supportsSkippingAssignment: apiVersion >= FIRST_WITH_SKIP_ASSIGNMENT,
    })
    return wireResponse(response, apiVersion)
  },
})

function wireResponse(response: ReturnType<typeof refusedJoin>, apiVersion: number): JoinGroupResponse {
  const isNullable = apiVersion >= FIRST_WITH_NULL_PROTOCOL_NAME
  return { ...response, protocolName: response.protocolName ?? (isNullable ? null : '') }
}
