import { expect, test } from 'vitest'
import { simulateTransactions } from './simulation.ts'

const SEEDS = 3

test('no promise about a transaction is broken, whenever the broker dies', async () => {
  const problems: string[] = []
  let committed = 0
  let crashes = 0
  for (let seed = 0; seed < SEEDS; seed++) {
    const result = await simulateTransactions({ seed })
    if (result.problem) problems.push(`seed ${seed}: ${result.problem}`)
    committed += result.committed
    crashes += result.crashes
  }
  expect(problems).toEqual([])
  expect(committed).toBeGreaterThan(0)
  expect(crashes).toBeGreaterThan(0)
})

test('the same seed tells the same story', async () => {
  expect(await simulateTransactions({ seed: 3 })).toEqual(await simulateTransactions({ seed: 3 }))
})
