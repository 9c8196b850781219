import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import type { Log } from './log.ts'
import { append, batchOf, CLIENT, contents, diskError, idle, must, Rig, readBatches } from './testing/rig.ts'

/** A durable log of several segments, all of which are too old by now. */
async function expired(): Promise<{ rig: Rig; log: Log }> {
  const rig = new Rig({ config: { segmentBytes: 200, retentionMs: 1_000 } })
  const log = await rig.log()
  for (let i = 0; i < 10; i++) await append(log, `value ${i} ${'x'.repeat(30)}`)
  log.updateHighWatermark(log.logEndOffset)
  await log.flush()
  rig.memory.syncAll()
  rig.clock.advance(60_000)
  return { rig, log }
}

test('retention on a disk too full for a checkpoint is in force when no power failure takes it back', async () => {
  const { rig, log } = await expired()
  const reads: Promise<unknown>[] = []
  const starts: bigint[] = []
  const bases = log.segments.map(({ baseOffset }) => baseOffset)
  log.tail.clear()
  rig.memory.intercept = async ({ name, path }) => {
    if (name === 'write' && path.includes('log-start')) throw diskError('ENOSPC')
    const isAboutToGo = log.logStartOffset < log.logEndOffset
    if (name !== 'syncDirectory' || path !== '/data/topic-0' || !isAboutToGo) return
    starts.push(log.logStartOffset)
    reads.push(readBatches(log, log.logStartOffset).catch(({ message }) => message))
    await idle()
  }
  await rig.manager.applyRetention()
  rig.memory.intercept = undefined
  expect(starts).toEqual(bases)
  // Whoever was there before waits, and is told.
  for (const read of await Promise.all(reads)) expect(read).toMatch(/is not between/)
  expect((await rig.crash('lost')).logStartOffset).toBe(log.logEndOffset)
})

test('retention that a power failure breaks off on a full disk leaves the log start as it was seen', async () => {
  const { rig, log } = await expired()
  let reached: () => void
  const atSync = new Promise<void>(resolve => {
    reached = resolve
  })
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'write' && path.includes('log-start')) throw diskError('ENOSPC')
    if (name !== 'syncDirectory' || path !== '/data/topic-0') return undefined
    reached()
    return new Promise(() => {})
  }
  void rig.manager.applyRetention()
  await atSync
  const seen = log.logStartOffset
  rig.memory.intercept = undefined
  expect((await rig.crash('lost')).logStartOffset).toBe(seen)
})

test.each([
  ['write', 'ENOSPC'],
  ['syncDirectory', 'EMFILE'],
])(
  'a deletion of records that %s refuses with %s changes nothing, now or at the next start',
  async (call, code) => {
    const rig = new Rig()
    const log = await rig.log()
    for (let i = 0; i < 5; i++) await append(log, `value ${i}`)
    log.updateHighWatermark(5n)
    await idle()
    rig.memory.intercept = ({ name, path }) => {
      if (name === call && (path === '/data' || path.includes('log-start'))) throw diskError(code)
    }
    expect((await log.deleteRecordsTo(3n)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    rig.memory.intercept = undefined
    expect(log.startToSave).toBe(0n)
    await rig.advance(10_000)
    const killed = await rig.crash()
    expect(killed.logStartOffset).toBe(0n)
    expect((await rig.restart()).logStartOffset).toBe(0n)
  },
)

test('of two deletions of records at once, each is told of its own', async () => {
  const rig = new Rig()
  const log = await rig.log()
  for (let i = 0; i < 9; i++) await append(log, `value ${i}`)
  log.updateHighWatermark(9n)
  await idle()
  let writes = 0
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'write' && path.includes('log-start') && writes++ === 0) throw diskError('ENOSPC')
  }
  const [refused, done] = await Promise.all([
    log.deleteRecordsTo(7n),
    idle().then(() => log.deleteRecordsTo(2n)),
  ])
  expect([refused.error, done.error]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0])
  expect((await rig.crash()).logStartOffset).toBe(2n)
})

test('records are deleted though their files cannot be renamed yet', async () => {
  const rig = new Rig({ config: { segmentBytes: 200, fileDeleteDelayMs: 0, retentionMs: -1 } })
  const log = await rig.log()
  for (let i = 0; i < 8; i++) await append(log, `value ${i} ${'x'.repeat(30)}`)
  log.updateHighWatermark(8n)
  const { length } = log.segments
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'rename' && path.startsWith('/data/topic-0/')) throw diskError('ENOSPC')
  }
  expect(must(await log.deleteRecordsTo(8n)).logStartOffset).toBe(8n)
  expect(log.segments.length).toBe(length)
  rig.memory.intercept = undefined
  await rig.manager.applyRetention()
  expect(log.segments.length).toBe(1)
})

/** Three segments at least, with a transaction that was aborted at the end of each. */
async function cuttable(): Promise<{ rig: Rig; log: Log }> {
  const rig = new Rig({ broker: { maxOpenFiles: 0 }, config: { segmentBytes: 500, indexIntervalBytes: 60 } })
  const log = await rig.log()
  const producer = { producerId: 7n, producerEpoch: 0 }
  for (let i = 0; i < 12; i++) {
    if (i % 4 < 2) await append(log, `value ${i}`)
    else if (i % 4 === 2) {
      const attributes = { ...producer, baseSequence: (i - 2) / 4, isTransactional: true }
      must(await log.append(batchOf([`value ${i}`], attributes), CLIENT))
    } else {
      const marker = { type: 'ABORT', timestamp: 1n, coordinatorEpoch: 0, ...producer } as const
      must(await log.append(buildEndTransactionMarker(marker), { leaderEpoch: 0, origin: 'coordinator' }))
    }
  }
  log.updateHighWatermark(12n)
  await log.flush()
  await idle()
  return { rig, log }
}

test.each([
  ['is cut', 5n, 'EMFILE'],
  ['is cut', 5n, 'ENOSPC'],
  ['is begun anew', 40n, 'EMFILE'],
] as const)(
  'a log that %s at %i, and meets %s at any point, is whole once that is over',
  async (_, to, code) => {
    for (let point = 0, isOver = false; !isOver; point++) {
      const { rig, log } = await cuttable()
      let calls = 0
      rig.memory.intercept = ({ name }) => {
        const isHit = code === 'EMFILE' ? /^(open|syncDirectory)$/.test(name) : /^(write|rename)$/.test(name)
        if (isHit && calls++ >= point) throw diskError(code)
      }
      const cut = to > 12n ? log.truncateFullyAndStartAt(to) : log.truncateTo(to)
      const end = await cut.then(
        () => to,
        () => log.logEndOffset,
      )
      isOver = calls <= point
      // Whoever comes too early is refused, and leaves nothing.
      if (!isOver) await log.append(batchOf(['early']), CLIENT)
      rig.memory.intercept = undefined
      await rig.advance(6_000)
      expect(await append(log, 'next'), `at call ${point}`).toBe(end)
      const told = await contents(log)
      const aborted = await log.abortedTransactions(0n, 100n)
      expect(aborted.every(({ lastOffset }) => lastOffset < end)).toBe(true)
      expect(rig.offline).toEqual([])
      await log.flush()
      const after = await rig.crash({ tornBy: new SeededRandom(point) })
      expect(await contents(after), `at call ${point}`).toEqual(told)
      expect(await after.abortedTransactions(0n, 100n)).toEqual(aborted)
      expect(after.activeProducers().map(it => it.lastSequence)).toEqual(
        log.activeProducers().map(it => it.lastSequence),
      )
    }
  },
)

test('a log that could not be cut to its end is so by itself', async () => {
  const { rig, log } = await cuttable()
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'open' && path.endsWith('.log')) throw diskError('EMFILE')
  }
  await expect(log.truncateTo(5n)).rejects.toThrow('EMFILE')
  await rig.advance(40_000)
  rig.memory.intercept = undefined
  await rig.advance(40_000)
  expect(log.recoveryPoint).toBe(5n)
  expect((await rig.crash()).logEndOffset).toBe(5n)
})

/** Twelve batches of one record, and an index entry for each but the first. */
async function indexed(): Promise<{ rig: Rig; log: Log }> {
  const rig = new Rig({ config: { indexIntervalBytes: 0 }, broker: { tailCacheBytes: 0 } })
  const log = await rig.log()
  for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
  return { rig, log }
}

const INDEX_BITS = 11 * 8 * 8

/** Turns a bit of the active segment's index over, counted from its end, where it has so many. */
async function rot(rig: Rig, log: Log, bit: number): Promise<void> {
  await log.flush()
  const path = log.activeSegment.names.pathOf('.index')
  const { sizeBytes } = (await rig.memory.status(path))!
  if (bit >> 3 < sizeBytes) rig.memory.rot(path, sizeBytes - 1 - (bit >> 3), 1 << (bit & 7))
}

test('a log is cut where it is to be cut, whichever bit of its index rots again and again', async () => {
  for (let bit = 0; bit < INDEX_BITS; bit += bit < 128 ? 3 : 11) {
    const { rig, log } = await indexed()
    for (const end of [10, 9, 6, 5, 1]) {
      await rot(rig, log, bit)
      await log.truncateTo(BigInt(end))
      expect(log.logEndOffset, `bit ${bit}`).toBe(BigInt(end))
      expect([...(await contents(log)).keys()], `bit ${bit}`).toHaveLength(end)
      expect(await log.activeSegment.scanNextOffset(), `bit ${bit}`).toBe(BigInt(end))
    }
    expect(await append(log, 'next')).toBe(1n)
    expect(rig.offline).toEqual([])
  }
})

test('a read leaves no records out, whichever bit of an index has rotted since it was opened', async () => {
  for (let bit = 0; bit < INDEX_BITS; bit += 11) {
    const { rig, log } = await indexed()
    await rot(rig, log, bit)
    for (let offset = 11n; offset >= 0n; offset--) {
      const [batch] = await readBatches(log, offset)
      expect(batch?.baseOffset, `bit ${bit}`).toBe(offset)
    }
    expect(rig.offline).toEqual([])
  }
})

test('retention that looks at a segment while it is emptied does not begin another one in its place', async () => {
  const rig = new Rig({ config: { retentionMs: 1_000, fileDeleteDelayMs: 0 } })
  const log = await rig.log()
  await append(log, 'old')
  await log.roll(1n)
  await append(log, 'cut off')
  log.updateHighWatermark(2n)
  rig.clock.advance(10_000)
  let goOn = () => {}
  const held = new Promise<void>(resolve => {
    goOn = resolve
  })
  rig.memory.intercept = ({ name, path }) =>
    name === 'truncate' && path === log.activeSegment.path ? held : undefined
  const cut = log.truncateTo(1n)
  await idle()
  const retained = log.applyRetention()
  await idle()
  rig.memory.intercept = undefined
  goOn()
  await Promise.all([cut, retained])
  await append(log, 'new')
  await rig.advance(2_000)
  await log.flush()
  expect([...(await contents(await rig.crash('lost'))).values()]).toEqual(['new'])
})
