/**
 * Before a transactional batch is appended, the coordinator of its transaction is asked whether the partition
 * takes part (KIP-890): a write that comes late must not open a transaction that nobody will end. What the
 * partition gave out before the question counts only as long as nothing ended there in the meantime.
 */
import { ErrorCode, errorName, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { NO_GUARD } from '../log/producer-state.ts'
import type { Partition } from './partition.ts'

/** The producer of transactional batches, as it calls itself. */
export interface TransactionalWrite {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  /** What the version of the client's request knows of. */
  readonly support: TransactionSupport
}

/**
 * `none`: TRANSACTION_ABORTABLE means nothing to the client. `abortable`: it does. `adds`: writing adds the
 * partition to the transaction (version 2).
 */
export type TransactionSupport = 'none' | 'abortable' | 'adds'

/** Of a transaction coordinator: what the partitions have to ask of it. */
export interface TransactionVerifier {
  /** A code for each partition, in order. */
  verifyOrAddPartitions(request: {
    readonly transactionalId: string
    readonly producerId: bigint
    readonly producerEpoch: number
    readonly partitions: readonly { readonly topic: string; readonly index: number }[]
    readonly isVerifyOnly: boolean
  }): Promise<readonly ErrorCode[]>
}

/** Stands for the coordinator, which is made of the partitions that ask it, until there is one. */
export class LateVerifier implements TransactionVerifier {
  private verifier: TransactionVerifier | undefined

  bind(verifier: TransactionVerifier): void {
    this.verifier = verifier
  }

  verifyOrAddPartitions(
    request: Parameters<TransactionVerifier['verifyOrAddPartitions']>[0],
  ): Promise<readonly ErrorCode[]> {
    if (this.verifier) return this.verifier.verifyOrAddPartitions(request)
    return Promise.resolve(request.partitions.map(() => ErrorCode.COORDINATOR_NOT_AVAILABLE))
  }
}

export interface VerificationTarget {
  readonly partition: Result<Partition>
  readonly baseSequence: number
}

/** The guard to append with; undefined where nobody needs to ask. */
export type Verified = Result<number | undefined>

export interface VerificationOptions {
  readonly verifier: TransactionVerifier
  /** `transaction.partition.verification.enable` */
  readonly isEnabled: () => boolean
}

/** Something that has to be asked, by its name. */
interface Question {
  readonly name: string
  readonly partition: Partition
  readonly guard: number
}

export class Verification {
  private readonly options: VerificationOptions
  /** Writes that come while their question is under way wait for its answer, and so keep their order. */
  private readonly asked = new Map<string, Promise<ErrorCode>>()

  constructor(options: VerificationOptions) {
    this.options = options
  }

  /** One for one with the targets; at once where nothing has to be asked. */
  begin(write: TransactionalWrite, targets: readonly VerificationTarget[]): (Verified | Promise<Verified>)[] {
    const isEnabled = this.options.isEnabled()
    if (!isEnabled && write.support !== 'adds') return targets.map(() => ok(undefined))
    const started = targets.map(target => start(target, write))
    this.ask(
      write,
      started.flatMap(each => ('error' in each ? [] : [each])),
    )
    return started.map(each => {
      if ('error' in each) return each.error || isEnabled ? each : ok(undefined)
      const guard = isEnabled ? each.guard : undefined
      return this.asked.get(each.name)!.then(code => verdict(code, write, guard))
    })
  }

  private ask(write: TransactionalWrite, questions: readonly Question[]): void {
    const open = new Map<string, Question>()
    for (const question of questions) if (!this.asked.has(question.name)) open.set(question.name, question)
    if (open.size === 0) return
    const { transactionalId, producerId, producerEpoch, support } = write
    const codes = this.options.verifier.verifyOrAddPartitions({
      transactionalId,
      producerId,
      producerEpoch,
      partitions: [...open.values()].map(({ partition: { topic, index } }) => ({ topic, index })),
      isVerifyOnly: support !== 'adds',
    })
    for (const [at, name] of [...open.keys()].entries()) {
      const answer = codes.then(answers => answers[at] ?? ErrorCode.UNKNOWN_SERVER_ERROR)
      this.asked.set(
        name,
        answer.finally(() => this.asked.delete(name)),
      )
    }
  }
}

function start(
  { partition, baseSequence }: VerificationTarget,
  { transactionalId, producerId, producerEpoch, support }: TransactionalWrite,
): Verified | Question {
  if (partition.error) return partition
  const started = partition.value.startVerification({
    producerId,
    producerEpoch,
    baseSequence,
    supportsEpochBump: support === 'adds',
  })
  if (started.error || started.value === NO_GUARD) return started
  const guard = started.value
  const { topicId, index } = partition.value
  const name = [topicId, index, guard, producerEpoch, support, transactionalId].join(' ')
  return { name, partition: partition.value, guard }
}

function verdict(code: ErrorCode, { support }: TransactionalWrite, guard: number | undefined): Verified {
  switch (code) {
    case ErrorCode.NONE:
      return ok(guard)
    case ErrorCode.PRODUCER_FENCED:
      return refuse(ErrorCode.INVALID_PRODUCER_EPOCH)
    case ErrorCode.TRANSACTION_ABORTABLE:
      return refuse(support === 'none' ? ErrorCode.INVALID_TXN_STATE : code)
    default:
      return refuse(code)
  }
}

/**
 * How a producer is told: clients of old versions give up on most of the coordinator's codes, and try again
 * on this one without asking for metadata first.
 */
export function produceRefusal(refusal: Refusal): Refusal {
  switch (refusal.error) {
    case ErrorCode.INVALID_TXN_STATE:
      return refuse(refusal.error, 'Partition was not added to the transaction')
    case ErrorCode.CONCURRENT_TRANSACTIONS:
    case ErrorCode.NETWORK_EXCEPTION:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return refuse(
        ErrorCode.NOT_ENOUGH_REPLICAS,
        'Unable to verify the partition has been added to the transaction. Underlying error: ' +
          errorName(refusal.error),
      )
    default:
      return refuse(refusal.error)
  }
}
