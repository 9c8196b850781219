/**
 * Frames as values: the fields of a message by name, with records summarised, and what of them a line of text
 * needs: the topics that are named, the errors that are told.
 */
import { apis } from '../../protocol/apis.ts'
import { decode } from '../../protocol/codec.ts'
import { errorName } from '../../protocol/errors.ts'
import { decodeRequestHeader, decodeResponseHeader } from '../../protocol/header.ts'
import { isWithin, type Message } from '../../protocol/schema.ts'
import { BATCH_HEADER_BYTES, LOG_OVERHEAD_BYTES, RecordBatch } from '../records/batch.ts'
import { readMessage } from '../records/legacy.ts'
import type { BatchSummary, MessageBody, RecordsSummary } from './exchange.ts'
import { isFields, isTopicList, partitionOf, type TopicNames, topicOf } from './topic-fields.ts'

const API_VERSIONS = 18
const MAGIC_2 = 2

export function requestBody(frame: Buffer): MessageBody {
  try {
    const { apiKey, apiVersion, bodyPosition } = decodeRequestHeader(frame)
    return bodyOf(apis.get(apiKey)?.request, apiVersion, frame, bodyPosition)
  } catch (error) {
    return { undecoded: (error as Error).message }
  }
}

export function responseBody(apiKey: number, version: number, frame: Buffer): MessageBody {
  try {
    const definition = apis.get(apiKey)?.response
    // Whoever asks in a version that is not served is told so in version 0 (KIP-511).
    const isKnown = definition && isWithin(definition.versions, version)
    const spoken = apiKey === API_VERSIONS && !isKnown ? 0 : version
    const { bodyPosition } = decodeResponseHeader(apiKey, spoken, frame)
    const body = bodyOf(definition, spoken, frame, bodyPosition)
    if (apiKey !== API_VERSIONS || !('undecoded' in body)) return body
    return bodyOf(definition, 0, frame, bodyPosition)
  } catch (error) {
    return { undecoded: (error as Error).message }
  }
}

function bodyOf(definition: Message | undefined, version: number, frame: Buffer, at: number): MessageBody {
  if (!definition) return { undecoded: 'this API is not known' }
  if (!isWithin(definition.versions, version)) return { undecoded: `version ${version} is not known` }
  try {
    return summarised(decode(definition, version, frame, at)) as MessageBody
  } catch (error) {
    return { undecoded: (error as Error).message }
  }
}

/** Fields called `records` become summaries; other bytes are copied nowhere. */
function summarised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(summarised)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      name === 'records' && field instanceof Buffer ? summaryOf(field) : summarised(field),
    ]),
  )
}

export function summaryOf(records: Buffer): RecordsSummary {
  const batches: BatchSummary[] = []
  let at = 0
  while (records.length - at >= LOG_OVERHEAD_BYTES + 5) {
    const bytes = LOG_OVERHEAD_BYTES + records.readInt32BE(at + 8)
    if (bytes < LOG_OVERHEAD_BYTES + 5 || at + bytes > records.length) break
    const isBatch = records[at + 16] === MAGIC_2
    if (isBatch && bytes < BATCH_HEADER_BYTES) break
    batches.push(isBatch ? batchSummary(new RecordBatch(records, at)) : messageSummary(records, at, bytes))
    at += bytes
  }
  const partialBytes = records.length - at
  return { bytes: records.length, batches, ...(partialBytes > 0 && { partialBytes }) }
}

function batchSummary(batch: RecordBatch): BatchSummary {
  return {
    baseOffset: batch.baseOffset,
    records: batch.recordCount,
    magic: batch.magic,
    compression: batch.compression ?? 'unknown',
    bytes: batch.sizeInBytes,
    leaderEpoch: batch.partitionLeaderEpoch,
    ...(batch.hasProducerId && {
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
    }),
    ...(batch.isTransactional && { isTransactional: true }),
    ...(batch.isControl && { isControl: true }),
  }
}

/** An entry of format 0 or 1, which may be a wrapper of compressed ones. */
function messageSummary(records: Buffer, at: number, bytes: number): BatchSummary {
  const read = readMessage(records, at)
  const compression = read.error ? 'unknown' : (read.value?.compression ?? 'unknown')
  return { baseOffset: records.readBigInt64BE(at), records: 1, magic: records[at + 16]!, compression, bytes }
}

/** A code that is not NONE, and what it is about, as far as the fields around it tell. */
export interface ToldError {
  readonly about: string
  readonly error: string
}

/** The errors in a response, in its order. */
export function errorsIn(body: MessageBody, names: TopicNames): ToldError[] {
  const found: ToldError[] = []
  visit(body, names, [], (value, about) => {
    for (const [name, field] of Object.entries(value)) {
      if (/errorCode$/i.test(name) && typeof field === 'number' && field !== 0) {
        found.push({ about: about.join(' '), error: errorName(field) })
      }
    }
  })
  return found
}

/** What of each partition a line tells: `orders-0`. */
export interface NamedPartition {
  readonly topic: string
  readonly partition: number | undefined
  readonly value: MessageBody
}

/** The topics and partitions that a message is about, in its order. */
export function partitionsIn(body: MessageBody, names: TopicNames): NamedPartition[] {
  const found: NamedPartition[] = []
  walkTopics(body, names, found)
  return found
}

export function topicsIn(body: MessageBody, names: TopicNames): string[] {
  return [...new Set(partitionsIn(body, names).map(each => each.topic))]
}

function walkTopics(value: MessageBody, names: TopicNames, found: NamedPartition[]): void {
  for (const [field, list] of Object.entries(value)) {
    if (!Array.isArray(list)) continue
    for (const element of list as unknown[]) {
      const topic = isTopicList(field) ? topicOf(element, names) : undefined
      if (topic !== undefined) addPartitions(topic, isFields(element) ? element : {}, found)
      else if (isFields(element)) walkTopics(element, names, found)
    }
  }
}

function addPartitions(topic: string, value: MessageBody, found: NamedPartition[]): void {
  const before = found.length
  for (const list of Object.values(value)) {
    if (!Array.isArray(list)) continue
    for (const element of list as unknown[]) {
      const partition = partitionOf(element)
      if (partition !== undefined) found.push({ topic, partition, value: isFields(element) ? element : {} })
    }
  }
  if (found.length === before) found.push({ topic, partition: undefined, value })
}

function visit(
  value: MessageBody,
  names: TopicNames,
  about: readonly string[],
  see: (value: MessageBody, about: readonly string[]) => void,
): void {
  see(value, about)
  for (const field of Object.values(value)) {
    const elements = Array.isArray(field) ? (field as unknown[]) : [field]
    for (const element of elements) {
      if (typeof element !== 'object' || element === null || element instanceof Uint8Array) continue
      visit(element as MessageBody, names, aboutOf(element as MessageBody, names, about), see)
    }
  }
}

function aboutOf(value: MessageBody, names: TopicNames, outer: readonly string[]): readonly string[] {
  const partition = partitionOf(value)
  const last = outer.at(-1)
  if (partition !== undefined && last !== undefined) return [...outer.slice(0, -1), `${last}-${partition}`]
  const name =
    topicOf(value, names) ??
    ['groupId', 'transactionalId', 'key', 'memberId', 'resourceName', 'user']
      .map(field => value[field])
      .find(text => typeof text === 'string' && text !== '')
  return typeof name === 'string' ? [...outer, name] : outer
}
