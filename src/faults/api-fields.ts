/**
 * What can be said of an API's requests and responses, by their definitions: whether they name topics,
 * partitions, groups or transactions, tell errors, or throttle. Rules are checked against it.
 */
import { type Api, apis } from '../../protocol/apis.ts'
import type { Field, Fields, Message } from '../../protocol/schema.ts'
import { HANDLERS } from '../api/table.ts'
import { isTopicList } from '../trace/topic-fields.ts'

const METADATA = 3
const CREATE_TOPICS = 19
const DELETE_TOPICS = 20
const CREATE_PARTITIONS = 37
const DESCRIBE_TOPIC_PARTITIONS = 75
const FIND_COORDINATOR = 10

/** APIs that tell what topics there are. */
export const DESCRIBING_APIS: ReadonlySet<number> = new Set([METADATA, DESCRIBE_TOPIC_PARTITIONS])
/** APIs whose requests are about topics as a whole. */
export const TOPIC_APIS: ReadonlySet<number> = new Set([
  METADATA,
  CREATE_TOPICS,
  DELETE_TOPICS,
  CREATE_PARTITIONS,
  DESCRIBE_TOPIC_PARTITIONS,
])
const TRANSACTION_ID_FIELDS = ['transactionalId', 'v3AndBelowTransactionalId', 'transactionalIds']
const GROUP_FIELDS = ['groupId', 'groupIds', 'groupsNames']
const TOPIC_NAME_FIELDS = ['name', 'topic', 'topicName', 'topicId']
const PARTITION_FIELDS = ['partitionIndex', 'partition', 'index', 'partitionId']
const PARTITION_LISTS = /^(partitions|partitionIndexes|partitionIds)$/

export interface ApiFields {
  readonly api: Api
  readonly hasTopics: boolean
  readonly hasPartitions: boolean
  readonly hasGroup: boolean
  readonly hasTransactionalId: boolean
  readonly hasError: boolean
  readonly hasThrottle: boolean
  readonly hasRecords: boolean
  readonly isDescribing: boolean
  /** Served by the coordinator of a group or of transactions, or finds it. */
  readonly isCoordinated: boolean
}

const known = new Map<number, ApiFields>()

export function fieldsOf(api: Api): ApiFields {
  const fields = known.get(api.apiKey) ?? inspect(api)
  known.set(api.apiKey, fields)
  return fields
}

export function apiNames(): string[] {
  return [...apis.values()].map(api => api.name)
}

export function apiByName(name: string): Api | undefined {
  const wanted = name.toLowerCase()
  for (const api of apis.values()) if (api.name.toLowerCase() === wanted) return api
  return undefined
}

function inspect(api: Api): ApiFields {
  const { request, response, apiKey } = api
  const finds = apiKey === FIND_COORDINATOR
  const hasGroup = finds || hasGroupField(request)
  const hasTransactionalId = finds || someField(request, name => TRANSACTION_ID_FIELDS.includes(name))
  return {
    api,
    hasTopics: someField(request, isListOfTopics),
    hasPartitions:
      someField(request, (name, field) => isListOfTopics(name, field) && holdsPartitions(field)) ||
      (DESCRIBING_APIS.has(apiKey) && someField(response, isListOfTopics)),
    hasGroup,
    hasTransactionalId,
    hasError: canRefuse(api),
    hasThrottle: 'throttleTimeMs' in response.fields,
    hasRecords: someField(response, name => name === 'records'),
    isDescribing: DESCRIBING_APIS.has(apiKey),
    isCoordinated: finds || COORDINATED.has(api.name),
  }
}

/** As a whole: at the top of the response, or as the API's handler knows to. */
function canRefuse({ apiKey, response }: Api): boolean {
  if ('errorCode' in response.fields) return true
  const isServed = HANDLERS.some(({ request }) => request.apiKey === apiKey)
  return isServed && someField(response, name => /errorCode$/i.test(name))
}

/** Those that answer NOT_COORDINATOR. */
const COORDINATED = new Set([
  'OffsetCommit',
  'OffsetFetch',
  'JoinGroup',
  'Heartbeat',
  'LeaveGroup',
  'SyncGroup',
  'DescribeGroups',
  'DeleteGroups',
  'OffsetDelete',
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'EndTxn',
  'TxnOffsetCommit',
  'DescribeTransactions',
  'ConsumerGroupHeartbeat',
  'ConsumerGroupDescribe',
  'ShareGroupHeartbeat',
  'ShareGroupDescribe',
  'StreamsGroupHeartbeat',
  'StreamsGroupDescribe',
])

function hasGroupField(request: Message): boolean {
  if (someField(request, name => GROUP_FIELDS.includes(name))) return true
  const { groups } = request.fields
  return groups?.type.kind === 'array' && groups.type.element.kind === 'string'
}

function isListOfTopics(name: string, field: Field): boolean {
  if (!isTopicList(name) || field.type.kind !== 'array') return false
  const { element } = field.type
  if (element.kind === 'string') return true
  return element.kind === 'struct' && TOPIC_NAME_FIELDS.some(each => each in element.fields)
}

function holdsPartitions({ type }: Field): boolean {
  if (type.kind !== 'array' || type.element.kind !== 'struct') return false
  return Object.entries(type.element.fields).some(([name, field]) => {
    if (field.type.kind !== 'array') return false
    const { element } = field.type
    if (element.kind === 'int32') return PARTITION_LISTS.test(name)
    return element.kind === 'struct' && PARTITION_FIELDS.some(each => each in element.fields)
  })
}

function someField(definition: Message, test: (name: string, field: Field) => boolean): boolean {
  return someOf(definition.fields, test)
}

function someOf(fields: Fields, test: (name: string, field: Field) => boolean): boolean {
  return Object.entries(fields).some(([name, field]) => {
    if (test(name, field)) return true
    const type = field.type.kind === 'array' ? field.type.element : field.type
    return type.kind === 'struct' && someOf(type.fields, test)
  })
}
