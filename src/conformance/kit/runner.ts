/**
 * Holds cases with a broker, several at a time, each within its time, and compares what it answered with
 * what Kafka did.
 */
import type { Clock } from '../../platform/platform.ts'
import type { Entry, Side } from '../talk.ts'
import { type Case, idOf, NotApplicable } from './case.ts'
import { compareTranscripts, type Exchange } from './compare.ts'

/** What Kafka answered, by area and by the name of the case. */
export type Recordings = Readonly<Record<string, Readonly<Record<string, readonly RecordedEntry[]>>>>
export type RecordedEntry = Pick<Entry, 'said' | 'heard'>

export type Outcome = 'passed' | 'failed' | 'not applicable'

export interface Result {
  readonly case: Case
  readonly outcome: Outcome
  /** Why it failed or does not apply, in a sentence; empty where it passed. */
  readonly reason: string
  /** Of a failure: all that was said. */
  readonly exchanges: readonly Exchange[]
  readonly tookMs: number
  /** It failed beside other cases, and passed when it was held again alone. */
  readonly isSecond?: boolean
}

/** More failures than these are no accident, and not worth the time of a second look. */
const MOST_DOUBTFUL = 20

export interface RunOptions {
  readonly cases: readonly Case[]
  readonly recordings: Recordings
  /** A fresh view of the broker for each case. */
  readonly side: (id: string) => Side
  readonly clock: Clock
  /** Of topics, groups and transactional ids. */
  readonly prefix: string
  readonly parallel: number
  /** The Kafka that the broker is to pass for, as `4.3`; cases that came with a later one do not apply. */
  readonly persona?: string | undefined
  /** Settles when no more cases are to be begun, and those that run are to be given up. */
  readonly stopped?: Promise<void>
  readonly onResult?: (result: Result) => void
  /** Whether the broker still takes connections; asked after each failure. */
  readonly isThere?: () => Promise<boolean>
}

/** How long a broker may be away that a case has brought down, if somebody starts it again. */
const COMES_BACK_WITHIN_MS = 5_000

const LIMIT_MS = 20_000
const LATE_ANSWERS = 3

export interface Run {
  /** In the order of the cases; without those that were not begun when the run was stopped. */
  readonly results: readonly Result[]
  /** The broker went away and did not come back: the cases that are missing could not be held. */
  readonly isLost: boolean
}

export async function runCases(options: RunOptions): Promise<Run> {
  const { cases, parallel, onResult } = options
  const results = new Map<Case, Result>()
  let isStopped = false
  let isLost = false
  void options.stopped?.then(() => {
    isStopped = true
  })
  const work = async (queue: Case[]) => {
    for (let next = queue.shift(); next && !isStopped; next = queue.shift()) {
      const result = await runCase(next, options)
      if (isStopped) return
      const told =
        result.outcome === 'failed' ? await whetherGone(result, options) : { result, isLost: false }
      if (told.isLost) {
        isLost = true
        isStopped = true
      }
      results.set(next, told.result)
      onResult?.(told.result)
    }
  }
  const together = cases.filter(it => !it.alone)
  await Promise.all(Array.from({ length: parallel }, () => work(together)))
  await work(cases.filter(it => it.alone))
  const inOrder = () => cases.flatMap(it => results.get(it) ?? [])
  const doubtful = inOrder().filter(it => it.outcome === 'failed')
  if (doubtful.length > MOST_DOUBTFUL) return { results: inOrder(), isLost }
  // On a machine that is busy, what is a matter of time may go wrong by accident: a failure is one twice.
  for (const { case: item } of doubtful) {
    if (isStopped) break
    const again = await runCase(item, { ...options, prefix: `${options.prefix}again-` })
    if (again.outcome === 'passed') results.set(item, { ...again, isSecond: true })
  }
  return { results: inOrder(), isLost }
}

/** A failure after which nobody listens any more says so; the run goes on where the broker comes back. */
async function whetherGone(
  result: Result,
  { isThere, clock }: RunOptions,
): Promise<{ readonly result: Result; readonly isLost: boolean }> {
  if (!isThere || (await isThere())) return { result, isLost: false }
  const gone = { ...result, reason: `the broker went away; ${result.reason}` }
  const until = clock.elapsed() + COMES_BACK_WITHIN_MS
  while (clock.elapsed() < until) {
    await new Promise<void>(resolve => clock.after(200, resolve))
    if (await isThere()) return { result: gone, isLost: false }
  }
  return { result: gone, isLost: true }
}

/** What a case's broker answered, and how the conversation ended. */
export interface Held {
  readonly transcript: readonly Entry[]
  /** What is wrong whatever was answered: an answer that nobody asked for. */
  readonly complaint: string | undefined
  /** Why the script could not be held at all. */
  readonly notApplicable: string | undefined
}

/** Holds one case; what fails in its script, or its time, ends the transcript. */
export async function holdCase(
  item: Case,
  { side: sideOf, prefix, clock, stopped }: Pick<RunOptions, 'prefix' | 'clock' | 'stopped' | 'side'>,
): Promise<Held> {
  let notApplicable: string | undefined
  const id = prefix + idOf(item)
  const side = sideOf(id)
  const admit = (apiKey: number, version: number) => {
    try {
      side.admit?.(apiKey, version)
    } catch (error) {
      if (error instanceof NotApplicable) notApplicable ??= error.message
      throw error
    }
  }
  const { talk, script } = item.hold({ ...side, admit }, id)
  const limitMs = item.limitMs ?? LIMIT_MS
  const ended = script.catch((error: Error) => {
    if (error instanceof NotApplicable) notApplicable ??= error.message
    talk.note('ended by', error.message)
  })
  const timer = limit(clock, limitMs)
  const outOfTime = timer.expired.then(() => talk.note('ended by', `no answer within ${limitMs / 1_000} s`))
  await Promise.race([ended, outOfTime, ...(stopped ? [stopped] : [])])
  timer.cancel()
  // Answers to what was sent without waiting may be on their way.
  for (let i = 0; i < LATE_ANSWERS && talk.transcript.some(it => it.heard === undefined); i++) {
    await Promise.race([side.settle(), ...(stopped ? [stopped] : [])])
  }
  const unread = talk.unread()[0]
  const transcript = [...talk.transcript]
  const complaint = unread && `a response that nobody asked for: 0x${unread.frame.toString('hex', 0, 64)}`
  void talk.close().catch(() => undefined)
  return { transcript, complaint, notApplicable }
}

async function runCase(item: Case, options: RunOptions): Promise<Result> {
  const { clock, recordings } = options
  const expected = item.expected ?? recordings[item.area]?.[item.name]
  const began = clock.now()
  const ended = (outcome: Outcome, reason: string, exchanges: readonly Exchange[] = []): Result => {
    return { case: item, outcome, reason, exchanges, tookMs: clock.now() - began }
  }
  if (isOlder(options.persona, item.since)) {
    return ended(
      'not applicable',
      `Kafka ${options.persona} behaves otherwise, which changed with ${item.since}`,
    )
  }
  if (!expected) return ended('failed', 'it is not known what Kafka answers: the case was not recorded')
  const { transcript, complaint, notApplicable } = await holdCase(item, options)
  if (notApplicable !== undefined) return ended('not applicable', notApplicable)
  const exchanges = compareTranscripts(transcript, expected, item.varies)
  const wrong = exchanges.find(it => it.differences.length > 0)
  if (wrong) return ended('failed', reasonOf(wrong), exchanges)
  if (complaint !== undefined) return ended('failed', complaint, exchanges)
  return ended('passed', '')
}

function isOlder(persona: string | undefined, since: string | undefined): boolean {
  if (persona === undefined || since === undefined) return false
  const [[major = 0, minor = 0], [sinceMajor = 0, sinceMinor = 0]] = [numbersOf(persona), numbersOf(since)]
  return major < sinceMajor || (major === sinceMajor && minor < sinceMinor)
}

const numbersOf = (version: string): readonly number[] => version.split('.').map(Number)

function reasonOf({ said, differences }: Exchange): string {
  const [{ path, came, expected }, ...more] = differences as [Exchange['differences'][0]]
  const others = more.length > 0 ? ` (and ${more.length} more)` : ''
  return `${said}: ${path} is ${brief(came)}, Kafka answers ${brief(expected)}${others}`
}

function brief(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 160 ? `${text.slice(0, 157)}...` : text
}

function limit(clock: Clock, ms: number) {
  let cancel = () => {}
  const expired = new Promise<void>(resolve => {
    const timer = clock.after(ms, resolve)
    cancel = () => timer.cancel()
  })
  return { expired, cancel }
}
