import { ErrorCode } from '../../protocol/errors.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { handler } from './handler.ts'

export const deleteTopics = handler({
  request: DeleteTopicsRequest,
  response: DeleteTopicsResponse,
  refuse: (errorCode, request) => ({ responses: asked(request).map(topic => ({ ...topic, errorCode })) }),

  async handle(request, { controller }) {
    const results = await controller.deleteTopics(asked(request), { timeoutMs: request.timeoutMs })
    return {
      responses: results.map(({ name, topicId, result }) => ({
        name,
        topicId,
        errorCode: result.error,
        errorMessage: result.error === ErrorCode.NONE ? null : (result.message ?? null),
      })),
    }
  },
})

/** Before v6 topics went by name only. */
function asked({ topics, topicNames }: DeleteTopicsRequest): { name: string | null; topicId: string }[] {
  const named = topicNames.map(name => ({ name, topicId: ZERO_UUID }))
  return [...topics.map(({ name, topicId }) => ({ name, topicId })), ...named]
}
