/** What clients see of compaction: the offsets of their groups, and topics that are created compacted. */
import { afterEach, expect, test } from 'vitest'
import { GroupTalk } from '../conformance/groups/group-talk.ts'
import { prepareGroups } from '../conformance/groups/record.ts'
import { splitBatches } from '../records/batch.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

const OFFSETS = '/data/__consumer_offsets-0'
const COMPACTION = {
  'offsets.topic.segment.bytes': 1_048_576,
  'log.cleaner.min.cleanable.ratio': 0.01,
  'log.cleaner.backoff.ms': 1_000,
  'log.cleaner.delete.retention.ms': 0,
}

let simulated: SimulatedBroker

afterEach(() => simulated.close())

async function batchesOfOffsets(): Promise<number> {
  let count = 0
  for (const { name } of await simulated.disk.list(OFFSETS)) {
    if (!name.endsWith('.log')) continue
    count += [...splitBatches(await simulated.disk.readFile(`${OFFSETS}/${name}`))].length
  }
  return count
}

test('committed offsets outlive the compaction of their topic, and a restart after it', async () => {
  simulated = await SimulatedBroker.start({ ...COMPACTION, 'log.cleaner.max.compaction.lag.ms': 60_000 })
  await prepareGroups(simulated.side)
  let talk = new GroupTalk(simulated.side, 'g')
  await talk.createTopic('t')
  for (let offset = 1; offset <= 150; offset++) {
    await talk.commit('a', { 't-0': offset, 't-1': offset * 2 }, { groupId: `group-${offset % 3}` })
  }
  const before = await batchesOfOffsets()
  expect(before).toBeGreaterThan(149)
  // The active segment ends with the lag, and what is in it is compacted then.
  await simulated.clock.run(61_000)
  await talk.commit('a', { 't-0': 1 }, { groupId: 'another' })
  await simulated.clock.run(10_000)
  await simulated.settle()
  expect(await batchesOfOffsets()).toBeLessThan(20)
  for (const life of ['same', 'next']) {
    if (life === 'next') await simulated.restart()
    for (const [group, offset] of [
      [0, 150],
      [1, 148],
      [2, 149],
    ] as const) {
      talk = new GroupTalk(simulated.side, `group-${group}`)
      const { topics } = (await talk.offsets(null)).groups[0]!
      const found = topics[0]!.partitions.map(({ committedOffset }) => committedOffset)
      expect(found, `${life} life, group ${group}`).toEqual([BigInt(offset), BigInt(offset * 2)])
    }
  }
})
