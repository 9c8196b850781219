/** DescribeCluster: Metadata's brokers without its topics (KIP-700). */
import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from '../../protocol/messages/describe-cluster.ts'
import { brokerAddresses } from './advertised-address.ts'
import { CLUSTER_OPERATIONS, NOT_ASKED } from './authorized-operations.ts'
import { handler } from './handler.ts'

const BROKERS = 1
const CONTROLLERS = 2

export const describeCluster = handler({
  request: DescribeClusterRequest,
  response: DescribeClusterResponse,
  refuse: errorCode => refusal(errorCode),

  handle({ endpointType, includeClusterAuthorizedOperations }, context) {
    if (endpointType === CONTROLLERS) {
      return refusal(
        ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
      )
    }
    if (endpointType !== BROKERS) {
      return refusal(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, `Unsupported endpoint type ${endpointType}`)
    }
    const image = context.controller.image()
    return {
      errorCode: ErrorCode.NONE,
      clusterId: image.clusterId,
      controllerId: image.controllerId,
      brokers: brokerAddresses(context).map(({ nodeId, ...address }) => ({
        brokerId: nodeId,
        ...address,
        isFenced: false,
      })),
      clusterAuthorizedOperations: includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NOT_ASKED,
    }
  },
})

function refusal(errorCode: ErrorCode, errorMessage: string | null = null): DescribeClusterResponse {
  return { errorCode, errorMessage, clusterId: '', brokers: [] }
}
