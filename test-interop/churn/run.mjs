// npm run churn -- --minutes 10 --seed 7 [--protocol consumer] [--broker kafka]: the campaign at full size.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '' },
    protocol: { type: 'string', default: '' },
    broker: { type: 'string', default: 'klamm' },
  },
})
const { minutes: MINUTES, seed: SEED, protocol: PROTOCOL, broker: BROKER } = values
const run = spawnSync('npx', ['vitest', 'run', 'churn/churn'], {
  cwd: join(import.meta.dirname, '..'),
  env: { ...process.env, MINUTES, SEED, PROTOCOL, BROKER },
  stdio: 'inherit',
})
process.exit(run.status ?? 1)
