/** That what is durable becomes visible, whoever was refused for want of a sync. */
import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import { CoordinatorLog } from './coordinator-log.ts'
import type { AppendOutcome } from './replica-manager.ts'
import { batchOf, fetchTarget, ReplicaHost } from './testing/replica-host.ts'

const batch = () => batchOf(['a'], { producerId: 7n, producerEpoch: 0, baseSequence: 0 })

function produced(host: ReplicaHost, acks: number, records = batch()): Promise<AppendOutcome[]> {
  const target = { topic: 't', topicId: null, index: 0, records }
  return host.replicas.append({ acks, timeoutMs: 30_000, produceVersion: 12, targets: [target] })
}

function fetched(host: ReplicaHost, minBytes: number) {
  const how = { replicaId: -1, isolation: 'committed', maxWaitMs: 30_000, maxBytes: 1_000_000 } as const
  return host.replicas.fetch({ ...how, minBytes, targets: [fetchTarget('t')] })
}

/** A topic whose syncs find no file handles until that is over. */
async function short(config: Record<string, string> = {}): Promise<{ host: ReplicaHost; letGo(): void }> {
  const host = await ReplicaHost.start({ durability: 'flush.messages' in config ? 'write' : 'fsync' })
  await host.createTopic('t', { config })
  host.disk.intercept = ({ name, path }) => {
    const isMeant = (name === 'sync' && path.endsWith('.log')) || name === 'syncDirectory'
    if (isMeant) throw Object.assign(new Error('EMFILE: made to fail'), { code: 'EMFILE' })
  }
  const letGo = () => {
    host.disk.intercept = undefined
  }
  return { host, letGo }
}

test.each([1, -1])(
  'a retry with acks=%i is answered when a sync has made up for the first one',
  async acks => {
    const { host, letGo } = await short()
    expect(await produced(host, acks)).toMatchObject([{ error: ErrorCode.KAFKA_STORAGE_ERROR }])
    expect(await produced(host, acks)).toMatchObject([{ error: ErrorCode.KAFKA_STORAGE_ERROR }])
    expect(host.partition('t')).toMatchObject({ highWatermark: 0n, logEndOffset: 1n })
    letGo()
    expect(await produced(host, acks)).toMatchObject([{ error: 0, baseOffset: 0n }])
    expect(host.partition('t')).toMatchObject({ highWatermark: 1n, log: { durableOffset: 1n } })
  },
)

test('a retry finds its batch visible where only some appends wait for a sync', async () => {
  const { host, letGo } = await short({ 'flush.messages': '2' })
  const both = batchOf(['a', 'b'], { producerId: 7n, producerEpoch: 0, baseSequence: 0 })
  expect(await produced(host, -1, Buffer.from(both))).toMatchObject([
    { error: ErrorCode.KAFKA_STORAGE_ERROR },
  ])
  expect(await produced(host, -1, both)).toMatchObject([{ error: 0, baseOffset: 0n }])
  letGo()
})

test('what was refused for want of a sync is seen by itself when there was one, by all who wait', async () => {
  const { host, letGo } = await short()
  const seen: bigint[] = []
  host.partition('t').onHighWatermark(() => seen.push(host.partition('t').highWatermark))
  const waiting = fetched(host, 1)
  expect(await produced(host, 1)).toMatchObject([{ error: ErrorCode.KAFKA_STORAGE_ERROR }])
  host.clock.advance(1_000)
  await settled()
  expect(seen).toEqual([])
  letGo()
  host.clock.advance(1_000)
  const [outcome] = await waiting
  expect(outcome).toMatchObject({ error: 0, highWatermark: 1n, records: { byteLength: batch().length } })
  expect(seen).toEqual([1n])
})

test('a fetch counts what was refused for want of a sync together with what comes next', async () => {
  const { host, letGo } = await short()
  const waiting = fetched(host, 2 * batch().length)
  await produced(host, 1)
  letGo()
  const next = batchOf(['b'], { producerId: 7n, producerEpoch: 0, baseSequence: 1 })
  expect(await produced(host, 1, next)).toMatchObject([{ error: 0, baseOffset: 1n }])
  host.clock.advance(1)
  expect(await waiting).toMatchObject([{ error: 0, highWatermark: 2n }])
})

test('a leader whose first sync fails follows with the next one', async () => {
  const { host, letGo } = await short()
  await produced(host, 1)
  await host.changePartition('t', 0, { leaderEpoch: 1 })
  expect(host.partition('t')).toMatchObject({ highWatermark: 0n, knowsItsEnd: false })
  letGo()
  await host.partition('t').log.flush()
  expect(host.partition('t')).toMatchObject({ highWatermark: 1n, knowsItsEnd: true })
})

test('a coordinator is told of what was refused and is there', async () => {
  const { host, letGo } = await short()
  const log = new CoordinatorLog(host.partition('t'))
  let told = 0
  log.onHighWatermark(() => {
    told++
  })
  expect((await log.append(batch())).error).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
  letGo()
  await host.partition('t').log.flush()
  expect([told, log.highWatermark, log.logEndOffset]).toEqual([1, 1n, 1n])
})
