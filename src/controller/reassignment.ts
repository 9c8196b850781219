/**
 * Moving replicas and leadership, as far as one broker can: every valid wish is already so, and every other
 * is refused in Kafka's words. Pure.
 */
import { ErrorCode, type Refusal, refuse } from '../../protocol/errors.ts'
import type { ClusterImage } from '../metadata/image.ts'

/** Why a partition cannot get these replicas (null: stop moving to others); undefined where it has them. */
export function refusalToReassign(
  image: ClusterImage,
  { topic, index, replicas }: { topic: string; index: number; replicas: readonly number[] | null },
): Refusal | undefined {
  const found = image.topicByName(topic)
  if (!found) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${topic}.`)
  if (!found.partitions[index]) {
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${topic}:${index}.`)
  }
  // Nothing ever is in progress: what a cluster of one accepts is done at once.
  if (replicas === null) return { error: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS }
  const why = whyInvalid(image, replicas)
  return why === undefined ? undefined : refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why)
}

function whyInvalid(image: ClusterImage, replicas: readonly number[]): string | undefined {
  const prefix = 'The manual partition assignment includes'
  if (replicas.length === 0) return `${prefix} an empty replica list.`
  const sorted = [...replicas].sort((a, b) => a - b)
  const twice = sorted.find((replica, i) => replica === sorted[i + 1])
  if (twice !== undefined) return `${prefix} the broker ${twice} more than once.`
  const stranger = sorted.find(replica => !image.brokers.has(replica))
  if (stranger === undefined) return undefined
  return `${prefix} broker ${stranger}, but no such broker is registered.`
}

/** Why no leader is elected: the one replica leads wherever the partition exists. */
export function refusalToElect(image: ClusterImage, topic: string, index: number): Refusal {
  const found = image.topicByName(topic)
  if (!found) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${topic}`)
  if (!found.partitions[index]) {
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topic}-${index}`)
  }
  return refuse(ErrorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.')
}
