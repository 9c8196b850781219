/** What a broker trusts after a sync has failed, in its next life and after a power failure. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import { append, batchOf, CLIENT, contents, diskError, idle, must, Rig, TOPIC_ID } from './testing/rig.ts'

describe('a sync that has failed', () => {
  const losing = new SeededRandom(3)

  /** What was written when it failed is never on the disk, though whoever reads sees it. */
  function failSync(rig: Rig, isMeant: (path: string) => boolean): void {
    rig.memory.intercept = ({ name, path }) => {
      if (name !== 'sync' || !isMeant(path)) return
      rig.memory.loseUnsynced(path, losing)
      throw diskError('EIO')
    }
  }

  test.each(['.log', 'partition.metadata'])(
    'of %s is made up for by the next life of the broker, whose syncs alone would not do it',
    async suffix => {
      for (let seed = 0; seed < 8; seed++) {
        const rig = new Rig({ broker: { durability: 'fsync' } })
        const log = await rig.log()
        if (suffix === '.log') await append(log, 'synced')
        failSync(rig, path => path.endsWith(suffix))
        expect((await log.append(batchOf(['not synced']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
        await idle()
        rig.memory.intercept = undefined
        const again = await rig.crash('kept')
        const seen = await contents(again)
        // It may be handed out from here on.
        await append(again, 'later')
        const after = await rig.crash('lost')
        expect([...(await contents(after)).values()]).toEqual([...seen.values(), 'later'])
        expect(after.topicId).toBe(TOPIC_ID)
      }
    },
  )

  test('of the names of the logs counts for all who wait for one', async () => {
    const rig = new Rig({ broker: { durability: 'fsync' } })
    const log = await rig.log()
    let fail = () => {}
    const held = new Promise<void>(resolve => {
      fail = resolve
    })
    let syncs = 0
    rig.memory.intercept = async ({ name, path }) => {
      if (name !== 'syncDirectory' || path !== '/data' || ++syncs > 1) return
      await held
      throw diskError('EIO')
    }
    const appends = [log.append(batchOf(['first']), CLIENT)]
    await idle()
    appends.push(log.append(batchOf(['second']), CLIENT))
    await idle()
    fail()
    const errors = (await Promise.all(appends)).map(({ error }) => error)
    expect(errors).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR])
    expect(log.durableOffset).toBe(0n)
  })

  test('has not undone a cut, though the segment is never written again', async () => {
    for (let round = 0; round < 8; round++) {
      const rig = new Rig()
      const log = await rig.log()
      for (let i = 0; i < 6; i++) await append(log, `value ${i}`)
      await log.flush()
      failSync(rig, path => path.endsWith('.log'))
      await expect(log.truncateTo(4n)).rejects.toThrow('EIO')
      rig.memory.intercept = undefined
      const again = await rig.crash('kept')
      const { sizeBytes } = again.segments[0]!
      await again.roll(4n)
      await append(again, 'later')
      await again.flush()
      await again.home.saveRecoveryPoints()
      const after = await rig.crash('lost')
      expect(after.segments[0]!.sizeBytes).toBe(sizeBytes)
      expect([...(await contents(after)).values()].slice(3)).toEqual(['value 3', 'later'])
    }
  })

  test('moves no recovery point, and its mark is used up once', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'synced')
    await log.flush()
    await log.home.saveRecoveryPoints()
    await append(log, 'not synced')
    failSync(rig, path => path.endsWith('.log'))
    await expect(log.flush()).rejects.toThrow('EIO')
    await log.home.saveRecoveryPoints()
    await rig.manager.shutdown()
    rig.memory.intercept = undefined
    expect(await rig.text('/data/recovery-point-offset-checkpoint')).toBe('0\n1\ntopic 0 1\n')
    const names = async () => (await rig.memory.list('/data')).map(({ name }) => name)
    expect(await names()).toContain('.klamm-in-doubt')
    await rig.start()
    expect(await names()).not.toContain('.klamm-in-doubt')
  })
})

describe('a sync for which there were no file handles', () => {
  const batch = () => batchOf(['a'], { producerId: 7n, producerEpoch: 0, baseSequence: 0 })

  /** Until it is let go. */
  function wantHandles(
    rig: Rig,
    isMeant: (path: string) => boolean = path => path === '/data/topic-0',
  ): () => void {
    rig.memory.intercept = ({ name, path }) => {
      if (/^(sync|syncDirectory)$/.test(name) && isMeant(path)) throw diskError('EMFILE')
    }
    return () => {
      rig.memory.intercept = undefined
    }
  }

  test.each([
    ['klamm.durability=fsync', { broker: { durability: 'fsync' } }],
    ['flush.messages=1', { config: { flushMessages: 1 } }],
  ] as const)('of a batch is made up for before its retry is acknowledged: %s', async (_, options) => {
    const rig = new Rig(options)
    const log = await rig.log()
    const letGo = wantHandles(rig)
    const tries = [log.append(batch(), CLIENT), log.append(batch(), CLIENT)]
    for (const { error } of await Promise.all(tries)) expect(error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await log.append(batch(), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect([log.logEndOffset, log.durableOffset]).toEqual([1n, 0n])
    letGo()
    const retries = await Promise.all([log.append(batch(), CLIENT), log.append(batch(), CLIENT)])
    for (const retry of retries) expect(must(retry)).toMatchObject({ baseOffset: 0n, isDuplicate: true })
    expect(log.durableOffset).toBe(1n)
    expect([...(await contents(await rig.crash('lost'))).values()]).toEqual(['a'])
  })

  test('refuses no batch that another sync has covered meanwhile', async () => {
    const rig = new Rig({ broker: { durability: 'fsync' } })
    const log = await rig.log()
    let goOn = () => {}
    const held = new Promise<void>(resolve => {
      goOn = resolve
    })
    // The first comes to the directory's name when the second has been there, and fails.
    const calls = { open: 0, syncDirectory: 0 }
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'open' && path.endsWith('partition.metadata') && ++calls.open === 1) return held
      if (name === 'syncDirectory' && path === '/data' && ++calls.syncDirectory === 2)
        throw diskError('EMFILE')
      return undefined
    }
    const appended = append(log, 'first')
    await idle()
    await log.flush()
    expect([log.durableOffset, calls]).toEqual([1n, { open: 2, syncDirectory: 1 }])
    goOn()
    expect(await appended).toBe(0n)
    expect(calls.syncDirectory).toBe(2)
  })

  test('of the names of new indexes is made up for by the next flush', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'first')
    await log.flush()
    const producer = { producerId: 7n, producerEpoch: 0 }
    must(
      await log.append(batchOf(['undone'], { ...producer, baseSequence: 0, isTransactional: true }), CLIENT),
    )
    const marker = { ...producer, type: 'ABORT', coordinatorEpoch: 0, timestamp: 0n } as const
    must(await log.append(buildEndTransactionMarker(marker), { leaderEpoch: 0, origin: 'coordinator' }))
    const letGo = wantHandles(rig)
    await expect(log.flush()).rejects.toThrow('EMFILE')
    letGo()
    await log.flush()
    await log.home.saveRecoveryPoints()
    const told = await log.abortedTransactions(0n, 3n)
    expect(told).toHaveLength(1)
    expect(await (await rig.crash('lost')).abortedTransactions(0n, 3n)).toEqual(told)
  })

  test('is made up for by itself within a second of there being some again', async () => {
    const rig = new Rig({ broker: { durability: 'fsync' } })
    const log = await rig.log()
    let made = 0
    log.onDurable = () => {
      made++
    }
    await append(log, 'first')
    const letGo = wantHandles(rig, path => path.endsWith('.log'))
    for (const value of ['a', 'b']) {
      expect((await log.append(batchOf([value]), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    }
    await rig.advance(10_000)
    expect([log.logEndOffset, log.durableOffset, log.isOnline, made]).toEqual([3n, 1n, true, 0])
    letGo()
    await rig.advance(1_000)
    expect([log.durableOffset, made]).toEqual([3n, 1])
  })

  test.each(['power failure', 'flush'])('anywhere: what was acknowledged outlives a %s', async end => {
    let refused = 0
    for (let seed = 0; seed < (end === 'flush' ? 6 : 20); seed++) {
      const random = new SeededRandom(seed)
      const rig = new Rig({
        broker: { durability: 'fsync', maxOpenFiles: 1 },
        config: { segmentBytes: 900, indexIntervalBytes: 150 },
      })
      const log = await rig.log()
      rig.memory.intercept = async ({ name, path }) => {
        if (!path.startsWith('/data/topic-0') && name !== 'syncDirectory') return
        if (random.below(3) === 0) await idle()
        if (/^(open|syncDirectory)$/.test(name) && random.below(4) === 0) throw diskError('EMFILE')
      }
      const acknowledged = new Map<bigint, string>()
      const most = end === 'flush' ? 36 : 1 + random.below(36)
      let stop = () => {}
      const stopped = new Promise<void>(resolve => {
        stop = resolve
      })
      const produce = async (producerId: bigint) => {
        for (let baseSequence = 0, tries = 0; baseSequence < 12 && tries < 60; tries++) {
          const value = `${producerId}: ${baseSequence}`
          const send = () =>
            log.append(batchOf([value], { producerId, producerEpoch: 0, baseSequence }), CLIENT)
          const answers = await Promise.all(Array.from({ length: 1 + random.below(3) }, send))
          refused += answers.filter(({ error }) => error === ErrorCode.KAFKA_STORAGE_ERROR).length
          const taken = answers.find(({ error }) => error === ErrorCode.NONE)
          if (taken === undefined) continue
          if (acknowledged.size === most) return
          acknowledged.set(must(taken).baseOffset, value)
          if (acknowledged.size === most) stop()
          baseSequence++
        }
      }
      const producers = Promise.all([1n, 2n, 3n].map(produce))
      await Promise.race([producers, stopped])
      if (end === 'flush') {
        await producers
        rig.memory.intercept = undefined
        await rig.advance(2_000)
        expect(log.durableOffset).toBe(log.logEndOffset)
      }
      rig.memory.intercept = undefined
      const stored = await contents(await rig.crash('lost'))
      for (const [offset, value] of acknowledged) expect(stored.get(offset), `seed ${seed}`).toBe(value)
      expect(new Set(stored.values()).size).toBe(stored.size)
    }
    expect(refused).toBeGreaterThan(50)
  })
})
