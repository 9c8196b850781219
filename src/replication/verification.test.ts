/** Writes of transactions that wait for their coordinator's word (KIP-890). */
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import { batchOf, ReplicaHost } from './testing/replica-host.ts'
import type { TransactionSupport, TransactionVerifier } from './verification.ts'

type Request = Parameters<TransactionVerifier['verifyOrAddPartitions']>[0]

const PRODUCER_ID = 7n
const TIMEOUT_MS = 1_000

/** Answers when it is told to. */
class Coordinator implements TransactionVerifier {
  readonly asked: Request[] = []
  private readonly answers: ((codes: readonly ErrorCode[]) => void)[] = []

  verifyOrAddPartitions(request: Request): Promise<readonly ErrorCode[]> {
    this.asked.push(request)
    return new Promise(resolve => this.answers.push(resolve))
  }

  async answer(...codes: ErrorCode[]): Promise<void> {
    this.answers.shift()!(codes)
    await settled()
  }

  get open(): number {
    return this.answers.length
  }
}

let host: ReplicaHost
let coordinator: Coordinator
let isEnabled: boolean

async function start(): Promise<void> {
  coordinator = new Coordinator()
  isEnabled = true
  host = await ReplicaHost.start({ verifier: coordinator, isVerificationEnabled: () => isEnabled })
  await host.createTopic('t', { partitions: 2 })
}
afterEach(() => host.stop())

interface Write {
  readonly sequence: number
  readonly index?: number
}

function produce(
  writes: readonly Write[],
  {
    support = 'none',
    transactionalId = 'x',
  }: { support?: TransactionSupport; transactionalId?: string } = {},
) {
  const producer = { producerId: PRODUCER_ID, producerEpoch: 0 }
  return host.replicas.append({
    acks: -1,
    timeoutMs: TIMEOUT_MS,
    produceVersion: 12,
    transaction: { transactionalId, ...producer, support },
    targets: writes.map(({ sequence, index = 0 }) => ({
      topic: 't',
      topicId: null,
      index,
      records: batchOf([`${sequence}`], { ...producer, baseSequence: sequence, isTransactional: true }),
      transactionalSequence: sequence,
    })),
  })
}

function mark(isCommit = false, index = 0): Promise<ErrorCode> {
  const marker = { producerId: PRODUCER_ID, producerEpoch: 0, coordinatorEpoch: 0, transactionVersion: 0 }
  return host.replicas.writeMarker({ ...marker, isCommit }, { topic: 't', topicId: null, index }, TIMEOUT_MS)
}

const codes = async (produced: ReturnType<typeof produce>) => (await produced).map(({ error }) => error)

describe('the first write of a transaction', () => {
  test('waits for the coordinator, the next ones do not', async () => {
    await start()
    const first = produce([{ sequence: 0 }])
    await settled()
    expect(host.partition('t').logEndOffset).toBe(0n)
    expect(coordinator.asked).toMatchObject([
      { transactionalId: 'x', partitions: [{ topic: 't', index: 0 }], isVerifyOnly: true },
    ])
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(first)).toEqual([ErrorCode.NONE])
    expect(await codes(produce([{ sequence: 1 }]))).toEqual([ErrorCode.NONE])
    expect(coordinator.asked).toHaveLength(1)
  })

  test('adds the partition where the client knows of that', async () => {
    await start()
    const first = produce([{ sequence: 0 }], { support: 'adds' })
    expect(coordinator.asked).toMatchObject([{ isVerifyOnly: false }])
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(first)).toEqual([ErrorCode.NONE])
  })

  test('asks once for all partitions of a request, and each gets its own answer', async () => {
    await start()
    const both = produce([{ sequence: 0 }, { sequence: 0, index: 1 }], { support: 'abortable' })
    expect(coordinator.asked).toHaveLength(1)
    await coordinator.answer(ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.NONE)
    expect(await codes(both)).toEqual([ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.NONE])
  })

  test('holds up those that come behind it on the connection, which keep their order', async () => {
    await start()
    const writes = [0, 1, 2].map(sequence => produce([{ sequence }]))
    await settled()
    expect(coordinator.open).toBe(1)
    await coordinator.answer(ErrorCode.NONE)
    expect(await Promise.all(writes.map(codes))).toEqual([[0], [0], [0]])
    expect(host.partition('t').logEndOffset).toBe(3n)
  })

  test('holds up no other partition', async () => {
    await start()
    const first = produce([{ sequence: 0 }])
    await coordinator.answer(ErrorCode.NONE)
    await first
    const next = produce([{ sequence: 1 }, { sequence: 0, index: 1 }])
    await settled()
    expect(host.partition('t', 0).logEndOffset).toBe(2n)
    expect(host.partition('t', 1).logEndOffset).toBe(0n)
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(next)).toEqual([0, 0])
  })

  test('of another transactional id is asked for on its own', async () => {
    await start()
    const mine = produce([{ sequence: 0 }])
    const others = produce([{ sequence: 0 }], { transactionalId: 'y' })
    expect(coordinator.asked.map(({ transactionalId }) => transactionalId)).toEqual(['x', 'y'])
    await coordinator.answer(ErrorCode.NONE)
    await coordinator.answer(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    expect(await codes(mine)).toEqual([ErrorCode.NONE])
    expect(await codes(others)).toEqual([ErrorCode.INVALID_PRODUCER_ID_MAPPING])
  })
})

describe('a stuck last stable offset', () => {
  test('does not come of a write that was verified before its transaction ended', async () => {
    await start()
    const late = produce([{ sequence: 0 }])
    expect(await mark()).toBe(ErrorCode.NONE)
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(late)).toEqual([ErrorCode.INVALID_TXN_STATE])
    const { lastStableOffset, highWatermark } = host.partition('t')
    expect([lastStableOffset, highWatermark]).toEqual([1n, 1n])
  })

  test('does not come of an old answer that meets the verification of the next transaction', async () => {
    await start()
    const late = produce([{ sequence: 0 }])
    await mark()
    const next = produce([{ sequence: 0 }])
    expect(coordinator.asked).toHaveLength(2)
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(late)).toEqual([ErrorCode.INVALID_TXN_STATE])
    await coordinator.answer(ErrorCode.TRANSACTION_ABORTABLE)
    expect(await codes(next)).toEqual([ErrorCode.INVALID_TXN_STATE])
    expect(host.partition('t').lastStableOffset).toBe(host.partition('t').highWatermark)
  })

  test('does not come of a write to a log that was truncated meanwhile', async () => {
    await start()
    const late = produce([{ sequence: 0 }])
    await mark()
    await host.partition('t').log.truncateTo(0n)
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(late)).toEqual([ErrorCode.INVALID_TXN_STATE])
  })

  test('does not come of a restart between the question and the answer', async () => {
    await start()
    const late = produce([{ sequence: 0 }])
    await host.restart()
    await coordinator.answer(ErrorCode.NONE)
    expect((await late)[0]!.error).not.toBe(ErrorCode.NONE)
    expect(host.partition('t').logEndOffset).toBe(0n)
  })
})

describe('what clients are told', () => {
  const TOLD: readonly (readonly [TransactionSupport, keyof typeof ErrorCode, keyof typeof ErrorCode])[] = [
    ['none', 'TRANSACTION_ABORTABLE', 'INVALID_TXN_STATE'],
    ['abortable', 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE'],
    ['adds', 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE'],
    ['none', 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'],
    ['adds', 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'],
    ['none', 'INVALID_PRODUCER_ID_MAPPING', 'INVALID_PRODUCER_ID_MAPPING'],
    ['adds', 'CONCURRENT_TRANSACTIONS', 'NOT_ENOUGH_REPLICAS'],
    ['none', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_ENOUGH_REPLICAS'],
    ['none', 'COORDINATOR_NOT_AVAILABLE', 'NOT_ENOUGH_REPLICAS'],
    ['none', 'NOT_COORDINATOR', 'NOT_ENOUGH_REPLICAS'],
  ]
  test.each(TOLD)('%s: of %s they hear %s', async (support, code, told) => {
    await start()
    const produced = produce([{ sequence: 0 }], { support })
    await coordinator.answer(ErrorCode[code])
    const [outcome] = await produced
    expect(outcome!.error).toBe(ErrorCode[told])
    if (told === 'NOT_ENOUGH_REPLICAS') {
      expect(outcome!.message).toBe(
        `Unable to verify the partition has been added to the transaction. Underlying error: ${code}`,
      )
    }
  })
})

describe('transaction.partition.verification.enable=false', () => {
  test('asks nobody, unless writing adds the partition', async () => {
    await start()
    isEnabled = false
    expect(await codes(produce([{ sequence: 0 }]))).toEqual([ErrorCode.NONE])
    expect(coordinator.asked).toHaveLength(0)
    const adding = produce([{ sequence: 0, index: 1 }], { support: 'adds' })
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(adding)).toEqual([ErrorCode.NONE])
  })

  test('counts for the next write at once', async () => {
    await start()
    const verified = produce([{ sequence: 0 }])
    isEnabled = false
    expect(await codes(produce([{ sequence: 0, index: 1 }]))).toEqual([ErrorCode.NONE])
    await coordinator.answer(ErrorCode.NONE)
    expect(await codes(verified)).toEqual([ErrorCode.NONE])
  })
})

test('partitions that are not here are told so, and nobody is asked for them', async () => {
  await start()
  expect(await codes(produce([{ sequence: 0, index: 9 }]))).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION])
  expect(coordinator.asked).toHaveLength(0)
})

test('a marker waits for the in-sync replicas', async () => {
  await start()
  await host.changePartition('t', 0, { replicas: [1, 2], isr: [1, 2] })
  let code: ErrorCode | undefined
  const marked = mark().then(answer => {
    code = answer
  })
  await settled()
  expect(code).toBeUndefined()
  host.partition('t').recordFollowerFetch(2, 1n)
  await marked
  expect(code).toBe(ErrorCode.NONE)
})
