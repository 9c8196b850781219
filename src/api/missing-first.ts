/** The order in which Kafka answers requests that name topics of which some are missing. */
import type { ErrorCode } from '../../protocol/errors.ts'

export interface PartitionAnswer {
  readonly name: string
  readonly topicId: string
  readonly partitionIndex: number
  readonly errorCode: ErrorCode
  /** Answered without asking the group. */
  readonly isMissing: boolean
}

interface TopicAnswer {
  readonly name: string
  readonly topicId: string
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: ErrorCode }[]
}

/**
 * What is missing comes first, then what the group says; a topic is answered once, however often it is named.
 * Kafka does so where anything is missing; where nothing is, the answer has the form of the request.
 */
export function missingFirst(answers: readonly PartitionAnswer[]): TopicAnswer[] {
  const topics = new Map<string, TopicAnswer>()
  const ordered = [...answers].sort((one, other) => Number(other.isMissing) - Number(one.isMissing))
  for (const { name, topicId, partitionIndex, errorCode } of ordered) {
    const key = `${name} ${topicId}`
    const topic = topics.get(key) ?? { name, topicId, partitions: [] }
    topic.partitions.push({ partitionIndex, errorCode })
    topics.set(key, topic)
  }
  return [...topics.values()]
}
