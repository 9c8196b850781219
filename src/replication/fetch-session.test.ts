import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ManualClock } from '../platform/simulated/manual-clock.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { type FetchPlan, FetchSessions, nextEpoch, type SessionRequest } from './fetch-session.ts'
import { type FetchOutcome, type FetchTarget, fetchError, NO_RECORDS } from './partition.ts'

const TOPIC_ID = 'abcdefghijklmnopqrstuw'
const MAX_INT32 = 0x7fffffff

function target(topic: string, index = 0, changes: Partial<FetchTarget> = {}): FetchTarget {
  return {
    topic,
    topicId: null,
    index,
    currentLeaderEpoch: -1,
    fetchOffset: 0n,
    lastFetchedEpoch: -1,
    logStartOffset: -1n,
    maxBytes: 1_000,
    ...changes,
  }
}

function request(
  sessionId: number,
  sessionEpoch: number,
  changes: Partial<SessionRequest> = {},
): SessionRequest {
  return {
    sessionId,
    sessionEpoch,
    usesTopicIds: false,
    isFromFollower: false,
    targets: [],
    forgotten: [],
    ...changes,
  }
}

function outcome(changes: Partial<FetchOutcome> = {}): FetchOutcome {
  return { ...fetchError(ErrorCode.NONE), highWatermark: 10n, logStartOffset: 0n, ...changes }
}

const withRecords = outcome({ records: { byteLength: 3, parts: [Buffer.from('abc')] } })

function setUp(slots = 3, maxPartitions = 1_000_000) {
  const clock = new ManualClock()
  const sessions = new FetchSessions({ slots, maxPartitions, clock, random: new SeededRandom(1) })
  return { clock, sessions }
}

function planned(plan: FetchPlan | ErrorCode): FetchPlan {
  if (typeof plan === 'number') throw new Error(`refused with ${plan}`)
  return plan
}

const topicsOf = (plan: FetchPlan) => plan.targets.map(({ topic, index }) => `${topic}-${index}`)

/** Opens a session on some topics, all empty, and gives its id. */
function open(
  sessions: FetchSessions,
  topics: readonly string[],
  changes: Partial<SessionRequest> = {},
): number {
  const plan = planned(
    sessions.plan(request(0, 0, { targets: topics.map(topic => target(topic)), ...changes })),
  )
  return plan.answer(plan.targets.map(() => outcome())).sessionId
}

describe('a fetch session', () => {
  test('is opened by epoch 0, goes on with the next epoch, and is closed by epoch -1 (T075)', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a', 'b'])
    expect(id).toBeGreaterThan(0)
    const second = planned(sessions.plan(request(id, 1)))
    expect(topicsOf(second)).toEqual(['a-0', 'b-0'])
    expect(second.answer([outcome(), outcome()])).toEqual({ error: 0, sessionId: id, answered: [] })
    expect(planned(sessions.plan(request(id, 2))).targets).toHaveLength(2)

    const last = planned(sessions.plan(request(id, -1, { targets: [target('a')] })))
    expect(last.answer([outcome()])).toEqual({ error: 0, sessionId: 0, answered: [0] })
    expect(sessions.plan(request(id, 3))).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('refuses an epoch that is not its next one, and goes on (T075)', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a'])
    for (const epoch of [2, 7, MAX_INT32, -2]) {
      expect(sessions.plan(request(id, epoch))).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
    }
    expect(typeof sessions.plan(request(id, 1))).toBe('object')
  })

  test('wraps its epoch from the largest int32 to 1 (T075)', () => {
    expect([0, 1, MAX_INT32 - 1, MAX_INT32].map(nextEpoch)).toEqual([1, 2, MAX_INT32, 1])
  })

  test('that is not known is refused (T075)', () => {
    expect(setUp().sessions.plan(request(77, 1))).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('is replaced by a new one where a client names it with epoch 0', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a'])
    const plan = planned(sessions.plan(request(id, 0, { targets: [target('b')] })))
    plan.answer([outcome()])
    expect(sessions.size).toBe(1)
    expect(sessions.plan(request(id, 1))).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('keeps its partitions for incremental fetches that name none (T071)', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a', 'b'])
    expect(topicsOf(planned(sessions.plan(request(id, 1))))).toEqual(['a-0', 'b-0'])
  })

  test('takes up new partitions and new offsets, and drops forgotten ones', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a', 'b'])
    const plan = planned(
      sessions.plan(
        request(id, 1, {
          targets: [target('a', 0, { fetchOffset: 5n }), target('c')],
          forgotten: [{ topic: 'b', topicId: null, index: 0 }],
        }),
      ),
    )
    expect(topicsOf(plan)).toEqual(['a-0', 'c-0'])
    expect(plan.targets[0]!.fetchOffset).toBe(5n)
  })

  test('that has forgotten everything is closed', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a'])
    const forgotten = [{ topic: 'a', topicId: null, index: 0 }]
    const plan = planned(sessions.plan(request(id, 1, { forgotten })))
    expect(plan.answer([])).toEqual({ error: 0, sessionId: 0, answered: [] })
    expect(sessions.size).toBe(0)
  })

  test('does not mind being told to forget what it never had (T078)', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a'])
    const forgotten = [
      { topic: '', topicId: null, index: 0 },
      { topic: '', topicId: TOPIC_ID, index: -1 },
    ]
    expect(topicsOf(planned(sessions.plan(request(id, 1, { forgotten }))))).toEqual(['a-0'])
  })

  test('by topic id is not continued by names, and keeps ids apart (T077)', () => {
    const { sessions } = setUp()
    const targets = [
      target('', 0, { topicId: TOPIC_ID }),
      target('', 0, { topicId: 'zyxwvutsrqponmlkjihgfA' }),
    ]
    const first = planned(sessions.plan(request(0, 0, { usesTopicIds: true, targets })))
    expect(first.targets).toHaveLength(2)
    const { sessionId } = first.answer([outcome(), outcome()])
    expect(sessions.plan(request(sessionId, 1))).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
    const next = planned(sessions.plan(request(sessionId, 1, { usesTopicIds: true })))
    const answer = next.answer([outcome(), fetchError(ErrorCode.UNKNOWN_TOPIC_ID)])
    expect(answer.answered).toEqual([1])
    expect(next.targets[1]!.topicId).toBe('zyxwvutsrqponmlkjihgfA')
  })
})

describe('an incremental answer', () => {
  test('has only partitions with news: records, errors, another high watermark or log start (T076)', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['same', 'records', 'error', 'hw', 'start', 'diverging'])
    const plan = planned(sessions.plan(request(id, 1)))
    const answer = plan.answer([
      outcome(),
      withRecords,
      fetchError(ErrorCode.NOT_LEADER_OR_FOLLOWER),
      outcome({ highWatermark: 11n }),
      outcome({ logStartOffset: 1n }),
      outcome({ divergingEpoch: { leaderEpoch: 1, endOffset: 3n } }),
    ])
    expect(answer.answered).toEqual([1, 2, 3, 4, 5])
  })

  test('repeats a partition after its error is gone, though nothing else has changed (T076)', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a'])
    planned(sessions.plan(request(id, 1))).answer([fetchError(ErrorCode.KAFKA_STORAGE_ERROR)])
    expect(planned(sessions.plan(request(id, 2))).answer([outcome()]).answered).toEqual([0])
    expect(planned(sessions.plan(request(id, 3))).answer([outcome()]).answered).toEqual([])
  })

  test('moves partitions that gave records to the end, so that others get their turn', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a', 'b', 'c'])
    planned(sessions.plan(request(id, 1))).answer([withRecords, outcome(), outcome()])
    expect(topicsOf(planned(sessions.plan(request(id, 2))))).toEqual(['b-0', 'c-0', 'a-0'])
  })

  test('is an error where the session went on meanwhile', () => {
    const { sessions } = setUp()
    const id = open(sessions, ['a'])
    const slow = planned(sessions.plan(request(id, 1)))
    planned(sessions.plan(request(id, 2)))
    expect(slow.answer([withRecords])).toEqual({
      error: ErrorCode.INVALID_FETCH_SESSION_EPOCH,
      sessionId: 0,
      answered: [],
    })
  })
})

describe('a fetch', () => {
  test('reads a partition that is named twice once, as it was named last (T079)', () => {
    const { sessions } = setUp()
    const targets = [target('a'), target('b'), target('a', 0, { fetchOffset: 9n }), target('a', 1)]
    for (const epoch of [0, -1]) {
      const plan = planned(sessions.plan(request(0, epoch, { targets })))
      expect(topicsOf(plan)).toEqual(['a-0', 'b-0', 'a-1'])
      expect(plan.targets[0]!.fetchOffset).toBe(9n)
    }
  })

  test('tells partitions with odd names and negative indexes apart', () => {
    const { sessions } = setUp()
    const targets = [target('a-', 1), target('a', -1), target('a:1', 1), target('a', 1)]
    expect(planned(sessions.plan(request(0, -1, { targets }))).targets).toHaveLength(4)
  })
})

describe('when every place is taken', () => {
  const ages: [string, number, number][] = [
    ['a young session is not evicted', 119_999, 0],
    ['sessions that nobody used for two minutes are evicted', 120_001, 1],
  ]
  test.each(ages)('%s (T075)', (_, waited, evicted) => {
    const { sessions, clock } = setUp(1)
    const id = open(sessions, ['a', 'b'])
    clock.advance(waited)
    expect(open(sessions, ['c']) > 0).toBe(evicted === 1)
    const survives = sessions.plan(request(id, 1)) !== ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    expect(survives).toBe(evicted === 0)
    expect(sessions.size).toBe(1)
  })

  test('a larger session takes the place of an old smaller one that is in use', () => {
    const { sessions, clock } = setUp(2)
    const small = open(sessions, ['a'])
    const large = open(sessions, ['a', 'b', 'c'])
    clock.advance(100_000)
    sessions.plan(request(small, 1))
    sessions.plan(request(large, 1))
    clock.advance(100_000)
    expect(open(sessions, ['x'])).toBe(0)
    expect(open(sessions, ['x', 'y'])).toBeGreaterThan(0)
    expect(sessions.plan(request(small, 2))).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    expect(typeof sessions.plan(request(large, 2))).toBe('object')
  })

  test('a follower takes the place of a young consumer, and no consumer that of a follower', () => {
    const { sessions, clock } = setUp(2)
    const consumer = open(sessions, ['a', 'b', 'c'])
    const follower = open(sessions, ['a'], { isFromFollower: true })
    expect(open(sessions, ['x'], { isFromFollower: true })).toBeGreaterThan(0)
    expect(sessions.plan(request(consumer, 1))).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    clock.advance(100_000)
    sessions.plan(request(follower, 1, { isFromFollower: true }))
    clock.advance(19_999)
    expect(open(sessions, ['x', 'y', 'z'])).toBe(0)
  })

  test('a fetch without a session is answered all the same', () => {
    const { sessions } = setUp(0)
    const plan = planned(sessions.plan(request(0, 0, { targets: [target('a')] })))
    expect(plan.answer([outcome({ records: NO_RECORDS })])).toEqual({ error: 0, sessionId: 0, answered: [0] })
  })
})

describe('the partitions of all sessions are bounded:', () => {
  test('who would exceed it gets no session, until an old one may go', () => {
    const { clock, sessions } = setUp(10, 5)
    const first = open(sessions, ['a', 'b', 'c'])
    expect(first).not.toBe(0)
    expect(open(sessions, ['a', 'b', 'c'])).toBe(0)
    expect(open(sessions, ['a', 'b'])).not.toBe(0)
    clock.advance(120_001)
    expect(open(sessions, ['a', 'b', 'c'])).not.toBe(0)
    expect(sessions.plan(request(first, 1))).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('a session that grows beyond it ends', () => {
    const { sessions } = setUp(10, 5)
    const id = open(sessions, ['a', 'b', 'c'])
    const grown = request(id, 1, { targets: ['d', 'e', 'f'].map(topic => target(topic)) })
    expect(sessions.plan(grown)).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    expect(open(sessions, ['a', 'b', 'c', 'd', 'e'])).not.toBe(0)
  })

  test('what is forgotten, closed or replaced makes room', () => {
    const { sessions } = setUp(10, 4)
    const id = open(sessions, ['a', 'b', 'c', 'd'])
    const forgotten = ['a', 'b'].map(topic => ({ topic, topicId: null, index: 0 }))
    planned(sessions.plan(request(id, 1, { forgotten })))
    const other = open(sessions, ['x', 'y'])
    expect(other).not.toBe(0)
    planned(sessions.plan(request(id, -1)))
    const replacing = planned(
      sessions.plan(request(other, 0, { targets: ['e', 'f', 'g', 'h'].map(t => target(t)) })),
    )
    expect(replacing.answer(replacing.targets.map(() => outcome())).sessionId).not.toBe(0)
  })
})
