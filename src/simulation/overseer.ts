/** Holds the invariants: cheap ones after every event, all of them when nobody writes. */
import type { Log } from '../log/log.ts'
import { audit, auditSuspect } from './audit.ts'
import { excuseRemoved } from './compacted.ts'
import type { DiskTrouble } from './disk-trouble.ts'
import type { PartitionModel } from './model.ts'
import { watchRetention } from './retention-watch.ts'
import type { Stage } from './stage.ts'
import { isDiskError } from './story.ts'
import { Violation } from './violation.ts'
import type { WallTimes } from './wall-times.ts'
import { watch } from './watch.ts'

const UNBOUNDED = Number.POSITIVE_INFINITY
/** What retention has decided by a setting or a time before, it may take a while to do. */
const LENIENT_MS = 20_000

export interface OverseerOptions {
  readonly durability: 'write' | 'fsync'
  readonly trouble: DiskTrouble
  readonly wall: WallTimes
  /** Within which retention has to do its work. */
  readonly retentionRoundsMs: number
}

export interface Occasion {
  readonly isRecovered?: boolean
  readonly hadPowerFailure?: boolean
}

export class Overseer {
  private readonly stage: Stage
  private readonly options: OverseerOptions
  private lastWallMs = 0
  private lenientUntilMs = 0
  private disturbedMs = 0

  constructor(stage: Stage, options: OverseerOptions) {
    this.stage = stage
    this.options = options
  }

  /** Settings, the wall clock, or the log itself are others from here on. */
  noteChange(): void {
    this.disturbedMs = this.stage.world.clock.elapsed()
  }

  /** What comes of what was before may come later. */
  beLenient(): void {
    this.noteChange()
    this.lenientUntilMs = this.disturbedMs + LENIENT_MS
  }

  watch(): void {
    const { stage, options } = this
    // The latest time that retention can have gone by since the last look.
    const nowMs = stage.world.clock.now()
    const latestWallMs = Math.max(this.lastWallMs, nowMs)
    this.lastWallMs = this.isLenient ? latestWallMs : nowMs
    for (const model of stage.models) {
      const log = stage.logOf(model)
      if (!log?.isOnline || model.isSuspect) continue
      this.noteHome(model, log)
      watch(model, log, latestWallMs)
      watchRetention({
        log,
        model,
        config: stage.engine.configOf(model.topic),
        undisturbedMs: Math.min(options.trouble.quietMs, stage.world.clock.elapsed() - this.disturbedMs),
        roundsMs: options.retentionRoundsMs,
      })
      this.raiseFloor(model, log.recoveryPoint)
      if (options.durability === 'fsync') this.raiseFloor(model, log.highWatermark)
    }
    this.noteSettings()
  }

  raiseFloor(model: PartitionModel, offset: bigint): void {
    if (offset > model.durableFloor) model.durableFloor = offset
  }

  private get isLenient(): boolean {
    return this.stage.world.clock.elapsed() < this.lenientUntilMs
  }

  /** What topics allow from now on; what they allowed until now has been looked at. */
  noteSettings(): void {
    for (const model of this.stage.models) {
      const config = this.stage.engine.configOf(model.topic)
      const isDeleting = config.cleanupPolicy.includes('delete')
      const retentionMs = isDeleting && config.retentionMs >= 0 ? config.retentionMs : UNBOUNDED
      const retentionBytes = isDeleting && config.retentionBytes >= 0 ? config.retentionBytes : UNBOUNDED
      const least = this.isLenient ? model : { leastRetentionMs: UNBOUNDED, leastRetentionBytes: UNBOUNDED }
      model.leastRetentionMs = Math.min(least.leastRetentionMs, retentionMs)
      model.leastRetentionBytes = Math.min(least.leastRetentionBytes, retentionBytes)
      if (!config.cleanupPolicy.includes('compact')) continue
      model.isCompacted = true
      model.leastDeleteRetentionMs = Math.min(model.leastDeleteRetentionMs, config.deleteRetentionMs)
      model.leastCompactionLagMs = Math.min(model.leastCompactionLagMs, config.minCompactionLagMs)
    }
  }

  async auditAll(occasion: Occasion = {}): Promise<void> {
    const { stage } = this
    await stage.quiesce()
    for (const model of stage.models) {
      const log = stage.logOf(model)
      if (!log?.isOnline) continue
      if (occasion.isRecovered) this.forgiveStart(model, log, occasion)
      // A start takes nothing away from the front either. What a power failure took counts for nothing.
      if (occasion.isRecovered && !occasion.hadPowerFailure && !model.isSuspect) {
        this.noteHome(model, log)
        watch(model, log, Math.max(this.lastWallMs, stage.world.clock.now()))
      }
      await stage.finish(this.auditOne(model, log, occasion))
    }
    this.watch()
  }

  /** Of a log that was never synced, nothing at all may be left. */
  private forgiveStart(model: PartitionModel, log: Log, { hadPowerFailure = false }: Occasion): void {
    if (!hadPowerFailure || log.logStartOffset >= model.startFloor) return
    if (log.logEndOffset > 0n || model.durableFloor > 0n) return
    model.deletedTo = 0n
    model.startFloor = log.logStartOffset
  }

  async auditOne(
    model: PartitionModel,
    log: Log,
    { isRecovered = false, hadPowerFailure = false }: Occasion = {},
  ): Promise<void> {
    const { stage, options } = this
    options.trouble.mend()
    this.noteHome(model, log)
    try {
      if (model.isSuspect) {
        await auditSuspect(model, log)
        return
      }
      const { random } = stage
      await audit({ log, model, random, wall: options.wall, isRecovered, hadPowerFailure })
      await options.trouble.checkRot(model, log)
    } catch (error) {
      // A disk that failed on the way takes its directory offline.
      if (isDiskError(error)) log.readFailed(error as Error)
      else if (log.isOnline || !(error instanceof Violation)) throw error
    }
  }

  /** A move makes other segments: what was compacted may be in the last one, which as such never is. */
  private noteHome(model: PartitionModel, { home }: Log): void {
    const hasMoved = model.home !== undefined && model.home !== home.path
    if (hasMoved && model.isCompacted) excuseRemoved(model, this.options.wall)
    model.home = home.path
  }
}
