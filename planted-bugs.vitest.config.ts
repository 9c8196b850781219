import { defineConfig } from 'vitest/config'

/** Bugs that the simulations have to find: too long for every run of the unit tests, and run once in CI. */
export const PLANTED_BUGS = [
  'src/simulation/mutations.test.ts',
  'src/simulation/transactions/planted-bugs.test.ts',
]

export default defineConfig({ test: { include: PLANTED_BUGS, testTimeout: 120_000, retry: 0 } })
