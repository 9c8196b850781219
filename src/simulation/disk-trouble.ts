/** What disks do now and then: they fail, are slow, or no file can be opened. */
import type { Random } from '../platform/platform.ts'
import type { DiskFaults } from '../platform/simulated/simulated-disk.ts'

export function addTrouble(faults: DiskFaults, under: string, random: Random): void {
  const calls = [['write'], ['sync'], ['read'], ['rename', 'open'], ['syncDirectory']] as const
  switch (random.below(5)) {
    case 0:
      faults.add({ calls: calls[random.below(calls.length)]!, under, code: 'EIO', times: 1 })
      break
    case 1:
      faults.add({ calls: ['sync'], under, suffix: '.log', code: 'EIO', times: 1 })
      break
    case 2:
      faults.add({ under, delayMs: 20 + random.below(200), times: 40 })
      break
    case 3:
      faults.add({ calls: ['open'], under, code: 'EMFILE', times: 1 + random.below(5) })
      break
    default:
      faults.add({ calls: ['sync', 'syncDirectory'], under, delayMs: 300, times: 20 })
  }
}
