// Members of several client libraries in one group, in all kinds of trouble, by either protocol of groups. MINUTES and SEED
// say how long and which, PROTOCOL (classic, consumer) of whom;
// BROKER=kafka runs the same on Apache Kafka, to tell a client's fault from the broker's. HISTORY names a file for all
// that happened.

import { writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { brokerKind, freePort, startBroker } from '../harness/broker.ts'
import { Campaign, HEARTBEAT_MS, type Report, SESSION_TIMEOUT_MS } from './campaign.ts'
import type { Happening } from './history.ts'
import { type Protocol, prepareMembers } from './members.ts'

const SHORT_MINUTES = { classic: 0.75, consumer: 0.5 }
const protocols = (['classic', 'consumer'] as const).filter(each => (process.env.PROTOCOL || each) === each)
const seed = Number(process.env.SEED || Date.now() % 1_000_000)

beforeAll(prepareMembers, 300_000)

for (const protocol of protocols) {
  const durationMs = Number(process.env.MINUTES || SHORT_MINUTES[protocol]) * 60_000
  test(
    `a group in churn skips nothing, shares nothing, and comes to rest, by the ${protocol} protocol`,
    {
      timeout: durationMs + 180_000,
    },
    () => churn(protocol, durationMs),
  )
}

async function churn(protocol: Protocol, durationMs: number): Promise<void> {
  console.log(`${protocol}, seed ${seed}`)
  const proxyPort = await freePort()
  const settings = {
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxyPort}`,
    'group.min.session.timeout.ms': '1000',
    'group.consumer.min.session.timeout.ms': '1000',
    'group.consumer.session.timeout.ms': String(SESSION_TIMEOUT_MS),
    'group.consumer.min.heartbeat.interval.ms': '100',
    'group.consumer.heartbeat.interval.ms': String(HEARTBEAT_MS.consumer),
    ...(brokerKind === 'klamm' ? { 'klamm.storage': 'disk' } : {}),
  }
  const broker = await startBroker(settings, brokerKind, ['--profile', 'ci'])
  try {
    const note = (line: string) => console.log(line)
    const campaign = new Campaign(broker, { protocol, seed, durationMs, proxyPort, note })
    const report = await campaign.run().finally(() => keep(campaign.history))
    console.log(summary(protocol, report))
    expect(report.violations.slice(0, 20)).toEqual([])
    expect(report.overdue).toEqual([])
  } finally {
    await broker.dispose()
  }
}

/** To look into: a line for each happening. */
function keep(history: readonly Happening[]): void {
  const lines = history.map(each => `${JSON.stringify(each)}\n`)
  if (process.env.HISTORY) writeFileSync(process.env.HISTORY, lines.join(''))
}

function summary(protocol: Protocol, { violations, settlingMs, figures }: Report): string {
  const sorted = [...settlingMs].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  const rest = `at rest after ${at(0.5)} ms (median), ${at(0.95)} ms (95 %), ${sorted.at(-1)} ms (most)`
  const counts = Object.entries(figures).map(([what, count]) => `${what}: ${count}`)
  return [
    `${brokerKind}, ${protocol}, seed ${seed}, ${settlingMs.length} rounds, ${violations.length} violations`,
    rest,
    ...counts,
  ].join('\n')
}
