/** Transactional records and markers: refused where the log would refuse them, also behind what waits. */
import { describe, expect, test } from 'vitest'
import { ErrorCode, ok } from '../../protocol/errors.ts'
import { type Outcome, reply, type TransactionalWriter } from './shard.ts'
import { host, machine, record, restart, runtime, start, TOPIC, turns, useWords } from './testing/words.ts'

useWords()

const PRODUCER = { producerId: 7n, producerEpoch: 1 }

function run(outcome: Outcome) {
  return runtime.run<string>(0, (_, ticket) => ({ ...outcome, replies: [reply(ticket, 'done')] }))
}

const stage = (word: string, writer: Partial<TransactionalWriter> = {}) =>
  run({ records: [record(word)], producer: { ...PRODUCER, ...writer } })

const end = (
  changes: { producerEpoch?: number; coordinatorEpoch?: number; transactionVersion?: number } = {},
) => run({ marker: { ...PRODUCER, coordinatorEpoch: 0, isCommit: true, ...changes } })

function verify(): number {
  const started = host.partition(TOPIC).startVerification({
    ...PRODUCER,
    baseSequence: -1,
    supportsEpochBump: false,
  })
  if (started.error) throw new Error(`error ${started.error}`)
  return started.value
}

const logEndOffset = () => host.partition(TOPIC).logEndOffset

describe('records of a transaction', () => {
  test('need the guard that was given out before the question', async () => {
    await start()
    expect(await stage('none', { verificationGuard: 0 })).toEqual({ error: ErrorCode.INVALID_TXN_STATE })
    const verificationGuard = verify()
    expect(await stage('other', { verificationGuard: verificationGuard + 1 })).toMatchObject({
      error: ErrorCode.INVALID_TXN_STATE,
    })
    expect(await stage('one', { verificationGuard })).toEqual(ok('done'))
    expect(await stage('two', { verificationGuard: 0 })).toEqual(ok('done'))
    expect(machine().words).toEqual(['one of 7', 'two of 7'])
    expect(logEndOffset()).toBe(2n)
  })

  test('that come behind the marker that waits for the log are refused', async () => {
    await start()
    const verificationGuard = verify()
    // The append of the first is under way when the others are asked for.
    const first = run({ records: [record('plain')] })
    const ended = end()
    const late = stage('late', { verificationGuard })
    expect(await Promise.all([first, ended, late])).toEqual([
      ok('done'),
      ok('done'),
      { error: ErrorCode.INVALID_TXN_STATE },
    ])
    expect(machine().words).toEqual(['plain'])
    expect(await stage('later', { verificationGuard })).toEqual({ error: ErrorCode.INVALID_TXN_STATE })
  })

  test('that come behind records of theirs which wait need no guard any more', async () => {
    await start()
    const verificationGuard = verify()
    const all = [
      run({ records: [record('plain')] }),
      stage('one', { verificationGuard }),
      stage('two', { verificationGuard: 0 }),
      stage('three', { verificationGuard }),
    ]
    expect(await Promise.all(all)).toEqual(all.map(() => ok('done')))
    expect(machine().words).toEqual(['plain', 'one of 7', 'two of 7', 'three of 7'])
  })

  test('of an old epoch are refused, and the machine goes on', async () => {
    await start()
    await end()
    expect(await stage('old', { producerEpoch: 0 })).toMatchObject({
      error: ErrorCode.INVALID_PRODUCER_EPOCH,
    })
    expect(await stage('new')).toEqual(ok('done'))
    expect(machine().words).toEqual(['new of 7'])
  })
})

describe('markers', () => {
  test('of an old epoch or an old coordinator are refused, and the machine goes on', async () => {
    await start()
    expect(await end({ coordinatorEpoch: 2 })).toEqual(ok('done'))
    expect(await end({ coordinatorEpoch: 1 })).toMatchObject({
      error: ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    })
    expect(await end({ producerEpoch: 0 })).toMatchObject({ error: ErrorCode.INVALID_PRODUCER_EPOCH })
    expect(machine().markers).toHaveLength(1)
    expect(logEndOffset()).toBe(1n)
  })

  test('are held against those that wait', async () => {
    await start()
    const all = [
      run({ records: [record('plain')] }),
      end({ coordinatorEpoch: 2 }),
      end({ coordinatorEpoch: 1 }),
      end({ producerEpoch: 0, coordinatorEpoch: 2 }),
    ]
    expect((await Promise.all(all)).map(({ error }) => error)).toEqual([
      0,
      0,
      ErrorCode.TRANSACTION_COORDINATOR_FENCED,
      ErrorCode.INVALID_PRODUCER_EPOCH,
    ])
    await turns()
    expect(machine().markers).toHaveLength(1)
  })

  test('of version 2 have a higher epoch than what waits', async () => {
    await start()
    const all = [
      run({ records: [record('plain')] }),
      stage('one'),
      end({ transactionVersion: 2 }),
      end({ transactionVersion: 2, producerEpoch: 2 }),
      end({ transactionVersion: 2, producerEpoch: 2 }),
    ]
    expect((await Promise.all(all)).map(({ error }) => error)).toEqual([
      0,
      0,
      ErrorCode.INVALID_PRODUCER_EPOCH,
      0,
      0,
    ])
  })

  test('and records are the same after a restart', async () => {
    await start()
    await stage('one')
    await end({ transactionVersion: 2, producerEpoch: 2, coordinatorEpoch: 3 })
    await restart()
    expect(machine().words).toEqual(['one of 7'])
    expect(machine().markers).toEqual([
      { ...PRODUCER, producerEpoch: 2, coordinatorEpoch: 3, isCommit: true },
    ])
    // What the log knows of producers holds against the next coordinator too.
    expect(await end({ coordinatorEpoch: 2, producerEpoch: 2 })).toMatchObject({
      error: ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    })
  })
})
