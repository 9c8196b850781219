import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { RecordBatch } from '../records/batch.ts'
import type { Log } from './log.ts'
import { LogManager } from './log-manager.ts'
import {
  append,
  batchOf,
  bytesOf,
  CLIENT,
  idle,
  must,
  Rig,
  type RigOptions,
  readBatches,
} from './testing/rig.ts'

/** The same reads from the tail cache, and with it out of the way from files. */
const PLACES: readonly (readonly [string, RigOptions])[] = [
  ['the tail cache', {}],
  ['files', { broker: { tailCacheBytes: 0 } }],
]

const offsetsOf = (batches: readonly RecordBatch[]) => batches.map(batch => batch.baseOffset)

async function filled(options: RigOptions, config: RigOptions['config'] = {}): Promise<Log> {
  const log = await new Rig({ ...options, config: { indexIntervalBytes: 120, ...config } }).log()
  for (let i = 0; i < 10; i++) await append(log, `${i}a`, `${i}b`, `${i}c`)
  return log
}

describe.each(PLACES)('read from %s', (place, options) => {
  test('is synchronous exactly where it costs no disk read', async () => {
    const log = await filled(options)
    const read = log.read(0n, { maxBytes: 100, maxOffset: 30n, minOneBatch: true })
    expect(read instanceof Promise).toBe(place === 'files')
    await bytesOf(must(await read).records)
  })

  test('T068 an offset inside a batch gives the whole batch, first', async () => {
    const log = await filled(options)
    expect(offsetsOf(await readBatches(log, 13n))).toEqual([12n, 15n, 18n, 21n, 24n, 27n])
    expect(offsetsOf(await readBatches(log, 14n, { maxBytes: 1 }))).toEqual([12n])
  })

  test('T074 the first batch comes even if it is too large, later ones only if they fit', async () => {
    const log = await filled(options)
    const size = (await readBatches(log, 0n))[0]!.sizeInBytes
    for (const [maxBytes, count] of [
      [0, 1],
      [1, 1],
      [size, 1],
      [size * 2 - 1, 1],
      [size * 2, 2],
      [size * 7 + 5, 7],
      [size * 50, 10],
    ] as const) {
      expect(await readBatches(log, 0n, { maxBytes }), `${maxBytes}`).toHaveLength(count)
    }
    expect(await readBatches(log, 0n, { maxBytes: size - 1, minOneBatch: false })).toEqual([])
    expect(await readBatches(log, 0n, { maxBytes: size, minOneBatch: false })).toHaveLength(1)
  })

  test('nothing at or beyond the greatest offset is given', async () => {
    const log = await filled(options)
    expect(offsetsOf(await readBatches(log, 0n, { maxOffset: 9n }))).toEqual([0n, 3n, 6n])
    expect(offsetsOf(await readBatches(log, 0n, { maxOffset: 8n }))).toEqual([0n, 3n])
    expect(offsetsOf(await readBatches(log, 0n, { maxOffset: 2n }))).toEqual([])
    expect(offsetsOf(await readBatches(log, 9n, { maxOffset: 9n }))).toEqual([])
  })

  test('T095 an offset inside a gap gives the next batch', async () => {
    const log = await new Rig({ ...options, config: { indexIntervalBytes: 60, segmentBytes: 250 } }).log()
    for (const baseOffset of [0n, 10n, 11n, 500n, 501n]) {
      const batch = batchOf(['x'], { baseOffset })
      must(await log.append(batch, { leaderEpoch: 0, origin: 'follower' }))
    }
    const first = async (offset: bigint) => (await readBatches(log, offset))[0]?.baseOffset
    expect(await first(1n)).toBe(10n)
    expect(await first(12n)).toBe(500n)
    expect(await first(499n)).toBe(500n)
    expect(await first(502n)).toBeUndefined()
  })

  test('every offset and bound gives what a plain list of the batches would', async () => {
    const random = new SeededRandom(5)
    const log = await new Rig({ ...options, config: { indexIntervalBytes: 200, segmentBytes: 1_500 } }).log()
    for (let i = 0; i < 60; i++) {
      await append(log, ...Array.from({ length: random.below(4) + 1 }, () => 'v'.repeat(random.below(200))))
    }
    const all: RecordBatch[] = []
    for (let at = 0n; at < log.logEndOffset; at = all.at(-1)!.nextOffset)
      all.push(...(await readBatches(log, at)))
    for (let round = 0; round < 300; round++) {
      const offset = BigInt(random.below(Number(log.logEndOffset)))
      const maxOffset = offset + BigInt(random.below(40))
      const maxBytes = random.below(1_200)
      const found = await readBatches(log, offset, { maxBytes, maxOffset })
      const wanted = all.filter(batch => batch.lastOffset >= offset && batch.lastOffset < maxOffset)
      expect(offsetsOf(found)).toEqual(offsetsOf(wanted).slice(0, found.length))
      const size = found.reduce((total, batch) => total + batch.sizeInBytes, 0)
      expect(found.length <= 1 || size <= maxBytes).toBe(true)
      const next = wanted[found.length]
      const last = found.at(-1)
      const isSameSegment = last && next && segmentOf(log, last) === segmentOf(log, next)
      if (isSameSegment || found.length === 0) {
        expect(next === undefined || size + next.sizeInBytes > maxBytes).toBe(true)
      }
    }
  })
})

function segmentOf(log: Log, batch: RecordBatch): number {
  return log.segments.findLastIndex(segment => segment.baseOffset <= batch.baseOffset)
}

describe('pinning', () => {
  test('a reader of a segment that is deleted meanwhile reads on', async () => {
    const rig = new Rig({ broker: { tailCacheBytes: 0, maxOpenFiles: 2 }, config: { segmentBytes: 300 } })
    const log = await rig.log()
    for (let i = 0; i < 20; i++) await append(log, `value ${i}`)
    const { records } = must(await log.read(0n, { maxBytes: 1_000, maxOffset: 20n, minOneBatch: true }))
    log.updateHighWatermark(20n)
    must(await log.deleteRecordsTo(15n))
    await rig.advance(120_000)
    expect((await rig.disk.list(log.location.path)).some(entry => entry.name.includes('deleted'))).toBe(false)
    expect(new RecordBatch(await bytesOf(records)).baseOffset).toBe(0n)
    const gone = await log.read(0n, { maxBytes: 1_000, maxOffset: 20n, minOneBatch: true })
    expect(gone.error).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  test('open files stay within their bound, whatever is read and written', async () => {
    const rig = new Rig({ broker: { tailCacheBytes: 0, maxOpenFiles: 4 }, config: { segmentBytes: 300 } })
    let open = 0
    let most = 0
    const { disk } = rig
    const original = disk.open.bind(disk)
    disk.open = async (path, mode) => {
      const file = await original(path, mode)
      const close = file.close.bind(file)
      if (path.endsWith('.log')) most = Math.max(most, ++open)
      file.close = async () => {
        if (path.endsWith('.log')) open--
        await close()
      }
      return file
    }
    await rig.start()
    const logs = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(partition => rig.log('topic', partition)))
    // Each creation pins its file; afterwards only what is in use may be open beyond the bound.
    await idle()
    most = open
    expect(open).toBeLessThanOrEqual(4)
    for (let i = 0; i < 12; i++) {
      for (const log of logs) await append(log, `value ${i}`)
      for (const log of logs) await readBatches(log, BigInt(i >> 1))
    }
    expect(most).toBeLessThanOrEqual(5)
    await rig.manager.shutdown()
    expect(open).toBe(0)
  })
})

describe('look-up by time', () => {
  const START = 1_700_000_000_000n
  const at = (ms: number) => START + BigInt(ms)

  async function timed(...batches: readonly (readonly number[])[]): Promise<{ rig: Rig; log: Log }> {
    const rig = new Rig({ config: { indexIntervalBytes: 80, segmentBytes: 400 } })
    const log = await rig.log()
    for (const times of batches) {
      const [first = 0, ...rest] = times
      const values = times.map(String)
      const batch = batchOf(values, { at: Number(at(first)) })
      must(await log.append(rest.length > 0 ? timesOf(times) : batch, CLIENT))
    }
    log.updateHighWatermark(log.logEndOffset)
    return { rig, log }
  }

  function timesOf(times: readonly number[]): Buffer {
    return batchOf([], {
      records: times.map(ms => ({ timestamp: at(ms), key: null, value: Buffer.from(`${ms}`) })),
    })
  }

  test('T086 T087 the first record at or after the time, also inside a batch', async () => {
    const { log } = await timed([10, 20, 30], [40, 50], [60, 55, 70], [80], [90], [100])
    const offset = async (ms: number) => (await log.offsetForTimestamp(at(ms)))?.offset
    expect(await offset(0)).toBe(0n)
    expect(await offset(10)).toBe(0n)
    expect(await offset(11)).toBe(1n)
    expect(await offset(41)).toBe(4n)
    expect(await offset(56)).toBe(5n)
    expect(await offset(61)).toBe(7n)
    expect(await offset(100)).toBe(10n)
    expect(await offset(101)).toBeUndefined()
    expect((await log.offsetForTimestamp(at(56)))?.timestamp).toBe(at(60))
  })

  test('T086 every time gives what a plain list of the records would, out of order times too', async () => {
    const random = new SeededRandom(11)
    const batches = Array.from({ length: 40 }, () =>
      Array.from({ length: random.below(4) + 1 }, () => random.below(500)),
    )
    const { log, rig } = await timed(...batches)
    const times = batches.flat()
    const check = async (subject: Log) => {
      for (let ms = 0; ms <= 500; ms += 7) {
        const wanted = times.findIndex(time => time >= ms)
        const found = await subject.offsetForTimestamp(at(ms))
        expect(found?.offset).toBe(wanted < 0 ? undefined : BigInt(wanted))
        if (found) expect(found.timestamp).toBe(at(times[wanted]!))
      }
    }
    await check(log)
    await check(await rig.restart())
    await check(await rig.crash())
  })

  test('T088 an empty or just trimmed log has none', async () => {
    const log = await new Rig().log()
    expect(await log.offsetForTimestamp(0n)).toBeUndefined()
    expect(await log.offsetOfMaxTimestamp()).toBeUndefined()
    const { log: trimmed } = await timed([10], [20])
    must(await trimmed.deleteRecordsTo(2n))
    expect(await trimmed.offsetForTimestamp(at(0))).toBeUndefined()
    expect(await trimmed.offsetOfMaxTimestamp()).toBeUndefined()
  })

  test('T088 records below the log start are not found', async () => {
    const { log } = await timed([10, 20, 30], [15, 16])
    must(await log.deleteRecordsTo(2n))
    expect((await log.offsetForTimestamp(at(0)))?.offset).toBe(2n)
    must(await log.deleteRecordsTo(3n))
    expect((await log.offsetOfMaxTimestamp())?.offset).toBe(4n)
  })

  test('T090 the end is the next offset to be written, over gaps and with all deleted', async () => {
    const { log, rig } = await timed([10], [20])
    must(await log.deleteRecordsTo(2n))
    expect([log.logStartOffset, log.logEndOffset]).toEqual([2n, 2n])
    const again = await rig.restart()
    expect([again.logStartOffset, again.logEndOffset]).toEqual([2n, 2n])
    const gap = batchOf(['x'], { baseOffset: 40n })
    must(await again.append(gap, { leaderEpoch: 0, origin: 'follower' }))
    expect((await rig.restart()).logEndOffset).toBe(41n)
  })

  test('T091 the record with the greatest time, the first of several', async () => {
    const { log } = await timed([10], [90, 99, 99], [20], [99], [30])
    expect(await log.offsetOfMaxTimestamp()).toMatchObject({ offset: 2n, timestamp: at(99) })
  })

  test('T092 the epoch is that of the record', async () => {
    const log = await new Rig().log()
    must(await log.append(batchOf(['a'], { at: Number(at(1)) }), { leaderEpoch: 3, origin: 'client' }))
    must(await log.append(batchOf(['b'], { at: Number(at(2)) }), { leaderEpoch: 8, origin: 'client' }))
    expect(await log.offsetForTimestamp(at(1))).toMatchObject({ offset: 0n, leaderEpoch: 3 })
    expect(await log.offsetForTimestamp(at(2))).toMatchObject({ offset: 1n, leaderEpoch: 8 })
    expect(log.endOffsetForEpoch(3)).toEqual({ leaderEpoch: 3, endOffset: 1n })
  })
})

test('while slow readers keep too much of the cache alive, reads come from the files', async () => {
  const rig = new Rig()
  let isShort = false
  const opened = await LogManager.open({ ...rig.options, hasFetchMemory: () => !isShort })
  rig.manager = must(opened)
  const log = await rig.log()
  await append(log, 'value')
  log.updateHighWatermark(1n)
  const options = { maxBytes: 1_000, maxOffset: 1n, minOneBatch: true }
  expect(log.read(0n, options)).not.toBeInstanceOf(Promise)
  isShort = true
  const read = must(await log.read(0n, options))
  expect(read.records.parts[0]).not.toBeInstanceOf(Uint8Array)
  expect((await bytesOf(read.records)).length).toBe(read.records.byteLength)
})

test('look-ups by time of many logs at once open few files', async () => {
  const rig = new Rig({ broker: { tailCacheBytes: 0 } })
  const logs = []
  for (let partition = 0; partition < 40; partition++) logs.push(await rig.log('topic', partition))
  for (const log of logs) await append(log, 'value')
  await rig.manager.shutdown()
  await rig.start()
  let open = 0
  let most = 0
  rig.memory.intercept = async ({ name }) => {
    if (name !== 'read') return
    most = Math.max(most, ++open)
    await new Promise(resolve => setImmediate(resolve))
    open--
  }
  const found = await Promise.all([...rig.manager.logs()].map(log => log.offsetForTimestamp(0n)))
  expect(found.map(each => each?.offset)).toEqual(logs.map(() => 0n))
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(16)
})

test.each([1, 3])(
  'a look-up by time survives a time entry that has rotted and is cut off, after crash %i',
  async crashes => {
    const rig = new Rig({ config: { indexIntervalBytes: 60 }, broker: { tailCacheBytes: 0 } })
    const log = await rig.log()
    const at = (ms: number) => 1_700_000_000_000 + ms
    for (const ms of [0, 50, 10, 20]) must(await log.append(batchOf([`at ${ms}`], { at: at(ms) }), CLIENT))
    await log.flush()
    await log.home.saveRecoveryPoints()
    const path = '/data/topic-0/00000000000000000000.timeindex'
    const { sizeBytes } = (await rig.memory.status(path))!
    // Of its offset, which comes to lie far behind the log's end.
    rig.memory.rot(path, sizeBytes - 2, 0x10)
    for (let crash = 1; crash < crashes; crash++) await rig.crash()
    const after = await rig.crash()
    for (const ms of [15, 100]) must(await after.append(batchOf([`at ${ms}`], { at: at(ms) }), CLIENT))
    expect((await after.offsetForTimestamp(BigInt(at(45))))?.offset).toBe(1n)
  },
)
