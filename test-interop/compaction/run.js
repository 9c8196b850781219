// npm run compaction -- --records 5000000 --kills 50 --seed 1 [--keys 200000] [--partitions 1]
//   [--feed plain|transactions]
// The campaign at the size that is asked for.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const text = { type: 'string' }
const { values } = parseArgs({
  options: {
    records: { ...text, default: '5000000' },
    keys: { ...text, default: '200000' },
    kills: { ...text, default: '50' },
    seed: { ...text, default: '1' },
    partitions: { ...text, default: '1' },
    feed: { ...text, default: 'plain' },
  },
})
const sizes = Object.entries(values).map(([name, value]) => [`COMPACTION_${name.toUpperCase()}`, value])
const { status } = spawnSync('npx', ['vitest', 'run', 'compaction/campaign'], {
  cwd: join(import.meta.dirname, '..'),
  env: { ...process.env, ...Object.fromEntries(sizes) },
  stdio: 'inherit',
})
process.exit(status ?? 1)
