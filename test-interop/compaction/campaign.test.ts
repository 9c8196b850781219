// A compacted topic over kills in the middle of cleaning, against the model and against Apache Kafka. At its full size:
// npm --prefix test-interop run compaction -- --records 5000000 --kills 50 --seed 1

import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpLogs } from '../harness/dump-log.ts'
import { Campaign, type CampaignOptions, type Checked, compileJava } from './campaign.ts'

const options: CampaignOptions = {
  records: Number(process.env.COMPACTION_RECORDS || 300_000),
  keys: Number(process.env.COMPACTION_KEYS || 20_000),
  kills: Number(process.env.COMPACTION_KILLS || 4),
  seed: Number(process.env.COMPACTION_SEED || Date.now() % 1_000_000),
  partitions: Number(process.env.COMPACTION_PARTITIONS || 1),
}
const campaigns: Campaign[] = []
let ours: Checked

beforeAll(() => compileJava('KeyedFeed'))

afterAll(async () => {
  for (const campaign of campaigns) await campaign.broker.dispose()
})

async function start(kind: 'klamm' | 'kafka'): Promise<Campaign> {
  const campaign = await Campaign.start(options, kind)
  campaigns.push(campaign)
  return campaign
}

test(
  `a compacted topic is what its feed makes of it, over ${options.kills} kills in the middle of cleaning`,
  async () => {
    const { kills } = options
    console.log(JSON.stringify(options))
    const startedAt = Date.now()
    const told = (what: string, details: object) => {
      console.log(`${((Date.now() - startedAt) / 1_000).toFixed(1)} s: ${what} ${JSON.stringify(details)}`)
    }
    const campaign = await start('klamm')
    campaign.feed()
    await campaign.killAll(async count => {
      const isToCheck = count === 1 || count % Math.ceil(kills / 5) === 0
      if (isToCheck) told(`after kill ${count}`, await campaign.check())
    })
    await campaign.finishFeed()
    const fed = await campaign.check()
    told('fed', fed)
    await campaign.compacted()
    ours = await campaign.check()
    told('compacted', { ...ours, killedWhile: campaign.killedWhile })
    expect(ours.state).toBe(fed.state)
    expect(campaign.killedWhile.copying + campaign.killedWhile.swapping).toBeGreaterThanOrEqual(kills * 0.9)
    // Whatever is compacted holds each key once; what is not is two active segments at most.
    expect(ours.records).toBeLessThan(options.keys + options.partitions * 90_000)

    await campaign.broker.stop()
    const dump = await dumpLogs(campaign.broker.data)
    expect(dump.complaints.slice(0, 10)).toEqual([])
    told('dump-log is content', { files: dump.files.length, lines: dump.lines.length })
    await campaign.broker.start()
    expect((await campaign.check()).state).toBe(ours.state)
  },
  120_000 + options.kills * 30_000 + options.records / 5,
)

test(
  'Apache Kafka makes the same of the same feed',
  async () => {
    const campaign = await start('kafka')
    campaign.feed()
    await campaign.finishFeed()
    await campaign.compacted()
    const theirs = await campaign.check()
    console.log(`Apache Kafka: ${JSON.stringify(theirs)}`)
    expect({ ...theirs, records: 0 }).toEqual({ ...ours, records: 0 })
  },
  240_000 + options.records / 5,
)
