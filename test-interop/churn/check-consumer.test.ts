import { describe, expect, test } from 'vitest'
import { consumerViolationsOf } from './check-consumer.ts'
import {
  FENCED_MEMBER_EPOCH,
  type GroupExchange,
  type Happening,
  NONE,
  UNKNOWN_MEMBER_ID,
} from './history.ts'

const rules = { sessionTimeoutMs: 4_000, partitions: 2, heartbeatMs: 300 }

interface Told {
  readonly at: number
  readonly client?: string
  readonly epoch?: number
  readonly code?: number | undefined
  readonly has?: readonly number[]
  readonly given?: readonly number[]
}

/** Answered 5 ms after it was asked; in the order of the times. */
function beat(kind: 'join' | 'heartbeat' | 'leave', told: Told): GroupExchange {
  const { at, client = 'a', epoch = 1, has, given } = told
  const code = 'code' in told ? told.code : NONE
  const consumer = { has, given, asked: 10 * (at - 5), answered: 10 * at + 1 }
  const who = { client, memberId: `${client}-1`, generation: epoch }
  return { kind, at, requestedAt: at - 5, ...who, code, consumer }
}

const join = (told: Told) => beat('join', { has: [], ...told })
const heartbeat = (told: Told) => beat('heartbeat', told)
const leave = (told: Told) => beat('leave', { epoch: -1, ...told })
const commit = (partition: number, offset: number, { at, client = 'a' }: Told): Happening => ({
  kind: 'commit',
  at,
  requestedAt: at - 5,
  client,
  memberId: `${client}-1`,
  generation: 1,
  code: NONE,
  offsets: [{ partition, offset }],
})
const processed = (partition: number, from: number, to: number, { at, client = 'a' }: Told): Happening => ({
  kind: 'processed',
  at,
  client,
  partition,
  from,
  to,
})
const broker = (change: 'killed' | 'ready', at: number): Happening => ({ kind: 'broker', change, at })

/** The second member gets partition 1 as soon as the first has given it back, and later all. */
const clean: readonly Happening[] = [
  join({ at: 10, given: [0, 1] }),
  heartbeat({ at: 20, has: [0, 1] }),
  processed(0, 0, 10, { at: 30 }),
  processed(1, 0, 5, { at: 31 }),
  commit(0, 10, { at: 40 }),
  join({ at: 100, client: 'b', epoch: 2, given: [] }),
  heartbeat({ at: 110, given: [0] }),
  // It has been told, and goes on until it says so.
  processed(1, 5, 8, { at: 115 }),
  commit(1, 8, { at: 121 }),
  heartbeat({ at: 130, epoch: 2, has: [0] }),
  heartbeat({ at: 140, client: 'b', epoch: 2, given: [1] }),
  heartbeat({ at: 150, client: 'b', epoch: 2, has: [1] }),
  processed(0, 10, 20, { at: 160 }),
  processed(1, 8, 12, { at: 161, client: 'b' }),
  commit(1, 12, { at: 170, client: 'b' }),
  leave({ at: 180 }),
  heartbeat({ at: 200, client: 'b', epoch: 3, given: [0, 1] }),
  // Again: the first member had not committed them.
  processed(0, 10, 30, { at: 210, client: 'b' }),
  processed(1, 12, 14, { at: 211, client: 'b' }),
]

function judge(...more: readonly Happening[]): string[] {
  return consumerViolationsOf([...clean, ...more], rules)
}

test('a history without fault has no violations, in whatever order it is told', () => {
  expect(judge()).toEqual([])
  expect(consumerViolationsOf([...clean].reverse(), rules)).toEqual([])
})

describe('a partition that is given while it is another’s is found', () => {
  const c = { client: 'c', epoch: 4 }
  const given = (at: number) => judge(join({ ...c, at, given: [1] }))

  test('within the session of the one that has it', () => {
    expect(given(300)).toEqual(["c was given partition 1, which is b-1's (at 300)"])
    expect(given(3_000)).toHaveLength(1)
  })

  test('but not when that is over', () => {
    expect(given(4_200)).toEqual([])
  })

  test('though its owner has been told to give it back, and has not', () => {
    const told = heartbeat({ at: 220, client: 'b', epoch: 3, given: [0] })
    expect(judge(told, join({ ...c, at: 300, given: [1] }))).toHaveLength(1)
    const back = heartbeat({ at: 230, client: 'b', epoch: 4, has: [0] })
    expect(judge(told, back, join({ ...c, at: 300, given: [1] }))).toEqual([])
  })

  test('though its owner said to have nothing before it took it', () => {
    const full = heartbeat({ at: 220, client: 'b', epoch: 3, has: [] })
    expect(judge(full, join({ ...c, at: 300, given: [1] }))).toHaveLength(1)
  })

  test('in a session that began anew with the broker', () => {
    const crash = [broker('killed', 1_000), broker('ready', 9_000)]
    expect(judge(...crash, join({ ...c, at: 10_000, given: [1] }))).toHaveLength(1)
    expect(judge(...crash, join({ ...c, at: 13_000, given: [1] }))).toEqual([])
  })

  test('but not where the session was over when the broker was killed', () => {
    const crash = [broker('killed', 5_000), broker('ready', 6_000)]
    expect(judge(...crash, join({ ...c, at: 6_500, given: [1] }))).toEqual([])
  })

  test('but not when its owner left while it was being answered', () => {
    const beaten = { ...heartbeat({ at: 225, client: 'b', epoch: 3, given: [1] }), requestedAt: 210 }
    const asked = { ...beaten, consumer: { ...beaten.consumer!, asked: 2_100 } }
    const left = leave({ at: 226, client: 'b' })
    expect(judge(asked, left, join({ ...c, at: 300, given: [1] }))).toEqual([])
  })

  test('but not when its owner left, or joined anew', () => {
    expect(judge(leave({ at: 220, client: 'b' }), join({ ...c, at: 300, given: [1] }))).toEqual([])
    const anew = join({ at: 220, client: 'b', epoch: 4, given: [0] })
    expect(judge(anew, join({ ...c, at: 300, given: [1] }))).toEqual([])
  })
})

describe('what is processed without cause is found', () => {
  test('when the partition was never given', () => {
    expect(judge(processed(0, 30, 31, { at: 220, client: 'c' }))).toEqual([
      'c processes offset 30 of partition 0, which it does not own',
    ])
  })

  test('when the partition was given back', () => {
    expect(judge(processed(1, 8, 9, { at: 135 }))).toHaveLength(1)
  })

  test('when it comes again, or is left out', () => {
    expect(judge(processed(0, 29, 31, { at: 220, client: 'b' }))).toEqual([
      'b processes offset 29 of partition 0 again, without having given it back',
    ])
    expect(judge(processed(0, 31, 32, { at: 220, client: 'b' }))).toEqual([
      'b processes offset 31 of partition 0, and leaves out 30',
    ])
  })

  test('when it was committed before the partition was given', () => {
    const anew = [join({ at: 220, client: 'b', epoch: 4, given: [1] })]
    expect(judge(...anew, processed(1, 12, 14, { at: 230, client: 'b' }))).toEqual([])
    expect(judge(...anew, processed(1, 11, 14, { at: 230, client: 'b' }))).toEqual([
      'b processes offset 11 of partition 1, where 12 was committed before',
    ])
  })

  test('when a commit passes over it', () => {
    expect(judge(commit(0, 31, { at: 220, client: 'b' }))).toHaveLength(1)
  })
})

describe('a refusal that a live member should not get is found', () => {
  const refused = (at: number, code: number) => heartbeat({ at, client: 'b', epoch: 3, code })

  test('UNKNOWN_MEMBER_ID within its session, also over a crash of the broker', () => {
    expect(judge(refused(4_000, UNKNOWN_MEMBER_ID))).toHaveLength(1)
    expect(judge(refused(4_200, UNKNOWN_MEMBER_ID))).toEqual([])
    const crash = [broker('killed', 1_000), broker('ready', 9_000)]
    expect(judge(...crash, refused(9_500, UNKNOWN_MEMBER_ID))).toHaveLength(1)
  })

  test('but not when it only committed within its session', () => {
    expect(judge(commit(1, 14, { at: 3_000, client: 'b' }), refused(4_300, UNKNOWN_MEMBER_ID))).toEqual([])
  })

  test('UNKNOWN_MEMBER_ID after it left is none, but is one when it has come back', () => {
    const left = leave({ at: 220, client: 'b' })
    expect(judge(left, refused(230, UNKNOWN_MEMBER_ID))).toEqual([])
    const back = join({ at: 240, client: 'b', epoch: 4, given: [] })
    expect(judge(left, back, refused(250, UNKNOWN_MEMBER_ID))).toHaveLength(1)
  })

  test('FENCED_MEMBER_EPOCH at the epoch that it was told', () => {
    expect(judge(refused(220, FENCED_MEMBER_EPOCH))).toEqual([
      'b was fenced at the epoch that it was told (at 220)',
    ])
    const lost = heartbeat({ at: 215, client: 'b', epoch: 3, code: undefined })
    expect(judge(lost, refused(220, FENCED_MEMBER_EPOCH))).toEqual([])
    const late = { ...heartbeat({ at: 600, client: 'b', epoch: 3 }), requestedAt: 300 }
    expect(judge(late, refused(620, FENCED_MEMBER_EPOCH))).toEqual([])
    const process = (change: 'paused' | 'resumed', at: number): Happening => ({
      kind: 'process',
      change,
      at,
      client: 'b',
    })
    const still = [
      process('paused', 215),
      heartbeat({ at: 220, client: 'b', epoch: 3 }),
      process('resumed', 900),
    ]
    expect(judge(...still, refused(910, FENCED_MEMBER_EPOCH))).toEqual([])
    const again = heartbeat({ at: 915, client: 'b', epoch: 3 })
    expect(judge(...still, again, refused(930, FENCED_MEMBER_EPOCH))).toHaveLength(1)
  })
})

test('an epoch that shrinks is found', () => {
  expect(judge(heartbeat({ at: 220, client: 'b', epoch: 2 }))).toEqual(['b was given epoch 2 after epoch 3'])
})

test('what a member complains about is a violation', () => {
  expect(judge({ kind: 'complaint', at: 1, client: 'a', text: 'offset 3 holds "4"' })).toHaveLength(1)
})
