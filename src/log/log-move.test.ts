/** Logs that move from one log directory to another while they are in use. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { formatOffsets, LOG_START_CHECKPOINT, replaceFile } from './checkpoint.ts'
import type { Log } from './log.ts'
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'
import { entriesOf, latest, put } from './testing/keyed.ts'
import { append, batchOf, CLIENT, contents, diskError, idle, must, Rig, readBatches } from './testing/rig.ts'

const DIRECTORIES = ['/one', '/two']

function newRig(options: ConstructorParameters<typeof Rig>[0] = {}): Rig {
  const { broker, config } = options
  return new Rig({
    broker: { logDirs: DIRECTORIES, ...broker },
    config: { segmentBytes: 400, fileDeleteDelayMs: 5_000, ...config },
  })
}

async function filled(rig: Rig, count = 20): Promise<Log> {
  const log = await rig.log()
  for (let i = 0; i < count; i++) await append(log, `value ${i}`)
  log.updateHighWatermark(log.logEndOffset)
  return log
}

/** The other directory than the one that the log is in. */
function otherThan(log: Log): string {
  return log.home.path === '/one' ? '/two' : '/one'
}

async function move(rig: Rig, log: Log, to = otherThan(log)): Promise<ErrorCode> {
  return (await rig.manager.moveLog('topic', log.topicPartition.partition, to)).error
}

async function names(rig: Rig, path: string): Promise<string[]> {
  const entries = await rig.disk.list(path)
  return entries.filter(entry => entry.isDirectory).map(({ name }) => name.replace(/[0-9a-f]{32}/, 'ID'))
}

const values = async (log: Log) => [...(await contents(log)).values()]
const expected = (count: number) => Array.from({ length: count }, (_, i) => `value ${i}`)

describe('a move', () => {
  test('takes over everything while the log is written and read, and leaves nothing behind', async () => {
    const rig = newRig()
    const log = await filled(rig)
    const to = otherThan(log)
    expect(await move(rig, log)).toBe(ErrorCode.NONE)
    for (let i = 20; i < 60; i++) {
      await append(log, `value ${i}`)
      log.updateHighWatermark(log.logEndOffset)
      expect(await values(log)).toEqual(expected(i + 1))
    }
    await idle()
    expect(log.home.path).toBe(to)
    expect(await names(rig, to)).toEqual(['topic-0'])
    expect(rig.manager.log('topic', 0)).toBe(log)
    for (let i = 60; i < 80; i++) await append(log, `value ${i}`)
    expect(await values(log)).toEqual(expected(80))
    await rig.advance(6_000)
    expect(await names(rig, to === '/one' ? '/two' : '/one')).toEqual([])
    expect(await values(await rig.restart())).toEqual(expected(80))
    expect(rig.manager.log('topic', 0)!.home.path).toBe(to)
  })

  test('shows the copy and how far it is behind, and keeps to its limit', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    rig.manager.setMoveRate(log.sizeBytes / 10)
    await move(rig, log)
    await idle()
    const [copy] = (await rig.manager.describeDirectories()).flatMap(({ path, logs }) =>
      path === otherThan(log) ? logs : [],
    )
    expect(copy).toMatchObject({ isFuture: true, topicPartition: { topic: 'topic', partition: 0 } })
    expect(copy!.offsetLag).toBeGreaterThan(0n)
    const from = log.home.path
    await rig.advance(8_000)
    expect(log.home.path).toBe(from)
    rig.manager.setMoveRate(Number.POSITIVE_INFINITY)
    await rig.advance(3_000)
    expect(log.home.path).not.toBe(from)
  })

  test('keeps producers, leader epochs and the log start offset', async () => {
    const rig = newRig()
    const log = await rig.log()
    await log.assignLeaderEpoch(3)
    const sent = (sequence: number) =>
      batchOf([`value ${sequence}`], { producerId: 7n, producerEpoch: 0, baseSequence: sequence })
    for (let i = 0; i < 20; i++) must(await log.append(sent(i), { leaderEpoch: 3, origin: 'client' }))
    log.updateHighWatermark(20n)
    must(await log.deleteRecordsTo(7n))
    await move(rig, log)
    await idle()
    expect(log.home.path).toBe('/two')
    const again = must(await log.append(sent(19), CLIENT))
    expect(again).toMatchObject({ isDuplicate: true, baseOffset: 19n })
    const restarted = await rig.restart()
    expect(restarted).toMatchObject({ logStartOffset: 7n, logEndOffset: 20n, latestEpoch: 3 })
    expect(must(await restarted.append(sent(19), CLIENT)).isDuplicate).toBe(true)
    expect(await values(restarted)).toEqual(expected(20).slice(7))
  })

  test('into the directory where the log is ends one that is under way', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    const from = log.home.path
    rig.manager.setMoveRate(1)
    await move(rig, log)
    await idle()
    expect(await names(rig, otherThan(log))).toEqual(['topic-0.ID-future'])
    expect(await move(rig, log, from)).toBe(ErrorCode.NONE)
    expect(await names(rig, otherThan(log))).toEqual(['topic-0.ID-delete'])
    await rig.advance(6_000)
    expect(await names(rig, otherThan(log))).toEqual([])
    expect(log.home.path).toBe(from)
  })

  test('ends with the topic', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    rig.manager.setMoveRate(1)
    await move(rig, log)
    await idle()
    await rig.manager.deleteLog('topic', 0)
    await rig.advance(6_000)
    expect([await names(rig, '/one'), await names(rig, '/two')]).toEqual([[], []])
    expect(rig.offline).toEqual([])
  })

  test('goes on after a clean stop', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    const to = otherThan(log)
    rig.manager.setMoveRate(1)
    await move(rig, log)
    await idle()
    const restarted = await rig.restart()
    expect(restarted.home.path).not.toBe(to)
    await rig.manager.settleFound(() => true)
    await idle()
    expect(restarted.home.path).toBe(to)
    expect(await values(restarted)).toEqual(expected(200))
  })

  test('of a log whose topic is gone at the start is dropped', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    rig.manager.setMoveRate(1)
    await move(rig, log)
    await idle()
    await rig.restart()
    await rig.manager.settleFound(() => false)
    await rig.advance(6_000)
    expect([await names(rig, '/one'), await names(rig, '/two')].flat()).toEqual(['topic-0'])
  })

  test('that cannot be is refused as Kafka refuses it', async () => {
    const rig = newRig()
    const log = await filled(rig)
    const ask = async (topic: string, path: string) => (await rig.manager.moveLog(topic, 0, path)).error
    expect(await ask('topic', '/three')).toBe(ErrorCode.LOG_DIR_NOT_FOUND)
    expect(await ask('topic', `${otherThan(log)}/`)).toBe(ErrorCode.LOG_DIR_NOT_FOUND)
    expect(await ask('t'.repeat(220), '/one')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    expect(await ask('later', '/one')).toBe(ErrorCode.REPLICA_NOT_AVAILABLE)
    await rig.log('other')
    expect((await rig.log('later')).home.path).toBe('/one')
  })
})

describe('what happens to a log while it moves', () => {
  const COMPACTED = { cleanupPolicy: ['compact'] as const, minCleanableDirtyRatio: 0, deleteRetentionMs: 0 }

  /** A move that has copied a chunk, and waits. */
  async function begun(config: Partial<LogConfig> = {}): Promise<{ rig: Rig; log: Log; to: string }> {
    const rig = newRig({ config })
    const log = await rig.log()
    for (let i = 0; i < 40; i++) await put(log, [`key ${i % 4}`, `value ${i}`])
    const to = otherThan(log)
    rig.manager.setMoveRate(1)
    await move(rig, log, to)
    await idle()
    return { rig, log, to }
  }

  async function finish(rig: Rig, log: Log, to: string): Promise<void> {
    rig.manager.setMoveRate(Number.POSITIVE_INFINITY)
    await rig.advance(4_000)
    expect(log.home.path).toBe(to)
  }

  test('is not compaction: a tombstone that goes before it is copied would bring back what it deleted', async () => {
    const { rig, log, to } = await begun(COMPACTED)
    await put(log, ['key 1', null])
    for (let i = 0; i < 40; i++) await put(log, [`key ${2 + (i % 2)}`, `later ${i}`])
    await rig.advance(60_000)
    expect(rig.lines.filter(({ message }) => message === 'Compacted a log')).toEqual([])
    await finish(rig, log, to)
    await rig.advance(60_000)
    expect(rig.lines.some(({ message }) => message === 'Compacted a log')).toBe(true)
    expect(latest(await entriesOf(log)).has('key 1')).toBe(false)
  })

  test('may be a truncation, after which it holds other batches than its copy', async () => {
    const { rig, log, to } = await begun()
    await log.truncateTo(30n)
    for (let i = 30; i < 60; i++) await put(log, [`key ${i % 4}`, `other ${i}`])
    const before = await entriesOf(log)
    await finish(rig, log, to)
    expect(await entriesOf(log)).toEqual(before)
    const after = await rig.restart()
    expect(await entriesOf(after)).toEqual(before)
  })

  test('may be a truncation that is under way: what its files still hold is not copied', async () => {
    const rig = newRig()
    const log = await filled(rig, 40)
    const to = otherThan(log)
    let goOn = () => {}
    const held = new Promise<void>(resolve => {
      goOn = resolve
    })
    rig.memory.intercept = ({ name, path }) =>
      name === 'remove' && path.startsWith(log.location.path) ? held : undefined
    const cut = log.truncateTo(30n)
    await idle()
    await move(rig, log, to)
    await idle()
    rig.memory.intercept = undefined
    goOn()
    await cut
    await finish(rig, log, to)
    expect(await log.activeSegment.scanNextOffset()).toBe(30n)
    expect(await values(log)).toEqual(expected(30))
  })

  test('may be a deletion of records, which no crash brings back', async () => {
    const { rig, log, to } = await begun()
    must(await log.deleteRecordsTo(25n))
    await finish(rig, log, to)
    const after = await rig.crash('kept')
    expect(after.home.path).toBe(to)
    expect(after.logStartOffset).toBe(25n)
  })

  test('in another life of the broker is looked for: a copy that the log does not continue is made anew', async () => {
    const { rig, log, to } = await begun()
    await log.truncateTo(30n)
    for (let i = 30; i < 60; i++) await put(log, [`key ${i % 4}`, `other ${i}`])
    const before = await entriesOf(log)
    const after = await rig.restart()
    await rig.manager.settleFound(() => true)
    await rig.advance(4_000)
    expect(after.home.path).toBe(to)
    expect(await entriesOf(after)).toEqual(before)
  })

  test('and where the log ends in the middle of a batch of its copy, that batch is copied anew', async () => {
    const rig = newRig({ config: { segmentBytes: 100_000 } })
    const log = await filled(rig, 10)
    const to = otherThan(log)
    await append(log, 'old 10', 'old 11', 'old 12', 'old 13')
    rig.manager.setMoveRate(1)
    await move(rig, log)
    await idle()
    await log.truncateTo(10n)
    await append(log, 'new 10', 'new 11')
    const after = await rig.restart()
    await rig.manager.settleFound(() => true)
    await rig.advance(4_000)
    expect(after.home.path).toBe(to)
    expect(await values(after)).toEqual([...expected(10), 'new 10', 'new 11'])
  })

  test('and where its copy begins too late, by what is left of an earlier topic, it is made anew', async () => {
    const { rig, log, to } = await begun()
    const before = await entriesOf(log)
    await rig.manager.shutdown()
    await replaceFile(rig.disk, to, LOG_START_CHECKPOINT, formatOffsets(new Map([['topic-0', 39n]])))
    const again = (await rig.start()).log('topic', 0)!
    await rig.manager.settleFound(() => true)
    await rig.advance(4_000)
    expect(again.home.path).toBe(to)
    expect(await entriesOf(again)).toEqual(before)
  })
})

test('that nothing is found in files which have moved away is no end of the log for who reads', async () => {
  const rig = newRig()
  const log = await filled(rig)
  const to = otherThan(log)
  log.tail.clear()
  const segment = log.segments.findLast(({ baseOffset }) => baseOffset <= 9n)!
  const find = segment.find.bind(segment)
  // Readers look into a file that they hold, and the move does not.
  segment.find = async (offset, file) => {
    if (file === undefined) return find(offset)
    await move(rig, log)
    for (let i = 0; i < 10 && log.home.path !== to; i++) await idle()
    return undefined
  }
  expect((await readBatches(log, 9n, { maxBytes: 1 })).map(({ baseOffset }) => baseOffset)).toEqual([9n])
  expect(log.home.path).toBe(to)
})

describe('a failure during a move', () => {
  test('of the disk that it goes to takes nothing else', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    const to = otherThan(log)
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'write' && path.startsWith(to)) throw diskError('EIO')
    }
    await move(rig, log)
    await idle()
    expect(rig.offline).toEqual([to])
    await append(log, 'goes on')
    expect(log.isOnline).toBe(true)
    expect(await move(rig, log)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await rig.manager.describeDirectories()).map(({ isOnline }) => isOnline)).toEqual([true, false])
  })

  test('of room is waited for', async () => {
    const rig = newRig()
    const log = await filled(rig, 200)
    const to = otherThan(log)
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'write' && path.startsWith(to) && path.endsWith('.log')) throw diskError('ENOSPC')
    }
    await move(rig, log)
    await rig.advance(3_000)
    expect(log.home.path).not.toBe(to)
    rig.memory.intercept = undefined
    await rig.advance(3_000)
    expect(log.home.path).toBe(to)
    expect(await values(log)).toEqual(expected(200))
    expect(rig.offline).toEqual([])
  })

  /** As compaction leaves them: offsets are missing between the segments. */
  async function compacted(): Promise<{ rig: Rig; log: Log; to: string }> {
    const rig = newRig({ config: { segmentBytes: 100 } })
    const log = await rig.log()
    for (const baseOffset of [0n, 5n, 9n]) {
      const batch = batchOf([`value ${baseOffset}`], { baseOffset })
      must(await log.append(batch, { leaderEpoch: 0, origin: 'follower' }))
    }
    log.cleanedTo = 9n
    log.updateHighWatermark(10n)
    return { rig, log, to: otherThan(log) }
  }

  test.each(['cleaner-offset', 'recovery-point-offset'])(
    'of the %s checkpoint is waited for: without it a crash would take records with it',
    async name => {
      const { rig, log, to } = await compacted()
      rig.memory.intercept = operation => {
        if (operation.path === `${to}/${name}-checkpoint.tmp`) throw diskError('EMFILE')
      }
      await move(rig, log)
      await rig.advance(3_000)
      expect(log.home.path).not.toBe(to)
      rig.memory.intercept = undefined
      await rig.advance(3_000)
      expect(log.home.path).toBe(to)
      expect(rig.offline).toEqual([])
    },
  )

  test('of all checkpoints, as soon as the log has moved, takes no records with it', async () => {
    const { rig, log, to } = await compacted()
    rig.memory.intercept = ({ path }) => {
      if (log.home.path === to && path.endsWith('-checkpoint.tmp')) throw diskError('EMFILE')
    }
    await move(rig, log)
    await rig.advance(10_000)
    expect([log.home.path, await names(rig, otherThan(log))]).toEqual([to, []])
    const after = await rig.crash('kept')
    expect([...(await contents(after)).keys()]).toEqual([0n, 5n, 9n])
  })

  /** Every entry of an index leads to the same wrong place. */
  async function misleadIndex(rig: Rig, segment: Segment): Promise<void> {
    await segment.persistIndexes(false)
    const path = segment.names.pathOf('.index')
    const { sizeBytes } = (await rig.memory.status(path))!
    expect(sizeBytes).toBeGreaterThan(0)
    for (let at = 7; at < sizeBytes; at += 8) rig.memory.rot(path, at, 4)
    segment.offsetIndex.file.unload()
  }

  const INDEXED = { segmentBytes: 10_000, indexIntervalBytes: 100 }

  test('is no rotted index of the log: the batches are whole', async () => {
    const rig = newRig({ config: INDEXED, broker: { tailCacheBytes: 0 } })
    const log = await filled(rig, 20)
    const to = otherThan(log)
    must(await log.deleteRecordsTo(15n))
    await misleadIndex(rig, log.segments[0]!)
    await move(rig, log)
    await idle()
    expect(log.home.path).toBe(to)
    expect(await values(log)).toEqual(expected(20).slice(15))
  })

  test('is no rotted index that is met while writes wait', async () => {
    const rig = newRig({ config: INDEXED, broker: { tailCacheBytes: 0 } })
    const log = await filled(rig, 20)
    const to = otherThan(log)
    const alone = log.alone.bind(log)
    log.alone = async task => {
      log.alone = alone
      await append(log, 'value 20')
      await misleadIndex(rig, log.segments[0]!)
      return alone(task)
    }
    await move(rig, log)
    await idle()
    expect(log.home.path).toBe(to)
    expect(await values(log)).toEqual(expected(21))
  })

  test.each(['the log', 'its copy'])(
    'is no rotted index of %s in another life of the broker',
    async which => {
      const rig = newRig({ config: INDEXED, broker: { tailCacheBytes: 0 } })
      const log = await filled(rig, 20)
      const to = otherThan(log)
      await log.roll(20n)
      await append(log, 'value 20')
      await log.roll(21n)
      rig.manager.setMoveRate(1)
      await move(rig, log)
      await idle()
      const again = await rig.restart()
      const manager = rig.manager as unknown as { directories: { path: string; futures: Map<string, Log> }[] }
      const copy = manager.directories.find(({ path }) => path === to)!.futures.get('topic-0')!
      for (const segment of (which === 'the log' ? again : copy).segments) {
        if (segment.sizeBytes > 1_000) await misleadIndex(rig, segment)
      }
      await rig.manager.settleFound(() => true)
      await rig.advance(4_000)
      expect(again.home.path).toBe(to)
      expect(await values(again)).toEqual(expected(21))
    },
  )

  test('for a flipped bit ends it, and leaves the log as it is', async () => {
    const rig = newRig({ broker: { tailCacheBytes: 0 } })
    const log = await filled(rig, 20)
    const from = log.home.path
    const file = await rig.disk.open(log.segments[1]!.path, 'write')
    await file.write([Buffer.from('X')], 70)
    await file.close()
    await move(rig, log)
    await idle()
    expect(log.home.path).toBe(from)
    expect(await names(rig, otherThan(log))).toEqual(['topic-0.ID-delete'])
    expect(
      rig.lines.some(({ level, message }) => level === 'error' && /could not be moved/.test(message)),
    ).toBe(true)
    await append(log, 'goes on')
  })
})

/** Runs a move up to its n-th call of the disk; false when it came to its end before. */
async function moveUntil(rig: Rig, log: Log, calls: number): Promise<boolean> {
  let left = calls
  let isOver = false
  rig.memory.intercept = () => {
    left--
    if (left > 0) return undefined
    isOver = true
    return new Promise(() => {})
  }
  void move(rig, log)
  for (let i = 0; i < 10; i++) await idle()
  rig.memory.intercept = undefined
  return isOver
}

describe.each(['kept', 'lost', 'torn'] as const)('a crash during a move, unsynced writes %s', unsynced => {
  test('leaves one log with all that was acknowledged, and the move comes to its end', async () => {
    let isOver = true
    let calls = 1
    for (; isOver; calls += 3) {
      const rig = newRig({ broker: { durability: 'fsync' } })
      const log = await filled(rig, 12)
      const to = otherThan(log)
      isOver = await moveUntil(rig, log, calls)
      await rig.crash(unsynced === 'torn' ? { tornBy: new SeededRandom(calls) } : unsynced)
      await rig.manager.settleFound(() => true)
      const found = rig.manager.log('topic', 0)!
      expect(await values(found), `at call ${calls}`).toEqual(expected(12))
      for (let i = 0; i < 10; i++) await idle()
      await rig.advance(6_000)
      if (found.home.path !== to) await move(rig, found, to)
      for (let i = 0; i < 10; i++) await idle()
      await rig.advance(6_000)
      expect(found.home.path, `at call ${calls}`).toBe(to)
      await append(found, 'value 12')
      expect(await values(found)).toEqual(expected(13))
      const left = [...(await names(rig, '/one')), ...(await names(rig, '/two'))]
      expect(left.filter(name => !name.endsWith('-stray'))).toEqual(['topic-0'])
    }
    expect(calls).toBeGreaterThan(100)
  })
})
