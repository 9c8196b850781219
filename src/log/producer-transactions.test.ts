/** Producers of transactions: guards of writes that are being verified, and markers. */
import { describe, expect, test } from 'vitest'
import { ErrorCode, ok } from '../../protocol/errors.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import type { Log } from './log.ts'
import { NO_GUARD, type VerifiedProducer } from './producer-state.ts'
import { batchOf, must, Rig } from './testing/rig.ts'

const PRODUCER = 7n

function write(
  log: Log,
  {
    sequence,
    epoch = 0,
    guard,
    isTransactional = true,
  }: { sequence: number; epoch?: number; guard?: number | undefined; isTransactional?: boolean },
) {
  const batch = batchOf([`${sequence}`], {
    producerId: PRODUCER,
    producerEpoch: epoch,
    baseSequence: sequence,
    isTransactional,
  })
  return log.append(batch, { leaderEpoch: 0, origin: 'client', verificationGuard: guard })
}

function end(log: Log, { epoch = 0, coordinatorEpoch = 0, version = 0, isCommit = true } = {}) {
  const marker = buildEndTransactionMarker({
    type: isCommit ? 'COMMIT' : 'ABORT',
    coordinatorEpoch,
    timestamp: 1_700_000_000_000n,
    producerId: PRODUCER,
    producerEpoch: epoch,
  })
  return log.append(marker, { leaderEpoch: 0, origin: 'coordinator', transactionVersion: version })
}

function verify(log: Log, changes: Partial<VerifiedProducer> = {}): number {
  return must(
    log.startVerification({
      producerId: PRODUCER,
      producerEpoch: 0,
      baseSequence: 0,
      supportsEpochBump: false,
      ...changes,
    }),
  )
}

describe('a write that opens a transaction', () => {
  test('needs the guard that was given out before the coordinator was asked', async () => {
    const log = await new Rig().log()
    const outside = { error: ErrorCode.INVALID_TXN_STATE }
    expect(await write(log, { sequence: 0, guard: NO_GUARD })).toMatchObject(outside)
    const guard = verify(log)
    expect(await write(log, { sequence: 0, guard: NO_GUARD })).toMatchObject(outside)
    expect(await write(log, { sequence: 0, guard: guard + 1 })).toMatchObject(outside)
    expect(log.logEndOffset).toBe(0n)
    must(await write(log, { sequence: 0, guard }))
    expect(verify(log, { baseSequence: 1 })).toBe(NO_GUARD)
    must(await write(log, { sequence: 1, guard: NO_GUARD }))
  })

  test('is refused when a marker has come since its coordinator said yes', async () => {
    const log = await new Rig().log()
    const guard = verify(log)
    must(await end(log, { isCommit: false }))
    expect(await write(log, { sequence: 0, guard })).toMatchObject({ error: ErrorCode.INVALID_TXN_STATE })
    expect(log.lastStableOffset).toBe(log.highWatermark)
    expect(verify(log)).not.toBe(guard)
    expect(await write(log, { sequence: 0, guard })).toMatchObject({ error: ErrorCode.INVALID_TXN_STATE })
  })

  test('shares its guard with those that come while it is being verified, and the lowest goes first', async () => {
    const log = await new Rig().log()
    const guard = verify(log, { baseSequence: 1 })
    expect(verify(log, { baseSequence: 0 })).toBe(guard)
    expect(verify(log, { baseSequence: 2 })).toBe(guard)
    const early = await write(log, { sequence: 1, guard })
    expect(early).toMatchObject({ error: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER })
    must(await write(log, { sequence: 0, guard }))
    must(await write(log, { sequence: 1, guard: NO_GUARD }))
  })

  test('counts the lowest sequence anew with a higher epoch', async () => {
    const log = await new Rig().log()
    const guard = verify(log, { baseSequence: 0 })
    expect(verify(log, { producerEpoch: 1, baseSequence: 3 })).toBe(guard)
    must(await write(log, { sequence: 3, epoch: 1, guard }))
  })

  test('begins with sequence 0 where each transaction has an epoch, and anywhere else where not', async () => {
    const log = await new Rig().log()
    const guard = verify(log, { baseSequence: 4, supportsEpochBump: true })
    const late = await write(log, { sequence: 4, guard })
    expect(late).toMatchObject({ error: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER })
    const other = await new Rig().log()
    must(await write(other, { sequence: 4, guard: verify(other, { baseSequence: 4 }) }))
  })

  test('of an old epoch is not even verified', async () => {
    const log = await new Rig().log()
    must(await end(log, { epoch: 5 }))
    const old = { producerId: PRODUCER, producerEpoch: 4, baseSequence: 0, supportsEpochBump: false }
    expect(log.startVerification(old)).toMatchObject({ error: ErrorCode.INVALID_PRODUCER_EPOCH })
    const refused = await write(log, { sequence: 0, epoch: 4, guard: NO_GUARD })
    expect(refused).toMatchObject({ error: ErrorCode.INVALID_PRODUCER_EPOCH })
  })

  test('is verified though a transaction of another epoch is open', async () => {
    const log = await new Rig().log()
    must(await write(log, { sequence: 0, guard: verify(log) }))
    const unasked = await write(log, { sequence: 0, epoch: 1, guard: NO_GUARD })
    expect(unasked).toMatchObject({ error: ErrorCode.INVALID_TXN_STATE })
    const guard = verify(log, { producerEpoch: 1 })
    expect(guard).not.toBe(NO_GUARD)
    must(await write(log, { sequence: 0, epoch: 1, guard }))
  })

  test('is verified again where the one before it could not be written', async () => {
    const rig = new Rig()
    const log = await rig.log()
    const guard = verify(log)
    rig.memory.capacityBytes = 0
    expect(await write(log, { sequence: 0, guard })).toMatchObject({ error: ErrorCode.KAFKA_STORAGE_ERROR })
    rig.memory.capacityBytes = 2 ** 40
    expect(await write(log, { sequence: 0, guard })).toMatchObject({ error: ErrorCode.INVALID_TXN_STATE })
    must(await write(log, { sequence: 0, guard: verify(log) }))
  })

  test('is not waited for longer than producers are remembered', async () => {
    const rig = new Rig()
    const log = await rig.log()
    const guard = verify(log)
    await rig.clock.run(1_000)
    log.expireProducers(1_001)
    expect(verify(log)).toBe(guard)
    log.expireProducers(1_000)
    expect(verify(log)).not.toBe(guard)
  })

  test('needs no guard where nobody verifies', async () => {
    const log = await new Rig().log()
    must(await write(log, { sequence: 0, guard: undefined }))
  })
})

describe('a marker', () => {
  test('of an old epoch is refused, one of the same or a higher is not', async () => {
    const log = await new Rig().log()
    must(await end(log, { epoch: 3 }))
    expect(await end(log, { epoch: 2 })).toMatchObject({ error: ErrorCode.INVALID_PRODUCER_EPOCH })
    must(await end(log, { epoch: 3 }))
    must(await end(log, { epoch: 4 }))
  })

  test('of an old coordinator is refused', async () => {
    const log = await new Rig().log()
    must(await end(log, { coordinatorEpoch: 2 }))
    const fenced = await end(log, { coordinatorEpoch: 1 })
    expect(fenced).toMatchObject({ error: ErrorCode.TRANSACTION_COORDINATOR_FENCED })
  })

  test('of version 2 has a higher epoch than the transaction, and may come twice', async () => {
    const log = await new Rig().log()
    must(await write(log, { sequence: 0, guard: verify(log) }))
    const same = await end(log, { epoch: 0, version: 2 })
    expect(same).toMatchObject({ error: ErrorCode.INVALID_PRODUCER_EPOCH })
    must(await end(log, { epoch: 1, version: 2 }))
    must(await end(log, { epoch: 1, version: 2 }))
    expect(await end(log, { epoch: 0, version: 2 })).toMatchObject({
      error: ErrorCode.INVALID_PRODUCER_EPOCH,
    })
  })

  test('of version 2 has the same epoch where there is no higher one', async () => {
    const log = await new Rig().log()
    must(await write(log, { sequence: 0, epoch: 32_767, guard: verify(log, { producerEpoch: 32_767 }) }))
    must(await end(log, { epoch: 32_767, version: 2 }))
    expect(log.producers.firstUnstableOffset).toBe(0n)
    log.updateHighWatermark(2n)
    expect(log.lastStableOffset).toBe(2n)
  })

  test('T098 lets the last stable offset go on when it is below the high watermark, not before', async () => {
    const log = await new Rig().log()
    must(await write(log, { sequence: 0, guard: verify(log) }))
    log.updateHighWatermark(1n)
    must(await end(log))
    expect(log.lastStableOffset).toBe(0n)
    log.updateHighWatermark(1n)
    expect(log.lastStableOffset).toBe(0n)
    log.updateHighWatermark(2n)
    expect(log.lastStableOffset).toBe(2n)
  })

  test('T119 leaves its producer without sequence and transaction', async () => {
    const log = await new Rig().log()
    must(await write(log, { sequence: 0, guard: verify(log) }))
    must(await write(log, { sequence: 1, guard: NO_GUARD }))
    expect(log.activeProducers()).toMatchObject([
      { lastSequence: 1, currentTransactionStartOffset: 0n, coordinatorEpoch: -1 },
    ])
    must(await end(log, { epoch: 1, coordinatorEpoch: 4, version: 2 }))
    expect(log.activeProducers()).toMatchObject([
      { lastSequence: -1, currentTransactionStartOffset: -1n, producerEpoch: 1, coordinatorEpoch: 4 },
    ])
  })
})

test('a plain batch is not taken into an open transaction', async () => {
  const log = await new Rig().log()
  must(await write(log, { sequence: 0, guard: verify(log) }))
  const plain = await write(log, { sequence: 1, isTransactional: false })
  expect(plain).toMatchObject({ error: ErrorCode.INVALID_TXN_STATE })
})

test('producers with open transactions are not forgotten', async () => {
  const rig = new Rig()
  const log = await rig.log()
  must(await write(log, { sequence: 0, guard: verify(log) }))
  await rig.clock.run(10_000)
  expect(log.expireProducers(1)).toBe(0)
  must(await end(log))
  await rig.clock.run(10_000)
  expect(log.expireProducers(1)).toBe(1)
  expect(ok(log.activeProducers())).toEqual(ok([]))
})
