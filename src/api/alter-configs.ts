import { ErrorCode } from '../../protocol/errors.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from '../../protocol/messages/alter-configs.ts'
import { handler } from './handler.ts'

/** The old form: what a resource's list does not mention goes back to its default. */
export const alterConfigs = handler({
  request: AlterConfigsRequest,
  response: AlterConfigsResponse,
  refuse: (errorCode, { resources }) => ({
    responses: resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })),
  }),

  async handle({ resources, validateOnly }, { controller }) {
    const results = await controller.alterConfigs(resources, { validateOnly })
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
