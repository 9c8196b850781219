/**
 * ApiVersions: what is served, from the table that dispatch looks up, and the features that are switched on.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

const CLIENT_SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/** A feature means something once its API is served; before, nobody is told of it. */
const API_OF_FEATURE: ReadonlyMap<string, number> = new Map([
  ['group.version', 68],
  ['share.version', 76],
  ['streams.version', 88],
  ['transaction.version', 24],
])

export const apiVersions = handler({
  request: ApiVersionsRequest,
  response: ApiVersionsResponse,
  refuse: errorCode => ({ errorCode, apiKeys: [] }),

  /** KIP-511: the client learns which ApiVersions we do speak, and asks again on the same connection. */
  refuseVersion: ({ apis }) => ({
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: advertised(apis).filter(row => row.apiKey === ApiVersionsRequest.apiKey),
  }),

  handle(request, context) {
    const { apis, apiVersion, config, controller, session } = context
    const errorCode = refusalOf(request, context)
    if (errorCode) return { errorCode, apiKeys: [] }
    session.authentication?.noteVersionsTold()

    if (apiVersion >= 3) {
      session.clientSoftwareName = request.clientSoftwareName
      session.clientSoftwareVersion = request.clientSoftwareVersion
    }
    const image = controller.image()
    const isServed = ({ name }: { readonly name: string }) => {
      const apiKey = API_OF_FEATURE.get(name)
      return apiKey === undefined || apis.get(apiKey) !== undefined
    }
    const finalized = Array.from(image.features, ([name, level]) => ({
      name,
      maxVersionLevel: level,
      minVersionLevel: level,
    }))
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: advertised(apis),
      // Clients up to v3 take a lowest level of 0 for an error (KAFKA-17011).
      supportedFeatures: config.persona.supportedFeatures
        .filter(isServed)
        .filter(({ minVersion }) => apiVersion >= 4 || minVersion > 0),
      // With ZooKeeper, a Kafka without features counts from 0 what it has not got.
      finalizedFeaturesEpoch: config.persona.supportedFeatures.length > 0 ? image.version : 0n,
      finalizedFeatures: finalized.filter(isServed),
    }
  },
})

function refusalOf(request: ApiVersionsRequest, { apiVersion, config, controller }: Context): ErrorCode {
  const software = [request.clientSoftwareName, request.clientSoftwareVersion]
  if (apiVersion >= 3 && !software.every(it => CLIENT_SOFTWARE.test(it))) return ErrorCode.INVALID_REQUEST
  // KIP-1242: a client that meant another broker learns it here, before it trusts what it is told.
  const { clusterId, nodeId } = request
  const isOtherCluster = clusterId !== null && clusterId !== controller.image().clusterId
  const isOtherNode = nodeId !== -1 && nodeId !== config.nodeId
  return isOtherCluster || isOtherNode ? ErrorCode.REBOOTSTRAP_REQUIRED : ErrorCode.NONE
}

function advertised(apis: Context['apis']) {
  return Array.from(apis.rows(), ({ apiKey, advertised: range }) => ({ apiKey, ...range }))
}
