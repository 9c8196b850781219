import { expect, test } from 'vitest'
import { entriesOf, latest, put } from './testing/keyed.ts'
import { Rig } from './testing/rig.ts'

const COMPACT = { cleanupPolicy: ['compact'] as const, segmentBytes: 1_000, minCleanableDirtyRatio: 0.01 }

test('the last value of each key stays, at its offset', async () => {
  const rig = new Rig({ config: COMPACT })
  const log = await rig.log()
  for (let i = 0; i < 100; i++) await put(log, [`key-${i % 7}`, `value-${i} ${'x'.repeat(50)}`])
  const before = await entriesOf(log)
  await rig.advance(16_000)
  const after = await entriesOf(log)
  expect(after.length).toBeLessThan(before.length)
  expect(latest(after)).toEqual(latest(before))
  for (const entry of after) expect(before).toContainEqual(entry)
})
