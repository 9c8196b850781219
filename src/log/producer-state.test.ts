import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { RecordBatch } from '../records/batch.ts'
import { emptyBatch } from '../records/batch-filter.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import type { Log } from './log.ts'
import { ProducerState } from './producer-state.ts'
import { batchOf, CLIENT, must, Rig } from './testing/rig.ts'

interface Sent {
  readonly sequence: number
  readonly count?: number
  readonly epoch?: number
  readonly isTransactional?: boolean
  readonly producerId?: bigint
}

const PRODUCER = 7n

function produced({
  sequence,
  count = 1,
  epoch = 0,
  isTransactional = false,
  producerId = PRODUCER,
}: Sent): Buffer {
  const values = Array.from({ length: count }, (_, i) => `${sequence + i}`)
  return batchOf(values, { producerId, producerEpoch: epoch, baseSequence: sequence, isTransactional })
}

function marker(type: 'COMMIT' | 'ABORT', epoch = 0, coordinatorEpoch = 0): Buffer {
  const timestamp = 1_700_000_000_000n
  return Buffer.from(
    buildEndTransactionMarker({
      type,
      coordinatorEpoch,
      timestamp,
      producerId: PRODUCER,
      producerEpoch: epoch,
    }),
  )
}

const COORDINATOR = { leaderEpoch: 0, origin: 'coordinator' } as const

async function send(log: Log, sent: Sent): Promise<number | bigint> {
  const result = await log.append(produced(sent), CLIENT)
  return result.error === 0 ? result.value.baseOffset : result.error
}

async function sendAll(log: Log, ...sequences: number[]): Promise<void> {
  for (const sequence of sequences) must(await log.append(produced({ sequence }), CLIENT))
}

describe('sequences', () => {
  test('T051 T052 each of the last five batches is a duplicate with its original offset', async () => {
    const log = await new Rig().log()
    for (let i = 0; i < 8; i++) must(await log.append(produced({ sequence: i * 2, count: 2 }), CLIENT))
    for (let i = 3; i < 8; i++) {
      const result = must(await log.append(produced({ sequence: i * 2, count: 2 }), CLIENT))
      expect(result).toMatchObject({
        baseOffset: BigInt(i * 2),
        lastOffset: BigInt(i * 2 + 1),
        isDuplicate: true,
      })
    }
    expect(log.logEndOffset).toBe(16n)
  })

  test('T052 a batch older than the last five is out of order', async () => {
    const log = await new Rig().log()
    await sendAll(log, 0, 1, 2, 3, 4, 5)
    expect(await send(log, { sequence: 0 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.logEndOffset).toBe(6n)
  })

  test.each(['clean', 'unclean'])('T052 the window of five survives a %s restart', async kind => {
    const rig = new Rig({ config: { segmentBytes: 150 } })
    await sendAll(await rig.log(), 0, 1, 2, 3, 4, 5, 6)
    const log = kind === 'clean' ? await rig.restart() : await rig.crash()
    expect(log.segments.length).toBeGreaterThan(2)
    for (const sequence of [2, 3, 4, 5, 6]) expect(await send(log, { sequence })).toBe(BigInt(sequence))
    expect(await send(log, { sequence: 1 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(await send(log, { sequence: 7 })).toBe(7n)
  })

  test('T053 a gap is out of order, and nothing is appended', async () => {
    const log = await new Rig().log()
    await sendAll(log, 0)
    expect(await send(log, { sequence: 2 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(log.logEndOffset).toBe(1n)
    expect(await send(log, { sequence: 1 })).toBe(1n)
  })

  test('T054 sequences wrap from the greatest int32 to 0', async () => {
    const log = await new Rig().log()
    const last = 0x7fff_ffff
    expect(await send(log, { sequence: last - 1, count: 3 })).toBe(0n)
    expect(await send(log, { sequence: 1, count: 2 })).toBe(3n)
    expect(await send(log, { sequence: last - 1, count: 3 })).toBe(0n)
    const other = await new Rig().log()
    expect(await send(other, { sequence: last })).toBe(0n)
    expect(await send(other, { sequence: 0 })).toBe(1n)
  })

  test('T055 an unknown producer may begin with any sequence', async () => {
    const log = await new Rig().log()
    expect(await send(log, { sequence: 42 })).toBe(0n)
    expect(await send(log, { sequence: 43 })).toBe(1n)
  })

  test('T055 a producer is forgotten after producer.id.expiration.ms, and not before', async () => {
    const rig = new Rig({ broker: { producerIdExpirationMs: 3_600_000 } })
    const log = await rig.log()
    await sendAll(log, 0)
    await rig.advance(3_000_000)
    await sendAll(log, 1)
    await rig.advance(3_000_000)
    expect(log.activeProducers()).toHaveLength(1)
    expect(await send(log, { sequence: 9 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    await rig.advance(1_200_000)
    expect(log.activeProducers()).toHaveLength(0)
    expect(await send(log, { sequence: 9 })).toBe(2n)
  })

  test('a new epoch begins at 0', async () => {
    const log = await new Rig().log()
    await sendAll(log, 0, 1)
    expect(await send(log, { sequence: 2, epoch: 1 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(await send(log, { sequence: 0, epoch: 1 })).toBe(2n)
    expect(await send(log, { sequence: 1, epoch: 1 })).toBe(3n)
  })

  test('T056 a stale epoch is INVALID_PRODUCER_EPOCH, even for what would be a duplicate', async () => {
    const log = await new Rig().log()
    await sendAll(log, 0)
    await send(log, { sequence: 0, epoch: 1 })
    expect(await send(log, { sequence: 0, epoch: 0 })).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(await send(log, { sequence: 1, epoch: 0 })).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
  })

  test('a follower takes what its leader took', async () => {
    const log = await new Rig().log()
    const take = async (sent: Sent, baseOffset: bigint) => {
      const bytes = produced(sent)
      new RecordBatch(bytes).assignOffset(baseOffset, 0)
      return (await log.append(bytes, { leaderEpoch: 0, origin: 'follower' })).error
    }
    expect(await take({ sequence: 0, epoch: 3 }, 0n)).toBe(0)
    expect(await take({ sequence: 9, epoch: 1 }, 1n)).toBe(0)
  })
})

describe('transactions', () => {
  test('the last stable offset waits for the marker, and for the replicas to have it', async () => {
    const log = await new Rig().log()
    await sendAll(log, 0)
    await send(log, { sequence: 1, isTransactional: true })
    log.updateHighWatermark(log.logEndOffset)
    expect(log.lastStableOffset).toBe(1n)
    must(await log.append(marker('COMMIT'), COORDINATOR))
    expect(log.lastStableOffset).toBe(1n)
    log.updateHighWatermark(2n)
    expect(log.lastStableOffset).toBe(1n)
    log.updateHighWatermark(3n)
    expect(log.lastStableOffset).toBe(3n)
    expect(await log.abortedTransactions(0n, 3n)).toEqual([])
  })

  test('an aborted one is in the index, with where the log was stable then, across restarts', async () => {
    const rig = new Rig()
    let log = await rig.log()
    await send(log, { sequence: 0, isTransactional: true, producerId: 8n })
    await send(log, { sequence: 0, isTransactional: true })
    await send(log, { sequence: 1, isTransactional: true })
    must(await log.append(marker('ABORT'), COORDINATOR))
    const expected = [{ producerId: PRODUCER, firstOffset: 1n, lastOffset: 3n }]
    expect(await log.abortedTransactions(2n, 9n)).toEqual(expected)
    expect(await log.segments[0]!.transactionIndex.entries()).toMatchObject([{ lastStableOffset: 0n }])
    log = await rig.restart()
    expect(await log.abortedTransactions(2n, 9n)).toEqual(expected)
    log = await rig.crash()
    expect(await log.abortedTransactions(2n, 9n)).toEqual(expected)
    log.updateHighWatermark(4n)
    expect(log.lastStableOffset).toBe(0n)
    expect(await log.abortedEntries(0n, 1n)).toEqual([])
  })

  test('an open transaction refuses a write outside of it', async () => {
    const log = await new Rig().log()
    await send(log, { sequence: 0, isTransactional: true })
    expect(await send(log, { sequence: 1 })).toBe(ErrorCode.INVALID_TXN_STATE)
  })

  test('a marker of an older coordinator or producer epoch is fenced', async () => {
    const log = await new Rig().log()
    must(await log.append(marker('COMMIT', 5, 3), COORDINATOR))
    expect((await log.append(marker('COMMIT', 5, 2), COORDINATOR)).error).toBe(
      ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    )
    expect((await log.append(marker('COMMIT', 4, 3), COORDINATOR)).error).toBe(
      ErrorCode.INVALID_PRODUCER_EPOCH,
    )
    expect(await send(log, { sequence: 3, epoch: 5 })).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(await send(log, { sequence: 0, epoch: 5 })).toBe(1n)
  })

  test('a producer with an open transaction does not expire', () => {
    const state = new ProducerState()
    state.replay(new RecordBatch(produced({ sequence: 0, isTransactional: true })), 0)
    state.replay(new RecordBatch(produced({ sequence: 0, producerId: 9n })), 0)
    expect(state.expire(1_000, 1_000)).toBe(1)
    expect([...state.producers()].map(entry => entry.producerId)).toEqual([PRODUCER])
  })
})

test('what compaction has left of a marker tells the epoch of its producer all the same', () => {
  const producers = new ProducerState()
  producers.replay(new RecordBatch(emptyBatch(new RecordBatch(marker('ABORT', 5)))), 0)
  const [producer] = producers.producers()
  expect(producer).toMatchObject({ producerId: PRODUCER, epoch: 5, coordinatorEpoch: -1, batches: [] })
})
