/**
 * Compacts the logs of a broker: as many at once as there are cleaner threads, the one that is most in need
 * of it first. Knows up to where each has been compacted (`cleaner-offset-checkpoint`), which are being
 * worked on, and which cannot be compacted.
 */
import type { Logger } from '../observe/logger.ts'
import type { ComputeSession } from '../platform/platform.ts'
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from '../records/compression.ts'
import { isPassing } from './append-queue.ts'
import { type CleanablePart, cleanablePart, dirtyRatio, needsCleaning } from './cleanable.ts'
import { type CleaningReply, type CleaningRequest, cleaningTask } from './cleaning-task.ts'
import { CleaningAborted, compactLog } from './compaction.ts'
import { DamagedSegment } from './damaged-segment.ts'
import type { Log } from './log.ts'
import type { CleanerConfig } from './log-config.ts'
import type { LogEnvironment } from './log-environment.ts'
import { Pace } from './pace.ts'
import { retain } from './retention.ts'

const LEAST_CHUNK_BYTES = 65_536
const BYTES_PER_WORD = 4

export interface CleanerOptions {
  readonly environment: LogEnvironment
  readonly config: CleanerConfig
  /** Those that are there at the time of the call. */
  readonly logs: () => Iterable<Log>
}

/** A log that is in need of compaction. */
interface Candidate {
  readonly log: Log
  readonly part: CleanablePart
}

type Session = ComputeSession<CleaningRequest, CleaningReply>

/** One log that is being compacted. */
interface Running {
  isAborted: boolean
  readonly done: Promise<void>
}

export class Cleaner {
  private readonly environment: LogEnvironment
  private readonly logger: Logger
  private readonly logs: () => Iterable<Log>
  private readonly pace: Pace
  private config: CleanerConfig
  private readonly running = new Map<Log, Running>()
  /** By thread: whether it is there. */
  private readonly threads = new Set<number>()
  /** In need of it when they were looked at, the dirtiest first. */
  private queue: Candidate[] = []
  private readonly uncleanable = new Set<Log>()
  /** Failed for want of room or handles; taken up again after the next pause. */
  private readonly postponed = new Set<Log>()
  private isStopping = false

  constructor(options: CleanerOptions) {
    this.environment = options.environment
    this.logger = options.environment.logger
    this.logs = options.logs
    this.config = options.config
    this.pace = new Pace(this.environment.waitClock, () => this.config.maxBytesPerSecond)
  }

  /** Logs that cannot be compacted until a restart, because what they hold is damaged. */
  get uncleanableLogs(): readonly Log[] {
    return [...this.uncleanable]
  }

  start(): void {
    this.launch()
  }

  configure(config: CleanerConfig): void {
    this.config = config
    this.launch()
  }

  /** The log is about to go: resolves when nothing of it is being compacted, and will not be again. */
  async release(log: Log): Promise<void> {
    this.uncleanable.delete(log)
    this.postponed.delete(log)
    await this.abort(log)
    if (log.cleanedTo === undefined) return
    log.cleanedTo = undefined
    await log.home.saveCleaned()
  }

  /** Gives up what is being done to a log. It may begin again later. */
  async abort(log: Log): Promise<void> {
    const running = this.running.get(log)
    if (running === undefined) return
    running.isAborted = true
    this.pace.wake()
    await running.done
  }

  async stop(): Promise<void> {
    this.isStopping = true
    await Promise.all([...this.running.keys()].map(log => this.abort(log)))
  }

  private launch(): void {
    for (let thread = 0; thread < this.config.threads; thread++) {
      if (this.threads.has(thread)) continue
      this.threads.add(thread)
      this.waitFor(thread)
    }
  }

  private waitFor(thread: number): void {
    this.environment.later(this.config.backoffMs, async () => {
      if (thread >= this.config.threads) {
        this.threads.delete(thread)
        return
      }
      try {
        if (this.config.isEnabled) await this.cleanAll()
      } finally {
        this.waitFor(thread)
      }
    })
  }

  /** Everything that is in need of it, one after the other; and what the topics' retention has done with. */
  private async cleanAll(): Promise<void> {
    let session: Session | undefined
    const opened = () => {
      session ??= this.environment.compute.open(cleaningTask)
      return session
    }
    try {
      for (let next = await this.claim(); next !== undefined; next = await this.claim()) await next(opened)
    } finally {
      this.postponed.clear()
      await session?.close()
    }
    for (const log of [...this.compacted()]) {
      if (!this.isStopping && !this.running.has(log)) await retain(log, this.logger)
    }
  }

  private *compacted(): Iterable<Log> {
    for (const log of this.logs()) {
      if (isWanted(log)) yield log
    }
  }

  /** The dirtiest log, which nobody else takes from now on; undefined where none is in need. */
  private async claim(): Promise<((session: () => Session) => Promise<void>) | undefined> {
    for (;;) {
      if (this.queue.length === 0) this.queue = await this.candidates()
      const next = this.queue.shift()
      if (next === undefined || this.isStopping) return undefined
      // Things have moved on since the queue was made.
      const chosen = await this.candidate(next.log)
      if (chosen !== undefined && this.isFree(chosen.log)) return this.take(chosen)
    }
  }

  private async candidates(): Promise<Candidate[]> {
    const found: Candidate[] = []
    for (const log of [...this.compacted()]) {
      if (this.isStopping) return []
      const candidate = this.isFree(log) ? await this.candidate(log) : undefined
      if (candidate !== undefined) found.push(candidate)
    }
    return found.sort((a, b) => dirtyRatio(b.part) - dirtyRatio(a.part))
  }

  private isFree(log: Log): boolean {
    return isWanted(log) && !this.uncleanable.has(log) && !this.postponed.has(log) && !this.running.has(log)
  }

  private async candidate(log: Log): Promise<Candidate | undefined> {
    try {
      const part = await cleanablePart(log)
      return part !== undefined && needsCleaning(part, log.config) ? { log, part } : undefined
    } catch (error) {
      this.failed(log, error as Error)
      return undefined
    }
  }

  private take(chosen: Candidate): (session: () => Session) => Promise<void> {
    let finish: () => void = () => {}
    const done = new Promise<void>(resolve => {
      finish = resolve
    })
    const running: Running = { isAborted: false, done }
    this.running.set(chosen.log, running)
    return async session => {
      await this.clean(chosen, running, session)
      this.running.delete(chosen.log)
      finish()
    }
  }

  private async clean({ log, part }: Candidate, running: Running, session: () => Session): Promise<void> {
    const { config, environment } = this
    const share = 1 / Math.max(1, config.threads)
    const startedMs = environment.waitClock.elapsed()
    try {
      const result = await compactLog(log, {
        session: session(),
        seed: this.newSeed(),
        ...part,
        mapBytes: config.dedupeBufferBytes * share,
        loadFactor: config.loadFactor,
        chunkBytes: Math.max(LEAST_CHUNK_BYTES, Math.floor((config.ioBufferBytes * share) / 2)),
        maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
        pace: async bytes => {
          await this.pace.keep(bytes)
          if (running.isAborted || this.isStopping || !isWanted(log)) throw new CleaningAborted()
        },
      })
      log.cleanedTo = result.cleanedTo
      const tookMs = Math.round(environment.waitClock.elapsed() - startedMs)
      this.logger.info('Compacted a log', { log: log.name, ...result, tookMs })
      // Where it fails, what was compacted is looked at once more after a restart.
      await log.home.saveCleaned()
    } catch (error) {
      this.failed(log, error as Error)
    }
  }

  private newSeed(): Uint32Array {
    const bytes = this.environment.random.bytes(4 * BYTES_PER_WORD)
    return Uint32Array.from({ length: 4 }, (_, i) => bytes.readUInt32LE(i * BYTES_PER_WORD))
  }

  /**
   * Damage is this log's own; room and handles come back; any other failure of the disk is the directory's.
   */
  private failed(log: Log, error: Error): void {
    if (error instanceof CleaningAborted || !log.isOnline || log.isLeaving || this.isStopping) {
      this.postponed.add(log)
      return
    }
    const { code } = error as { code?: string }
    if (isPassing(error)) {
      this.postponed.add(log)
      this.logger.warn('A log could not be compacted now', { log: log.name, error })
      return
    }
    this.uncleanable.add(log)
    const hint = error instanceof DamagedSegment ? 'it holds what was not written there' : 'this is a bug'
    this.logger.error('A log is not compacted any more', { log: log.name, hint, error })
    if (code !== undefined && !code.startsWith('ERR_')) log.diskFailed(error)
  }
}

/** A change of the topic's policy ends its compaction, and so does the end of its disk. */
function isWanted(log: Log): boolean {
  return log.isOnline && !log.isLeaving && !log.isMoving && log.config.cleanupPolicy.includes('compact')
}
