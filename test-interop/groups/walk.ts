// A random walk of a consumer group's members (KIP-848), good and bad, which one broker after another can be taken through.
// What a member says to have is what that broker has told it.

import type { Dice } from '../transactions/random.ts'

/** Five members; the last two are one static instance. */
export const MEMBERS = ['A', 'B', 'C', 'D', 'E'] as const
export type Name = (typeof MEMBERS)[number]

export function instanceOf(name: Name): string | null {
  return name === 'D' || name === 'E' ? 'i' : null
}

export interface Beat {
  readonly kind: 'beat'
  readonly who: Name
  readonly epoch: number
  /** `told`: all that the member was told to have; `nothing`; null: not said. */
  readonly has: 'told' | 'nothing' | null
  readonly topics: readonly string[] | null
  readonly assignor: string | null
  readonly rebalanceTimeoutMs: number
}

export interface OffsetMove {
  readonly kind: 'commit' | 'fetch'
  readonly who: Name
  readonly epoch: number
}

export type Move = Beat | OffsetMove

/** What the members know: their epochs, as they were last answered. */
export type Epochs = Map<Name, number>

export function nextMove(dice: Dice, epochs: Epochs, subscriptions: readonly (readonly string[])[]): Move {
  const who = MEMBERS[dice(MEMBERS.length)]!
  const topics = subscriptions[dice(subscriptions.length)]!
  const kind = dice(100)
  if (kind < 28) return enters(who, topics, dice)
  if (kind < 76) return beats(who, { topics, known: epochs.get(who) }, dice)
  if (kind < 84) return leaves(who, dice)
  const epoch = dice(3) > 0 ? (epochs.get(who) ?? -1) : dice(6) - 1
  return { kind: kind < 93 ? 'commit' : 'fetch', who, epoch }
}

const SILENT = { has: null, topics: null, assignor: null, rebalanceTimeoutMs: -1 }
const REBALANCE_TIMEOUT_MS = 60_000

function enters(who: Name, topics: readonly string[], dice: Dice): Beat {
  const assignor = [null, null, 'range', 'uniform'][dice(4)]!
  const said = { topics, assignor, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS }
  return { kind: 'beat', who, epoch: 0, has: 'nothing', ...said }
}

/** Mostly at the epoch that the member knows, and often without news. */
function beats(
  who: Name,
  { topics, known }: { readonly topics: readonly string[]; readonly known: number | undefined },
  dice: Dice,
): Beat {
  const how = dice(10)
  const epoch = how === 0 ? dice(6) : (known ?? dice(4))
  const has = how < 4 ? null : how === 5 ? 'nothing' : 'told'
  const isFull = dice(3) === 0
  const saysTopics = isFull || dice(8) === 0
  const rebalanceTimeoutMs = isFull ? REBALANCE_TIMEOUT_MS : -1
  return {
    kind: 'beat',
    who,
    epoch,
    has,
    topics: saysTopics ? topics : null,
    assignor: null,
    rebalanceTimeoutMs,
  }
}

function leaves(who: Name, dice: Dice): Beat {
  const epoch = instanceOf(who) !== null && dice(2) === 0 ? -2 : -1
  return { kind: 'beat', who, epoch, ...SILENT }
}
