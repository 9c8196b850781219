import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { NodeDisk } from '../platform/node-disk.ts'
import { append, batchOf, CLIENT, contents, must, Rig, readBatches } from './testing/rig.ts'

/** The same on the machine's own disk; `crash` needs one in memory. */
const DISKS = [
  ['in memory', () => new Rig()],
  [
    'on the machine',
    () => new Rig({ disk: new NodeDisk(), broker: { logDirs: [mkdtempSync(join(tmpdir(), 'klamm-log-'))] } }),
  ],
] as const

const used: Rig[] = []
afterEach(async () => {
  for (const rig of used.splice(0)) {
    await rig.manager.shutdown()
    for (const path of rig.broker.logDirs) rmSync(path, { recursive: true, force: true })
  }
})

describe.each(DISKS)('on a disk %s', (_, make) => {
  function small(): Rig {
    const rig = make()
    rig.config = { ...rig.config, segmentBytes: 4_000, indexIntervalBytes: 300 }
    used.push(rig)
    return rig
  }

  test('a log is written, read, trimmed, cut, closed and opened again', async () => {
    const rig = small()
    const log = await rig.log()
    const values = Array.from({ length: 300 }, (_, i) => `value ${i} ${'x'.repeat(i % 70)}`)
    await Promise.all(values.map(value => append(log, value)))
    expect(log.segments.length).toBeGreaterThan(3)
    log.updateHighWatermark(300n)
    must(await log.deleteRecordsTo(100n))
    await log.truncateTo(250n)
    const again = await rig.restart()
    expect(rig.manager.wasCleanShutdown).toBe(true)
    expect([again.logStartOffset, again.logEndOffset]).toEqual([100n, 250n])
    expect([...(await contents(again)).values()]).toEqual(values.slice(100, 250))
    expect((await again.offsetForTimestamp(0n))?.offset).toBe(100n)
    await rig.manager.deleteLog('topic', 0)
    expect(await append(await rig.log(), 'anew')).toBe(0n)
  })

  test('older records are read from files, in parts and at once by many', async () => {
    const rig = small()
    rig.broker = { ...rig.broker, tailCacheBytes: 0, maxOpenFiles: 2 }
    const log = await rig.log()
    for (let i = 0; i < 100; i++) await append(log, `value ${i}`)
    const all = await Promise.all(Array.from({ length: 10 }, () => contents(log)))
    for (const found of all) expect(found.size).toBe(100)
  })

  test('the files are those of a disk of the other kind', async () => {
    const write = async (rig: Rig) => {
      const log = await rig.log()
      for (let i = 0; i < 60; i++) {
        must(
          await log.append(
            batchOf([`value ${i}`], { producerId: 3n, producerEpoch: 0, baseSequence: i }),
            CLIENT,
          ),
        )
      }
      await rig.manager.shutdown()
      const root = log.location.path
      const names = (await rig.disk.list(root)).map(entry => entry.name)
      return Promise.all(names.map(async name => [name, await rig.disk.readFile(`${root}/${name}`)] as const))
    }
    const memory = new Rig({ config: { segmentBytes: 1_000, indexIntervalBytes: 200 } })
    const rig = small()
    rig.config = memory.config
    expect(await write(rig)).toEqual(await write(memory))
  })
})

describe('append', () => {
  test('offsets are given in order, and the batches come back', async () => {
    const log = await new Rig().log()
    expect(await append(log, 'a', 'b')).toBe(0n)
    expect(await append(log, 'c')).toBe(2n)
    expect(log.logEndOffset).toBe(3n)
    expect(await contents(log)).toEqual(
      new Map([
        [0n, 'a'],
        [1n, 'b'],
        [2n, 'c'],
      ]),
    )
  })

  test('everything is there after a clean restart, without a scan', async () => {
    const rig = new Rig({ config: { segmentBytes: 400, indexIntervalBytes: 100 } })
    const log = await rig.log()
    for (let i = 0; i < 50; i++) await append(log, `value ${i}`)
    expect(log.segments.length).toBeGreaterThan(5)
    const again = await rig.restart()
    expect(again.logEndOffset).toBe(50n)
    expect((await contents(again)).size).toBe(50)
    expect(rig.manager.wasCleanShutdown).toBe(true)
  })

  test('what one turn appends goes out as one write', async () => {
    const rig = new Rig()
    const log = await rig.log()
    let writes = 0
    rig.memory.intercept = ({ name, path }) => {
      if (name === 'write' && path.endsWith('.log')) writes++
    }
    const results = await Promise.all([1, 2, 3, 4, 5].map(i => log.append(batchOf([`${i}`]), CLIENT)))
    expect(results.map(result => must(result).baseOffset)).toEqual([0n, 1n, 2n, 3n, 4n])
    // The first append of a segment decides on its time of birth, and goes alone.
    expect(writes).toBe(2)
  })

  test('an unclean stop keeps what was acknowledged when only the process died', async () => {
    const rig = new Rig({ config: { segmentBytes: 400 } })
    const log = await rig.log()
    for (let i = 0; i < 50; i++) await append(log, `value ${i}`)
    const again = await rig.crash()
    expect(rig.manager.wasCleanShutdown).toBe(false)
    expect(again.logEndOffset).toBe(50n)
    expect((await contents(again)).size).toBe(50)
  })

  test('a read before the start or behind the end is out of range', async () => {
    const log = await new Rig().log()
    await append(log, 'a')
    const options = { maxBytes: 100, maxOffset: 1n, minOneBatch: true }
    expect((await log.read(2n, options)).error).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect((await log.read(-1n, options)).error).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    expect(must(await log.read(1n, options)).records.byteLength).toBe(0)
    expect(await readBatches(log, 0n)).toHaveLength(1)
  })
})
