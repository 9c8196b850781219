/** Topics without an admin client. */
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { TopicImage } from '../metadata/image.ts'
import { isInternalTopic } from '../replication/replica-manager.ts'
import { type DataContext, type DataSource, existingTopic, said } from './data.ts'
import { topicProblem } from './option-checks.ts'
import { type TopicOptions, topicToCreate } from './options.ts'
import { Refused } from './refused.ts'

export interface PartitionView {
  readonly partition: number
  /** The first offset that is still there. */
  readonly start: bigint
  /** The offset of the next record to come, as a consumer sees it. */
  readonly end: bigint
  readonly sizeBytes: number
}

export interface TopicView {
  readonly name: string
  readonly topicId: string
  /** One of Kafka's own, such as `__consumer_offsets`. */
  readonly isInternal: boolean
  readonly partitions: readonly PartitionView[]
  /** What was set for this topic. */
  readonly configs: Readonly<Record<string, string>>
}

/** By name. */
export function topics(source: DataSource): TopicView[] {
  const context = source.context()
  const views = [...context.controller.image().topics].map(topic => viewOf(context, topic))
  return views.sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function topicNamed(source: DataSource, name: string): TopicView {
  const context = source.context()
  return viewOf(context, existingTopic(context, name))
}

export async function createTopic(source: DataSource, topic: string | TopicOptions): Promise<TopicView> {
  const context = source.context()
  const problem = topicProblem(topic)
  if (problem !== undefined) throw new Refused('invalid', `topic: ${problem}`)
  const [created] = await context.controller.createTopics([topicToCreate(topic)])
  const { name, result } = created!
  if (result.error) {
    throw new Refused('refused', `topic ${name} cannot be made: ${said(result.error, result.message)}`)
  }
  return topicNamed(source, name)
}

export async function deleteTopic(source: DataSource, name: string): Promise<void> {
  const context = source.context()
  existingTopic(context, name)
  const [deleted] = await context.controller.deleteTopics([{ name, topicId: ZERO_UUID }])
  const { result } = deleted!
  if (result.error) {
    throw new Refused('refused', `topic ${name} cannot be deleted: ${said(result.error, result.message)}`)
  }
}

function viewOf({ controller, replicas }: DataContext, topic: TopicImage): TopicView {
  const partitions = topic.partitions.flatMap((_, partition) => {
    const hosted = replicas.partition(topic.name, partition)
    if (hosted.error) return []
    const { logStartOffset, highWatermark, log } = hosted.value
    return [{ partition, start: logStartOffset, end: highWatermark, sizeBytes: Number(log.sizeBytes) }]
  })
  return {
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions,
    configs: Object.fromEntries(controller.image().configs('topic', topic.name)),
  }
}
