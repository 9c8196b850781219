/** What producers, readers and administrators of topics say, in as few words as a case needs. */
import { AlterConfigsRequest, AlterConfigsResponse } from '../../../protocol/messages/alter-configs.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../../protocol/messages/api-versions.ts'
import {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from '../../../protocol/messages/create-partitions.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from '../../../protocol/messages/create-topics.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from '../../../protocol/messages/delete-records.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../../protocol/messages/delete-topics.ts'
import {
  DescribeConfigsRequest,
  DescribeConfigsResponse,
} from '../../../protocol/messages/describe-configs.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from '../../../protocol/messages/describe-topic-partitions.ts'
import { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '../../../protocol/messages/incremental-alter-configs.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../../protocol/messages/init-producer-id.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../../protocol/messages/list-offsets.ts'
import { MetadataRequest, MetadataResponse } from '../../../protocol/messages/metadata.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../../protocol/messages/offset-for-leader-epoch.ts'
import { ProduceRequest, ProduceResponse } from '../../../protocol/messages/produce.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { type BatchOptions, buildBatch, type NewRecord } from '../../records/builder.ts'
import { casesWith } from '../kit/case.ts'
import { type Side, Talk } from '../talk.ts'

export const API_VERSIONS = { request: ApiVersionsRequest, response: ApiVersionsResponse }
export const METADATA = { request: MetadataRequest, response: MetadataResponse }
export const CREATE_TOPICS = { request: CreateTopicsRequest, response: CreateTopicsResponse }
export const DELETE_TOPICS = { request: DeleteTopicsRequest, response: DeleteTopicsResponse }
export const CREATE_PARTITIONS = { request: CreatePartitionsRequest, response: CreatePartitionsResponse }
export const DESCRIBE_TOPIC_PARTITIONS = {
  request: DescribeTopicPartitionsRequest,
  response: DescribeTopicPartitionsResponse,
}
export const DESCRIBE_CONFIGS = { request: DescribeConfigsRequest, response: DescribeConfigsResponse }
export const ALTER_CONFIGS = { request: AlterConfigsRequest, response: AlterConfigsResponse }
export const INCREMENTAL_ALTER_CONFIGS = {
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
}
export const PRODUCE = { request: ProduceRequest, response: ProduceResponse }
export const FETCH = { request: FetchRequest, response: FetchResponse }
export const LIST_OFFSETS = { request: ListOffsetsRequest, response: ListOffsetsResponse }
export const LEADER_EPOCHS = { request: OffsetForLeaderEpochRequest, response: OffsetForLeaderEpochResponse }
export const DELETE_RECORDS = { request: DeleteRecordsRequest, response: DeleteRecordsResponse }
export const INIT_PRODUCER_ID = { request: InitProducerIdRequest, response: InitProducerIdResponse }

export type NewTopic = InputOf<typeof CreateTopicsRequest.fields>['topics'][number]
type FetchBody = InputOf<typeof FetchRequest.fields>
type FetchTopic = FetchBody['topics'][number]
type FetchPartition = FetchTopic['partitions'][number]
type ListOffsetsPartition = InputOf<typeof ListOffsetsRequest.fields>['topics'][number]['partitions'][number]

export interface Topic {
  readonly name: string
  readonly topicId: string
}

export interface ProduceWords {
  readonly v?: number
  readonly who?: string
  readonly acks?: number
  readonly index?: number
  readonly topicId?: string
  readonly transactionalId?: string | null
}

export interface FetchWords {
  readonly v?: number
  readonly who?: string
  readonly from?: number
  readonly index?: number
  readonly topicId?: string
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly isolationLevel?: number
  readonly currentLeaderEpoch?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
}

/** A time long ago, so that no broker takes it for one of its own. */
export const BASE_TIME = 1_700_000_000_000n
/** An id that no topic has. */
export const NO_TOPIC_ID = 'kUPrfbXwQyeKGp30KPTbXg'
const READY_POLLS = 200

export class DataTalk extends Talk {
  readonly id: string

  constructor(side: Side, id: string) {
    super(side)
    this.id = id
  }

  get brokerSide(): Side {
    return this.side
  }

  /** The topic of the case, ready for records; another one by another suffix. */
  async topic(
    suffix = '',
    words: { partitions?: number; configs?: Record<string, string> } = {},
  ): Promise<Topic> {
    const { partitions = 1, configs = {} } = words
    const name = this.id + suffix
    const created = await this.ask('admin', CREATE_TOPICS, 5, {
      topics: [this.newTopic(name, { numPartitions: partitions, configs })],
      timeoutMs: 10_000,
      validateOnly: false,
    })
    const { errorCode, errorMessage } = created.topics[0] ?? { errorCode: -1, errorMessage: 'no answer' }
    if (errorCode !== 0) throw new Error(`the topic cannot be created: ${errorMessage ?? errorCode}`)
    for (let index = 0; index < partitions; index++) await this.ready(name, index)
    return { name, topicId: await this.idOfTopic(name) }
  }

  /** Records that were made long ago are kept: retention does not touch the topics of cases. */
  newTopic(
    name: string,
    {
      numPartitions = 1,
      configs = {},
    }: { readonly numPartitions?: number; readonly configs?: Readonly<Record<string, string>> } = {},
  ): NewTopic {
    const { brokerId } = this.side
    const all = { 'retention.ms': '-1', ...configs }
    const assignments = Array.from(
      { length: brokerId === undefined ? 0 : numPartitions },
      (_, partitionIndex) => ({
        partitionIndex,
        brokerIds: [brokerId!],
      }),
    )
    return {
      name,
      numPartitions: brokerId === undefined ? numPartitions : -1,
      replicationFactor: brokerId === undefined ? 1 : -1,
      assignments,
      configs: Object.entries(all).map(([key, value]) => ({ name: key, value })),
    }
  }

  /** In Kafka a topic is known before its leaders are ready. */
  async ready(name: string, partitionIndex = 0): Promise<void> {
    for (let polls = 0; polls < READY_POLLS; polls++) {
      const answer = await this.ask('admin', LIST_OFFSETS, 5, this.offsetsOf(name, { partitionIndex }))
      if (answer.topics[0]?.partitions[0]?.errorCode === 0) return
      this.transcript.pop()
      await this.side.wait(20)
    }
    throw new Error(`${name}-${partitionIndex} does not get ready`)
  }

  /** Zero where the broker has no ids. */
  async idOfTopic(name: string): Promise<string> {
    const range = this.side.versionsOf?.(MetadataRequest.apiKey)
    if (range && range.last < 10) return ZERO_UUID
    const known = await this.ask('admin', METADATA, 10, this.metadataOf([name]))
    const topicId = known.topics[0]?.topicId ?? ZERO_UUID
    if (topicId !== ZERO_UUID) this.name(topicId, `id of ${name}`)
    return topicId
  }

  metadataOf(names: readonly string[] | null): InputOf<typeof MetadataRequest.fields> {
    return {
      topics: names?.map(name => ({ name, topicId: ZERO_UUID })) ?? null,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
  }

  offsetsOf(
    name: string,
    {
      isolationLevel = 0,
      replicaId = -1,
      ...partition
    }: Partial<ListOffsetsPartition> & {
      readonly isolationLevel?: number
      readonly replicaId?: number
    } = {},
  ): InputOf<typeof ListOffsetsRequest.fields> {
    const asked = { partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n, ...partition }
    return { replicaId, isolationLevel, timeoutMs: 5_000, topics: [{ name, partitions: [asked] }] }
  }

  /** The offset for a time, or for one of the times that stand for something. */
  offset(
    topic: Topic,
    timestamp: bigint | number,
    { v = 7, ...words }: Parameters<DataTalk['offsetsOf']>[1] & { readonly v?: number } = {},
  ) {
    const body = this.offsetsOf(topic.name, { timestamp: BigInt(timestamp), ...words })
    return this.call('reader', LIST_OFFSETS, v, body)
  }

  produceBody(
    topic: Topic,
    records: Buffer | null,
    { acks = -1, index = 0, transactionalId = null, topicId = topic.topicId }: ProduceWords = {},
  ): InputOf<typeof ProduceRequest.fields> {
    const topicData = [{ name: topic.name, topicId, partitionData: [{ index, records }] }]
    return { transactionalId, acks, timeoutMs: 5_000, topicData }
  }

  produce(topic: Topic, records: Buffer | null, words: ProduceWords = {}) {
    const { who = 'producer', v = 9 } = words
    return this.call(who, PRODUCE, v, this.produceBody(topic, records, words))
  }

  /** Records that a case needs to begin with. */
  async fill(topic: Topic, ...batches: readonly Buffer[]): Promise<void> {
    for (const records of batches) {
      const answer = await this.ask('producer', PRODUCE, 9, this.produceBody(topic, records))
      const errorCode = answer.responses[0]?.partitionResponses[0]?.errorCode
      if (errorCode !== 0) throw new Error(`the records are not taken: error ${errorCode}`)
    }
  }

  fetchBody(topics: readonly FetchTopic[], words: FetchWords = {}): FetchBody {
    const { maxWaitMs = 0, minBytes = 1, maxBytes = 0x7fff_ffff, isolationLevel = 0 } = words
    const { sessionId = 0, sessionEpoch = -1 } = words
    return {
      maxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel,
      sessionId,
      sessionEpoch,
      topics,
      forgottenTopicsData: [],
    }
  }

  fetchTopic({ name, topicId }: Topic, words: FetchWords = {}): FetchTopic {
    const { index = 0, from = 0, partitionMaxBytes = 1_048_576, currentLeaderEpoch = -1 } = words
    const partition: FetchPartition = {
      partition: index,
      fetchOffset: BigInt(from),
      partitionMaxBytes,
      currentLeaderEpoch,
    }
    return { topic: name, topicId: words.topicId ?? topicId, partitions: [partition] }
  }

  fetch(topic: Topic, words: FetchWords = {}) {
    const { who = 'reader', v = 12 } = words
    return this.call(who, FETCH, v, this.fetchBody([this.fetchTopic(topic, words)], words))
  }

  /** What the log holds, as a reader of today sees it. */
  async read(topic: Topic, words: FetchWords = {}): Promise<ValueOf<typeof FetchResponse.fields>> {
    return this.fetch(topic, words)
  }
}

export const scripted = casesWith((side, id) => new DataTalk(side, id))

/** One batch of records with these values, a millisecond apart. */
export function batch(
  values: readonly (string | null)[],
  options: Partial<BatchOptions> & { key?: string } = {},
): Buffer {
  const { key, ...rest } = options
  const records: readonly NewRecord[] = values.map((value, at) => ({
    timestamp: BASE_TIME + BigInt(at),
    key: key === undefined ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }))
  return buildBatch({ records, ...rest })
}
