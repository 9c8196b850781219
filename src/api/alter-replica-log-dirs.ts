/** AlterReplicaLogDirs: replicas move to other log directories of this broker (KIP-113). */
import { ErrorCode } from '../../protocol/errors.ts'
import {
  AlterReplicaLogDirsRequest,
  AlterReplicaLogDirsResponse,
} from '../../protocol/messages/alter-replica-log-dirs.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

type ResponsePartition = AlterReplicaLogDirsResponse['results'][number]['partitions'][number]

export const alterReplicaLogDirs = handler({
  request: AlterReplicaLogDirsRequest,
  response: AlterReplicaLogDirsResponse,
  refuse: (errorCode, { dirs }) => ({
    results: byTopic(
      dirs.flatMap(({ topics }) =>
        topics.flatMap(({ name, partitions }) =>
          partitions.map(partitionIndex => ({ name, partitionIndex, errorCode })),
        ),
      ),
    ),
  }),

  async handle({ dirs }, context) {
    const outcomes = dirs.flatMap(({ path, topics }) =>
      topics.flatMap(({ name, partitions }) =>
        partitions.map(async partitionIndex => {
          const errorCode = await move({ name, partitionIndex, path }, context)
          return { name, partitionIndex, errorCode }
        }),
      ),
    )
    return { results: byTopic(await Promise.all(outcomes)) }
  },
})

/** That the copying has begun is all that is answered; DescribeLogDirs shows how far it is. */
async function move(
  { name, partitionIndex, path }: { name: string; partitionIndex: number; path: string },
  { logs, controller, replicas }: Context,
): Promise<ErrorCode> {
  const { error } = await logs.moveLog(name, partitionIndex, path)
  if (error !== ErrorCode.REPLICA_NOT_AVAILABLE) return error
  const topic = controller.image().topicByName(name)
  if (!topic?.partitions[partitionIndex]) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  return replicas.isOffline(topic.id, partitionIndex) ? ErrorCode.KAFKA_STORAGE_ERROR : error
}

function byTopic(
  outcomes: readonly (ResponsePartition & { readonly name: string })[],
): AlterReplicaLogDirsResponse['results'] {
  const topics = new Map<string, ResponsePartition[]>()
  for (const { name, partitionIndex, errorCode } of outcomes) {
    const partitions = topics.get(name) ?? []
    topics.set(name, partitions)
    partitions.push({ partitionIndex, errorCode })
  }
  return Array.from(topics, ([topicName, partitions]) => ({ topicName, partitions }))
}
