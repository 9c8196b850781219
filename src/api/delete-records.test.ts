import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from '../../protocol/messages/delete-records.ts'
import { batchOf } from '../replication/testing/replica-host.ts'
import { deleteRecords } from './delete-records.ts'
import { DataPlane } from './testing/data-plane.ts'

async function ask(
  plane: DataPlane,
  offset: bigint,
  options: { topic?: string; index?: number; version?: number } = {},
) {
  const { topic = 't', index = 0, version = 2 } = options
  const answer = await plane.ask({
    handler: deleteRecords,
    request: DeleteRecordsRequest,
    response: DeleteRecordsResponse,
    version,
    body: { topics: [{ name: topic, partitions: [{ partitionIndex: index, offset }] }], timeoutMs: 1_000 },
  })
  const { lowWatermark, errorCode } = answer!.topics[0]!.partitions[0]!
  return errorCode === ErrorCode.NONE ? lowWatermark : errorCode
}

/** Offsets 0 to 5 in three batches. */
async function filledPlane(config: Readonly<Record<string, string>> = {}): Promise<DataPlane> {
  const plane = await DataPlane.start()
  await plane.host.createTopic('t', { config })
  for (const values of [
    ['a', 'b'],
    ['c', 'd'],
    ['e', 'f'],
  ])
    await plane.produce('t', batchOf(values))
  return plane
}

test.each([0, 1, 2])(
  'records below an offset are gone, and a produce goes on as before (T046, v%i)',
  async version => {
    const plane = await filledPlane()
    expect(await ask(plane, 3n, { version })).toBe(3n)
    expect(await plane.fetchOne('t', { fetchOffset: 2n })).toMatchObject({
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
    })
    const rest = await plane.fetchOne('t', { fetchOffset: 3n })
    expect(rest).toMatchObject({ errorCode: 0, logStartOffset: 3n })
    expect(await plane.produce('t', batchOf(['g']))).toMatchObject({
      errorCode: 0,
      baseOffset: 6n,
      logStartOffset: 3n,
    })
  },
)

test('-1 means the high watermark (T046)', async () => {
  const plane = await filledPlane()
  expect(await ask(plane, -1n)).toBe(6n)
  expect(await plane.fetchOne('t', { fetchOffset: 6n })).toMatchObject({ errorCode: 0, logStartOffset: 6n })
})

test('what is deleted already is deleted', async () => {
  const plane = await filledPlane()
  expect(await ask(plane, 4n)).toBe(4n)
  expect(await ask(plane, 2n)).toBe(4n)
})

test('the new start outlives a restart', async () => {
  const plane = await filledPlane()
  await ask(plane, 3n)
  await plane.host.restart()
  expect(plane.host.partition('t').logStartOffset).toBe(3n)
})

test.each([7n, 9_999n, -2n])('offset %i is out of range, and nothing is deleted (T046)', async offset => {
  const plane = await filledPlane()
  expect(await ask(plane, offset)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  expect(plane.host.partition('t').logStartOffset).toBe(0n)
})

test('what the in-sync replicas do not have yet cannot be deleted (T046)', async () => {
  const plane = await DataPlane.start()
  await plane.host.createTopic('t', { state: { replicas: [1, 2], isr: [1, 2] } })
  await plane.produce('t', batchOf(['a']), { acks: 1 })
  expect(await ask(plane, 1n)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
})

test('a topic that is only compacted keeps its records, as in Kafka', async () => {
  expect(await ask(await filledPlane({ 'cleanup.policy': 'compact' }), 3n)).toBe(ErrorCode.POLICY_VIOLATION)
  expect(await ask(await filledPlane({ 'cleanup.policy': 'compact,delete' }), 3n)).toBe(3n)
})

test('unknown partitions and internal topics are refused', async () => {
  const plane = await filledPlane()
  await plane.host.createTopic('__consumer_offsets')
  expect(await ask(plane, 0n, { topic: 'none' })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  expect(await ask(plane, 0n, { index: 4 })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  expect(await ask(plane, 0n, { topic: '__consumer_offsets' })).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
})
