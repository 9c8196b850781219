/**
 * Asks a broker that runs which versions and features it has, in every version of the question, and prints
 * the answers as JSON. Run on Apache Kafka, it makes what the personas are compared with:
 *
 *     node dist/src/conformance/personas/record.js 127.0.0.1:9092 3.9.1 > kafka-3.9.1.json
 */

import { decode } from '../../../protocol/codec.ts'
import { encodeRequestFrame } from '../../../protocol/header.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../../protocol/messages/api-versions.ts'
import { ProduceRequest } from '../../../protocol/messages/produce.ts'
import { joined } from '../../../protocol/wire.ts'
import { nodePlatform } from '../../platform/node.ts'
import type { Network } from '../../platform/platform.ts'
import { WireClient } from '../wire-client.ts'

export interface Range {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

export interface ApiVersionsAnswer {
  readonly errorCode: number
  readonly apiKeys: readonly Range[]
  readonly supportedFeatures: readonly {
    readonly name: string
    readonly minVersion: number
    readonly maxVersion: number
  }[]
  readonly finalizedFeaturesEpoch: number
  readonly finalizedFeatures: readonly {
    readonly name: string
    readonly minVersionLevel: number
    readonly maxVersionLevel: number
  }[]
}

export interface PersonaRecording {
  readonly kafka: string
  /** By the version of the question. */
  readonly apiVersions: Readonly<Record<string, ApiVersionsAnswer>>
  /** The answer to a version of the question that is not served, which is one of version 0. */
  readonly beyond: ApiVersionsAnswer
  /** What becomes of a Produce request without any topic, by version. */
  readonly produce: Readonly<Record<string, 'answered' | 'closed'>>
}

const LATEST_QUESTION = 5
const BEYOND = 99
const API_VERSIONS = ApiVersionsRequest.apiKey

export async function recordPersona(connect: () => Promise<WireClient>, kafka: string) {
  const beyond = await ask(connect, BEYOND)
  const highest = beyond.apiKeys.find(({ apiKey }) => apiKey === API_VERSIONS)!.maxVersion
  const apiVersions: Record<string, ApiVersionsAnswer> = {}
  for (let version = 0; version <= Math.min(highest, LATEST_QUESTION); version++) {
    apiVersions[version] = await ask(connect, version)
  }
  const produce: Record<string, 'answered' | 'closed'> = {}
  const range = apiVersions[0]!.apiKeys.find(({ apiKey }) => apiKey === ProduceRequest.apiKey)!
  for (let version = range.minVersion; version <= range.maxVersion; version++) {
    produce[version] = await produceNothing(connect, version)
  }
  return { kafka, apiVersions, beyond, produce } satisfies PersonaRecording
}

async function ask(connect: () => Promise<WireClient>, version: number): Promise<ApiVersionsAnswer> {
  const client = await connect()
  try {
    const body = { clientSoftwareName: 'klamm', clientSoftwareVersion: '1.0' }
    const asked = { version: Math.min(version, LATEST_QUESTION), correlationId: 1, clientId: 'klamm', body }
    const frame = Buffer.from(joined(encodeRequestFrame(ApiVersionsRequest, asked)))
    frame.writeInt16BE(version, 6)
    client.sendBytes(frame)
    const answer = await client.receiveFrame()
    // The header of this one response is the same in all versions, and an error is told in version 0.
    const isRefused = answer.readInt16BE(4) === 35
    return plain(decode(ApiVersionsResponse, isRefused ? 0 : version, answer, 4)) as ApiVersionsAnswer
  } finally {
    await client.close()
  }
}

async function produceNothing(connect: () => Promise<WireClient>, version: number) {
  const client = await connect()
  try {
    const body = { transactionalId: null, acks: 1, timeoutMs: 1_000, topicData: [] }
    client.send({ request: ProduceRequest, version, body })
    return await client.receiveFrame().then(
      () => 'answered' as const,
      () => 'closed' as const,
    )
  } finally {
    await client.close()
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

export function connector(network: Network, address: string): () => Promise<WireClient> {
  const [host = '', port = ''] = address.split(':')
  return () => WireClient.connect(network, { host, port: Number(port) })
}

if (process.argv[1]?.endsWith('personas/record.js')) {
  const [, , address = '127.0.0.1:9092', kafka = ''] = process.argv
  const recording = await recordPersona(connector(nodePlatform().network, address), kafka)
  // One line for each answer's API, so that differences are lines.
  const text = JSON.stringify(recording, undefined, 1).replace(
    /\{\n\s+("(?:apiKey|name)"[^}]*)\}/g,
    (_, inner) => {
      return `{ ${inner.replace(/\s+/g, ' ').trim()} }`
    },
  )
  process.stdout.write(`${text}\n`)
}
