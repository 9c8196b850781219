/**
 * One run from one seed: producers, readers, retention, compaction, deletions, changes of settings, moves
 * between directories, full, failing and rotting disks, steps of the clock, clean stops, dead processes and
 * power failures, in an order that the seed decides, and the invariants after each of them.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { Log } from '../log/log.ts'
import type { Disk } from '../platform/platform.ts'
import { World } from '../platform/simulated/world.ts'
import { excuseRemoved, uncompactedFrom } from './compacted.ts'
import { Consumers } from './consumers.ts'
import { DiskTrouble } from './disk-trouble.ts'
import { Engine } from './engine.ts'
import { auditIndexes } from './index-audit.ts'
import { type Answer, Lane, type LaneHost, type LaneKind } from './lane.ts'
import { PartitionModel, type SentBatch } from './model.ts'
import { Overseer } from './overseer.ts'
import type { Stage } from './stage.ts'
import { isDiskError, RottenLogs, storyLogger } from './story.ts'
import { drawCleaner, drawConfig } from './topics.ts'
import { hold, Violation } from './violation.ts'
import { WallTimes } from './wall-times.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly steps?: number
  /** Between the engine and its disk, where a test plants a bug. */
  readonly disk?: (disk: Disk) => Disk
  /** Told each line of the story as it happens. */
  readonly onNote?: (line: string) => void
}

export interface SimulationResult {
  readonly seed: number
  readonly violation: Violation | undefined
  /** What happened, the last of it last. */
  readonly trace: readonly string[]
  readonly steps: number
}

const LOG_DIRS = ['/disk0', '/disk1']
const DEFAULT_STEPS = 110
const RETENTION_MS = 900
/** Files that are copied, or change names. */
const IN_THE_MIDDLE = /\.(cleaned|swap|deleted)$|-(future|delete)(\/|$)/

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options)
  const violation = await simulation.run()
  const { trace, stepsDone: steps } = simulation
  return { seed: options.seed, violation, trace, steps }
}

type Stop = 'clean' | 'kill' | 'power'

class Simulation implements LaneHost, Stage {
  readonly trace: string[] = []
  readonly world: World
  readonly random
  stepsDone = 0
  readonly engine: Engine
  models: PartitionModel[] = []
  life = 0
  private readonly steps: number
  private readonly onNote: ((line: string) => void) | undefined
  private readonly logDirs: readonly string[]
  private readonly durability: 'write' | 'fsync'
  private readonly wall: WallTimes
  private readonly trouble: DiskTrouble
  private readonly overseer: Overseer
  private readonly consumers: Consumers
  private readonly rotten = new RottenLogs()
  private lanes: Lane[] = []
  /** Sent when it was already in force that each append is synced. */
  private readonly promised = new WeakSet<SentBatch>()
  private readonly inFlight = new Set<Promise<void>>()
  private violation: Violation | undefined
  private lastNumber = 0

  constructor(options: SimulationOptions) {
    this.steps = options.steps ?? DEFAULT_STEPS
    this.onNote = options.onNote
    this.world = new World({ seed: options.seed, startMs: 1_700_000_000_000 })
    this.random = this.world.derived()
    this.wall = new WallTimes(this.world.clock)
    this.durability = this.random.below(2) === 0 ? 'write' : 'fsync'
    this.logDirs = LOG_DIRS.slice(0, 1 + this.random.below(2))
    this.engine = new Engine(this.world, {
      logDirs: this.logDirs,
      durability: this.durability,
      tailCacheBytes: this.random.below(3) * 2_000,
      maxOpenFiles: 2 + this.random.below(20),
      retentionCheckIntervalMs: RETENTION_MS,
      initialTaskDelayMs: 400,
      cleaner: drawCleaner(this.random),
      moveBytesPerSecond: [1_000, 10_000, Number.POSITIVE_INFINITY][this.random.below(3)]!,
      logger: storyLogger({
        note: line => this.note(line),
        fail: error => this.fail(error),
        isRotten: log =>
          this.rotten.has(log) || this.models.some(model => model.name === log && model.rot !== undefined),
      }),
      disk: options.disk,
    })
    const { durability, wall } = this
    this.trouble = new DiskTrouble(this, this.logDirs)
    this.consumers = new Consumers(this, this.trouble)
    const retentionRoundsMs = 4 * RETENTION_MS
    this.overseer = new Overseer(this, { durability, wall, trouble: this.trouble, retentionRoundsMs })
  }

  async run(): Promise<Violation | undefined> {
    try {
      await this.finish(this.engine.start())
      this.engine.allowCleaning(true)
      for (let count = 1 + this.random.below(2); count > 0; count--) await this.createTopic()
      for (; this.stepsDone < this.steps && !this.violation; this.stepsDone++) await this.step()
      await this.conclude()
    } catch (error) {
      this.fail(error)
    }
    this.engine.kill()
    return this.violation
  }

  private async step(): Promise<void> {
    let dice = this.random.below(100)
    for (const [weight, act] of this.acts) {
      dice -= weight
      if (dice >= 0) continue
      await act()
      break
    }
    await this.world.run(this.random.below(4) === 0 ? this.random.below(30) : this.random.below(3))
    this.watch()
  }

  private readonly acts: readonly (readonly [number, () => Promise<void> | void])[] = [
    [46, () => this.produce()],
    [7, () => this.launch(() => this.consumers.read())],
    [5, () => this.pass()],
    [3, () => this.consumers.deleteRecords()],
    [2, () => this.truncate()],
    [3, () => this.reconfigure()],
    [1, () => this.createTopic()],
    [1, () => this.deleteTopic()],
    [3, () => this.fill()],
    [2, () => this.trouble.break()],
    [1, () => this.stepWall()],
    [2, () => this.rot()],
    [1, () => this.rotDerived()],
    [3, () => this.move()],
    [2, () => this.overseer.auditAll()],
    [1, () => this.launch(() => this.engine.raiseEpochs())],
    [7, () => this.interrupt()],
    [3, () => this.restart('clean')],
    [3, () => this.restart('kill')],
    [4, () => this.restart('power')],
  ]

  // What lanes ask for.

  now(): number {
    return this.world.clock.now()
  }

  nextNumber(): number {
    this.lastNumber++
    return this.lastNumber
  }

  newProducerId(): bigint {
    return BigInt(1_000 + this.nextNumber())
  }

  isOffline(model: PartitionModel): boolean {
    return this.logOf(model)?.isOnline !== true
  }

  note(line: string): void {
    const told = `${this.world.clock.elapsed().toFixed(1).padStart(9)}  ${line}`
    this.trace.push(told)
    this.onNote?.(told)
  }

  async append(model: PartitionModel, batch: SentBatch): Promise<Answer> {
    const { view } = batch
    const records = Buffer.from(batch.bytes)
    this.promised[this.isSynced(model) ? 'add' : 'delete'](batch)
    if (view.isControl || view.isTransactional) {
      const partition = this.engine.partition(model.topic, model.index)
      if (partition === undefined) return { error: ErrorCode.KAFKA_STORAGE_ERROR, baseOffset: -1n }
      const origin = view.isControl ? 'coordinator' : 'client'
      const appended = await partition.append(records, { acks: -1, origin })
      return { error: appended.error, baseOffset: appended.error ? -1n : appended.value.baseOffset }
    }
    const [outcome] = await this.engine.replicas.append({
      acks: this.random.below(5) === 0 ? 1 : -1,
      timeoutMs: 30_000,
      produceVersion: 9,
      targets: [{ topic: model.topic, topicId: null, index: model.index, records }],
    })
    return { error: outcome!.error, baseOffset: outcome!.baseOffset }
  }

  acknowledged(model: PartitionModel, batch: SentBatch): void {
    if (!this.promised.has(batch) || !this.isSynced(model)) return
    this.overseer.raiseFloor(model, batch.baseOffset! + BigInt(batch.view.lastOffsetDelta) + 1n)
  }

  private isSynced(model: PartitionModel): boolean {
    return this.durability === 'fsync' || this.engine.configOf(model.topic).flushMessages <= 1
  }

  leftOpen(): void {
    // What is there without anybody's knowledge has to be found before compaction makes it unknowable.
    this.engine.allowCleaning(false)
  }

  // Events.

  private produce(): void {
    const lane = this.lanes[this.random.below(this.lanes.length)]
    if (lane === undefined) return
    const { life } = this
    this.launch(() => lane.step(() => this.life === life))
  }

  /** Time for the background work. */
  private async pass(): Promise<void> {
    const ms = this.random.below(this.random.below(2) === 0 ? 12_000 : 1_500)
    this.note(`${ms} ms pass`)
    await this.world.run(ms)
  }

  /** As a follower does whose leader has another history. */
  private async truncate(): Promise<void> {
    await this.quiesce()
    const model = this.anyModel()
    const log = model && this.logOf(model)
    if (!model || !log?.isOnline || model.rot !== undefined) return
    const { logStartOffset, logEndOffset } = log
    const back = BigInt(this.random.below(Math.min(9, Number(logEndOffset - logStartOffset) + 1)))
    const wanted = logEndOffset - back
    // Histories part between batches.
    const inside = model.batches().find(it => it.baseOffset < wanted && it.lastOffset >= wanted)
    const offset = inside === undefined ? wanted : inside.baseOffset
    if (offset < logStartOffset) return
    this.note(`${model.name} is truncated to ${offset}`)
    this.overseer.noteChange()
    if (model.isCompacted) {
      excuseRemoved(model, this.wall)
      model.noteProducersCut(offset)
    }
    model.isBlurred ||= model.isCompacted && offset < uncompactedFrom(log)
    const { excused, expired } = model
    const known = { excused: [...excused], expired: [...expired] }
    model.cut(offset, 'withdrawn')
    model.highWatermark = 0n
    try {
      await this.finish(log.truncateTo(offset))
    } catch (error) {
      // It may have been done or not, which can be told as long as nothing is deleted.
      if (!isDiskError(error)) throw error
      model.reopen()
      for (const it of known.excused) excused.add(it)
      for (const it of known.expired) expired.add(it)
      if (log.isOnline) await this.finish(this.overseer.auditOne(model, log))
      return
    }
    await this.finish(this.engine.raiseEpochs())
    if (log.isOnline) await this.finish(this.overseer.auditOne(model, log))
  }

  private async reconfigure(): Promise<void> {
    const model = this.anyModel()
    if (!model) return
    const config = drawConfig(this.random)
    this.note(`${model.topic} is configured: ${[...config].map(it => it.join('=')).join(' ')}`)
    await this.finish(this.engine.configure(model.topic, config))
    this.overseer.beLenient()
    this.overseer.noteSettings()
  }

  private async createTopic(): Promise<void> {
    const names = ['a', 'b', 'c'].filter(name => !this.engine.image.topicByName(name))
    const name = names[0]
    if (name === undefined) return
    const config = drawConfig(this.random)
    const count = 1 + this.random.below(2)
    this.note(`${name} is created: ${[...config].map(it => it.join('=')).join(' ')}`)
    const id = await this.finish(this.engine.createTopic(name, count, config))
    for (let index = 0; index < count; index++) {
      const model = new PartitionModel(this.world.clock, { name, id }, index)
      this.models.push(model)
      const kinds: LaneKind[] = ['plain', 'idempotent', 'idempotent', 'transactional']
      this.lanes.push(...kinds.map(kind => new Lane(this, model, kind)))
      const log = this.logOf(model)
      if (log !== undefined) this.rotten.replaced(model.name)
      const isEmpty = log === undefined || log.logEndOffset === 0n
      hold(isEmpty, 'deleted is deleted', () => `${model.name} begins with ${log?.logEndOffset}`)
    }
    this.overseer.noteSettings()
  }

  private async deleteTopic(): Promise<void> {
    const topic = this.anyModel()?.topic
    if (topic === undefined || this.models.every(model => model.topic === topic)) return
    this.note(`${topic} is deleted`)
    this.models = this.models.filter(model => model.topic !== topic)
    this.lanes = this.lanes.filter(lane => lane.model.topic !== topic)
    this.launch(() => this.engine.deleteTopic(topic))
    if (this.random.below(2) === 0) await this.quiesce()
  }

  private async fill(): Promise<void> {
    if (!this.trouble.isFull) {
      await this.trouble.fill()
      return
    }
    this.trouble.makeRoom()
    await this.quiesce()
    await this.expectService()
  }

  private stepWall(): void {
    const ms = (this.random.below(2) === 0 ? -1 : 1) * this.random.below(100_000)
    this.note(`the wall clock steps by ${ms} ms`)
    this.wall.noteStep(() => this.world.clock.stepWall(ms))
    this.overseer.beLenient()
  }

  private async rot(): Promise<void> {
    const model = this.anyModel()
    const log = model && this.logOf(model)
    if (!log?.isOnline || model?.rot !== undefined) return
    await this.finish(this.trouble.rot(model!, log))
    if (model!.rot !== undefined) this.rotten.add(model!.name)
    if (model!.rot === undefined || this.random.below(2) === 0) return
    // Compaction may come by.
    await this.world.run(this.random.below(4_000))
    await this.finish(this.trouble.checkRot(model!, log))
  }

  private async rotDerived(): Promise<void> {
    const model = this.anyModel()
    const log = model && this.logOf(model)
    // An index is made anew once in the life of a broker: if that does not help, it is not the index.
    if (!log?.isOnline || model?.rot !== undefined || model?.hasRottenIndex) return
    await this.finish(this.trouble.rotDerived(model!, log))
  }

  private move(): void {
    const model = this.anyModel()
    const log = model && this.logOf(model)
    if (!model || !log?.isOnline || model.isSuspect) return
    const to = this.logDirs[this.random.below(this.logDirs.length)]!
    const { life } = this
    this.launch(async () => {
      const { error } = await this.engine.logs.moveLog(model.topic, model.index, to)
      if (this.life === life) this.note(`${model.name} is to move to ${to}, error ${error}`)
    })
  }

  /** Something happens while files are copied or change names. */
  private async interrupt(): Promise<void> {
    const isForNames = this.random.below(2) === 0
    const isCounted = (name: string, path: string) =>
      isForNames ? name === 'rename' && !path.endsWith('.tmp') : IN_THE_MIDDLE.test(path)
    let left = this.random.below(isForNames ? 8 : 40)
    const inTheMiddle = new Promise<boolean>(resolve => {
      this.world.clock.after(3_000, () => resolve(false))
      this.world.memory.intercept = ({ name, path }) => {
        if (isCounted(name, path) && left-- <= 0) resolve(true)
      }
    })
    const isThere = await this.world.finish(inTheMiddle)
    this.world.memory.intercept = undefined
    this.watch()
    if (!isThere) return
    const dice = this.random.below(8)
    if (dice < 3) await this.restart('kill')
    else if (dice < 6) await this.restart('power')
    else if (dice === 6) this.trouble.break()
    else await this.fill()
  }

  private async restart(stop: Stop): Promise<void> {
    if (stop === 'clean') await this.quiesce()
    this.watch()
    this.note(`the broker stops: ${stop}`)
    this.life++
    this.inFlight.clear()
    if (stop === 'clean') await this.stopCleanly()
    else if (stop === 'kill') this.engine.kill()
    else this.engine.failPower()
    for (const lane of this.lanes) lane.forgetBroker()
    await this.comeBack({ hadPowerFailure: stop === 'power' })
  }

  private async stopCleanly(): Promise<void> {
    const { memory } = this.world
    await this.finish(this.engine.stop())
    for (const directory of LOG_DIRS) {
      if (!(await memory.status(`${directory}/.kafka_cleanshutdown`))) continue
      for (const model of this.models) {
        const path = `${directory}/${model.name}`
        if (model.rot !== undefined || model.hasRottenIndex) continue
        if (await memory.status(path)) await auditIndexes(memory, path)
      }
    }
  }

  /** A start may be broken off too; an operator makes room where it needs some. */
  private async comeBack({ hadPowerFailure }: { readonly hadPowerFailure: boolean }): Promise<void> {
    let isTorn = hadPowerFailure
    this.trouble.mend()
    this.overseer.noteChange()
    this.suspectRotten()
    // What a failed sync has lost still shows until the machine is started anew; the broker knows of it where
    // it could leave a mark.
    if (this.trouble.hasFailedSync && (this.random.below(2) === 0 || !(await this.trouble.isMarked()))) {
      this.engine.failPower()
      isTorn = true
    }
    if (this.random.below(4) === 0) {
      const starting = this.engine.start().catch(() => {})
      await this.world.run(this.random.below(30))
      void starting
      if (this.random.below(2) === 0) {
        this.engine.failPower()
        isTorn = true
      } else this.engine.kill()
    }
    if (this.random.below(2) === 0) this.trouble.makeRoom()
    try {
      await this.finish(this.engine.start())
    } catch (error) {
      if (!isDiskError(error)) throw error
      this.note(`the broker cannot start: ${(error as Error).message}`)
      this.engine.kill()
      this.trouble.makeRoom()
      await this.finish(this.engine.start())
    }
    this.note('the broker is up')
    // What the power failure took has to be known before more is written.
    if (isTorn && this.engine.offline.size === 0 && this.models.some(model => !this.logOf(model))) {
      this.trouble.makeRoom()
      // And before retention takes away what nobody has seen.
      for (let ms = 0; ms < 2_500 && this.models.some(model => !this.logOf(model)); ms += 5) {
        await this.world.run(5)
      }
    }
    for (const model of this.models) {
      model.highWatermark = 0n
      model.reopen()
    }
    this.trouble.failedSyncs.clear()
    await this.overseer.auditAll({ isRecovered: true, hadPowerFailure: isTorn })
    // Compaction waits until everything that is there is known.
    const isKnown = this.models.every(model => this.logOf(model) || this.engine.offline.size > 0)
    this.engine.allowCleaning(isKnown)
  }

  /** A start may cut at damage, or find nothing to make its state from. */
  private suspectRotten(): void {
    for (const model of this.models) model.isSuspect ||= model.rot !== undefined
    this.lanes = this.lanes.filter(({ model }) => !model.isSuspect)
  }

  // Invariants.

  private watch(): void {
    if (this.violation) throw this.violation
    this.overseer.watch()
  }

  /** With room, and no fault but on disks that are offline, every partition takes records. */
  private async expectService(): Promise<void> {
    this.trouble.mend()
    await this.world.run(2_500)
    for (const model of this.models) {
      const log = this.logOf(model)
      if (model.isSuspect) continue
      if (log !== undefined && !log.isOnline) continue
      if (this.engine.offline.size > 0 && log === undefined) continue
      const lane = new Lane(this, model, 'plain')
      const before = model.sent.size
      // Some are larger than a segment of the topic may be.
      for (let attempt = 0; attempt < 6; attempt++) await this.finish(lane.step(() => true))
      const sent = [...model.sent.values()].slice(before)
      hold(
        sent.some(batch => batch.fate === 'acknowledged') || this.logOf(model)?.isOnline === false,
        'service resumes',
        () => `${model.name} takes no records`,
      )
    }
  }

  private async conclude(): Promise<void> {
    await this.quiesce()
    this.trouble.makeRoom()
    this.trouble.mend()
    await this.restart(this.random.below(2) === 0 ? 'power' : 'kill')
    this.trouble.makeRoom()
    await this.expectService()
    await this.restart('clean')
    await this.finish(this.engine.stop())
  }

  // Means.

  logOf(model: PartitionModel): Log | undefined {
    if (!this.engine.isUp) return undefined
    const log = this.engine.logs.log(model.topic, model.index)
    return log?.topicId === model.topicId ? log : undefined
  }

  anyModel(): PartitionModel | undefined {
    return this.models[this.random.below(this.models.length)]
  }

  /** Something goes on beside the rest; a violation in it ends the run. */
  launch(task: () => Promise<void>): void {
    const done = task()
      .catch(error => this.fail(error))
      .finally(() => this.inFlight.delete(done))
    this.inFlight.add(done)
  }

  async quiesce(): Promise<void> {
    await this.finish(Promise.all(this.inFlight))
    if (this.violation) throw this.violation
  }

  async finish<T>(promise: Promise<T>): Promise<T> {
    try {
      return await this.world.finish(promise)
    } catch (error) {
      if ((error as Error).message?.startsWith('nothing came of it')) {
        throw new Violation('everything comes to an end', (error as Error).message)
      }
      throw error
    }
  }

  private fail(error: unknown): void {
    if (this.violation) return
    const { stack } = error as Error
    this.violation = error instanceof Violation ? error : new Violation('no assertion fails', String(stack))
  }
}
