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

  test('of the same topic: what stays is durable before the other is set aside', async () => {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'] } })
    await twoLogs(rig, TOPIC_ID)
    await rig.manager.settleFound(() => true)
    const path = rig.manager.log('topic', 0)!.home.path
    await rig.manager.shutdown()
    const [stray] = (await rig.disk.list(path === '/one' ? '/two' : '/one')).filter(({ name }) =>
      name.endsWith('-stray'),
    )
    rig.broker = { ...rig.broker, logDirs: [path] }
    await rig.start()
    await append(rig.manager.log('topic', 0)!, 'not synced')
    const other = path === '/one' ? '/two' : '/one'
    await rig.disk.rename(`${other}/${stray!.name}`, `${other}/topic-0`)
    await rig.disk.syncDirectory(other)
    rig.broker = { ...rig.broker, logDirs: ['/one', '/two'] }
    await rig.crash('kept')
    await rig.manager.settleFound(() => true)
    const after = await rig.crash('lost')
    expect([...(await contents(after)).values()]).toEqual(['value 0', 'value 1', 'value 2', 'not synced'])
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
