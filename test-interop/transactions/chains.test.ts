// Read-process-write chains with real clients: every input takes effect exactly once, through aborts, rebalances,
// killed clients and kill -9 of the broker, under both versions of the transaction protocol; and Kafka's dump-log finds
// the files of all that sound. INPUTS, KILLS and SEED say how much and which; CLIENTS (java,kafkajs,rdkafka,python,go)
// who. Kafka itself is not killed unless KILLS says so: docs/campaigns.md tells what it loses then.

import { expect, test } from 'vitest'
import { brokerKind } from '../harness/broker.ts'
import { dumpLogs } from '../harness/dump-log.ts'
import { Campaign, type Outcome, startBrokerOfVersion } from './campaign.ts'
import type { Client } from './clients.ts'

const inputs = Number(process.env.INPUTS || 10_000)
const kills = Number(process.env.KILLS ?? (brokerKind === 'kafka' ? 0 : 4))
const seed = Number(process.env.SEED || Date.now() % 1_000_000)

/** Few at a time in the small run, all of them in a large one. */
const everyone: readonly Client[] = ['java', 'kafkajs', 'rdkafka', 'python', 'go']
const few = { 1: ['java', 'kafkajs', 'rdkafka'], 2: ['java', 'python', 'go'] } as const
const chosen = process.env.CLIENTS?.split(',') as Client[] | undefined

test.for([1, 2] as const)(
  'chains of transactions take effect exactly once under transaction.version %i',
  { timeout: 120_000 + kills * 80_000 },
  async version => {
    const clients = chosen ?? (inputs > 20_000 ? everyone : few[version])
    console.log(`seed ${seed}`)
    const began = Date.now()
    const broker = await startBrokerOfVersion(version)
    try {
      const half = Math.ceil(kills / 2)
      const rounds = half + (half > 0 ? 1 : 4)
      const options = { clients, inputs: inputs / 2, rounds, kills: half, seed: seed + version }
      const outcomes = await new Campaign(broker, options).run()
      const seconds = Math.round((Date.now() - began) / 1_000)
      console.log(`${brokerKind}, transaction.version ${version}: ${seconds} s, ${options.kills} kills`)
      for (const each of outcomes) console.log(summary(each))
      for (const each of outcomes) expect(each.violations.slice(0, 20), each.client).toEqual([])
      await broker.stop()
      expect((await dumpLogs(broker.data)).complaints.slice(0, 20)).toEqual([])
    } finally {
      await broker.dispose()
    }
  },
)

function summary({ client, inputs, committed, aborted, starts, notes, violations }: Outcome): string {
  const told = [`${inputs} inputs`, `${committed} committed`, `${aborted} aborted`, `${starts} processes`]
  const shown = [...told, `${notes.length} notes`, `${violations.length} violations`].join(', ')
  return process.env.NOTES ? [`${client}: ${shown}`, ...notes].join('\n  ') : `${client}: ${shown}`
}
