import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { append, batchOf, CLIENT, contents, must, Rig, readBatches } from './testing/rig.ts'

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
