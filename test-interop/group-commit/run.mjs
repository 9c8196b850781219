// npm run group-commit -- --seconds 20: group commit at full size.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } })
const run = spawnSync('npx', ['vitest', 'run', 'group-commit/group-commit'], {
  cwd: join(import.meta.dirname, '..'),
  env: { ...process.env, SECONDS: values.seconds },
  stdio: 'inherit',
})
process.exit(run.status ?? 1)
