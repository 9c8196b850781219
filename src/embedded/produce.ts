/** Records into topics without a client library. */
import { ErrorCode } from '../../protocol/errors.ts'
import { autoCreateTopics } from '../api/auto-create-topics.ts'
import type { TopicImage } from '../metadata/image.ts'
import { COMPRESSION_TYPES, type CompressionType } from '../records/batch.ts'
import { buildBatch, type NewRecord } from '../records/builder.ts'
import {
  type Bytes,
  bytesOf,
  checkPartition,
  type DataContext,
  type DataSource,
  type ProducedRecord,
  type RecordToProduce,
  said,
  topicNamed,
  topicNames,
} from './data.ts'
import { partitionForKey } from './murmur2.ts'
import { Refused } from './refused.ts'

export interface ProduceOptions {
  /** For records that do not say. Those with a key are else spread by it as in Kafka; the rest go to 0. */
  readonly partition?: number
  /** `none` unless told. */
  readonly compression?: CompressionType
}

interface Draft {
  readonly at: number
  readonly record: NewRecord
  readonly bytes: number
}

const TIMEOUT_MS = 30_000
/** The last version that names topics. */
const PRODUCE_VERSION = 12
/** What a record takes beside key and value, at most, without its headers. */
const RECORD_OVERHEAD_BYTES = 40

/**
 * One record for each that is given, in their order. Makes the topic as the broker would for a client;
 * rejects with the broker's own reason.
 */
export async function produce(
  source: DataSource,
  topic: string,
  records: Bytes | RecordToProduce | readonly (Bytes | RecordToProduce)[],
  options: ProduceOptions = {},
): Promise<ProducedRecord[]> {
  const context = source.context()
  const { compression = 'none' } = options
  if (!COMPRESSION_TYPES.includes(compression)) {
    throw new Refused('invalid', `compression: ${compression} is not one of ${COMPRESSION_TYPES.join(', ')}`)
  }
  const list = isList(records) ? records : [records]
  const wanted = list.map(asRecord)
  if (wanted.length === 0) return []
  const image = await topicFor(context, topic)
  const byPartition = new Map<number, Draft[]>()
  for (const [at, record] of wanted.entries()) {
    const partition = record.partition ?? options.partition ?? partitionOf(record, image)
    checkPartition(image, partition)
    const drafts = byPartition.get(partition) ?? []
    drafts.push(draftOf(record, at, context.clock.now()))
    byPartition.set(partition, drafts)
  }
  const maxBytes = batchBytes(context)
  const results: ProducedRecord[] = []
  await Promise.all(
    [...byPartition].map(async ([partition, drafts]) => {
      for (const batch of batchesOf(drafts, maxBytes)) {
        const first = await append(context, { topic, partition, compression, batch })
        for (const [i, { at }] of batch.entries()) {
          results[at] = { topic, partition, offset: first + BigInt(i) }
        }
      }
    }),
  )
  return results
}

function isList(
  records: Bytes | RecordToProduce | readonly (Bytes | RecordToProduce)[],
): records is readonly (Bytes | RecordToProduce)[] {
  return Array.isArray(records)
}

function asRecord(given: Bytes | RecordToProduce): RecordToProduce {
  if (given === null || typeof given === 'string' || given instanceof Uint8Array) return { value: given }
  if (typeof given === 'object' && isBytes(given.value) && isBytes(given.key ?? null)) return checked(given)
  const what = 'a record is a text, bytes, null, or { value, key, headers, partition, timestamp } of those'
  throw new Refused('invalid', `${what}; write JSON as JSON.stringify(…)`)
}

/** What would be left out without a word, or break the batch. */
function checked(record: RecordToProduce): RecordToProduce {
  const stranger = Object.keys(record).find(name => !FIELDS.includes(name))
  if (stranger !== undefined) {
    throw new Refused('invalid', `a record has no ${stranger}; it may have ${FIELDS.join(', ')}`)
  }
  const { headers = {}, timestamp } = record
  const isPlain =
    typeof headers === 'object' && headers !== null && !Array.isArray(headers) && !(headers instanceof Map)
  if (!isPlain || !Object.values(headers).every(content => isBytes(content ?? null))) {
    throw new Refused('invalid', "headers: give { name: 'value' }, each value a text, bytes or null")
  }
  if (timestamp === null) throw new Refused('invalid', 'timestamp: null is no time in ms')
  return record
}

const FIELDS = ['value', 'key', 'headers', 'partition', 'timestamp']

function isBytes(given: unknown): given is Bytes {
  return given === null || typeof given === 'string' || given instanceof Uint8Array
}

function partitionOf({ key }: RecordToProduce, { partitions }: TopicImage): number {
  const bytes = bytesOf(key)
  return bytes === null ? 0 : partitionForKey(bytes, partitions.length)
}

function draftOf({ key, value, headers = {}, timestamp }: RecordToProduce, at: number, now: number): Draft {
  const time = typeof timestamp === 'object' ? timestamp.getTime() : (timestamp ?? now)
  if (!Number.isSafeInteger(time)) throw new Refused('invalid', `timestamp: ${timestamp} is no time in ms`)
  const encoded = Object.entries(headers).map(([name, content]) => ({ key: name, value: bytesOf(content) }))
  const record = { timestamp: BigInt(time), key: bytesOf(key), value: bytesOf(value), headers: encoded }
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const header of encoded) bytes += 2 * header.key.length + (header.value?.length ?? 0) + 10
  return { at, record, bytes }
}

async function topicFor(context: DataContext, topic: string): Promise<TopicImage> {
  const present = topicNamed(context, topic)
  if (present) return present
  if (!context.config.boolean('auto.create.topics.enable')) {
    const why = 'and auto.create.topics.enable is false'
    throw new Refused('missing', `there is no topic ${topic}, ${why}; topics: ${topicNames(context)}`)
  }
  const refusals = await autoCreateTopics([topic], context)
  const made = topicNamed(context, topic)
  if (made) return made
  throw new Refused('refused', `topic ${topic} cannot be made: ${said(refusals.get(topic)!)}`)
}

/** Below what a topic takes by default, so that many records need no thought. */
function batchBytes({ config }: DataContext): number {
  return Math.max(1, Math.floor(config.number('message.max.bytes') / 2))
}

function* batchesOf(drafts: readonly Draft[], maxBytes: number): Generator<readonly Draft[]> {
  let batch: Draft[] = []
  let bytes = 0
  for (const draft of drafts) {
    if (batch.length > 0 && bytes + draft.bytes > maxBytes) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(draft)
    bytes += draft.bytes
  }
  yield batch
}

interface BatchToAppend {
  readonly topic: string
  readonly partition: number
  readonly compression: CompressionType
  readonly batch: readonly Draft[]
}

/** The offset of its first record. */
async function append({ replicas }: DataContext, what: BatchToAppend): Promise<bigint> {
  const { topic, partition: index, compression, batch } = what
  const records = buildBatch({ records: batch.map(({ record }) => record), compression })
  const [outcome] = await replicas.append({
    acks: -1,
    timeoutMs: TIMEOUT_MS,
    produceVersion: PRODUCE_VERSION,
    targets: [{ topic, topicId: null, index, records }],
  })
  if (outcome!.error === ErrorCode.NONE) return outcome!.baseOffset
  const [fault] = outcome!.recordErrors
  const why = said(outcome!.error, fault?.message ?? outcome!.message)
  throw new Refused('refused', `${topic}-${index} takes no records: ${why}`)
}
