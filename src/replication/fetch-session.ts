/**
 * Fetch sessions (KIP-227): a client that fetches the same partitions again and again names them once, then
 * sends only what changed and is told only what changed. A session belongs to the broker, not to a
 * connection, and may be evicted at any time: the client then begins a new one.
 *
 * Epochs: 0 asks for a new session, -1 for none (and ends the one that is named), anything else must be the
 * session's next epoch, which wraps from the largest int32 to 1.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { Clock, Random } from '../platform/platform.ts'
import type { FetchOutcome, FetchTarget, PartitionName } from './partition.ts'

const NO_SESSION = 0
const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_EPOCH = 0x7fffffff
/** Sessions younger than this, or used since, are safe from those that merely want their place. */
const EVICTION_AGE_MS = 120_000
/** In all sessions together: each costs memory for as long as nobody evicts its session. */
const DEFAULT_MAX_PARTITIONS = 1_000_000

export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly usesTopicIds: boolean
  /** Followers have privileges: their sessions are not evicted for consumers'. */
  readonly isFromFollower: boolean
  readonly targets: readonly FetchTarget[]
  readonly forgotten: readonly PartitionName[]
}

/** What one request reads, and what of it is answered. */
export interface FetchPlan {
  /** In the order in which they are read; no partition twice. */
  readonly targets: readonly FetchTarget[]
  /** `outcomes` are those of `targets`, one for one. */
  answer(outcomes: readonly FetchOutcome[]): FetchAnswer
}

export interface FetchAnswer {
  readonly error: ErrorCode
  readonly sessionId: number
  /** Which of the targets are answered, by their place. */
  readonly answered: readonly number[]
}

export class FetchSessions {
  private readonly slots: number
  private readonly maxPartitions: number
  private readonly clock: Clock
  private readonly random: Random
  /** Least recently used first. */
  private readonly sessions = new Map<number, FetchSession>()
  private partitions = 0

  constructor(options: {
    readonly slots: number
    readonly maxPartitions?: number
    readonly clock: Clock
    readonly random: Random
  }) {
    this.slots = options.slots
    this.maxPartitions = options.maxPartitions ?? DEFAULT_MAX_PARTITIONS
    this.clock = options.clock
    this.random = options.random
  }

  get size(): number {
    return this.sessions.size
  }

  /** Finds what a request fetches. An error is the whole answer, with session id 0. */
  plan(request: SessionRequest): FetchPlan | ErrorCode {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      this.end(sessionId)
      const targets = withoutDuplicates(request.targets)
      if (sessionEpoch === FINAL_EPOCH) return new SessionlessPlan(targets)
      return new FullPlan(this, targets, request)
    }
    const session = this.sessions.get(sessionId)
    if (!session) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    if (session.epoch !== sessionEpoch) return ErrorCode.INVALID_FETCH_SESSION_EPOCH
    if (session.usesTopicIds !== request.usesTopicIds) return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
    this.partitions -= session.size
    session.change(request.targets, request.forgotten)
    this.partitions += session.size
    if (session.size === 0 || this.partitions > this.maxPartitions) {
      this.end(sessionId)
      // The client fetches everything anew, and gets no session while there is no room for one.
      return session.size === 0 ? new SessionlessPlan([]) : ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    }
    session.epoch = nextEpoch(session.epoch)
    this.touch(session)
    return new IncrementalPlan(session)
  }

  private touch(session: FetchSession): void {
    session.lastUsedMs = this.clock.elapsed()
    this.sessions.delete(session.id)
    this.sessions.set(session.id, session)
  }

  /** Undefined where every place is taken by a session with a better right to it. */
  create(request: SessionRequest, targets: readonly FetchTarget[]): FetchSession | undefined {
    const now = this.clock.elapsed()
    const { isFromFollower: isPrivileged } = request
    const isFull = () =>
      this.sessions.size >= this.slots || this.partitions + targets.length > this.maxPartitions
    if (isFull() && !this.evictFor(isPrivileged, targets.length, now)) return undefined
    if (isFull()) return undefined
    let id = 0
    while (id === NO_SESSION || this.sessions.has(id)) id = 1 + this.random.below(MAX_EPOCH)
    const session = new FetchSession(id, request.usesTopicIds, isPrivileged, now)
    session.change(targets, [])
    this.sessions.set(id, session)
    this.partitions += session.size
    return session
  }

  /**
   * Makes room: first by a session that nobody used for long; then by the smallest of the least privilege,
   * if the new one is worth more. Only privileged sessions push out young ones.
   */
  private evictFor(isPrivileged: boolean, size: number, now: number): boolean {
    const [oldest] = this.sessions.values()
    if (!oldest) return false
    if (now - oldest.lastUsedMs > EVICTION_AGE_MS) return this.end(oldest.id)
    let least: FetchSession | undefined
    for (const session of this.sessions.values()) {
      const isYoung = now - session.createdMs <= EVICTION_AGE_MS
      if (isYoung && (session.isPrivileged || !isPrivileged)) continue
      if (!least || compareWorth(session, least) < 0) least = session
    }
    if (!least || compareWorth({ isPrivileged, size, id: 0 }, least) < 0) return false
    return this.end(least.id)
  }

  private end(sessionId: number): boolean {
    this.partitions -= this.sessions.get(sessionId)?.size ?? 0
    return this.sessions.delete(sessionId)
  }
}

interface Worth {
  readonly isPrivileged: boolean
  readonly size: number
  readonly id: number
}

function compareWorth(a: Worth, b: Worth): number {
  if (a.isPrivileged !== b.isPrivileged) return a.isPrivileged ? 1 : -1
  return a.size - b.size || a.id - b.id
}

export function nextEpoch(epoch: number): number {
  return epoch === MAX_EPOCH ? 1 : epoch + 1
}

class FetchSession implements Worth {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly isPrivileged: boolean
  readonly createdMs: number
  lastUsedMs: number
  epoch = 1
  /**
   * In the order of reading: a partition that gave records goes to the end, so that others get their turn.
   */
  readonly partitions = new Map<string, SessionPartition>()

  constructor(id: number, usesTopicIds: boolean, isPrivileged: boolean, now: number) {
    this.id = id
    this.usesTopicIds = usesTopicIds
    this.isPrivileged = isPrivileged
    this.createdMs = now
    this.lastUsedMs = now
  }

  get size(): number {
    return this.partitions.size
  }

  change(targets: readonly FetchTarget[], forgotten: readonly PartitionName[]): void {
    for (const target of targets) {
      const key = keyOf(target)
      const known = this.partitions.get(key)
      if (known) known.take(target)
      else this.partitions.set(key, new SessionPartition(key, target))
    }
    for (const name of forgotten) this.partitions.delete(keyOf(name))
  }

  moveToEnd(partition: SessionPartition): void {
    // It may have been forgotten by a later request that did not wait for this one's answer.
    if (this.partitions.delete(partition.key)) this.partitions.set(partition.key, partition)
  }
}

/** A partition of a session: how to fetch it, and what the client knows of it. */
class SessionPartition implements FetchTarget {
  readonly key: string
  readonly topic: string
  readonly topicId: string | null
  readonly index: number
  currentLeaderEpoch!: number
  fetchOffset!: bigint
  lastFetchedEpoch!: number
  logStartOffset!: bigint
  maxBytes!: number
  private answeredHighWatermark = -1n
  private answeredLogStartOffset = -1n

  constructor(key: string, target: FetchTarget) {
    this.key = key
    this.topic = target.topic
    this.topicId = target.topicId
    this.index = target.index
    this.take(target)
  }

  take(target: FetchTarget): void {
    this.currentLeaderEpoch = target.currentLeaderEpoch
    this.fetchOffset = target.fetchOffset
    this.lastFetchedEpoch = target.lastFetchedEpoch
    this.logStartOffset = target.logStartOffset
    this.maxBytes = target.maxBytes
  }

  /** Whether the client must be told; what it is told is remembered. */
  isNews(outcome: FetchOutcome): boolean {
    const isNews =
      outcome.records.byteLength > 0 ||
      outcome.error !== ErrorCode.NONE ||
      outcome.divergingEpoch !== null ||
      outcome.highWatermark !== this.answeredHighWatermark ||
      outcome.logStartOffset !== this.answeredLogStartOffset
    this.remember(outcome)
    return isNews
  }

  /** After an error the client is told everything again. */
  remember(outcome: FetchOutcome): void {
    this.answeredHighWatermark = outcome.error === ErrorCode.NONE ? outcome.highWatermark : -1n
    this.answeredLogStartOffset = outcome.logStartOffset
  }
}

class SessionlessPlan implements FetchPlan {
  readonly targets: readonly FetchTarget[]

  constructor(targets: readonly FetchTarget[]) {
    this.targets = targets
  }

  answer(outcomes: readonly FetchOutcome[]): FetchAnswer {
    return { error: ErrorCode.NONE, sessionId: NO_SESSION, answered: allOf(outcomes) }
  }
}

/** The first fetch of a session: everything is read and answered. */
class FullPlan implements FetchPlan {
  readonly targets: readonly FetchTarget[]
  private readonly sessions: FetchSessions
  private readonly request: SessionRequest

  constructor(sessions: FetchSessions, targets: readonly FetchTarget[], request: SessionRequest) {
    this.sessions = sessions
    this.targets = targets
    this.request = request
  }

  answer(outcomes: readonly FetchOutcome[]): FetchAnswer {
    const session = this.sessions.create(this.request, this.targets)
    let at = 0
    for (const partition of session?.partitions.values() ?? []) partition.remember(outcomes[at++]!)
    return { error: ErrorCode.NONE, sessionId: session?.id ?? NO_SESSION, answered: allOf(outcomes) }
  }
}

class IncrementalPlan implements FetchPlan {
  readonly targets: readonly SessionPartition[]
  private readonly session: FetchSession
  private readonly epoch: number

  constructor(session: FetchSession) {
    this.session = session
    this.epoch = session.epoch
    this.targets = [...session.partitions.values()]
  }

  answer(outcomes: readonly FetchOutcome[]): FetchAnswer {
    const { session, targets } = this
    if (session.epoch !== this.epoch) {
      return { error: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: NO_SESSION, answered: [] }
    }
    const answered: number[] = []
    for (let at = 0; at < targets.length; at++) {
      const target = targets[at]!
      const outcome = outcomes[at]!
      if (!target.isNews(outcome)) continue
      answered.push(at)
      if (outcome.records.byteLength > 0) session.moveToEnd(target)
    }
    return { error: ErrorCode.NONE, sessionId: session.id, answered }
  }
}

function allOf(outcomes: readonly FetchOutcome[]): number[] {
  return outcomes.map((_, at) => at)
}

/** Of a partition that is named twice the last mention counts, in the place of the first, as in Kafka. */
function withoutDuplicates(targets: readonly FetchTarget[]): readonly FetchTarget[] {
  if (targets.length < 2) return targets
  const byKey = new Map<string, FetchTarget>()
  for (const target of targets) byKey.set(keyOf(target), target)
  return byKey.size === targets.length ? targets : [...byKey.values()]
}

/** Topic names hold no colon, ids neither. */
function keyOf(name: PartitionName): string {
  return `${name.topicId ?? name.topic}:${name.index}`
}
