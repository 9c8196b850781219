/**
 * The moves of logs between the log directories of a broker (AlterReplicaLogDirs): which are under way, that
 * few run at once and not faster than they may, and that a start goes on with those that it finds.
 */
import type { Clock, Random } from '../platform/platform.ts'
import { writePartitionMetadata } from './checkpoint.ts'
import { Slots } from './group-sync.ts'
import type { Log, TopicPartition } from './log.ts'
import type { LogDirectory } from './log-directory.ts'
import type { LogEnvironment } from './log-environment.ts'
import { LogMove } from './log-move.ts'
import { openLog } from './recovery.ts'
import type { LogLocation } from './segment-files.ts'
import { TailCache } from './tail-cache.ts'

export interface LogMovesOptions {
  readonly environment: LogEnvironment
  readonly clock: Clock
  readonly random: Random
  /** As many at once as there are directories, like Kafka's threads for it. */
  readonly atOnce: number
  /** The log has left its old directory, whose files go. */
  readonly onReplaced: (log: Log, from: LogDirectory, old: LogLocation) => Promise<void>
  /** Ends what is being done with the files of a log. */
  readonly clear: (log: Log) => Promise<void>
  /** The copy no longer stands by itself. */
  readonly onForgotten: (copy: Log) => void
  /** Nobody wants the copy any more: its files go. */
  readonly onDropped: (copy: Log, directory: LogDirectory) => Promise<void>
}

interface Between {
  readonly from: LogDirectory
  readonly to: LogDirectory
}

interface Running {
  readonly move: LogMove
  readonly done: Promise<void>
}

export class LogMoves {
  private readonly options: LogMovesOptions
  private readonly environment: LogEnvironment
  private readonly slots: Slots
  private readonly running = new Map<string, Running>()
  private bytesPerSecond = Number.POSITIVE_INFINITY
  /** When the bytes that were copied have had their time. */
  private paidUntilMs = 0
  private isStopping = false

  constructor(options: LogMovesOptions) {
    this.options = options
    this.slots = new Slots(options.atOnce)
    // What a copy is appended to is read by nobody, and synced once at its end.
    this.environment = { ...options.environment, tails: new TailCache(0), durability: 'write' }
  }

  /** `replica.alter.log.dirs.io.max.bytes.per.second` */
  limit(bytesPerSecond: number): void {
    if (bytesPerSecond === this.bytesPerSecond) return
    this.bytesPerSecond = bytesPerSecond
    this.paidUntilMs = 0
  }

  /** Where a log is on its way to. */
  destination(log: Log): LogDirectory | undefined {
    return this.running.get(log.name)?.move.to
  }

  /** Resolves when the copy is begun; the rest is background work. */
  async start(log: Log, from: LogDirectory, to: LogDirectory): Promise<void> {
    const copy = await this.openCopy(log, to)
    this.run(log, copy, { from, to, isResumed: false })
  }

  /** A copy that was found at the start. */
  resume(log: Log, copy: Log, between: Between): void {
    this.run(log, copy, { ...between, isResumed: true })
  }

  private async openCopy(log: Log, to: LogDirectory): Promise<Log> {
    const { disk } = this.environment
    const path = `${to.path}/${futureName(log.topicPartition, this.options.random)}`
    await to.forget(log.name)
    await disk.makeDirectory(path)
    if (log.topicId !== undefined) await writePartitionMetadata(disk, path, log.topicId)
    const copy = await openLog({
      environment: this.environment,
      home: to,
      location: { path },
      topicPartition: log.topicPartition,
      config: { ...log.config, flushMessages: Number.MAX_SAFE_INTEGER },
      recoveryPoint: 0n,
      logStartOffset: log.logStartOffset,
      highWatermark: 0n,
      cleanedTo: 0n,
      state: 'new',
      isInDoubt: false,
    })
    to.futures.set(log.name, copy)
    return copy
  }

  private run(log: Log, copy: Log, between: Between & { readonly isResumed: boolean }): void {
    const services = {
      throttle: (bytes: number, move: LogMove) => this.throttle(bytes, move),
      wait: (ms: number, move: LogMove) => this.wait(ms, move),
      clear: this.options.clear,
      forget: this.options.onForgotten,
    }
    const move = new LogMove({ log, copy, ...between, services })
    const done = this.inItsTurn(move).finally(() => {
      if (this.running.get(log.name)?.move === move) this.running.delete(log.name)
    })
    this.running.set(log.name, { move, done })
  }

  /** One that is given up before its turn does not wait for it. */
  private inItsTurn(move: LogMove): Promise<void> {
    let isBegun = false
    const begin = async () => {
      if (isBegun) return
      isBegun = true
      await this.complete(move)
    }
    const turn = this.slots.run(begin)
    return Promise.race([turn, move.over.then(() => (isBegun ? turn : begin()))])
  }

  private async complete(move: LogMove): Promise<void> {
    const { log, copy, from, to } = move
    const { logger } = this.environment
    const end = await move.run()
    if (end.state === 'replaced') {
      logger.info('A log has moved to another log directory', { log: log.name, from: from.path, to: to.path })
      await this.options.onReplaced(log, from, end.old)
      return
    }
    if (this.isStopping) return
    if (end.state === 'failed') {
      logger.error('A log could not be moved to another log directory', { log: log.name, to: to.path })
    }
    to.futures.delete(log.name)
    await this.options.onDropped(copy, to)
  }

  /** Resolves when the copy is gone, or has taken the log's place because it was that far. */
  async giveUp(name: string): Promise<void> {
    const running = this.running.get(name)
    running?.move.giveUp()
    await running?.done
  }

  /** The copies stay, for the next start to go on with. */
  async stop(): Promise<void> {
    this.isStopping = true
    for (const { move } of this.running.values()) move.giveUp()
    await Promise.all([...this.running.values()].map(({ done }) => done))
  }

  private async throttle(bytes: number, move: LogMove): Promise<void> {
    const { clock } = this.options
    this.paidUntilMs = Math.max(this.paidUntilMs, clock.elapsed()) + (bytes * 1_000) / this.bytesPerSecond
    while (!move.isOver && this.paidUntilMs - clock.elapsed() >= 1) {
      // In steps, since the limit may change meanwhile.
      await this.wait(Math.min(this.paidUntilMs - clock.elapsed(), 1_000), move)
    }
  }

  private wait(ms: number, move: LogMove): Promise<void> {
    return new Promise(resolve => {
      const timer = this.options.clock.after(ms, resolve)
      void move.over.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }
}

/** The name of the directory that a copy has while it grows. */
export function futureName({ topic, partition }: TopicPartition, random: Random): string {
  return `${topic}-${partition}.${random.bytes(16).toString('hex')}-future`
}
