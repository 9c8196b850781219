import { ErrorCode } from '../../protocol/errors.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from '../../protocol/messages/create-topics.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { CreateTopicResult } from '../controller/create-topics.ts'
import { handler } from './handler.ts'

type ResponseTopic = CreateTopicsResponse['topics'][number]

export const createTopics = handler({
  request: CreateTopicsRequest,
  response: CreateTopicsResponse,
  refuse: (errorCode, { topics }) => ({ topics: topics.map(({ name }) => failed(name, errorCode, null)) }),

  async handle({ topics, timeoutMs, validateOnly }, { controller }) {
    const results = await controller.createTopics(topics, { timeoutMs, validateOnly })
    return { topics: results.map(responseTopic) }
  },
})

function responseTopic({ name, result }: CreateTopicResult): ResponseTopic {
  if (result.error) return failed(name, result.error, result.message ?? null)
  return { name, errorCode: ErrorCode.NONE, ...result.value }
}

function failed(name: string, errorCode: ErrorCode, errorMessage: string | null): ResponseTopic {
  return { name, topicId: ZERO_UUID, errorCode, errorMessage, configs: [] }
}
