/**
 * A producer of transactions that behaves as real ones do: it sends again what was not answered, begins anew
 * when it is fenced, gives up in the middle at times. Now and then the network delivers an old request of its
 * once more, later than anybody would expect.
 */

import { ErrorCode, isRetriable } from '../../../protocol/errors.ts'
import {
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse,
} from '../../../protocol/messages/add-offsets-to-txn.ts'
import {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
} from '../../../protocol/messages/add-partitions-to-txn.ts'
import { EndTxnRequest, EndTxnResponse } from '../../../protocol/messages/end-txn.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../../protocol/messages/init-producer-id.ts'
import { ProduceRequest, ProduceResponse } from '../../../protocol/messages/produce.ts'
import {
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from '../../../protocol/messages/txn-offset-commit.ts'
import type { Fields } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { Call, WireClient } from '../../conformance/wire-client.ts'
import { buildBatch } from '../../records/builder.ts'
import type { Cluster } from './cluster.ts'
import type { Attempt, TransactionModel } from './model.ts'

export const TOPIC = 'effects'
export const PARTITIONS = 3
const TIMEOUT_MS = 3_000

interface ProducerOptions {
  readonly cluster: Cluster
  readonly model: TransactionModel
  /** Its name in the model, and that of its group. */
  readonly actor: string
  /** Others may have the same. */
  readonly transactionalId: string
  readonly version: 1 | 2
  readonly isOver: () => boolean
}

/** The call did not come through: it may or may not have had its effect. */
const LOST = 'lost'
type Answer = ErrorCode | typeof LOST

const SOONER_MS = 20

export class SimulatedProducer {
  private readonly options: ProducerOptions
  private connection: WireClient | undefined
  private producerId = -1n
  private producerEpoch = -1
  private readonly sequences = new Map<number, number>()

  constructor(options: ProducerOptions) {
    this.options = options
  }

  async live(): Promise<void> {
    const { isOver, cluster } = this.options
    while (!isOver()) {
      if (!(await this.begin())) continue
      while (!isOver() && (await this.transact())) await cluster.sleep(cluster.random.below(60))
      await cluster.sleep(cluster.random.below(400))
    }
    await this.connection?.close()
  }

  private async begin(): Promise<boolean> {
    const { transactionalId, version, isOver, cluster } = this.options
    const body = {
      transactionalId,
      transactionTimeoutMs: TIMEOUT_MS,
      producerId: -1n,
      producerEpoch: -1,
    }
    while (!isOver()) {
      const call = {
        request: InitProducerIdRequest,
        response: InitProducerIdResponse,
        version: 3 + version,
        body,
      }
      const answer = await this.call(call)
      if (answer !== LOST && answer.errorCode === ErrorCode.NONE) {
        this.producerId = answer.producerId
        this.producerEpoch = answer.producerEpoch
        this.sequences.clear()
        return true
      }
      await cluster.sleep(SOONER_MS)
    }
    return false
  }

  /** False when the producer has to begin anew. */
  private async transact(): Promise<boolean> {
    const { cluster, model, actor } = this.options
    const attempt = model.begin(actor)
    const count = 1 + cluster.random.below(4)
    let isWhole = true
    for (let i = 0; isWhole && i < count; i++) {
      if (cluster.chance(20)) await cluster.sleep(cluster.random.below(200))
      isWhole = await this.produce(
        attempt,
        `${actor}.${attempt.number}.${i}`,
        cluster.random.below(PARTITIONS),
      )
    }
    if (isWhole && cluster.chance(50)) isWhole = await this.stage(attempt)
    if (cluster.chance(5)) {
      // The client dies; whoever comes next, or time, ends its transaction.
      await cluster.sleep(cluster.random.below(2 * TIMEOUT_MS))
      return false
    }
    const isEnded = await this.end(attempt, isWhole && cluster.chance(70))
    // A sequence that may have been used is not used again: older clients begin anew after a failure.
    return isEnded && (isWhole || this.options.version === 2)
  }

  private async produce(attempt: Attempt, value: string, partition: number): Promise<boolean> {
    if (this.options.version === 1 && !(await this.settled(() => this.add(partition)))) return false
    const baseSequence = this.sequences.get(partition) ?? 0
    const records = buildBatch({
      records: [
        { timestamp: BigInt(this.options.cluster.world.clock.now()), key: null, value: Buffer.from(value) },
      ],
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence,
      isTransactional: true,
    })
    if (!(await this.settled(() => this.write(partition, records)))) return false
    this.sequences.set(partition, baseSequence + 1)
    attempt.acknowledged.set(value, partition)
    return true
  }

  private async write(index: number, records: Buffer): Promise<Answer> {
    const { transactionalId, version } = this.options
    const topicData = [{ name: TOPIC, topicId: ZERO_UUID, partitionData: [{ index, records }] }]
    const body = { transactionalId, acks: -1, timeoutMs: 5_000, topicData }
    const call = { request: ProduceRequest, response: ProduceResponse, version: version === 1 ? 9 : 12, body }
    const answer = await this.call(call)
    if (answer === LOST) return LOST
    const code = answer.responses[0]!.partitionResponses[0]!.errorCode as ErrorCode
    return code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER ? ErrorCode.NONE : code
  }

  private async add(partition: number): Promise<Answer> {
    const topics = [{ name: TOPIC, partitions: [partition] }]
    const body = {
      transactions: [],
      v3AndBelowTransactionalId: this.options.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: topics,
    }
    const call = {
      request: AddPartitionsToTxnRequest,
      response: AddPartitionsToTxnResponse,
      version: 3,
      body,
    }
    const answer = await this.call(call)
    if (answer === LOST) return LOST
    return answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode as ErrorCode
  }

  private async stage(attempt: Attempt): Promise<boolean> {
    if (this.options.version === 1 && !(await this.settled(() => this.addOffsets()))) return false
    if (!(await this.settled(() => this.commitOffset(attempt.number)))) return false
    attempt.isOffsetStaged = true
    return true
  }

  private async addOffsets(): Promise<Answer> {
    const { transactionalId, actor } = this.options
    const { producerId, producerEpoch } = this
    const body = { transactionalId, producerId, producerEpoch, groupId: actor }
    const call = { request: AddOffsetsToTxnRequest, response: AddOffsetsToTxnResponse, version: 3, body }
    const answer = await this.call(call)
    return answer === LOST ? LOST : (answer.errorCode as ErrorCode)
  }

  private async commitOffset(offset: number): Promise<Answer> {
    const { transactionalId, actor, version } = this.options
    const { producerId, producerEpoch } = this
    const committed = { partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: '' }
    const topics = [
      { name: TOPIC, topicId: ZERO_UUID, partitions: [{ ...committed, committedLeaderEpoch: -1 }] },
    ]
    const body = { transactionalId, groupId: actor, producerId, producerEpoch, topics }
    const v = version === 1 ? 3 : 5
    const answer = await this.call({
      request: TxnOffsetCommitRequest,
      response: TxnOffsetCommitResponse,
      version: v,
      body: { ...body, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
    })
    return answer === LOST ? LOST : (answer.topics[0]!.partitions[0]!.errorCode as ErrorCode)
  }

  private async end(attempt: Attempt, isCommit: boolean): Promise<boolean> {
    const { transactionalId, version, cluster, isOver } = this.options
    const { producerId, producerEpoch } = this
    const body = { transactionalId, producerId, producerEpoch, committed: isCommit }
    const call = { request: EndTxnRequest, response: EndTxnResponse, version: version === 1 ? 3 : 5, body }
    let isInDoubt = false
    for (let tries = 0; tries < 50; tries++) {
      if (isCommit && attempt.verdict === 'open') attempt.verdict = 'unknown'
      const answer = await this.call(call)
      if (answer !== LOST && answer.errorCode === ErrorCode.NONE) {
        attempt.verdict = isCommit ? 'committed' : 'aborted'
        if (version === 1) return true
        this.sequences.clear()
        this.producerId = answer.producerId
        this.producerEpoch = answer.producerEpoch
        if (cluster.chance(10)) void this.haunt({ ...call, body: { ...body, committed: cluster.chance(50) } })
        return true
      }
      if (answer === LOST || isRetriable(answer.errorCode as ErrorCode)) isInDoubt = true
      else {
        // Nobody can have committed what was refused the first time that it was asked for.
        if (!isInDoubt) attempt.verdict = 'aborted'
        return false
      }
      if (isOver() && tries > 20) return false
      await cluster.sleep(SOONER_MS)
    }
    return false
  }

  /** An old request arrives late, perhaps in the middle of the next transaction. */
  private async haunt<Q extends Fields, R extends Fields>(call: Call<Q, R>): Promise<void> {
    const { cluster, actor } = this.options
    await cluster.sleep(cluster.random.below(150))
    try {
      const connection = await cluster.connect(`${actor}-late`)
      await connection.call(call)
      await connection.close()
    } catch {
      // The broker was not there: the request is lost for good.
    }
  }

  /** Asks again until there is an answer; true where it is yes. */
  private async settled(ask: () => Promise<Answer>): Promise<boolean> {
    for (let tries = 0; tries < 100; tries++) {
      const answer = await ask()
      if (answer === ErrorCode.NONE) return true
      if (answer !== LOST && !isRetriable(answer)) return false
      await this.options.cluster.sleep(SOONER_MS)
    }
    return false
  }

  private async call<Q extends Fields, R extends Fields>(call: Call<Q, R>) {
    try {
      this.connection ??= await this.options.cluster.connect(this.options.actor)
      return await this.connection.call(call)
    } catch {
      this.connection = undefined
      return LOST
    }
  }
}
