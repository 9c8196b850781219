// When the last of some changes took effect, so that the group's time to come to rest counts from there. What a client
// takes to start is not the group's, nor is the session for which a coordinator waits for a member that is gone: because
// its process was killed, because its leaving was lost with the broker, or because its client forgot who it was.

import { type GroupExchange, type Happening, MEMBER_ID_REQUIRED, NONE, UNKNOWN_MEMBER_ID } from './history.ts'

export interface Change {
  readonly kind: 'started' | 'left' | 'killed' | 'resumed' | 'broker'
  readonly client: string
  readonly at: number
}

/** Everything before the group came to rest; `living` are the clients that it consists of. */
export interface Scene {
  readonly changes: readonly Change[]
  readonly history: readonly Happening[]
  readonly living: ReadonlySet<string>
  readonly sessionTimeoutMs: number
}

/** The time at which the last of the changes took effect. */
export function settledAt({ changes, history, living, sessionTimeoutMs }: Scene): number {
  const inOrder = [...history].sort((a, b) => a.at - b.at)
  const effects = changes.map(change => effectOf(change, inOrder))
  const ends = departures(inOrder, living).map(each => endOf(each, inOrder, sessionTimeoutMs))
  return Math.max(0, ...effects, ...ends)
}

function effectOf({ kind, client, at }: Change, history: readonly Happening[]): number {
  switch (kind) {
    case 'broker':
    case 'left':
    case 'killed':
      return at
    case 'started':
      return firstJoin(history, client, at) ?? at
    case 'resumed': {
      // One that was expelled meanwhile learns of it, and joins anew.
      const expelled = history.find(
        each => isOf(each, client) && each.requestedAt >= at && each.code === UNKNOWN_MEMBER_ID,
      )
      return expelled ? (firstJoin(history, client, expelled.at) ?? expelled.at) : at
    }
  }
}

function isOf(each: Happening, client: string): each is GroupExchange {
  return 'requestedAt' in each && each.client === client
}

function firstJoin(history: readonly Happening[], client: string, after: number): number | undefined {
  const join = history.find(each => isOf(each, client) && each.kind === 'join' && each.requestedAt >= after)
  return join && 'requestedAt' in join ? join.requestedAt : undefined
}

interface Departed {
  seenAt: number
  leftAt: number | undefined
  /** It was in a complete generation, which a restart of the broker brings back. */
  isWritten: boolean
  isConsumer: boolean
}

/** The members that are gone for good, by what was last heard of them. */
function departures(history: readonly Happening[], living: ReadonlySet<string>): Departed[] {
  const members = new Map<string, Departed>()
  const current = new Map<string, string>()
  for (const each of history) {
    if (!('requestedAt' in each) || each.memberId === '') continue
    const { memberId, client, kind, code } = each
    if (code === UNKNOWN_MEMBER_ID) {
      members.delete(memberId)
      continue
    }
    if (kind === 'join' && (code === NONE || code === MEMBER_ID_REQUIRED)) current.set(client, memberId)
    const known = members.get(memberId)
    members.set(memberId, {
      seenAt: sessionBegins(each, history),
      leftAt: kind === 'leave' && code === NONE ? each.at : known?.leftAt,
      isWritten: known?.isWritten || (kind === 'sync' && code === NONE),
      isConsumer: each.consumer !== undefined || (known?.isConsumer ?? false),
    })
  }
  for (const [client, memberId] of current) if (living.has(client)) members.delete(memberId)
  return [...members.values()]
}

/** A member that goes while it waits to join is waited for until the others have joined. */
function sessionBegins(
  { kind, code, at, requestedAt, consumer }: GroupExchange,
  history: readonly Happening[],
): number {
  if (code !== undefined) return at
  if (kind !== 'join' || consumer) return requestedAt
  return history.find(each => each.kind === 'join' && each.code === NONE && each.at >= at)?.at ?? requestedAt
}

/**
 * Until a generation is complete without it, a broker that is killed forgets that a member went, and waits for it once
 * more; and it forgets everything of a member that was in none.
 */
function endOf(departed: Departed, history: readonly Happening[], sessionTimeoutMs: number): number {
  const { seenAt, leftAt, isWritten } = departed
  if (departed.isConsumer) return endOfConsumer(departed, history, sessionTimeoutMs)
  let end = leftAt ?? seenAt + sessionTimeoutMs
  let killedAt: number | undefined
  for (const each of history) {
    if (each.at < (leftAt ?? seenAt)) continue
    if (each.kind === 'sync' && each.code === NONE && each.at > end) return end
    if (each.kind !== 'broker' || each.change === 'ready') continue
    if (each.change === 'killed') killedAt = each.at
    else if (!isWritten) return Math.min(end, killedAt ?? end)
    else end = each.at + sessionTimeoutMs
  }
  return end
}

/** By the consumer protocol all is written when it happens: that a member left, and that its session was over. */
function endOfConsumer(
  { seenAt, leftAt }: Departed,
  history: readonly Happening[],
  sessionTimeoutMs: number,
): number {
  if (leftAt !== undefined) return leftAt
  let end = seenAt + sessionTimeoutMs
  for (const each of history) {
    if (each.kind !== 'broker' || each.at < seenAt) continue
    if (each.change === 'killed' && each.at > end + SWEEP_MS) return end
    if (each.change === 'answers') end = each.at + sessionTimeoutMs
  }
  return end
}

/** What may pass between the end of a session and its record. */
const SWEEP_MS = 100

/**
 * Whether a client may have given up waiting for an answer since it last joined: it was late, or lost though the broker was
 * there, or came while the process stood still.
 */
export function mayBeDeaf(client: string, history: readonly Happening[], heartbeatMs: number): boolean {
  let isDeaf = false
  let isDown = false
  for (const each of [...history].sort((a, b) => a.at - b.at)) {
    if (each.kind === 'broker') isDown = each.change === 'killed' || (isDown && each.change === 'ready')
    if (each.kind === 'process' && each.client === client && each.change === 'paused') isDeaf = true
    if (!isOf(each, client) || !each.consumer) continue
    const tookMs = each.at - each.requestedAt
    if (each.kind === 'join' && each.code === NONE) isDeaf = false
    if (tookMs > heartbeatMs - SWEEP_MS || (each.code === undefined && !isDown)) isDeaf = true
  }
  return isDeaf
}
