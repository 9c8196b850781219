// A cleaner at work must not be felt by those who produce. At its full size, which takes some fifteen minutes:
// npm --prefix test-interop run compaction:latency

import { beforeAll, expect, test } from 'vitest'
import { compileJava } from './campaign.ts'
import { type LatencyOptions, measure, median } from './latency.ts'

const MIB = 1_048_576
const options: LatencyOptions = {
  bytes: Number(process.env.LATENCY_MIB || 192) * MIB,
  runs: Number(process.env.LATENCY_RUNS || 1),
  seconds: Number(process.env.LATENCY_SECONDS || 5),
  recordsPerSecond: 5_000,
  cleanerRate: Number(process.env.LATENCY_CLEANER_MIB_PER_SECOND || 64) * MIB,
}

beforeAll(() => compileJava('SteadyLoad'))

test(
  'produce hardly waits longer while a cleaner works through a large topic',
  async () => {
    console.log(JSON.stringify(options))
    const runs = await measure(options, run => console.log(JSON.stringify(run)))
    const without = median(runs.map(run => run.without.p99))
    const during = median(runs.map(run => run.during.p99))
    console.log(`median p99: ${without} ms without, ${during} ms during`)
    // One short run on a machine that does other things as well says little; the full size is what counts.
    const bound = Math.max(without * 3, without + 10) * (options.runs >= 5 ? 1 : 5)
    expect(during).toBeLessThanOrEqual(bound)
  },
  600_000 + options.runs * 600_000,
)
