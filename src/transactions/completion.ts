/**
 * Carries verdicts out: what a shard has prepared and committed gets its markers written, then the shard is
 * told that it is complete. One loop for each shard, from its load until it stops, asks for what is prepared;
 * so the verdicts of producers, of time and those that a crash left go the same way.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { CoordinatorRuntime } from '../coordinator/runtime.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock } from '../platform/platform.ts'
import type { Markers } from './markers.ts'
import { Pauses } from './pauses.ts'
import { isPrepared, listPartitions } from './transaction.ts'
import type { Prepared, TransactionShard } from './transaction-shard.ts'

export interface CompletionOptions {
  readonly runtime: CoordinatorRuntime<TransactionShard>
  readonly markers: Markers
  readonly clock: Clock
  readonly logger: Pick<Logger, 'error'>
  /** Aborts a transaction whose time is up with a fresh producer id. */
  readonly timeOut: (transactionalId: string) => Promise<unknown>
  /** The leader epoch of the partition, which fences those who coordinated it before. */
  readonly coordinatorEpoch: (partition: number) => number
}

/** After an error that is not the end of the shard. */
const RETRY_MS = 100
const RETRY_AFTER_BUG_MS = 1_000

/** A verdict that is carried out. */
interface UnderWay {
  /** Asked for once more when it ends: what is prepared then may be another verdict, in the same epoch. */
  isAskedFor: boolean
}

export class Completion {
  private readonly options: CompletionOptions
  /** By transactional id, producer id and epoch. */
  private readonly underWay = new Map<string, UnderWay>()
  /** By transactional id: who waits for the verdict to be carried out. */
  private readonly waiters = new Map<string, Set<() => void>>()

  /** The loop of each shard; one that finds another in its place ends. */
  private readonly loops = new Map<number, object>()
  private readonly pauses: Pauses

  constructor(options: CompletionOptions) {
    this.options = options
    this.pauses = new Pauses(options.clock)
  }

  /** Called when a shard has been loaded. Ends with the shard. */
  async follow(partition: number): Promise<void> {
    const loop = {}
    this.loops.set(partition, loop)
    let again = false
    while (this.loops.get(partition) === loop) {
      const asked = await this.options.runtime.run<readonly Prepared[]>(partition, (shard, ticket) =>
        shard.nextPrepared(again, ticket),
      )
      if (isOver(asked.error)) return
      again = asked.error !== ErrorCode.NONE
      if (asked.error) await this.pauses.wait(RETRY_MS)
      else for (const prepared of asked.value) this.begin(partition, prepared)
    }
  }

  /** Resolves when a verdict on the id has been carried out, or the time is up. */
  settled(transactionalId: string, withinMs: number): Promise<void> {
    return new Promise(resolve => {
      const waiters = this.waiters.get(transactionalId) ?? new Set()
      this.waiters.set(transactionalId, waiters)
      const done = () => {
        timer.cancel()
        waiters.delete(done)
        if (waiters.size === 0) this.waiters.delete(transactionalId)
        resolve()
      }
      const timer = this.options.clock.after(withinMs, done)
      waiters.add(done)
    })
  }

  /** Whoever waits goes on. Verdicts under way stay prepared where they are not complete. */
  close(): void {
    this.pauses.close()
    for (const waiters of [...this.waiters.values()]) for (const done of [...waiters]) done()
  }

  /** One at a time of each id and epoch: a second one could complete what comes after the first. */
  private begin(partition: number, prepared: Prepared): void {
    const { transactionalId, snapshot } = prepared
    const name = [transactionalId, snapshot.producerId, snapshot.producerEpoch].join(' ')
    const known = this.underWay.get(name)
    if (known) {
      known.isAskedFor = true
      return
    }
    const underWay = { isAskedFor: false }
    this.underWay.set(name, underWay)
    void this.carryOut(partition, prepared)
      .catch(async error => {
        this.options.logger.error('A transaction could not be completed', { transactionalId, error })
        await this.pauses.wait(RETRY_AFTER_BUG_MS)
        return false
      })
      .then(isDone => {
        this.underWay.delete(name)
        if (!isDone || underWay.isAskedFor) void this.askFor(partition, transactionalId)
      })
  }

  /** Begins with the verdict on one id, if there is one. */
  private async askFor(partition: number, transactionalId: string): Promise<void> {
    for (;;) {
      const asked = await this.options.runtime.run<Prepared | undefined>(partition, (shard, ticket) =>
        shard.preparedOf(transactionalId, ticket),
      )
      if (!asked.error && asked.value) this.begin(partition, asked.value)
      if (!asked.error || isOver(asked.error)) return
      await this.pauses.wait(RETRY_MS)
    }
  }

  /** False where the shard has to be asked what is prepared now. */
  private async carryOut(partition: number, { transactionalId, snapshot }: Prepared): Promise<boolean> {
    const { runtime, markers, coordinatorEpoch, timeOut } = this.options
    if (!isPrepared(snapshot)) {
      await timeOut(transactionalId)
      return true
    }
    const marker = {
      producerId: snapshot.producerId,
      producerEpoch: snapshot.producerEpoch,
      coordinatorEpoch: coordinatorEpoch(partition),
      isCommit: snapshot.state === 'PrepareCommit',
      transactionVersion: snapshot.clientTransactionVersion,
    }
    if (!(await markers.write(marker, listPartitions(snapshot.partitions)))) return true
    const completed = await runtime.run<void>(partition, (shard, ticket, now) =>
      shard.complete(transactionalId, snapshot, ticket, now),
    )
    if (completed.error && !isOver(completed.error)) {
      // It may be complete all the same, and the next transaction of its producer under way.
      await this.pauses.wait(RETRY_MS)
      return false
    }
    for (const done of [...(this.waiters.get(transactionalId) ?? [])]) done()
    return true
  }
}

/** The shard has stopped, or begins from its log again and is followed anew. */
function isOver(error: ErrorCode): boolean {
  return error === ErrorCode.NOT_COORDINATOR || error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
}
