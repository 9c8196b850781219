/**
 * What a broker answered beside what Kafka did. Messages for people and throttle times are not compared:
 * no client goes by their words.
 */
import type { Entry } from '../talk.ts'

/** Where the answers part, and what stands there on either side; undefined: nothing. */
export interface Difference {
  readonly path: string
  readonly came: unknown
  readonly expected: unknown
}

/** One thing that was said, with what came of it and what Kafka made of it. */
export interface Exchange {
  readonly said: string
  /** The body of the request, or raw bytes. */
  readonly asked: unknown
  readonly came: unknown
  /** Undefined where nothing is: what was asked served the script only, or Kafka never came so far. */
  readonly expected: unknown
  readonly frame: Buffer | undefined
  readonly differences: readonly Difference[]
}

const NOT_COMPARED = /(^throttleTimeMs|[eE]rrorMessage)$/

/** Of what is refused there is neither offset nor time; brokers write -1 or 0, and no client looks. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'baseOffset',
  'logAppendTimeMs',
  'logStartOffset',
  'highWatermark',
  'lastStableOffset',
  'lowWatermark',
  'endOffset',
  'offset',
  'timestamp',
  'leaderEpoch',
  'producerEpoch',
])

/** All of the conversation; in order where some differ, since one deviation brings on others. */
export function compareTranscripts(
  came: readonly Entry[],
  expected: readonly Pick<Entry, 'said' | 'heard'>[],
  varies: readonly string[] = [],
): readonly Exchange[] {
  let next = 0
  const exchanges = came.map((entry): Exchange => {
    const { said, asked, frame } = entry
    const heard = JSON.parse(JSON.stringify(entry.heard ?? 'nothing'))
    const shown = { said, asked, frame, came: heard }
    if (entry.isAside) return { ...shown, expected: undefined, differences: [] }
    const answer = expected[next++]
    if (answer?.said !== said) {
      const path = 'the course of the conversation'
      const difference = { path, came: said, expected: answer?.said }
      return { ...shown, expected: answer?.heard, differences: [difference] }
    }
    return { ...shown, expected: answer.heard, differences: differencesOf(heard, answer.heard, varies) }
  })
  const missing = expected.slice(next).map(({ said, heard }): Exchange => {
    const difference = { path: 'the course of the conversation', came: undefined, expected: said }
    return {
      said,
      asked: undefined,
      frame: undefined,
      came: undefined,
      expected: heard,
      differences: [difference],
    }
  })
  return [...exchanges, ...missing]
}

/** As it comes back out of a file, without the words of messages, which are the broker's own. */
export function plainJson(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) =>
    /[eE]rrorMessage$/.test(key) && inner !== null ? 'in its own words' : inner,
  )
  return JSON.parse(text)
}

function differencesOf(came: unknown, expected: unknown, varies: readonly string[]): readonly Difference[] {
  const found: Difference[] = []
  const visit = (one: unknown, other: unknown, path: string) => {
    if (
      Object.is(one, other) ||
      areAlike(one, other) ||
      (isBare(one) && isBare(other) && !path.endsWith('records'))
    )
      return
    if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other)) {
      found.push({ path: path || 'the answer', came: one, expected: other })
      return
    }
    const isError = one.errorCode === other.errorCode && one.errorCode !== 'NONE' && 'errorCode' in one
    for (const key of new Set([...Object.keys(other), ...Object.keys(one)])) {
      if (NOT_COMPARED.test(key) || varies.includes(key)) continue
      if (isError && PLACEHOLDERS.has(key)) continue
      const inner = Array.isArray(one) ? `${path}[${key}]` : path ? `${path}.${key}` : key
      visit(one[key], other[key], inner)
    }
  }
  visit(came, expected, '')
  return found
}

/** Of a partition that is not in a transaction Kafka answers now the one, now the other (KIP-890). */
const NOT_IN_TRANSACTION = ['INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE']

function areAlike(one: unknown, other: unknown): boolean {
  return NOT_IN_TRANSACTION.includes(one as string) && NOT_IN_TRANSACTION.includes(other as string)
}

/** No list is to clients what an empty one is, but records must not be null (KAFKA-18646). */
function isBare(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
