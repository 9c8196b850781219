import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
} from '../../protocol/messages/add-partitions-to-txn.ts'
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from '../../protocol/messages/consumer-group-heartbeat.ts'
import {
  DescribeProducersRequest,
  DescribeProducersResponse,
} from '../../protocol/messages/describe-producers.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../protocol/messages/init-producer-id.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { produceTo } from '../api/testing/wire-broker.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { buildBatch } from '../records/builder.ts'
import {
  clientOf,
  commit,
  committed,
  findCoordinator,
  heartbeatOf,
  joinGroup,
  open,
  started,
  values,
} from './testing/wire-group.ts'

const DAY_MS = 86_400_000
const manual = { clock: 'manual', topics: ['a'] } as const

/** A member that has its generation, and with `sessionTimeoutMs` of 10 s. */
async function stableMember(client: WireClient): Promise<{ memberId: string; generationId: number }> {
  const { memberId } = await joinGroup(client)
  return joinGroup(client, memberId)
}

/** A transaction that is open, with one record in `a`. */
async function openTransaction(client: WireClient, transactionTimeoutMs: number, nowMs: number) {
  const transactionalId = 't'
  for (let errorCode = -1; errorCode !== ErrorCode.NONE; ) {
    const found = await client.call({
      request: FindCoordinatorRequest,
      response: FindCoordinatorResponse,
      version: 3,
      body: { key: transactionalId, keyType: 1, coordinatorKeys: [] },
    })
    errorCode = found.errorCode
  }
  const { producerId, producerEpoch } = await client.call({
    request: InitProducerIdRequest,
    response: InitProducerIdResponse,
    version: 4,
    body: { transactionalId, transactionTimeoutMs },
  })
  await client.call({
    request: AddPartitionsToTxnRequest,
    response: AddPartitionsToTxnResponse,
    version: 3,
    body: {
      transactions: [],
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: 'a', partitions: [0] }],
    },
  })
  const records = buildBatch({
    records: [{ timestamp: BigInt(nowMs), key: null, value: Buffer.from('x') }],
    producerId,
    producerEpoch,
    baseSequence: 0,
    isTransactional: true,
  })
  const { responses } = await client.call({
    request: ProduceRequest,
    response: ProduceResponse,
    version: 9,
    body: {
      transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: 'a', topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }],
    },
  })
  return responses[0]!.partitionResponses[0]!.errorCode
}

describe('a manual clock', () => {
  test('stands still, and stamps records with its time', async () => {
    const klamm = await started({ ...manual, config: { 'log.message.timestamp.type': 'LogAppendTime' } })
    const begin = klamm.clock.now()
    await klamm.clock.advance('1d 12h')
    expect(klamm.clock.now() - begin).toBe(1.5 * DAY_MS)
    await klamm.produce('a', [{ value: 'x' }])
    expect((await klamm.contents('a'))[0]!.timestamp).toBe(klamm.clock.now())
  })

  test('expels a silent member exactly at its deadline', async () => {
    const klamm = await started(manual)
    const client = await clientOf(klamm)
    const { memberId, generationId } = await stableMember(client)
    await klamm.clock.advance(9_999)
    expect((await klamm.group('g'))?.members).toHaveLength(1)
    await klamm.clock.advance(1)
    expect((await klamm.group('g'))?.members).toHaveLength(0)
    expect(await heartbeatOf(client, memberId, generationId)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('expels a silent member of a group of the new kind (KIP-848) exactly at its deadline', async () => {
    const klamm = await started({ ...manual, config: { 'group.consumer.session.timeout.ms': 45_000 } })
    const client = await clientOf(klamm)
    await findCoordinator(client)
    const heartbeat = (memberEpoch: number) =>
      client.call({
        request: ConsumerGroupHeartbeatRequest,
        response: ConsumerGroupHeartbeatResponse,
        version: 1,
        body: {
          groupId: 'g',
          memberId: 'm',
          memberEpoch,
          rebalanceTimeoutMs: 60_000,
          subscribedTopicNames: ['a'],
          topicPartitions: [],
        },
      })
    const { memberEpoch } = await heartbeat(0)
    await klamm.clock.advance(44_999)
    expect((await klamm.group('g'))?.members).toHaveLength(1)
    await klamm.clock.advance(1)
    expect((await klamm.group('g'))?.members).toHaveLength(0)
    expect(await heartbeat(memberEpoch)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID })
  })

  test('waits for records that wait for company', async () => {
    const config = { 'group.coordinator.append.linger.ms': 20 }
    const klamm = await started({ ...manual, config })
    const client = await clientOf(klamm)
    await stableMember(client)
    const end = () => klamm.topic('__consumer_offsets').partitions[0]!.end
    const before = end()
    await klamm.clock.advance('10s')
    expect((await klamm.group('g'))?.members).toHaveLength(0)
    expect(end()).toBeGreaterThan(before)
  })

  test('drives rebalance delays', async () => {
    const klamm = await started({ ...manual, config: { 'group.initial.rebalance.delay.ms': 3_000 } })
    const client = await clientOf(klamm)
    const { memberId } = await joinGroup(client)
    const joining = joinGroup(client, memberId)
    while ((await klamm.group('g'))?.state !== 'PreparingRebalance') await klamm.clock.advance(0)
    await klamm.clock.advance('3s')
    expect(await joining).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 1 })
  })

  test('deletes what is older than its retention, and not a moment earlier', async () => {
    const klamm = await started({
      clock: 'manual',
      topics: [{ name: 'a', configs: { 'retention.ms': 3_600_000 } }],
    })
    await klamm.produce('a', [{ value: 'old' }])
    await klamm.clock.advance('59m')
    await klamm.produce('a', [{ value: 'young' }])
    expect(await values(klamm, 'a')).toEqual(['old', 'young'])
    await klamm.clock.advance('2h')
    expect(await values(klamm, 'a')).toEqual([])
  })

  test('compacts', async () => {
    const configs = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0.01, 'segment.ms': 60_000 }
    const klamm = await started({ clock: 'manual', topics: [{ name: 'a', configs }] })
    for (const value of ['1', '2', '3']) await klamm.produce('a', [{ key: 'k', value }])
    await klamm.clock.advance('1h')
    await klamm.produce('a', [{ key: 'other', value: 'x' }])
    await klamm.clock.advance('1h')
    expect(await values(klamm, 'a')).toEqual(['3', 'x'])
  })

  test('lets offsets of a group expire, counted from when it became empty: things happen in their order', async () => {
    const klamm = await started({ ...manual, config: { 'offsets.retention.minutes': 10_080 } })
    const client = await clientOf(klamm)
    await commit(client, 'a', 5n)
    await stableMember(client)
    await klamm.clock.advance('5s')
    expect(await committed(client, 'a')).toBe(5n)
    await klamm.clock.advance('7d')
    expect(await committed(client, 'a')).toBe(5n)
    await klamm.clock.advance('11m')
    expect(await committed(client, 'a')).toBe(-1n)
  })

  test('ends transactions that take too long, and writes their markers', async () => {
    const klamm = await started(manual)
    const client = await clientOf(klamm)
    expect(await openTransaction(client, 60_000, klamm.clock.now())).toBe(ErrorCode.NONE)
    await klamm.clock.advance('59s')
    expect(klamm.topic('a').partitions[0]).toMatchObject({ end: 1n })
    await klamm.clock.advance('11s')
    expect(klamm.topic('a').partitions[0]).toMatchObject({ end: 2n })
    expect(await klamm.contents('a', { isolation: 'read_committed' })).toEqual([])
  })

  test('forgets producers', async () => {
    const klamm = await started(manual)
    const client = await clientOf(klamm)
    const producers = async () => {
      const { topics } = await client.call({
        request: DescribeProducersRequest,
        response: DescribeProducersResponse,
        version: 0,
        body: { topics: [{ name: 'a', partitionIndexes: [0] }] },
      })
      return topics[0]!.partitions[0]!.activeProducers.length
    }
    await produceTo(client, 'a', { producerId: 7n, producerEpoch: 0, baseSequence: 0 })
    await klamm.clock.advance('23h')
    expect(await producers()).toBe(1)
    await klamm.clock.advance('2h')
    expect(await producers()).toBe(0)
  })

  test('does not hold up those who wait: fetches, produces, throttles stay on real time', async () => {
    const klamm = await started(manual)
    const [fetched] = await Promise.allSettled([klamm.consume('a', { count: 1, timeout: 50 })])
    expect(fetched!.status).toBe('rejected')
    const consuming = klamm.consume('a', 1)
    await klamm.clock.advance('7d')
    await klamm.produce('a', [{ value: 'x' }])
    expect(await consuming).toHaveLength(1)
  })

  test('is set back by reset, and goes on in a fork on its own', async () => {
    const klamm = await started(manual)
    const begin = klamm.clock.now()
    await klamm.clock.advance('1d')
    const fork = await klamm.fork()
    open.push(fork)
    await fork.clock.advance('1d')
    expect(fork.clock.now()).toBe(begin + 2 * DAY_MS)
    expect(klamm.clock.now()).toBe(begin + DAY_MS)
    const snapshot = await klamm.snapshot()
    await klamm.reset()
    expect(klamm.clock.now()).toBe(begin)
    await klamm.restore(snapshot)
    expect(klamm.clock.now()).toBe(begin + DAY_MS)
    await klamm.restart()
    expect(klamm.clock.now()).toBe(begin + DAY_MS)
  })

  test('goes forward only, and only where it is asked for', async () => {
    const klamm = await started(manual)
    for (const by of [-1, '-7d']) await expect(klamm.clock.advance(by)).rejects.toThrow('only goes forward')
    await expect(klamm.clock.advance('a week')).rejects.toThrow('is no span of time')
    const real = await started()
    await expect(real.clock.advance('7d')).rejects.toThrow("start with { clock: 'manual' }")
    expect(Math.abs(real.clock.now() - klamm.clock.now())).toBeLessThan(60_000)
  })
})
