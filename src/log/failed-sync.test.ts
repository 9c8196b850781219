/** What a broker trusts after a sync has failed, in its next life and after a power failure. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { append, batchOf, CLIENT, contents, diskError, idle, Rig, TOPIC_ID } from './testing/rig.ts'

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
