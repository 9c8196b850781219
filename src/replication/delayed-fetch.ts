/**
 * A fetch over many partitions: reads them in order within the answer's limits, and where that gives too
 * few bytes waits until enough have come, something else is to be told, or its time is over. Records that
 * were read and are not answered are released here.
 */
import { ErrorCode, type Result } from '../../protocol/errors.ts'
import type { Clock } from '../platform/platform.ts'
import { type FetchOutcome, type FetchTarget, fetchError, type Partition } from './partition.ts'
import { releaseRecords } from './pinned-records.ts'
import { type FetchIsolation, FetchWait, type Parked, type Purgatory, type Waiter } from './purgatory.ts'

export interface FetchParameters {
  /** -1 for consumers, -2 for debugging tools, a broker's id for followers. */
  readonly replicaId: number
  readonly isolation: FetchIsolation
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /** No partition twice. */
  readonly targets: readonly FetchTarget[]
  readonly waiter?: Waiter | undefined
}

export interface FetchSurroundings {
  readonly waitClock: Clock
  readonly purgatory: Purgatory
  find(target: FetchTarget): Result<Partition>
}

interface Round {
  readonly outcomes: readonly FetchOutcome[]
  readonly bytes: number
  /** Partitions that are known here. */
  readonly found: number
  /** Something has to be told at once, however few the bytes. */
  readonly isUrgent: boolean
}

/** Outcomes one for one with the targets. */
export async function delayedFetch(
  surroundings: FetchSurroundings,
  parameters: FetchParameters,
): Promise<readonly FetchOutcome[]> {
  const { waitClock, purgatory } = surroundings
  const { targets, waiter } = parameters
  const deadline = waitClock.elapsed() + parameters.maxWaitMs
  for (let hasWaited = false; ; hasWaited = true) {
    const round = await readOnce(surroundings, parameters)
    const remainingMs = deadline - waitClock.elapsed()
    const isDone =
      round.isUrgent ||
      round.found === 0 ||
      // Unknown partitions beside others do not hurry, or a client that keeps asking for a deleted topic
      // would never rest; one that is deleted while a fetch waits is told at once. So does Kafka.
      (hasWaited && round.found < targets.length) ||
      round.bytes >= parameters.minBytes ||
      remainingMs <= 0 ||
      waiter?.isGone ||
      purgatory.isClosed ||
      purgatory.isFullFor(targets.length)
    if (isDone) return round.outcomes
    // Watches come before the release: what arrives from here on is credited.
    const waiting = wait(surroundings, parameters, round, remainingMs)
    releaseAll(round.outcomes)
    await waiting
  }
}

async function readOnce(surroundings: FetchSurroundings, parameters: FetchParameters): Promise<Round> {
  const { targets, replicaId, isolation } = parameters
  const outcomes: FetchOutcome[] = []
  const bounds = { replicaId, isolation, maxBytes: 0, minOneBatch: true }
  let bytes = 0
  let known = 0
  let isUrgent = false
  try {
    for (const target of targets) {
      bounds.maxBytes = Math.max(0, Math.min(target.maxBytes, parameters.maxBytes - bytes))
      const found = surroundings.find(target)
      if (found.error) {
        outcomes.push(fetchError(found.error))
        continue
      }
      known++
      const reading = found.value.read(target, bounds)
      const outcome = reading instanceof Promise ? await reading : reading
      outcomes.push(outcome)
      const size = outcome.records.byteLength
      // The first batch is answered whatever its size, so that every reader gets on; then the limits hold.
      if (size > 0) bounds.minOneBatch = false
      bytes += size
      isUrgent ||= outcome.error !== ErrorCode.NONE || outcome.divergingEpoch !== null
    }
  } catch (error) {
    releaseAll(outcomes)
    throw error
  }
  return { outcomes, bytes, found: known, isUrgent }
}

/** Resolves when it is worth looking again. */
function wait(
  surroundings: FetchSurroundings,
  parameters: FetchParameters,
  round: Round,
  remainingMs: number,
): Promise<void> {
  return new Promise(resolve => {
    const { waiter, targets } = parameters
    let parked: Parked | undefined
    let isOver = false
    const fetchWait = new FetchWait(parameters.minBytes - round.bytes, () => {
      isOver = true
      parked?.leave()
      if (waiter) waiter.onGone = undefined
      resolve()
    })
    for (const [at, target] of targets.entries()) {
      if (isOver) break
      const seen = round.outcomes[at]!
      if (seen.error !== ErrorCode.NONE) continue
      const found = surroundings.find(target)
      const isWatching = found.error === 0 && found.value.watch(fetchWait, parameters.isolation, target, seen)
      if (!isWatching) fetchWait.complete()
    }
    if (isOver) return
    parked = surroundings.purgatory.park(remainingMs, () => fetchWait.complete(), targets.length)
    if (waiter) waiter.onGone = () => fetchWait.complete()
  })
}

export function releaseAll(outcomes: readonly FetchOutcome[]): void {
  for (const { records } of outcomes) releaseRecords(records)
}
