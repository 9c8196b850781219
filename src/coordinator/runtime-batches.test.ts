/** How records become batches: compression and linger. */
import { describe, expect, test } from 'vitest'
import { ok } from '../../protocol/errors.ts'
import { reply } from './shard.ts'
import {
  batchesInLog,
  compressionsInLog,
  host,
  machine,
  record,
  restart,
  runtime,
  say,
  soFar,
  start,
  turns,
  useWords,
} from './testing/words.ts'

useWords()

describe('compression', () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`batches are written in ${compression}, and read again`, async () => {
      await start({ compression })
      const words = ['y'.repeat(300), 'z'.repeat(300)]
      await say(...words)
      expect(await compressionsInLog()).toEqual([compression])
      await runtime.close()
      await host.restart()
      // The next start may have another codec.
      await start()
      expect(machine().words).toEqual(words)
    })
  }

  test('the batches of transactions are compressed, their markers are not', async () => {
    await start({ compression: 'gzip' })
    const producer = { producerId: 7n, producerEpoch: 1 }
    const marker = { ...producer, coordinatorEpoch: 3, isCommit: true }
    await runtime.run<string>(0, (_, ticket) => ({
      records: [record('staged')],
      producer,
      marker,
      replies: [reply(ticket, 'done')],
    }))
    expect(await compressionsInLog()).toEqual(['gzip', 'none'])
    await restart()
    expect(machine().words).toEqual(['staged of 7'])
    expect(machine().markers).toEqual([marker])
  })

  test('what is too large as it is fits when it is small enough compressed', async () => {
    await start({ compression: 'gzip' })
    const long = 'x'.repeat(5_000)
    expect(await say(long)).toEqual(ok(long))
    expect(await say('next')).toEqual(ok('next'))
    expect(machine().offsets).toEqual([0n, 1n])
  })
})

describe('the linger', () => {
  test('gathers what commands bring within its time', async () => {
    await start({ appendLingerMs: 10 })
    const said = [say('a')]
    await host.clock.run(9)
    said.push(say('b'))
    expect(await soFar(said[0]!)).toBe('waiting')
    expect(await batchesInLog()).toBe(0)
    await host.clock.run(1)
    expect(await Promise.all(said)).toEqual([ok('a'), ok('b')])
    expect(await batchesInLog()).toBe(1)
  })

  test('ends early for a batch that is full', async () => {
    await start({ appendLingerMs: 60_000, maxBatchBytes: () => 250 })
    const long = 'x'.repeat(100)
    const said = [say(long), say(long)]
    expect(await said[0]).toEqual(ok(long))
    expect(await soFar(said[1]!)).toBe('waiting')
    expect(await batchesInLog()).toBe(1)
  })

  test('of 0 gives each command a batch of its own', async () => {
    await start({ appendLingerMs: 0 })
    expect(await Promise.all([say('a', 'b'), say('c'), say('d')])).toEqual([ok('a b'), ok('c'), ok('d')])
    expect(await batchesInLog()).toBe(3)
  })

  test('holds no end of the broker up', async () => {
    await start({ appendLingerMs: 60_000 })
    const said = say('a')
    await turns()
    await runtime.close()
    expect(await said).toEqual(ok('a'))
  })
})
