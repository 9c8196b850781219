/** A whole broker on a real socket, and clients that speak raw protocol to it. */
import { CreateTopicsRequest, CreateTopicsResponse } from '../../../protocol/messages/create-topics.ts'
import { MetadataRequest, MetadataResponse } from '../../../protocol/messages/metadata.ts'
import { ProduceRequest, ProduceResponse } from '../../../protocol/messages/produce.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { Broker } from '../../broker.ts'
import { loadConfig } from '../../config.ts'
import { WireClient } from '../../conformance/wire-client.ts'
import { silentLogger } from '../../observe/logger.ts'
import { nodePlatform } from '../../platform/node.ts'
import { type BatchOptions, buildBatch } from '../../records/builder.ts'

export type TopicMetadata = ValueOf<typeof MetadataResponse.fields>['topics'][number]
type NewTopic = InputOf<typeof CreateTopicsRequest.fields>['topics'][number]

export class WireBroker {
  readonly broker: Broker
  readonly port: number
  private readonly clients: WireClient[] = []

  static async start(options: Readonly<Record<string, string | number | boolean>> = {}): Promise<WireBroker> {
    const loaded = loadConfig({
      profile: 'ci',
      options: { listeners: 'PLAINTEXT://127.0.0.1:0', ...options },
    })
    if (!loaded.config) throw new Error(loaded.problems.join('; '))
    const { config } = loaded
    return new WireBroker(await Broker.start({ config, platform: nodePlatform(), logger: silentLogger }))
  }

  private constructor(broker: Broker) {
    this.broker = broker
    this.port = broker.listeners[0]!.port
  }

  async connect(clientId: string | null = 'wire', host = '127.0.0.1'): Promise<WireClient> {
    const client = await WireClient.connect(nodePlatform().network, { host, port: this.port, clientId })
    this.clients.push(client)
    return client
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map(client => client.close()))
    await this.broker.close()
  }
}

/** One topic of a CreateTopics request; one partition and the broker's replication factor unless told. */
export function newTopic(name: string, rest: Partial<NewTopic> = {}): NewTopic {
  return { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [], ...rest }
}

export async function createTopics(
  client: WireClient,
  topics: readonly (string | NewTopic)[],
  { version = 7, validateOnly = false } = {},
): Promise<ValueOf<typeof CreateTopicsResponse.fields>['topics']> {
  const response = await client.call({
    request: CreateTopicsRequest,
    response: CreateTopicsResponse,
    version,
    body: {
      topics: topics.map(topic => (typeof topic === 'string' ? newTopic(topic) : topic)),
      timeoutMs: 10_000,
      validateOnly,
    },
  })
  return response.topics
}

/** Metadata of topics by name, or by id; null asks for all. */
export function metadataOf(
  client: WireClient,
  topics: readonly (string | { readonly name: string | null; readonly topicId: string })[] | null,
  { version = 12, ...rest }: { version?: number } & Partial<InputOf<typeof MetadataRequest.fields>> = {},
): Promise<ValueOf<typeof MetadataResponse.fields>> {
  const asked = topics?.map(it => (typeof it === 'string' ? { name: it, topicId: ZERO_UUID } : it)) ?? null
  return client.call({
    request: MetadataRequest,
    response: MetadataResponse,
    version,
    body: {
      topics: asked,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
      ...rest,
    },
  })
}

/** Produces one record with acks=all; gives the error code and the base offset. */
export async function produceTo(client: WireClient, topic: string, batch: Partial<BatchOptions> = {}) {
  const records = buildBatch({
    records: [{ timestamp: 1_700_000_000_000n, key: null, value: Buffer.from('x') }],
    ...batch,
  })
  const response = await client.call({
    request: ProduceRequest,
    response: ProduceResponse,
    version: 9,
    body: {
      transactionalId: null,
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ name: topic, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }],
    },
  })
  return response.responses[0]!.partitionResponses[0]!
}
