import { expect, test } from 'vitest'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { SWAP_SUFFIX } from './compaction-swap.ts'
import type { Log } from './log.ts'
import { committedEntries, History } from './testing/history.ts'
import { latest } from './testing/keyed.ts'
import { diskError, idle, Rig } from './testing/rig.ts'

const CONFIG = {
  cleanupPolicy: ['compact'] as const,
  segmentBytes: 900,
  indexIntervalBytes: 150,
  minCleanableDirtyRatio: 0.001,
  fileDeleteDelayMs: 2_000,
}

/** A log of several segments, all of it durable, that is about to be compacted. */
async function prepared(config = {}): Promise<{ rig: Rig; log: Log; history: History }> {
  const rig = new Rig({ config: { ...CONFIG, ...config } })
  const log = await rig.log()
  const history = new History({ random: new SeededRandom(5), keys: 4, isPlain: true })
  await history.go(rig, log, 24)
  await history.settle(log)
  await log.flush()
  rig.memory.syncAll()
  return { rig, log, history }
}

/** The calls of a cleaning that change something, in their order. */
function watch(rig: Rig, onCall: (index: number, name: string) => void | Promise<void>): void {
  let index = 0
  rig.memory.intercept = ({ name, path }) => {
    const isOfCleaning = /\.(cleaned|swap|deleted)$|topic-0$|checkpoint/.test(path) || name === 'rename'
    if (isOfCleaning && /write|rename|sync|remove|truncate/.test(name))
      return onCall(index++, `${name} ${path}`)
    return undefined
  }
}

/** One round, until it is done, or hangs where the disk does not answer. */
async function clean(rig: Rig): Promise<void> {
  const told = rig.lines.length
  rig.clock.advance(15_000)
  for (let i = 0; i < 5 && rig.lines.length === told; i++) await idle()
  await idle()
}

async function calls(): Promise<string[]> {
  const { rig } = await prepared()
  const names: string[] = []
  watch(rig, (_, name) => void names.push(name))
  await clean(rig)
  expect(rig.lines.map(({ message }) => message)).toContain('Compacted a log')
  return names
}

async function expectWhole(rig: Rig, log: Log, history: History): Promise<void> {
  const found = await committedEntries(log)
  for (const { offset, key, value } of found) {
    expect(history.committed.get(offset), `offset ${offset}`).toEqual({ offset, key, value })
  }
  expect(latest(found)).toEqual(history.stateBelow(log.logEndOffset))
  expect(rig.offline).toEqual([])
}

const steps = await calls()

test.each(['kept', 'lost', 'torn'] as const)(
  `a stop at any of ${steps.length} points of a cleaning loses nothing: what is not synced is %s`,
  async unsynced => {
    for (const [point, name] of steps.entries()) {
      const { rig, log, history } = await prepared()
      const { logEndOffset } = log
      watch(rig, index => (index === point ? new Promise(() => {}) : undefined))
      await clean(rig)
      rig.memory.intercept = undefined
      const after = await rig.crash(unsynced === 'torn' ? { tornBy: new SeededRandom(point) } : unsynced)
      expect(after.logEndOffset, `at ${name}`).toBe(logEndOffset)
      after.updateHighWatermark(logEndOffset)
      await expectWhole(rig, after, history)
      const names = (await rig.disk.list('/data/topic-0')).map(entry => entry.name)
      expect(
        names.filter(file => /\.(cleaned|swap)$/.test(file)),
        `at ${name}`,
      ).toEqual([])
      // It is done again, from the beginning if need be.
      await clean(rig)
      await expectWhole(rig, after, history)
      expect(after.cleanedTo).toBe(after.activeSegment.baseOffset)
    }
  },
  60_000,
)

test('where the disk is full at any of these points, the log is as before, and compacted later', async () => {
  for (const [point, name] of steps.entries()) {
    // A name that is taken back needs no room.
    if (name.startsWith('rename') && name.endsWith('.swap')) continue
    const { rig, log, history } = await prepared()
    watch(rig, index => {
      if (index === point) throw diskError('ENOSPC')
    })
    await clean(rig)
    rig.memory.intercept = undefined
    expect(rig.offline, `at ${name}`).toEqual([])
    await expectWhole(rig, log, history)
    await rig.advance(32_000)
    await expectWhole(rig, log, history)
    expect(log.cleanedTo, `at ${name}`).toBe(log.activeSegment.baseOffset)
  }
})

test.each([
  [1, 'torn'],
  [2, 'kept'],
] as const)(
  'a crash after a swap that failed for %i calls loses nothing: what is not synced is %s',
  async (failures, unsynced) => {
    for (const [point, name] of steps.entries()) {
      if (!/^(rename .*\d(\.log|\.index)|syncDirectory)/.test(name)) continue
      const { rig, history } = await prepared()
      watch(rig, index => {
        if (index >= point && index < point + failures) throw diskError('ENOSPC')
      })
      await clean(rig)
      rig.memory.intercept = undefined
      const after = await rig.crash(unsynced === 'torn' ? { tornBy: new SeededRandom(point) } : unsynced)
      after.updateHighWatermark(after.logEndOffset)
      await expectWhole(rig, after, history)
    }
  },
  60_000,
)

test('a disk that fails takes the directory offline, and the next start finds all of it', async () => {
  for (const [point, name] of steps.entries()) {
    const { rig, log, history } = await prepared()
    watch(rig, index => {
      if (index >= point && index < point + 3) throw diskError('EIO')
    })
    await clean(rig)
    rig.memory.intercept = undefined
    if (!/remove/.test(name)) expect(log.isOnline, `at ${name}`).toBe(false)
    const after = await rig.crash('kept')
    after.updateHighWatermark(after.logEndOffset)
    await expectWhole(rig, after, history)
  }
})

test.each(['syncDirectory', 'rename'])(
  'what an earlier cleaning has left goes before the same names are needed, were a %s to fail then',
  async operation => {
    // The old files of the first cleaning have their time while the second one puts its own aside.
    const { rig, log, history } = await prepared({ fileDeleteDelayMs: 20_000 })
    await clean(rig)
    await history.go(rig, log, 24)
    await history.settle(log)
    let isAside = false
    let isHeld = false
    watch(rig, async (_, name) => {
      isAside ||= /^rename .*0{20}\.log$/.test(name)
      if (!isAside || !name.startsWith(operation) || name.endsWith('0.log') || isHeld) return
      isHeld = true
      rig.clock.advance(20_000)
      await idle()
      throw diskError('EMFILE')
    })
    await clean(rig)
    for (let i = 0; i < 5; i++) await idle()
    expect(isHeld).toBe(true)
    rig.memory.intercept = undefined
    // Nobody has an old file open, and reads what has no name any more.
    for (const segment of log.segments) await segment.close()
    await expectWhole(rig, log, history)
    await rig.advance(60_000)
    const files = await rig.disk.list('/data/topic-0')
    expect(files.filter(({ name }) => name.endsWith('.deleted'))).toEqual([])
    const after = await rig.crash('kept')
    after.updateHighWatermark(after.logEndOffset)
    await expectWhole(rig, after, history)
  },
)

test('where the batches of an old segment are gone for good, the next start finishes the swap', async () => {
  const { rig, history } = await prepared()
  let isAside = false
  watch(rig, async (_, name) => {
    isAside ||= /^rename .*0{20}\.log$/.test(name)
    if (!isAside || !name.startsWith('syncDirectory')) return
    rig.memory.intercept = undefined
    await rig.disk.remove(`/data/topic-0/${'0'.repeat(20)}.log.deleted`)
    throw diskError('EMFILE')
  })
  await clean(rig)
  expect(rig.offline).toEqual(['/data'])
  const after = await rig.crash('kept')
  after.updateHighWatermark(after.logEndOffset)
  await expectWhole(rig, after, history)
})

test('indexes get their names when that of the batches is durable: a start may still find it otherwise', () => {
  const taken = steps.findIndex(name => /^rename .*\.log\.swap$/.test(name))
  const next = steps.slice(taken + 1)
  expect(next[0]).toMatch(/^syncDirectory /)
  expect(next[1]).toMatch(/^rename .*index\.swap$/)
})

test('the names of what is cleaned are durable before the first of them changes', () => {
  const first = steps.findIndex(name => /^rename .*\.cleaned$/.test(name))
  expect(steps[first - 1]).toMatch(/^syncDirectory /)
})

test('a start that dies while it finishes a swap leaves it to the next one', async () => {
  for (let seed = 0; seed < 3; seed++) {
    for (let point = 0, isOver = false; !isOver; point++) {
      const { rig, history } = await swapping()
      let count = 0
      rig.memory.intercept = ({ name, path }) => {
        const isChange = /rename|remove|sync/.test(name) && path.startsWith('/data/topic-0')
        if (isChange && count++ >= point) throw diskError('EIO')
      }
      await rig.crash('kept').catch(() => {})
      isOver = count <= point
      rig.memory.intercept = undefined
      const after = await rig.crash({ tornBy: new SeededRandom(seed) })
      after.updateHighWatermark(after.logEndOffset)
      await expectWhole(rig, after, history)
    }
  }
})

/** Where a broker has died that had put a segment with aborted transactions in the place of another. */
async function swapping(): Promise<{ rig: Rig; history: History }> {
  const { rig, log, history } = await prepared()
  await rig.manager.shutdown()
  const { path } = log.location
  const names = (await rig.disk.list(path)).map(({ name }) => name)
  const base = names.find(name => name.endsWith('.txnindex'))!.slice(0, 20)
  for (const name of names.filter(it => it.startsWith(base) && /(log|index)$/.test(it))) {
    await rig.disk.rename(`${path}/${name}`, `${path}/${name}${SWAP_SUFFIX}`)
  }
  rig.memory.syncAll()
  return { rig, history }
}
