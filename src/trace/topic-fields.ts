/** Where decoded messages name topics and partitions, whichever API they are of. */
import { ZERO_UUID } from '../../protocol/wire.ts'

/** Arrays that hold topics, by their names in the definitions. */
const TOPIC_LISTS: ReadonlySet<string> = new Set([
  'topics',
  'topicData',
  'topicNames',
  'topicPartitions',
  'topicResults',
  'responses',
  'results',
  'replicaElectionResults',
  'v3AndBelowTopics',
  'resultsByTopicV3AndBelow',
])

export function isTopicList(name: string): boolean {
  return TOPIC_LISTS.has(name)
}

/** A decoded structure: its fields by name. */
export type FieldValues = Readonly<Record<string, unknown>>

/** Who knows the names behind topic ids, which newer requests name alone. */
export type TopicNames = (topicId: string) => string | undefined

export function isFields(value: unknown): value is FieldValues {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

/** Of an element of a list of topics; the id where nobody knows the name. */
export function topicOf(element: unknown, names: TopicNames): string | undefined {
  if (typeof element === 'string') return element
  if (!isFields(element)) return undefined
  for (const key of ['name', 'topic', 'topicName']) {
    const name = element[key]
    if (typeof name === 'string' && name !== '') return name
  }
  const id = element.topicId
  return typeof id === 'string' && id !== ZERO_UUID ? (names(id) ?? id) : undefined
}

/** Of an element of a list of partitions. */
export function partitionOf(element: unknown): number | undefined {
  if (typeof element === 'number') return element
  if (!isFields(element)) return undefined
  for (const key of ['partitionIndex', 'partition', 'index', 'partitionId']) {
    const index = element[key]
    if (typeof index === 'number') return index
  }
  return undefined
}
