import { expect, test } from 'vitest'
import type { Log } from './log.ts'
import { append, diskError, idle, Rig, readBatches } from './testing/rig.ts'

/** A durable log of several segments, all of which are too old by now. */
async function expired(): Promise<{ rig: Rig; log: Log }> {
  const rig = new Rig({ config: { segmentBytes: 200, retentionMs: 1_000 } })
  const log = await rig.log()
  for (let i = 0; i < 10; i++) await append(log, `value ${i} ${'x'.repeat(30)}`)
  log.updateHighWatermark(log.logEndOffset)
  await log.flush()
  rig.memory.syncAll()
  rig.clock.advance(60_000)
  return { rig, log }
}

test('retention on a disk too full for a checkpoint is in force when no power failure takes it back', async () => {
  const { rig, log } = await expired()
  const reads: Promise<unknown>[] = []
  const starts: bigint[] = []
  const bases = log.segments.map(({ baseOffset }) => baseOffset)
  log.tail.clear()
  rig.memory.intercept = async ({ name, path }) => {
    if (name === 'write' && path.includes('log-start')) throw diskError('ENOSPC')
    const isAboutToGo = log.logStartOffset < log.logEndOffset
    if (name !== 'syncDirectory' || path !== '/data/topic-0' || !isAboutToGo) return
    starts.push(log.logStartOffset)
    reads.push(readBatches(log, log.logStartOffset).catch(({ message }) => message))
    await idle()
  }
  await rig.manager.applyRetention()
  rig.memory.intercept = undefined
  expect(starts).toEqual(bases)
  // Whoever was there before waits, and is told.
  for (const read of await Promise.all(reads)) expect(read).toMatch(/is not between/)
  expect((await rig.crash('lost')).logStartOffset).toBe(log.logEndOffset)
})

test('retention that a power failure breaks off on a full disk leaves the log start as it was seen', async () => {
  const { rig, log } = await expired()
  let reached: () => void
  const atSync = new Promise<void>(resolve => {
    reached = resolve
  })
  rig.memory.intercept = ({ name, path }) => {
    if (name === 'write' && path.includes('log-start')) throw diskError('ENOSPC')
    if (name !== 'syncDirectory' || path !== '/data/topic-0') return undefined
    reached()
    return new Promise(() => {})
  }
  void rig.manager.applyRetention()
  await atSync
  const seen = log.logStartOffset
  rig.memory.intercept = undefined
  expect((await rig.crash('lost')).logStartOffset).toBe(seen)
})
