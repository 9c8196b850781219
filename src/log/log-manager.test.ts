import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { formatMetaProperties, parseMetaProperties, replaceFile } from './checkpoint.ts'
import { DEFAULT_LOG_CONFIG } from './log-config.ts'
import { LogManager } from './log-manager.ts'
import {
  append,
  batchOf,
  CLIENT,
  contents,
  diskError,
  idle,
  must,
  Rig,
  readBatches,
  TOPIC_ID,
} from './testing/rig.ts'

const OTHER_ID = 'k12NP7yXgbZD9GlxvumifA'
const names = async (rig: Rig, path: string) => (await rig.disk.list(path)).map(entry => entry.name)

async function put(rig: Rig, path: string, text: string): Promise<void> {
  await rig.disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
  const file = await rig.disk.open(path, 'write')
  await file.write([Buffer.from(text)], 0)
  await file.close()
}

describe('a log directory', () => {
  test('gets its identity on the first start and keeps it', async () => {
    const rig = new Rig({ broker: { nodeId: 4 } })
    await rig.start()
    const { clusterId } = rig.manager
    expect(clusterId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
    const meta = parseMetaProperties(await rig.text('/data/meta.properties'))
    expect(meta).toMatchObject({ nodeId: 4, clusterId })
    await rig.manager.shutdown()
    await rig.start()
    expect(rig.manager.clusterId).toBe(clusterId)
    expect(parseMetaProperties(await rig.text('/data/meta.properties'))).toEqual(meta)
  })

  test('of another cluster or node is refused with what to do, and left as it was', async () => {
    const rig = new Rig({ broker: { clusterId: 'TD6bj3TSQTaK7S6wczZByQ' } })
    await rig.start()
    await rig.manager.shutdown()
    const before = await rig.text('/data/meta.properties')
    rig.broker = { ...rig.broker, clusterId: 'AAAAAAAAAAAAAAAAAAAAAQ' }
    const cluster = await LogManager.open(rig.options)
    expect(cluster).toMatchObject({ error: ErrorCode.INCONSISTENT_CLUSTER_ID })
    expect((cluster as { message: string }).message).toMatch(/TD6bj3TSQTaK7S6wczZByQ.*log\.dirs/)
    rig.broker = { ...rig.broker, clusterId: 'TD6bj3TSQTaK7S6wczZByQ', nodeId: 9 }
    const node = await LogManager.open(rig.options)
    expect((node as { message: string }).message).toMatch(/node\.id=1/)
    expect(await rig.text('/data/meta.properties')).toBe(before)
    rig.broker = { ...rig.broker, nodeId: 1 }
    await rig.start()
  })

  test.each([
    ['meta.properties', 'version=2\nnode.id=1\n'],
    ['recovery-point-offset-checkpoint', '1\n0\n'],
    ['log-start-offset-checkpoint', '2\n1\ntopic 0 5 more\n'],
    ['replication-offset-checkpoint', '1\n0\n'],
    ['cleaner-offset-checkpoint', '1\n0\n'],
  ])('with a newer %s is refused, and left as it was', async (file, text) => {
    const rig = new Rig()
    await append(await rig.log(), 'a')
    await rig.manager.shutdown()
    await replaceFile(rig.disk, '/data', file, text)
    const before = await names(rig, '/data')
    const opened = await LogManager.open(rig.options)
    const version = Number(/\d/.exec(text))
    expect(opened).toMatchObject({ error: ErrorCode.KAFKA_STORAGE_ERROR })
    expect((opened as { message: string }).message).toMatch(
      new RegExp(`/data/${file} .*version ${version}.*newer.*log\\.dirs`),
    )
    expect(await rig.text(`/data/${file}`)).toBe(text)
    // Among others the mark of the clean stop.
    expect(await names(rig, '/data')).toEqual(before)
  })

  test('beside one of another cluster is refused, and neither is changed', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
    const metaOf = (clusterId: string) =>
      formatMetaProperties({ nodeId: 1, clusterId, directoryId: OTHER_ID })
    await put(rig, '/one/meta.properties', metaOf('TD6bj3TSQTaK7S6wczZByQ'))
    await put(rig, '/two/meta.properties', metaOf('AAAAAAAAAAAAAAAAAAAAAQ'))
    const opened = await LogManager.open(rig.options)
    expect(opened).toMatchObject({ error: ErrorCode.INCONSISTENT_CLUSTER_ID })
    expect((opened as { message: string }).message).toMatch(/\/two belongs to cluster A.* TD6bj/)
    expect(await rig.text('/two/meta.properties')).toBe(metaOf('AAAAAAAAAAAAAAAAAAAAAQ'))
  })

  test('in use by another broker is refused', async () => {
    const rig = new Rig()
    await rig.start()
    const second = await LogManager.open(rig.options)
    expect(second.error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((second as { message: string }).message).toMatch(/\/data is in use by another broker/)
    await rig.manager.shutdown()
    await rig.start()
  })

  test('that cannot be made or written is refused with the reason', async () => {
    const rig = new Rig()
    rig.memory.intercept = ({ name }) => {
      if (name === 'makeDirectory') throw diskError('EACCES')
    }
    const opened = await LogManager.open(rig.options)
    expect((opened as { message: string }).message).toMatch(/cannot be used .*EACCES/)
  })

  test('logs go where the fewest are', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two', '/three'] } })
    for (let partition = 0; partition < 6; partition++) await rig.log('topic', partition)
    const described = await rig.manager.describeDirectories()
    expect(described.map(directory => directory.logs.length)).toEqual([2, 2, 2])
    expect(
      described.every(directory => directory.totalBytes > 0n && directory.directoryId.length === 22),
    ).toBe(true)
  })

  test('what is not a log in it stays, and what is deleted goes', async () => {
    const rig = new Rig()
    await put(rig, '/data/notes/read.me', 'x')
    await put(rig, '/data/things-to-delete/read.me', 'x')
    await put(rig, '/data/00000000000000000000.log', 'x')
    await put(rig, '/data/lost-0.0123456789abcdef0123456789abcdef-stray/00000000000000000000.log', '')
    await put(rig, '/data/gone-0.0123456789abcdef0123456789abcdef-delete/00000000000000000000.log', '')
    await put(rig, '/data/__cluster_metadata-0/00000000000000000000.log', 'x')
    await rig.start()
    await rig.advance(1_000)
    expect(await names(rig, '/data')).toEqual(
      expect.arrayContaining([
        'notes',
        'things-to-delete',
        '00000000000000000000.log',
        'lost-0.0123456789abcdef0123456789abcdef-stray',
        '__cluster_metadata-0',
      ]),
    )
    expect((await names(rig, '/data')).some(name => name.startsWith('gone'))).toBe(false)
    expect([...rig.manager.logs()]).toEqual([])
    const warned = rig.lines.filter(line => line.level === 'warn').map(line => line.details.path)
    expect(warned).toEqual([
      '/data/lost-0.0123456789abcdef0123456789abcdef-stray',
      '/data/notes',
      '/data/things-to-delete',
    ])
  })

  test('damage behind a clean stop is met by the first append, and stops that partition alone', async () => {
    const rig = new Rig()
    const log = await rig.log('topic', 0)
    await append(log, 'a')
    await append(log, 'b')
    await append(await rig.log('topic', 1), 'c')
    const { path, sizeBytes } = log.activeSegment
    for (const size of [sizeBytes - 3, 70, sizeBytes / 2]) {
      await rig.manager.shutdown()
      const file = await rig.disk.open(path, 'write')
      await file.truncate(size)
      await file.close()
      await rig.start()
      const damaged = rig.manager.log('topic', 0)!
      expect((await damaged.append(batchOf(['x']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
      expect(damaged.isOnline).toBe(false)
      expect(rig.offline).toEqual([])
      must(await rig.manager.log('topic', 1)!.append(batchOf(['goes on']), CLIENT))
    }
  })

  test('damage that recovery cannot explain stops that partition alone', async () => {
    const rig = new Rig()
    const log = await rig.log('topic', 0)
    await append(log, 'a')
    await append(await rig.log('topic', 1), 'b')
    await rig.manager.shutdown()
    const file = await rig.disk.open(log.activeSegment.path, 'write')
    await file.truncate(70)
    await file.close()
    await rig.disk.remove(`${log.location.path}/00000000000000000001.snapshot`)
    await rig.start()
    expect(rig.manager.log('topic', 0)).toBeUndefined()
    const spec = { topic: 'topic', topicId: TOPIC_ID, partition: 0, config: rig.config, isNew: true }
    expect((await rig.manager.createLog(spec)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect([...(await contents(rig.manager.log('topic', 1)!)).values()]).toEqual(['b'])
  })

  test('a log that could not be opened goes with its topic, and leaves its name to the next one', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'a')
    await rig.manager.shutdown()
    const file = await rig.disk.open(log.activeSegment.path, 'write')
    await file.truncate(70)
    await file.close()
    await rig.disk.remove(`${log.location.path}/00000000000000000001.snapshot`)
    await rig.start()
    expect([...rig.manager.unopened()]).toMatchObject([
      { topicPartition: log.topicPartition, topicId: TOPIC_ID },
    ])
    await rig.manager.deleteLog('topic', 0)
    expect([...rig.manager.unopened()]).toEqual([])
    const spec = { topic: 'topic', topicId: OTHER_ID, partition: 0, config: rig.config, isNew: true }
    await append(must(await rig.manager.createLog(spec)), 'anew')
    await rig.advance(rig.config.fileDeleteDelayMs + 1_000)
    const logs = (await names(rig, '/data')).filter(name => name.startsWith('topic'))
    expect(logs).toEqual(['topic-0'])
    expect([...(await contents((await rig.crash())!)).values()]).toEqual(['anew'])
  })
})

test('a log knows nothing of an earlier one of its name, whose checkpoints no disk took back', async () => {
  const rig = new Rig({ broker: { maxOpenFiles: 0 } })
  const log = await rig.log()
  for (let i = 0; i < 5; i++) await append(log, `old ${i}`)
  log.updateHighWatermark(5n)
  must(await log.deleteRecordsTo(4n))
  await log.flush()
  await log.home.saveRecoveryPoints()
  await idle()
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'open' && path.endsWith('-offset-checkpoint.tmp')) throw diskError('EMFILE')
  }
  await rig.manager.deleteLog('topic', 0)
  const spec = { topic: 'topic', topicId: OTHER_ID, partition: 0, config: rig.config, isNew: true }
  expect((await rig.manager.createLog(spec)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
  expect(rig.offline).toEqual([])
  rig.memory.intercept = undefined
  const next = must(await rig.manager.createLog(spec))
  for (let i = 0; i < 2; i++) must(await next.append(batchOf([`new ${i}`]), { ...CLIENT, leaderEpoch: 3 }))
  const after = await rig.crash()
  expect([...(await contents(after)).values()]).toEqual(['new 0', 'new 1'])
  expect(after.epochForOffset(0n)).toBe(3)
})

describe('logs', () => {
  test('are created once, however many ask', async () => {
    const rig = new Rig()
    await rig.start()
    const [first, second] = await Promise.all([rig.log(), rig.log()])
    expect(first).toBe(second)
    expect(await rig.text('/data/topic-0/partition.metadata')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`)
  })

  test('belong to a topic id', async () => {
    const rig = new Rig()
    await rig.log()
    const spec = { topic: 'topic', topicId: OTHER_ID, partition: 0, config: rig.config, isNew: true }
    expect((await rig.manager.createLog(spec)).error).toBe(ErrorCode.INCONSISTENT_TOPIC_ID)
    expect((await rig.restart()).topicId).toBe(TOPIC_ID)
  })

  test('are gone at once when deleted, later from the disk, and can be made anew meanwhile', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'old')
    const deleted = rig.manager.deleteLog('topic', 0)
    expect(rig.manager.log('topic', 0)).toBeUndefined()
    const again = await rig.log()
    await deleted
    expect((await log.append(batchOf(['x']), CLIENT)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(await append(again, 'new')).toBe(0n)
    const aside = (await names(rig, '/data')).filter(name => name.startsWith('topic-0.'))
    expect(aside).toEqual([expect.stringMatching(/^topic-0\.[0-9a-f]{32}-delete$/)])
    await rig.advance(61_000)
    expect((await names(rig, '/data')).filter(name => name.startsWith('topic-0.'))).toEqual([])
    expect([...(await contents(await rig.restart())).values()]).toEqual(['new'])
  })

  test('of a name that is too long for a suffix are deleted all the same', async () => {
    const rig = new Rig()
    const topic = 't'.repeat(249)
    await append(await rig.log(topic, 3), 'x')
    await rig.manager.deleteLog(topic, 3)
    const aside = (await names(rig, '/data')).find(name => name.endsWith('-delete'))!
    expect(aside).toHaveLength(255)
    expect(aside).toMatch(/^t+-3\.[0-9a-f]{32}-delete$/)
  })

  test('deleted just before a stop are removed at the next start', async () => {
    const rig = new Rig()
    await append(await rig.log(), 'x')
    await rig.manager.deleteLog('topic', 0)
    await rig.manager.shutdown()
    await rig.start()
    await rig.advance(1_000)
    expect((await names(rig, '/data')).filter(name => name.startsWith('topic'))).toEqual([])
  })

  test('that are opened late get the configuration of their topic all the same', async () => {
    const rig = new Rig()
    const config = { ...DEFAULT_LOG_CONFIG, flushMessages: 1 }
    const spec = { topic: 'topic', topicId: TOPIC_ID, partition: 0, config, isNew: false }
    await append(await rig.log(), 'first')
    await rig.manager.shutdown()
    rig.memory.intercept = ({ path }) => {
      if (path.endsWith('/topic-0')) throw diskError('EMFILE')
    }
    await rig.start()
    expect((await rig.manager.createLog(spec)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    rig.memory.intercept = undefined
    const log = must(await rig.manager.createLog(spec))
    expect(log.config).toBe(config)
    await append(log, 'acknowledged')
    expect([...(await contents(await rig.crash('lost'))).values()]).toEqual(['first', 'acknowledged'])
  })

  test('take a new configuration at run time', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'a')
    rig.manager.updateConfig('topic', 1, { ...DEFAULT_LOG_CONFIG, segmentBytes: 100 })
    await append(log, 'b')
    expect(log.segments).toHaveLength(2)
  })
})

describe('retention', () => {
  const HOUR = 3_600_000
  const start = 1_700_000_000_000

  async function aged(
    config: Partial<typeof DEFAULT_LOG_CONFIG>,
  ): Promise<{ rig: Rig; log: Awaited<ReturnType<Rig['log']>> }> {
    const rig = new Rig({ config: { segmentBytes: 200, ...config } })
    const log = await rig.log()
    for (let i = 0; i < 10; i++)
      must(await log.append(batchOf(['xxxxxxxxx', 'yyyyyyyyy'], { at: start + i * HOUR }), CLIENT))
    log.updateHighWatermark(log.logEndOffset)
    return { rig, log }
  }

  test('T183 by time: segments go when all is too old in them, and the log start moves', async () => {
    const { rig, log } = await aged({ retentionMs: 20 * HOUR })
    const base = (i: number) => log.segments[i]!.baseOffset
    const second = base(1)
    rig.clock.advance(20 * HOUR)
    await idle()
    expect(log.logStartOffset).toBe(0n)
    rig.clock.advance(HOUR * 2)
    await rig.manager.applyRetention()
    expect(log.logStartOffset).toBeGreaterThanOrEqual(second)
    expect(log.logStartOffset).toBe(base(0))
    const early = await log.read(0n, { maxBytes: 1, maxOffset: 20n, minOneBatch: true })
    expect(early.error).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await rig.restart()).logStartOffset).toBe(base(0))
  })

  test('T183 the active segment is rolled and goes too when all of it is too old', async () => {
    const { rig, log } = await aged({ retentionMs: HOUR })
    rig.clock.advance(100 * HOUR)
    await rig.manager.applyRetention()
    expect([log.logStartOffset, log.logEndOffset]).toEqual([20n, 20n])
    expect(log.sizeBytes).toBe(0)
    expect(await append(log, 'next')).toBe(20n)
    expect(await readBatches(log, 20n)).toHaveLength(1)
  })

  test.each([-1, 0])('goes on where segment %i of a log is damaged, and behind it', async at => {
    const { rig, log } = await aged({ retentionMs: 20 * HOUR })
    const other = await rig.log('topic', 1)
    must(await other.append(batchOf(['value'], { at: start }), CLIENT))
    const { path, baseOffset } = log.segments.at(at)!
    await rig.manager.shutdown()
    rig.memory.rot(path, 16, 4)
    await rig.start()
    for (const found of rig.manager.logs()) found.updateHighWatermark(found.logEndOffset)
    rig.clock.advance(100 * HOUR)
    await rig.manager.applyRetention()
    const [damaged, whole] = [0, 1].map(partition => rig.manager.log('topic', partition)!)
    expect(damaged!.logStartOffset).toBe(at === 0 ? 20n : baseOffset)
    expect(whole!.logStartOffset).toBe(1n)
  })

  test('deletes what is damaged when its time index says so', async () => {
    const { rig, log } = await aged({ retentionMs: 20 * HOUR })
    const { path } = log.segments[0]!
    rig.memory.rot(path, 16, 4)
    const again = await rig.restart()
    again.updateHighWatermark(20n)
    // The last batch of the segment is an hour younger than its first.
    rig.clock.advance(20.5 * HOUR)
    await rig.manager.applyRetention()
    expect(again.logStartOffset).toBe(0n)
    rig.clock.advance(HOUR)
    await rig.manager.applyRetention()
    expect(again.logStartOffset).toBeGreaterThan(0n)
  })

  test('by size: the oldest segments beyond the bound go', async () => {
    const { rig, log } = await aged({ retentionMs: -1, retentionBytes: 500 })
    const before = log.sizeBytes
    const first = log.segments[0]!.sizeBytes
    await rig.manager.applyRetention()
    expect(log.sizeBytes).toBeLessThan(before)
    expect(log.sizeBytes).toBeGreaterThanOrEqual(500)
    expect(log.sizeBytes - first).toBeLessThan(500)
  })

  test('never goes beyond the high watermark, and a compacted topic keeps what is old', async () => {
    const { rig, log } = await aged({ retentionMs: HOUR })
    log.updateHighWatermark(5n)
    rig.clock.advance(100 * HOUR)
    await rig.manager.applyRetention()
    expect(log.logStartOffset).toBeLessThanOrEqual(5n)
    rig.manager.updateConfig('topic', 1, { ...log.config, cleanupPolicy: ['compact'] })
    log.updateHighWatermark(20n)
    const kept = log.logStartOffset
    await rig.manager.applyRetention()
    expect(log.logStartOffset).toBe(kept)
  })

  test('beside a truncation leaves the segment that has become the last one', async () => {
    for (let delay = 0; delay < 150; delay += 2) {
      const { rig, log } = await aged({ retentionMs: HOUR })
      rig.clock.advance(100 * HOUR)
      const [, second] = log.segments
      const truncated = log.truncateTo(second!.baseOffset)
      for (let i = 0; i < delay; i++) await null
      await Promise.all([truncated, rig.manager.applyRetention()])
      expect(log.segments.length).toBeGreaterThan(0)
      expect(log.segments[0]!.baseOffset).toBeLessThanOrEqual(log.logStartOffset)
      expect(await append(log, 'next')).toBe(log.logEndOffset - 1n)
    }
  })

  test('a log start that a dead broker had not made durable is so once it is taken over', async () => {
    const { rig, log } = await aged({ retentionMs: -1 })
    await log.flush()
    rig.memory.intercept = ({ name, path }) =>
      name === 'syncDirectory' && path === '/data' ? new Promise(() => {}) : undefined
    void log.deleteRecordsTo(7n)
    await idle()
    rig.memory.intercept = undefined
    expect((await rig.crash('kept')).logStartOffset).toBe(7n)
    expect((await rig.crash('lost')).logStartOffset).toBe(7n)
  })

  test('T046 deleting records moves the log start and drops segments, crash or not', async () => {
    const { rig, log } = await aged({ retentionMs: -1 })
    expect((await log.deleteRecordsTo(21n)).error).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(must(await log.deleteRecordsTo(7n)).logStartOffset).toBe(7n)
    expect(log.segments[0]!.baseOffset).toBeLessThanOrEqual(7n)
    expect(log.segments[1]!.baseOffset).toBeGreaterThan(7n)
    expect(must(await log.deleteRecordsTo(3n)).logStartOffset).toBe(7n)
    expect(await append(log, 'next')).toBe(20n)
    const again = await rig.crash()
    expect(again.logStartOffset).toBe(7n)
    expect((await contents(again)).size).toBe(14)
  })
})

describe('shutdown', () => {
  test('T181 leaves watermark, ends and epochs for a clean start, and nothing behind', async () => {
    const rig = new Rig()
    let log = await rig.log()
    await log.assignLeaderEpoch(3)
    must(await log.append(batchOf(['a', 'b']), { leaderEpoch: 3, origin: 'client' }))
    log.updateHighWatermark(1n)
    log = await rig.restart()
    expect([log.highWatermark, log.logEndOffset, log.latestEpoch]).toEqual([1n, 2n, 3])
    await rig.manager.shutdown()
    await idle()
    expect(rig.clock.pendingTimers).toBe(0)
    expect(await rig.text('/data/replication-offset-checkpoint')).toBe('0\n1\ntopic 0 1\n')
    expect(await rig.text('/data/recovery-point-offset-checkpoint')).toBe('0\n1\ntopic 0 2\n')
    expect(await rig.text('/data/.kafka_cleanshutdown')).toBe('{"version":0,"brokerEpoch":-1}')
  })

  test('waits for what is under way and refuses what comes later', async () => {
    const rig = new Rig()
    const log = await rig.log()
    const pending = append(log, 'a')
    const closing = rig.manager.shutdown()
    const late = log.append(batchOf(['late']), CLIENT)
    expect(await pending).toBe(0n)
    await closing
    expect([0, ErrorCode.KAFKA_STORAGE_ERROR]).toContain((await late).error)
    await rig.start()
    expect(rig.manager.log('topic', 0)!.logEndOffset).toBe((await late).error === 0 ? 2n : 1n)
  })
})

describe('truncation', () => {
  test('drops what a follower wrote beyond its leader, with its producers, epochs and indexes', async () => {
    const rig = new Rig({ config: { segmentBytes: 300, indexIntervalBytes: 100 } })
    const log = await rig.log()
    for (let i = 0; i < 20; i++) {
      const batch = batchOf([`${i}`], { producerId: 4n, producerEpoch: 0, baseSequence: i })
      must(await log.append(batch, { leaderEpoch: i < 10 ? 1 : 2, origin: 'client' }))
    }
    log.updateHighWatermark(20n)
    await log.truncateTo(7n)
    expect([log.logEndOffset, log.highWatermark, log.latestEpoch]).toEqual([7n, 7n, 1])
    expect(log.activeProducers()).toMatchObject([{ lastSequence: 6 }])
    expect((await contents(log)).size).toBe(7)
    must(await log.append(batchOf(['7'], { producerId: 4n, producerEpoch: 0, baseSequence: 7 }), CLIENT))
    const again = await rig.restart()
    expect([...(await contents(again)).keys()]).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n])
    expect((await again.offsetForTimestamp(1_700_000_000_000n))?.offset).toBe(0n)
  })

  test('of everything begins anew where it is told', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'a')
    await log.truncateFullyAndStartAt(100n)
    expect([log.logStartOffset, log.logEndOffset]).toEqual([100n, 100n])
    expect(await append(log, 'b')).toBe(100n)
    const again = await rig.restart()
    expect([...(await contents(again)).keys()]).toEqual([100n])
  })

  test('appends that come while it runs are refused', async () => {
    const log = await new Rig().log()
    await append(log, 'a', 'b')
    const cut = log.truncateTo(1n)
    const late = log.append(batchOf(['late']), CLIENT)
    await cut
    expect((await late).error).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(await append(log, 'c')).toBe(1n)
  })
})
