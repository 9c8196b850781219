/**
 * The data plane's handlers over real partitions: requests and responses go through the codec, no socket
 * does.
 */
import { decode, encode, encodeToBuffer } from '../../../protocol/codec.ts'
import { ok } from '../../../protocol/errors.ts'
import { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import { ProduceRequest, ProduceResponse } from '../../../protocol/messages/produce.ts'
import type { Fields, InputOf, Message, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { silentLogger } from '../../observe/logger.ts'
import { FetchSessions } from '../../replication/fetch-session.ts'
import { readRecords } from '../../replication/pinned-records.ts'
import { type HostOptions, LOCAL_BROKER, ReplicaHost } from '../../replication/testing/replica-host.ts'
import { ProducerIds } from '../../transactions/producer-ids.ts'
import type { Context } from '../context.ts'
import { fetch } from '../fetch.ts'
import type { Handler } from '../handler.ts'
import { produce } from '../produce.ts'

export interface PlaneOptions extends HostOptions {
  readonly sessionSlots?: number
}

export type ProducedPartition = ValueOf<
  typeof ProduceResponse.fields
>['responses'][number]['partitionResponses'][number]
export type FetchAnswer = ValueOf<typeof FetchResponse.fields>
export type FetchedPartition = FetchAnswer['responses'][number]['partitions'][number]

/** A fetch of one topic, by name unless an id is given. */
export interface FetchOf {
  readonly topic?: string
  readonly topicId?: string
  readonly partitions?: readonly (Partial<FetchPartitionInput> & { readonly partition?: number })[]
}

type FetchBody = InputOf<typeof FetchRequest.fields>
type FetchPartitionInput = FetchBody['topics'][number]['partitions'][number]

export class DataPlane {
  readonly host: ReplicaHost
  readonly fetchSessions: FetchSessions
  readonly fetchMemory = { isShort: false }
  /** Why connections were ended. */
  readonly disconnects: string[] = []
  private readonly producerIds: ProducerIds

  static async start(options: PlaneOptions = {}): Promise<DataPlane> {
    return new DataPlane(await ReplicaHost.start(options), options.sessionSlots ?? 1_000)
  }

  private constructor(host: ReplicaHost, slots: number) {
    this.host = host
    this.fetchSessions = new FetchSessions({ slots, clock: host.clock, random: host.random })
    let blocks = 0
    this.producerIds = new ProducerIds(async () => ok({ first: BigInt(blocks++ * 1_000), count: 1_000 }))
  }

  /** Sends a request through a handler as if it came over the wire. Null where nothing is answered. */
  async ask<Q extends Fields, R extends Fields>(call: {
    readonly handler: Handler
    readonly request: Message<Q>
    readonly response: Message<R>
    readonly version: number
    readonly body: InputOf<Q>
  }): Promise<ValueOf<R> | null> {
    const { version } = call
    const request = decode(call.request, version, encodeToBuffer(call.request, version, call.body))
    const answer = await call.handler.handle(request as object, this.context(version))
    if (answer === null) return null
    const { byteLength, chunks } = encode(call.response, version, answer as InputOf<R>)
    return decode(call.response, version, await readRecords({ byteLength, parts: chunks }))
  }

  private context(apiVersion: number): Context {
    const { host, fetchSessions, producerIds } = this
    const context = {
      apiVersion,
      session: {
        listener: 'PLAINTEXT',
        localAddress: '127.0.0.1',
        localPort: 9092,
        disconnect: (reason: string) => this.disconnects.push(reason),
      },
      controller: { image: () => host.image },
      config: { nodeId: LOCAL_BROKER },
      replicas: host.replicas,
      logs: host.logs,
      fetchSessions,
      fetchMemory: this.fetchMemory,
      producerIds,
      clock: host.clock,
      waitClock: host.clock,
      random: host.random,
      logger: silentLogger,
    }
    return context as unknown as Context
  }

  /** Produces to one partition of a topic, and gives that partition's answer. */
  async produce(
    topic: string,
    records: Buffer | null,
    options: {
      readonly acks?: number
      readonly index?: number
      readonly version?: number
      readonly topicId?: string
      readonly transactionalId?: string
    } = {},
  ): Promise<ProducedPartition | null> {
    const { acks = -1, index = 0, version = 12, topicId = ZERO_UUID, transactionalId = null } = options
    const answer = await this.ask({
      handler: produce,
      request: ProduceRequest,
      response: ProduceResponse,
      version,
      body: {
        transactionalId,
        acks,
        timeoutMs: 1_000,
        topicData: [{ name: topic, topicId, partitionData: [{ index, records }] }],
      },
    })
    return answer === null ? null : answer.responses[0]!.partitionResponses[0]!
  }

  /** Fetches from one or more topics; waits for nothing unless told. */
  async fetch(
    topics: readonly FetchOf[],
    options: Partial<FetchBody> & { readonly version?: number } = {},
  ): Promise<FetchAnswer> {
    const { version = 12, ...rest } = options
    const answer = await this.ask({
      handler: fetch,
      request: FetchRequest,
      response: FetchResponse,
      version,
      body: {
        maxWaitMs: 0,
        minBytes: 1,
        isolationLevel: 0,
        sessionEpoch: -1,
        forgottenTopicsData: [],
        topics: topics.map(({ topic = '', topicId = ZERO_UUID, partitions = [{}] }) => ({
          topic,
          topicId,
          partitions: partitions.map(partition => ({
            partition: 0,
            fetchOffset: 0n,
            partitionMaxBytes: 1_048_576,
            ...partition,
          })),
        })),
        ...rest,
      },
    })
    return answer!
  }

  /** The answer of the first partition of a fetch of one. */
  async fetchOne(
    topic: string,
    partition: Partial<FetchPartitionInput> = {},
    options: Partial<FetchBody> & { readonly version?: number } = {},
  ): Promise<FetchedPartition> {
    const answer = await this.fetch([{ topic, partitions: [partition] }], options)
    return answer.responses[0]!.partitions[0]!
  }
}
