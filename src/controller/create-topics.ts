/** CreateTopics as a pure command. Checks, their order, codes and sentences are Apache Kafka 4.3's. */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import { topicConfigsProblem } from '../metadata/config-rules.ts'
import { type DescribedConfig, describeNewTopic } from '../metadata/describe-configs.ts'
import { type ClusterImage, type Configs, configKey, type TopicImage } from '../metadata/image.ts'
import { CLUSTER_METADATA_TOPIC, collisionKey, topicNameProblem } from '../metadata/topic-names.ts'
import type { Random } from '../platform/platform.ts'
import { duplicatesOf, MOST_PARTITIONS_AT_ONCE, type Outcome, TOO_MANY_PARTITIONS } from './outcome.ts'
import { assignmentProblem, newPartition, placeReplicas, replicationProblem } from './placement.ts'

/** One topic of a request, with the wire's field names. */
export interface CreateTopic {
  readonly name: string
  /** -1 for the broker's default, and with assignments. */
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly assignments?: readonly {
    readonly partitionIndex: number
    readonly brokerIds: readonly number[]
  }[]
  readonly configs?: readonly { readonly name: string; readonly value: string | null }[]
}

export interface CreatedTopic {
  /** The zero id where nothing was created (validate only). */
  readonly topicId: string
  readonly numPartitions: number
  readonly replicationFactor: number
  /** All effective configs, as CreateTopics v5+ reports them. */
  readonly configs: readonly DescribedConfig[]
}

export interface CreateTopicResult {
  readonly name: string
  readonly result: Result<CreatedTopic>
}

export interface TopicSurroundings {
  readonly image: ClusterImage
  readonly config: BrokerConfig
  readonly random: Random
  readonly validateOnly: boolean
}

/** One result for each name, in the order of the request. */
export function createTopics(
  topics: readonly CreateTopic[],
  around: TopicSurroundings,
): Outcome<readonly CreateTopicResult[]> {
  const twice = duplicatesOf(topics.map(({ name }) => name))
  const plan = new TopicPlan(around)
  const answer = [...new Map(topics.map(topic => [topic.name, topic])).values()].map(topic => ({
    name: topic.name,
    result: twice.has(topic.name)
      ? refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.')
      : plan.add(topic),
  }))
  return plan.outcome(answer)
}

/** What the topics of one request come to, so far. */
class TopicPlan {
  private readonly around: TopicSurroundings
  private readonly topics: [string, TopicImage][] = []
  private readonly configs: [string, Configs][] = []
  private readonly collisionKeys = new Map<string, string>()
  private partitions = 0
  private plain: readonly DescribedConfig[] | undefined

  constructor(around: TopicSurroundings) {
    this.around = around
  }

  add(topic: CreateTopic): Result<CreatedTopic> {
    const { image, config, random, validateOnly } = this.around
    const unwelcome = this.nameProblem(topic.name)
    if (unwelcome) return unwelcome
    const configs = topic.configs ?? []
    const problem = topicConfigsProblem(configs, config)
    if (problem) return refuse(ErrorCode.INVALID_CONFIG, problem)
    const replicas = replicasOf(topic, this.around)
    if (replicas.error) return replicas
    if (this.partitions + replicas.value.length > MOST_PARTITIONS_AT_ONCE) return TOO_MANY_PARTITIONS

    this.partitions += replicas.value.length
    this.collisionKeys.set(collisionKey(topic.name), topic.name)
    const id = validateOnly ? ZERO_UUID : newTopicId(image, random)
    const set = new Map(configs.map(({ name, value }) => [name, value as string]))
    this.topics.push([topic.name, { name: topic.name, id, partitions: replicas.value.map(newPartition) }])
    if (set.size > 0) this.configs.push([configKey('topic', topic.name), set])
    const describe = () => this.describe(set)
    return ok({
      topicId: id,
      numPartitions: replicas.value.length,
      replicationFactor: replicas.value[0]!.length,
      // Costs more than the topic itself, and not everyone asks for it.
      get configs() {
        return describe()
      },
    })
  }

  /** Most topics have no configs of their own, and are described alike. */
  private describe(set: Configs): readonly DescribedConfig[] {
    const { config } = this.around
    if (set.size > 0) return describeNewTopic(set, config)
    this.plain ??= describeNewTopic(set, config)
    return this.plain
  }

  outcome(answer: readonly CreateTopicResult[]): Outcome<readonly CreateTopicResult[]> {
    const isChange = this.topics.length > 0 && !this.around.validateOnly
    return { changes: isChange ? { topics: this.topics, configs: this.configs } : null, answer }
  }

  private nameProblem(name: string): Refusal | undefined {
    const { image } = this.around
    if (name === CLUSTER_METADATA_TOPIC) {
      return refuse(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${name} is prohibited.`)
    }
    const problem = topicNameProblem(name)
    if (problem) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
    if (image.topicByName(name)) {
      return refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    }
    const other = image.topicCollidingWith(name) ?? this.collisionKeys.get(collisionKey(name))
    if (other === undefined) return undefined
    return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${other}`)
  }
}

/** The replicas of each partition: as assigned by hand, or placed. */
function replicasOf(topic: CreateTopic, around: TopicSurroundings): Result<readonly (readonly number[])[]> {
  const { image, config, random } = around
  if (topic.assignments && topic.assignments.length > 0) return assignedReplicas(topic, image)
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
    const why = 'Replication factor must be larger than 0, or -1 to use the default value.'
    return refuse(ErrorCode.INVALID_REPLICATION_FACTOR, why)
  }
  if (topic.numPartitions < -1 || topic.numPartitions === 0) {
    const why = 'Number of partitions was set to an invalid non-positive value.'
    return refuse(ErrorCode.INVALID_PARTITIONS, why)
  }
  const partitions = topic.numPartitions === -1 ? config.number('num.partitions') : topic.numPartitions
  const replicationFactor =
    topic.replicationFactor === -1 ? config.number('default.replication.factor') : topic.replicationFactor
  if (partitions > MOST_PARTITIONS_AT_ONCE) return TOO_MANY_PARTITIONS
  return (
    replicationProblem(image, replicationFactor) ??
    ok(placeReplicas(image, random, { partitions, replicationFactor }))
  )
}

function assignedReplicas(topic: CreateTopic, image: ClusterImage): Result<readonly (readonly number[])[]> {
  const assignments = topic.assignments ?? []
  const manual = 'A manual partition assignment was specified, but'
  if (topic.replicationFactor !== -1) {
    return refuse(ErrorCode.INVALID_REQUEST, `${manual} replication factor was not set to -1.`)
  }
  if (topic.numPartitions !== -1) {
    return refuse(ErrorCode.INVALID_REQUEST, `${manual} numPartitions was not set to -1.`)
  }
  const replicas = new Map<number, readonly number[]>()
  for (const { partitionIndex, brokerIds } of assignments) {
    if (replicas.has(partitionIndex)) {
      const why = `Found multiple manual partition assignments for partition ${partitionIndex}`
      return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why)
    }
    const problem = assignmentProblem(image, brokerIds, assignments[0]!.brokerIds.length)
    if (problem) return problem
    replicas.set(partitionIndex, brokerIds)
  }
  const sorted = [...replicas].sort(([a], [b]) => a - b)
  if (sorted.some(([partition], index) => partition !== index)) {
    const why = 'partitions should be a consecutive 0-based integer sequence'
    return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why)
  }
  return ok(sorted.map(([, brokerIds]) => brokerIds))
}

/** A random (version 4) id in Kafka's text form, which like Kafka's never begins with a dash. */
export function newTopicId(image: ClusterImage, random: Random): string {
  while (true) {
    const id = randomUuid(random)
    if (id !== ZERO_UUID && !image.topicById(id)) return id
  }
}

export function randomUuid(random: Random): string {
  while (true) {
    const bytes = random.bytes(16)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const id = bytes.toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
