import { beforeEach, describe, expect, test } from 'vitest'
import { apis } from '../../protocol/apis.ts'
import { encodeResponseFrame } from '../../protocol/header.ts'
import { defaultOf } from '../../protocol/schema.ts'
import { type DeferredBytes, joined } from '../../protocol/wire.ts'
import { ManualClock, settled } from '../platform/simulated/manual-clock.ts'
import type { FaultAnswer, FaultCall } from './faulted-call.ts'
import { Faults } from './faults.ts'
import type { Firing } from './rule.ts'

const NOT_LEADER = 6
const FENCED = 47
const ORDERS_ID = 'b3JkZXJzLW9yZGVycy0wMQ'

let clock: ManualClock
let faults: Faults
/** The requests that were served, as they were. */
let served: unknown[]
let noted: Firing[]

beforeEach(() => {
  clock = new ManualClock()
  noted = []
  faults = new Faults({ clock, seed: 7, onFired: firing => noted.push(firing) })
  faults.bind({
    nameOf: id => (id === ORDERS_ID ? 'orders' : undefined),
    topics: () => new Map([['orders', { id: ORDERS_ID, partitions: [{ leaderId: 1, leaderEpoch: 3 }] }]]),
  })
  served = []
})

let correlationId = 0

function callOf(name: string, request: object, more: Partial<FaultCall> = {}): FaultCall {
  const api = [...apis.values()].find(each => each.name === name)!
  const defaults = Object.entries(api.request.fields).map(([field, type]) => [field, defaultOf(type)])
  return {
    apiKey: api.apiKey,
    apiVersion: api.request.versions.last,
    correlationId: ++correlationId,
    clientId: 'client',
    connectionId: 'one',
    request: { ...Object.fromEntries(defaults), ...request },
    ...more,
  }
}

/** Sends a request through the rules; the answer is made of what gets as far as being served. */
async function send(call: FaultCall, answer: (request: never) => object | null): Promise<FaultAnswer> {
  return faults.intercept(call, request => {
    served.push(request)
    return answer(request as never)
  })
}

const produceTo = (...partitions: readonly string[]) =>
  callOf('Produce', {
    acks: -1,
    topicData: Object.entries(byTopic(partitions)).map(([name, indexes]) => ({
      name,
      topicId: '',
      partitionData: indexes.map(index => ({ index, records: null })),
    })),
  })

function byTopic(partitions: readonly string[]): Record<string, number[]> {
  const topics: Record<string, number[]> = {}
  for (const each of partitions) {
    const [topic, index] = each.split('-') as [string, string]
    topics[topic] = [...(topics[topic] ?? []), Number(index)]
  }
  return topics
}

type Produced = { topicData: { name: string; topicId: string; partitionData: { index: number }[] }[] }

const written = ({ topicData }: Produced) => ({
  responses: topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: 0, baseOffset: 5n })),
  })),
})

function codes({ response }: FaultAnswer): Record<string, number> {
  const { responses } = response as ReturnType<typeof written>
  return Object.fromEntries(
    responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map(({ index, errorCode }) => [`${name}-${index}`, errorCode] as const),
    ),
  )
}

const beat = (groupId = 'g', more: Partial<FaultCall> = {}) => callOf('Heartbeat', { groupId }, more)
const alive = () => ({ errorCode: 0, throttleTimeMs: 0 })

describe('an error', () => {
  test('answers the whole request, which is not served', async () => {
    faults.add({ api: 'Heartbeat' }, 'REBALANCE_IN_PROGRESS')
    expect((await send(beat(), alive)).response).toEqual({ errorCode: 27 })
    expect(served).toEqual([])
  })

  test('strikes the partitions that are named; the others are written', async () => {
    faults.add({ api: 'Produce', topic: 'orders', partition: 1 }, 'NOT_LEADER_OR_FOLLOWER')
    const answer = await send(produceTo('orders-0', 'orders-1', 'bills-1'), written)
    expect(codes(answer)).toEqual({ 'orders-0': 0, 'orders-1': NOT_LEADER, 'bills-1': 0 })
    expect(served.map(each => codes({ response: written(each as Produced) }))).toEqual([
      { 'orders-0': 0, 'bills-1': 0 },
    ])
    expect(faults.fired).toMatchObject([{ partitions: ['orders-1'], effect: 'error NOT_LEADER_OR_FOLLOWER' }])
  })

  test('on all of its partitions leaves nothing to serve', async () => {
    faults.add({ api: 'Produce', topic: 'ord*' }, 'NOT_LEADER_OR_FOLLOWER')
    expect(codes(await send(produceTo('orders-0', 'orders-1'), written))).toEqual({
      'orders-0': NOT_LEADER,
      'orders-1': NOT_LEADER,
    })
    expect(served).toEqual([])
  })

  test('after the effect replaces the answer to what was served', async () => {
    faults.add({ api: 'Produce', partition: 0 }, { error: 'REQUEST_TIMED_OUT', when: 'after' })
    const answer = await send(produceTo('orders-0', 'orders-1'), written)
    expect(codes(answer)).toEqual({ 'orders-0': 7, 'orders-1': 0 })
    expect(served).toHaveLength(1)
    expect(answer.response).toMatchObject({ responses: [{ partitionResponses: [{ baseOffset: -1n }, {}] }] })
  })

  test('of a topic that a request names by its id', async () => {
    faults.add({ api: 'Produce', topic: 'orders' }, 'NOT_LEADER_OR_FOLLOWER')
    const request = { acks: 1, topicData: [{ name: '', topicId: ORDERS_ID, partitionData: [{ index: 0 }] }] }
    const answer = await send(callOf('Produce', request), written)
    expect(answer.response).toMatchObject({ responses: [{ topicId: ORDERS_ID }] })
    expect(served).toEqual([])
  })

  test('to a producer that wants no response ends its connection', async () => {
    faults.add({ api: 'Produce' }, 'NOT_LEADER_OR_FOLLOWER')
    const request = { acks: 0, topicData: [] }
    expect(await send(callOf('Produce', request), () => null)).toEqual({ response: null, ending: 'cut' })
  })

  test('in Metadata is told of a topic, or of a partition', async () => {
    faults.add({ api: 'Metadata', topic: 'orders', nth: 1 }, 'LEADER_NOT_AVAILABLE')
    faults.add({ api: 'Metadata', topic: 'orders', partition: 0, nth: 2 }, 'LEADER_NOT_AVAILABLE')
    const partition = { errorCode: 0, partitionIndex: 0, leaderId: 1, leaderEpoch: 2 }
    const topics = [{ errorCode: 0, name: 'orders', topicId: ORDERS_ID, partitions: [partition] }]
    const answers = [
      await send(callOf('Metadata', { topics: null }), () => ({ topics })),
      await send(callOf('Metadata', { topics: [{ name: 'orders' }] }), () => ({ topics })),
    ]
    expect(answers.map(each => each.response)).toMatchObject([
      { topics: [{ errorCode: 5, partitions: [] }] },
      { topics: [{ errorCode: 0, partitions: [{ errorCode: 5, leaderId: -1 }] }] },
    ])
  })
})

describe('fetches, while a rule strikes partitions of theirs,', () => {
  const fetched = (records: unknown) => ({
    sessionId: 0,
    responses: [{ topic: 'orders', topicId: '', partitions: [{ partitionIndex: 0, errorCode: 0, records }] }],
  })
  const topics = [{ topic: 'orders', topicId: '', partitions: [{ partition: 0, fetchOffset: 4n }] }]

  test('name all partitions: sessions are ended, and none is opened', async () => {
    faults.add({ api: 'Fetch', topic: 'orders' }, 'NOT_LEADER_OR_FOLLOWER')
    const inSession = callOf('Fetch', { sessionId: 9, sessionEpoch: 2, topics: [], maxWaitMs: 500 })
    expect((await send(inSession, () => fetched(null))).response).toMatchObject({ errorCode: 70 })
    expect(served).toEqual([])
    const whole = callOf('Fetch', { sessionId: 0, sessionEpoch: 0, topics, maxWaitMs: 500 })
    const answer = await send(whole, () => fetched(Buffer.alloc(100)))
    expect(served).toMatchObject([{ sessionId: 0, sessionEpoch: -1, maxWaitMs: 0 }])
    expect(answer.response).toMatchObject({
      responses: [{ partitions: [{ errorCode: NOT_LEADER, records: Buffer.alloc(0) }] }],
    })
    expect(faults.fired).toHaveLength(1)
  })

  test('give back the file ranges of what is not told', async () => {
    let releases = 0
    const range: DeferredBytes = {
      byteLength: 100,
      read: () => Promise.reject(new Error('not to be read')),
      release: () => {
        releases++
      },
    }
    faults.add({ api: 'Fetch', topic: 'orders' }, 'NOT_LEADER_OR_FOLLOWER')
    faults.add({ api: 'Fetch', client: 'away' }, { drop: true, when: 'after' })
    const call = callOf('Fetch', { topics })
    await send(call, () => fetched({ byteLength: 100, parts: [range] }))
    expect(releases).toBe(1)
    await send({ ...call, clientId: 'away', request: { ...call.request, topics: [] } }, () =>
      fetched({ byteLength: 100, parts: [range] }),
    )
    expect(releases).toBe(2)
  })

  test('with corrupt records differ in one bit; a fetch without records does not count', async () => {
    const rule = faults.add({ api: 'Fetch', times: 1 }, { corrupt: 'records' })
    const records = Buffer.alloc(100)
    records.writeInt32BE(88, 8)
    expect((await send(callOf('Fetch', { topics }), () => fetched(Buffer.alloc(0)))).response).toEqual(
      fetched(Buffer.alloc(0)),
    )
    expect([rule.count, faults.fired.length, faults.isActive]).toEqual([0, 0, true])
    const { response } = await send(callOf('Fetch', { topics }), () => fetched(records))
    const struck = (response as { responses: { partitions: { records: Buffer }[] }[] }).responses[0]!
    const changed = [...struck.partitions[0]!.records].filter((byte, index) => byte !== records[index])
    expect(changed).toHaveLength(1)
    expect([rule.count, faults.isActive]).toEqual([1, false])
  })
})

describe('which requests:', () => {
  const fires = async (match: object, call: FaultCall) => {
    faults.clear()
    const rule = faults.add(match, { delayMs: 0 })
    const answer = send(call, alive)
    await clock.advance(1)
    await answer
    return rule.count === 1
  }

  test.each([
    [{ client: 'cl*' }, beat(), true],
    [{ client: 'other' }, beat(), false],
    [{ version: '2-3' }, beat('g', { apiVersion: 4 }), false],
    [{ version: '4+' }, beat('g', { apiVersion: 4 }), true],
    [{ group: 'g' }, beat(), true],
    [{ group: 'h' }, beat(), false],
    [{ group: 'g' }, callOf('FindCoordinator', { keyType: 0, coordinatorKeys: ['g'] }), true],
    [{ group: 'g' }, callOf('FindCoordinator', { keyType: 1, coordinatorKeys: ['g'] }), false],
    [{ transactionalId: 'g' }, callOf('FindCoordinator', { keyType: 1, key: 'g' }), true],
    [{ transactionalId: 't' }, callOf('Produce', { acks: 1, transactionalId: 't', topicData: [] }), true],
    [{ group: 'g' }, callOf('OffsetFetch', { groups: [{ groupId: 'g', topics: null }] }), true],
    [{ group: 'g' }, callOf('DescribeGroups', { groups: ['f', 'g'] }), true],
    [{ listener: 'SSL' }, beat('g', { listener: 'SSL' }), true],
    [{ listener: 'SSL' }, beat(), false],
    [{ user: 'alice' }, beat('g', { principal: 'User:alice' }), true],
    [{ user: 'User:bob' }, beat('g', { principal: 'User:alice' }), false],
    [{ topic: 'bills' }, produceTo('orders-0'), false],
    [{ topic: 'orders', partition: [1, 2] }, produceTo('orders-0', 'bills-1'), false],
    [{ topic: 'o*s', partition: [0, 2] }, produceTo('orders-0'), true],
  ])('%j', async (match, call, expected) => {
    expect(await fires(match, call)).toBe(expected)
  })
})

describe('how often:', () => {
  const pattern = async (match: object, count: number) => {
    faults.add(match, { error: FENCED })
    const answers: number[] = []
    for (let i = 0; i < count; i++) {
      const { response } = await send(beat(), alive)
      answers.push((response as { errorCode: number }).errorCode === FENCED ? 1 : 0)
    }
    return answers.join('')
  }

  test('the nth of those that match, and no more', async () => {
    expect(await pattern({ api: 'Heartbeat', nth: [2, 4] }, 6)).toBe('010100')
    expect(faults.isActive).toBe(false)
  })

  test('so many times', async () => {
    expect(await pattern({ api: 'Heartbeat', times: 3 }, 5)).toBe('11100')
    expect(faults.active).toEqual([])
  })

  test('by chance, the same with the same seed, also after clear, and another with another', async () => {
    const first = await pattern({ api: 'Heartbeat', probability: 0.5 }, 40)
    faults.clear()
    expect(await pattern({ api: 'Heartbeat', probability: 0.5 }, 40)).toBe(first)
    faults = new Faults({ clock, seed: 8 })
    expect(await pattern({ api: 'Heartbeat', probability: 0.5 }, 40)).not.toBe(first)
    expect(first).toMatch(/^(?=.*1{2})(?=.*0{2})/)
  })

  test('a rule that is removed fires no more, and its count stays', async () => {
    const rule = faults.add({ api: 'Heartbeat' }, { error: FENCED })
    await send(beat(), alive)
    rule.remove()
    rule.remove()
    expect((await send(beat(), alive)).response).toEqual(alive())
    expect([rule.count, rule.fired.length, faults.isActive, noted.length]).toEqual([1, 1, false, 1])
    expect(rule.fired[0]).toMatchObject({ rule: 1, api: 'Heartbeat', client: 'client', connection: 'one' })
  })
})

test('several rules strike one request, each what those before it let through', async () => {
  faults.add({ api: 'Produce', topic: 'orders', partition: 0 }, 'NOT_LEADER_OR_FOLLOWER')
  faults.add({ api: 'Produce', topic: 'orders' }, 'INVALID_PRODUCER_EPOCH')
  faults.add({ api: 'Produce' }, { throttleMs: 20 })
  const answer = await send(produceTo('orders-0', 'orders-1', 'bills-0'), written)
  expect(codes(answer)).toEqual({ 'orders-0': NOT_LEADER, 'orders-1': FENCED, 'bills-0': 0 })
  expect(answer).toMatchObject({ muteMs: 20, response: { throttleTimeMs: 20 } })
})

describe('the end of the connection', () => {
  test.each([
    [{ drop: true }, 'cut', 0],
    [{ drop: true, when: 'after' }, 'cut', 1],
    [{ silence: true }, 'hang', 0],
    [{ silence: true, when: 'after' }, 'hang', 1],
  ] as const)('%j', async (effect, ending, count) => {
    faults.add({ api: 'Heartbeat' }, effect)
    expect(await send(beat(), alive)).toEqual({ response: null, ending })
    expect(served).toHaveLength(count)
  })

  test.each([
    [{ truncate: 6 }, (bytes: Buffer) => bytes.subarray(0, 6)],
    [{ truncate: true }, (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    [
      { corrupt: 'size' },
      (bytes: Buffer) => Buffer.concat([Buffer.from('fffffffe', 'hex'), bytes.subarray(4)]),
    ],
    [
      { corrupt: 'correlationId' },
      (bytes: Buffer) =>
        Buffer.concat([bytes.subarray(0, 4), Buffer.from('40000009', 'hex'), bytes.subarray(8)]),
    ],
  ] as const)('%j', async (effect, expected) => {
    faults.add({ api: 'Heartbeat' }, effect)
    const { damage, ending } = await send(beat(), alive)
    const frame = () => encodeResponseFrame(apis.get(12)!.response, 4, 9, alive() as never)
    expect(joined(await damage!(frame()))).toEqual(expected(joined(frame())))
    expect(ending).toBe('truncate' in effect ? 'close' : undefined)
  })
})

describe('a delay', () => {
  test('before: the request and those behind it on the connection wait, others do not', async () => {
    faults.add({ api: 'Heartbeat', nth: 1 }, { delayMs: 100 })
    const slow = send(beat('a'), alive)
    const behind = send(beat('b'), alive)
    await send(beat('c', { connectionId: 'two' }), alive)
    expect(served).toMatchObject([{ groupId: 'c' }])
    await clock.advance(100)
    await Promise.all([slow, behind])
    expect(served).toMatchObject([{ groupId: 'c' }, { groupId: 'a' }, { groupId: 'b' }])
    await settled()
    await send(beat('d'), alive)
    expect(served).toHaveLength(4)
  })

  test('after: it is served at once, and answered late', async () => {
    faults.add({ api: 'Heartbeat' }, { delayMs: [10, 20], when: 'after' })
    let answered = false
    const late = send(beat(), alive).then(() => {
      answered = true
    })
    expect(served).toHaveLength(1)
    await clock.advance(9)
    await settled()
    expect(answered).toBe(false)
    await clock.advance(11)
    await late
    expect(answered).toBe(true)
  })
})

test('whoever closes ends all delays, and so does clear', async () => {
  faults.add({ api: 'Heartbeat' }, { delayMs: 60_000 })
  const first = send(beat('a'), alive)
  faults.release()
  expect((await first).response).toEqual(alive())
  const second = send(beat('b'), alive)
  faults.clear()
  expect((await second).response).toEqual(alive())
})

test('requests that overlap are served before anything is awaited', () => {
  faults.add({ api: 'Produce', partition: 3 }, 'NOT_LEADER_OR_FOLLOWER')
  void send(produceTo('orders-0', 'orders-3'), written)
  void send(produceTo('orders-1'), written)
  expect(served).toHaveLength(2)
})

test('a coordinator that has moved is neither found nor there', async () => {
  faults.add({ group: 'g', times: 2 }, { coordinatorMoved: true })
  const finding = callOf('FindCoordinator', { keyType: 0, coordinatorKeys: ['g'] })
  expect((await send(beat(), alive)).response).toMatchObject({ errorCode: 16 })
  expect((await send(finding, alive)).response).toMatchObject({ coordinators: [{ errorCode: 15 }] })
  expect((await send(beat(), alive)).response).toEqual(alive())
})

test('stale metadata tells what there was when the rule was added', async () => {
  faults.add({ api: 'Metadata' }, { staleMetadata: true })
  const partitionsNow = [0, 1].map(partitionIndex => ({
    errorCode: 0,
    partitionIndex,
    leaderId: 2,
    leaderEpoch: 9,
    replicaNodes: [1, 2],
  }))
  const topics = ['orders', 'new'].map(name => ({
    errorCode: 0,
    name,
    topicId: 'bmV3LW5ldy1uZXctbmV3MQ',
    partitions: partitionsNow,
  }))
  const asked = await send(callOf('Metadata', { topics: [{ name: 'orders' }, { name: 'new' }] }), () => ({
    topics,
  }))
  const before = { leaderId: 1, leaderEpoch: 3, replicaNodes: [1, 2] }
  expect(asked.response).toMatchObject({
    topics: [
      { errorCode: 0, name: 'orders', topicId: ORDERS_ID, partitions: [before] },
      { errorCode: 3, name: 'new', partitions: [] },
    ],
  })
  const all = await send(callOf('Metadata', { topics: null }), () => ({ topics: topics.slice(1) }))
  expect(all.response).toMatchObject({ topics: [{ name: 'orders', partitions: [{ leaderId: 1 }] }] })
})
