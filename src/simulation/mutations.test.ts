import { expect, test } from 'vitest'
import { MUTATIONS, type Mutation } from './mutations.ts'
import { simulate } from './simulation.ts'

const SEEDS = 80

/** The first seed that shows the bug, and what else it led to on the way. */
async function caught({ plant, disk, caughtBy, from = 0 }: Mutation) {
  const seen: string[] = []
  const remove = plant?.()
  try {
    for (let seed = from; seed < from + SEEDS; seed++) {
      const { violation } = await simulate({ seed, ...(disk && { disk }) })
      if (violation?.invariant === caughtBy) return { seed, seen }
      if (violation) seen.push(`${seed}: ${violation.message.slice(0, 200)}`)
    }
  } finally {
    remove?.()
  }
  return { seed: undefined, seen }
}

test.each(MUTATIONS)('$name: $caughtBy', async mutation => {
  const { seed, seen } = await caught(mutation)
  expect(seed, seen.join('\n')).toBeDefined()
})
