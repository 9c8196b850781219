import { describe, expect, test } from 'vitest'
import { buildEndTransactionMarker } from '../records/builder.ts'
import type { Log } from './log.ts'
import { type Entry, entriesOf, keyed, latest, put } from './testing/keyed.ts'
import { batchOf, bytesOf, CLIENT, diskError, idle, must, Rig, type RigOptions } from './testing/rig.ts'

const COMPACT = { cleanupPolicy: ['compact'] as const, segmentBytes: 1_000, minCleanableDirtyRatio: 0.01 }
/** A round of the cleaner, which begins after its pause. */
const ROUND_MS = 16_000
const START = 1_700_000_000_000

async function newLog(config: object = {}, options: RigOptions = {}): Promise<{ rig: Rig; log: Log }> {
  const rig = new Rig({ ...options, config: { ...COMPACT, ...config } })
  return { rig, log: await rig.log() }
}

/** Records of few keys, over some segments. */
async function fill(log: Log, count = 60, keys = 7): Promise<void> {
  for (let i = 0; i < count; i++) await put(log, [`key-${i % keys}`, `value-${i} ${'x'.repeat(50)}`])
}

function compactions(rig: Rig): number {
  return rig.lines.filter(({ message }) => message === 'Compacted a log').length
}

test('the last value of each key stays, at its offset; the active segment is left alone', async () => {
  const { rig, log } = await newLog()
  await fill(log)
  const before = await entriesOf(log)
  const active = log.activeSegment.baseOffset
  await rig.advance(ROUND_MS)
  const after = await entriesOf(log)
  expect(latest(after)).toEqual(latest(before))
  for (const entry of after) expect(before).toContainEqual(entry)
  expect(after.filter(({ offset }) => offset >= active)).toEqual(
    before.filter(({ offset }) => offset >= active),
  )
  expect(after.length).toBeLessThan(7 + Number(log.logEndOffset - active) + 1)
  expect(log.cleanedTo).toBe(active)
  expect(log.logEndOffset).toBe(60n)
})

describe('when', () => {
  test('a log is compacted as soon as enough of it is dirty, and then left alone', async () => {
    const { rig, log } = await newLog({ minCleanableDirtyRatio: 0.5 })
    await fill(log, 120, 60)
    await rig.advance(ROUND_MS)
    expect(compactions(rig)).toBe(1)
    await rig.advance(ROUND_MS * 3)
    expect(compactions(rig)).toBe(1)
    // This is a good part of what has stayed, and not half of all.
    await fill(log, 12)
    await rig.advance(ROUND_MS)
    expect(compactions(rig)).toBe(1)
    await fill(log, 120, 60)
    await rig.advance(ROUND_MS)
    expect(compactions(rig)).toBe(2)
  })

  test('min.compaction.lag.ms keeps young records as they are', async () => {
    const { rig, log } = await newLog({ minCompactionLagMs: 600_000 })
    await fill(log, 60)
    await rig.advance(60_000)
    expect((await entriesOf(log)).length).toBe(60)
    await rig.advance(600_000)
    expect((await entriesOf(log)).length).toBeLessThan(30)
  })

  test('max.compaction.lag.ms compacts what the dirty ratio would leave', async () => {
    const { rig, log } = await newLog({ minCleanableDirtyRatio: 1, maxCompactionLagMs: 600_000 })
    await fill(log, 60)
    await rig.advance(60_000)
    expect(compactions(rig)).toBe(0)
    await rig.advance(600_000)
    expect(compactions(rig)).toBe(1)
  })

  test('max.compaction.lag.ms ends the active segment in time', async () => {
    const { rig, log } = await newLog({ segmentBytes: 100_000, maxCompactionLagMs: 600_000 })
    await put(log, ['a', 'one'])
    rig.clock.advance(600_001)
    await put(log, ['a', 'two'])
    expect(log.segments.length).toBe(2)
  })

  test('nothing at or above the high watermark is touched', async () => {
    const { rig, log } = await newLog()
    await fill(log, 20)
    for (let i = 0; i < 40; i++) {
      must(await log.append(keyed([[`key-${i % 7}`, `late ${'x'.repeat(60)}`]]), CLIENT))
    }
    expect(log.highWatermark).toBe(20n)
    await rig.advance(ROUND_MS)
    const offsets = (await entriesOf(log)).map(({ offset }) => offset)
    expect(offsets.filter(offset => offset >= 20n).length).toBe(40)
    expect(log.cleanedTo).toBeLessThanOrEqual(20n)
    expect(compactions(rig)).toBe(1)
  })

  test('log.cleaner.enable=false and topics that are not compacted are left alone', async () => {
    const { rig, log } = await newLog({ cleanupPolicy: ['delete'], retentionMs: -1 })
    await fill(log)
    await rig.advance(ROUND_MS)
    rig.manager.setCleaner({ ...rig.broker.cleaner, isEnabled: false })
    log.config = { ...log.config, ...COMPACT }
    await rig.advance(ROUND_MS)
    expect((await entriesOf(log)).length).toBe(60)
    rig.manager.setCleaner(rig.broker.cleaner)
    await rig.advance(ROUND_MS)
    expect((await entriesOf(log)).length).toBeLessThan(30)
  })

  test('the dirtiest log comes first', async () => {
    const { rig, log } = await newLog()
    await fill(log, 40)
    await rig.advance(ROUND_MS)
    await fill(log, 20)
    const other = await rig.log('other')
    await fill(other, 40)
    await rig.advance(ROUND_MS)
    const order = rig.lines.filter(({ message }) => message === 'Compacted a log')
    expect(order.map(({ details }) => details.log)).toEqual(['topic-0', 'other-0', 'topic-0'])
  })
})

describe('the checkpoint', () => {
  test("is Kafka's file, and survives a restart", async () => {
    const { rig, log } = await newLog()
    await fill(log)
    await rig.advance(ROUND_MS)
    const text = `0\n1\ntopic 0 ${log.cleanedTo}\n`
    expect(await rig.text('/data/cleaner-offset-checkpoint')).toBe(text)
    const after = await rig.restart()
    expect(after.cleanedTo).toBe(log.cleanedTo)
    await rig.advance(ROUND_MS * 2)
    expect(compactions(rig)).toBe(1)
  })

  test('a topic that is deleted leaves nothing for its successor', async () => {
    const { rig, log } = await newLog()
    await fill(log)
    await rig.advance(ROUND_MS)
    await rig.manager.deleteLog('topic', 0)
    expect(await rig.text('/data/cleaner-offset-checkpoint')).toBe('0\n0\n')
    const next = await rig.log()
    expect(next.cleanedTo).toBeUndefined()
    await fill(next)
    await rig.advance(ROUND_MS)
    expect((await entriesOf(next)).length).toBeLessThan(30)
  })

  test('nor does one that no disk took back, or a high watermark, whatever comes then', async () => {
    const { rig, log } = await newLog()
    await fill(log)
    await rig.advance(ROUND_MS)
    const { cleanedTo, logEndOffset } = log
    expect(cleanedTo).toBeGreaterThan(0n)
    expect(await rig.text('/data/replication-offset-checkpoint')).toContain(`topic 0 ${logEndOffset}`)
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'write' && path.endsWith('-offset-checkpoint.tmp')) throw diskError('ENOSPC')
    }
    await rig.manager.deleteLog('topic', 0)
    await rig.crash()
    rig.memory.intercept = undefined
    expect(await rig.text('/data/cleaner-offset-checkpoint')).toContain(`topic 0 ${cleanedTo}`)
    const next = await rig.log()
    await fill(next)
    const after = await rig.crash()
    expect(after.logEndOffset).toBe(logEndOffset)
    expect(after.cleanedTo).toBeUndefined()
    expect(after.highWatermark).toBe(0n)
  })

  test('one that is damaged, or lies beyond the log, means that all is looked at again', async () => {
    const { rig, log } = await newLog()
    await fill(log)
    await rig.advance(ROUND_MS)
    await log.truncateTo(20n)
    expect(log.cleanedTo).toBe(20n)
    log.cleanedTo = 1_000n
    log.updateHighWatermark(log.logEndOffset)
    await fill(log)
    await rig.advance(ROUND_MS)
    expect(log.cleanedTo).toBe(log.activeSegment.baseOffset)
  })
})

describe('readers', () => {
  test('who hold a range of a replaced segment read it to its end', async () => {
    const { rig, log } = await newLog({}, { broker: { tailCacheBytes: 0 } })
    await fill(log)
    const all = { maxBytes: 2 ** 20, maxOffset: 2n ** 62n, minOneBatch: true }
    const held = must(await log.read(0n, all))
    const before = log.segments[0]!.sizeBytes
    await rig.advance(ROUND_MS)
    expect(log.segments[0]!.sizeBytes).toBeLessThan(before)
    expect((await bytesOf(held.records)).length).toBe(before)
  })

  test('find no more in memory than on the disk', async () => {
    const { rig, log } = await newLog()
    await fill(log)
    expect(log.tail.find(0n)).toBe(0)
    await rig.advance(ROUND_MS)
    expect(log.tail.find(log.cleanedTo! - 1n)).toBeUndefined()
  })

  test('whose files are renamed under their hands find the new ones', async () => {
    const { rig, log } = await newLog(
      { indexIntervalBytes: 100 },
      { broker: { tailCacheBytes: 0, indexCacheBytes: 0, maxOpenFiles: 1 } },
    )
    await fill(log)
    const state = latest(await entriesOf(log))
    let misses = 0
    rig.memory.intercept = async ({ name, path }) => {
      for (let turns = name === 'rename' ? 5 : 1; turns > 0; turns--) await new Promise(setImmediate)
      const isSource = name === 'open' && /\.(log|index|timeindex)$/.test(path)
      if (isSource && (await rig.disk.status(path)) === undefined) misses++
    }
    rig.clock.advance(15_000)
    const looks = [
      async () => expect(latest(await entriesOf(log))).toEqual(state),
      async () => expect(await log.offsetForTimestamp(BigInt(START))).toBeDefined(),
      async () => expect(await log.offsetOfMaxTimestamp()).toBeDefined(),
      async () => expect(await log.abortedTransactions(0n, 60n)).toEqual([]),
    ]
    const readers = looks.map(async look => {
      while (compactions(rig) === 0) {
        await look()
        await new Promise(setImmediate)
      }
    })
    await Promise.all(readers)
    rig.memory.intercept = undefined
    expect(misses).toBeGreaterThan(0)
    expect(rig.offline).toEqual([])
  })
})

describe('what gets in between', () => {
  /** Stops a cleaning in its middle, and goes on when told. */
  async function held(rig: Rig): Promise<() => void> {
    let go = () => {}
    const gate = new Promise<void>(resolve => {
      go = resolve
    })
    let isReached = false
    rig.memory.intercept = ({ name, path }) => {
      if (name !== 'write' || !path.endsWith('.log.cleaned')) return undefined
      isReached = true
      return gate
    }
    rig.clock.advance(15_000)
    while (!isReached) await idle()
    rig.memory.intercept = undefined
    return go
  }

  test.each(['is about to begin', 'has begun'])(
    'a truncation that %s when the cleaner looks for work and opens a transaction again',
    async state => {
      const { rig, log: first } = await newLog({ minCompactionLagMs: 1 })
      const transaction = { producerId: 5n, producerEpoch: 0 }
      await put(first, ['a', 'kept'])
      const undone = keyed([['a', 'undone']], { ...transaction, baseSequence: 0, isTransactional: true })
      must(await first.append(undone, CLIENT))
      await fill(first)
      const markerAt = first.logEndOffset
      const marker = {
        type: 'COMMIT',
        coordinatorEpoch: 0,
        timestamp: BigInt(START),
        ...transaction,
      } as const
      must(await first.append(buildEndTransactionMarker(marker), { leaderEpoch: 0, origin: 'coordinator' }))
      first.updateHighWatermark(first.logEndOffset)
      rig.manager.setCleaner({ ...rig.broker.cleaner, isEnabled: false })
      const log = await rig.restart()
      log.updateHighWatermark(log.logEndOffset)
      let go = () => {}
      const gate = new Promise<void>(resolve => {
        go = resolve
      })
      let isReached = false
      const hold = state === 'has begun' ? 'truncate' : 'read'
      rig.memory.intercept = ({ name, path }) => {
        if (isReached || name !== hold || !path.endsWith('.log')) return undefined
        isReached = true
        return gate
      }
      const cut = () => log.truncateTo(markerAt)
      const isCut = state === 'has begun' ? cut() : undefined
      if (isCut !== undefined) while (!isReached) await idle()
      rig.clock.advance(15_000)
      while (!isReached) await idle()
      await idle()
      const done = isCut ?? cut()
      await idle()
      go()
      await done
      await rig.advance(1_000)
      expect(log.lastStableOffset).toBe(1n)
      expect((await entriesOf(log)).map(({ value }) => value)).toContain('kept')
    },
  )

  const changes: [string, (rig: Rig, log: Log) => Promise<unknown>][] = [
    ['a truncation', (_, log) => log.truncateTo(15n)],
    ['a truncation inside of what is being copied', (_, log) => log.truncateTo(52n)],
    ['DeleteRecords', (_, log) => log.deleteRecordsTo(58n)],
    ['the deletion of the topic', rig => rig.manager.deleteLog('topic', 0)],
    [
      'an end of the compaction of the topic',
      async (rig, log) => rig.manager.updateConfig('topic', 1, { ...log.config, cleanupPolicy: ['delete'] }),
    ],
    ['a stop of the broker', rig => rig.manager.shutdown()],
  ]

  test.each(changes)('%s voids the cleaning that is under way', async (_, change) => {
    const { rig, log } = await newLog({ retentionMs: -1 })
    await fill(log)
    const go = await held(rig)
    const changed = change(rig, log)
    await idle()
    go()
    await changed
    await rig.advance(1_000)
    expect(compactions(rig)).toBe(0)
    expect(rig.lines.filter(({ level }) => level === 'error')).toEqual([])
    const directories = await rig.disk.list('/data')
    for (const { name, isDirectory } of directories) {
      const files = isDirectory ? await rig.disk.list(`/data/${name}`) : []
      expect(files.filter(file => /cleaned|swap/.test(file.name))).toEqual([])
    }
  })

  test('appends go on', async () => {
    const { rig, log } = await newLog()
    await fill(log)
    const go = await held(rig)
    await put(log, ['key-1', 'meanwhile'])
    go()
    await rig.advance(1_000)
    expect(compactions(rig)).toBe(1)
    expect(latest(await entriesOf(log)).get('key-1')).toBe('meanwhile')
  })
})

describe('damage', () => {
  test.each([
    ['in the part that is dirty', 0],
    ['in the part that was compacted before', 1],
  ])(
    'a bit that turned over %s: the batch is not copied, and other logs are compacted',
    async (_, rounds) => {
      const { rig, log } = await newLog()
      const other = await rig.log('other')
      await fill(log)
      if (rounds > 0) {
        await rig.advance(ROUND_MS)
        await fill(log)
      }
      await fill(other)
      await log.flush()
      rig.memory.syncAll()
      const { path } = log.segments.find(({ sizeBytes }) => sizeBytes > 150)!
      const before = await rig.disk.readFile(path)
      rig.memory.rot(path, 90, 4)
      await rig.advance(ROUND_MS * 2)
      const errors = rig.lines.filter(({ level }) => level === 'error')
      expect(errors.map(({ message }) => message)).toEqual(['A log is not compacted any more'])
      expect(errors[0]!.details).toMatchObject({
        log: 'topic-0',
        hint: 'it holds what was not written there',
      })
      expect((await rig.disk.readFile(path)).length).toBe(before.length)
      expect((await entriesOf(other)).length).toBeLessThan(30)
      expect(rig.offline).toEqual([])
      // It still takes and gives what is not damaged.
      await put(log, ['after', 'damage'])
    },
  )
})

test('a disk that is full puts a cleaning off', async () => {
  const { rig, log } = await newLog()
  await fill(log)
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'write' && path.endsWith('.cleaned')) throw diskError('ENOSPC')
  }
  await rig.advance(ROUND_MS)
  expect(compactions(rig)).toBe(0)
  expect(rig.lines.some(({ message }) => message === 'A log could not be compacted now')).toBe(true)
  await put(log, ['still', 'taken'])
  rig.memory.intercept = undefined
  await rig.advance(ROUND_MS)
  expect(compactions(rig)).toBe(1)
})

test('compact,delete: what is too old goes, whatever its key', async () => {
  const { rig, log } = await newLog({ cleanupPolicy: ['compact', 'delete'], retentionMs: 100_000 })
  await fill(log)
  await rig.advance(ROUND_MS)
  expect(log.logStartOffset).toBe(0n)
  await rig.advance(90_000)
  expect(log.logStartOffset).toBeGreaterThan(0n)
  expect((await entriesOf(log)).every(({ offset }) => offset >= log.logStartOffset)).toBe(true)
})

test('compact,delete: one log whose retention fails does not keep what is too old in the others', async () => {
  const { rig, log } = await newLog({ cleanupPolicy: ['compact', 'delete'], retentionMs: 100_000 })
  const other = await rig.log('topic', 1)
  for (const each of [log, other]) await fill(each)
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'rename' && path.startsWith(log.location.path)) throw diskError('ENOSPC')
  }
  await rig.advance(200_000)
  expect(other.logStartOffset).toBe(60n)
})

test('compact alone: age deletes nothing', async () => {
  const { rig, log } = await newLog({ retentionMs: 100_000 })
  await fill(log)
  const state = latest(await entriesOf(log))
  await rig.advance(200_000)
  expect(log.logStartOffset).toBe(0n)
  expect(latest(await entriesOf(log))).toEqual(state)
})

test('records without a key, from before the topic was compacted, go', async () => {
  const { rig, log } = await newLog({ cleanupPolicy: ['delete'], retentionMs: -1 })
  must(await log.append(batchOf(['no key']), CLIENT))
  await fill(log)
  log.config = { ...log.config, ...COMPACT }
  await rig.advance(ROUND_MS)
  expect((await entriesOf(log)).some(({ key }) => key === null)).toBe(false)
})

test('log.cleaner.io.max.bytes.per.second sets the pace', async () => {
  const { rig, log } = await newLog({ segmentBytes: 100_000 })
  rig.manager.setCleaner({ ...rig.broker.cleaner, maxBytesPerSecond: 20_000 })
  const entries: Entry[] = Array.from({ length: 100 }, (_, i) => [`key-${i}`, 'x'.repeat(1_000)])
  await put(log, ...entries.slice(0, 50))
  await put(log, ...entries.slice(50))
  await put(log, ...entries)
  const bytes = log.sizeBytes - log.activeSegment.sizeBytes
  expect(bytes).toBeGreaterThan(100_000)
  await rig.advance(ROUND_MS)
  // Read once for the keys and once to be copied, and written: some 15 seconds of work.
  await rig.advance(9_000)
  expect(compactions(rig)).toBe(0)
  await rig.advance(20_000)
  expect(compactions(rig)).toBe(1)
})

test('retention that the cleaner asks for while it is under way rolls an old log once', async () => {
  const { rig, log } = await newLog({ cleanupPolicy: ['compact', 'delete'], retentionMs: 1_000 })
  await put(log, ['a', 'one'], ['b', 'two'])
  rig.clock.advance(5_000)
  await Promise.all([log.applyRetention(), log.applyRetention()])
  expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([2n])
  await put(log, ['a', 'three'])
  const after = await rig.restart()
  expect(after.logEndOffset).toBe(3n)
  expect(latest(await entriesOf(after))).toEqual(new Map([['a', 'three']]))
})

test('what records are dropped for is durable first, however far behind them it lies', async () => {
  const { rig, log } = await newLog()
  await put(log, ['a', 'before'])
  const sent = keyed([['a', 'in a transaction']], {
    producerId: 7n,
    producerEpoch: 0,
    baseSequence: 0,
    isTransactional: true,
  })
  must(await log.append(sent, CLIENT))
  await fill(log)
  await log.flush()
  rig.memory.syncAll()
  const marker = {
    type: 'COMMIT',
    coordinatorEpoch: 0,
    timestamp: 0n,
    producerId: 7n,
    producerEpoch: 0,
  } as const
  const bytes = Buffer.from(buildEndTransactionMarker(marker))
  must(await log.append(bytes, { leaderEpoch: 0, origin: 'coordinator' }))
  log.updateHighWatermark(log.logEndOffset)
  const { logEndOffset } = log
  await rig.advance(ROUND_MS)
  expect(compactions(rig)).toBeGreaterThan(0)
  expect((await rig.crash('lost')).logEndOffset).toBe(logEndOffset)
})
