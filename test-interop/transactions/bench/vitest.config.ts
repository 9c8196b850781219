import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ['*.test.ts'],
    globalSetup: ['../../harness/prepare.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
    retry: 0,
  },
})
