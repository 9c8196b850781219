/** Recorded bytes of Apache Kafka's own codec, and every definition of ours by its name. */
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { apis } from '../apis.ts'
import * as abortedTransaction from '../records/aborted-transaction.ts'
import * as clusterMetadata from '../records/cluster-metadata.ts'
import * as consumerGroup from '../records/consumer-group.ts'
import * as consumerOffsets from '../records/consumer-offsets.ts'
import * as consumerProtocol from '../records/consumer-protocol.ts'
import * as control from '../records/control.ts'
import * as principal from '../records/principal.ts'
import * as producerSnapshot from '../records/producer-snapshot.ts'
import * as quorumState from '../records/quorum-state.ts'
import * as remoteLogMetadata from '../records/remote-log-metadata.ts'
import * as shareGroup from '../records/share-group.ts'
import * as shareState from '../records/share-state.ts'
import * as streamsGroup from '../records/streams-group.ts'
import * as transactionState from '../records/transaction-state.ts'
import { defaultOf, type Fields, type FieldType, type Message } from '../schema.ts'

export interface Vector {
  readonly api: string
  readonly type: string
  readonly version: number
  readonly variant: string
  readonly json: unknown
  readonly hex: string
}

export interface Frame {
  readonly client: string
  readonly conn: number
  readonly seq: number
  readonly dir: 'request' | 'response'
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly hex: string
}

const recordModules: readonly object[] = [
  abortedTransaction,
  clusterMetadata,
  consumerGroup,
  consumerOffsets,
  consumerProtocol,
  control,
  principal,
  producerSnapshot,
  quorumState,
  remoteLogMetadata,
  shareGroup,
  shareState,
  streamsGroup,
  transactionState,
]

function isMessage(exported: unknown): exported is Message {
  return typeof exported === 'object' && exported !== null && 'fields' in exported && 'versions' in exported
}

export const apiMessages: readonly Message[] = [...apis.values()].flatMap(api => [api.request, api.response])
export const recordMessages: readonly Message[] = recordModules.flatMap(exported => {
  return Object.values(exported).filter(isMessage)
})
export const allMessages: readonly Message[] = [...apiMessages, ...recordMessages]

const byName = new Map(allMessages.map(message => [message.name, message]))

export function versionsOf({ versions }: Message): readonly number[] {
  return Array.from({ length: versions.last - versions.first + 1 }, (_, i) => versions.first + i)
}

/** The definition of a vector; undefined for headers, which have none. */
export function definitionOf({ api, type }: Vector): Message | undefined {
  const suffix = type === 'request' ? 'Request' : type === 'response' ? 'Response' : ''
  return byName.get(api + suffix)
}

function fixture(path: string): URL {
  return new URL(`../fixtures/${path}`, import.meta.url)
}

/** Numbers of more than 15 digits are kept as text, which `valueOfJson` turns into exact integers. */
function readLines<T>(path: string): T[] {
  const text = gunzipSync(readFileSync(fixture(path))).toString()
  const exact = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, token => {
    return /^-?\d{16,}$/.test(token) ? `"${token}"` : token
  })
  return exact.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as T]))
}

export function loadVectors(): Vector[] {
  return ['vectors', 'vectors-dropped'].flatMap(folder => {
    return readdirSync(fixture(folder)).flatMap(file => readLines<Vector>(`${folder}/${file}`))
  })
}

export function loadExchange(): Frame[] {
  return readLines('exchange.jsonl.gz')
}

/**
 * Keys and values, in hex, from the internal topics and the metadata log of a Kafka 4.4 broker's directory.
 */
export function loadInternalRecords(): {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
}[] {
  return readLines('internal-records.jsonl.gz')
}

/** What a decoder must return for a vector's JSON, which lacks the fields that its version has not. */
export function valueOfJson(fields: Fields, json: unknown): Record<string, unknown> {
  const given = json as Record<string, unknown>
  const unknownName = Object.keys(given).find(name => !(name in fields))
  if (unknownName !== undefined) throw new Error(`the definition has no field '${unknownName}'`)
  const entries = Object.entries(fields).map(([name, field]) => {
    return [name, name in given ? convert(field.type, given[name]) : defaultOf(field)]
  })
  return Object.fromEntries(entries)
}

function convert(type: FieldType, json: unknown): unknown {
  if (json === null) return null
  switch (type.kind) {
    case 'int64':
      return BigInt(json as number | string)
    case 'bytes':
      return Buffer.from(json as string, 'base64')
    case 'array':
      return (json as unknown[]).map(element => convert(type.element, element))
    case 'struct':
      return valueOfJson(type.fields, json)
    case 'float64':
      return Number(json)
    default:
      return json
  }
}
