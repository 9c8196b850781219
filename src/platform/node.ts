/** The real machine. */
import { NodeClock, NodeRandom } from './node-clock.ts'
import { NodeCompute } from './node-compute.ts'
import { NodeDisk } from './node-disk.ts'
import { NodeNetwork } from './node-network.ts'
import type { Platform } from './platform.ts'

export function nodePlatform(): Platform {
  const clock = new NodeClock()
  return {
    clock,
    waitClock: clock,
    random: new NodeRandom(),
    disk: new NodeDisk(),
    network: new NodeNetwork(),
    compute: new NodeCompute(),
    stayAlive,
  }
}

const ANY_WHILE_MS = 60_000

function stayAlive(): () => void {
  const timer = setInterval(() => {}, ANY_WHILE_MS)
  return () => clearInterval(timer)
}
