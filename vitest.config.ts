import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['protocol/**/*.test.ts', 'src/**/*.test.ts'],
    testTimeout: 20_000,
    retry: 0,
  },
})
