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
  const result = await simulateTransactions({ seed })
  totals.attempts += result.attempts
  totals.committed += result.committed
  totals.crashes += result.crashes
  if (!result.problem) continue
  totals.failed += 1
  process.stdout.write(`SEED ${seed} FAILED: ${result.problem}\n`)
}
const seconds = ((clock.elapsed() - startMs) / 1_000).toFixed(1)
const { attempts, committed, crashes, failed } = totals
process.stdout.write(
  `${count} seeds from ${from} in ${seconds} s: ${attempts} transactions, ${committed} committed, ` +
    `${crashes} crashes, ${failed} failed\n`,
)
process.exit(failed > 0 ? 1 : 0)
