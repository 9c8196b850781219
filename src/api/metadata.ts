/** Metadata: the brokers as the client reaches them, and topics by name, by id, or all of them. */
import { ErrorCode } from '../../protocol/errors.ts'
import { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { TopicImage } from '../metadata/image.ts'
import { INTERNAL_TOPICS } from '../metadata/topic-names.ts'
import { brokerAddresses } from './advertised-address.ts'
import { CLUSTER_OPERATIONS, NOT_ASKED, TOPIC_OPERATIONS } from './authorized-operations.ts'
import { autoCreateTopics, missingTopicError } from './auto-create-topics.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'
import { partitionDescription } from './topic-description.ts'

type ResponseTopic = MetadataResponse['topics'][number]

export const metadata = handler({
  request: MetadataRequest,
  response: MetadataResponse,
  refuse: refusal,

  async handle(request, context) {
    const { apiVersion, controller } = context
    if (request.topics?.some(topic => !isAnswerable(topic, apiVersion))) {
      return refusal(ErrorCode.INVALID_REQUEST, request)
    }
    const topics = await requestedTopics(request, context)
    const image = controller.image()
    return {
      brokers: brokerAddresses(context),
      clusterId: image.clusterId,
      controllerId: image.controllerId,
      topics,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : NOT_ASKED,
      errorCode: ErrorCode.NONE,
    }
  },
})

/** The field for topic ids came with v10, but ids are looked up since v12 only (KIP-516). */
function isAnswerable(
  { name, topicId }: { name: string | null; topicId: string },
  apiVersion: number,
): boolean {
  return apiVersion >= 12 ? name !== null || topicId !== ZERO_UUID : name !== null && topicId === ZERO_UUID
}

function refusal(errorCode: ErrorCode, { topics }: MetadataRequest): MetadataResponse {
  return {
    brokers: [],
    topics: (topics ?? []).map(({ name, topicId }) => failed(errorCode, name, topicId)),
    errorCode,
  }
}

async function requestedTopics(request: MetadataRequest, context: Context): Promise<ResponseTopic[]> {
  const { topics } = request
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NOT_ASKED
  const image = context.controller.image()
  const describe = (topic: TopicImage) => described(topic, operations, context)

  // Before v1 there was no null: an empty list asked for everything.
  if (topics === null || (context.apiVersion === 0 && topics.length === 0)) {
    return Array.from(image.topics, describe)
  }
  // One id makes Kafka go by ids alone. Who names a topic twice is answered once.
  const ids = new Set(topics.map(topic => topic.topicId).filter(id => id !== ZERO_UUID))
  if (ids.size > 0) {
    return Array.from(ids, id => {
      const topic = image.topicById(id)
      return topic ? describe(topic) : failed(ErrorCode.UNKNOWN_TOPIC_ID, null, id)
    })
  }
  const names = new Set(topics.map(topic => topic.name ?? ''))
  const refusals = await createMissing(names, request.allowAutoTopicCreation, context)
  return Array.from(names, name => {
    const topic = context.controller.image().topicByName(name)
    if (topic) return describe(topic)
    const missing = failed(refusals.get(name) ?? missingTopicError(name), name, ZERO_UUID)
    return { ...missing, topicAuthorizedOperations: operations }
  })
}

async function createMissing(
  names: ReadonlySet<string>,
  isAllowed: boolean,
  context: Context,
): Promise<ReadonlyMap<string, ErrorCode>> {
  const missing = [...names].filter(name => !context.controller.image().topicByName(name))
  if (!isAllowed || !context.config.boolean('auto.create.topics.enable') || missing.length === 0)
    return new Map()
  return autoCreateTopics(missing, context)
}

function described(topic: TopicImage, operations: number, context: Context): ResponseTopic {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: INTERNAL_TOPICS.has(topic.name),
    partitions: topic.partitions.map((_, index) => partitionDescription(topic, index, context)),
    topicAuthorizedOperations: operations,
  }
}

function failed(errorCode: ErrorCode, name: string | null, topicId: string): ResponseTopic {
  return {
    errorCode,
    name,
    topicId,
    isInternal: name !== null && INTERNAL_TOPICS.has(name),
    partitions: [],
  }
}
