/** A whole broker with a network and a disk in memory, and time that passes when a test says so. */
import { Broker } from '../../broker.ts'
import { loadConfig } from '../../config.ts'
import type { Side } from '../../conformance/talk.ts'
import { WireClient } from '../../conformance/wire-client.ts'
import { silentLogger } from '../../observe/logger.ts'
import { inlineCompute } from '../../platform/inline-compute.ts'
import { ManualClock, settled } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk, type Unsynced } from '../../platform/simulated/memory-disk.ts'
import { MemoryNetwork } from '../../platform/simulated/memory-network.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'

const HOST = '127.0.0.1'
/** Turns of the event loop in which a request reaches the broker, does its work and is answered. */
const TURNS = 30

type Options = Readonly<Record<string, string | number | boolean>>

export class SimulatedBroker {
  readonly clock = new ManualClock()
  readonly network = new MemoryNetwork()
  readonly disk = new MemoryDisk({ clock: this.clock, isCrashable: true })
  readonly random = new SeededRandom(11)
  broker!: Broker
  private readonly options: Options

  static async start(options: Options = {}): Promise<SimulatedBroker> {
    const simulated = new SimulatedBroker(options)
    await simulated.open()
    return simulated
  }

  private constructor(options: Options) {
    this.options = options
  }

  /** Again, on what the last one left on the disk. */
  async open(): Promise<void> {
    const loaded = loadConfig({
      profile: 'ci',
      options: {
        listeners: `PLAINTEXT://${HOST}:0`,
        'klamm.storage': 'disk',
        'log.dirs': '/data',
        ...this.options,
      },
    })
    if (!loaded.config) throw new Error(loaded.problems.join('; '))
    const { clock, network, disk, random } = this
    const platform = { clock, waitClock: clock, network, disk, random, compute: inlineCompute }
    this.broker = await Broker.start({ config: loaded.config, platform, logger: silentLogger })
    await this.settle()
  }

  get side(): Side {
    const { network } = this
    return {
      network,
      host: HOST,
      port: this.broker.listeners[0]!.port,
      now: () => this.clock.now(),
      wait: ms => this.clock.run(ms),
      settle: () => this.settle(),
    }
  }

  connect(clientId = 'wire'): Promise<WireClient> {
    const { port } = this.side
    return WireClient.connect(this.network, { host: HOST, port, clientId })
  }

  async settle(): Promise<void> {
    for (let i = 0; i < TURNS; i++) await settled()
  }

  async restart(): Promise<void> {
    await this.broker.close()
    await this.open()
  }

  /** The process dies at once and another starts; what no fsync has covered is as asked. */
  async crash(unsynced: Unsynced = 'kept'): Promise<void> {
    const { intercept } = this.disk
    // Whatever the dead one still wanted to write does not come to be.
    this.disk.intercept = () => {
      throw new Error('the process is dead')
    }
    await this.broker.close().catch(() => undefined)
    this.disk.intercept = intercept
    this.disk.crash(unsynced)
    await this.open()
  }

  close(): Promise<void> {
    return this.broker.close()
  }
}
