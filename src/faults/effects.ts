/**
 * One rule's effect on one request: what of it is served, what is answered, and how. Whatever may be served
 * is served before anything is awaited, so that requests that overlap keep their order, unless the effect is
 * a delay.
 */
import assert from 'node:assert'
import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { emptyOf } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { HANDLERS } from '../api/table.ts'
import type { Random } from '../platform/platform.ts'
import { TOPIC_APIS } from './api-fields.ts'
import { damageOf, discardRanges, withCorruptRecords } from './damage.ts'
import { after, type ClusterView, type FaultAnswer, type FaultCall, type ToldTopic } from './faulted-call.ts'
import { cutOf, isAboutPartitions, strikes } from './matching.ts'
import type { ParsedFault } from './parse.ts'
import { merged, onlyPartitions, overlaid, partitionsOf } from './struck.ts'

const PRODUCE = 0
const FETCH = 1
const OFFSET_FETCH = 9
const FIRST_WITH_GROUP_ERROR = 2
const FIND_COORDINATOR = 10
/** Requests that change what they name; all others may be served before an error is answered. */
const CHANGING = new Set([
  'Produce',
  'OffsetCommit',
  'TxnOffsetCommit',
  'OffsetDelete',
  'DeleteRecords',
  'AddPartitionsToTxn',
  'WriteTxnMarkers',
  'CreateTopics',
  'DeleteTopics',
  'CreatePartitions',
  'ElectLeaders',
  'AlterPartitionReassignments',
])

type Answered = FaultAnswer | Promise<FaultAnswer>
/** What lies behind a rule: the rules after it, and then whoever serves the request. */
export type Next = (request: object) => Answered

/** A rule that has fired, on a request. */
export interface Effect {
  readonly fault: ParsedFault
  readonly call: FaultCall
  readonly view: ClusterView
  /** Topics as they were when the rule was added, for `staleMetadata`. */
  readonly frozen: ReadonlyMap<string, ToldTopic>
  readonly random: Random
  /** Resolves after a time, or when all delays are given up. */
  wait(ms: number): Promise<void>
  /** There was nothing in the response that the rule could strike: it has not fired after all. */
  retract(): void
}

export function applyEffect(effect: Effect, next: Next): Answered {
  const { when = 'before', drop, silence, delayMs } = effect.fault.effect
  if (when === 'after') {
    return after(servedThen(effect, next), answer => {
      const late = delayMs === undefined ? undefined : pause(effect)
      return after(late, () => (drop || silence ? withoutAnswer(effect, answer) : answer))
    })
  }
  return after(delayMs === undefined ? undefined : pause(effect), () => {
    if (drop) return { response: null, ending: 'cut' } as const
    if (silence) return { response: null, ending: 'hang' } as const
    return servedThen(effect, next)
  })
}

function withoutAnswer({ fault }: Effect, answer: FaultAnswer): FaultAnswer {
  discardRanges(answer.response)
  return { response: null, ending: fault.effect.drop ? 'cut' : 'hang' }
}

function pause({ fault, random, wait }: Effect): Promise<void> {
  const { delayMs } = fault.effect
  const [from, to] = Array.isArray(delayMs)
    ? (delayMs as [number, number])
    : [delayMs as number, delayMs as number]
  const ms = from + (to > from ? random.below(Math.floor(to - from) + 1) : 0)
  return wait(ms)
}

function servedThen(effect: Effect, next: Next): Answered {
  const { fault } = effect
  const errorCode = errorFor(effect)
  const answer = errorCode === undefined ? next(effect.call.request) : withError(effect, errorCode, next)
  const { staleMetadata, throttleMs, corrupt } = fault.effect
  if (!staleMetadata && !throttleMs && !corrupt && !fault.effect.truncate) return answer
  return after(answer, served => {
    if (served.response === null || served.ending) return served
    const response = throttled(staleMetadata ? stale(effect, served.response) : served.response, throttleMs)
    const changed = { ...served, response, ...(throttleMs && { muteMs: throttleMs }) }
    return damagedAnswer(effect, changed)
  })
}

function damagedAnswer(effect: Effect, answer: FaultAnswer): Answered {
  const { fault, random } = effect
  if (fault.effect.corrupt === 'records') {
    return withCorruptRecords(answer.response!, random).then(response => {
      if (response === undefined) effect.retract()
      return response === undefined ? answer : { ...answer, response }
    })
  }
  const damage = damageOf(fault.effect, random)
  if (!damage) return answer
  return { ...answer, damage, ...(fault.effect.truncate !== undefined && { ending: 'close' as const }) }
}

function errorFor({ fault, call }: Effect): ErrorCode | undefined {
  if (!fault.effect.coordinatorMoved) return fault.errorCode
  return call.apiKey === FIND_COORDINATOR ? ErrorCode.COORDINATOR_NOT_AVAILABLE : ErrorCode.NOT_COORDINATOR
}

function withError(effect: Effect, errorCode: ErrorCode, next: Next): Answered {
  const { fault, call, view } = effect
  const isServed = fault.effect.when === 'after'
  if (!isAboutPartitions(fault)) {
    if (!isServed) return refusal(call, errorCode, call.request)
    return after(next(call.request), answer => {
      if (answer.response === null) return endOf(call, answer)
      discardRanges(answer.response)
      return { ...answer, ...refusal(call, errorCode, call.request) }
    })
  }
  const api = apis.get(call.apiKey)!
  if (isServed || !CHANGING.has(api.name)) {
    return after(next(unhurried(call)), answer => overlaidAnswer(effect, errorCode, answer))
  }
  const isStruck = (topic: string, partition?: number) => strikes(fault, topic, partition)
  const cut = cutOf(call.apiKey, view.nameOf)
  const struck = refusal(call, errorCode, onlyPartitions(call.request, cut, isStruck))
  const rest = onlyPartitions(call.request, cut, (...where) => !isStruck(...where))
  if (partitionsOf(rest, cut).length === 0) return struck
  return after(next(rest), answer => {
    if (answer.response === null || struck.response === null) return { ...answer, ...endOf(call, answer) }
    return { ...answer, response: merged(answer.response, struck.response) }
  })
}

/** A fetch with an error in it is answered at once. */
function unhurried({ apiKey, request }: FaultCall): object {
  return apiKey === FETCH ? { ...request, maxWaitMs: 0 } : request
}

function overlaidAnswer(effect: Effect, errorCode: ErrorCode, answer: FaultAnswer): FaultAnswer {
  const { fault, call, view } = effect
  if (answer.response === null) return endOf(call, answer)
  const { response, struck } = overlaid(answer.response, {
    nameOf: view.nameOf,
    strikes: (topic, partition) => strikes(fault, topic, partition),
    isByPartition: fault.partitions !== undefined || !TOPIC_APIS.has(call.apiKey),
    errorCode,
    discard: discardRanges,
  })
  if (struck.length === 0) effect.retract()
  return { ...answer, response }
}

/** A producer that wants no response learns of an error by the end of its connection, as in Kafka. */
function endOf({ request }: FaultCall, answer: FaultAnswer): FaultAnswer {
  return (request as { acks?: unknown }).acks === 0 ? { response: null, ending: 'cut' } : answer
}

/** The whole response as one error, as the API's handler refuses; APIs without one tell it at the top. */
function refusal(call: FaultCall, errorCode: ErrorCode, request: object): FaultAnswer {
  if (call.apiKey === PRODUCE && (request as { acks?: unknown }).acks === 0) {
    return { response: null, ending: 'cut' }
  }
  if (call.apiKey === OFFSET_FETCH && call.apiVersion < FIRST_WITH_GROUP_ERROR) {
    return { response: { topics: failedOffsets(errorCode, request) } }
  }
  const handler = HANDLERS.find(each => each.request.apiKey === call.apiKey)
  if (handler) return { response: handler.refuse(errorCode, request) }
  const { response } = apis.get(call.apiKey)!
  const empty = emptyOf({ kind: 'struct', fields: response.fields })
  assert(typeof empty === 'object' && empty !== null)
  return { response: 'errorCode' in empty ? { ...empty, errorCode } : empty }
}

/** Before there was a place for an error of the group, each partition told it. */
function failedOffsets(errorCode: ErrorCode, request: object): object[] {
  const { topics } = request as {
    topics: readonly { name: string; partitionIndexes: readonly number[] }[] | null
  }
  const failed = { committedOffset: -1n, metadata: '', errorCode }
  return (topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map(partitionIndex => ({ partitionIndex, ...failed })),
  }))
}

function throttled(response: object, throttleMs: number | undefined): object {
  if (throttleMs === undefined) return response
  const told = (response as { throttleTimeMs?: number }).throttleTimeMs ?? 0
  return { ...response, throttleTimeMs: Math.max(told, throttleMs) }
}

interface MetadataTopic {
  readonly errorCode: number
  readonly name: string | null
  readonly topicId?: string
  readonly partitions: readonly { readonly partitionIndex: number }[]
}

/** Metadata as it was when the rule was added. */
function stale({ call, frozen }: Effect, response: object): object {
  const told = (response as { topics: readonly MetadataTopic[] }).topics
  const asked = (call.request as { topics?: unknown }).topics
  const isAll = asked === null || (Array.isArray(asked) && asked.length === 0)
  const byId = new Map([...frozen].map(([name, topic]) => [topic.id, name]))
  const seen = new Set<string>()
  const topics = told.flatMap(topic => {
    const name = topic.name ?? byId.get(topic.topicId ?? '')
    const before = name === undefined ? undefined : frozen.get(name)
    if (before && name !== undefined) {
      seen.add(name)
      return [asBefore(name, before, topic)]
    }
    if (isAll) return []
    const errorCode = topic.errorCode || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return [{ ...topic, errorCode, topicId: ZERO_UUID, partitions: [] }]
  })
  if (isAll) for (const [name, before] of frozen) if (!seen.has(name)) topics.push(asBefore(name, before))
  return { ...response, topics }
}

function asBefore(name: string, before: ToldTopic, now?: MetadataTopic): MetadataTopic {
  const partitions = before.partitions.map(({ leaderId, leaderEpoch }, partitionIndex) => ({
    errorCode: ErrorCode.NONE,
    partitionIndex,
    replicaNodes: [leaderId],
    isrNodes: [leaderId],
    offlineReplicas: [],
    ...now?.partitions.find(each => each.partitionIndex === partitionIndex),
    leaderId,
    leaderEpoch,
  }))
  return {
    isInternal: false,
    ...now,
    errorCode: ErrorCode.NONE,
    name,
    topicId: before.id,
    partitions,
  } as MetadataTopic
}
