import { ErrorCode } from '../../protocol/errors.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../protocol/messages/consumer-group-heartbeat.ts'
import { ascending } from '../groups/consumer-member.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

/** Since then members make their ids themselves (KIP-1082). */
const FIRST_WITH_CLIENT_IDS = 1

export const consumerGroupHeartbeat = handler({
  request: ConsumerGroupHeartbeatRequest,
  response: ConsumerGroupHeartbeatResponse,
  refuse: errorCode => refused(errorCode),

  async handle(request, context) {
    if (!servesConsumerGroups(context)) return refused(ErrorCode.UNSUPPORTED_VERSION)
    const { apiVersion, groups, session } = context
    const { groupId, topicPartitions, ...said } = request
    const answered = await groups.consumerHeartbeat(groupId, {
      ...said,
      owned:
        topicPartitions && new Map(topicPartitions.map(each => [each.topicId, ascending(each.partitions)])),
      clientId: session.clientId ?? '',
      clientHost: `/${session.clientAddress}`,
      requiresMemberId: apiVersion >= FIRST_WITH_CLIENT_IDS,
    })
    if (answered.error) return refused(answered.error, answered.message)
    const { assignment, ...answer } = answered.value
    const topics = assignment && [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }))
    return {
      ...answer,
      errorCode: ErrorCode.NONE,
      assignment: topics && {
        topicPartitions: topics.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })),
      },
    }
  },
})

/** The feature is on, and so is the protocol (KIP-848): else nobody is to know of it. */
export function servesConsumerGroups({
  config,
  controller,
}: Pick<Context, 'config' | 'controller'>): boolean {
  const level = controller.image().features.get('group.version') ?? 0
  return level > 0 && config.list('group.coordinator.rebalance.protocols').includes('consumer')
}

function refused(errorCode: ErrorCode, errorMessage: string | null = null): ConsumerGroupHeartbeatResponse {
  return { errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 }
}
