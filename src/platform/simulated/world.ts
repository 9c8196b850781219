/**
 * A machine in one thread, driven by one seed: a clock that moves from timer to timer, a disk that remembers
 * what is durable and fails as it is told, a network, and processes that can be killed at any moment. The
 * same seed and the same calls give the same run, to the byte.
 *
 *     const world = new World({ seed: 42 })
 *     const process = world.boot()
 *     const broker = await world.finish(Broker.start({ platform: process.platform, config, logger }))
 *     const socket = await world.finish(world.network.connect('localhost', 9092))
 *     await world.run(500)                        // half a second of simulated time
 *     world.faults.add({ calls: ['sync'], under: '/data', code: 'EIO', times: 1 })
 *     process.kill()                              // kill -9: what was written stays
 *     world.failPower()                           // every process dies; what was not synced is lost or torn
 *     const again = await world.finish(Broker.start({ platform: world.boot().platform, config, logger }))
 *
 * Nothing in it waits for real time. `finish` lets simulated time pass until a promise settles, and rejects
 * when it has not after ten simulated minutes: that is how a request that nobody answers shows. A choice of
 * whoever drives the run is to come from `world.random`, never from elsewhere. Where requests go over the
 * network, give the world some `turns`: six carry one there and back between two timers.
 */
import { inlineCompute } from '../inline-compute.ts'
import type { Clock, Listening, ListenOptions, Network, Platform, Socket, Timer } from '../platform.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { MemoryDisk, type Unsynced } from './memory-disk.ts'
import { MemoryNetwork } from './memory-network.ts'
import { SeededRandom } from './seeded-random.ts'
import { DiskFaults, SimulatedDisk } from './simulated-disk.ts'

export interface WorldOptions {
  readonly seed: number
  readonly startMs?: number
  readonly capacityBytes?: number
  /** Turns of the event loop after each timer: a network takes a few to carry a request there and back. */
  readonly turns?: number
}

const LONGEST_WAIT_MS = 600_000

export class World {
  readonly seed: number
  readonly random: SeededRandom
  readonly clock: ManualClock
  /** The disk itself, without faults and delays: for looking at it, and for bit rot. */
  readonly memory: MemoryDisk
  readonly faults: DiskFaults
  /** As a client uses it. */
  readonly network = new MemoryNetwork()
  private readonly turns: number
  private readonly processes = new Set<SimulatedProcess>()

  constructor(options: WorldOptions) {
    this.seed = options.seed
    this.turns = options.turns ?? 1
    this.random = new SeededRandom(options.seed)
    this.clock = new ManualClock(options.startMs)
    const { capacityBytes } = options
    this.memory = new MemoryDisk({
      clock: this.clock,
      isCrashable: true,
      ...(capacityBytes !== undefined && { capacityBytes }),
    })
    this.faults = new DiskFaults(this.derived())
  }

  /** A process begins on the machine; what it does is done through its platform. */
  boot(): SimulatedProcess {
    const process = new SimulatedProcess(this, () => this.processes.delete(process))
    this.processes.add(process)
    return process
  }

  /** Every process dies, and so does what no sync had covered, in whole or in part. */
  failPower(unsynced: Unsynced = { tornBy: this.random }): void {
    for (const process of [...this.processes]) process.kill()
    this.memory.crash(unsynced)
  }

  /** Chance of its own for a part of the simulation, so that parts do not shift each other's. */
  derived(): SeededRandom {
    return new SeededRandom(this.random.below(2 ** 32))
  }

  /** Lets simulated time pass. */
  async run(ms: number): Promise<void> {
    const end = this.clock.elapsed() + ms
    await this.settle()
    while ((this.clock.nextDueMs ?? Number.POSITIVE_INFINITY) <= end) {
      this.clock.fireNext()
      await this.settle()
    }
    this.clock.advance(end - this.clock.elapsed())
  }

  /** Lets time pass, and no more of it than need be, until a promise settles. */
  async finish<T>(promise: Promise<T>, withinMs = LONGEST_WAIT_MS): Promise<T> {
    const end = this.clock.elapsed() + withinMs
    let isSettled = false
    const settling = promise.finally(() => {
      isSettled = true
    })
    settling.catch(() => {})
    for (await this.settle(); !isSettled; await this.settle()) {
      const due = this.clock.nextDueMs
      if (due === undefined || due > end) throw new Error(`nothing came of it within ${withinMs} ms`)
      this.clock.fireNext()
    }
    return settling
  }

  private async settle(): Promise<void> {
    for (let turn = 0; turn < this.turns; turn++) await settled()
  }
}

/** One process of the machine. Once it is killed, no call of its comes back and no timer of its fires. */
export class SimulatedProcess {
  readonly platform: Platform & { readonly disk: SimulatedDisk }
  private readonly world: World
  private readonly onEnd: () => void
  private readonly timers = new Set<Timer>()
  private readonly sockets = new Set<Socket>()
  private readonly listenings = new Set<Listening>()
  private isOver = false

  constructor(world: World, onEnd: () => void) {
    this.world = world
    this.onEnd = onEnd
    const { clock, memory, faults } = world
    const random = world.derived()
    const mortal = this.mortalClock(clock)
    this.platform = {
      clock: mortal,
      waitClock: mortal,
      random,
      disk: new SimulatedDisk({ memory, clock, random, faults }),
      network: this.mortalNetwork(world.network),
      compute: inlineCompute,
    }
  }

  /** As by `kill -9`: what was written stays, files are closed, locks free, connections reset. */
  kill(): void {
    if (this.isOver) return
    this.isOver = true
    this.platform.disk.end()
    for (const timer of this.timers) timer.cancel()
    for (const listening of this.listenings) void listening.close()
    for (const socket of this.sockets) socket.destroy()
    this.world.memory.crash('kept')
    this.onEnd()
  }

  private mortalClock(clock: ManualClock): Clock {
    return {
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      after: (delayMs, callback) => {
        if (this.isOver) return { cancel: () => {} }
        const timer = clock.after(delayMs, () => {
          this.timers.delete(timer)
          callback()
        })
        this.timers.add(timer)
        return {
          cancel: () => {
            this.timers.delete(timer)
            timer.cancel()
          },
        }
      },
    }
  }

  private mortalNetwork(network: MemoryNetwork): Network {
    const keep = (socket: Socket) => {
      if (this.isOver) socket.destroy()
      else this.sockets.add(socket)
      return socket
    }
    return {
      listen: async (options: ListenOptions, onConnection: (socket: Socket) => void) => {
        const listening = await network.listen(options, socket => onConnection(keep(socket)))
        this.listenings.add(listening)
        return listening
      },
      connect: async (host: string, port: number) => keep(await network.connect(host, port)),
      gateways: () => network.gateways(),
    }
  }
}
