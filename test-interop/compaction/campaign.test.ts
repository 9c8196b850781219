// A compacted topic over kills in the middle of cleaning, against the model and against Apache Kafka. At its full size:
// npm --prefix test-interop run compaction -- --records 5000000 --kills 50 --seed 1 [--feed transactions]

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dumpLogs } from '../harness/dump-log.ts'
import { Campaign, type CampaignOptions, type Checked, compileJava } from './campaign.ts'

const sizes = {
  records: Number(process.env.COMPACTION_RECORDS || 300_000),
  keys: Number(process.env.COMPACTION_KEYS || 20_000),
  kills: Number(process.env.COMPACTION_KILLS || 4),
  seed: Number(process.env.COMPACTION_SEED || Date.now() % 1_000_000),
  partitions: Number(process.env.COMPACTION_PARTITIONS || 1),
}
const feeds: readonly (CampaignOptions & { readonly feed: string })[] = [
  { ...sizes, feed: 'plain' },
  { ...sizes, feed: 'transactions', transactionalId: 'feed' },
]
const asked = feeds.filter(({ feed }) => (process.env.COMPACTION_FEED || feed) === feed)
const campaigns: Campaign[] = []

beforeAll(() => compileJava('KeyedFeed'))

afterAll(async () => {
  for (const campaign of campaigns) await campaign.broker.dispose()
})

async function start(options: CampaignOptions, kind: 'klamm' | 'kafka'): Promise<Campaign> {
  const campaign = await Campaign.start(options, kind)
  campaigns.push(campaign)
  return campaign
}

describe.each(asked)('a compacted topic that is fed with $feed', options => {
  const { kills, keys, partitions } = options
  let ours: Checked

  test(
    `is what its feed makes of it, over ${kills} kills in the middle of cleaning`,
    async () => {
      console.log(JSON.stringify(options))
      const startedAt = Date.now()
      const told = (what: string, details: object) => {
        console.log(`${((Date.now() - startedAt) / 1_000).toFixed(1)} s: ${what} ${JSON.stringify(details)}`)
      }
      const campaign = await start(options, 'klamm')
      campaign.feed()
      await campaign.killAll(async count => {
        const isToCheck = count === 1 || count % Math.ceil(kills / 5) === 0
        if (isToCheck) told(`after kill ${count}`, await campaign.check())
      })
      await campaign.finishFeed()
      const fed = await campaign.check()
      told('fed', { ...fed, transactions: campaign.transactions })
      await campaign.compacted()
      ours = await campaign.check()
      told('compacted', { ...ours, killedWhile: campaign.killedWhile })
      expect(ours.state).toBe(fed.state)
      expect(campaign.killedWhile.copying + campaign.killedWhile.swapping).toBeGreaterThanOrEqual(
        Math.floor(kills * 0.75),
      )
      // Whatever is compacted holds each key once; what is not is two active segments at most.
      expect(ours.records).toBeLessThan(keys + partitions * 90_000)

      await campaign.broker.stop()
      const dump = await dumpLogs(campaign.broker.data)
      expect(dump.complaints.slice(0, 10)).toEqual([])
      told('dump-log is content', { files: dump.files.length, lines: dump.lines.length })
      await campaign.broker.start()
      expect((await campaign.check()).state).toBe(ours.state)
    },
    120_000 + kills * 30_000 + options.records / 5,
  )

  test(
    'is the same in Apache Kafka',
    async () => {
      const campaign = await start(options, 'kafka')
      campaign.feed()
      await campaign.finishFeed()
      await campaign.compacted()
      const theirs = await campaign.check()
      console.log(`Apache Kafka: ${JSON.stringify({ ...theirs, transactions: campaign.transactions })}`)
      expect({ ...theirs, records: 0 }).toEqual({ ...ours, records: 0 })
    },
    240_000 + options.records / 5,
  )
})
