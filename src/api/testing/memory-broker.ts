/** A whole broker on a disk and a network in memory, whose clock stands still, and its clients. */
import { Broker } from '../../broker.ts'
import { loadConfig } from '../../config.ts'
import { WireClient } from '../../conformance/wire-client.ts'
import { createLogger } from '../../observe/logger.ts'
import { inlineCompute } from '../../platform/inline-compute.ts'
import type { Disk } from '../../platform/platform.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryNetwork } from '../../platform/simulated/memory-network.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'

const PORT = 9_092

export interface MemoryBroker {
  readonly broker: Broker
  readonly network: MemoryNetwork
  /** Each a JSON object. */
  readonly lines: readonly string[]
  connect(): Promise<WireClient>
}

export async function startBroker(
  disk: Disk,
  options: Readonly<Record<string, string | number | boolean>> = {},
  clock: ManualClock = new ManualClock(),
): Promise<MemoryBroker> {
  const network = new MemoryNetwork()
  const loaded = loadConfig({
    options: { 'log.dirs': '/data', listeners: `PLAINTEXT://127.0.0.1:${PORT}`, ...options },
  })
  if (!loaded.config) throw new Error(loaded.problems.join('; '))
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', isPretty: false, write: line => void lines.push(line) })
  const random = new SeededRandom(11)
  const platform = { clock, waitClock: clock, random, disk, network, compute: inlineCompute }
  const broker = await Broker.start({ config: loaded.config, platform, logger })
  return {
    broker,
    network,
    lines,
    connect: () => WireClient.connect(network, { host: '127.0.0.1', port: PORT }),
  }
}
