import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ['*.test.ts'],
    globalSetup: ['prepare.ts'],
    // Every suite starts both brokers: two cores carry one suite at a time.
    fileParallelism: false,
    // Most cases wait for a fetch or a rebalance, so some of them run together.
    maxConcurrency: 6,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    retry: 0,
  },
})
