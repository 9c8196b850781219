/** `node dist/src/simulation/transactions/main.js --seeds 2000 --from 0`: runs, and the seeds that failed. */
import { parseArgs } from 'node:util'
import { nodePlatform } from '../../platform/node.ts'
import { simulateTransactions } from './simulation.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '100' }, from: { type: 'string', default: '0' } },
})
const from = Number(values.from)
const count = Number(values.seeds)
const { clock } = nodePlatform()
const startMs = clock.elapsed()
const totals = { attempts: 0, committed: 0, crashes: 0, failed: 0 }
for (let seed = from; seed < from + count; seed++) {
  const { problem, attempts, committed, crashes } = await simulateTransactions({ seed })
  totals.attempts += attempts
  totals.committed += committed
  totals.crashes += crashes
  if (!problem) continue
  totals.failed += 1
  process.stdout.write(`SEED ${seed} FAILED: ${problem}\n`)
}
const seconds = ((clock.elapsed() - startMs) / 1_000).toFixed(1)
process.stdout.write(
  `${count} seeds from ${from} in ${seconds} s: ${totals.attempts} transactions, ${totals.committed} committed, ` +
    `${totals.crashes} crashes, ${totals.failed} failed\n`,
)
process.exit(totals.failed > 0 ? 1 : 0)
