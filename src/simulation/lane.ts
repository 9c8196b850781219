/**
 * One producer's way into one partition: it sends batch after batch, the next one when the last was
 * answered, and sends again what was not, as clients do. Some are idempotent, some write in transactions.
 */
import { ErrorCode, errorName } from '../../protocol/errors.ts'
import type { Random } from '../platform/platform.ts'
import { type BatchAttributes, buildBatch, buildEndTransactionMarker } from '../records/builder.ts'
import type { PartitionModel, SentBatch, SentRecord } from './model.ts'
import { hold, Violation } from './violation.ts'

export type LaneKind = 'plain' | 'idempotent' | 'transactional'

export interface Answer {
  readonly error: ErrorCode
  readonly baseOffset: bigint
}

/** What a lane needs of the simulation. */
export interface LaneHost {
  readonly random: Random
  now(): number
  /** Never the same twice. */
  nextNumber(): number
  newProducerId(): bigint
  /** Whether the directory of the partition has failed. */
  isOffline(model: PartitionModel): boolean
  append(model: PartitionModel, batch: SentBatch): Promise<Answer>
  /** The batch is stored, and under the settings in force no power failure takes it. */
  acknowledged(model: PartitionModel, batch: SentBatch): void
  /** Nobody will ask again whether the batch was stored. */
  leftOpen(): void
  note(line: string): void
}

const KEYS = 6
const GONE: readonly ErrorCode[] = [
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
]

export class Lane {
  readonly model: PartitionModel
  readonly kind: LaneKind
  isBusy = false
  private readonly host: LaneHost
  private producerId: bigint
  private epoch = 0
  private nextSequence = 0
  /** Sent, and not answered for good. */
  private unanswered: SentBatch | undefined
  private lastAcknowledged: SentBatch | undefined
  private batchesInTransaction = 0
  private mustAbort = false

  constructor(host: LaneHost, model: PartitionModel, kind: LaneKind) {
    this.host = host
    this.model = model
    this.kind = kind
    this.producerId = kind === 'plain' ? -1n : host.newProducerId()
  }

  /** Whoever waited for an answer from a broker that has died tries again. */
  forgetBroker(): void {
    this.isBusy = false
  }

  /**
   * One batch, or one more attempt, or the end of a transaction. `isCurrent` is false once the broker died.
   */
  async step(isCurrent: () => boolean): Promise<void> {
    if (this.isBusy) return
    this.isBusy = true
    if (this.unanswered === undefined && this.wantsMarker()) await this.sendMarker(isCurrent)
    else if (this.unanswered === undefined && this.wantsRepeat()) await this.repeat(isCurrent)
    else await this.sendBatch(isCurrent)
    if (isCurrent()) this.isBusy = false
  }

  private async sendBatch(isCurrent: () => boolean): Promise<void> {
    const batch = this.unanswered ?? this.newBatch()
    if (this.kind !== 'plain') this.unanswered = batch
    if (batch.fate !== 'acknowledged') batch.fate = 'open'
    const answer = await this.host.append(this.model, batch)
    if (!isCurrent()) return
    this.note(batch, answer)
    if (answer.error === ErrorCode.NONE) this.confirm(batch, answer)
    else this.refuse(batch, answer.error)
  }

  private confirm(batch: SentBatch, answer: Answer): void {
    const { model } = this
    hold(
      batch.baseOffset === undefined ||
        batch.baseOffset === answer.baseOffset ||
        // It was deleted, and with it what was known of it.
        batch.baseOffset < model.startFloor,
      'retries are recognised',
      () => `${model.name}: a batch at ${batch.baseOffset} was acknowledged at ${answer.baseOffset} again`,
    )
    const other = model.history.get(answer.baseOffset)
    hold(
      other === undefined || other === batch,
      'only what was sent is stored',
      () => `${model.name}: two batches were acknowledged at ${answer.baseOffset}`,
    )
    model.place(batch, answer.baseOffset)
    this.host.acknowledged(model, batch)
    if (this.kind === 'plain') return
    this.unanswered = undefined
    this.lastAcknowledged = batch
    this.nextSequence = batch.view.lastSequence + 1
    if (this.kind === 'transactional') this.batchesInTransaction++
  }

  private refuse(batch: SentBatch, error: ErrorCode): void {
    const { model } = this
    if (error === ErrorCode.KAFKA_STORAGE_ERROR) {
      if (batch.fate !== 'acknowledged') batch.fate = this.host.isOffline(model) ? 'open' : 'withdrawn'
    } else if (error === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) {
      this.beginAnew(batch)
    } else if (error === ErrorCode.RECORD_LIST_TOO_LARGE) {
      // An earlier attempt may have been stored, before the topic's settings changed.
      this.unanswered = undefined
      if (this.kind === 'transactional') this.mustAbort = true
      else if (this.kind === 'idempotent') this.newEpoch()
    } else if (error === ErrorCode.REQUEST_TIMED_OUT) {
      this.host.leftOpen()
    } else if (!GONE.includes(error)) {
      throw new Violation('no assertion fails', `${model.name}: ${errorName(error)} for a batch`)
    }
  }

  /** Only where a power failure took what came before. */
  private beginAnew(batch: SentBatch): void {
    const state = this.model.producers().get(this.producerId)
    const { baseSequence, producerEpoch } = batch.view
    const isKnown = state?.epoch === producerEpoch && state.lastOffset >= this.model.startFloor
    const isInOrder =
      isKnown && this.model.isToBeKnown(this.producerId, state) && state.lastSequence + 1 === baseSequence
    hold(
      !isInOrder && batch.fate !== 'acknowledged',
      'retries are recognised',
      () => `${this.model.name}: sequence ${baseSequence} of producer ${this.producerId} was refused`,
    )
    batch.fate = 'refused'
    this.unanswered = undefined
    this.lastAcknowledged = undefined
    if (this.kind === 'transactional') this.mustAbort = true
    else this.newEpoch()
  }

  private newEpoch(): void {
    this.epoch++
    this.nextSequence = 0
  }

  private wantsMarker(): boolean {
    if (this.mustAbort) return true
    return this.batchesInTransaction > 0 && this.host.random.below(3) < this.batchesInTransaction
  }

  private async sendMarker(isCurrent: () => boolean): Promise<void> {
    const { host, model, producerId, epoch } = this
    const type = this.mustAbort || host.random.below(2) === 0 ? 'ABORT' : 'COMMIT'
    const timestamp = BigInt(host.now())
    const bytes = buildEndTransactionMarker({
      type,
      timestamp,
      coordinatorEpoch: host.nextNumber(),
      producerId,
      producerEpoch: epoch,
    })
    const batch = model.send(bytes, [{ key: null, value: null, timestamp }])
    const answer = await host.append(model, batch)
    if (!isCurrent()) return
    this.note(batch, answer)
    if (answer.error !== ErrorCode.NONE) {
      this.refuse(batch, answer.error)
      return
    }
    model.place(batch, answer.baseOffset)
    host.acknowledged(model, batch)
    this.batchesInTransaction = 0
    if (this.mustAbort) {
      this.mustAbort = false
      this.newEpoch()
    }
  }

  private wantsRepeat(): boolean {
    if (this.lastAcknowledged === undefined || this.host.random.below(8) > 0) return false
    const state = this.model.producers().get(this.producerId)
    const { view, baseOffset } = this.lastAcknowledged
    const isLast = state?.epoch === view.producerEpoch && state.lastSequence === view.lastSequence
    // A transaction that has ended takes no more, and what was deleted may be forgotten.
    const isOpen = this.kind !== 'transactional' || this.batchesInTransaction > 0
    return isLast && isOpen && baseOffset !== undefined && baseOffset >= this.model.startFloor
  }

  /** The answer to the last batch seems to have been lost on the way. */
  private async repeat(isCurrent: () => boolean): Promise<void> {
    const batch = this.lastAcknowledged!
    const answer = await this.host.append(this.model, batch)
    if (!isCurrent()) return
    this.note(batch, answer)
    if (answer.error === ErrorCode.NONE) {
      hold(
        answer.baseOffset === batch.baseOffset,
        'retries are recognised',
        () => `${this.model.name}: a batch at ${batch.baseOffset} was stored again at ${answer.baseOffset}`,
      )
    } else if (answer.error === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) {
      const isDeleted = (batch.baseOffset ?? 0n) < this.model.startFloor
      hold(isDeleted, 'retries are recognised', () => `${this.model.name} refused a batch that it has`)
      this.lastAcknowledged = undefined
    } else this.refuse(batch, answer.error)
  }

  private newBatch(): SentBatch {
    const { random } = this.host
    const records: SentRecord[] = []
    const start = this.host.now() - random.below(4) * random.below(3_000)
    for (let count = 1 + random.below(4); count > 0; count--) {
      const size = random.below(5) === 0 ? random.below(600) : random.below(60)
      records.push({
        key: `k${random.below(KEYS)}`,
        value: random.below(8) === 0 ? null : `${this.host.nextNumber()} ${'x'.repeat(size)}`,
        timestamp: BigInt(start + random.below(50)),
      })
    }
    // What is told apart by its bytes must not be twice the same.
    records.push({ key: 'n', value: String(this.host.nextNumber()), timestamp: BigInt(start) })
    const codec = (['none', 'none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)[random.below(7)]!
    const producer: BatchAttributes =
      this.kind === 'plain'
        ? {}
        : {
            producerId: this.producerId,
            producerEpoch: this.epoch,
            baseSequence: this.nextSequence,
            isTransactional: this.kind === 'transactional',
          }
    const bytes = buildBatch({
      ...producer,
      compression: codec,
      records: records.map(({ key, value, timestamp }) => ({
        timestamp,
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
      })),
    })
    return this.model.send(bytes, records)
  }

  private note({ view }: SentBatch, { error, baseOffset }: Answer): void {
    const what = view.isControl ? 'marker' : `sequence ${view.baseSequence}`
    const whom = this.kind === 'plain' ? 'a batch' : `${what} of producer ${this.producerId}`
    const fate = error === ErrorCode.NONE ? `is at ${baseOffset}` : `gets ${errorName(error)}`
    this.host.note(`${this.model.name}: ${whom} ${fate}`)
  }
}
