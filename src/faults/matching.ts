/** Whether a request is one that a rule is about, and which of its partitions are. */
import { isWithin } from '../../protocol/schema.ts'
import type { TopicNames } from '../trace/topic-fields.ts'
import { TOPIC_APIS } from './api-fields.ts'
import type { FaultCall } from './faulted-call.ts'
import type { ParsedFault } from './parse.ts'
import { type Cut, partitionsOf } from './struck.ts'

const FIND_COORDINATOR = 10
const GROUP_KEY = 0
const TRANSACTION_KEY = 1

/**
 * Undefined where the rule is not about the request; else the partitions that it is about, if it names some.
 */
export function matched(
  fault: ParsedFault,
  call: FaultCall,
  names: TopicNames,
): readonly string[] | undefined {
  const { match, versions, apis } = fault
  if (!apis.has(call.apiKey)) return undefined
  if (versions && !isWithin(versions, call.apiVersion)) return undefined
  if (match.client !== undefined && !isLike(match.client, call.clientId ?? '')) return undefined
  if (match.listener !== undefined && !isLike(match.listener, call.listener ?? '')) return undefined
  if (match.user !== undefined && !isUser(match.user, call.principal)) return undefined
  if (match.group !== undefined && !groupsOf(call).some(group => isLike(match.group!, group)))
    return undefined
  if (match.transactionalId !== undefined) {
    if (!transactionalIdsOf(call).some(id => isLike(match.transactionalId!, id))) return undefined
  }
  return isAboutPartitions(fault) ? struckIn(fault, call, names) : []
}

/** Whether the rule strikes some partitions of a request rather than all of it. */
export function isAboutPartitions({ match }: ParsedFault): boolean {
  return match.topic !== undefined || match.partition !== undefined
}

/** Whether the rule is about a partition, or about what is not known to be another one. */
export function strikes({ match, partitions }: ParsedFault, topic: string, partition?: number): boolean {
  if (match.topic !== undefined && !isLike(match.topic, topic)) return false
  return partitions === undefined || partition === undefined || partitions.has(partition)
}

export function cutOf(apiKey: number, nameOf: TopicNames): Cut {
  return { nameOf, isByTopic: TOPIC_APIS.has(apiKey) }
}

/**
 * A request that names no topics because it asks for all of them may be about these: its response will tell.
 */
function struckIn(fault: ParsedFault, call: FaultCall, names: TopicNames): readonly string[] | undefined {
  if (asksForAll(call.request)) return []
  const struck = partitionsOf(call.request, cutOf(call.apiKey, names))
    .filter(([topic, partition]) => strikes(fault, topic, partition))
    .map(([topic, partition]) => (partition === undefined ? topic : `${topic}-${partition}`))
  return struck.length > 0 ? struck : undefined
}

function asksForAll(request: object): boolean {
  const { topics, groups } = request as { topics?: unknown; groups?: unknown }
  if (topics === null) return true
  if (!Array.isArray(groups)) return false
  return groups.some(group => (group as { topics?: unknown } | null)?.topics === null)
}

/** `*` stands for any characters. */
export function isLike(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text
  const escaped = pattern.split('*').map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(text)
}

function isUser(pattern: string, principal = ''): boolean {
  return isLike(pattern, principal) || isLike(pattern, principal.replace(/^User:/, ''))
}

interface Named {
  readonly groupId?: unknown
  readonly groupIds?: unknown
  readonly groupsNames?: unknown
  readonly groups?: unknown
  readonly transactionalId?: unknown
  readonly v3AndBelowTransactionalId?: unknown
  readonly transactionalIds?: unknown
  readonly transactions?: unknown
  readonly keyType?: unknown
  readonly key?: unknown
  readonly coordinatorKeys?: unknown
}

export function groupsOf({ apiKey, request }: FaultCall): string[] {
  const named = request as Named
  if (apiKey === FIND_COORDINATOR) return named.keyType === GROUP_KEY ? coordinatorKeys(named) : []
  return texts([named.groupId, named.groupIds, named.groupsNames, fieldsOf(named.groups, 'groupId')])
}

export function transactionalIdsOf({ apiKey, request }: FaultCall): string[] {
  const named = request as Named
  if (apiKey === FIND_COORDINATOR) return named.keyType === TRANSACTION_KEY ? coordinatorKeys(named) : []
  return texts([
    named.transactionalId,
    named.v3AndBelowTransactionalId,
    named.transactionalIds,
    fieldsOf(named.transactions, 'transactionalId'),
  ])
}

function coordinatorKeys({ key, coordinatorKeys: keys }: Named): string[] {
  return texts([key, keys])
}

function fieldsOf(list: unknown, name: string): unknown {
  if (!Array.isArray(list)) return undefined
  return (list as unknown[]).map(each =>
    typeof each === 'string' ? each : (each as Record<string, unknown>)[name],
  )
}

function texts(values: readonly unknown[]): string[] {
  return values.flat().filter((value): value is string => typeof value === 'string' && value !== '')
}
