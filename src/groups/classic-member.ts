/**
 * The shapes of classic groups: a member, what it asks and hears, what is written of it; and the choice of a
 * protocol.
 */

import type { ErrorCode } from '../../protocol/errors.ts'
import type { Ticket } from '../coordinator/shard.ts'

export interface ProtocolMetadata {
  readonly name: string
  readonly metadata: Buffer
}

export interface JoinRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly ProtocolMetadata[]
  /** Since v4 a new dynamic member is first told its id and joins again with it (KIP-394). */
  readonly requiresKnownMemberId: boolean
  /** Since v9 a returning leader may be told that its old assignment stands (KIP-814). */
  readonly supportsSkippingAssignment: boolean
}

export interface SyncRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: ReadonlyMap<string, Buffer>
}

export interface MemberIdentity {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** The durable state of a group: the content of its record. */
export interface GroupSnapshot {
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string | null
  readonly stateTimestampMs: number
  readonly members: readonly MemberSnapshot[]
}

export interface MemberSnapshot {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

/** What answers a JoinGroup, apart from the throttle time. */
export interface JoinResponse {
  readonly errorCode: number
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: readonly JoinedMember[]
}

export interface JoinedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly metadata: Buffer
}

export interface SyncResponse {
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

export interface ClassicMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  clientId: string
  clientHost: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  protocols: readonly ProtocolMetadata[]
  assignment: Buffer
  /** Waits for the join phase to end. */
  joinTicket: Ticket<JoinResponse> | undefined
  /** Waits for the leader's assignment. */
  syncTicket: Ticket<SyncResponse> | undefined
  /** Has never got a reply to a JoinGroup: it cannot heartbeat, so even waiting it expires. */
  isNew: boolean
  /** The end of its session, in ms since the epoch. */
  expiresAt: number
}

export const NO_ASSIGNMENT = Buffer.alloc(0)

/** What the member said with a protocol; empty when it does not support it. */
export function metadataFor(member: ClassicMember, protocolName: string | null): Buffer {
  return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_ASSIGNMENT
}

/** Whether the member offers exactly these protocols, in this order, with these metadata. */
export function offersSame(member: ClassicMember, protocols: readonly ProtocolMetadata[]): boolean {
  return (
    member.protocols.length === protocols.length &&
    member.protocols.every(({ name, metadata }, i) => {
      const other = protocols[i]
      return other?.name === name && metadata.equals(other.metadata)
    })
  )
}

/**
 * The protocol of the next generation: among those that every member supports, the one that most members
 * prefer. Undefined when there is none.
 */
export function selectProtocol(members: Iterable<Pick<ClassicMember, 'protocols'>>): string | undefined {
  const everyone = [...members]
  const support = countProtocols(everyone)
  const votes = new Map<string, number>()
  for (const member of everyone) {
    const choice = member.protocols.find(({ name }) => support.get(name) === everyone.length)
    if (choice) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
  }
  let selected: string | undefined
  for (const [name, count] of votes) {
    if (selected === undefined || count > (votes.get(selected) ?? 0)) selected = name
  }
  return selected
}

/** How many members support each protocol. */
export function countProtocols(members: readonly Pick<ClassicMember, 'protocols'>[]): Map<string, number> {
  const support = new Map<string, number>()
  for (const member of members) {
    for (const name of new Set(member.protocols.map(protocol => protocol.name))) {
      support.set(name, (support.get(name) ?? 0) + 1)
    }
  }
  return support
}

export function refusedJoin(errorCode: ErrorCode, memberId: string): JoinResponse {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

/**
 * Waiting members need no heartbeats, unless they are new: then they may have gone without anyone knowing.
 */
export function isExcused(member: ClassicMember): boolean {
  return !member.isNew && (member.joinTicket !== undefined || member.syncTicket !== undefined)
}

/** Old clients do not say the protocol, and a group may not have one yet. */
export function contradicts(said: string | null, known: string | null): boolean {
  return said !== null && known !== null && said !== known
}
