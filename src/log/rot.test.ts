/** Bad bytes in a disk that is fine: what is not hit by them is as readable and as safe as before. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { MAGIC_AT, RecordBatch } from '../records/batch.ts'
import type { Log } from './log.ts'
import { append, batchOf, CLIENT, contents, diskError, idle, must, Rig, readBatches } from './testing/rig.ts'

const START = 1_700_000_000_000
const DAY = 86_400_000
const FIRST = '/data/topic-0/00000000000000000000'
const SPARSE = { indexIntervalBytes: 60 }
const UNCACHED = { tailCacheBytes: 0 }

async function positionsIn(rig: Rig, path = `${FIRST}.log`): Promise<number[]> {
  const bytes = await rig.memory.readFile(path)
  const positions: number[] = []
  for (let at = 0; at < bytes.length; at += new RecordBatch(bytes, at).sizeInBytes) positions.push(at)
  return positions
}

/** Its header says nonsense, so that nobody gets past it. */
async function rotHeader(rig: Rig, batch: number): Promise<void> {
  rig.memory.rot(`${FIRST}.log`, (await positionsIn(rig))[batch]! + MAGIC_AT, 4)
}

/** Every entry of the first segment's offset index leads to nowhere. */
async function rotIndex(rig: Rig, log: Log): Promise<void> {
  const { sizeBytes } = (await rig.memory.status(`${FIRST}.index`))!
  for (let at = 4; at < sizeBytes; at += 8) rig.memory.rot(`${FIRST}.index`, at, 0x40)
  log.segments[0]!.offsetIndex.file.unload()
}

async function readError(log: Log, offset: bigint): Promise<number> {
  return (await log.read(offset, { maxBytes: 1, maxOffset: log.logEndOffset, minOneBatch: true })).error
}

/** Twelve batches in a segment that is complete, and one behind it. */
async function sealed(rig: Rig, timeOf = (i: number) => START + i): Promise<Log> {
  const log = await rig.log()
  for (let i = 0; i < 12; i++) must(await log.append(batchOf([`value ${i}`], { at: timeOf(i) }), CLIENT))
  await log.roll(12n)
  await append(log, 'last')
  await log.flush()
  await log.home.saveRecoveryPoints()
  log.updateHighWatermark(13n)
  return log
}

describe('a batch that has rotted', () => {
  test('keeps nobody from what is behind it, by offset, by time, or by retention', async () => {
    const config = { ...SPARSE, segmentMs: 100 * DAY, retentionMs: 7 * DAY }
    const rig = new Rig({ config, broker: UNCACHED })
    const log = await sealed(rig, i => START - (i < 4 ? 8 : 1) * DAY + i)
    await rotHeader(rig, 3)
    expect(await readError(log, 3n)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await readBatches(log, 9n, { maxBytes: 1 }))[0]!.baseOffset).toBe(9n)
    expect((await log.offsetForTimestamp(BigInt(START - DAY + 8)))?.offset).toBe(8n)
    expect(await log.applyRetention()).toBe(0)
    expect(log.isOnline).toBe(true)
  })

  test('is looked for in the whole segment once', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await sealed(rig)
    await rotHeader(rig, 10)
    expect(await readError(log, 10n)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    const reads: string[] = []
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'read' && path.endsWith('.log')) reads.push(path)
    }
    expect(await readError(log, 10n)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    // A header, and whether it is one of an old format.
    expect(reads.length).toBeLessThanOrEqual(2)
  })

  test.each([
    ['the first record is the latest', 4, (i: number) => START + (i === 0 ? 1_000 : i)],
    ['it is the latest itself', 5, (i: number) => START + (i === 5 ? 1_000 : i)],
  ])('below the recovery point costs no record behind it where %s', async (_, rotten, timeOf) => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await sealed(rig, timeOf)
    await log.truncateTo(12n)
    await log.flush()
    await log.home.saveRecoveryPoints()
    const sizeBytes = log.segments[0]!.sizeBytes
    await rotHeader(rig, rotten)
    const after = await rig.crash()
    expect(after.logEndOffset).toBe(12n)
    expect(after.segments[0]!.sizeBytes).toBe(sizeBytes)
    expect((await readBatches(after, 9n, { maxBytes: 1 }))[0]!.baseOffset).toBe(9n)
  })

  test('hides no newer time behind it from an unclean start, though the time index has rotted too', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await sealed(rig, i => START + (i === 8 ? 1_000 : i))
    await log.truncateTo(12n)
    await log.flush()
    await log.home.saveRecoveryPoints()
    const { sizeBytes } = (await rig.memory.status(`${FIRST}.timeindex`))!
    // The offsets of all its entries: they come to lie far behind the log's end.
    for (let at = 10; at < sizeBytes; at += 12) rig.memory.rot(`${FIRST}.timeindex`, at, 0x10)
    await rotHeader(rig, 4)
    const after = await rig.crash()
    expect(await after.segments[0]!.largestTimestamp()).toEqual({
      timestamp: BigInt(START + 1_000),
      lastOffset: 8n,
    })
  })

  test('where an unclean start has to go through it costs none but its own', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) {
      const producer = { producerId: BigInt(i), producerEpoch: 0, baseSequence: 0 }
      must(await log.append(batchOf([`value ${i}`], producer), CLIENT))
    }
    await log.flush()
    await log.home.saveRecoveryPoints()
    await append(log, 'not synced')
    await rotHeader(rig, 4)
    const after = await rig.crash()
    expect(after.logEndOffset).toBe(13n)
    expect(await readError(after, 4n)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    for (const offset of [0n, 8n, 12n]) {
      expect((await readBatches(after, offset, { maxBytes: 1 }))[0]!.baseOffset).toBe(offset)
    }
    expect(after.activeProducers().map(it => it.producerId)).toEqual(
      [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11].map(BigInt),
    )
    expect(rig.lines.some(({ level, message }) => level === 'error' && /producers/.test(message))).toBe(true)
    expect(await append(after, 'next')).toBe(13n)
  })

  test('at the beginning of a segment leaves what is behind it, and room for more', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
    await rotHeader(rig, 0)
    const after = await rig.restart()
    expect(await readError(after, 0n)).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await readBatches(after, 9n, { maxBytes: 1 }))[0]!.baseOffset).toBe(9n)
    expect(await append(after, 'next')).toBe(12n)
    expect((await readBatches(after, 12n))[0]!.baseOffset).toBe(12n)
  })

  test('long ago is not cut off for a batch that is torn at the recovery point', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
    await log.flush()
    await log.home.saveRecoveryPoints()
    await append(log, 'torn')
    const positions = await positionsIn(rig)
    // Of its records: what is in the header leads on.
    rig.memory.rot(`${FIRST}.log`, positions[3]! - 1, 1)
    rig.memory.rot(`${FIRST}.log`, positions[12]! + MAGIC_AT, 4)
    const after = await rig.crash()
    expect(after.logEndOffset).toBe(12n)
    expect((await readBatches(after, 11n))[0]!.baseOffset).toBe(11n)
  })

  test('where the log is cut off costs its directory nothing', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
    await rotHeader(rig, 4)
    await log.truncateTo(10n)
    expect(rig.offline).toEqual([])
    expect(await append(log, 'next')).toBe(10n)
    await log.truncateTo(5n)
    expect(rig.offline).toEqual([])
    expect(await append(log, 'next')).toBe(5n)
    expect((await readBatches(log, 5n))[0]!.baseOffset).toBe(5n)
  })

  test('where nobody can tell at which place to cut refuses what is appended, and serves what it has', async () => {
    const rig = new Rig({ broker: UNCACHED })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
    await rotHeader(rig, 4)
    await expect(log.truncateTo(8n)).rejects.toThrow('damaged')
    expect(rig.offline).toEqual([])
    expect((await log.append(batchOf(['x']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await readError(log, 3n)).toBe(0)
    const after = await rig.restart()
    expect([...(await contents(after)).keys()]).toEqual([0n, 1n, 2n, 3n])
    expect(await append(after, 'next')).toBe(4n)
  })
})

describe('an index that has rotted', () => {
  test('is made anew for all who meet it, and as often as it rots', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await sealed(rig)
    for (let round = 0; round < 3; round++) {
      await rotIndex(rig, log)
      expect(await Promise.all([readError(log, 8n), readError(log, 8n), readError(log, 9n)])).toEqual([
        0, 0, 0,
      ])
    }
    expect(rig.lines.filter(line => line.message.includes('made anew'))).toHaveLength(3)
  })

  test('serves from memory while the disk has no room for it', async () => {
    const rig = new Rig({ config: SPARSE, broker: UNCACHED })
    const log = await sealed(rig)
    await rotIndex(rig, log)
    rig.memory.intercept = ({ path }) => {
      if (path.endsWith('.tmp')) throw diskError('ENOSPC')
    }
    expect(await readError(log, 8n)).toBe(0)
    expect((await readBatches(log, 8n, { maxBytes: 1 }))[0]!.baseOffset).toBe(8n)
    expect(rig.offline).toEqual([])
  })

  test('is not written half made by a flush, and nothing is deleted by half of it', async () => {
    const config = { ...SPARSE, retentionMs: 7 * DAY, segmentMs: 100 * DAY }
    const rig = new Rig({ config, broker: UNCACHED })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) {
      must(await log.append(batchOf([`value ${i}`], { at: START - (i < 11 ? 8 : 1) * DAY + i }), CLIENT))
    }
    await log.flush()
    log.updateHighWatermark(12n)
    const before = await rig.memory.readFile(`${FIRST}.index`)
    await rotIndex(rig, log)
    let resume = () => {}
    let reads = 0
    rig.memory.intercept = ({ name, path }) => {
      if (name !== 'read' || !path.endsWith('.log') || ++reads !== 1) return
      return new Promise<void>(resolve => {
        resume = resolve
      })
    }
    const read = readError(log, 8n)
    await idle()
    expect(reads).toBe(1)
    await log.flush()
    expect((await rig.memory.status(`${FIRST}.index`))!.sizeBytes).toBe(before.length)
    expect(await log.applyRetention()).toBe(0)
    resume()
    expect(await read).toBe(0)
    expect(await rig.memory.readFile(`${FIRST}.index`)).toEqual(before)
    expect((await contents(await rig.restart())).size).toBe(12)
  })
})
