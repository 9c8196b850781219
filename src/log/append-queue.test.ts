import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { append, batchOf, CLIENT, contents, diskError, must, Rig } from './testing/rig.ts'

const idempotent = (baseSequence: number, producerEpoch = 0) => ({
  producerId: 7n,
  producerEpoch,
  baseSequence,
})

/** Holds every write to a `.log` file until it is let go. */
function holdWrites(rig: Rig): { release(): void; count: number } {
  const held = { release: () => {}, count: 0 }
  const gate = new Promise<void>(resolve => {
    held.release = resolve
  })
  rig.memory.intercept = async ({ name, path }) => {
    if (name !== 'write' || !path.endsWith('.log')) return
    held.count++
    await gate
  }
  return held
}

function failNext(rig: Rig, operation: string, code: string, suffix = '.log'): void {
  rig.memory.intercept = ({ name, path }) => {
    if (name !== operation || !path.endsWith(suffix)) return
    rig.memory.intercept = undefined
    throw diskError(code)
  }
}

async function settled(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}

describe('group commit', () => {
  test('batches that arrive while a write is under way go out together behind it', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    const held = holdWrites(rig)
    const appends = [append(log, 'a')]
    await settled()
    for (let i = 0; i < 20; i++) appends.push(append(log, `${i}`))
    await settled()
    held.release()
    await Promise.all(appends)
    expect(held.count).toBe(2)
    expect(log.logEndOffset).toBe(22n)
  })

  test('nothing is visible before the write has come back', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    const held = holdWrites(rig)
    const pending = log.append(batchOf(['a', 'b'], idempotent(0)), CLIENT)
    await settled()
    expect(log.logEndOffset).toBe(1n)
    expect(log.activeProducers()).toEqual([])
    expect((await log.read(2n, { maxBytes: 1, maxOffset: 9n, minOneBatch: true })).error).toBe(
      ErrorCode.OFFSET_OUT_OF_RANGE,
    )
    held.release()
    expect(must(await pending)).toMatchObject({ baseOffset: 1n, lastOffset: 2n, isDuplicate: false })
    expect(log.logEndOffset).toBe(3n)
    expect(log.activeProducers()).toHaveLength(1)
  })

  test('T051 T052 a duplicate of a batch under way is answered with it, with its offset', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    const held = holdWrites(rig)
    const original = log.append(batchOf(['a', 'b'], idempotent(0)), CLIENT)
    const duplicate = log.append(batchOf(['a', 'b'], idempotent(0)), CLIENT)
    let isAnswered = false
    void duplicate.then(() => {
      isAnswered = true
    })
    await settled()
    expect(isAnswered).toBe(false)
    held.release()
    expect(must(await duplicate)).toMatchObject({ baseOffset: 1n, lastOffset: 2n, isDuplicate: true })
    expect(must(await original)).toMatchObject({ baseOffset: 1n, isDuplicate: false })
    expect(log.logEndOffset).toBe(3n)
  })

  test('a duplicate of a batch whose write fails is refused with it', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    failNext(rig, 'write', 'ENOSPC')
    const [original, duplicate] = await Promise.all([
      log.append(batchOf(['a'], idempotent(0)), CLIENT),
      log.append(batchOf(['a'], idempotent(0)), CLIENT),
    ])
    expect([original.error, duplicate.error]).toEqual(Array(2).fill(ErrorCode.KAFKA_STORAGE_ERROR))
    expect(must(await log.append(batchOf(['a'], idempotent(0)), CLIENT)).baseOffset).toBe(1n)
  })

  test('an append of several batches is taken as a whole or not at all', async () => {
    const log = await new Rig().log()
    const both = Buffer.concat([batchOf(['a'], idempotent(0)), batchOf(['b'], idempotent(5))])
    expect((await log.append(both, CLIENT)).error).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.logEndOffset).toBe(0n)
    const good = Buffer.concat([batchOf(['a'], idempotent(0)), batchOf(['b'], idempotent(1))])
    expect(must(await log.append(good, CLIENT))).toMatchObject({ baseOffset: 0n, lastOffset: 1n })
  })

  test('the leader stamps offset and epoch, and a follower takes them as they are', async () => {
    const log = await new Rig().log()
    must(await log.append(batchOf(['a'], { baseOffset: 99n }), { leaderEpoch: 3, origin: 'client' }))
    expect(log.latestEpoch).toBe(3)
    const replicated = batchOf(['b'], { baseOffset: 5n, partitionLeaderEpoch: 4 })
    must(await log.append(replicated, { leaderEpoch: 9, origin: 'follower' }))
    expect(log.logEndOffset).toBe(6n)
    expect(log.latestEpoch).toBe(4)
    const stale = batchOf(['c'], { baseOffset: 2n })
    expect((await log.append(stale, { leaderEpoch: 9, origin: 'follower' })).error).toBe(
      ErrorCode.OFFSET_OUT_OF_RANGE,
    )
  })
})

describe('a failed write', () => {
  test('refuses all that was assigned behind it and leaves no hole', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    const before = log.sizeBytes
    failNext(rig, 'write', 'ENOSPC')
    const first = log.append(batchOf(['lost'], idempotent(0)), CLIENT)
    await Promise.resolve()
    const results = await Promise.all([first, log.append(batchOf(['lost too'], idempotent(1)), CLIENT)])
    expect(results.map(result => result.error)).toEqual(Array(2).fill(ErrorCode.KAFKA_STORAGE_ERROR))
    expect(log.logEndOffset).toBe(1n)
    expect(log.sizeBytes).toBe(before)
    // The producer's sequence has not moved either.
    expect(must(await log.append(batchOf(['kept'], idempotent(0)), CLIENT)).baseOffset).toBe(1n)
    const again = await rig.restart()
    expect([...(await contents(again)).values()]).toEqual(['first', 'kept'])
  })

  test('a full disk refuses appends, and takes them again when there is room', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    const roomy = rig.memory.capacityBytes
    const { usableBytes, totalBytes } = await rig.disk.space('/data')
    rig.memory.capacityBytes = Number(totalBytes - usableBytes) + 50
    expect((await log.append(batchOf(['too much']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await log.append(batchOf(['still too much']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(log.isOnline).toBe(true)
    expect([...(await contents(log)).values()]).toEqual(['first'])
    rig.memory.capacityBytes = roomy
    expect(await append(log, 'second')).toBe(1n)
    const again = await rig.restart()
    expect([...(await contents(again)).values()]).toEqual(['first', 'second'])
  })

  test('a disk too full for a new segment refuses the append, and rolls when there is room', async () => {
    const rig = new Rig({ config: { segmentBytes: 150 } })
    const log = await rig.log()
    await append(log, 'first')
    const roomy = rig.memory.capacityBytes
    const { usableBytes, totalBytes } = await rig.disk.space('/data')
    rig.memory.capacityBytes = Number(totalBytes - usableBytes)
    for (let i = 0; i < 3; i++) {
      expect((await log.append(batchOf(['x'.repeat(80)]), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    }
    await expect(log.flush()).rejects.toThrow('ENOSPC')
    expect(log.isOnline).toBe(true)
    rig.memory.capacityBytes = roomy
    expect(await append(log, 'x'.repeat(80))).toBe(1n)
    expect(log.segments.map(segment => segment.baseOffset)).toEqual([0n, 1n])
    await log.flush()
    expect((await contents(await rig.restart())).size).toBe(2)
  })

  test('a failing disk takes its directory offline, and the other directory goes on', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
    const first = await rig.log('topic', 0)
    const second = await rig.log('topic', 1)
    failNext(rig, 'write', 'EIO')
    expect((await first.append(batchOf(['lost']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(rig.offline).toEqual(['/one'])
    expect(first.isOnline).toBe(false)
    expect((await first.append(batchOf(['lost']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    const options = { maxBytes: 100, maxOffset: 9n, minOneBatch: true }
    expect((await first.read(0n, options)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await append(second, 'goes on')).toBe(0n)
    expect((await rig.log('other', 0)).location.path).toMatch(/^\/two\//)
    expect((await rig.manager.describeDirectories()).map(directory => directory.isOnline)).toEqual([
      false,
      true,
    ])
    await rig.manager.shutdown()
    await rig.start()
    expect(rig.manager.log('topic', 0)!.isOnline).toBe(true)
    expect(rig.manager.wasCleanShutdown).toBe(false)
  })
})

describe('durability', () => {
  test('with fsync an append is answered when a sync has covered it, and many share one', async () => {
    const rig = new Rig({ broker: { durability: 'fsync' } })
    const log = await rig.log()
    await append(log, 'first')
    let syncs = 0
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'sync' && path.endsWith('.log')) syncs++
    }
    await Promise.all(Array.from({ length: 30 }, (_, i) => append(log, `${i}`)))
    expect(syncs).toBeLessThanOrEqual(3)
    expect(log.durableOffset).toBe(31n)
    const again = await rig.crash('lost')
    expect((await contents(again)).size).toBe(31)
  })

  test('without it nothing is synced, and a power failure may take what is not flushed', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'flushed')
    await log.flush()
    expect(log.recoveryPoint).toBe(1n)
    await append(log, 'not flushed')
    const again = await rig.crash('lost')
    expect([...(await contents(again)).values()]).toEqual(['flushed'])
    expect(await append(again, 'next')).toBe(1n)
  })

  test('a flush covers what a process that died had written', async () => {
    const rig = new Rig({ config: { segmentBytes: 200 } })
    let log = await rig.log()
    for (let i = 0; i < 9; i++) await append(log, `${i}`)
    log = await rig.crash('kept')
    await log.flush()
    await log.home.saveRecoveryPoints()
    expect(log.recoveryPoint).toBe(9n)
    log = await rig.crash('lost')
    expect((await contents(log)).size).toBe(9)
  })

  test('with fsync nothing is served after an unclean stop that a power failure could take', async () => {
    const rig = new Rig({ broker: { durability: 'fsync' } })
    let log = await rig.log()
    await append(log, 'synced')
    failNext(rig, 'sync', 'EIO')
    await log.append(batchOf(['written']), CLIENT)
    log = await rig.crash('kept')
    expect([log.logEndOffset, log.durableOffset]).toEqual([2n, 2n])
    log = await rig.crash('lost')
    expect([...(await contents(log)).values()]).toEqual(['synced', 'written'])
  })

  test('flush.messages makes the append that reaches it wait for a sync', async () => {
    const rig = new Rig({ config: { flushMessages: 3 } })
    const log = await rig.log()
    await append(log, 'a')
    await append(log, 'b')
    await append(log, 'c')
    await append(log, 'd')
    const again = await rig.crash('lost')
    expect([...(await contents(again)).values()]).toEqual(['a', 'b', 'c'])
  })

  test('a failed fsync is never tried again: the directory is offline and the append refused', async () => {
    const rig = new Rig({ broker: { durability: 'fsync' } })
    const log = await rig.log()
    await append(log, 'first')
    failNext(rig, 'sync', 'EIO')
    expect((await log.append(batchOf(['lost']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(rig.offline).toEqual(['/data'])
    expect((await log.append(batchOf(['lost']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
  })

  test.each([1, 250, 5_000, 45_000])('flush.ms=%d has the log flushed just then', async flushMs => {
    const rig = new Rig({ config: { flushMs } })
    const log = await rig.log()
    // The time counts from the oldest record that is not flushed.
    for (const upTo of [2n, 4n]) {
      const flushed = log.recoveryPoint
      await append(log, 'a')
      await append(log, 'b')
      await rig.advance(flushMs - 1)
      expect(log.recoveryPoint).toBe(flushed)
      await rig.advance(1)
      expect(log.recoveryPoint).toBe(upTo)
      expect(await rig.text('/data/recovery-point-offset-checkpoint')).toBe(`0\n1\ntopic 0 ${upTo}\n`)
      await rig.advance(777)
    }
  })

  test('flush.ms that changes takes effect within a second; without it 30 s go by', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'a')
    await rig.advance(29_900)
    expect(log.recoveryPoint).toBe(0n)
    await rig.advance(100)
    expect(log.recoveryPoint).toBe(1n)
    await append(log, 'b')
    await rig.advance(2_000)
    rig.manager.updateConfig('topic', 1, { ...log.config, flushMs: 100 })
    await rig.advance(1_000)
    expect(log.recoveryPoint).toBe(2n)
  })

  test('a log that could not be flushed for a full disk is tried again after a second', async () => {
    const rig = new Rig({ config: { flushMs: 10, indexIntervalBytes: 1 } })
    const log = await rig.log()
    for (const value of ['a', 'b', 'c']) await append(log, value)
    let tries = 0
    rig.memory.intercept = ({ name, path }) => {
      if (name !== 'write' || !path.endsWith('.index')) return
      tries++
      throw diskError('ENOSPC')
    }
    await rig.advance(500)
    await rig.advance(400)
    expect([tries, log.recoveryPoint, log.isOnline]).toEqual([1, 0n, true])
    rig.memory.intercept = undefined
    await rig.advance(1_000)
    expect(log.recoveryPoint).toBe(3n)
  })
})

describe('power failure while writing', () => {
  test('a torn write leaves a prefix of whole batches with all that was acknowledged', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const rig = new Rig({
        broker: { durability: 'fsync' },
        config: { segmentBytes: 700, indexIntervalBytes: 150 },
      })
      const log = await rig.log()
      const random = new SeededRandom(seed)
      const acknowledged: string[] = []
      const sent: string[] = []
      const stopAfter = random.below(60) + 5
      let operations = 0
      rig.memory.intercept = () => {
        if (++operations === stopAfter) throw diskError('EBADF')
      }
      for (let i = 0; i < 12 && operations < stopAfter; i++) {
        const values = Array.from(
          { length: random.below(3) + 1 },
          (_, j) => `${i}.${j} ${'x'.repeat(random.below(90))}`,
        )
        sent.push(...values)
        const result = await log.append(batchOf(values), CLIENT)
        if (result.error === 0) acknowledged.push(...values)
        else break
      }
      rig.memory.intercept = undefined
      await rig.crash({ tornBy: random })
      // A log's name may be lost as well, as long as nothing in it was to be there.
      const again = rig.manager.log('topic', 0) ?? (await rig.log())
      const found = [...(await contents(again)).values()]
      expect(found.slice(0, acknowledged.length)).toEqual(acknowledged)
      expect(sent.slice(0, found.length)).toEqual(found)
      expect(again.logEndOffset).toBe(BigInt(found.length))
      expect(await append(again, 'next')).toBe(BigInt(found.length))
    }
  })
})
