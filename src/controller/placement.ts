/**
 * Where new replicas go: brokers in turn, from a starting point left to chance, each partition one further
 * than the last, so that leaders and followers spread evenly. Also what a hand-made assignment must fulfil.
 */
import { ErrorCode, type Refusal, refuse } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { ClusterImage, PartitionImage } from '../metadata/image.ts'
import type { Random } from '../platform/platform.ts'

export function newPartition(replicas: readonly number[]): PartitionImage {
  return {
    leader: replicas[0]!,
    leaderEpoch: 0,
    partitionEpoch: 0,
    replicas,
    isr: replicas,
    directories: replicas.map(() => ZERO_UUID),
    elr: [],
    lastKnownElr: [],
  }
}

export interface Placement {
  readonly partitions: number
  readonly replicationFactor: number
}

/** Replica lists of that many partitions; the replication factor has been checked. */
export function placeReplicas(image: ClusterImage, random: Random, wanted: Placement): number[][] {
  const brokers = [...image.brokers.keys()].sort((a, b) => a - b)
  const start = random.below(brokers.length)
  return Array.from({ length: wanted.partitions }, (_, partition) =>
    Array.from({ length: wanted.replicationFactor }, (_, replica) => {
      return brokers[(start + partition + replica) % brokers.length]!
    }),
  )
}

export function replicationProblem(image: ClusterImage, replicationFactor: number): Refusal | undefined {
  const registered = image.brokers.size
  if (replicationFactor <= registered) return undefined
  const why =
    `The target replication factor of ${replicationFactor} cannot be reached because only ` +
    `${registered} broker(s) are registered.`
  return refuse(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `Unable to replicate the partition ${replicationFactor} time(s): ${why}`,
  )
}

/** `expected`: as many replicas as the other partitions have, where there are any. */
export function assignmentProblem(
  image: ClusterImage,
  replicas: readonly number[],
  expected: number | undefined,
): Refusal | undefined {
  const problem = listProblem(image, replicas, expected)
  return problem === undefined ? undefined : refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, problem)
}

function listProblem(image: ClusterImage, replicas: readonly number[], expected: number | undefined) {
  if (replicas.length === 0) return 'The manual partition assignment includes an empty replica list.'
  const sorted = [...replicas].sort((a, b) => a - b)
  for (const [index, broker] of sorted.entries()) {
    if (!image.brokers.has(broker)) {
      return `The manual partition assignment includes broker ${broker}, but no such broker is registered.`
    }
    if (index > 0 && broker === sorted[index - 1]) {
      return `The manual partition assignment includes the broker ${broker} more than once.`
    }
  }
  if (expected === undefined || replicas.length === expected) return undefined
  return (
    `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is ` +
    `not consistent with previous partitions, which have ${expected} replica(s).`
  )
}
