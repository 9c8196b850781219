/** Several log directories, one of which does not work, or comes back. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { LogManager } from './log-manager.ts'
import { append, contents, diskError, idle, must, Rig, TOPIC_ID } from './testing/rig.ts'

const OTHER_ID = 'k12NP7yXgbZD9GlxvumifA'

function newRig(): Rig {
  return new Rig({ broker: { logDirs: ['/one', '/two', '/three'] } })
}

/** Every call for a directory fails, until it is mended. */
function breakDisk(rig: Rig, directory: string): void {
  rig.memory.intercept = ({ path }) => {
    if (path.startsWith(directory)) throw diskError('EIO')
  }
}

const spec = (rig: Rig, partition: number, isNew: boolean) => ({
  topic: 'topic',
  topicId: TOPIC_ID,
  partition,
  config: rig.config,
  isNew,
})

test('logs that are made at once are spread too', async () => {
  const rig = newRig()
  await rig.start()
  await Promise.all([0, 1, 2, 3, 4, 5].map(partition => rig.manager.createLog(spec(rig, partition, true))))
  const described = await rig.manager.describeDirectories()
  expect(described.map(({ logs }) => logs.length)).toEqual([2, 2, 2])
})

describe('a directory that fails', () => {
  test('takes its logs offline, and no others', async () => {
    const rig = newRig()
    await rig.start()
    const logs = await Promise.all([0, 1, 2].map(partition => rig.log('topic', partition)))
    const lost = logs.filter(({ home }) => home.path === '/two').map(({ name }) => name)
    breakDisk(rig, '/two')
    await Promise.all(logs.map(log => append(log, 'value').catch(() => {})))
    expect(rig.offline).toEqual(['/two'])
    expect(logs.filter(log => !log.isOnline).map(({ name }) => name)).toEqual(lost)
    expect((await rig.log('topic', 3)).home.path).not.toBe('/two')
  })

  test('and is the last one says so', async () => {
    const rig = newRig()
    await rig.start()
    const logs = await Promise.all([0, 1, 2].map(partition => rig.log('topic', partition)))
    let lost = 0
    const opened = rig.manager
    await opened.shutdown()
    rig.manager = must(await LogManager.open({ ...rig.options, onAllOffline: () => lost++ }))
    for (const { topicPartition } of logs) {
      expect(lost).toBe(0)
      const log = rig.manager.log('topic', topicPartition.partition)!
      breakDisk(rig, log.home.path)
      await append(log, 'value').catch(() => {})
      await idle()
    }
    const described = await rig.manager.describeDirectories()
    expect(described.map(({ isOnline }) => isOnline)).toEqual([false, false, false])
    expect(lost).toBe(1)
  })
})

describe('a directory that does not work at the start', () => {
  test('is offline; what was in it is not begun anew elsewhere, and is back with it', async () => {
    const rig = newRig()
    for (const partition of [0, 1, 2]) await append(await rig.log('topic', partition), `value ${partition}`)
    const missing = [0, 1, 2].find(partition => rig.manager.log('topic', partition)!.home.path === '/two')!
    await rig.manager.shutdown()
    breakDisk(rig, '/two')
    await rig.start()
    await rig.manager.settleFound(() => true)
    for (const partition of [0, 1, 2]) {
      const found = await rig.manager.createLog(spec(rig, partition, false))
      expect(found.error, `${partition}`).toBe(partition === missing ? ErrorCode.KAFKA_STORAGE_ERROR : 0)
    }
    expect((await rig.manager.createLog(spec(rig, 3, true))).error).toBe(ErrorCode.NONE)
    expect((await rig.manager.describeDirectories()).map(({ isOnline }) => isOnline)).toEqual([
      true,
      false,
      true,
    ])
    rig.memory.intercept = undefined
    await rig.manager.shutdown()
    await rig.start()
    const back = must(await rig.manager.createLog(spec(rig, missing, false)))
    expect([...(await contents(back)).values()]).toEqual([`value ${missing}`])
  })

  test('and is the first one keeps the broker from starting', async () => {
    const rig = newRig()
    breakDisk(rig, '/one')
    const opened = await LogManager.open(rig.options)
    expect((opened as { message: string }).message).toMatch(/\/one cannot be used .*EIO/)
  })
})

describe('two logs of one partition', () => {
  async function twoLogs(rig: Rig, secondId: string): Promise<void> {
    const log = await rig.log()
    for (let i = 0; i < 3; i++) await append(log, `value ${i}`)
    await rig.manager.shutdown()
    const other = log.home.path === '/one' ? '/two' : '/one'
    rig.broker = { ...rig.broker, logDirs: [other] }
    await rig.start()
    const second = must(await rig.manager.createLog({ ...spec(rig, 0, true), topicId: secondId }))
    await append(second, 'other')
    await rig.manager.shutdown()
    rig.broker = { ...rig.broker, logDirs: ['/one', '/two'] }
    await rig.start()
  }

  test('of the same topic: the longer one stays, the other is set aside', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
    await twoLogs(rig, TOPIC_ID)
    await rig.manager.settleFound(() => true)
    expect([...(await contents(rig.manager.log('topic', 0)!)).values()]).toEqual([
      'value 0',
      'value 1',
      'value 2',
    ])
    const all = [...(await rig.disk.list('/one')), ...(await rig.disk.list('/two'))].map(({ name }) => name)
    expect(all.filter(name => name.startsWith('topic-0'))).toHaveLength(2)
    expect(all.filter(name => name.endsWith('-stray'))).toHaveLength(1)
  })

  /** After a crash: the longer one is not synced, and the other has come back. Returns where they are. */
  async function twoAfterCrash(rig: Rig): Promise<{ readonly path: string; readonly other: string }> {
    await twoLogs(rig, TOPIC_ID)
    await rig.manager.settleFound(() => true)
    const path = rig.manager.log('topic', 0)!.home.path
    const other = path === '/one' ? '/two' : '/one'
    await rig.manager.shutdown()
    const [stray] = (await rig.disk.list(other)).filter(({ name }) => name.endsWith('-stray'))
    rig.broker = { ...rig.broker, logDirs: [path] }
    await rig.start()
    await append(rig.manager.log('topic', 0)!, 'not synced')
    await rig.disk.rename(`${other}/${stray!.name}`, `${other}/topic-0`)
    await rig.disk.syncDirectory(other)
    rig.broker = { ...rig.broker, logDirs: ['/one', '/two'] }
    await rig.crash('kept')
    return { path, other }
  }

  const ALL = ['value 0', 'value 1', 'value 2', 'not synced']
  const logsIn = async (rig: Rig, path: string) =>
    (await rig.disk.list(path)).map(({ name }) => name.replace(/[0-9a-f]{32}/, 'ID')).filter(isLog)
  const isLog = (name: string) => name.startsWith('topic')

  test('of the same topic: what stays is durable before the other is set aside', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
    const { other } = await twoAfterCrash(rig)
    await rig.manager.settleFound(() => true)
    expect(await logsIn(rig, other)).toEqual(['topic-0.ID-stray'])
    const after = await rig.crash('lost')
    expect([...(await contents(after)).values()]).toEqual(ALL)
  })

  test('of the same topic: a full disk does not keep the broker from choosing', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] }, config: { indexIntervalBytes: 1 } })
    const { other } = await twoAfterCrash(rig)
    rig.memory.intercept = ({ name }) => {
      if (name === 'write' || name === 'truncate') throw diskError('ENOSPC')
    }
    await rig.manager.settleFound(() => true)
    rig.memory.intercept = undefined
    expect(await logsIn(rig, other)).toEqual(['topic-0.ID-stray'])
    const after = await rig.crash('lost')
    expect([...(await contents(after)).values()]).toEqual(ALL)
  })

  describe.each(['EMFILE', 'EIO'])('and what stays cannot be made durable for %s:', code => {
    async function bothKept(): Promise<{ rig: Rig; path: string; other: string }> {
      const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
      const { path, other } = await twoAfterCrash(rig)
      rig.memory.intercept = operation => {
        if (operation.name.startsWith('sync') && operation.path.startsWith(path)) throw diskError(code)
      }
      await rig.manager.settleFound(() => true)
      rig.memory.intercept = undefined
      await idle()
      expect(rig.offline).toEqual(code === 'EIO' ? [path] : [])
      expect([await logsIn(rig, path), await logsIn(rig, other)]).toEqual([['topic-0'], ['topic-0']])
      return { rig, path, other }
    }

    test('both stay, and the next start chooses', async () => {
      const { rig, path, other } = await bothKept()
      expect(rig.manager.log('topic', 0)!.home.path).toBe(path)
      await rig.manager.shutdown()
      await rig.start()
      await rig.manager.settleFound(() => true)
      expect(await logsIn(rig, other)).toEqual(['topic-0.ID-stray'])
      const after = await rig.crash('lost')
      expect([...(await contents(after)).values()]).toEqual(ALL)
    })

    test('and nothing is put where the second one is', async () => {
      const { rig, path, other } = await bothKept()
      expect((await rig.manager.moveLog('topic', 0, other)).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
      await rig.manager.deleteLog('topic', 0)
      const created = await rig.manager.createLog({ ...spec(rig, 0, true), topicId: OTHER_ID })
      expect(created.error).toBe(code === 'EIO' ? ErrorCode.KAFKA_STORAGE_ERROR : 0)
      if (created.error === 0) expect(created.value.home.path).toBe(path)
      await rig.manager.shutdown()
      const left = (await rig.start()).log('topic', 0)!
      await rig.manager.settleFound(({ topicId }) => topicId === OTHER_ID)
      if (created.error === 0) expect([left.topicId, left.logEndOffset]).toEqual([OTHER_ID, 0n])
    })
  })

  test.each(['/one', '/two'])(
    'of the same length: what was deleted in %s alone stays deleted',
    async path => {
      const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
      await twoLogs(rig, TOPIC_ID)
      const lives = ['/one', '/two'].sort(directory => (directory === path ? 1 : -1))
      await rig.manager.shutdown()
      for (const directory of lives) {
        rig.broker = { ...rig.broker, logDirs: [directory] }
        await rig.start()
        const log = rig.manager.log('topic', 0)!
        while (log.logEndOffset < 3n) await append(log, 'more')
        log.updateHighWatermark(3n)
        if (directory === path) must(await log.deleteRecordsTo(2n))
        await rig.manager.shutdown()
      }
      rig.broker = { ...rig.broker, logDirs: ['/one', '/two'] }
      await rig.start()
      await rig.manager.settleFound(() => true)
      expect(rig.manager.log('topic', 0)).toMatchObject({ logStartOffset: 2n, logEndOffset: 3n })
    },
  )

  test('of two topics of that name: the one that the metadata knows stays', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
    await twoLogs(rig, OTHER_ID)
    await rig.manager.settleFound(({ topicId }) => topicId === OTHER_ID)
    expect([...(await contents(rig.manager.log('topic', 0)!)).values()]).toEqual(['other'])
  })
})
