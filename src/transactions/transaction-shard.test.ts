import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  EXPIRATION_CHECK_MS,
  EXPIRATION_MS,
  errorOf,
  ShardDriver,
  TIMEOUT_CHECK_MS,
} from './testing/shard-driver.ts'
import { readTransactionRecord, transactionRecord } from './transaction-records.ts'

function begun(driver: ShardDriver, id = 'tx', timeoutMs?: number) {
  const { value } = driver.begin(id, undefined, timeoutMs)
  if (!value) throw new Error('the producer has not begun')
  return value
}

describe('a shard', () => {
  test('gives each transactional id a producer id of its own, and each beginning an epoch', () => {
    const driver = new ShardDriver()
    expect(begun(driver, 'one')).toEqual({ producerId: 100n, producerEpoch: 0 })
    expect(begun(driver, 'other')).toEqual({ producerId: 101n, producerEpoch: 0 })
    expect(begun(driver, 'one')).toEqual({ producerId: 100n, producerEpoch: 1 })
  })

  test('knows nothing of ids that have not begun', () => {
    const driver = new ShardDriver()
    const producer = { producerId: 1n, producerEpoch: 0 }
    expect(driver.add('tx', producer, 0)).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    expect(driver.end('tx', producer, true).error).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    const request = { transactionalId: 'tx', ...producer, partitions: [{ topic: 't', index: 0 }] }
    expect(driver.run<ErrorCode[]>((shard, ticket) => shard.verify(request, ticket))).toEqual([
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    ])
  })

  test('hands each verdict out once, and completes it', () => {
    const driver = new ShardDriver()
    const producer = begun(driver)
    driver.add('tx', producer, 0)
    expect(driver.end('tx', producer, true)).toMatchObject({ value: { producerId: 100n, producerEpoch: 1 } })
    expect(driver.prepared).toHaveLength(1)
    expect(driver.prepared[0]).toMatchObject({
      transactionalId: 'tx',
      snapshot: { state: 'PrepareCommit', producerEpoch: 1, clientTransactionVersion: 2 },
    })
    driver.complete()
    expect(driver.state('tx')?.state).toBe('CompleteCommit')
    expect(driver.prepared).toHaveLength(0)
  })

  test('T104 aborts what the producer before has begun, and has the next one ask until that is done', () => {
    const driver = new ShardDriver()
    const zombie = begun(driver)
    driver.add('tx', zombie, 0)
    expect(errorOf(driver.begin('tx'))).toBe('CONCURRENT_TRANSACTIONS')
    expect(errorOf(driver.begin('tx'))).toBe('CONCURRENT_TRANSACTIONS')
    expect(driver.prepared).toHaveLength(1)
    expect(driver.add('tx', zombie, 1)).toBe(ErrorCode.PRODUCER_FENCED)
    driver.complete()
    expect(driver.begin('tx').value).toEqual({ producerId: 100n, producerEpoch: 2 })
  })

  test('T112 answers CONCURRENT_TRANSACTIONS to the next transaction until the markers are written', () => {
    const driver = new ShardDriver()
    const producer = begun(driver)
    driver.add('tx', producer, 0)
    const next = driver.end('tx', producer, true).value!
    expect(driver.add('tx', next, 0)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS)
    driver.complete()
    expect(driver.add('tx', next, 0)).toBe(ErrorCode.NONE)
  })

  test.each([true, false])(
    'T112 carries out after a crash what was decided before it (commit: %s)',
    isCommit => {
      const driver = new ShardDriver()
      const producer = begun(driver)
      driver.add('tx', producer, 3)
      driver.end('tx', producer, isCommit)
      driver.restart()
      expect(driver.prepared).toHaveLength(1)
      expect(driver.prepared[0]?.snapshot.partitions).toEqual(new Map([['orders', new Set([3])]]))
      driver.complete()
      expect(driver.state('tx')?.state).toBe(isCommit ? 'CompleteCommit' : 'CompleteAbort')
      driver.restart()
      expect(driver.prepared).toHaveLength(0)
    },
  )

  test('hears of the same verdict twice, and of one that is over, without harm', () => {
    const driver = new ShardDriver()
    const producer = begun(driver)
    driver.add('tx', producer, 0)
    const next = driver.end('tx', producer, true).value!
    const [verdict] = driver.prepared.splice(0)
    driver.completeOne(verdict!)
    const written = driver.log.length
    driver.completeOne(verdict!)
    driver.add('tx', next, 1)
    driver.completeOne(verdict!)
    driver.end('tx', next, false)
    driver.completeOne(verdict!)
    expect(driver.state('tx')?.state).toBe('PrepareAbort')
    expect(driver.log).toHaveLength(written + 2)
  })

  test('T103 aborts after the timeout, at the next check, and goes on with the epoch after it', () => {
    const driver = new ShardDriver()
    const producer = begun(driver, 'tx', 2_500)
    driver.add('tx', producer, 0)
    driver.advance(2_500)
    expect(driver.state('tx')?.state).toBe('Ongoing')
    driver.advance(TIMEOUT_CHECK_MS)
    expect(driver.state('tx')).toMatchObject({ state: 'PrepareAbort', producerEpoch: 1 })
    driver.complete()
    expect(driver.add('tx', producer, 1)).toBe(ErrorCode.PRODUCER_FENCED)
    expect(errorOf(driver.end('tx', producer, true))).toBe('INVALID_TXN_STATE')
    expect(driver.begin('tx').value).toEqual({ producerId: 100n, producerEpoch: 2 })
  })

  test('T185 counts the timeout from the beginning of the transaction, also over a restart', () => {
    const driver = new ShardDriver()
    driver.add('tx', begun(driver, 'tx', 5_000), 0)
    driver.advance(4_000)
    driver.restart()
    driver.advance(2_000)
    expect(driver.state('tx')?.state).toBe('PrepareAbort')
  })

  test('forgets ids that were not used for so long, and no others', () => {
    const driver = new ShardDriver()
    begun(driver, 'idle')
    const busy = begun(driver, 'busy', EXPIRATION_MS * 3)
    driver.add('busy', busy, 0)
    driver.advance(EXPIRATION_MS - 1)
    begun(driver, 'young')
    driver.advance(EXPIRATION_CHECK_MS)
    expect([...driver.states().keys()]).toEqual(['busy', 'young'])
    expect(driver.log[driver.log.length - 1]?.value).toBeNull()
    driver.restart()
    expect([...driver.states().keys()]).toEqual(['busy', 'young'])
    expect(begun(driver, 'idle').producerId).toBe(103n)
  })

  test('does not wake up where there is nothing to wait for', () => {
    const driver = new ShardDriver()
    expect(driver.shard.deadline()).toBe(Infinity)
    const producer = begun(driver)
    expect(driver.shard.deadline()).toBe(driver.now + EXPIRATION_CHECK_MS)
    driver.add('tx', producer, 0)
    expect(driver.shard.deadline()).toBe(driver.now + TIMEOUT_CHECK_MS)
  })

  test('has clients of both versions side by side', () => {
    const driver = new ShardDriver()
    const old = begun(driver, 'old')
    const young = begun(driver, 'young')
    for (let round = 0; round < 3; round++) {
      expect(driver.add('old', old, 0, 0)).toBe(ErrorCode.NONE)
      expect(driver.end('old', old, round !== 1, 0).value).toEqual(old)
      driver.complete()
    }
    let epoch = young
    for (let round = 1; round <= 3; round++) {
      expect(driver.add('young', epoch, 0)).toBe(ErrorCode.NONE)
      epoch = driver.end('young', epoch, true).value!
      expect(epoch.producerEpoch).toBe(round)
      driver.complete()
    }
  })

  test('lets one id go from the old protocol to the new one and back', () => {
    const driver = new ShardDriver()
    const producer = begun(driver)
    driver.add('tx', producer, 0, 0)
    const next = driver.end('tx', producer, true, 2).value!
    driver.complete()
    expect(next.producerEpoch).toBe(1)
    driver.add('tx', next, 0, 2)
    expect(driver.end('tx', next, true, 0).value).toEqual(next)
    driver.complete()
    driver.add('tx', next, 0, 0)
    expect(driver.end('tx', next, false, 0).value).toEqual(next)
  })
})

describe('the record of a transactional id', () => {
  const snapshot = {
    state: 'PrepareCommit',
    producerId: 4n,
    previousProducerId: 3n,
    nextProducerId: 9n,
    producerEpoch: 12,
    timeoutMs: 60_000,
    partitions: new Map([
      ['b', new Set([2, 0])],
      ['a', new Set([1])],
    ]),
    startTimestampMs: 1_700_000_000_000,
    lastUpdateTimestampMs: 1_700_000_000_001,
    clientTransactionVersion: 2,
  } as const

  test('comes back as it was', () => {
    const record = transactionRecord({ transactionalId: 'tx', value: snapshot }, 1)
    expect(readTransactionRecord(record)).toEqual({ transactionalId: 'tx', value: snapshot })
  })

  test('of version 0 knows neither other producer ids nor the version of the client', () => {
    const record = transactionRecord({ transactionalId: 'tx', value: snapshot }, 0)
    expect(readTransactionRecord(record)?.value).toEqual({
      ...snapshot,
      previousProducerId: -1n,
      nextProducerId: -1n,
      clientTransactionVersion: 0,
    })
  })

  test('is written in version 0 only where transaction.version is 0', () => {
    const versions = [0, 1, 2].map(featureVersion => {
      const driver = new ShardDriver()
      driver.featureVersion = featureVersion
      begun(driver)
      return driver.log[0]?.value?.readInt16BE(0)
    })
    expect(versions).toEqual([0, 1, 1])
  })

  test('of a kind that is not known is left where it is', () => {
    const driver = new ShardDriver()
    const key = Buffer.from([0, 7, 1, 2])
    driver.shard.replay({ key, value: Buffer.from([1]), offset: 0n, producerId: -1n, producerEpoch: -1 })
    expect(driver.states().size).toBe(0)
  })
})
