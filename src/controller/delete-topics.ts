/** DeleteTopics as a pure command, by name or by id. Checks, codes and sentences are Apache Kafka 4.3's. */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import { type ClusterImage, configKey, type TopicImage } from '../metadata/image.ts'
import { duplicatesOf, type Outcome } from './outcome.ts'

/** A null name goes with an id, the zero id with a name. */
export interface DeleteTopic {
  readonly name: string | null
  readonly topicId: string
}

export interface DeleteTopicResult {
  /** Null where an id was asked for that is not known. */
  readonly name: string | null
  readonly topicId: string
  readonly result: Result<void>
}

/** One result for each topic asked for, in the order of the request. */
export function deleteTopics(
  topics: readonly DeleteTopic[],
  { image, config }: { readonly image: ClusterImage; readonly config: BrokerConfig },
): Outcome<readonly DeleteTopicResult[]> {
  const namesTwice = duplicatesOf(topics.flatMap(({ name }) => (name === null ? [] : [name])))
  const idsTwice = duplicatesOf(topics.map(({ topicId }) => topicId))
  const targets = {
    names: new Set(topics.flatMap(({ name }) => (name === null ? [] : [name]))),
    ids: new Set(topics.flatMap(({ name, topicId }) => (name === null ? [topicId] : []))),
  }
  const gone: [string, undefined][] = []
  const answer = topics.map(({ name, topicId }): DeleteTopicResult => {
    const topic = name === null ? image.topicById(topicId) : image.topicByName(name)
    const refusal =
      requestProblem(name, topicId) ??
      duplicateProblem({ name, topicId, topic, namesTwice, idsTwice, targets }) ??
      (config.boolean('delete.topic.enable') ? undefined : disabled) ??
      unknown(name, topic)
    if (refusal) return { name, topicId, result: refusal }
    gone.push([topic!.name, undefined])
    return { name: topic!.name, topicId: topic!.id, result: ok() }
  })
  const changes = gone.length === 0 ? null : deletion(gone.map(([name]) => name))
  return { changes, answer }
}

const disabled = refuse(ErrorCode.TOPIC_DELETION_DISABLED, 'Topic deletion is disabled.')

function deletion(names: readonly string[]) {
  return {
    topics: names.map(name => [name, undefined] as const),
    configs: names.map(name => [configKey('topic', name), undefined] as const),
  }
}

function requestProblem(name: string | null, topicId: string): Refusal | undefined {
  if (name === null && topicId === ZERO_UUID) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Neither topic name nor id were specified.')
  }
  if (name !== null && topicId !== ZERO_UUID) {
    return refuse(ErrorCode.INVALID_REQUEST, 'You may not specify both topic name and topic id.')
  }
  return undefined
}

function duplicateProblem(asked: {
  readonly name: string | null
  readonly topicId: string
  readonly topic: TopicImage | undefined
  readonly namesTwice: ReadonlySet<string>
  readonly idsTwice: ReadonlySet<string>
  /** All names that the request has, and all ids in place of names. */
  readonly targets: { readonly names: ReadonlySet<string>; readonly ids: ReadonlySet<string> }
}): Refusal | undefined {
  const { name, topicId, topic, targets } = asked
  if (name !== null && asked.namesTwice.has(name)) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.')
  }
  if (name === null && asked.idsTwice.has(topicId)) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic id.')
  }
  // Neither of the two deletes it: the request contradicts itself.
  if (!topic || !(name === null ? targets.names.has(topic.name) : targets.ids.has(topic.id))) return undefined
  const why = 'The provided topic name maps to an ID that was already supplied.'
  return refuse(ErrorCode.INVALID_REQUEST, why)
}

function unknown(name: string | null, topic: TopicImage | undefined): Refusal | undefined {
  if (topic) return undefined
  return name === null
    ? refuse(ErrorCode.UNKNOWN_TOPIC_ID, 'This server does not host this topic ID.')
    : refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'This server does not host this topic-partition.')
}
