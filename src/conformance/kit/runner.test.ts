import { describe, expect, test } from 'vitest'
import { HeartbeatRequest, HeartbeatResponse } from '../../../protocol/messages/heartbeat.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { type Side, Talk } from '../talk.ts'
import { type Case, casesWith, NotApplicable } from './case.ts'
import { type Recordings, type Result, runCases } from './runner.ts'
import { type Behaviour, FAKE_PORT, fakeBroker, responseTo } from './testing/fake-broker.ts'

const HEARTBEAT = { request: HeartbeatRequest, response: HeartbeatResponse }
const BODY = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }

const scripted = casesWith(side => new Talk(side))
const heading = { area: 'groups', name: 'A heartbeat is answered', source: 'T047' } as const

/** Two heartbeats, one after the other. */
const twice: Case = scripted(heading, async talk => {
  await talk.call('a', HEARTBEAT, 4, BODY)
  await talk.call('a', HEARTBEAT, 4, BODY)
})

const answer = { throttleTimeMs: 0, errorCode: 'NONE' }
const RECORDINGS: Recordings = {
  groups: {
    [heading.name]: [
      { said: 'a: Heartbeat v4', heard: answer },
      { said: 'a: Heartbeat v4', heard: answer },
    ],
  },
}

const honest: Behaviour = asked => [responseTo(asked, HeartbeatResponse, { errorCode: 0 })]

async function run(
  behaviour: Behaviour,
  {
    cases = [twice],
    admit,
    persona,
  }: { cases?: readonly Case[]; admit?: Side['admit']; persona?: string } = {},
): Promise<readonly Result[]> {
  const clock = new ManualClock()
  const network = fakeBroker(behaviour)
  const side = (): Side => ({
    network,
    host: '127.0.0.1',
    port: FAKE_PORT,
    now: () => clock.now(),
    wait: async () => {},
    settle: async () => {},
    ...(admit && { admit }),
  })
  const running = runCases({ cases, recordings: RECORDINGS, side, clock, prefix: 'p-', parallel: 2, persona })
  let isOver = false
  void running.finally(() => {
    isOver = true
  })
  while (!isOver) await clock.run(1_000)
  return (await running).results
}

test('a broker that answers as Kafka passes', async () => {
  expect(await run(honest)).toMatchObject([{ outcome: 'passed', reason: '' }])
})

describe('a broker that lies is caught', () => {
  const lies: readonly (readonly [string, Behaviour, RegExp])[] = [
    [
      'by another error code',
      asked => [responseTo(asked, HeartbeatResponse, { errorCode: 25 })],
      /^a: Heartbeat v4: errorCode is "UNKNOWN_MEMBER_ID", Kafka answers "NONE"$/,
    ],
    ['by no answer', () => [], /nothing.*Kafka answers/],
    ['by hanging up', () => undefined, /the broker hung up/],
    [
      'by an answer to another request',
      asked => [
        responseTo({ ...asked, correlationId: asked.correlationId + 1 }, HeartbeatResponse, { errorCode: 0 }),
      ],
      /a response out of order/,
    ],
    [
      'by one answer too many',
      (asked, count) =>
        Array.from({ length: count + 1 }, () => responseTo(asked, HeartbeatResponse, { errorCode: 0 })),
      /a response that nobody asked for/,
    ],
    [
      'by bytes behind the answer',
      asked => {
        const frame = Buffer.concat([responseTo(asked, HeartbeatResponse, { errorCode: 0 }), Buffer.of(0)])
        frame.writeInt32BE(frame.length - 4)
        return [frame]
      },
      /bytes behind the end of the response/,
    ],
    [
      'by an answer that is cut off',
      () => [Buffer.of(0, 0, 0, 6, 0, 0, 0, 1, 0, 0)],
      /HeartbeatResponse|Kafka answers \{/,
    ],
  ]
  test.each(lies)('%s', async (_, behaviour, reason) => {
    const [result] = await run(behaviour)
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(reason) })
  })

  test('with what was asked, what came, its frame, and what Kafka answers', async () => {
    const [result] = await run((asked, count) => [
      responseTo(asked, HeartbeatResponse, { errorCode: count % 2 === 0 ? 0 : 27 }),
    ])
    expect(result!.exchanges).toMatchObject([
      { said: 'a: Heartbeat v4', asked: BODY, came: answer, expected: answer, differences: [] },
      {
        came: { errorCode: 'REBALANCE_IN_PROGRESS' },
        expected: answer,
        differences: [{ path: 'errorCode', came: 'REBALANCE_IN_PROGRESS', expected: 'NONE' }],
      },
    ])
    expect(result!.exchanges[1]!.frame!.toString('hex')).toBe('0000000200000000000' + '01b00')
  })
})

test('a failure is one twice: what passes alone is told to have done so', async () => {
  const [result] = await run((asked, count) => [
    responseTo(asked, HeartbeatResponse, { errorCode: count === 1 ? 27 : 0 }),
  ])
  expect(result).toMatchObject({ outcome: 'passed', isSecond: true })
  expect((await run(honest))[0]!.isSecond).toBeUndefined()
})

test('a case that needs what is not served does not apply, and is no failure', async () => {
  const admit = () => {
    throw new NotApplicable('Heartbeat is not served')
  }
  expect(await run(honest, { admit })).toMatchObject([
    { outcome: 'not applicable', reason: 'Heartbeat is not served' },
  ])
})

test('a case does not apply to a persona older than what it tells of', async () => {
  const item = { ...twice, since: '4.0' }
  const outcomes = async (persona: string) =>
    (await run(honest, { cases: [item], persona })).map(it => it.outcome)
  expect(await outcomes('3.9')).toEqual(['not applicable'])
  expect(await outcomes('4.0')).toEqual(['passed'])
  expect(await outcomes('4.3')).toEqual(['passed'])
})

test('a case of which it is not known what Kafka answers fails', async () => {
  const unknown = scripted({ ...heading, name: 'Nobody knows' }, async () => {})
  expect(await run(honest, { cases: [unknown] })).toMatchObject([{ outcome: 'failed' }])
})

test('no case waits for ever, and the others are held all the same', async () => {
  const stuck = scripted({ ...heading, name: 'It never ends', limitMs: 3_000 }, () => new Promise(() => {}))
  const recorded = { ...stuck, expected: [{ said: 'what', heard: 'ever' }] }
  const results = await run(honest, { cases: [recorded, twice] })
  expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'passed'])
  expect(results[0]!.tookMs).toBe(3_000)
  expect(results[0]!.exchanges[0]!.came).toBe('no answer within 3 s')
})

test('cases that want the broker for themselves come last, one by one', async () => {
  let running = 0
  const most: Record<string, number> = {}
  const counted = (name: string, alone: boolean): Case => {
    const made = scripted({ ...heading, name, alone }, async talk => {
      running++
      most[name] = running
      await talk.call('a', HEARTBEAT, 4, BODY)
      running--
    })
    return { ...made, expected: [{ said: 'a: Heartbeat v4', heard: answer }] }
  }
  const cases = [counted('alone', true), counted('together', false), counted('also together', false)]
  const results = await run(honest, { cases })
  expect(results.map(it => it.case.name)).toEqual(['alone', 'together', 'also together'])
  expect(most).toEqual({ alone: 1, together: 1, 'also together': 2 })
})

test('a run that is stopped ends at once, with what was held so far', async () => {
  const clock = new ManualClock()
  const network = fakeBroker(() => [])
  let stop = () => {}
  const stopped = new Promise<void>(resolve => {
    stop = resolve
  })
  const side = (): Side => ({
    network,
    host: '127.0.0.1',
    port: FAKE_PORT,
    now: () => clock.now(),
    wait: async () => {},
    settle: async () => {},
  })
  const running = runCases({
    cases: [twice],
    recordings: RECORDINGS,
    side,
    clock,
    prefix: '',
    parallel: 1,
    stopped,
  })
  stop()
  expect(await running).toEqual({ results: [], isLost: false })
})

test('a broker that goes away is told from one that answers wrongly', async () => {
  const clock = new ManualClock()
  const network = fakeBroker(() => undefined)
  const side = (): Side => ({
    network,
    host: '127.0.0.1',
    port: FAKE_PORT,
    now: () => clock.now(),
    wait: async () => {},
    settle: async () => {},
  })
  const cases = [twice, { ...twice, name: 'never held' }]
  const isThere = async () => false
  const running = runCases({ cases, recordings: RECORDINGS, side, clock, prefix: '', parallel: 1, isThere })
  let isOver = false
  void running.finally(() => {
    isOver = true
  })
  while (!isOver) await clock.run(1_000)
  const { results, isLost } = await running
  expect(isLost).toBe(true)
  expect(results).toMatchObject([
    { outcome: 'failed', reason: expect.stringMatching(/^the broker went away; /) },
  ])
})
