/**
 * An exchange as a person reads it: who asked what, about which partitions, and what came of it after how
 * long.
 */
import { errorName } from '../../protocol/errors.ts'
import { localTimeOfDay } from '../platform/node-clock.ts'
import type { Exchange, MessageBody, RecordsSummary, TraceTextOptions } from './exchange.ts'
import { errorsIn, type NamedPartition, partitionsIn } from './message-body.ts'
import type { TopicNames } from './topic-fields.ts'

/** More partitions than these are counted, not named. */
const MOST_NAMED = 4
const MOST_BYTES_SHOWN = 24
/** Fields that tell in one word what a request is about. */
const TELLING = [
  'groupId',
  'memberId',
  'generationId',
  'generationIdOrMemberEpoch',
  'memberEpoch',
  'transactionalId',
  'v3AndBelowTransactionalId',
  'producerId',
  'producerEpoch',
  'committed',
  'key',
  'coordinatorKeys',
  'mechanism',
  'clientSoftwareName',
  'acks',
] as const

export function exchangeText(exchange: Exchange, names: TopicNames, options: TraceTextOptions): string {
  const { number, requestedAt, client, api, version, correlationId } = exchange
  const when = localTimeOfDay(requestedAt)
  const asked = `#${number} ${when} ${client ?? '(no client id)'} ${api} v${version} (${correlationId})`
  const about = requestText(exchange.request.body, names)
  const faults = exchange.faults.map(text => `  [fault: ${text}]`).join('')
  const line = `${asked}${about} => ${responseText(exchange, names)}${faults}`
  if (!options.isDetailed) return line
  const parts = [line, '  request', ...fieldLines(exchange.request.body, '    ')]
  if (exchange.response) parts.push('  response', ...fieldLines(exchange.response.body, '    '))
  return parts.join('\n')
}

function requestText(body: MessageBody, names: TopicNames): string {
  const told = TELLING.flatMap(name => {
    const value = body[name]
    if (value === undefined || value === null || value === '' || value === -1 || value === -1n) return []
    if (Array.isArray(value) && value.length === 0) return []
    return [`${name}=${String(value)}`]
  })
  if ('undecoded' in body) told.push(`not decoded: ${String(body.undecoded)}`)
  const words = [...told, ...partitionWords(partitionsIn(body, names), requestDetail)]
  return words.length > 0 ? ` ${words.join(' ')}` : ''
}

function responseText(exchange: Exchange, names: TopicNames): string {
  const { response, outcome, durationMs = 0 } = exchange
  if (!response) return outcome === 'lost' ? 'connection lost' : outcome
  const { body } = response
  const words = [`${durationMs.toFixed(1)} ms`]
  if ('undecoded' in body) return [...words, `not decoded: ${String(body.undecoded)}`].join(' ')
  const throttle = body.throttleTimeMs
  if (typeof throttle === 'number' && throttle > 0) words.push(`throttled ${throttle} ms`)
  const errors = errorsIn(body, names)
  for (const { about, error } of errors.slice(0, MOST_NAMED)) words.push(about ? `${about}: ${error}` : error)
  if (errors.length > MOST_NAMED) words.push(`and ${errors.length - MOST_NAMED} more errors`)
  if (errors.length === 0) words.push('ok', ...partitionWords(partitionsIn(body, names), responseDetail))
  return words.join(' ')
}

function partitionWords(
  partitions: readonly NamedPartition[],
  detail: (value: MessageBody) => string,
): string[] {
  const words = partitions.slice(0, MOST_NAMED).map(({ topic, partition, value }) => {
    return `${topic}${partition === undefined ? '' : `-${partition}`}${detail(value)}`
  })
  if (partitions.length > MOST_NAMED) words.push(`and ${partitions.length - MOST_NAMED} more partitions`)
  return words
}

function requestDetail(value: MessageBody): string {
  const { records, fetchOffset, committedOffset } = value
  if (isSummary(records)) return `[${recordsText(records)}]`
  if (typeof fetchOffset === 'bigint') return `@${fetchOffset}`
  if (typeof committedOffset === 'bigint') return `=${committedOffset}`
  return ''
}

function responseDetail(value: MessageBody): string {
  const { records, baseOffset, committedOffset, offset } = value
  if (isSummary(records)) return records.batches.length > 0 ? `[${recordsText(records)}]` : '[nothing]'
  for (const told of [baseOffset, committedOffset, offset]) if (typeof told === 'bigint') return `@${told}`
  return ''
}

function isSummary(value: unknown): value is RecordsSummary {
  return typeof value === 'object' && value !== null && 'batches' in value
}

function recordsText({ batches, bytes }: RecordsSummary): string {
  const count = batches.reduce((sum, batch) => sum + batch.records, 0)
  const [first] = batches
  const parts = [`${count} ${count === 1 ? 'record' : 'records'}`, `${bytes} B`]
  if (first && first.compression !== 'none') parts.push(first.compression)
  if (first?.producerId !== undefined) {
    parts.push(`producer ${first.producerId}/${first.producerEpoch} sequence ${first.baseSequence}`)
  }
  if (first?.isTransactional) parts.push('transactional')
  if (first?.isControl) parts.push('control')
  return parts.join(', ')
}

function fieldLines(value: MessageBody, indent: string): string[] {
  return Object.entries(value).flatMap(([name, field]) => lines(name, field, indent))
}

function lines(name: string, value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    const elements = value as unknown[]
    if (!elements.some(each => typeof each === 'object' && each !== null)) {
      return [`${indent}${name}: [${elements.map(scalarText).join(', ')}]`]
    }
    return elements.flatMap((each, index) => lines(`${name}[${index}]`, each, indent))
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return [`${indent}${name}`, ...fieldLines(value as MessageBody, `${indent}  `)]
  }
  const isCode = /errorCode$/i.test(name) && typeof value === 'number' && value !== 0
  return [`${indent}${name}: ${scalarText(value)}${isCode ? ` ${errorName(value)}` : ''}`]
}

function scalarText(value: unknown): string {
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.subarray(0, MOST_BYTES_SHOWN)).toString('hex')
    return `${value.length} bytes ${hex}${value.length > MOST_BYTES_SHOWN ? '...' : ''}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
