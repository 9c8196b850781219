/** The broker's options about what the group coordinator writes and how it reads it again. */
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { GroupTalk } from '../conformance/groups/group-talk.ts'
import { prepareGroups } from '../conformance/groups/record.ts'
import { COMPRESSION_TYPES, splitBatches } from '../records/batch.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

const LOG = '/data/__consumer_offsets-0/00000000000000000000.log'

let simulated: SimulatedBroker
let talk: GroupTalk

afterEach(() => simulated.close())

async function start(options: Readonly<Record<string, string | number>>): Promise<void> {
  simulated = await SimulatedBroker.start(options)
  await prepareGroups(simulated.side)
  talk = new GroupTalk(simulated.side, 'g')
  await talk.createTopic('t')
}

async function restart(): Promise<void> {
  await simulated.restart()
  talk = new GroupTalk(simulated.side, 'g')
}

async function codecs(): Promise<(string | undefined)[]> {
  const file = await simulated.disk.open(LOG, 'read')
  const bytes = Buffer.alloc(await file.sizeBytes())
  await file.read(bytes, 0)
  await file.close()
  return [...splitBatches(bytes)].map(batch => batch.compression)
}

async function committed(): Promise<(bigint | undefined)[]> {
  const { topics } = (await talk.offsets(null)).groups[0]!
  return (topics[0]?.partitions ?? []).map(each => each.committedOffset)
}

describe('offsets.topic.compression.codec', () => {
  test.each(COMPRESSION_TYPES.map((codec, number) => ({ codec, number })))(
    '$number writes $codec, and a restart reads it again',
    async ({ codec, number }) => {
      await start({ 'offsets.topic.compression.codec': number })
      const member = await talk.enter('a')
      await talk.commit('b', { 't-0': 5, 't-1': 6 }, { groupId: 'other' })
      const written = await codecs()
      expect(written.length).toBeGreaterThan(1)
      expect(new Set(written)).toEqual(new Set([codec]))
      await restart()
      expect(await talk.heartbeat(member)).toBe(ErrorCode.NONE)
      talk = new GroupTalk(simulated.side, 'other')
      expect(await committed()).toEqual([5n, 6n])
    },
  )
})

describe('offsets.load.buffer.size', () => {
  test.each([
    { bytes: 300, least: 20, most: 80 },
    { bytes: 5_242_880, least: 0, most: 10 },
  ])('$bytes are read at once when groups are loaded', async ({ bytes, least, most }) => {
    await start({ 'offsets.load.buffer.size': bytes })
    for (let i = 1; i <= 40; i++) await talk.commit('a', { 't-0': i })
    await simulated.broker.close()
    let reads = 0
    simulated.disk.intercept = ({ name, path }) => {
      if (name === 'read' && path === LOG) reads += 1
    }
    await simulated.open()
    simulated.disk.intercept = undefined
    talk = new GroupTalk(simulated.side, 'g')
    expect(await committed()).toEqual([40n])
    expect(reads).toBeGreaterThanOrEqual(least)
    expect(reads).toBeLessThanOrEqual(most)
  })

  test('gives way to a batch that is larger', async () => {
    await start({ 'offsets.load.buffer.size': 1 })
    await talk.commit('a', { 't-0': 1, 't-1': 2 })
    await restart()
    expect(await committed()).toEqual([1n, 2n])
  })
})

describe('group.coordinator.append.linger.ms', () => {
  test('gathers the commits of its time in one batch', async () => {
    await start({ 'group.coordinator.append.linger.ms': 50 })
    const before = (await codecs()).length
    const commits = [talk.commit('a', { 't-0': 1 }), talk.commit('b', { 't-1': 2 })]
    await simulated.settle()
    expect((await codecs()).length).toBe(before)
    await talk.wait(50)
    await Promise.all(commits)
    expect((await codecs()).length).toBe(before + 1)
    expect(await committed()).toEqual([1n, 2n])
  })
})
