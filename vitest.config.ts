import { configDefaults, defineConfig } from 'vitest/config'
import { PLANTED_BUGS } from './planted-bugs.vitest.config.ts'

export default defineConfig({
  test: {
    include: ['protocol/**/*.test.ts', 'src/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...PLANTED_BUGS],
    testTimeout: 20_000,
    retry: 0,
  },
})
