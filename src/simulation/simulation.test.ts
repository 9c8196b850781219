import { expect, test } from 'vitest'
import { simulate } from './simulation.ts'

test.each(Array.from({ length: 6 }, (_, seed) => seed))('seed %i holds every invariant', async seed => {
  const { violation, trace } = await simulate({ seed })
  expect(violation?.message, trace.slice(-40).join('\n')).toBeUndefined()
})

test('one seed is one run, and another is another', async () => {
  const tell = async (seed: number) => (await simulate({ seed, steps: 40 })).trace.join('\n')
  expect(await tell(7)).toBe(await tell(7))
  expect(await tell(7)).not.toBe(await tell(8))
})
