import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { RecordBatch } from '../records/batch.ts'
import type { Log } from './log.ts'
import { cleanedByUs, recordedCases } from './testing/compaction-case.ts'
import { committedEntries, History } from './testing/history.ts'
import { type Entry, entriesOf, keyed, latest, put } from './testing/keyed.ts'
import { CLIENT, must, Rig, readBatches } from './testing/rig.ts'

const COMPACT = {
  cleanupPolicy: ['compact'] as const,
  segmentBytes: 1_000,
  minCleanableDirtyRatio: 0.001,
  indexIntervalBytes: 200,
  deleteRetentionMs: 60_000,
}
/** A round of the cleaner, which begins after its pause. */
const ROUND_MS = 16_000

async function newLog(config: object = {}): Promise<{ rig: Rig; log: Log }> {
  const rig = new Rig({ config: { ...COMPACT, ...config } })
  return { rig, log: await rig.log() }
}

/** Enough of other keys to begin a new segment. */
async function roll(log: Log): Promise<void> {
  const active = log.activeSegment
  for (let i = 0; log.activeSegment === active; i++) await put(log, [`filler-${i % 3}`, 'x'.repeat(300)])
}

describe("with files of Apache Kafka's own cleaner", () => {
  const text = readFileSync(new URL('./fixtures/compaction.json', import.meta.url), 'utf8')

  test.each(recordedCases(text))('$given.name: the same segments and indexes', async ({ given, cleaned }) => {
    const ours = await cleanedByUs(given)
    const filled = (files: ReadonlyMap<string, Buffer>) =>
      Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toString('hex')]))
    expect(ours.cleanedTo).toBe(cleaned.cleanedTo)
    expect(filled(ours.after)).toEqual(filled(cleaned.after))
  })
})

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'T182 seed %i: the last value of each key stays, offsets never change, nothing goes early',
  async seed => {
    const { rig, log } = await newLog({ segmentBytes: 700 + seed * 150, deleteRetentionMs: 40_000 })
    const history = new History({ random: new SeededRandom(seed), keys: 25 })
    for (let round = 0; round < 5; round++) {
      await history.go(rig, log, 60)
      if (round % 2 === 1) await history.settle(log)
      await rig.advance(ROUND_MS)
      const found = await committedEntries(log)
      for (const { offset, key, value } of found) {
        expect(history.committed.get(offset), `offset ${offset}`).toEqual({ offset, key, value })
      }
      expect(latest(found)).toEqual(history.stateBelow(log.lastStableOffset))
      // A tombstone is there for as long as readers may need to come by it.
      const present = new Set(found.map(({ offset }) => offset))
      for (const told of lastTombstones(history, log)) {
        const since = Number(history.times.get(told.offset))
        if (log.now() - since < 40_000)
          expect(present.has(told.offset), `tombstone ${told.offset}`).toBe(true)
      }
      expect(log.lastStableOffset).toBe(history.firstOpenOffset ?? log.highWatermark)
    }
  },
)

function lastTombstones(history: History, log: Log): readonly { offset: bigint }[] {
  const last = new Map<string, { offset: bigint; value: string | null }>()
  for (const told of [...history.committed.values()].sort((a, b) => (a.offset < b.offset ? -1 : 1))) {
    if (told.offset < log.lastStableOffset) last.set(told.key, told)
  }
  return [...last.values()].filter(({ value }) => value === null)
}

test('T182: the state of producers is the same after a restart that reads all of a compacted log', async () => {
  const { rig, log } = await newLog()
  const history = new History({ random: new SeededRandom(11), keys: 10 })
  for (let round = 0; round < 4; round++) {
    await history.go(rig, log, 60)
    await history.settle(log)
    await rig.advance(ROUND_MS)
  }
  const shown = (of: Log) =>
    of
      .activeProducers()
      .map(({ lastTimestamp: _, ...producer }) => producer)
      .sort((a, b) => Number(a.producerId - b.producerId))
  const before = shown(log)
  for (const { name } of await rig.disk.list('/data/topic-0')) {
    if (name.endsWith('.snapshot')) await rig.disk.remove(`/data/topic-0/${name}`)
  }
  const after = await rig.crash('kept')
  expect(shown(after)).toEqual(before)
  expect(after.lastStableOffset).toBe(after.highWatermark)
})

describe('tombstones', () => {
  test('stay until their horizon has passed, which is written into the batch, and go then', async () => {
    const { rig, log } = await newLog()
    await put(log, ['a', 'one'], ['b', 'two'])
    await put(log, ['a', null], ['c', 'three'])
    await roll(log)
    await rig.advance(ROUND_MS)
    const [batch] = (await readBatches(log, 2n)).filter(({ baseOffset }) => baseOffset === 2n)
    expect(batch!.deleteHorizonMs).toBeGreaterThanOrEqual(BigInt(log.now()) + 60_000n - BigInt(ROUND_MS))
    expect(batch!.maxTimestamp).toBe(1_700_000_000_001n)
    await roll(log)
    await rig.advance(30_000)
    expect(keysOf(await entriesOf(log))).toContain('a')
    await rig.advance(60_000)
    await roll(log)
    await rig.advance(ROUND_MS)
    expect(keysOf(await entriesOf(log))).not.toContain('a')
    expect(keysOf(await entriesOf(log))).toContain('c')
  })

  test('with retention 0 go in the second round, when their batch has its horizon', async () => {
    const { rig, log } = await newLog({ deleteRetentionMs: 0 })
    await put(log, ['a', 'one'])
    await put(log, ['a', null])
    await roll(log)
    await rig.advance(ROUND_MS)
    expect(keysOf(await entriesOf(log))).toContain('a')
    await roll(log)
    await rig.advance(ROUND_MS)
    expect(keysOf(await entriesOf(log))).not.toContain('a')
  })
})

function keysOf(entries: readonly { key: string | null }[]): (string | null)[] {
  return entries.map(({ key }) => key)
}

test('LogAppendTime and the codec stay what they were', async () => {
  const { rig, log } = await newLog()
  const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
  for (const [i, compression] of codecs.entries()) {
    const entries: Entry[] = [
      [`key-${i}`, compression],
      ['common', compression],
    ]
    const bytes = keyed(entries, { compression })
    new RecordBatch(bytes).setLogAppendTime(1_700_000_555_000n + BigInt(i))
    must(await log.append(bytes, CLIENT))
  }
  log.updateHighWatermark(log.logEndOffset)
  await roll(log)
  await rig.advance(ROUND_MS)
  const batches = (await readBatches(log, 0n)).slice(0, 4)
  expect(batches.map(({ compression }) => compression)).toEqual(codecs)
  expect(batches.map(({ timestampType }) => timestampType)).toEqual(codecs.map(() => 'LogAppendTime'))
  expect(batches.map(({ maxTimestamp }) => maxTimestamp - 1_700_000_555_000n)).toEqual([0n, 1n, 2n, 3n])
  expect(batches.map(({ recordCount }) => recordCount)).toEqual([1, 1, 1, 2])
})

test('a map that is full ends the round where it is, and the next one goes on from there', async () => {
  const rig = new Rig({ config: COMPACT })
  rig.broker = { ...rig.broker, cleaner: { ...rig.broker.cleaner, dedupeBufferBytes: 24 * 20 } }
  const log = await rig.log()
  for (let i = 0; i < 120; i++) await put(log, [`key-${i % 40}`, `value ${i} ${'x'.repeat(20)}`])
  const state = latest(await entriesOf(log))
  await rig.advance(ROUND_MS)
  const rounds = rig.lines.filter(({ message }) => message === 'Compacted a log')
  expect(rounds.length).toBeGreaterThan(2)
  expect(log.cleanedTo).toBe(log.activeSegment.baseOffset)
  expect(latest(await entriesOf(log))).toEqual(state)
  expect((await entriesOf(log)).length).toBeLessThan(90)
})

test('small segments are compacted into one', async () => {
  const { rig, log } = await newLog()
  for (let i = 0; i < 200; i++) await put(log, [`key-${i % 5}`, 'x'.repeat(50)])
  await rig.advance(ROUND_MS)
  const count = log.segments.length
  await roll(log)
  await rig.advance(ROUND_MS)
  expect(log.segments.length).toBeLessThan(count / 4)
})

describe('a log that is cut off in the middle of what compaction took', () => {
  async function compacted(first: string): Promise<{ rig: Rig; log: Log }> {
    const { rig, log } = await newLog()
    await put(log, [first, 'first'])
    for (let i = 0; i < 60; i++) await put(log, [`key-${i % 7}`, `value ${i} ${'x'.repeat(50)}`])
    await rig.advance(ROUND_MS)
    return { rig, log }
  }

  test.each([
    ['behind a record', 'once', ['first']],
    ['with nothing before it', 'key-0', []],
  ])('%s ends there, after every way to stop', async (_, first, values) => {
    for (const stop of ['clean', 'kill', 'power'] as const) {
      const { rig, log } = await compacted(first)
      await log.truncateTo(10n)
      expect(log.logEndOffset).toBe(10n)
      let again = log
      for (let life = 0; life < 2; life++) {
        again = stop === 'clean' ? await rig.restart() : await rig.crash(stop === 'kill' ? 'kept' : 'lost')
        expect(again.logEndOffset).toBe(10n)
      }
      expect(must(await again.append(keyed([['next', 'next']]), CLIENT)).baseOffset).toBe(10n)
      await again.flush()
      again = await rig.crash('lost')
      expect((await entriesOf(again)).map(({ value }) => value)).toEqual([...values, 'next'])
      expect(again.logEndOffset).toBe(11n)
    }
  })

  test.each(['once', 'key-0'])('ends there too where the broker dies over it (%s)', async first => {
    const { rig, log } = await compacted(first)
    let isCut = false
    const dead = new Promise<void>(resolve => {
      rig.memory.intercept = ({ name, path }) => {
        if (isCut) {
          resolve()
          return new Promise(() => {})
        }
        isCut = name === 'truncate' && path.endsWith('.log')
        return undefined
      }
    })
    void log.truncateTo(10n)
    await dead
    rig.memory.intercept = undefined
    expect((await rig.crash()).logEndOffset).toBe(10n)
    const again = await rig.restart()
    expect(must(await again.append(keyed([['next', 'next']]), CLIENT)).baseOffset).toBe(10n)
  })
})
