/** What happens at once: removal, cutting and flushing against reads and appends that are under way. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import type { DiskOperation } from '../platform/simulated/memory-disk.ts'
import { IndexCache } from './index-file.ts'
import { OffsetIndex } from './offset-index.ts'
import {
  append,
  batchOf,
  bytesOf,
  CLIENT,
  contents,
  diskError,
  idle,
  must,
  Rig,
  TOPIC_ID,
} from './testing/rig.ts'

/** Calls of a kind wait until `open` is called. */
function gate(rig: Rig, isHeld: (operation: DiskOperation) => boolean): { open(): void } {
  let release = () => {}
  const opened = new Promise<void>(resolve => {
    release = resolve
  })
  rig.memory.intercept = operation => (isHeld(operation) ? opened : undefined)
  return { open: () => release() }
}

const opens =
  (suffix: string) =>
  ({ name, path }: DiskOperation) =>
    name === 'open' && path.endsWith(suffix)

describe('a log that is deleted', () => {
  test('while it is read costs its directory nothing', async () => {
    const rig = new Rig({ broker: { tailCacheBytes: 0, maxOpenFiles: 0 } })
    const log = await rig.log()
    await append(log, 'value')
    await idle()
    const held = gate(rig, opens('.log'))
    const reading = log.read(0n, { maxBytes: 1_000, maxOffset: 1n, minOneBatch: true })
    await idle()
    await rig.manager.deleteLog('topic', 0)
    held.open()
    expect((await reading).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(rig.offline).toEqual([])
  })

  test.each(['.log', '.index', '.tmp'])(
    'while it is flushed, at its %s, costs its directory nothing',
    async suffix => {
      const rig = new Rig({ broker: { maxOpenFiles: 0 } })
      const log = await rig.log()
      await append(log, 'value')
      await idle()
      const held = gate(rig, opens(suffix))
      const flushing = log.flush().catch(() => {})
      await idle()
      const deleted = rig.manager.deleteLog('topic', 0)
      await idle()
      held.open()
      await Promise.all([flushing, deleted])
      expect(rig.offline).toEqual([])
    },
  )
})

describe('a segment that is deleted', () => {
  test('while it waits to be synced costs its directory nothing', async () => {
    const rig = new Rig({ broker: { maxOpenFiles: 0 }, config: { segmentBytes: 300, fileDeleteDelayMs: 0 } })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
    log.updateHighWatermark(12n)
    await idle()
    const held = gate(rig, opens('.log'))
    const flushing = log.flush()
    await idle()
    must(await log.deleteRecordsTo(12n))
    await rig.advance(1_000)
    held.open()
    await flushing
    expect(rig.offline).toEqual([])
  })
})

describe('truncation', () => {
  test('cuts a segment that was only read so far', async () => {
    const rig = new Rig({ broker: { tailCacheBytes: 0 }, config: { segmentBytes: 300 } })
    const log = await rig.log()
    for (let i = 0; i < 12; i++) await append(log, `value ${i}`)
    const again = await rig.restart()
    expect(again.segments.length).toBeGreaterThan(2)
    expect((await contents(again)).size).toBe(12)
    await again.truncateTo(2n)
    await append(again, 'next')
    expect([...(await contents(again)).values()]).toEqual(['value 0', 'value 1', 'next'])
    expect(rig.offline).toEqual([])
  })

  test('is not undone by a flush that it meets before it has begun to cut', async () => {
    const rig = new Rig()
    const log = await rig.log()
    for (let i = 0; i < 6; i++) await append(log, `value ${i}`)
    const held = gate(rig, opens('.index'))
    const flushed = log.flush().then(() => log.home.saveRecoveryPoints())
    await idle()
    const checkpoint = gate(rig, opens('recovery-point-offset-checkpoint.tmp'))
    const cut = log.truncateTo(2n)
    await idle()
    held.open()
    await idle()
    checkpoint.open()
    await Promise.all([flushed, cut])
    for (let i = 0; i < 6; i++) must(await log.append(batchOf([`next ${i}`]), { ...CLIENT, leaderEpoch: 1 }))
    expect((await rig.crash()).epochForOffset(2n)).toBe(1)
  })

  test('is not undone by a flush that goes on when the log has grown again', async () => {
    const rig = new Rig()
    const log = await rig.log()
    for (let i = 0; i < 6; i++) await append(log, `value ${i}`)
    const held = gate(rig, opens('leader-epoch-checkpoint.tmp'))
    const flushed = log.flush()
    await idle()
    rig.memory.intercept = undefined
    const grown = log.truncateTo(2n).then(() => append(log, 'a', 'b', 'c', 'd', 'e'))
    await idle()
    held.open()
    await Promise.all([flushed, grown])
    expect(log.recoveryPoint).toBe(2n)
  })
})

describe('a process without free file handles', () => {
  test.each([
    ['write', 'kept'],
    ['fsync', 'lost'],
  ] as const)('loses no directory under durability %s', async (durability, unsynced) => {
    const rig = new Rig({
      broker: { tailCacheBytes: 0, maxOpenFiles: 0, durability },
      config: { segmentBytes: 300 },
    })
    const log = await rig.log()
    await append(log, 'before')
    await idle()
    rig.memory.intercept = ({ name }) => {
      if (name === 'open' || name === 'syncDirectory') throw diskError('EMFILE')
    }
    for (let i = 0; i < 8; i++) {
      const refused = await log.append(batchOf([`refused ${i}`]), CLIENT)
      expect(refused.error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    }
    await log.flush().catch(() => {})
    await log.home.saveRecoveryPoints()
    const created = await rig.manager.createLog({
      ...log,
      topic: 'u',
      topicId: TOPIC_ID,
      partition: 0,
      isNew: true,
    })
    expect(created.error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    rig.memory.intercept = undefined
    for (let i = 0; i < 8; i++) await append(log, `after ${i}`)
    expect(rig.offline).toEqual([])
    const values = [...(await contents(await rig.crash(unsynced))).values()]
    expect(values).toEqual(['before', ...Array.from({ length: 8 }, (_, i) => `after ${i}`)])
  })
})

test.each(['EMFILE', 'ENOSPC'])(
  'a log that %s keeps from being closed makes no clean shutdown',
  async code => {
    const rig = new Rig({ broker: { maxOpenFiles: 0 } })
    const log = await rig.log()
    await append(log, 'value')
    await idle()
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'open' && path.includes('/topic-0/')) throw diskError(code)
    }
    await rig.manager.shutdown()
    rig.memory.intercept = undefined
    const again = await rig.start()
    expect(again.wasCleanShutdown).toBe(false)
    expect([...(await contents(again.log('topic', 0)!)).values()]).toEqual(['value'])
  },
)

test('a broker that has stopped holds no file, whatever became of its logs', async () => {
  const rig = new Rig({ broker: { tailCacheBytes: 0 } })
  let open = 0
  const { memory } = rig
  const original = memory.open.bind(memory)
  memory.open = async (path, mode) => {
    const file = await original(path, mode)
    const close = file.close.bind(file)
    open++
    file.close = async () => {
      open--
      await close()
    }
    return file
  }
  const log = await rig.log()
  await append(log, 'value')
  log.updateHighWatermark(1n)
  const { records } = must(await log.read(0n, { maxBytes: 1_000, maxOffset: 1n, minOneBatch: true }))
  log.home.goOffline(diskError('EIO'))
  await idle()
  await rig.manager.shutdown()
  expect(open).toBe(1)
  // Who still reads may go on.
  expect((await bytesOf(records)).length).toBe(records.byteLength)
  await idle()
  expect(open).toBe(0)
})

describe('retention', () => {
  test('keeps what is appended while it looks at the active segment', async () => {
    const rig = new Rig({ config: { retentionMs: 10_000 } })
    const log = await rig.log()
    await append(log, 'old')
    log.updateHighWatermark(1n)
    rig.clock.advance(60_000)
    const young = append(log, 'young')
    const [, offset] = await Promise.all([log.applyRetention(), young])
    expect(offset).toBe(1n)
    expect([...(await contents(log)).values()]).toContain('young')
  })

  test('keeps what is appended after it has looked at the active segment', async () => {
    const rig = new Rig({ config: { retentionMs: 10_000 } })
    const log = await rig.log()
    await append(log, 'old')
    log.updateHighWatermark(1n)
    rig.clock.advance(60_000)
    const retention = log.applyRetention()
    const [, offset] = await Promise.all([retention, append(log, 'young')])
    expect(offset).toBe(1n)
    expect([...(await contents(log)).values()]).toContain('young')
  })
})

describe('an index', () => {
  test('is looked up rightly while it is being written', async () => {
    const rig = new Rig()
    await rig.disk.makeDirectory('/data')
    const cache = new IndexCache(1_000_000)
    const path = () => '/data/a.index'
    const index = new OffsetIndex(0n, { disk: rig.disk, cache, path, segmentBytes: () => 2_000 })
    for (let i = 0; i < 10; i++) index.append(BigInt(i), i * 100)
    await index.file.persist(false)
    let reads = 0
    const held = gate(rig, ({ name }) => name === 'read' && reads++ === 0)
    const looked = index.lookup(15n)
    await idle()
    for (let i = 10; i < 20; i++) index.append(BigInt(i), i * 100)
    await index.file.persist(false)
    held.open()
    expect(await looked).toEqual({ offset: 15n, position: 1_500 })
  })

  test('is looked up rightly when another takes its place in memory', async () => {
    const rig = new Rig()
    await rig.disk.makeDirectory('/data')
    const cache = new IndexCache(80)
    const indexes = ['a', 'b', 'c'].map(
      name =>
        new OffsetIndex(0n, {
          disk: rig.disk,
          cache,
          path: () => `/data/${name}.index`,
          segmentBytes: () => 1_000,
        }),
    )
    for (const index of indexes) {
      for (let i = 0; i < 10; i++) index.append(BigInt(i), i * 100)
      await index.file.persist(false)
    }
    const lookups = Array.from({ length: 60 }, (_, i) => indexes[i % 3]!.lookup(BigInt(i % 10)))
    expect((await Promise.all(lookups)).map(({ position }) => position)).toEqual(
      Array.from({ length: 60 }, (_, i) => (i % 10) * 100),
    )
  })
})
