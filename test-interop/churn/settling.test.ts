import { expect, test } from 'vitest'
import { type GroupExchange, type Happening, NONE } from './history.ts'
import { type Change, mayBeDeaf, settledAt } from './settling.ts'

const SESSION_MS = 4_000

type Told = Pick<GroupExchange, 'at'> & Partial<Omit<GroupExchange, 'kind'>>

function exchange(kind: 'join' | 'heartbeat' | 'leave' | 'sync', { at, ...told }: Told): Happening {
  const said = { at, requestedAt: at - 5, client: 'a', memberId: 'a-1', generation: 1, code: NONE, ...told }
  return kind === 'sync' ? { kind, owned: [], ...said } : { kind, ...said }
}

const broker = (change: 'killed' | 'answers', at: number): Happening => ({ kind: 'broker', change, at })
const b = { client: 'b', memberId: 'b-1' }
/** Both members are in a complete generation. */
const both = [exchange('join', { at: 10 }), exchange('join', { at: 10, ...b })]
const pair = [...both, exchange('sync', { at: 20 }), exchange('sync', { at: 20, ...b })]

function settled(changes: readonly Change[], history: readonly Happening[], living = ['a']): number {
  return settledAt({ changes, history, living: new Set(living), sessionTimeoutMs: SESSION_MS })
}

test('a member comes with its first join, not with its process', () => {
  const started: Change = { kind: 'started', client: 'a', at: 0 }
  expect(settled([started], [exchange('join', { at: 700 })])).toBe(695)
})

test('a member that leaves is gone at once, one that is killed at the end of its session', () => {
  const left = exchange('leave', { at: 110, ...b })
  expect(settled([{ kind: 'left', client: 'b', at: 100 }], [...pair, left])).toBe(110)
  expect(settled([{ kind: 'killed', client: 'b', at: 100 }], pair)).toBe(20 + SESSION_MS)
})

test('a member that is killed while it waits to join stays for a session more', () => {
  const lost = exchange('join', { at: 105, requestedAt: 50, code: undefined, ...b })
  const others = exchange('join', { at: 300, requestedAt: 60 })
  expect(settled([{ kind: 'killed', client: 'b', at: 100 }], [...pair, lost, others])).toBe(300 + SESSION_MS)
})

test('a broker that is killed forgets who left, unless a generation came between', () => {
  const left = exchange('leave', { at: 110, ...b })
  const crash = [broker('killed', 200), broker('answers', 500)]
  const changes: Change[] = [
    { kind: 'left', client: 'b', at: 100 },
    { kind: 'broker', client: '', at: 500 },
  ]
  expect(settled(changes, [...pair, left, ...crash])).toBe(500 + SESSION_MS)
  expect(settled(changes, [...pair, left, exchange('sync', { at: 150 }), ...crash])).toBe(500)
})

test('a member that was in no generation is forgotten with the broker', () => {
  const history = [...both, exchange('sync', { at: 20 }), broker('killed', 200), broker('answers', 500)]
  expect(settled([{ kind: 'broker', client: '', at: 500 }], history)).toBe(500)
})

test('a client that comes back as somebody else leaves somebody behind', () => {
  const anew = exchange('join', { at: 400, client: 'a', memberId: 'a-2' })
  expect(settled([], [...pair, anew], ['a', 'b'])).toBe(20 + SESSION_MS)
})

test('by the consumer protocol a broker that is killed forgets nothing of who left, and who was silent', () => {
  const consumer = { has: undefined, given: undefined, asked: 1, answered: 2 }
  const two = [exchange('join', { at: 10, consumer }), exchange('join', { at: 10, consumer, ...b })]
  const crash: Change[] = [{ kind: 'broker', client: '', at: 9_000 }]
  const left = exchange('leave', { at: 110, consumer, ...b })
  expect(settled(crash, [...two, left, broker('killed', 200), broker('answers', 9_000)])).toBe(9_000)
  // Its leaving was lost with the broker, which waits for it once more; unless its session was over before.
  const lost = exchange('leave', { at: 200, consumer, code: undefined, ...b })
  const early = [broker('killed', 200), broker('answers', 9_000)]
  expect(settled(crash, [...two, lost, ...early])).toBe(9_000 + SESSION_MS)
  const late = [broker('killed', 8_000), broker('answers', 9_000)]
  expect(settled(crash, [...two, ...late])).toBe(9_000)
})

test('a client may have given up an answer that was late, lost, or came while it stood still; until it joins', () => {
  const consumer = { has: undefined, given: undefined, asked: 1, answered: 2 }
  const beat = (told: Told) => exchange('heartbeat', { consumer, ...told })
  const deaf = (...history: readonly Happening[]) => mayBeDeaf('a', history, 300)
  expect(deaf(beat({ at: 20 }))).toBe(false)
  expect(deaf(beat({ at: 400, requestedAt: 90 }))).toBe(true)
  expect(deaf(beat({ at: 400, requestedAt: 90 }), exchange('join', { at: 500, consumer }))).toBe(false)
  expect(deaf(beat({ at: 20, code: undefined }))).toBe(true)
  expect(deaf(broker('killed', 15), beat({ at: 20, code: undefined }), broker('answers', 30))).toBe(false)
  expect(deaf({ kind: 'process', change: 'paused', client: 'a', at: 20 })).toBe(true)
  expect(mayBeDeaf('b', [beat({ at: 20, code: undefined })], 300)).toBe(false)
})
