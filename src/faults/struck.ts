/**
 * Requests and responses taken apart by topic and partition, so that an error strikes some partitions of a
 * request and the others are served. It works on decoded values by the names of their fields, for all APIs
 * alike.
 */
import { EMPTY_BYTES } from '../../protocol/wire.ts'
import {
  isFields,
  isTopicList,
  partitionOf,
  type TopicNames,
  topicOf,
  type FieldValues as Value,
} from '../trace/topic-fields.ts'

/** Which partitions; an undefined partition is the topic as a whole, or one that is not told. */
export type Strikes = (topic: string, partition: number | undefined) => boolean

export interface Cut {
  readonly nameOf: TopicNames
  /** The request is about topics as a whole, whatever lists are in them. */
  readonly isByTopic: boolean
}

/** All partitions that a message names: `['orders', 0]`. */
export function partitionsOf(value: object, cut: Cut): (readonly [string, number | undefined])[] {
  const found: (readonly [string, number | undefined])[] = []
  filterTopics(value as Value, cut, (topic, partition) => {
    found.push([topic, partition])
    return true
  })
  return found
}

/** The request with only the partitions that `keeps` says; topics that lose all theirs go as well. */
export function onlyPartitions(value: object, cut: Cut, keeps: Strikes): object {
  return filterTopics(value as Value, cut, keeps)
}

function filterTopics(value: Value, cut: Cut, keeps: Strikes): Value {
  return mapFields(value, (name, list) => {
    // What a fetch session gives up is neither asked for nor answered.
    if (name === 'forgottenTopicsData') return list
    return list.flatMap(element => {
      const topic = isTopicList(name) ? topicOf(element, cut.nameOf) : undefined
      if (topic === undefined) return [isFields(element) ? filterTopics(element, cut, keeps) : element]
      return filterTopic(topic, element, cut, keeps)
    })
  })
}

function filterTopic(...[topic, element, cut, keeps]: [string, unknown, Cut, Strikes]): unknown[] {
  if (!isFields(element) || cut.isByTopic) return keeps(topic, undefined) ? [element] : []
  let before = 0
  let after = 0
  const kept = mapFields(element, (_, list) => {
    const isPartitions = list.some(each => partitionOf(each) !== undefined)
    if (!isPartitions) return list
    const rest = list.filter(each => keeps(topic, partitionOf(each)))
    before += list.length
    after += rest.length
    return rest
  })
  if (before === 0) return keeps(topic, undefined) ? [element] : []
  return after > 0 ? [kept] : []
}

/** The response with an error in the place of what it tells of some partitions. */
export interface Overlay {
  readonly nameOf: TopicNames
  readonly strikes: Strikes
  /** Strikes partitions rather than topics, where the response has both. */
  readonly isByPartition: boolean
  readonly errorCode: number
  /** Called with what is thrown away, which may hold file ranges. */
  discard(value: unknown): void
}

/** `struck` counts the entries that were replaced. */
export function overlaid(response: object, overlay: Overlay): { response: object; struck: string[] } {
  const struck: string[] = []
  const visit = (value: Value): Value =>
    mapFields(value, (name, list) =>
      list.map(element => {
        if (!isFields(element)) return element
        const topic = isTopicList(name) ? topicOf(element, overlay.nameOf) : undefined
        return topic === undefined ? visit(element) : overlaidTopic(topic, element, overlay, struck)
      }),
    )
  return { response: visit(response as Value), struck }
}

function overlaidTopic(...[topic, element, overlay, struck]: [string, Value, Overlay, string[]]): Value {
  const { strikes, isByPartition, errorCode } = overlay
  if ('errorCode' in element && !(isByPartition && holdsPartitions(element))) {
    if (!strikes(topic, undefined)) return element
    struck.push(topic)
    return mapFields({ ...element, errorCode }, (_, list) => (list.some(isFields) ? [] : list))
  }
  return mapFields(element, (_, list) =>
    list.map(each => {
      const partition = partitionOf(each)
      if (partition === undefined || !isFields(each) || !strikes(topic, partition)) return each
      struck.push(`${topic}-${partition}`)
      overlay.discard(each)
      return failedPartition(each, errorCode)
    }),
  )
}

/** What a partition's entry says with an error: no offsets, no epochs, no records. */
function failedPartition(entry: Value, errorCode: number): Value {
  const failed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(entry)) {
    if (/^(currentLeader|divergingEpoch|snapshotId)$/.test(name)) continue
    failed[name] = failedField(name, value, errorCode)
  }
  return failed
}

function failedField(name: string, value: unknown, errorCode: number): unknown {
  if (/^(errorCode|partitionErrorCode)$/.test(name)) return errorCode
  if (name === 'records') return EMPTY_BYTES
  if (typeof value === 'bigint') return -1n
  if (/^(leaderId|leaderEpoch|committedLeaderEpoch|preferredReadReplica)$/.test(name)) return -1
  if (Array.isArray(value) && value.some(isFields)) return []
  return value
}

/** One response of two to the parts of a request. */
export function merged(first: object, second: object): object {
  return mergeValues(first as Value, second as Value)
}

function mergeValues(a: Value, b: Value): Value {
  return mapFields(a, (name, list) => {
    const other = b[name]
    if (!Array.isArray(other)) return list
    const result = [...list]
    for (const element of other as unknown[]) {
      const at = isFields(element) ? result.findIndex(each => isSame(each, element)) : -1
      if (at < 0) result.push(element)
      else result[at] = mergeValues(result[at] as Value, element as Value)
    }
    return result
  })
}

/** What tells entries of a list apart. */
const KEYS = [
  'name',
  'topic',
  'topicName',
  'topicId',
  'groupId',
  'transactionalId',
  'producerId',
  'partitionIndex',
  'partition',
  'index',
  'partitionId',
]

function isSame(a: unknown, b: Value): boolean {
  return isFields(a) && KEYS.every(key => a[key] === b[key])
}

function mapFields(value: Value, map: (name: string, list: readonly unknown[]) => readonly unknown[]): Value {
  const mapped: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) {
    mapped[name] = Array.isArray(field) ? map(name, field as unknown[]) : field
  }
  return mapped
}

function holdsPartitions(element: Value): boolean {
  return Object.values(element).some(
    field => Array.isArray(field) && field.some(each => isFields(each) && partitionOf(each) !== undefined),
  )
}
