/** What Metadata and DescribeTopicPartitions say of partitions in the same words. */
import { ErrorCode } from '../../protocol/errors.ts'
import type { TopicImage } from '../metadata/image.ts'
import type { Context } from './context.ts'

/** One partition, in the fields that both answers have. A failed log directory leaves it no leader. */
export function partitionDescription(
  { id, partitions }: TopicImage,
  index: number,
  { controller, replicas, config }: Context,
) {
  const partition = partitions[index]!
  const { brokers } = controller.image()
  const isOffline = replicas.isOffline(id, index)
  const isGone = (broker: number) => !brokers.has(broker) || (isOffline && broker === config.nodeId)
  const leaderId = isGone(partition.leader) ? -1 : partition.leader
  return {
    errorCode: leaderId < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: index,
    leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: isOffline ? partition.isr.filter(broker => !isGone(broker)) : partition.isr,
    offlineReplicas: partition.replicas.filter(isGone),
  }
}
