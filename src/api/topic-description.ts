/** What Metadata and DescribeTopicPartitions say of partitions in the same words. */
import type { ClusterImage, PartitionImage } from '../metadata/image.ts'

/** Replicas on brokers that are not there. */
export function offlineReplicas({ replicas }: PartitionImage, { brokers }: ClusterImage): number[] {
  return replicas.filter(id => !brokers.has(id))
}
