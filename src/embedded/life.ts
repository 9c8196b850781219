/**
 * The life of a broker inside a process: one listener and one set of options over what comes and goes
 * beneath, the data and the engine that serves it.
 *
 *   running → running   reset, restore (other data), restart (the same), snapshot, advance
 *   running → crashed   crash; or there was no way to go on after one of the above
 *   crashed → running   restart
 *   any     → closed    close
 *
 * One such step at a time; each takes the ground from under the engine before it, so that nothing of that one
 * stirs any more.
 */

import { ErrorCode } from '../../protocol/errors.ts'
import type { BrokerContext } from '../api/context.ts'
import { type BoundListener, Broker, type Ground, StartFailure } from '../broker.ts'
import type { BrokerConfig } from '../config.ts'
import { newDirectoryId } from '../log/directory-identity.ts'
import type { Logger } from '../observe/logger.ts'
import { MortalPlatform } from '../platform/mortal-platform.ts'
import { nodePlatform } from '../platform/node.ts'
import type { Platform, Random } from '../platform/platform.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../platform/simulated/memory-disk.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { advance, allSettled } from './clock.ts'
import { newObservation, type Observation } from './observation.ts'
import { configOf, type KlammOptions, loggerOf, topicToCreate } from './options.ts'
import { checkVersion, Snapshot } from './snapshot.ts'
import { DirectoryStorage, MemoryStorage, type Storage } from './storage.ts'
import { UsageError } from './usage-error.ts'
import { KLAMM_VERSION } from './version.ts'

type State = 'running' | 'crashed' | 'closed'

const SEEDS = 2 ** 32
/** What does not rest in this time is cut off. */
const REST_MS = 200

/** What outlives each of the engines. */
interface Surroundings {
  readonly options: KlammOptions
  /** Made anew for each start, since the one before knows what was altered at run time. */
  readonly config: () => BrokerConfig
  readonly logger: Logger
  readonly machine: Platform
  readonly seeds: Random | undefined
}

export class Life {
  /** Faults and trace. */
  readonly observation: Observation
  private readonly surroundings: Surroundings
  private state: State = 'running'
  private broker!: Broker
  /** As they were bound at the start; a restart binds the same. */
  listeners: readonly BoundListener[] = []
  private config: BrokerConfig
  private hand: ManualClock | undefined
  private readonly storage: Storage
  private mortal: MortalPlatform | undefined
  /** For data that has none yet, or is not being served. */
  private knownClusterId: string | undefined
  private isResettling = false
  private readonly startMs: number
  private turn: Promise<unknown> = Promise.resolve()

  private constructor(surroundings: Surroundings) {
    const { options, config, machine, seeds } = surroundings
    this.surroundings = surroundings
    this.observation = newObservation(options, machine, () =>
      this.state === 'running' ? this.broker.context : undefined,
    )
    this.config = config()
    this.startMs = machine.clock.now()
    this.knownClusterId = seeds && newDirectoryId(seeds)
    if (options.clock === 'manual') this.hand = new ManualClock(this.startMs)
    const { logDirs } = this.config
    const storage = { logDirs, clock: () => this.clock, isCrashable: options.powerLoss ?? false }
    this.storage = this.isInMemory ? new MemoryStorage(storage) : new DirectoryStorage(machine.disk, storage)
  }

  /** With the data of a snapshot, or with what the options' storage holds. */
  static async start(options: KlammOptions, made: Certificates, snapshot?: Snapshot): Promise<Life> {
    const machine = nodePlatform()
    const { seed } = options
    const life = new Life({
      options,
      config: () => configOf(options, made),
      logger: loggerOf(options),
      machine,
      seeds: seed === undefined ? undefined : new SeededRandom(seed),
    })
    for (const warning of life.config.warnings) life.surroundings.logger.warn(warning)
    if (snapshot) {
      await life.storage.mustBeEmpty()
      await life.settleIn(snapshot)
    }
    await life.open(snapshot ? undefined : context => life.furnish(context))
    return life
  }

  /** Neither crashed nor closed. */
  get isRunning(): boolean {
    return this.state === 'running'
  }

  /** For good. */
  get isClosed(): boolean {
    return this.state === 'closed'
  }

  get clusterId(): string {
    return this.state === 'running' ? this.broker.clusterId : (this.knownClusterId ?? '')
  }

  /** The parts of the broker that runs now; throws a UsageError while none does. */
  context(): BrokerContext {
    this.mustRun()
    if (this.isResettling)
      throw new UsageError('This Klamm gets other data just now: await reset() or restore()')
    return this.broker.context
  }

  now(): number {
    return this.clock.now()
  }

  advance(by: number | string): Promise<void> {
    return this.inTurn(async () => {
      this.mustRun()
      if (!this.hand) throw new UsageError("clock.advance: the clock is real; start with { clock: 'manual' }")
      await advance(this.hand, by, this.mortal!)
      const lingerMs = this.config.number('group.coordinator.append.linger.ms')
      if (lingerMs <= 0) return
      // Records of groups wait for company, in real time.
      await new Promise<void>(resolve => this.surroundings.machine.waitClock.after(lingerMs, resolve))
      await allSettled(this.mortal!)
    })
  }

  reset(): Promise<void> {
    return this.inTurn(async () => {
      this.mustRun()
      this.observation.faults.clear()
      await this.resettle(async () => {
        this.observation.trace.clear()
        this.hand &&= new ManualClock(this.startMs)
        await this.storage.empty()
        return this.ground(context => this.furnish(context))
      })
    })
  }

  snapshot(): Promise<Snapshot> {
    return this.inTurn(async () => {
      this.mustRun()
      const { logDirs, nodeId } = this.config
      const { clusterId } = this.broker
      const facts = {
        klammVersion: KLAMM_VERSION,
        clusterId,
        nodeId,
        timestamp: this.now(),
        directories: logDirs.length,
      }
      const disk = new MemoryDisk({ clock: this.clock })
      if (this.isInMemory) await this.storage.copyTo(disk)
      else await this.broker.pause(() => this.storage.copyTo(disk))
      return new Snapshot(facts, disk)
    })
  }

  restore(snapshot: Snapshot): Promise<void> {
    return this.inTurn(async () => {
      this.mustRun()
      this.checkTakes(snapshot)
      await this.resettle(async () => {
        await this.settleIn(snapshot)
        return this.ground()
      })
      this.knownClusterId = this.broker.clusterId
    })
  }

  /** What a broker has to be started with that goes on from a snapshot of this one. */
  optionsOfFork(): KlammOptions {
    const { options, seeds } = this.surroundings
    const { port, storage, topics, ...kept } = options
    return { ...kept, ...(seeds && { seed: seeds.below(SEEDS) }) }
  }

  crash(unsynced: 'kept' | 'lost' | 'torn'): Promise<void> {
    return this.inTurn(async () => {
      this.mustRun()
      if (!['kept', 'lost', 'torn'].includes(unsynced)) {
        throw new UsageError(`crash: unsynced is one of kept, lost, torn; not ${unsynced}`)
      }
      if (unsynced !== 'kept' && !this.surroundings.options.powerLoss) {
        throw new UsageError(`crash: to have unsynced writes ${unsynced}, start with { powerLoss: true }`)
      }
      this.knownClusterId = this.broker.clusterId
      await this.fall()
      const { seeds, machine } = this.surroundings
      await this.storage.crash(unsynced === 'torn' ? { tornBy: seeds ?? machine.random } : unsynced)
    })
  }

  restart(): Promise<void> {
    return this.inTurn(async () => {
      if (this.state === 'closed') this.mustRun()
      if (this.state === 'running') {
        this.knownClusterId = this.broker.clusterId
        this.state = 'crashed'
        this.observation.faults.release()
        await this.broker.close()
        await this.mortal?.end()
      }
      this.config = this.surroundings.config()
      await this.open()
    })
  }

  close(): Promise<void> {
    return this.inTurn(async () => {
      this.observation.faults.release()
      if (this.state === 'running') await this.broker.close()
      this.state = 'closed'
      this.observation.trace.end()
      await this.mortal?.end()
      this.storage.close()
    })
  }

  private mustRun(): void {
    if (this.state === 'closed')
      throw new UsageError('This Klamm is closed: start another with Klamm.start()')
    if (this.state === 'crashed')
      throw new UsageError('This Klamm is down after a crash: call restart() first')
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.turn.then(task)
    this.turn = done.catch(() => {})
    return done
  }

  private get clock() {
    return this.hand ?? this.surroundings.machine.clock
  }

  private get isInMemory(): boolean {
    return this.config.string('klamm.storage') === 'memory'
  }

  /** A hold of its own on the machine, for the next engine. */
  private async ground(furnish?: Ground['furnish']): Promise<Ground> {
    const { machine, seeds } = this.surroundings
    // Ids of another engine are never those of one before it, whose clients may still be there.
    const random = seeds ? new SeededRandom(seeds.below(SEEDS)) : machine.random
    const platform = { ...machine, random, clock: this.clock }
    const mortal = new MortalPlatform(platform, await this.storage.disk())
    this.mortal = mortal
    const clusterId = this.knownClusterId
    return { platform: mortal.platform, disk: mortal.disk, clusterId, ...(furnish && { furnish }) }
  }

  private async open(furnish?: Ground['furnish']): Promise<void> {
    const { machine, logger } = this.surroundings
    const ground = await this.ground(furnish)
    const ports = new Map(this.listeners.map(({ name, port }) => [name, port]))
    try {
      this.broker = await Broker.start({
        config: this.config,
        platform: machine,
        logger,
        ground,
        ports,
        interceptor: this.observation.faults,
        tap: this.observation.trace,
      })
    } catch (error) {
      await this.mortal?.end()
      throw error
    }
    await this.broker.loaded()
    this.listeners = this.broker.listeners
    this.state = 'running'
  }

  /** Other data behind the same listeners. */
  private async resettle(newGround: () => Promise<Ground>): Promise<void> {
    this.knownClusterId = this.broker.clusterId
    this.isResettling = true
    try {
      await this.broker.resettle(async () => {
        await this.rest()
        await this.mortal?.end()
        return newGround()
      })
    } catch (error) {
      await this.fall()
      throw error
    } finally {
      this.isResettling = false
    }
  }

  /** Whoever works on the data without a connection comes to an end first, where that is soon. */
  private async rest(): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = this.surroundings.machine.waitClock.after(REST_MS, resolve)
      void allSettled(this.mortal!).then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  private async fall(): Promise<void> {
    this.state = 'crashed'
    const ended = this.mortal?.end()
    await this.broker.kill()
    await ended
  }

  private checkTakes(snapshot: Snapshot): void {
    if (!(snapshot instanceof Snapshot)) {
      throw new UsageError('restore: give what snapshot() resolved with, or Snapshot.fromBytes(bytes)')
    }
    checkVersion(snapshot)
    const { logDirs, nodeId } = this.config
    if (snapshot.nodeId !== nodeId) {
      throw new UsageError(
        `The snapshot is of node ${snapshot.nodeId}, and this is node ${nodeId}: start with ` +
          `{ config: { 'node.id': ${snapshot.nodeId} } }`,
      )
    }
    if (snapshot.directories !== logDirs.length) {
      throw new UsageError(
        `The snapshot is of ${snapshot.directories} log directories, and here are ${logDirs.length}: ` +
          'give log.dirs as many',
      )
    }
  }

  /** Puts the data of a snapshot where the engine's data is; what was there is gone. */
  private async settleIn(snapshot: Snapshot): Promise<void> {
    this.checkTakes(snapshot)
    this.knownClusterId = snapshot.clusterId
    this.hand &&= new ManualClock(snapshot.timestamp)
    await this.storage.fill(snapshot)
  }

  /** The topics of the options, those that are not there yet. */
  private async furnish({ controller }: BrokerContext): Promise<void> {
    const { topics = [] } = this.surroundings.options
    if (topics.length === 0) return
    const results = await controller.createTopics(topics.map(topicToCreate))
    for (const { name, result } of results) {
      if (!result.error || result.error === ErrorCode.TOPIC_ALREADY_EXISTS) continue
      throw new StartFailure(`topics: ${name} cannot be made: ${result.message ?? `error ${result.error}`}`)
    }
  }
}

type Certificates = Parameters<typeof configOf>[1]
