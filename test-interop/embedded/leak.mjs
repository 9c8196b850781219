// node --expose-gc leak.mjs [cycles]: starts, produces, consumes and closes again and again, and prints as JSON what is
// left of it: handles and timers, and what the heap has grown by.

import { setImmediate } from 'node:timers/promises'
import { connect, Klamm } from './built.mjs'

const cycles = Number(process.argv[2] ?? 1_000)
/** Code is compiled and caches are filled by then. */
const WARM_UP = 60

async function cycle(index) {
  const klamm = await Klamm.start({
    topics: ['a'],
    clock: index % 3 === 0 ? 'manual' : 'real',
    ...(index % 5 === 0 && { seed: index }),
  })
  const client = await connect(klamm)
  await client.produce('a')
  if ((await client.fetch('a')) === 0) throw new Error('nothing to consume')
  if (index % 4 === 0) await klamm.reset()
  if (index % 7 === 0) {
    const fork = await klamm.fork()
    await fork.produce('a', [{ value: 'x' }])
    await fork.close()
  }
  if (index % 6 === 0) {
    await klamm.crash()
    if (index % 12 === 0) await klamm.restart()
  }
  await client.close()
  await klamm.close()
}

async function heapBytes() {
  for (let round = 0; round < 4; round++) {
    await setImmediate()
    globalThis.gc()
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return { heapUsed, external, arrayBuffers }
}

const resources = () => process.getActiveResourcesInfo().filter(name => !/^(Pipe|TTY|FSReq)/.test(name))

for (let index = 0; index < WARM_UP; index++) await cycle(index)
const before = await heapBytes()
const resourcesBefore = resources()
for (let index = 0; index < cycles; index++) await cycle(index)
const after = await heapBytes()
console.log(
  JSON.stringify({
    cycles,
    heapGrowthBytes: after.heapUsed - before.heapUsed,
    bufferGrowthBytes: after.arrayBuffers - before.arrayBuffers,
    heapBytes: after.heapUsed,
    resourcesBefore,
    resourcesAfter: resources(),
  }),
)
