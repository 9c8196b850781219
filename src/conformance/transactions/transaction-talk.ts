/** What producers of transactions say, in as few words as a script needs, and what readers see of it. */
import { ErrorCode } from '../../../protocol/errors.ts'
import {
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse,
} from '../../../protocol/messages/add-offsets-to-txn.ts'
import {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
} from '../../../protocol/messages/add-partitions-to-txn.ts'
import {
  DescribeProducersRequest,
  DescribeProducersResponse,
} from '../../../protocol/messages/describe-producers.ts'
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from '../../../protocol/messages/describe-transactions.ts'
import { EndTxnRequest, EndTxnResponse } from '../../../protocol/messages/end-txn.ts'
import type { FetchResponse } from '../../../protocol/messages/fetch.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../../protocol/messages/init-producer-id.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../../protocol/messages/list-offsets.ts'
import {
  ListTransactionsRequest,
  ListTransactionsResponse,
} from '../../../protocol/messages/list-transactions.ts'
import { ProduceRequest, ProduceResponse } from '../../../protocol/messages/produce.ts'
import {
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from '../../../protocol/messages/txn-offset-commit.ts'
import {
  WriteTxnMarkersRequest,
  WriteTxnMarkersResponse,
} from '../../../protocol/messages/write-txn-markers.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { type RecordBatch, splitBatches } from '../../records/batch.ts'
import { buildBatch } from '../../records/builder.ts'
import { decodeRecords, readControlMarker } from '../../records/lookup.ts'
import { byTopic, FETCH, GroupTalk } from '../groups/group-talk.ts'

export const INIT = { request: InitProducerIdRequest, response: InitProducerIdResponse }
export const ADD = { request: AddPartitionsToTxnRequest, response: AddPartitionsToTxnResponse }
export const ADD_OFFSETS = { request: AddOffsetsToTxnRequest, response: AddOffsetsToTxnResponse }
export const PRODUCE = { request: ProduceRequest, response: ProduceResponse }
export const COMMIT_OFFSETS = { request: TxnOffsetCommitRequest, response: TxnOffsetCommitResponse }
export const END = { request: EndTxnRequest, response: EndTxnResponse }
export const MARKERS = { request: WriteTxnMarkersRequest, response: WriteTxnMarkersResponse }
export const PRODUCERS = { request: DescribeProducersRequest, response: DescribeProducersResponse }
export const TRANSACTIONS = { request: DescribeTransactionsRequest, response: DescribeTransactionsResponse }
export const LIST_TRANSACTIONS = { request: ListTransactionsRequest, response: ListTransactionsResponse }
export const LIST_OFFSETS = { request: ListOffsetsRequest, response: ListOffsetsResponse }

/** How the broker of all these conversations is set up. */
export const SETTING: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '500',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
}

export interface TransactionConversation {
  readonly name: string
  hold(talk: TransactionTalk): Promise<void>
}

export function conversation(
  name: string,
  hold: (talk: TransactionTalk) => Promise<void>,
): TransactionConversation {
  return { name, hold }
}

/** The version of transactions that a client speaks: its requests' versions follow from it. */
export type TransactionVersion = 1 | 2

const INIT_VERSION = { 1: 4, 2: 5 } as const
const PRODUCE_VERSION = { 1: 9, 2: 12 } as const
const OFFSETS_VERSION = { 1: 3, 2: 5 } as const
const END_VERSION = { 1: 3, 2: 5 } as const

/** A producer as the script knows it. */
export interface Producer {
  readonly who: string
  readonly transactionalId: string
  readonly version: TransactionVersion
  producerId: bigint
  producerEpoch: number
  /** The next sequence, by `topic-partition`. */
  readonly sequences: Map<string, number>
}

export interface InitOptions {
  readonly v?: number
  readonly transactionalId?: string | null
  readonly timeoutMs?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
}

export interface ProduceOptions {
  readonly v?: number
  readonly transactionalId?: string | null
  readonly sequence?: number
  readonly producerEpoch?: number
  readonly isTransactional?: boolean
  readonly acks?: number
}

const MAX_POLLS = 500
const OFFSETS_TOPIC = '__consumer_offsets'

type FetchAnswer = ValueOf<typeof FetchResponse.fields>
type OffsetsBody = InputOf<typeof TxnOffsetCommitRequest.fields>

export class TransactionTalk extends GroupTalk {
  private readonly topicIds = new Map<string, string>()

  /** A name that fits topics and transactional ids. */
  get id(): string {
    return this.groupId.replace(/\W+/g, '-')
  }

  async init(who: string, options: InitOptions = {}) {
    const { v = 5, transactionalId = this.id, timeoutMs = 60_000, producerId = -1n } = options
    for (;;) {
      const answer = await this.call(who, INIT, v, {
        transactionalId,
        transactionTimeoutMs: timeoutMs,
        producerId,
        producerEpoch: options.producerEpoch ?? -1,
      })
      // The first one that asks a broker brings on that it fetches a block of ids.
      if (answer.errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return answer
      this.transcript.pop()
      await this.wait(50)
    }
  }

  /** Whoever was there under the transactional id is fenced. */
  async begin(who: string, version: TransactionVersion, options: InitOptions = {}): Promise<Producer> {
    const answer = await this.init(who, { v: INIT_VERSION[version], ...options })
    const { producerId, producerEpoch } = answer
    const transactionalId = options.transactionalId ?? this.id
    return { who, transactionalId, version, producerId, producerEpoch, sequences: new Map() }
  }

  add(producer: Producer, partitions: readonly string[], options: { v?: number } & Partial<Producer> = {}) {
    const { v = 3, ...changes } = options
    const { who, transactionalId, producerId, producerEpoch } = { ...producer, ...changes }
    const topics = byTopic(partitions).map(([name, indexes]) => ({ name, partitions: indexes }))
    return this.call(who, ADD, v, {
      transactions: [{ transactionalId, producerId, producerEpoch, topics }],
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: topics,
    })
  }

  addOffsets(producer: Producer, groupId = this.groupId, options: { v?: number } & Partial<Producer> = {}) {
    const { v = 3, ...changes } = options
    const { who, transactionalId, producerId, producerEpoch } = { ...producer, ...changes }
    return this.call(who, ADD_OFFSETS, v, { transactionalId, producerId, producerEpoch, groupId })
  }

  /** One batch of records with these values. */
  async produce(
    producer: Producer,
    partition: string,
    values: readonly string[],
    options: ProduceOptions = {},
  ) {
    const { producerId, producerEpoch, sequences, version, transactionalId } = producer
    const { v = PRODUCE_VERSION[version], acks = -1, isTransactional = true } = options
    const baseSequence = options.sequence ?? sequences.get(partition) ?? 0
    const timestamp = BigInt(this.now())
    const records = buildBatch({
      records: values.map(value => ({ timestamp, key: null, value: Buffer.from(value) })),
      producerId,
      producerEpoch: options.producerEpoch ?? producerEpoch,
      baseSequence,
      isTransactional,
    })
    const [[topic, [index]]] = byTopic([partition]) as [[string, [number]]]
    const answer = await this.call(producer.who, PRODUCE, v, {
      transactionalId: options.transactionalId === undefined ? transactionalId : options.transactionalId,
      acks,
      timeoutMs: 5_000,
      topicData: [
        { name: topic, topicId: this.topicIds.get(topic) ?? ZERO_UUID, partitionData: [{ index, records }] },
      ],
    })
    const errorCode = answer.responses[0]?.partitionResponses[0]?.errorCode
    if (errorCode === 0) sequences.set(partition, baseSequence + values.length)
    return answer
  }

  /** Stages one offset for each `topic-partition`. */
  stage(
    producer: Producer,
    offsets: Readonly<Record<string, number>>,
    options: { readonly v?: number; readonly metadata?: string | null } & Partial<OffsetsBody> = {},
  ) {
    const { v = OFFSETS_VERSION[producer.version], metadata = 'm', ...body } = options
    const { transactionalId, producerId, producerEpoch } = producer
    return this.call(producer.who, COMMIT_OFFSETS, v, {
      transactionalId,
      producerId,
      producerEpoch,
      groupId: this.groupId,
      topics: byTopic(Object.keys(offsets)).map(([name, partitions]) => ({
        name,
        topicId: ZERO_UUID,
        partitions: partitions.map(partitionIndex => ({
          partitionIndex,
          committedOffset: BigInt(offsets[`${name}-${partitionIndex}`]!),
          committedLeaderEpoch: 3,
          committedMetadata: metadata,
        })),
      })),
      ...body,
    })
  }

  /** Ends the transaction, and lets the markers come to where they belong. */
  async end(producer: Producer, committed: boolean, options: { v?: number } & Partial<Producer> = {}) {
    const { v = END_VERSION[producer.version], ...changes } = options
    const { who, transactionalId, producerId, producerEpoch } = { ...producer, ...changes }
    const answer = await this.call(who, END, v, { transactionalId, producerId, producerEpoch, committed })
    if (v >= 5 && answer.errorCode === 0) {
      producer.producerId = answer.producerId
      producer.producerEpoch = answer.producerEpoch
      producer.sequences.clear()
    }
    await this.completed(transactionalId)
    return answer
  }

  /** Returns when no verdict is being carried out. */
  async completed(transactionalId = this.id): Promise<void> {
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      const { transactionStates } = await this.describeTransactions([transactionalId])
      this.transcript.pop()
      if (!/^Prepare/.test(transactionStates[0]!.transactionState)) return
      await this.wait(20)
    }
    throw new Error(`the transaction of ${transactionalId} does not come to its end`)
  }

  commits(producer: Producer) {
    return this.end(producer, true)
  }

  aborts(producer: Producer) {
    return this.end(producer, false)
  }

  /** As another broker's coordinator would. */
  mark(
    partitions: readonly string[],
    marker: Pick<Producer, 'producerId' | 'producerEpoch'>,
    {
      v = 1,
      isCommit = true,
      coordinatorEpoch = 0,
      transactionVersion = 0,
    }: { v?: number; isCommit?: boolean; coordinatorEpoch?: number; transactionVersion?: number } = {},
  ) {
    const topics = byTopic(partitions).map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
    const { producerId, producerEpoch } = marker
    const transactionResult = isCommit
    const body = {
      producerId,
      producerEpoch,
      transactionResult,
      topics,
      coordinatorEpoch,
      transactionVersion,
    }
    return this.call('admin', MARKERS, v, { markers: [body] })
  }

  describeProducers(partitions: readonly string[]) {
    const topics = byTopic(partitions).map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
    return this.call('admin', PRODUCERS, 0, { topics })
  }

  /** In which of its partitions a group is, is not told: brokers have any number of them. */
  async describeTransactions(transactionalIds: readonly string[] = [this.id]) {
    const answer = await this.call('admin', TRANSACTIONS, 0, { transactionalIds: [...transactionalIds] })
    const unplaced = (topic: string, partitions: readonly number[]) =>
      topic === OFFSETS_TOPIC ? partitions.map(() => 0) : partitions
    const transactionStates = answer.transactionStates.map(state => ({
      ...state,
      topics: state.topics.map(each => ({ ...each, partitions: unplaced(each.topic, each.partitions) })),
    }))
    this.retell({ ...answer, transactionStates })
    return answer
  }

  /** The end that each reader is told. */
  async ends(partition: string): Promise<void> {
    const [[topic, [partitionIndex]]] = byTopic([partition]) as [[string, [number]]]
    for (const isolationLevel of [0, 1]) {
      await this.call('reader', LIST_OFFSETS, 7, {
        replicaId: -1,
        timeoutMs: 1_000,
        isolationLevel,
        topics: [{ name: topic, partitions: [{ partitionIndex, currentLeaderEpoch: -1, timestamp: -1n }] }],
      })
    }
  }

  /** What readers of either isolation see of a partition, and what they are told with it. */
  async see(partition: string, { from = 0n, maxBytes = 1_048_576 } = {}): Promise<void> {
    for (const isolationLevel of [0, 1]) {
      const answer = await this.call(
        'reader',
        FETCH,
        12,
        this.fetchOf(partition, isolationLevel, from, maxBytes),
      )
      this.transcript.pop()
      this.tell(partition, isolationLevel, answer)
    }
  }

  private tell(partition: string, isolationLevel: number, answer: FetchAnswer): void {
    const fetched = answer.responses[0]?.partitions[0]
    if (!fetched) throw new Error(`nothing was fetched from ${partition}`)
    const { errorCode, highWatermark, lastStableOffset, logStartOffset } = fetched
    const batches = [...splitBatches((fetched.records as Buffer | null) ?? Buffer.alloc(0))]
    this.note(`${partition} as read ${isolationLevel === 0 ? 'uncommitted' : 'committed'}`, {
      errorCode,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      abortedTransactions: fetched.abortedTransactions,
      batches: batches.map(told),
    })
  }

  /** A reader that waits; `tell` puts down what it got. */
  async poll(
    partition: string,
    { isolationLevel, from = 0n, minBytes = 1 }: { isolationLevel: number; from?: bigint; minBytes?: number },
  ) {
    const fetch = { ...this.fetchOf(partition, isolationLevel, from, 1_048_576), maxWaitMs: 10_000, minBytes }
    const parked = await this.park(`reader ${isolationLevel}`, FETCH, 12, fetch)
    this.transcript.pop()
    const tell = async () => this.tell(partition, isolationLevel, await parked.answer())
    return { isAnswered: parked.isAnswered, tell }
  }

  fetchOf(partition: string, isolationLevel: number, fetchOffset: bigint, partitionMaxBytes: number) {
    const [[topic, [index]]] = byTopic([partition]) as [[string, [number]]]
    return {
      maxWaitMs: 0,
      minBytes: 1,
      sessionEpoch: -1,
      isolationLevel,
      forgottenTopicsData: [],
      topics: [
        { topic, topicId: ZERO_UUID, partitions: [{ partition: index, fetchOffset, partitionMaxBytes }] },
      ],
    }
  }

  /** A topic of the conversation's own, and the names of its partitions. */
  async topic(numPartitions = 2, suffix = ''): Promise<string[]> {
    const name = this.id + suffix
    this.topicIds.set(name, await this.createTopic(name, numPartitions))
    const partitions = Array.from({ length: numPartitions }, (_, index) => `${name}-${index}`)
    // In Kafka a topic is known before its leaders are ready.
    for (const partition of partitions) while (!(await this.isReady(partition))) await this.wait(100)
    return partitions
  }

  private async isReady(partition: string): Promise<boolean> {
    const answer = await this.call('reader', FETCH, 12, this.fetchOf(partition, 0, 0n, 1))
    this.transcript.pop()
    return answer.responses[0]?.partitions[0]?.errorCode === 0
  }
}

/** A batch as far as it says something of transactions. */
function told(batch: RecordBatch) {
  const { baseOffset, lastOffset, producerId, producerEpoch, baseSequence, isTransactional } = batch
  const said = { baseOffset, lastOffset, producerId, producerEpoch, baseSequence, isTransactional }
  if (batch.isControl) return { ...said, marker: readControlMarker(batch), recordCount: batch.recordCount }
  const decoded = decodeRecords(batch)
  if (decoded.error) throw new Error(decoded.message)
  return { ...said, values: decoded.value.map(({ value }) => value?.toString() ?? null) }
}
