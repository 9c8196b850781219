import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { handler } from './handler.ts'

export const heartbeat = handler({
  request: HeartbeatRequest,
  response: HeartbeatResponse,
  refuse: errorCode => ({ errorCode }),

  async handle({ groupId, ...request }, { groups }) {
    return { errorCode: await groups.heartbeat(groupId, request) }
  },
})
