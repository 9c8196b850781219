import { ErrorCode } from '../../protocol/errors.ts'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from '../../protocol/messages/create-partitions.ts'
import { handler } from './handler.ts'

export const createPartitions = handler({
  request: CreatePartitionsRequest,
  response: CreatePartitionsResponse,
  refuse: (errorCode, { topics }) => ({ results: topics.map(({ name }) => ({ name, errorCode })) }),

  async handle({ topics, timeoutMs, validateOnly }, { controller }) {
    const results = await controller.createPartitions(topics, { timeoutMs, validateOnly })
    return {
      results: results.map(({ name, result }) => ({
        name,
        errorCode: result.error,
        errorMessage: result.error === ErrorCode.NONE ? null : (result.message ?? null),
      })),
    }
  },
})
