// Brokers come and go by the hundred in one process of a test suite. CYCLES=1000 is the full size.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runOk } from '../harness/processes.ts'

const MOST_GROWTH_BYTES = 5_000_000

interface Left {
  readonly cycles: number
  readonly heapGrowthBytes: number
  readonly bufferGrowthBytes: number
  readonly resourcesBefore: readonly string[]
  readonly resourcesAfter: readonly string[]
}

test('starting, producing, consuming, resetting, forking, crashing and closing leaves nothing behind', async () => {
  const args = ['--expose-gc', join(import.meta.dirname, 'leak.mjs'), process.env.CYCLES ?? '200']
  const left: Left = JSON.parse(await runOk(process.execPath, args, { deadlineMs: 110_000 }))
  console.log(left)
  expect(left.resourcesAfter).toEqual(left.resourcesBefore)
  expect(left.resourcesAfter).toEqual([])
  expect(left.heapGrowthBytes).toBeLessThan(MOST_GROWTH_BYTES)
  expect(left.bufferGrowthBytes).toBeLessThan(MOST_GROWTH_BYTES)
})
