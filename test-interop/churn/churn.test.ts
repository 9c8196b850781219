// Twelve members of three client libraries in one group, in all kinds of trouble. MINUTES and SEED say how long and which;
// BROKER=kafka runs the same on Apache Kafka, to tell a client's fault from the broker's. HISTORY names a file for all
// that happened.

import { writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { brokerKind, freePort, startBroker } from '../harness/broker.ts'
import { Campaign, type Report } from './campaign.ts'
import type { Happening } from './history.ts'
import { prepareMembers } from './members.ts'

const durationMs = Number(process.env.MINUTES || 0.75) * 60_000
const seed = Number(process.env.SEED || Date.now() % 1_000_000)

beforeAll(prepareMembers, 300_000)

test('a group in churn skips nothing, shares nothing, and comes to rest', {
  timeout: durationMs + 180_000,
}, async () => {
  console.log(`seed ${seed}`)
  const proxyPort = await freePort()
  const settings = {
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxyPort}`,
    'group.min.session.timeout.ms': '1000',
    ...(brokerKind === 'klamm' ? { 'klamm.storage': 'disk' } : {}),
  }
  const broker = await startBroker(settings, brokerKind, ['--profile', 'ci'])
  try {
    const note = (line: string) => console.log(line)
    const campaign = new Campaign(broker, { seed, durationMs, proxyPort, note })
    const report = await campaign.run().finally(() => keep(campaign.history))
    console.log(summary(report))
    expect(report.violations.slice(0, 20)).toEqual([])
    expect(report.settlingMs.filter(each => each > 2_000)).toEqual([])
  } finally {
    await broker.dispose()
  }
})

/** To look into: a line for each happening. */
function keep(history: readonly Happening[]): void {
  const lines = history.map(each => `${JSON.stringify(each)}\n`)
  if (process.env.HISTORY) writeFileSync(process.env.HISTORY, lines.join(''))
}

function summary({ violations, settlingMs, figures }: Report): string {
  const sorted = [...settlingMs].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  const rest = `at rest after ${at(0.5)} ms (median), ${at(0.95)} ms (95 %), ${sorted.at(-1)} ms (most)`
  const counts = Object.entries(figures).map(([what, count]) => `${what}: ${count}`)
  return [
    `${brokerKind}, seed ${seed}, ${settlingMs.length} rounds, ${violations.length} violations`,
    rest,
    ...counts,
  ].join('\n')
}
