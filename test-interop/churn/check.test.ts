import { describe, expect, test } from 'vitest'
import { skippedRecords, violationsOf } from './check.ts'
import {
  type Commit,
  type GroupExchange,
  type Happening,
  NONE,
  type Processed,
  REBALANCE_IN_PROGRESS,
  type Sync,
  UNKNOWN_MEMBER_ID,
} from './history.ts'

const rules = { sessionTimeoutMs: 4_000, partitions: 2 }

type Told = Pick<GroupExchange, 'at'> & Partial<Omit<GroupExchange, 'kind'>>

/** Answered 5 ms after it was asked. */
function exchange({ at, ...told }: Told) {
  return { at, requestedAt: at - 5, client: 'a', memberId: 'a-1', generation: 1, code: NONE, ...told }
}

const join = (told: Told): Happening => ({ kind: 'join', ...exchange(told) })
const heartbeat = (told: Told): Happening => ({ kind: 'heartbeat', ...exchange(told) })
const leave = (told: Told): Happening => ({ kind: 'leave', ...exchange(told) })
const sync = (owned: readonly number[], told: Told): Sync => ({ kind: 'sync', owned, ...exchange(told) })
const commit = (partition: number, offset: number, told: Told): Commit => ({
  kind: 'commit',
  offsets: [{ partition, offset }],
  ...exchange(told),
})
const processed = (
  from: number,
  to: number,
  told: { at: number; client?: string; partition?: number },
): Processed => ({
  kind: 'processed',
  client: 'a',
  partition: 0,
  from,
  to,
  ...told,
})
const broker = (change: 'killed' | 'ready', at: number): Happening => ({ kind: 'broker', change, at })

/** The second member takes partition 1 over, and then, when the first has gone, all. */
const clean: readonly Happening[] = [
  join({ at: 10 }),
  sync([0, 1], { at: 20 }),
  processed(0, 10, { at: 30 }),
  processed(0, 5, { at: 31, partition: 1 }),
  commit(0, 10, { at: 40 }),
  processed(5, 8, { at: 50, partition: 1 }),
  join({ at: 100, generation: 2 }),
  join({ at: 100, client: 'b', memberId: 'b-1', generation: 2 }),
  sync([0], { at: 110, generation: 2 }),
  sync([1], { at: 111, client: 'b', memberId: 'b-1', generation: 2 }),
  processed(10, 20, { at: 120 }),
  // Again: the first member had not committed them.
  processed(0, 8, { at: 121, client: 'b', partition: 1 }),
  commit(1, 8, { at: 130, client: 'b', memberId: 'b-1', generation: 2 }),
  commit(0, 20, { at: 130, generation: 2 }),
  leave({ at: 140, generation: 2 }),
  sync([0, 1], { at: 200, client: 'b', memberId: 'b-1', generation: 3 }),
  processed(20, 30, { at: 210, client: 'b' }),
]

function judge(...more: readonly Happening[]): string[] {
  return violationsOf([...clean, ...more], rules)
}

describe('a history without fault', () => {
  test('has no violations, in whatever order it is told', () => {
    expect(judge()).toEqual([])
    expect(violationsOf([...clean].reverse(), rules)).toEqual([])
  })

  test('leaves no record out', () => {
    expect(
      skippedRecords(
        clean,
        new Map([
          [0, 30],
          [1, 8],
        ]),
      ),
    ).toEqual([])
  })
})

describe('skipped records are found', () => {
  test('at the end of a partition, and in one that nobody touched', () => {
    expect(
      skippedRecords(
        clean,
        new Map([
          [0, 31],
          [7, 1],
        ]),
      ),
    ).toEqual([
      'nobody processed offset 30 of partition 0, which ends at 31',
      'nobody processed offset 0 of partition 7, which ends at 1',
    ])
  })

  test('in the middle', () => {
    const history = [processed(0, 10, { at: 1 }), processed(11, 20, { at: 2 })]
    expect(skippedRecords(history, new Map([[0, 20]]))).toHaveLength(1)
  })

  test('when a commit passes over them, also one that was never answered', () => {
    const b = { client: 'b', memberId: 'b-1', generation: 3 }
    expect(judge(commit(0, 31, { ...b, at: 220 }))).toEqual([
      'b commits offset 31 of partition 0, where 30 is not processed',
    ])
    expect(judge(commit(0, 31, { ...b, at: 220, code: undefined }))).toHaveLength(1)
  })

  test('when they are processed only after the commit', () => {
    const b = { client: 'b', memberId: 'b-1', generation: 3 }
    const history = [commit(0, 40, { ...b, at: 220 }), processed(30, 40, { at: 221, client: 'b' })]
    expect(judge(...history)).toHaveLength(1)
  })

  test('when a member jumps over them', () => {
    expect(judge(processed(31, 32, { at: 220, client: 'b' }))).toEqual([
      'b processes offset 31 of partition 0 in generation 3, and leaves out 30',
    ])
  })
})

describe('a partition with two owners is found', () => {
  test('in one generation', () => {
    const c = { client: 'c', memberId: 'c-1', generation: 3, at: 205 }
    expect(judge(sync([1], c))).toEqual(['partition 1 in generation 3 belongs to b-1 and to c-1'])
  })

  test('but not across generations', () => {
    expect(judge(sync([1], { client: 'c', memberId: 'c-1', generation: 4, at: 205 }))).toEqual([])
  })

  test('when a member processes what it does not own', () => {
    expect(judge(processed(8, 9, { at: 150, partition: 1 }))).toEqual([
      'a processes offset 8 of partition 1, which it does not own',
    ])
  })

  test('when generations begin again from an earlier one', () => {
    expect(judge(sync([], { client: 'c', memberId: 'c-1', generation: 2, at: 300 }))).toEqual([
      'c was given generation 2 after generation 3',
    ])
  })
})

describe('duplicates without a cause are found', () => {
  test('within one generation', () => {
    expect(judge(processed(29, 31, { at: 220, client: 'b' }))).toEqual([
      'b processes offset 29 of partition 0 again in generation 3, without a rebalance',
    ])
  })

  test('after a rebalance, when they were committed before it', () => {
    const history = [sync([0, 1], { at: 300, client: 'b', memberId: 'b-1', generation: 4 })]
    expect(judge(...history, processed(20, 25, { at: 310, client: 'b' }))).toEqual([])
    expect(judge(...history, processed(19, 25, { at: 310, client: 'b' }))).toEqual([
      'b processes offset 19 of partition 0 in generation 4, where 20 was committed before',
    ])
  })
})

describe('what is committed', () => {
  const b = { client: 'b', memberId: 'b-1', generation: 3 }
  const again = [sync([0, 1], { ...b, at: 300, generation: 4 }), processed(20, 25, { at: 310, client: 'b' })]

  test('is the last commit, where a client repeats an older one', () => {
    expect(judge(commit(0, 30, { ...b, at: 220 }), ...again)).toHaveLength(1)
    expect(judge(commit(0, 30, { ...b, at: 220 }), commit(0, 20, { ...b, at: 230 }), ...again)).toEqual([])
  })

  test('may be a commit whose answer was lost', () => {
    const lost = commit(0, 20, { ...b, at: 230, code: undefined })
    expect(judge(commit(0, 30, { ...b, at: 220 }), lost, ...again)).toEqual([])
    expect(judge(lost, commit(0, 30, { ...b, at: 240 }), ...again)).toHaveLength(1)
  })
})

describe('UNKNOWN_MEMBER_ID for a live member is found', () => {
  const b = { client: 'b', memberId: 'b-1', generation: 3 }
  const refused = (at: number) => heartbeat({ ...b, at, code: UNKNOWN_MEMBER_ID })

  test('within its session', () => {
    expect(judge(heartbeat({ ...b, at: 1_000 }), refused(4_000))).toEqual([
      'b got UNKNOWN_MEMBER_ID for a heartbeat, 2995 ms after it was heard of (at 4000)',
    ])
  })

  test('after it waited longer than its session for an assignment, in vain', () => {
    const waited = sync([], { ...b, at: 6_000, requestedAt: 2_000, code: REBALANCE_IN_PROGRESS })
    expect(judge(waited, join({ ...b, at: 6_010, code: UNKNOWN_MEMBER_ID }))).toEqual([
      'b got UNKNOWN_MEMBER_ID for a join, 5 ms after it was heard of (at 6010)',
    ])
  })

  test('but not where it was silent beyond its session', () => {
    expect(judge(heartbeat({ ...b, at: 1_000 }), refused(5_100))).toEqual([])
  })

  test('but not where it had left', () => {
    expect(judge(leave({ ...b, at: 1_000 }), refused(1_010))).toEqual([])
  })

  test('over a crash of the broker, when its generation was complete', () => {
    expect(judge(broker('killed', 1_000), broker('ready', 9_000), refused(9_500))).toHaveLength(1)
    expect(judge(broker('killed', 1_000), broker('ready', 9_000), refused(13_500))).toEqual([])
  })

  test('but not over a crash, when it had only just joined', () => {
    const c = { client: 'c', memberId: 'c-1', generation: 4 }
    const history = [join({ ...c, at: 900 }), broker('killed', 1_000), broker('ready', 2_000)]
    expect(judge(...history, heartbeat({ ...c, at: 2_100, code: UNKNOWN_MEMBER_ID }))).toEqual([])
    expect(
      judge(join({ ...c, at: 900 }), heartbeat({ ...c, at: 950, code: UNKNOWN_MEMBER_ID })),
    ).toHaveLength(1)
  })
})

test('what a member complains about is a violation', () => {
  expect(judge({ kind: 'complaint', at: 1, client: 'a', text: 'offset 3 holds "4"' })).toHaveLength(1)
})
