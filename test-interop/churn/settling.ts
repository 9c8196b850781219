// When a change took effect, so that the group's time to come to rest counts from there. What a client takes to start, and
// the session that a coordinator waits for one that is gone, are not the group's.

import { type GroupExchange, type Happening, NONE, UNKNOWN_MEMBER_ID } from './history.ts'

export interface Change {
  readonly kind: 'started' | 'left' | 'killed' | 'resumed' | 'broker'
  readonly client: string
  readonly at: number
}

/** The time at which the last of the changes took effect. */
export function settledAt(
  changes: readonly Change[],
  history: readonly Happening[],
  sessionTimeoutMs: number,
): number {
  let last = 0
  for (const change of changes) last = Math.max(last, effectOf(change, history, sessionTimeoutMs))
  return last
}

function effectOf(
  { kind, client, at }: Change,
  history: readonly Happening[],
  sessionTimeoutMs: number,
): number {
  switch (kind) {
    case 'broker':
      return at
    case 'started':
      return firstJoin(history, client, at) ?? at
    case 'resumed': {
      // One that was expelled meanwhile learns of it, and joins anew.
      const expelled = exchanges(history, client).find(
        each => each.requestedAt >= at && each.code === UNKNOWN_MEMBER_ID,
      )
      return expelled ? (firstJoin(history, client, expelled.at) ?? expelled.at) : at
    }
    case 'left': {
      const leave = exchanges(history, client).find(each => each.kind === 'leave' && each.code === NONE)
      return leave && isWritten(leave.at, history) ? leave.at : goneAt(client, at, history, sessionTimeoutMs)
    }
    case 'killed':
      return goneAt(client, at, history, sessionTimeoutMs)
  }
}

/** A generation came before the broker was killed; otherwise nobody remembers what happened. */
function isWritten(at: number, history: readonly Happening[]): boolean {
  const next = history.find(
    each =>
      each.at > at &&
      ((each.kind === 'sync' && each.code === NONE) || (each.kind === 'broker' && each.change === 'killed')),
  )
  return next?.kind !== 'broker'
}

/** When the session of a member ends that says nothing more. */
function goneAt(client: string, at: number, history: readonly Happening[], sessionTimeoutMs: number): number {
  const last = exchanges(history, client).at(-1)
  if (!last) return at
  // One that waited to join is a member until the others have joined; then its session begins.
  const waited = last.kind === 'join' && last.code === undefined
  const joined = waited && history.find(each => each.kind === 'join' && each.code === NONE && each.at > at)
  const seen = joined ? joined.at : last.code === undefined ? last.requestedAt : last.at
  const restart = history.findLast(each => each.kind === 'broker' && each.change === 'ready')?.at ?? 0
  return Math.max(seen, restart > at ? restart : 0) + sessionTimeoutMs
}

function exchanges(history: readonly Happening[], client: string): GroupExchange[] {
  return history.filter((each): each is GroupExchange => 'requestedAt' in each && each.client === client)
}

/** The first join behind a time of a member that had to join again from the start. */
function firstJoin(history: readonly Happening[], client: string, after: number): number | undefined {
  return exchanges(history, client).find(each => each.kind === 'join' && each.requestedAt >= after)
    ?.requestedAt
}
