// The judge of a campaign whose members speak the consumer protocol (KIP-848): partitions come and go one by one, each
// member at its own epoch, so that what a member owns is what it has been told and has not yet given back.

import {
  CommittedOffsets,
  commitsPastUnprocessed,
  complaints,
  isExchange,
  SESSION_SLACK_MS,
  unknownThoughLive,
} from './check.ts'
import {
  type BrokerChange,
  FENCED_MEMBER_EPOCH,
  type GroupExchange,
  type Happening,
  NONE,
  type Processed,
  type Rules,
} from './history.ts'

/** All violations, in the order of the rules. The history may come in any order. */
export function consumerViolationsOf(history: readonly Happening[], rules: Rules): string[] {
  const inOrder = [...history].sort((a, b) => a.at - b.at)
  return [
    ...complaints(inOrder),
    ...epochsThatShrink(inOrder),
    ...partitionsGivenTwice(inOrder, rules),
    ...unknownThoughLive(inOrder, rules),
    ...fencedThoughLive(inOrder, rules),
    ...commitsPastUnprocessed(inOrder),
    ...processedWithoutCause(inOrder),
  ]
}

type Beat = GroupExchange & Required<Pick<GroupExchange, 'consumer'>>

function beats(history: readonly Happening[]): Beat[] {
  return history.filter(isBeat)
}

function isBeat(each: Happening): each is Beat {
  return isExchange(each) && each.consumer !== undefined
}

function epochsThatShrink(history: readonly Happening[]): string[] {
  const found: string[] = []
  const epochs = new Map<string, number>()
  for (const { memberId, client, kind, generation, code } of beats(history)) {
    if (code !== NONE || kind === 'leave') continue
    const before = epochs.get(memberId) ?? 0
    if (generation < before) found.push(`${client} was given epoch ${generation} after epoch ${before}`)
    epochs.set(memberId, generation)
  }
  return found
}

/** A beat as it was asked or as it was answered. */
interface Step {
  readonly beat: Beat
  readonly isAnswer: boolean
  readonly order: number
}

function stepsOf(history: readonly Happening[]): Step[] {
  const steps = beats(history).flatMap(beat => [
    { beat, isAnswer: false, order: beat.consumer.asked },
    { beat, isAnswer: true, order: beat.consumer.answered },
  ])
  return steps.sort((a, b) => a.order - b.order)
}

/** What a member was last told to have, and all that it may still have. */
class Holding {
  told: readonly number[] = []
  owned = new Set<number>()
  /** When what the broker last answered was asked. */
  heardAt = -Infinity
  /** In the order of all that passed: answers to what was asked before mean nothing any more. */
  private since = 0

  follow({ beat, isAnswer }: Step): void {
    const { kind, code, consumer, requestedAt } = beat
    if (!isAnswer && kind !== 'heartbeat') {
      // Who joins or leaves has given everything back.
      this.told = []
      this.owned = new Set()
      this.since = consumer.asked
    }
    if (consumer.asked < this.since) return
    if (!isAnswer && consumer.has) this.owned = new Set([...this.told, ...consumer.has])
    if (!isAnswer || code !== NONE || kind === 'leave') return
    this.heardAt = requestedAt
    if (!consumer.given) return
    this.told = consumer.given
    this.owned = new Set([...this.owned, ...consumer.given])
  }
}

/** A partition belongs to a member until it says that it has given it back, leaves, or is silent beyond its session. */
function partitionsGivenTwice(history: readonly Happening[], { sessionTimeoutMs }: Rules): string[] {
  const found: string[] = []
  const holdings = new Map<string, Holding>()
  const changes = history.filter((each): each is BrokerChange => each.kind === 'broker')
  const sessionMs = sessionTimeoutMs - SESSION_SLACK_MS
  for (const step of stepsOf(history)) {
    const { memberId, client, at, code, consumer } = step.beat
    const holding = holdings.get(memberId) ?? new Holding()
    holdings.set(memberId, holding)
    if (step.isAnswer && code === NONE) {
      for (const partition of consumer.given ?? []) {
        if (holding.owned.has(partition)) continue
        for (const [other, { owned, heardAt }] of holdings) {
          const isLive = lives(heardAt, at, { changes, sessionMs })
          if (other === memberId || !isLive || !owned.has(partition)) continue
          found.push(`${client} was given partition ${partition}, which is ${other}'s (at ${at})`)
        }
      }
    }
    holding.follow(step)
  }
  return found
}

/** A session that was not over when the broker was killed begins anew when it is back. */
function lives(
  heardAt: number,
  at: number,
  { changes, sessionMs }: { readonly changes: readonly BrokerChange[]; readonly sessionMs: number },
): boolean {
  let begun = heardAt
  for (const { change, at: changedAt } of changes) {
    if (changedAt < heardAt || changedAt > at) continue
    if (change === 'killed' && changedAt - begun >= sessionMs) return false
    if (change === 'ready') begun = changedAt
  }
  return at - begun < sessionMs
}

/**
 * Where an answer was lost, a member may well come with an epoch that is not its own any more; so it may where it gave up
 * waiting for one, and after it stood still.
 */
function fencedThoughLive(history: readonly Happening[], { heartbeatMs = Infinity }: Rules): string[] {
  const found: string[] = []
  const isSure = new Map<string, boolean>()
  const paused = new Set<string>()
  for (const each of history) {
    if (each.kind === 'process') {
      if (each.change === 'paused') paused.add(each.client)
      if (each.change === 'resumed') paused.delete(each.client)
      isSure.delete(each.client)
    }
    if (!isBeat(each)) continue
    const { client, kind, code, at, requestedAt } = each
    if (code === FENCED_MEMBER_EPOCH && isSure.get(client)) {
      found.push(`${client} was fenced at the epoch that it was told (at ${at})`)
    }
    const isInTime = at - requestedAt < heartbeatMs - SESSION_SLACK_MS && !paused.has(client)
    isSure.set(client, code === NONE && kind !== 'leave' && isInTime)
  }
  return found
}

/** The time for which a process has a partition. */
interface Tenure {
  readonly requestedAt: number
  /** Where the process stands. */
  next: number | undefined
}

/**
 * A process goes through each partition that it has without repeating or leaving out anything, and begins nowhere below
 * what was committed when the partition was given to it.
 */
function processedWithoutCause(history: readonly Happening[]): string[] {
  const found: string[] = []
  const tenures = new Map<string, Map<number, Tenure>>()
  const holdings = new Map<string, Holding>()
  const committed = new CommittedOffsets()
  for (const { happening, step } of inOrderOfEffect(history)) {
    if (happening?.kind === 'commit' && (happening.code === NONE || happening.code === undefined)) {
      committed.add(happening)
    }
    if (happening?.kind === 'processed') {
      const tenure = tenures.get(happening.client)?.get(happening.partition)
      const problem = tenureProblem(tenure, happening, committed)
      if (problem) found.push(`${happening.client} ${problem}`)
    }
    if (!step) continue
    const { client, requestedAt } = step.beat
    const holding = holdings.get(client) ?? new Holding()
    holdings.set(client, holding)
    holding.follow(step)
    const before = tenures.get(client)
    const entries = [...holding.owned].map((partition): [number, Tenure] => [
      partition,
      before?.get(partition) ?? { requestedAt, next: undefined },
    ])
    tenures.set(client, new Map(entries))
  }
  return found
}

interface Effect {
  readonly at: number
  /** In one millisecond: what is given is processed, and what is given back was processed before. */
  readonly rank: number
  readonly happening?: Happening
  readonly step?: Step
}

function inOrderOfEffect(history: readonly Happening[]): Effect[] {
  const effects: Effect[] = stepsOf(history).map(step => ({
    at: step.isAnswer ? step.beat.at : step.beat.requestedAt,
    rank: step.isAnswer ? 0 : 2,
    step,
  }))
  for (const happening of history) {
    if (happening.kind === 'commit' || happening.kind === 'processed')
      effects.push({ at: happening.at, rank: 1, happening })
  }
  return effects.sort((a, b) => a.at - b.at || a.rank - b.rank)
}

function tenureProblem(
  tenure: Tenure | undefined,
  { partition, from, to }: Processed,
  committed: CommittedOffsets,
): string | undefined {
  const what = `processes offset ${from} of partition ${partition}`
  if (!tenure) return `${what}, which it does not own`
  const { next, requestedAt } = tenure
  tenure.next = Math.max(next ?? 0, to)
  if (next !== undefined && from < next) return `${what} again, without having given it back`
  if (next !== undefined && from > next) return `${what}, and leaves out ${next}`
  const least = committed.before(partition, requestedAt)
  if (next === undefined && from < least) return `${what}, where ${least} was committed before`
  return undefined
}
