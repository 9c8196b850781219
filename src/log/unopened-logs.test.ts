/** What the next start trusts of logs that this one could not open. */
import { describe, expect, test } from 'vitest'
import { RecordBatch } from '../records/batch.ts'
import type { Log } from './log.ts'
import { append, contents, diskError, idle, Rig } from './testing/rig.ts'

const MARK = '.kafka_cleanshutdown'
const DOUBT = '.klamm-in-doubt'

async function names(rig: Rig, path = '/data'): Promise<string[]> {
  return (await rig.memory.list(path)).map(({ name }) => name.replace(/[0-9a-f]{32}/, 'ID'))
}

/** No file under a directory of such a name can be opened. */
function withhold(rig: Rig, isMeant: (path: string) => boolean, code = 'EMFILE'): void {
  rig.memory.intercept = ({ path }) => {
    if (isMeant(path)) throw diskError(code)
  }
}

/** One byte of the records in the last batch is not what was written. */
async function tear(rig: Rig, path: string): Promise<void> {
  const bytes = await rig.memory.readFile(path)
  let last = 0
  for (let at = 0; at < bytes.length; at += new RecordBatch(bytes, at).sizeInBytes) last = at
  rig.memory.rot(path, last + 66, 1)
}

async function flushed(rig: Rig, log: Log): Promise<void> {
  await log.flush()
  await log.home.saveRecoveryPoints()
  expect(rig.offline).toEqual([])
}

describe('a log that could not be opened after a crash', () => {
  test('is checked by the start that can, though the broker was stopped cleanly in between', async () => {
    const rig = new Rig({ broker: { tailCacheBytes: 0 } })
    const log = await rig.log()
    await append(log, 'synced')
    await flushed(rig, log)
    await append(log, 'torn')
    await append(await rig.log('other'), 'value')
    await tear(rig, log.activeSegment.path)
    withhold(rig, path => path.endsWith('/topic-0'))
    await rig.crash('kept')
    expect([...rig.manager.unopened()]).toHaveLength(1)
    rig.memory.intercept = undefined
    const again = await rig.restart()
    expect([...(await contents(again)).values()]).toEqual(['synced'])
    expect([...(await contents(rig.manager.log('other', 0)!)).values()]).toEqual(['value'])
    await rig.restart()
    expect(rig.manager.wasCleanShutdown).toBe(true)
  })

  test('and is opened later in the same life is no reason to look at all of them again', async () => {
    const rig = new Rig()
    await append(await rig.log(), 'value')
    withhold(rig, path => path.endsWith('/topic-0'))
    await rig.crash('kept')
    rig.memory.intercept = undefined
    await append(await rig.log(), 'more')
    const again = await rig.restart()
    expect(rig.manager.wasCleanShutdown).toBe(true)
    expect([...(await contents(again)).values()]).toEqual(['value', 'more'])
  })

  test('is written once more by the start that can, where a sync had failed', async () => {
    const rig = new Rig()
    const log = await rig.log()
    await append(log, 'in doubt')
    log.home.goOffline(diskError('EIO'))
    await idle()
    withhold(rig, path => path.endsWith('/topic-0'))
    await rig.crash('kept')
    expect(await names(rig)).toContain(DOUBT)
    rig.memory.intercept = undefined
    const written: string[] = []
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'write') written.push(path)
    }
    await rig.restart()
    rig.memory.intercept = undefined
    expect(written).toContain('/data/topic-0/00000000000000000000.log')
    expect(await names(rig)).not.toContain(DOUBT)
  })
})

test('a log that could not be opened after a clean stop is as it was left', async () => {
  const rig = new Rig()
  await append(await rig.log(), 'value')
  await rig.manager.shutdown()
  withhold(rig, path => path.endsWith('/topic-0'))
  await rig.start()
  expect([...rig.manager.unopened()]).toHaveLength(1)
  rig.memory.intercept = undefined
  const again = await rig.restart()
  expect(rig.manager.wasCleanShutdown).toBe(true)
  expect([...(await contents(again)).values()]).toEqual(['value'])
})

test('a clean stop after a sync had failed is none', async () => {
  const rig = new Rig()
  await append(await rig.log(), 'value')
  await rig.manager.shutdown()
  const file = await rig.disk.open(`/data/${DOUBT}`, 'write')
  await file.close()
  expect(await names(rig)).toContain(MARK)
  await rig.start()
  expect(rig.manager.wasCleanShutdown).toBe(false)
})

describe('the copy of a moving log that could not be opened after a crash', () => {
  /** With a copy of all but the last value in /two, in a directory that was not closed cleanly. */
  async function crashed(code: string): Promise<Rig> {
    const rig = new Rig({ broker: { logDirs: ['/one', '/two'], tailCacheBytes: 0 } })
    const log = await rig.log()
    for (let i = 0; i < 40; i++) await append(log, `value ${i}`)
    await flushed(rig, log)
    rig.manager.setMoveRate(1)
    await rig.manager.moveLog('topic', 0, '/two')
    await idle()
    withhold(rig, path => path.endsWith('-future'), code)
    await rig.crash('kept')
    rig.memory.intercept = undefined
    return rig
  }

  test('is checked by the start that can, though the broker was stopped cleanly in between', async () => {
    const rig = await crashed('EMFILE')
    await rig.manager.settleFound(() => true)
    expect(await names(rig, '/two')).toContain('topic-0.ID-future')
    await rig.manager.shutdown()
    expect(await names(rig, '/one')).toContain(MARK)
    expect(await names(rig, '/two')).not.toContain(MARK)
    const again = (await rig.start()).log('topic', 0)!
    await rig.manager.settleFound(() => true)
    await idle()
    expect(again.home.path).toBe('/two')
    expect([...(await contents(again)).values()]).toHaveLength(40)
  })

  test('for what is in it goes, so that the next start need not look again', async () => {
    const rig = await crashed('EBADMSG')
    await rig.manager.settleFound(() => true)
    expect((await names(rig, '/two')).filter(name => name.startsWith('topic'))).toEqual(['topic-0.ID-delete'])
    await rig.manager.shutdown()
    expect(await names(rig, '/two')).toContain(MARK)
  })

  test('stays where the log itself is not there', async () => {
    const rig = await crashed('EBADMSG')
    await rig.manager.shutdown()
    rig.broker = { ...rig.broker, logDirs: ['/two'] }
    withhold(rig, path => path.endsWith('-future'), 'EBADMSG')
    await rig.start()
    rig.memory.intercept = undefined
    await rig.manager.settleFound(() => true)
    expect(await names(rig, '/two')).toContain('topic-0.ID-future')
  })
})

describe('a directory that fails once more while its logs are opened after a failed sync', () => {
  async function inDoubt(): Promise<Rig> {
    const rig = new Rig({ config: { flushMs: 1_000 } })
    for (const partition of [0, 1]) await append(await rig.log('topic', partition), 'value')
    rig.manager.log('topic', 0)!.home.goOffline(diskError('EIO'))
    await idle()
    expect(await names(rig)).toContain(DOUBT)
    return rig
  }

  test('stays in doubt', async () => {
    const rig = await inDoubt()
    let isHit = false
    rig.memory.intercept = async ({ name, path }) => {
      if (name === 'sync' && path.startsWith('/data/topic-0/') && path.endsWith('.log'))
        throw diskError('EIO')
      if (name !== 'list' || path !== '/data/topic-1' || isHit) return
      isHit = true
      await idle()
      rig.clock.advance(1_000)
      await idle()
    }
    await rig.crash('kept')
    rig.memory.intercept = undefined
    expect([...rig.manager.unopened()]).toEqual([])
    expect(rig.offline).toEqual(['/data'])
    expect(await names(rig)).toContain(DOUBT)
  })

  test('and is just forgetting it stays in doubt', async () => {
    const rig = await inDoubt()
    let isHit = false
    rig.memory.intercept = async ({ name, path }) => {
      if (name === 'sync' && path.startsWith('/data/topic-0/') && path.endsWith('.log'))
        throw diskError('EIO')
      if (name !== 'remove' || !path.endsWith(DOUBT)) return
      isHit = true
      rig.clock.advance(1_000)
      await idle()
    }
    await rig.crash('kept')
    rig.memory.intercept = undefined
    await idle()
    expect([isHit, rig.offline]).toEqual([true, ['/data']])
    expect(await names(rig)).toContain(DOUBT)
  })
})
