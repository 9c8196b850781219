import { ErrorCode } from '../../protocol/errors.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from '../../protocol/messages/delete-records.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

type RequestTopic = DeleteRecordsRequest['topics'][number]
type ResponsePartition = DeleteRecordsResponse['topics'][number]['partitions'][number]

export const deleteRecords = handler({
  request: DeleteRecordsRequest,
  response: DeleteRecordsResponse,
  refuse: (errorCode, request) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, errorCode)),
    })),
  }),

  async handle(request, context) {
    const topics = request.topics.map(async topic => ({
      name: topic.name,
      partitions: await Promise.all(
        topic.partitions.map(partition => deleteFrom(topic.name, partition, context)),
      ),
    }))
    return { topics: await Promise.all(topics) }
  },
})

async function deleteFrom(
  topic: string,
  { partitionIndex, offset }: RequestTopic['partitions'][number],
  { replicas }: Context,
): Promise<ResponsePartition> {
  const deleted = await replicas.deleteRecords(topic, partitionIndex, offset)
  if (deleted.error) return failed(partitionIndex, deleted.error)
  return { partitionIndex, lowWatermark: deleted.value, errorCode: ErrorCode.NONE }
}

function failed(partitionIndex: number, errorCode: ErrorCode): ResponsePartition {
  return { partitionIndex, lowWatermark: -1n, errorCode }
}
