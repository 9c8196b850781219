import { ErrorCode } from '../../protocol/errors.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../protocol/messages/offset-for-leader-epoch.ts'
import { handler } from './handler.ts'

export const offsetForLeaderEpoch = handler({
  request: OffsetForLeaderEpochRequest,
  response: OffsetForLeaderEpochResponse,
  refuse: (errorCode, request) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
    })),
  }),

  handle(request, { replicas }) {
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = replicas.partition(topic, index)
        if (partition.error) return { partition: index, errorCode: partition.error }
        const end = partition.value.offsetForLeaderEpoch(currentLeaderEpoch, leaderEpoch)
        if (end.error) return { partition: index, errorCode: end.error }
        return { partition: index, errorCode: ErrorCode.NONE, ...end.value }
      }),
    }))
    return { topics }
  },
})
