import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { globalSetup: ['klamm/vitest-setup'], include: ['*.test.js'] },
})
