/**
 * Who is in a classic group: members by id, the ids that static instances hold now, ids given out and not yet
 * used, and the leader. Knows nothing of phases or time-outs.
 */

import assert from 'node:assert'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  type ClassicMember,
  countProtocols,
  type GroupSnapshot,
  type JoinedMember,
  type MemberIdentity,
  type MemberSnapshot,
  metadataFor,
  NO_ASSIGNMENT,
  type ProtocolMetadata,
} from './classic-member.ts'

export class ClassicMembership {
  readonly members = new Map<string, ClassicMember>()
  /** Ids given out by MEMBER_ID_REQUIRED and not yet used, with the end of their session (KIP-394). */
  readonly pending = new Map<string, number>()
  /** Members of the newest generation that have not sent SyncGroup. */
  readonly pendingSync = new Set<string>()
  leader: string | null = null
  private readonly memberIdOfInstance = new Map<string, string>()

  get size(): number {
    return this.members.size
  }

  get(memberId: string): ClassicMember | undefined {
    return this.members.get(memberId)
  }

  all(): IterableIterator<ClassicMember> {
    return this.members.values()
  }

  memberIdOf(groupInstanceId: string | null): string | undefined {
    return groupInstanceId === null ? undefined : this.memberIdOfInstance.get(groupInstanceId)
  }

  add(member: ClassicMember): void {
    this.pending.delete(member.memberId)
    this.members.set(member.memberId, member)
    if (member.groupInstanceId !== null) this.memberIdOfInstance.set(member.groupInstanceId, member.memberId)
  }

  /** Forgets a member or a pending id; leadership goes to any other member. */
  remove(memberId: string): void {
    this.pending.delete(memberId)
    const member = this.members.get(memberId)
    if (!member) return
    this.members.delete(memberId)
    if (this.memberIdOf(member.groupInstanceId) === memberId) {
      this.memberIdOfInstance.delete(member.groupInstanceId!)
    }
    this.pendingSync.delete(memberId)
    if (this.leader === memberId) this.leader = this.members.keys().next().value ?? null
  }

  /**
   * A static member under a new id; it keeps its place, its part and its leadership, and is new no more.
   */
  replaceStatic(old: ClassicMember, memberId: string): ClassicMember {
    assert(old.groupInstanceId !== null)
    const member: ClassicMember = { ...old, memberId, isNew: false }
    this.members.delete(old.memberId)
    this.members.set(memberId, member)
    this.memberIdOfInstance.set(old.groupInstanceId, memberId)
    if (this.pendingSync.delete(old.memberId)) this.pendingSync.add(memberId)
    if (this.leader === old.memberId) this.leader = memberId
    return member
  }

  /**
   * NONE, UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID for the id that a static member had before its last join.
   */
  validate({ memberId, groupInstanceId }: MemberIdentity): ErrorCode {
    if (groupInstanceId !== null) {
      const current = this.memberIdOfInstance.get(groupInstanceId)
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
      if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID
    }
    return this.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
  }

  /** Whether one of the protocols is supported by all members. */
  sharesProtocol(protocols: readonly ProtocolMetadata[]): boolean {
    const support = countProtocols([...this.members.values()])
    return protocols.some(({ name }) => support.get(name) === this.members.size)
  }

  moveSessions(byMs: number): void {
    for (const member of this.members.values()) member.expiresAt += byMs
    for (const [memberId, expiresAt] of this.pending) this.pending.set(memberId, expiresAt + byMs)
  }

  countJoining(): number {
    let count = 0
    for (const member of this.members.values()) if (member.joinTicket) count += 1
    return count
  }

  haveAllJoined(): boolean {
    return this.pending.size === 0 && this.countJoining() === this.members.size
  }

  /** The longest time that a member asks for to finish its work before it joins again, in ms. */
  rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  /** Makes somebody the leader who has joined; false when nobody has. */
  electJoinedLeader(): boolean {
    if (this.leader !== null && this.members.get(this.leader)?.joinTicket) return true
    for (const member of this.members.values()) {
      if (!member.joinTicket) continue
      this.leader = member.memberId
      return true
    }
    return false
  }

  /** The members as their leader sees them. */
  joined(protocolName: string | null): JoinedMember[] {
    return [...this.members.values()].map(member => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: metadataFor(member, protocolName),
    }))
  }

  /** The members as they are written; who is not assigned anything gets nothing. */
  snapshot(protocolName: string | null, assignments: ReadonlyMap<string, Buffer>): MemberSnapshot[] {
    return [...this.members.values()].map(member => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      sessionTimeoutMs: member.sessionTimeoutMs,
      subscription: metadataFor(member, protocolName),
      assignment: assignments.get(member.memberId) ?? NO_ASSIGNMENT,
    }))
  }

  /** The members as their record says. Those that are known keep their soft state, others start a session. */
  install({ leader, members, protocolName }: GroupSnapshot, now: number): void {
    const stays = new Set(members.map(({ memberId }) => memberId))
    for (const memberId of [...this.members.keys()]) if (!stays.has(memberId)) this.remove(memberId)
    for (const { subscription, ...member } of members) {
      const known = this.members.get(member.memberId)
      if (known) known.assignment = member.assignment
      else {
        this.add({
          ...member,
          protocols: protocolName === null ? [] : [{ name: protocolName, metadata: subscription }],
          joinTicket: undefined,
          syncTicket: undefined,
          isNew: false,
          expiresAt: now + member.sessionTimeoutMs,
        })
      }
    }
    this.leader = leader
  }
}
