/**
 * One run from one seed: producers, readers, retention, deletions, changes of settings, full and failing
 * disks, steps of the clock, clean stops, dead processes and power failures, in an order that the seed
 * decides, and the invariants after each of them.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { Log } from '../log/log.ts'
import type { Disk } from '../platform/platform.ts'
import { World } from '../platform/simulated/world.ts'
import { readRecords } from '../replication/pinned-records.ts'
import { audit, checkRead } from './audit.ts'
import { addTrouble } from './disk-trouble.ts'
import { Engine } from './engine.ts'
import { auditIndexes } from './index-audit.ts'
import { type Answer, Lane, type LaneHost, type LaneKind } from './lane.ts'
import { PartitionModel, type SentBatch } from './model.ts'
import { isDiskError, storyLogger } from './story.ts'
import { drawConfig } from './topics.ts'
import { hold, Violation } from './violation.ts'
import { watch } from './watch.ts'

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
const ROOMY = 2 ** 40
const UNBOUNDED = Number.POSITIVE_INFINITY

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options)
  const violation = await simulation.run()
  const { trace, stepsDone: steps } = simulation
  return { seed: options.seed, violation, trace, steps }
}

type Stop = 'clean' | 'kill' | 'power'

class Simulation implements LaneHost {
  readonly trace: string[] = []
  readonly world: World
  readonly random
  stepsDone = 0
  private readonly steps: number
  private readonly onNote: ((line: string) => void) | undefined
  private readonly engine: Engine
  private readonly durability: 'write' | 'fsync'
  private models: PartitionModel[] = []
  private lanes: Lane[] = []
  /** Sent when it was already in force that each append is synced. */
  private readonly promised = new WeakSet<SentBatch>()
  private readonly inFlight = new Set<Promise<void>>()
  private violation: Violation | undefined
  private life = 0
  private lastNumber = 0
  private lastWallMs = 0
  private lenientUntilMs = 0
  /** Since power came back: what a full disk kept from being written down may be forgotten. */
  private wasFull = false
  private faults = 0
  private lastFaultMs = Number.NEGATIVE_INFINITY

  constructor(options: SimulationOptions) {
    this.steps = options.steps ?? DEFAULT_STEPS
    this.onNote = options.onNote
    this.world = new World({ seed: options.seed, startMs: 1_700_000_000_000 })
    this.random = this.world.derived()
    this.durability = this.random.below(2) === 0 ? 'write' : 'fsync'
    this.engine = new Engine(this.world, {
      logDirs: LOG_DIRS.slice(0, 1 + this.random.below(2)),
      durability: this.durability,
      tailCacheBytes: this.random.below(3) * 2_000,
      maxOpenFiles: 2 + this.random.below(20),
      retentionCheckIntervalMs: 900,
      initialTaskDelayMs: 400,
      logger: storyLogger({ note: line => this.note(line), fail: error => this.fail(error) }),
      disk: options.disk,
    })
    this.world.faults.onFault = (call, path, code) => {
      this.faults++
      this.lastFaultMs = this.world.clock.elapsed()
      this.note(`the disk fails: ${code} at ${call} of ${path}`)
      if (call === 'sync') this.taint(path)
    }
  }

  async run(): Promise<Violation | undefined> {
    try {
      await this.finish(this.engine.start())
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
    [56, () => this.produce()],
    [9, () => this.launch(() => this.read())],
    [5, () => this.pass()],
    [4, () => this.deleteRecords()],
    [2, () => this.truncate()],
    [3, () => this.reconfigure()],
    [1, () => this.createTopic()],
    [1, () => this.deleteTopic()],
    [3, () => this.fill()],
    [2, () => this.breakDisk()],
    [1, () => this.stepWall()],
    [2, () => this.auditAll()],
    [1, () => this.launch(() => this.engine.raiseEpochs())],
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
    this.raiseFloor(model, batch.baseOffset! + BigInt(batch.view.lastOffsetDelta) + 1n)
  }

  private isSynced(model: PartitionModel): boolean {
    return this.durability === 'fsync' || this.engine.configOf(model.topic).flushMessages <= 1
  }

  private raiseFloor(model: PartitionModel, offset: bigint): void {
    if (!model.isTainted && offset > model.durableFloor) model.durableFloor = offset
  }

  // Events.

  private produce(): void {
    const lane = this.lanes[this.random.below(this.lanes.length)]
    if (lane === undefined) return
    const { life } = this
    this.launch(() => lane.step(() => this.life === life))
  }

  /** A fetch by a consumer, who may be behind or at the end. */
  private async read(): Promise<void> {
    const model = this.anyModel()
    const log = model && this.logOf(model)
    if (!model || !log?.isOnline) return
    const { logStartOffset, highWatermark } = log
    const offset = logStartOffset + BigInt(this.random.below(Number(highWatermark - logStartOffset) + 1))
    const { faults } = this
    const [outcome] = await this.engine.replicas.fetch({
      replicaId: -1,
      isolation: 'high-watermark',
      maxWaitMs: this.random.below(500),
      minBytes: 1,
      maxBytes: 1 + this.random.below(5_000),
      targets: [this.fetchTarget(model, offset)],
    })
    const isThere = outcome!.error === ErrorCode.NONE
    hold(
      isThere ||
        outcome!.error === ErrorCode.OFFSET_OUT_OF_RANGE ||
        this.logOf(model)?.isOnline !== true ||
        this.faults > faults ||
        this.world.clock.elapsed() - this.lastFaultMs < 1_000,
      'reads give what was acknowledged',
      () => `${model.name} at ${offset}: error ${outcome!.error}`,
    )
    if (!isThere) return
    const bytes = await readRecords(outcome!.records).catch(error => {
      if (!isDiskError(error)) throw error
    })
    if (bytes) checkRead(model, offset, { bytes, before: highWatermark })
  }

  private fetchTarget(model: PartitionModel, fetchOffset: bigint) {
    return {
      topic: model.topic,
      topicId: model.topicId,
      index: model.index,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      logStartOffset: -1n,
      maxBytes: 1 + this.random.below(3_000),
    }
  }

  /** Time for the background work. */
  private async pass(): Promise<void> {
    const ms = this.random.below(this.random.below(2) === 0 ? 12_000 : 1_500)
    this.note(`${ms} ms pass`)
    await this.world.run(ms)
  }

  private async deleteRecords(): Promise<void> {
    const model = this.anyModel()
    const log = model && this.logOf(model)
    if (!model || !log?.isOnline) return
    const { logStartOffset, highWatermark } = log
    const offset = logStartOffset + BigInt(this.random.below(Number(highWatermark - logStartOffset) + 1))
    const { life } = this
    // From now on they may be gone.
    if (offset > model.deletedTo) model.deletedTo = offset
    this.launch(async () => {
      const deleted = await this.engine.replicas.deleteRecords(model.topic, model.index, offset)
      if (this.life !== life) return
      this.note(`${model.name}: records are deleted to ${offset}, error ${deleted.error}`)
      if (deleted.error) return
      hold(deleted.value >= offset, 'the log start never goes back', () => `${model.name}: ${deleted.value}`)
      if (offset > model.startFloor) model.startFloor = offset
    })
  }

  /** As a follower does whose leader has another history. */
  private async truncate(): Promise<void> {
    await this.quiesce()
    const model = this.anyModel()
    const log = model && this.logOf(model)
    if (!model || !log?.isOnline) return
    const { logStartOffset, logEndOffset } = log
    const back = BigInt(this.random.below(Math.min(9, Number(logEndOffset - logStartOffset) + 1)))
    const wanted = logEndOffset - back
    // Histories part between batches.
    const inside = model.batches().find(it => it.baseOffset < wanted && it.lastOffset >= wanted)
    const offset = inside === undefined ? wanted : inside.baseOffset
    if (offset < logStartOffset) return
    this.note(`${model.name} is truncated to ${offset}`)
    model.cut(offset, 'withdrawn')
    model.highWatermark = 0n
    try {
      await this.finish(log.truncateTo(offset))
    } catch (error) {
      // It may have been done or not, which can be told as long as nothing is deleted.
      if (!isDiskError(error)) throw error
      model.reopen()
      if (log.isOnline) await this.finish(this.auditOne(model, log))
      return
    }
    await this.finish(this.engine.raiseEpochs())
    if (log.isOnline) await this.finish(this.auditOne(model, log))
  }

  private async reconfigure(): Promise<void> {
    const model = this.anyModel()
    if (!model) return
    const config = drawConfig(this.random)
    this.note(`${model.topic} is configured: ${[...config].map(it => it.join('=')).join(' ')}`)
    await this.finish(this.engine.configure(model.topic, config))
    // What retention has decided by then, it may take a while to do.
    this.lenientUntilMs = this.world.clock.elapsed() + 20_000
    this.noteRetention()
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
      const model = new PartitionModel(name, id, index)
      this.models.push(model)
      const kinds: LaneKind[] = ['plain', 'idempotent', 'idempotent', 'transactional']
      this.lanes.push(...kinds.map(kind => new Lane(this, model, kind)))
      const log = this.logOf(model)
      const isEmpty = log === undefined || log.logEndOffset === 0n
      hold(isEmpty, 'deleted is deleted', () => `${model.name} begins with ${log?.logEndOffset}`)
    }
    this.noteRetention()
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
    if (this.world.memory.capacityBytes < ROOMY) {
      this.makeRoom()
      await this.quiesce()
      await this.expectService()
      return
    }
    const { usableBytes, totalBytes } = await this.world.memory.space(LOG_DIRS[0]!)
    const room = this.random.below(2_500)
    this.note(`the disk has room for ${room} bytes`)
    this.world.memory.capacityBytes = Number(totalBytes - usableBytes) + room
    this.wasFull = true
  }

  private makeRoom(): void {
    if (this.world.memory.capacityBytes === ROOMY) return
    this.note('the disk has room again')
    this.world.memory.capacityBytes = ROOMY
  }

  private breakDisk(): void {
    const under = LOG_DIRS[this.random.below(LOG_DIRS.length)]!
    addTrouble(this.world.faults, under, this.random)
  }

  private stepWall(): void {
    const ms = (this.random.below(2) === 0 ? -1 : 1) * this.random.below(100_000)
    this.note(`the wall clock steps by ${ms} ms`)
    this.world.clock.stepWall(ms)
    // Retention may still be at what it has decided by the time before.
    this.lenientUntilMs = this.world.clock.elapsed() + 20_000
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
    const hadPowerFailure = stop === 'power'
    await this.comeBack({ hadPowerFailure })
    if (hadPowerFailure) this.wasFull = this.world.memory.capacityBytes < ROOMY
  }

  private async stopCleanly(): Promise<void> {
    const { memory } = this.world
    await this.finish(this.engine.stop())
    for (const directory of LOG_DIRS) {
      if (!(await memory.status(`${directory}/.kafka_cleanshutdown`))) continue
      for (const model of this.models) {
        const path = `${directory}/${model.name}`
        if (await memory.status(path)) await auditIndexes(memory, path)
      }
    }
  }

  /** A start may be broken off too; an operator makes room where it needs some. */
  private async comeBack({ hadPowerFailure }: { readonly hadPowerFailure: boolean }): Promise<void> {
    let isTorn = hadPowerFailure
    this.world.faults.clear()
    // What a failed sync has lost still shows until the machine is started anew.
    if (this.models.some(model => model.hasFailedSync)) {
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
    if (this.random.below(2) === 0) this.makeRoom()
    try {
      await this.finish(this.engine.start())
    } catch (error) {
      if (!isDiskError(error)) throw error
      this.note(`the broker cannot start: ${(error as Error).message}`)
      this.engine.kill()
      this.makeRoom()
      await this.finish(this.engine.start())
    }
    this.note('the broker is up')
    // What the power failure took has to be known before more is written.
    if (isTorn && this.engine.offline.size === 0 && this.models.some(model => !this.logOf(model))) {
      this.makeRoom()
      await this.world.run(2_500)
    }
    for (const model of this.models) {
      model.highWatermark = 0n
      model.isTainted ||= model.hasFailedSync
      model.reopen()
    }
    await this.auditAll({ isRecovered: true, hadPowerFailure: isTorn })
  }

  // Invariants.

  /** Cheap, and after every event. */
  private watch(): void {
    if (this.violation) throw this.violation
    // The latest time that retention can have gone by since the last look.
    const latestWallMs = Math.max(this.lastWallMs, this.now())
    this.lastWallMs = this.world.clock.elapsed() < this.lenientUntilMs ? latestWallMs : this.now()
    for (const model of this.models) {
      const log = this.logOf(model)
      if (!log?.isOnline) continue
      watch(model, log, latestWallMs)
      this.raiseFloor(model, log.recoveryPoint)
      if (this.durability === 'fsync') this.raiseFloor(model, log.highWatermark)
    }
    this.noteRetention()
  }

  /** What topics allow from now on; what they allowed until now has been looked at. */
  private noteRetention(): void {
    const isLenient = this.world.clock.elapsed() < this.lenientUntilMs
    for (const model of this.models) {
      const { retentionMs, retentionBytes } = this.engine.configOf(model.topic)
      const least = isLenient ? model : { leastRetentionMs: UNBOUNDED, leastRetentionBytes: UNBOUNDED }
      model.leastRetentionMs = Math.min(least.leastRetentionMs, retentionMs < 0 ? UNBOUNDED : retentionMs)
      const most = retentionBytes < 0 ? UNBOUNDED : retentionBytes
      model.leastRetentionBytes = Math.min(least.leastRetentionBytes, most)
    }
  }

  private async auditAll({ isRecovered = false, hadPowerFailure = false } = {}): Promise<void> {
    await this.quiesce()
    for (const model of this.models) {
      const log = this.logOf(model)
      if (!log?.isOnline) continue
      if (isRecovered) this.forgiveStart(model, log, hadPowerFailure)
      await this.finish(this.auditOne(model, log, { isRecovered, hadPowerFailure }))
    }
    this.watch()
  }

  /** With no room to write it down, retention's progress may be lost with the power. */
  private forgiveStart(model: PartitionModel, log: Log, hadPowerFailure: boolean): void {
    if (!hadPowerFailure || log.logStartOffset >= model.startFloor) return
    // Of a log that was never synced, nothing at all may be left.
    const isGone = log.logEndOffset === 0n && model.durableFloor === 0n
    if (isGone) model.deletedTo = 0n
    if (isGone || (this.wasFull && log.logStartOffset >= model.deletedTo)) {
      model.startFloor = log.logStartOffset
    }
  }

  private async auditOne(
    model: PartitionModel,
    log: Log,
    { isRecovered = false, hadPowerFailure = false } = {},
  ): Promise<void> {
    this.world.faults.clear()
    try {
      await audit({ log, model, random: this.random, isRecovered, hadPowerFailure })
    } catch (error) {
      // A disk that failed on the way takes its directory offline.
      if (isDiskError(error)) log.readFailed(error as Error)
      else if (log.isOnline || !(error instanceof Violation)) throw error
    }
  }

  /** With room, and no fault but on disks that are offline, every partition takes records. */
  private async expectService(): Promise<void> {
    this.world.faults.clear()
    await this.world.run(2_500)
    for (const model of this.models) {
      const log = this.logOf(model)
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
    this.makeRoom()
    this.world.faults.clear()
    await this.restart(this.random.below(2) === 0 ? 'power' : 'kill')
    this.makeRoom()
    await this.expectService()
    await this.restart('clean')
    await this.finish(this.engine.stop())
  }

  // Means.

  private logOf(model: PartitionModel): Log | undefined {
    if (!this.engine.isUp) return undefined
    const log = this.engine.logs.log(model.topic, model.index)
    return log?.topicId === model.topicId ? log : undefined
  }

  private anyModel(): PartitionModel | undefined {
    return this.models[this.random.below(this.models.length)]
  }

  private taint(path: string): void {
    for (const model of this.models) if (path.includes(`/${model.name}/`)) model.hasFailedSync = true
  }

  /** Something goes on beside the rest; a violation in it ends the run. */
  private launch(task: () => Promise<void>): void {
    const done = task()
      .catch(error => this.fail(error))
      .finally(() => this.inFlight.delete(done))
    this.inFlight.add(done)
  }

  private async quiesce(): Promise<void> {
    await this.finish(Promise.all(this.inFlight))
    if (this.violation) throw this.violation
  }

  private async finish<T>(promise: Promise<T>): Promise<T> {
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
