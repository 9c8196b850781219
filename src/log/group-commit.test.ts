/** How many fsyncs it takes to acknowledge only what is durable. */
import { expect, test } from 'vitest'
import type { Log } from './log.ts'
import { append, idle, Rig } from './testing/rig.ts'

const PRODUCERS = 16
const ROUNDS = 50

/** Makes each sync of a segment last a while; counts them, and how many run at once. */
function slowSyncs(rig: Rig): { count: number; most: number } {
  const seen = { count: 0, most: 0 }
  let running = 0
  rig.memory.intercept = async ({ name, path }) => {
    if (name !== 'sync' || !path.endsWith('.log')) return
    seen.count++
    seen.most = Math.max(seen.most, ++running)
    await idle()
    running--
  }
  return seen
}

/** Each producer sends its next batch when the last one was acknowledged. */
async function produce(logs: readonly Log[]): Promise<void> {
  const producers = Array.from({ length: PRODUCERS }, async (_, producer) => {
    for (let round = 0; round < ROUNDS; round++) await append(logs[producer % logs.length]!, `${round}`)
  })
  await Promise.all(producers)
}

test('sixteen producers of a partition share its fsyncs, eight or more to each', async () => {
  const rig = new Rig({ broker: { durability: 'fsync' } })
  const log = await rig.log()
  await append(log, 'first')
  const syncs = slowSyncs(rig)
  await produce([log])
  expect(log.durableOffset).toBe(BigInt(PRODUCERS * ROUNDS + 1))
  expect((PRODUCERS * ROUNDS) / syncs.count).toBeGreaterThanOrEqual(8)
  expect(syncs.most).toBe(1)
})

test('partitions sync two at a time, and what comes while one waits for its turn joins it', async () => {
  const rig = new Rig({ broker: { durability: 'fsync' } })
  await rig.start()
  const logs = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(partition => rig.log('topic', partition)))
  await Promise.all(logs.map(log => append(log, 'first')))
  const syncs = slowSyncs(rig)
  // The first two take the slots, and the others wait; meanwhile everybody writes once more.
  const first = logs.map(log => append(log, 'before'))
  await new Promise(resolve => setImmediate(resolve))
  const second = logs.map(log => append(log, 'joins'))
  await Promise.all([...first, ...second])
  expect(syncs.most).toBe(2)
  expect(syncs.count).toBe(logs.length + 2)
  for (const log of logs) expect(log.durableOffset).toBe(3n)
})
