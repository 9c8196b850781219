// The judge of a campaign: what in its history must never happen. Each violation is a sentence.

import {
  type Commit,
  type GroupExchange,
  type Happening,
  MEMBER_ID_REQUIRED,
  NONE,
  type Processed,
  REBALANCE_IN_PROGRESS,
  type Rules,
  type Sync,
  UNKNOWN_MEMBER_ID,
} from './history.ts'

/** A member's session ends on the broker's clock: the wire sees it a moment earlier or later. */
export const SESSION_SLACK_MS = 150
/** An answer that took longer was waited for. */
const WAIT_MS = 50

/** All violations, in the order of the rules. The history may come in any order. */
export function violationsOf(history: readonly Happening[], rules: Rules): string[] {
  const inOrder = [...history].sort((a, b) => a.at - b.at)
  return [
    ...complaints(inOrder),
    ...generationsThatShrink(inOrder),
    ...partitionsWithTwoOwners(inOrder),
    ...unknownThoughLive(inOrder, rules),
    ...commitsPastUnprocessed(inOrder),
    ...processedWithoutCause(inOrder),
  ]
}

/** Once all is said and done: records below the end of a partition that nobody processed. */
export function skippedRecords(history: readonly Happening[], ends: ReadonlyMap<number, number>): string[] {
  const frontiers = new Map<number, Frontier>()
  for (const each of history) if (each.kind === 'processed') advance(frontiers, each)
  const skipped: string[] = []
  for (const [partition, end] of ends) {
    const reached = frontiers.get(partition)?.reached ?? 0
    if (reached < end)
      skipped.push(`nobody processed offset ${reached} of partition ${partition}, which ends at ${end}`)
  }
  return skipped
}

export function complaints(history: readonly Happening[]): string[] {
  return history.flatMap(each =>
    each.kind === 'complaint' ? [`${each.client} complains: ${each.text}`] : [],
  )
}

function assigned(history: readonly Happening[]): Sync[] {
  return history.filter((each): each is Sync => each.kind === 'sync' && each.code === NONE)
}

/** An assignment of an older generation than one that was out before it was asked for. */
function generationsThatShrink(history: readonly Happening[]): string[] {
  const found: string[] = []
  const syncs = assigned(history)
  let newest = -1
  let settled = 0
  const byRequest = [...syncs].sort((a, b) => a.requestedAt - b.requestedAt)
  for (const { requestedAt, generation, client } of byRequest) {
    for (; settled < syncs.length && syncs[settled]!.at < requestedAt; settled += 1) {
      newest = Math.max(newest, syncs[settled]!.generation)
    }
    if (generation < newest)
      found.push(`${client} was given generation ${generation} after generation ${newest}`)
  }
  return found
}

function partitionsWithTwoOwners(history: readonly Happening[]): string[] {
  const found: string[] = []
  const owners = new Map<string, string>()
  for (const { generation, memberId, owned } of assigned(history)) {
    for (const partition of owned) {
      const key = `partition ${partition} in generation ${generation}`
      const owner = owners.get(key)
      if (owner === undefined) owners.set(key, memberId)
      else if (owner !== memberId) found.push(`${key} belongs to ${owner} and to ${memberId}`)
    }
  }
  return found
}

interface Life {
  seenAt: number
  /** It was in a generation that the broker has written down. */
  isWritten: boolean
  /** It left, or the broker was killed before it had written the member down. */
  isOver: boolean
  isConsumer: boolean
}

/**
 * A member is live as long as it did not leave, is heard of within its session (which begins anew when the broker
 * starts), and, over a crash of the broker, had been in a generation that was complete.
 */
export function unknownThoughLive(history: readonly Happening[], { sessionTimeoutMs }: Rules): string[] {
  const found: string[] = []
  const lives = new Map<string, Life>()
  for (const each of history) {
    if (each.kind === 'broker' && each.change !== 'answers') followBroker(lives, each.change, each.at)
    if (!isExchange(each) || each.memberId === '') continue
    const { memberId, requestedAt, at, client, kind, code, consumer } = each
    const life = lives.get(memberId)
    if (code === UNKNOWN_MEMBER_ID) {
      const silentMs = requestedAt - (life?.seenAt ?? -Infinity)
      if (life && !life.isOver && silentMs < sessionTimeoutMs - SESSION_SLACK_MS) {
        found.push(
          `${client} got UNKNOWN_MEMBER_ID for a ${kind}, ${silentMs} ms after it was heard of (at ${at})`,
        )
      }
      if (life) life.isOver = true
      continue
    }
    if (kind === 'leave') {
      if (life) life.isOver = true
      continue
    }
    // By the consumer protocol a commit does not show that a member lives.
    if (!isHeard(each) || (kind === 'commit' && life?.isConsumer)) continue
    const isWritten = life?.isWritten || ((kind === 'sync' || consumer !== undefined) && code === NONE)
    // By the consumer protocol a member comes back under its id.
    const isBack = kind === 'join' && code === NONE
    const isOver = !isBack && (life?.isOver ?? false)
    lives.set(memberId, { seenAt: at, isWritten, isOver, isConsumer: consumer !== undefined })
  }
  return found
}

function followBroker(lives: ReadonlyMap<string, Life>, change: 'killed' | 'ready', at: number): void {
  for (const life of lives.values()) {
    if (change === 'ready') life.seenAt = Math.max(life.seenAt, at)
    else if (!life.isWritten) life.isOver = true
  }
}

export function isExchange(each: Happening): each is GroupExchange {
  return ['join', 'sync', 'heartbeat', 'leave', 'commit'].includes(each.kind)
}

/** Only answers that prove that the session went on. A member that waits for the others is live as long as it waits. */
function isHeard({ kind, code, requestedAt, at }: GroupExchange): boolean {
  switch (code) {
    case NONE:
      return true
    case MEMBER_ID_REQUIRED:
      return kind === 'join'
    case REBALANCE_IN_PROGRESS:
      return kind === 'heartbeat' || (kind === 'sync' && at - requestedAt > WAIT_MS)
    default:
      return false
  }
}

/** What was processed of a partition without a gap from its beginning, and the islands behind the first gap. */
interface Frontier {
  reached: number
  islands: { from: number; to: number }[]
}

function advance(frontiers: Map<number, Frontier>, { partition, from, to }: Processed): void {
  const frontier = frontiers.get(partition) ?? { reached: 0, islands: [] }
  frontiers.set(partition, frontier)
  frontier.islands.push({ from, to })
  frontier.islands.sort((a, b) => a.from - b.from)
  while (frontier.islands[0] && frontier.islands[0].from <= frontier.reached) {
    frontier.reached = Math.max(frontier.reached, frontier.islands.shift()!.to)
  }
}

/** Whatever became of the commit: one that is lost may have been carried out. */
export function commitsPastUnprocessed(history: readonly Happening[]): string[] {
  const found: string[] = []
  const frontiers = new Map<number, Frontier>()
  const time = (each: Processed | Commit) => (each.kind === 'commit' ? each.requestedAt : each.at)
  const steps = history.filter(
    (each): each is Processed | Commit => each.kind === 'processed' || each.kind === 'commit',
  )
  // What is processed in the same millisecond was processed before.
  const order = (each: Processed | Commit) => (each.kind === 'commit' ? 1 : 0)
  steps.sort((a, b) => time(a) - time(b) || order(a) - order(b))
  for (const each of steps) {
    if (each.kind === 'processed') {
      advance(frontiers, each)
      continue
    }
    for (const { partition, offset } of each.offsets) {
      const reached = frontiers.get(partition)?.reached ?? 0
      if (offset <= reached) continue
      found.push(
        `${each.client} commits offset ${offset} of partition ${partition}, where ${reached} is not processed`,
      )
    }
  }
  return found
}

/** The time between two assignments of one process. */
interface Tenure {
  readonly owned: ReadonlySet<number>
  readonly generation: number
  readonly requestedAt: number
  /** Where the process stands in each partition. */
  readonly next: Map<number, number>
}

/**
 * A process goes through what it owns without repeating or leaving out anything, and begins nowhere below what was
 * committed when it asked for its assignment. So records come again only after a rebalance or a crash, and no more of
 * them than were not committed.
 */
function processedWithoutCause(history: readonly Happening[]): string[] {
  const found: string[] = []
  const tenures = new Map<string, Tenure>()
  const committed = new CommittedOffsets()
  for (const each of history) {
    if (each.kind === 'commit' && (each.code === NONE || each.code === undefined)) committed.add(each)
    if (each.kind === 'sync' && each.code === NONE) tenures.set(each.client, newTenure(each))
    if (each.kind === 'processed') {
      const problem = tenureProblem(tenures.get(each.client), each, committed)
      if (problem) found.push(`${each.client} ${problem}`)
    }
  }
  return found
}

function newTenure({ owned, generation, requestedAt }: Sync): Tenure {
  return { owned: new Set(owned), generation, requestedAt, next: new Map() }
}

function tenureProblem(
  tenure: Tenure | undefined,
  { partition, from, to }: Processed,
  committed: CommittedOffsets,
): string | undefined {
  const what = `processes offset ${from} of partition ${partition}`
  if (!tenure?.owned.has(partition)) return `${what}, which it does not own`
  const next = tenure.next.get(partition)
  tenure.next.set(partition, Math.max(next ?? 0, to))
  const where = `in generation ${tenure.generation}`
  if (next !== undefined && from < next) return `${what} again ${where}, without a rebalance`
  if (next !== undefined && from > next) return `${what} ${where}, and leaves out ${next}`
  const least = committed.before(partition, tenure.requestedAt)
  if (next === undefined && from < least) return `${what} ${where}, where ${least} was committed before`
  return undefined
}

interface OneCommit {
  readonly requestedAt: number
  readonly at: number
  readonly offset: number
  readonly isAcknowledged: boolean
}

/** The last commit counts, not the highest: after a crash of the broker, clients repeat commits in another order. */
export class CommittedOffsets {
  readonly #commits = new Map<number, OneCommit[]>()

  add({ requestedAt, at, code, offsets }: Commit): void {
    for (const { partition, offset } of offsets) {
      const commits = this.#commits.get(partition) ?? []
      this.#commits.set(partition, commits)
      commits.push({ requestedAt, at, offset, isAcknowledged: code === NONE })
    }
  }

  /** The least offset that may be committed at a time: the last that was acknowledged, or one that was lost since. */
  before(partition: number, at: number): number {
    const commits = (this.#commits.get(partition) ?? []).filter(each => each.at < at)
    const last = commits.findLast(each => each.isAcknowledged)
    if (!last) return 0
    const lost = commits.filter(each => !each.isAcknowledged && each.at >= last.requestedAt)
    return Math.min(last.offset, ...lost.map(each => each.offset))
  }
}
