/** One broker on a simulated machine, which dies and comes back, and connections to it. */
import { Broker } from '../../broker.ts'
import { loadConfig } from '../../config.ts'
import { WireClient } from '../../conformance/wire-client.ts'
import { silentLogger } from '../../observe/logger.ts'
import type { SeededRandom } from '../../platform/simulated/seeded-random.ts'
import { type SimulatedProcess, World } from '../../platform/simulated/world.ts'

const PORT = 9092
/** A request and its answer take a few turns of the event loop. */
const TURNS = 6

export class Cluster {
  readonly world: World
  /** By which those who use the cluster choose. */
  readonly random: SeededRandom
  crashes = 0
  private process: SimulatedProcess | undefined

  constructor(seed: number) {
    this.world = new World({ seed, turns: TURNS })
    this.random = this.world.derived()
  }

  async start(): Promise<void> {
    const { config, problems } = loadConfig({
      profile: 'ci',
      options: {
        listeners: `PLAINTEXT://127.0.0.1:${PORT}`,
        'klamm.storage': 'disk',
        'klamm.durability': 'fsync',
        'log.dirs': '/data',
        'offsets.topic.num.partitions': 1,
        'transaction.state.log.num.partitions': 1,
        'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
      },
    })
    if (!config) throw new Error(problems.join('; '))
    this.process = this.world.boot()
    const { platform } = this.process
    await this.world.finish(Broker.start({ config, platform, logger: silentLogger }))
  }

  /** `kill -9`, or the power fails; then it starts again. */
  async crash(): Promise<void> {
    this.crashes += 1
    if (this.random.below(2) === 0) this.process?.kill()
    else this.world.failPower()
    await this.start()
  }

  connect(clientId: string): Promise<WireClient> {
    return WireClient.connect(this.world.network, { host: '127.0.0.1', port: PORT, clientId })
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => this.world.clock.after(ms, resolve))
  }

  chance(percent: number): boolean {
    return this.random.below(100) < percent
  }
}
