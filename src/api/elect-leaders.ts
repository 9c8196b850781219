import { ErrorCode } from '../../protocol/errors.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from '../../protocol/messages/elect-leaders.ts'
import { refusalToElect } from '../controller/reassignment.ts'
import { handler } from './handler.ts'

const UNCLEAN = 1

export const electLeaders = handler({
  request: ElectLeadersRequest,
  response: ElectLeadersResponse,
  refuse: (errorCode, request) => refusal(request, errorCode, null),

  handle(request, { controller }) {
    const { electionType, topicPartitions } = request
    if (electionType < 0 || electionType > UNCLEAN) {
      return refusal(request, ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`)
    }
    const image = controller.image()
    // Asked for all partitions, Kafka tells of those that got another leader, under each topic's name.
    const all = Array.from(image.topics, ({ name }) => ({ topic: name, partitions: [] }))
    return {
      errorCode: ErrorCode.NONE,
      replicaElectionResults: (topicPartitions ?? all).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map(partitionId => {
          const { error, message } = refusalToElect(image, topic, partitionId)
          return { partitionId, errorCode: error, errorMessage: message ?? null }
        }),
      })),
    }
  },
})

function refusal(
  { topicPartitions }: ElectLeadersRequest,
  errorCode: ErrorCode,
  errorMessage: string | null,
): ElectLeadersResponse {
  const replicaElectionResults = (topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map(partitionId => ({ partitionId, errorCode, errorMessage })),
  }))
  return { errorCode, replicaElectionResults }
}
