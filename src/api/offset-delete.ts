import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from '../../protocol/messages/offset-delete.ts'
import { handler } from './handler.ts'
import { missingFirst } from './missing-first.ts'

export const offsetDelete = handler({
  request: OffsetDeleteRequest,
  response: OffsetDeleteResponse,
  refuse: errorCode => ({ errorCode, topics: [] }),

  async handle({ groupId, topics }, { controller, groups }) {
    const image = controller.image()
    const items = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => {
        const isMissing = image.topicByName(name)?.partitions[partitionIndex] === undefined
        return { name, partitionIndex, isMissing }
      }),
    )
    const existing = items.filter(({ isMissing }) => !isMissing)
    const deleted = await groups.deleteOffsets(
      groupId,
      existing.map(({ name, partitionIndex }) => ({ topic: name, partition: partitionIndex })),
    )
    if (deleted.error) return { errorCode: deleted.error, topics: [] }
    const errorCodes = new Map(existing.map((item, i) => [item, deleted.value[i]]))
    // Kafka does not mention topics of which no partition is asked for.
    const answers = items.map(item => ({
      ...item,
      topicId: '',
      errorCode: errorCodes.get(item) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }))
    return { errorCode: ErrorCode.NONE, topics: missingFirst(answers) }
  },
})
