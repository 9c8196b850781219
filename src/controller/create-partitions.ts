/** CreatePartitions as a pure command. Checks, codes and sentences are Apache Kafka 4.3's. */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { TopicImage } from '../metadata/image.ts'
import type { TopicSurroundings } from './create-topics.ts'
import { duplicatesOf, MOST_PARTITIONS_AT_ONCE, type Outcome, TOO_MANY_PARTITIONS } from './outcome.ts'
import { assignmentProblem, newPartition, placeReplicas, replicationProblem } from './placement.ts'

/** One topic of a request, with the wire's field names. */
export interface CreatePartitions {
  readonly name: string
  /** How many partitions there shall be in all. */
  readonly count: number
  /** Of the new ones only; null to have them placed. */
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null
}

export interface CreatePartitionsResult {
  readonly name: string
  readonly result: Result<void>
}

/** One result for each name, in the order of the request. */
export function createPartitions(
  topics: readonly CreatePartitions[],
  around: TopicSurroundings,
): Outcome<readonly CreatePartitionsResult[]> {
  const twice = duplicatesOf(topics.map(({ name }) => name))
  const grown: [string, TopicImage][] = []
  const answer = [...new Map(topics.map(topic => [topic.name, topic])).values()].map(topic => {
    const { name } = topic
    if (twice.has(name)) {
      return { name, result: refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.') }
    }
    const result = grow(topic, around)
    if (result.error) return { name, result }
    grown.push([name, result.value])
    return { name, result: ok() }
  })
  const isChange = grown.length > 0 && !around.validateOnly
  return { changes: isChange ? { topics: grown } : null, answer }
}

function grow(request: CreatePartitions, around: TopicSurroundings): Result<TopicImage> {
  const { image, random } = around
  const topic = image.topicByName(request.name)
  if (!topic) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const current = topic.partitions.length
  const added = request.count - current
  if (added === 0) {
    return refuse(ErrorCode.INVALID_PARTITIONS, `Topic already has ${current} partition(s).`)
  }
  if (added < 0) {
    const why = `${request.count} would not be an increase.`
    const message = `The topic ${request.name} currently has ${current} partition(s); ${why}`
    return refuse(ErrorCode.INVALID_PARTITIONS, message)
  }
  if (added > MOST_PARTITIONS_AT_ONCE) return TOO_MANY_PARTITIONS
  const replicationFactor = topic.partitions[0]!.replicas.length
  let replicas: readonly (readonly number[])[]
  if (request.assignments) {
    if (request.assignments.length !== added) {
      const given = `but only ${request.assignments.length} assignment(s) were specified.`
      const message = `Attempted to add ${added} additional partition(s), ${given}`
      return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message)
    }
    replicas = request.assignments.map(({ brokerIds }) => brokerIds)
    for (const brokerIds of replicas) {
      const problem = assignmentProblem(image, brokerIds, replicationFactor)
      if (problem) return problem
    }
  } else {
    const problem = replicationProblem(image, replicationFactor)
    if (problem) return problem
    replicas = placeReplicas(image, random, { partitions: added, replicationFactor })
  }
  return ok({ ...topic, partitions: [...topic.partitions, ...replicas.map(newPartition)] })
}
