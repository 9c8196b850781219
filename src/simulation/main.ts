/** `npm run simulate`: runs of the log engine on a machine that fails it, each of a seed. */
import { parseArgs } from 'node:util'
import { nodePlatform } from '../platform/node.ts'
import { type SimulationResult, simulate } from './simulation.ts'

const TOLD = 60
const USAGE = `npm run simulate -- [options]: the log engine on a machine that crashes, lies and fills up

  --seed N      one run, with its story
  --seeds N     many runs, and the seeds of those that failed (100)
  --from N      the first of them; fresh for seeds that nobody has run (0)
  --steps N     how long each run is
  --trace N     how many of its last lines are shown (${TOLD})
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '0' },
      steps: { type: 'string' },
      trace: { type: 'string', default: String(TOLD) },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    print(USAGE)
    return
  }
  const steps = values.steps === undefined ? {} : { steps: Number(values.steps) }
  if (values.seed !== undefined) {
    const result = await simulate({ seed: Number(values.seed), ...steps })
    tell(result, Number(values.trace))
    process.exitCode = result.violation ? 1 : 0
    return
  }
  const platform = nodePlatform()
  const from = values.from === 'fresh' ? platform.random.below(2 ** 31) : Number(values.from)
  const count = Number(values.seeds)
  const startMs = platform.clock.elapsed()
  const failed: number[] = []
  for (let seed = from; seed < from + count; seed++) {
    const result = await simulate({ seed, ...steps })
    if (!result.violation) continue
    failed.push(seed)
    tell(result, Number(values.trace))
  }
  const seconds = ((platform.clock.elapsed() - startMs) / 1_000).toFixed(1)
  const which = failed.map(it => ` ${it}`).join('')
  print(`${count} seeds from ${from} in ${seconds} s, ${failed.length} failed${which}`)
  process.exitCode = failed.length > 0 ? 1 : 0
}

function tell({ seed, violation, trace, steps }: SimulationResult, lines: number): void {
  print(trace.slice(-lines).join('\n'))
  print(
    violation ? `SEED ${seed} FAILED: ${violation.message}` : `seed ${seed}: ${steps} steps, no violation`,
  )
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

await main()
