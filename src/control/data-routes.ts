/** Topics and records over HTTP. */

import { Refused } from '../embedded/refused.ts'
import type {
  Bytes,
  ConsumeOptions,
  Isolation,
  Klamm,
  ProduceOptions,
  RecordToProduce,
  StoredRecord,
  TopicOptions,
} from '../embedded.ts'
import {
  Answer,
  fields,
  listOf,
  NOTHING,
  type Route,
  route,
  type Schema,
  text,
  truth,
  whole,
} from './route.ts'

const TOPIC = fields({
  name: text('The topic.'),
  topicId: text('As Metadata tells it.'),
  isInternal: truth("One of Kafka's own."),
  partitions: listOf(
    fields({
      partition: whole('Its index.'),
      start: whole('The first offset that is still there.'),
      end: whole('The offset of the next record to come.'),
      sizeBytes: whole('Of its log.'),
    }),
  ),
  configs: { type: 'object', description: 'What was set for this topic.' },
})
const PLACE = {
  topic: text('The topic.'),
  partition: whole('The partition.'),
  offset: whole('The offset.'),
}
const RECORD = fields({
  ...PLACE,
  timestamp: whole('Ms since 1970; -1 where there is none.'),
  key: text('As UTF-8.', { type: ['string', 'null'] }),
  value: text('As UTF-8.', { type: ['string', 'null'] }),
  headers: { type: 'object', description: 'As UTF-8, by name.' },
  keyBase64: text('Where the bytes are no UTF-8.'),
  valueBase64: text('Where the bytes are no UTF-8.'),
})
const ISOLATION = text('read_uncommitted unless told.', { enum: ['read_uncommitted', 'read_committed'] })
const NAMED = fields({ topic: text('The name of the topic.') }, 'topic')

/** A record as JSON gives it. */
interface GivenRecord {
  readonly key?: string | null
  readonly keyBase64?: string
  readonly value?: string | null
  readonly valueBase64?: string
  readonly headers?: Readonly<Record<string, string | null>>
  readonly partition?: number
  readonly timestamp?: number
}

const GIVEN_RECORD: Schema = fields({
  key: text('As text.', { type: ['string', 'null'] }),
  keyBase64: text('Instead, as bytes.'),
  value: text('As text; null for a tombstone.', { type: ['string', 'null'] }),
  valueBase64: text('Instead, as bytes.'),
  headers: {
    type: 'object',
    description: 'Texts by name.',
    additionalProperties: { type: ['string', 'null'] },
  },
  partition: whole('Without one it is chosen by the key, as in Kafka.', { minimum: 0 }),
  timestamp: whole("Ms since 1970; the broker's time unless told."),
})

interface ConsumeQuery {
  readonly count?: number
  readonly from?: string
  readonly partition?: number
  readonly isolation?: Isolation
  readonly timeout?: number
}

export function dataRoutes(klamm: Klamm): Route[] {
  return [...topicRoutes(klamm), ...recordRoutes(klamm)]
}

function topicRoutes(klamm: Klamm): Route[] {
  const tag = 'topics'
  return [
    route({
      method: 'GET',
      path: '/topics',
      tag,
      summary: 'All topics',
      answer: listOf(TOPIC),
      handle: () => klamm.topics(),
    }),
    route<{ body: TopicOptions }>({
      method: 'POST',
      path: '/topics',
      tag,
      summary: 'Make a topic',
      body: fields(
        {
          name: text('Its name.'),
          partitions: whole('num.partitions unless told.', { minimum: 1 }),
          configs: {
            type: 'object',
            description: "Options of the topic, by Kafka's names.",
            additionalProperties: { type: ['string', 'number', 'boolean'] },
          },
        },
        'name',
      ),
      answer: TOPIC,
      handle: async ({ body }) => new Answer(201, await klamm.createTopic(body)),
    }),
    route({
      method: 'GET',
      path: '/topics/{topic}',
      tag,
      summary: 'One topic',
      params: NAMED,
      answer: TOPIC,
      handle: ({ params }) => klamm.topic(params.topic!),
    }),
    route({
      method: 'DELETE',
      path: '/topics/{topic}',
      tag,
      summary: 'Delete a topic',
      params: NAMED,
      answer: NOTHING,
      handle: async ({ params }) => {
        await klamm.deleteTopic(params.topic!)
        return {}
      },
    }),
  ]
}

function recordRoutes(klamm: Klamm): Route[] {
  const tag = 'records'
  return [
    route<{ query: { isolation?: Isolation } }>({
      method: 'GET',
      path: '/topics/{topic}/records',
      tag,
      summary: 'All records that are there now',
      params: NAMED,
      query: fields({ isolation: ISOLATION }),
      answer: listOf(RECORD, 'By partition and offset.'),
      handle: async ({ params, query }) => (await klamm.contents(params.topic!, query)).map(shown),
    }),
    route<{ body: { records: readonly (string | null | GivenRecord)[] } & ProduceOptions }>({
      method: 'POST',
      path: '/topics/{topic}/records',
      tag,
      summary: 'Produce records',
      description: 'Makes the topic as the broker would for a client.',
      params: NAMED,
      body: fields(
        {
          records: listOf({ anyOf: [{ type: ['string', 'null'] }, GIVEN_RECORD] }, 'Values, or more.'),
          partition: whole('For records that do not say.', { minimum: 0 }),
          compression: text('none unless told.', { enum: ['none', 'gzip', 'snappy', 'lz4', 'zstd'] }),
        },
        'records',
      ),
      answer: listOf(fields(PLACE), 'Where they came to lie.'),
      handle: async ({ params, body: { records, ...options } }) =>
        new Answer(201, await klamm.produce(params.topic!, records.map(recordOf), options)),
    }),
    route<{ query: ConsumeQuery }>({
      method: 'GET',
      path: '/topics/{topic}/consume',
      tag,
      summary: 'Wait for records',
      description:
        'The first ones by partition and offset, as soon as there are as many; 408 says what was there.',
      params: NAMED,
      query: fields({
        count: whole('How many to wait for; 1 unless told.', { minimum: 1 }),
        from: text('earliest, latest, or an offset.', { pattern: '^(earliest|latest|[0-9]{1,18})$' }),
        partition: whole('Of one partition alone.', { minimum: 0 }),
        isolation: ISOLATION,
        timeout: whole('How long to wait, in ms; 5000 unless told.', { minimum: 0, maximum: 600_000 }),
      }),
      answer: listOf(RECORD),
      handle: async ({ params, query }) =>
        (await klamm.consume(params.topic!, consumeOptions(query))).map(shown),
    }),
  ]
}

function consumeOptions({ from = 'earliest', ...rest }: ConsumeQuery): ConsumeOptions {
  return { ...rest, from: from === 'earliest' || from === 'latest' ? from : BigInt(from) }
}

function recordOf(given: string | null | GivenRecord): Bytes | RecordToProduce {
  if (given === null || typeof given === 'string') return given
  const { key, keyBase64, value, valueBase64, ...rest } = given
  if (value === undefined && valueBase64 === undefined) {
    throw new Refused('invalid', 'a record needs value or valueBase64; null is a tombstone')
  }
  return {
    ...rest,
    key: decoded(key, keyBase64, 'keyBase64') ?? null,
    value: decoded(value, valueBase64, 'valueBase64') ?? null,
  }
}

function decoded(plain: string | null | undefined, base64: string | undefined, name: string) {
  if (base64 === undefined) return plain
  if (plain !== undefined) throw new Refused('invalid', `${name}: give the bytes once, as text or as base64`)
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return Buffer.from(base64, 'base64')
  throw new Refused('invalid', `${name}: this is no base64`)
}

/** Bytes are told as base64 where a text would not bring them. */
function shown({ keyBytes, valueBytes, ...record }: StoredRecord): object {
  return {
    ...record,
    ...(isText(keyBytes, record.key) ? {} : { keyBase64: keyBytes!.toString('base64') }),
    ...(isText(valueBytes, record.value) ? {} : { valueBase64: valueBytes!.toString('base64') }),
  }
}

function isText(bytes: Buffer | null, asText: string | null): boolean {
  return bytes === null || (asText !== null && Buffer.from(asText).equals(bytes))
}
