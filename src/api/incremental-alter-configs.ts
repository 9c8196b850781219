import { ErrorCode } from '../../protocol/errors.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../protocol/messages/incremental-alter-configs.ts'
import { handler } from './handler.ts'

export const incrementalAlterConfigs = handler({
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
  refuse: (errorCode, { resources }) => ({
    responses: resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })),
  }),

  async handle({ resources, validateOnly }, { controller }) {
    const results = await controller.incrementalAlterConfigs(resources, { validateOnly })
    return {
      responses: results.map(({ resourceType, resourceName, result }) => ({
        errorCode: result.error,
        errorMessage: result.error === ErrorCode.NONE ? null : (result.message ?? null),
        resourceType,
        resourceName,
      })),
    }
  },
})
