import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      '*.test.ts',
      'churn/*.test.ts',
      'transactions/*.test.ts',
      'compaction/*.test.ts',
      'scale/*.test.ts',
      'group-commit/*.test.ts',
      'security/*.test.ts',
      'personas/*.test.ts',
      'groups/*.test.ts',
      'embedded/*.test.ts',
      'faults/*.test.ts',
      'conformance/*.test.ts',
    ],
    globalSetup: ['harness/prepare.ts'],
    // Every suite starts brokers and JVMs of its own: two cores carry one suite at a time.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    retry: 0,
  },
})
