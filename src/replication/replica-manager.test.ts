import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import { CoordinatorLog } from './coordinator-log.ts'
import type { FetchParameters } from './delayed-fetch.ts'
import type { FetchTarget } from './partition.ts'
import type { Waiter } from './purgatory.ts'
import { batchOf, fetchTarget, partitionImage, ReplicaHost } from './testing/replica-host.ts'

const produced = (host: ReplicaHost, topic: string, values: readonly string[], acks = -1) =>
  host.replicas.append({
    acks,
    timeoutMs: 1_000,
    produceVersion: 12,
    targets: [{ topic, topicId: null, index: 0, records: batchOf(values) }],
  })

const fetched = (
  host: ReplicaHost,
  targets: readonly FetchTarget[],
  changes: Partial<FetchParameters> = {},
) =>
  host.replicas.fetch({
    replicaId: -1,
    isolation: 'high-watermark',
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    targets,
    ...changes,
  })

describe('the replica manager follows the image:', () => {
  test('new topics and partitions can be used when it is taken up', async () => {
    const host = await ReplicaHost.start()
    const id = await host.createTopic('t', { partitions: 2 })
    expect(host.replicas.find({ topic: '', topicId: id, index: 1 }).error).toBe(0)
    const { partitions } = host.image.topicByName('t')!
    await host.changeTopic('t', { partitions: [...partitions, partitionImage()] })
    expect(host.partition('t', 2).logEndOffset).toBe(0n)
    expect([...host.replicas.partitions()]).toHaveLength(3)
  })

  test('a deleted topic is gone by name and by id, and its name begins anew (T028, T029)', async () => {
    const host = await ReplicaHost.start()
    const id = await host.createTopic('t')
    await produced(host, 't', ['a'])
    await host.deleteTopic('t')
    expect(host.replicas.partition('t', 0).error).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(host.replicas.find({ topic: 't', topicId: id, index: 0 }).error).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
    expect(host.logs.log('t', 0)).toBeUndefined()
    await host.createTopic('t')
    expect(host.partition('t').logEndOffset).toBe(0n)
    expect(host.replicas.find({ topic: 't', topicId: id, index: 0 }).error).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  test('a topic that is deleted and recreated in one image begins anew (T029)', async () => {
    const host = await ReplicaHost.start()
    const old = await host.createTopic('t')
    await produced(host, 't', ['a'])
    const id = await host.createTopic('t')
    expect(id).not.toBe(old)
    expect(host.partition('t')).toMatchObject({ topicId: id, logEndOffset: 0n })
    expect(host.replicas.find({ topic: '', topicId: old, index: 0 }).error).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  test('a log that is left over from a topic of the same name gives way', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    await produced(host, 't', ['a'])
    await host.restart(image => image.with(image.version + 1n, { topics: [['t', undefined]] }))
    expect(host.logs.log('t', 0)).toBeDefined()
    await host.createTopic('t')
    expect(host.partition('t').logEndOffset).toBe(0n)
  })

  test('a partition of another broker answers NOT_LEADER_OR_FOLLOWER and has no log', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t', { state: { leader: 2, replicas: [2], isr: [2] } })
    expect(host.replicas.partition('t', 0).error).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(host.logs.log('t', 0)).toBeUndefined()
  })

  test('changed settings reach the log, the checks of produced records and the acks', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t', { state: { replicas: [1, 2], isr: [1] } })
    const settings = { 'min.insync.replicas': '2', 'max.message.bytes': '100', 'retention.ms': '5' }
    await host.configureTopic('t', settings)
    expect(host.partition('t').log.config.retentionMs).toBe(5)
    expect(await produced(host, 't', ['a'])).toMatchObject([{ error: ErrorCode.NOT_ENOUGH_REPLICAS }])
    expect(await produced(host, 't', ['x'.repeat(100)], 1)).toMatchObject([
      { error: ErrorCode.MESSAGE_TOO_LARGE },
    ])
  })

  test('data, offsets and epochs are there after a restart', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    await produced(host, 't', ['a', 'b'])
    await host.restart()
    expect(host.partition('t')).toMatchObject({ highWatermark: 2n, logEndOffset: 2n, leaderEpoch: 1 })
    expect(await produced(host, 't', ['c'])).toMatchObject([{ error: 0, baseOffset: 2n }])
    const { log } = host.partition('t')
    expect([log.epochForOffset(1n), log.epochForOffset(2n)]).toEqual([0, 1])
  })

  test('images that come fast are taken up in order', async () => {
    const host = await ReplicaHost.start()
    const images = [1, 2, 3].map(partitions => {
      const topic = {
        name: 't',
        id: 'abcdefghijklmnopqrstuw',
        partitions: Array(partitions).fill(partitionImage()),
      }
      return host.image.with(BigInt(partitions), { topics: [['t', topic]] })
    })
    await Promise.all(images.map(image => host.replicas.applyImage(image)))
    expect([...host.replicas.partitions()].map(partition => partition.index)).toEqual([0, 1, 2])
  })

  test('one that could not be followed does not keep the next ones from it', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const { logs } = host
    const deleteLog = logs.deleteLog.bind(logs)
    logs.deleteLog = () => Promise.reject(new Error('made to fail'))
    await expect(host.deleteTopic('t')).rejects.toThrow('made to fail')
    logs.deleteLog = deleteLog
    await host.createTopic('u')
    expect(host.partition('u').logEndOffset).toBe(0n)
  })
})

describe('the high watermark', () => {
  test('waits for the fsync where that is asked for', async () => {
    const host = await ReplicaHost.start({ durability: 'fsync' })
    await host.createTopic('t')
    let letGo = () => {}
    const held = new Promise<void>(resolve => {
      letGo = resolve
    })
    host.disk.intercept = ({ name, path }) => (name === 'sync' && path.endsWith('.log') ? held : undefined)
    const answer = produced(host, 't', ['a'])
    await settled()
    expect(host.partition('t')).toMatchObject({ highWatermark: 0n })
    letGo()
    expect(await answer).toMatchObject([{ error: 0, baseOffset: 0n }])
    expect(host.partition('t')).toMatchObject({ highWatermark: 1n, logEndOffset: 1n })
  })

  test('is that of the slowest in-sync replica, and does not wait for others', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t', { state: { replicas: [1, 2, 3], isr: [1, 2, 3] } })
    await produced(host, 't', ['a', 'b', 'c'], 1)
    const partition = host.partition('t')
    partition.recordFollowerFetch(2, 3n)
    partition.recordFollowerFetch(3, 1n)
    expect(partition.highWatermark).toBe(1n)
    partition.recordFollowerFetch(3, 0n)
    expect(partition.highWatermark).toBe(1n)
    await host.changePartition('t', 0, { isr: [1, 2] })
    expect(partition.highWatermark).toBe(3n)
  })

  test('is told to those who listen, until they leave', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const seen: bigint[] = []
    const partition = host.partition('t')
    const leave = partition.onHighWatermark(() => seen.push(partition.highWatermark))
    await produced(host, 't', ['a', 'b'])
    await produced(host, 't', ['c'])
    leave()
    await produced(host, 't', ['d'])
    expect(seen).toEqual([2n, 3n])
  })
})

describe('when the disk', () => {
  test('is full, a produce is refused, nothing waits, and later ones go on', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    await produced(host, 't', ['a'])
    const { capacityBytes } = host.disk
    host.disk.capacityBytes = 0
    expect(await produced(host, 't', ['b'])).toMatchObject([
      { error: ErrorCode.KAFKA_STORAGE_ERROR, baseOffset: -1n, logStartOffset: 0n },
    ])
    host.disk.capacityBytes = capacityBytes
    expect(await produced(host, 't', ['c'])).toMatchObject([{ error: 0, baseOffset: 1n }])
  })

  test('has failed, waiting fetches and later requests are told KAFKA_STORAGE_ERROR (T081)', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const waiting = fetched(host, [fetchTarget('t')], { maxWaitMs: 60_000 })
    await settled()
    host.disk.intercept = ({ name }) => {
      if (name === 'write') throw Object.assign(new Error('the disk is broken'), { code: 'EIO' })
    }
    expect(await produced(host, 't', ['a'])).toMatchObject([{ error: ErrorCode.KAFKA_STORAGE_ERROR }])
    expect(await waiting).toMatchObject([{ error: ErrorCode.KAFKA_STORAGE_ERROR }])
    expect(await produced(host, 't', ['a'])).toMatchObject([{ error: ErrorCode.KAFKA_STORAGE_ERROR }])
    expect(host.replicas.purgatory.size).toBe(0)
  })
})

describe('waiting fetches', () => {
  test('leave nothing behind at partitions when their time is over', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const waiting = fetched(host, [fetchTarget('t')], { maxWaitMs: 100 })
    await settled()
    expect(host.partition('t').waitingFetches).toBe(1)
    expect(host.replicas.purgatory.size).toBe(1)
    await host.clock.run(100)
    expect(await waiting).toMatchObject([{ error: 0 }])
    expect(host.partition('t').waitingFetches).toBe(0)
    expect(host.replicas.purgatory.size).toBe(0)
  })

  test('of many clients are each woken by the same produce', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const waiting = Array.from({ length: 50 }, () => fetched(host, [fetchTarget('t')], { maxWaitMs: 60_000 }))
    await settled()
    await produced(host, 't', ['a'])
    const sizes = (await Promise.all(waiting)).map(([outcome]) => outcome!.records.byteLength)
    expect(new Set(sizes)).toEqual(new Set([batchOf(['a']).length]))
  })

  test.each([
    ['T183 below what retention deletes', (host: ReplicaHost) => host.logs.applyRetention()],
    ['T183 below what DeleteRecords deletes', (host: ReplicaHost) => host.partition('t').deleteRecords(2n)],
  ] as const)('%s end at once with OFFSET_OUT_OF_RANGE', async (_, remove) => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    await produced(host, 't', ['a', 'b'])
    await host.configureTopic('t', { 'retention.bytes': '0' })
    const answer = (fetchOffset: bigint) =>
      fetched(host, [fetchTarget('t', { fetchOffset })], { maxWaitMs: 60_000, minBytes: 10_000 })
    const below = answer(1n)
    const atEnd = answer(2n)
    await settled()
    expect(host.partition('t').waitingFetches).toBe(2)
    await remove(host)
    expect(await below).toMatchObject([{ error: ErrorCode.OFFSET_OUT_OF_RANGE }])
    // Nothing was taken from this one.
    expect(host.partition('t').waitingFetches).toBe(1)
    await host.replicas.close()
    expect(await atEnd).toMatchObject([{ error: ErrorCode.NONE, logStartOffset: 2n }])
  })

  test('of followers are woken by what is written, before it is committed', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
    const follower = { replicaId: 2, isolation: 'log-end', maxWaitMs: 60_000 } as const
    const waiting = fetched(host, [fetchTarget('t')], follower)
    const consumer = fetched(host, [fetchTarget('t')], { maxWaitMs: 500 })
    await settled()
    await produced(host, 't', ['a'], 1)
    expect((await waiting)[0]).toMatchObject({ highWatermark: 0n })
    expect(host.partition('t').waitingFetches).toBe(1)
    void fetched(host, [fetchTarget('t', { fetchOffset: 1n })], follower)
    expect((await consumer)[0]!.records.byteLength).toBeGreaterThan(0)
    host.replicas.close()
  })

  test('do not wait when the broker stops, and neither do later ones', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const waiting = fetched(host, [fetchTarget('t')], { maxWaitMs: 60_000 })
    await settled()
    host.replicas.close()
    expect(await waiting).toMatchObject([{ error: 0 }])
    expect(await fetched(host, [fetchTarget('t')], { maxWaitMs: 60_000 })).toMatchObject([{ error: 0 }])
  })

  test('ends when the client has gone', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const waiter: Waiter = { isGone: false, onGone: undefined }
    const waiting = fetched(host, [fetchTarget('t')], { maxWaitMs: 2 ** 31 - 1, waiter })
    await settled()
    expect(host.replicas.purgatory.size).toBe(1)
    waiter.isGone = true
    waiter.onGone?.()
    await waiting
    expect([host.replicas.purgatory.size, waiter.onGone]).toEqual([0, undefined])
  })

  test('is answered at once where too much waits already', async () => {
    const host = await ReplicaHost.start()
    await host.createTopic('t')
    const heavy = host.replicas.purgatory.park(60_000, () => {}, 1_000_000)
    expect(await fetched(host, [fetchTarget('t')], { maxWaitMs: 60_000 })).toMatchObject([{ error: 0 }])
    heavy.leave()
    heavy.leave()
    const waiting = fetched(host, [fetchTarget('t')], { maxWaitMs: 60_000 })
    await settled()
    expect(host.replicas.purgatory.size).toBe(1)
    host.replicas.close()
    await waiting
  })
})

test('a coordinator appends to its partition and reads it back, whole batches at a time', async () => {
  const host = await ReplicaHost.start()
  await host.createTopic('__consumer_offsets')
  const log = new CoordinatorLog(host.partition('__consumer_offsets'))
  const batches = [['a', 'b'], ['c']].map(values => batchOf(values))
  for (const batch of batches) expect(await log.append(Buffer.from(batch))).toMatchObject({ error: 0 })
  expect(log).toMatchObject({ logStartOffset: 0n, logEndOffset: 3n, highWatermark: 3n })
  const read = await log.read(0n)
  expect(read.error === 0 && read.value.length).toBe(batches[0]!.length + batches[1]!.length)
  expect(await log.read(3n)).toEqual({ error: 0, value: Buffer.alloc(0) })
})
