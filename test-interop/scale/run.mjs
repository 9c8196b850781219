// npm run scale -- --partitions 10000: many partitions at full size. Kafka needs a limit of some 25,000 open files.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { partitions: { type: 'string', default: '10000' } } })
const run = spawnSync('sh', ['-c', 'ulimit -n $(ulimit -H -n); exec npx vitest run scale/scale'], {
  cwd: join(import.meta.dirname, '..'),
  env: { ...process.env, PARTITIONS: values.partitions },
  stdio: 'inherit',
})
process.exit(run.status ?? 1)
