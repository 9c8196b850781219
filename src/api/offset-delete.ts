import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from '../../protocol/messages/offset-delete.ts'
import { handler } from './handler.ts'

interface Item {
  readonly topic: string
  readonly partition: number
  errorCode: ErrorCode
}

export const offsetDelete = handler({
  request: OffsetDeleteRequest,
  response: OffsetDeleteResponse,
  refuse: errorCode => ({ errorCode, topics: [] }),

  async handle({ groupId, topics }, { controller, groups }) {
    const image = controller.image()
    // Kafka does not mention topics of which no partition is asked for.
    const asked = topics.filter(({ partitions }) => partitions.length > 0)
    const items = asked.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }): Item => {
        const exists = image.topicByName(name)?.partitions[partitionIndex] !== undefined
        const errorCode = exists ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        return { topic: name, partition: partitionIndex, errorCode }
      }),
    }))
    const existing = items.flatMap(({ partitions }) =>
      partitions.filter(each => each.errorCode === ErrorCode.NONE),
    )
    const deleted = await groups.deleteOffsets(groupId, existing)
    if (deleted.error) return { errorCode: deleted.error, topics: [] }
    for (const [i, errorCode] of deleted.value.entries()) existing[i]!.errorCode = errorCode
    return {
      errorCode: ErrorCode.NONE,
      topics: items.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partition, errorCode }) => ({ partitionIndex: partition, errorCode })),
      })),
    }
  },
})
